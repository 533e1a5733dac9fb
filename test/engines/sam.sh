#!/usr/bin/env bash
# sam.sh COMMAND…: runs a command, such as "sam build" or "cfn-lint", with the
# AWS SAM CLI and cfn-lint on its PATH. They are installed once, from PyPI,
# into .engines (or CHATAPI_ENGINES_DIR).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=install.sh
. "$here/install.sh"
# shellcheck source=python.sh
. "$here/python.sh"

sam_version=1.170.0
dir=${CHATAPI_ENGINES_DIR:-$here/../../.engines}/sam

install_sam() {
  python_venv python3
  venv/bin/pip install -q --disable-pip-version-check "aws-sam-cli==$sam_version" cfn-lint
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
once "$dir" "$sam_version" install_sam
# Without a region and credentials the linters ask AWS for them, and wait.
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1}
export AWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID:-none} AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY:-none}
export PATH="$dir/venv/bin:$PATH"
exec "$@"
