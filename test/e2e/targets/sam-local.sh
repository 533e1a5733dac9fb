#!/usr/bin/env bash
# sam-local.sh COMMAND…: runs COMMAND against sam local start-api;
# engines/sam-local.sh says how.
# A smaller load: each call costs far more here than on AWS.
export CHATAPI_E2E_SCALE=${CHATAPI_E2E_SCALE:-0.1}
exec "$(dirname "$0")/../../engines/sam-local.sh" api "$@"
