#!/usr/bin/env bash
# test.sh EMULATOR COMMAND…
# Deploys template.yaml, with the functions that sam build made, to an emulator
# of AWS (localstack or ministack) and runs COMMAND. Then stops all it started
# and removes its data. Exits with COMMAND's status, or with 69 and one line
# if the emulator cannot run here. COMMAND finds
#
#   CHATAPI_E2E_URL      the API, through the emulator's API Gateway
#   CHATAPI_E2E_TARGET   the emulator
#   CHATAPI_E2E_ADMIN_KEY  an admin key
#
# test/engines/EMULATOR.sh installs and starts the emulator. EMULATOR.sh beside this
# script says
#
#   health                  the path that answers when it is ready
#   api_url PORT API-ID     where its API Gateway answers
#   after_deploy            repairs what the emulator made of the template, and
#                           checks what it must enforce; prints nothing
set -euo pipefail
[ $# -gt 1 ] || { echo "usage: $0 EMULATOR COMMAND…" >&2; exit 2; }

emulator=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../test/engines
installed=${CHATAPI_ENGINES_DIR:-$here/../.engines}
# shellcheck source=localstack.sh
. "$here/$emulator.sh"
# shellcheck source=../test/engines/processes.sh
. "$engines/processes.sh"

# OpenSearch runs as nobody where we are root.
opensearch_dir() {
  mkdir -p "$installed"
  if [ "$(id -u)" != 0 ] || setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$installed"; then
    echo "$installed/opensearch"
  else
    echo /var/cache/chatapi-engines/opensearch
  fi
}

# deploy prints the id of the API.
deploy() {
  sam deploy --template-file "$functions/template.yaml" --stack-name chatapi --resolve-s3 \
    --capabilities CAPABILITY_IAM --no-confirm-changeset \
    --parameter-overrides "Architecture=$(cat "$functions/../architecture")" "OpenSearchEndpoint=$opensearch" \
    "AdminKeySha256=$(printf %s "$admin_key" | sha256sum | cut -d" " -f1)" >"$run/deploy.log" 2>&1 ||
    fail deploy "did not succeed"
  after_deploy
  python -c 'import boto3; print(boto3.client("apigateway").get_rest_apis()["items"][0]["id"])'
}

opensearch_dir=$(opensearch_dir)
"$engines/opensearch.sh" "$opensearch_dir"
status=0
"$engines/$emulator.sh" "$installed/$emulator" || status=$?
[ "$status" != 69 ] || not_run "$emulator cannot be installed here"
[ "$status" = 0 ] || exit "$status"
functions=$("$engines/build-functions.sh")

free_port; opensearch=http://127.0.0.1:$port
opensearch_port=$port
free_port
start_logged opensearch "$engines/opensearch.sh" "$opensearch_dir" "$opensearch_port" "$port" "$run/opensearch"
ready opensearch "$opensearch_port" /_cluster/health '*"status":"'[gy]*
free_port
start_logged "$emulator" "$engines/$emulator.sh" "$installed/$emulator" "$port" "$run/$emulator"
ready "$emulator" "$port" "$health" 'HTTP/1.? 200*'

unset AWS_PROFILE AWS_SESSION_TOKEN
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
export -f after_deploy fail
admin_key=an-admin-key-for-tests
id=$(admin_key=$admin_key run=$run functions=$functions opensearch=$opensearch "$engines/sam.sh" bash -euo pipefail -c "$(declare -f deploy); deploy")
unset AWS_ENDPOINT_URL

CHATAPI_E2E_URL=$(api_url "$port" "$id")
export CHATAPI_E2E_URL CHATAPI_E2E_TARGET=$emulator CHATAPI_E2E_ADMIN_KEY=$admin_key
start "$@"
status=0
wait "${groups[-1]}" || status=$?
exit "$status"
