#!/usr/bin/env bash
# newman.sh
# Runs the Postman collection against "chatapi serve" with everything embedded
# and nothing stored. newman is installed once, from npm, into .engines (or
# CHATAPI_ENGINES_DIR).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
# shellcheck source=../engines/install.sh
. "$here/../engines/install.sh"

version=6.2.2
dir=${CHATAPI_ENGINES_DIR:-$root/.engines}/newman

install_newman() {
  need npm
  npm install --silent --no-audit --no-fund --prefix . "newman@$version"
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
need node=nodejs
once "$dir" "$version" install_newman

# shellcheck disable=SC2016 # the inner shell knows the URL
exec "$here/../e2e/targets/embedded.sh" bash -c \
  'exec "$0" run "$1" --env-var "base_url=$CHATAPI_E2E_URL" --bail --color off --timeout-request 10000' \
  "$dir/node_modules/.bin/newman" "$root/docs/postman.json"
