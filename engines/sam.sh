#!/usr/bin/env bash
# sam.sh COMMAND…: runs a command, such as "sam build" or "cfn-lint", with the
# AWS SAM CLI and cfn-lint on its PATH. They are installed once, from PyPI,
# into .engines (or CHATAPI_ENGINES_DIR).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=install.sh
. "$here/install.sh"

sam_version=1.170.0
dir=${CHATAPI_ENGINES_DIR:-$here/../.engines}/sam

install_sam() {
  need python3=python3
  python3 -m venv venv 2>/dev/null || { rm -rf venv; need_venv; python3 -m venv venv; }
  venv/bin/pip install -q --disable-pip-version-check "aws-sam-cli==$sam_version" cfn-lint
}

# need_venv: Debian's python3 comes without the module.
need_venv() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "engines: install python3-venv first" >&2; return 1; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
}

once "$dir" "$sam_version" install_sam
# Without a region and credentials the linters ask AWS for them, and wait.
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1}
export AWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID:-none} AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY:-none}
export PATH="$dir/venv/bin:$PATH"
exec "$@"
