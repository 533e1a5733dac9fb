#!/usr/bin/env bash
# ministack.sh DIR [PORT RUN-DIR]
# Installs MiniStack, an emulator of AWS, into DIR, once. With a PORT, then
# runs it there in the foreground, with all it writes in RUN-DIR. Its Lambda
# runs functions as processes of this machine, each with a session of its own
# role, and refuses what that role may not do. The key "test" may do everything.
# Ready when /_ministack/health answers.
# https://pypi.org/project/ministack/
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/install.sh"
. "$here/python.sh"

version=1.5.33

install_ministack() {
  python_venv python3
  venv/bin/pip install -q --disable-pip-version-check "ministack==$version" 'aws-sam-translator>=1.90' cryptography
}

mkdir -p "$1"
dir=$(cd "$1" && pwd)
once "$dir" "$version" install_ministack
[ $# -gt 1 ] || exit 0

port=$2
mkdir -p "$3"
run=$(cd "$3" && pwd)
# The functions inherit AWS_ENDPOINT_URL.
exec env -i HOME="$run" TMPDIR="$run" STATE_DIR="$run/state" S3_DATA_DIR="$run/s3" PATH="$PATH" LANG=C.UTF-8 \
  GATEWAY_PORT="$port" BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 MINISTACK_REGION=us-east-1 IOT_MTLS_ENABLED=0 \
  AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
  AUTH=true LAMBDA_EXECUTOR=local "$dir/venv/bin/ministack"
