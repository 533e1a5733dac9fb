#!/usr/bin/env bash
# sam-local.sh api|invoke [COMMAND…]
# Runs COMMAND with the functions of template.yaml, as sam build made them, at
# hand in sam's containers, on DynamoDB Local, ElasticMQ and OpenSearch. Then
# stops all it started and removes its data. Exits with COMMAND's status, or
# with 69 and one line if this machine lacks what it needs.
#
#   api      serves them with sam local start-api, beside the pollers that take
#            the place of the queue's and the stream's mappings, which sam does
#            not run. COMMAND finds CHATAPI_E2E_URL and CHATAPI_E2E_TARGET;
#            without a COMMAND it serves until Ctrl-C.
#   invoke   COMMAND finds CHATAPI_SAM_INVOKE, a command that runs sam local
#            invoke with the arguments that it gets, and the variables of
#            chatapi setup.
#
# SAM_LOCAL_PORT is the port of the API (a free one).
set -euo pipefail
usage() { echo "usage: $0 api|invoke [COMMAND…]" >&2; exit 2; }
case ${1-} in
api) [ $# -gt 1 ] || set -- api sh -c 'echo "the API answers on $CHATAPI_E2E_URL until Ctrl-C"; exec sleep infinity' ;;
invoke) [ $# -gt 1 ] || usage ;;
*) usage ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=install.sh
. "$here/install.sh"
# shellcheck source=processes.sh
. "$here/processes.sh"
# shellcheck source=docker.sh
. "$here/docker.sh"

docker_ready
need socat=socat ip=iproute2 2>/dev/null || not_run "socat or ip is missing; install socat and iproute2"
functions=$("$here/build-functions.sh")
architecture=$(cat "$functions/../architecture")
sam_image "$architecture"
(cd "$here/../.." && go build -o "$run/chatapi" ./cmd/chatapi)

export SAM_LOCAL_FUNCTIONS=$functions SAM_LOCAL_CHATAPI=$run/chatapi
SAM_LOCAL_BRIDGE=$(bridge_address)
export SAM_LOCAL_BRIDGE
export CHATAPI_ENGINES_KEEP=1 # so that COMMAND can stop and start them
start "$here/with.sh" "$here/sam-local-run.sh" "$@"
status=0
wait "${groups[-1]}" || status=$?
exit "$status"
