#!/usr/bin/env bash
# with.sh COMMAND…
# Runs COMMAND with DynamoDB Local, ElasticMQ and OpenSearch at hand, then
# stops them and removes their data. Exits with COMMAND's status. COMMAND finds
#
#   CHATAPI_TEST_DYNAMODB, CHATAPI_TEST_SQS, CHATAPI_TEST_OPENSEARCH   their addresses
#   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION               dummies
#   CHATAPI_ENGINES_RUN                                                for switch.sh, which stops and starts them
#
# Three variables may be set before:
#
#   CHATAPI_ENGINES_DIR    where missing engines are installed (.engines in the repository)
#   CHATAPI_ENGINES_PORT   the ports are the next free ones after it (at random)
#   CHATAPI_ENGINES_KEEP   1: the data is on disk, and an engine that switch.sh stops and starts has it again
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 COMMAND…" >&2; exit 2; }

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=servers.sh
. "$here/servers.sh"
engines=${CHATAPI_ENGINES_DIR:-$here/../../.engines}
mkdir -p "$engines"
engines=$(cd "$engines" && pwd)

# as_nobody COMMAND…: as the user that OpenSearch runs as where we are root.
as_nobody() {
  [ "$(id -u)" != 0 ] || set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
  "$@"
}

# OpenSearch runs as nobody, who may not enter a checkout in root's home.
opensearch=$engines/opensearch
if ! as_nobody test -x "$engines"; then
  opensearch=/var/cache/chatapi-engines/opensearch
  echo "engines: nobody may not enter $engines, so OpenSearch goes to $opensearch" >&2
fi

run=$(mktemp -d /tmp/chatapi-engines.XXXXXX)
chmod 755 "$run"
groups=() # process groups that we started beside the engines, the command's last

# stop ends what we started, the command first, and waits until it is gone.
# shellcheck disable=SC2317 # called by the trap
stop() {
  trap '' INT TERM
  local pid
  stop_groups "${groups[@]}"
  groups=()
  for pid in "$run"/*.pid; do
    [ ! -e "$pid" ] || groups+=("$(<"$pid")")
  done
  stop_groups "${groups[@]}"
  wait
  rm -rf "$run"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start COMMAND…: in the background, in a process group of its own, so that
# all of it can be stopped.
start() {
  setsid "$@" <&0 &
  groups+=("$!")
}

install() {
  local pids=() pid status=0
  start "$here/dynamodb-local.sh" "$engines/dynamodb-local"
  pids+=("$!")
  start "$here/elasticmq.sh" "$engines/elasticmq"
  pids+=("$!")
  start "$here/opensearch.sh" "$opensearch"
  pids+=("$!")
  for pid in "${pids[@]}"; do
    wait "$pid" || status=1
  done
  [ "$status" = 0 ] || { echo "engines: not all could be installed" >&2; exit 1; }
  groups=()
}
install

# engine NAME PORT PATH PATTERN COMMAND…: starts an engine, which is ready when
# GET PATH answers something like PATTERN.
engine() {
  printf '%s\n' "${@:2:3}" >"$run/$1.ready"
  printf '%s\n' "${@:5}" >"$run/$1.command"
  start_engine "$1"
}

keep_dynamodb=() keep_sqs=()
if [ "${CHATAPI_ENGINES_KEEP:-}" = 1 ]; then
  keep_dynamodb=("$run/dynamodb") keep_sqs=(keep)
fi
free_port; dynamodb_port=$port
free_port; sqs_port=$port
free_port; opensearch_port=$port
free_port; transport_port=$port
engine dynamodb "$dynamodb_port" / 'HTTP/1.? 400*' \
  "$here/dynamodb-local.sh" "$engines/dynamodb-local" "$dynamodb_port" "${keep_dynamodb[@]}"
engine sqs "$sqs_port" / 'HTTP/1.?*' \
  "$here/elasticmq.sh" "$engines/elasticmq" "$sqs_port" "$run/elasticmq" "${keep_sqs[@]}"
engine opensearch "$opensearch_port" /_cluster/health '*"status":"'[gy]* \
  "$here/opensearch.sh" "$opensearch" "$opensearch_port" "$transport_port" "$run/opensearch"
for name in dynamodb sqs opensearch; do
  await_engine "$name"
done

export CHATAPI_ENGINES_RUN=$run
export CHATAPI_TEST_DYNAMODB=http://127.0.0.1:$dynamodb_port
export CHATAPI_TEST_SQS=http://127.0.0.1:$sqs_port
export CHATAPI_TEST_OPENSEARCH=http://127.0.0.1:$opensearch_port
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
unset AWS_SESSION_TOKEN AWS_PROFILE

start "$@"
status=0
wait "${groups[-1]}" || status=$?
exit "$status"
