#!/usr/bin/env bash
# deployed.sh COMMAND…: runs COMMAND against the deployment whose URL is in
# CHATAPI_E2E_URL. It leaves its apps there.
set -euo pipefail
[ -n "${CHATAPI_E2E_URL:-}" ] || { echo "not run: CHATAPI_E2E_URL names no deployment" >&2; exit 69; }
export CHATAPI_E2E_TARGET=deployed
exec "$@"
