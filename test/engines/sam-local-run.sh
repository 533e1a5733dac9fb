#!/usr/bin/env bash
# sam-local-run.sh api|invoke COMMAND…: what sam-local.sh does once the engines
# run. It gets from there SAM_LOCAL_FUNCTIONS, the folder that sam build made;
# SAM_LOCAL_CHATAPI, the command chatapi; and SAM_LOCAL_BRIDGE, the address at
# which containers reach this machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=processes.sh
. "$here/processes.sh"
mode=$1
shift

# forward URL sets there to where a container finds a server that listens on
# loopback alone, and makes it so: the same port of the bridge.
forward() {
  local port=${1##*:}
  if ! (exec 3<>"/dev/tcp/$SAM_LOCAL_BRIDGE/$port") 2>/dev/null; then
    start_logged "forward-$port" socat "TCP-LISTEN:$port,bind=$SAM_LOCAL_BRIDGE,fork,reuseaddr,nodelay" "TCP:127.0.0.1:$port,nodelay"
  fi
  there=http://$SAM_LOCAL_BRIDGE:$port
}

forward "$CHATAPI_TEST_DYNAMODB"; dynamodb=$there
forward "$CHATAPI_TEST_SQS"; sqs=$there
forward "$CHATAPI_TEST_OPENSEARCH"; opensearch=$there

export AWS_ENDPOINT_URL_DYNAMODB=$CHATAPI_TEST_DYNAMODB AWS_ENDPOINT_URL_DYNAMODB_STREAMS=$CHATAPI_TEST_DYNAMODB
export AWS_ENDPOINT_URL_SQS=$CHATAPI_TEST_SQS OPENSEARCH_ENDPOINT=$CHATAPI_TEST_OPENSEARCH
created=$("$SAM_LOCAL_CHATAPI" setup)
eval "$created"

admin_key=an-admin-key-for-tests # sam local resolves no secret; events/create-app.json has it too
# sam itself resolves !Ref of a table or queue to its logical name.
cat >"$run/variables.json" <<JSON
{"Parameters": {
  "APPS_TABLE": "$APPS_TABLE", "CHATS_TABLE": "$CHATS_TABLE",
  "MESSAGES_TABLE": "$MESSAGES_TABLE", "COUNTERS_TABLE": "$COUNTERS_TABLE",
  "READERS_TABLE": "$READERS_TABLE", "IDEMPOTENCY_TABLE": "$IDEMPOTENCY_TABLE",
  "CREATES_QUEUE_URL": "$CREATES_QUEUE_URL", "CREATES_DEAD_LETTERS_URL": "$CREATES_DEAD_LETTERS_URL", "STREAM_DEAD_LETTERS_URL": "$STREAM_DEAD_LETTERS_URL",
  "CHATAPI_ADMIN_KEY": "$admin_key", "OPENSEARCH_ENDPOINT": "$opensearch",
  "AWS_ENDPOINT_URL_DYNAMODB": "$dynamodb", "AWS_ENDPOINT_URL_SQS": "$sqs"
}}
JSON

# sam's own calls of AWS, for the account's number, are not tried again:
# without AWS each start would wait for them.
sam_environment=(env -u AWS_ENDPOINT_URL_DYNAMODB -u AWS_ENDPOINT_URL_DYNAMODB_STREAMS -u AWS_ENDPOINT_URL_SQS AWS_MAX_ATTEMPTS=1)
# The overrides come first: sam takes every word up to the next option as one.
options=(--parameter-overrides "Architecture=$(cat "$SAM_LOCAL_FUNCTIONS/../architecture")"
  "DynamoDBEndpoint=$dynamodb" "SqsEndpoint=$sqs" "OpenSearchEndpoint=$opensearch"
  --template "$SAM_LOCAL_FUNCTIONS/template.yaml" --env-vars "$run/variables.json" --skip-pull-image)

serve_api() {
  free_port
  start_logged pollers "$SAM_LOCAL_CHATAPI" serve --backend aws --addr "127.0.0.1:$port"
  ready pollers "$port" /health 'HTTP/1.? 200*'
  [ -n "${SAM_LOCAL_PORT-}" ] || { free_port; SAM_LOCAL_PORT=$port; }
  start_logged start-api "${sam_environment[@]}" "$here/sam.sh" sam local start-api "${options[@]}" \
    --host 127.0.0.1 --port "$SAM_LOCAL_PORT" --warm-containers LAZY
  ready start-api "$SAM_LOCAL_PORT" /health 'HTTP/1.? 200*'
  export CHATAPI_E2E_URL=http://127.0.0.1:$SAM_LOCAL_PORT CHATAPI_E2E_TARGET=sam-local CHATAPI_E2E_ADMIN_KEY=$admin_key
  if [ "${SAM_LOCAL_OUTAGES:-1}" = 1 ]; then
    export CHATAPI_E2E_STOP="$here/switch.sh stop" CHATAPI_E2E_START="$here/switch.sh start"
  fi
}

# invoke_command makes the command CHATAPI_SAM_INVOKE.
invoke_command() {
  export CHATAPI_SAM_INVOKE=$run/invoke
  {
    echo '#!/bin/sh'
    printf '%q ' exec "${sam_environment[@]}" "$here/sam.sh" sam local invoke "${options[@]}"
    echo '"$@"'
  } >"$CHATAPI_SAM_INVOKE"
  chmod +x "$CHATAPI_SAM_INVOKE"
}

case $mode in
api) serve_api ;;
invoke) invoke_command ;;
esac
start "$@"
status=0
wait "${groups[-1]}" || status=$?
exit "$status"
