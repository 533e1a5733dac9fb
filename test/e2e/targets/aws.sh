#!/usr/bin/env bash
# aws.sh COMMAND…: runs COMMAND against "chatapi serve --backend aws" on
# DynamoDB Local, ElasticMQ and OpenSearch, which COMMAND can stop and start.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# First with.sh runs this script again, with the engines at hand.
if [ -z "${CHATAPI_ENGINES_RUN:-}" ]; then
  CHATAPI_ENGINES_KEEP=1 exec "$here/../../engines/with.sh" "$here/aws.sh" "$@"
fi
# shellcheck source=../serve.sh
. "$here/../serve.sh"

build
export AWS_ENDPOINT_URL_DYNAMODB=$CHATAPI_TEST_DYNAMODB
export AWS_ENDPOINT_URL_DYNAMODB_STREAMS=$CHATAPI_TEST_DYNAMODB
export AWS_ENDPOINT_URL_SQS=$CHATAPI_TEST_SQS
export OPENSEARCH_ENDPOINT=$CHATAPI_TEST_OPENSEARCH
exports=$("$root/bin/chatapi" setup)
eval "$exports"
export CHATAPI_E2E_TARGET=aws
export CHATAPI_E2E_STOP="$root/test/engines/switch.sh stop" CHATAPI_E2E_START="$root/test/engines/switch.sh start"
serve_for --backend aws -- "$@"
