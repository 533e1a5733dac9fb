#!/usr/bin/env bash
# schemathesis.sh
# Holds "chatapi serve", with everything embedded, to its own OpenAPI document:
# schemathesis makes requests from the document, right and wrong ones, and
# checks every answer against it. It is installed once, from PyPI, into .engines
# (or CHATAPI_ENGINES_DIR). SCHEMATHESIS_SECONDS is how long it looks.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
# shellcheck source=../engines/install.sh
. "$here/../engines/install.sh"
# shellcheck source=../engines/python.sh
. "$here/../engines/python.sh"

version=4.32.5
dir=${CHATAPI_ENGINES_DIR:-$root/.engines}/schemathesis

install_schemathesis() {
  python_venv python3
  venv/bin/pip install -q --disable-pip-version-check "schemathesis==$version"
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
once "$dir" "$version" install_schemathesis

set -a
eval "$(cd "$root" && go run ./cmd/chatapi keys admin)" # CHATAPI_ADMIN_KEY and CHATAPI_ADMIN_KEY_SHA256
set +a
export SCHEMATHESIS_HOOKS=$here/hooks.py PYTHONDONTWRITEBYTECODE=1
# All checks are on. schemathesis.toml says where one is not, and why.
# shellcheck disable=SC2016 # the inner shell knows the URL
exec "$here/../e2e/targets/embedded.sh" bash -c \
  'cd "$3" && exec "$0" --config-file "$1" run --max-time "$2" --no-color "$CHATAPI_E2E_URL/openapi.json"' \
  "$dir/venv/bin/st" "$here/schemathesis.toml" "${SCHEMATHESIS_SECONDS:-90}" "$dir"
