#!/usr/bin/env bash
# ministack.sh COMMAND…: runs COMMAND against template.yaml deployed to the
# emulator; localstack/test.sh says how.
# A smaller load: each call costs far more here than on AWS.
export CHATAPI_E2E_SCALE=${CHATAPI_E2E_SCALE:-0.25}
exec "$(dirname "$0")/../../../localstack/test.sh" ministack "$@"
