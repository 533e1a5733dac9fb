#!/usr/bin/env bash
# embedded.sh COMMAND…: runs COMMAND against "chatapi serve" with everything
# embedded, on a free port and with its data in a folder that is removed.
set -euo pipefail
# shellcheck source=../serve.sh
. "$(dirname "$0")/../serve.sh"

build
export CHATAPI_E2E_TARGET=embedded
serve_for --data "$run/data" -- "$@"
