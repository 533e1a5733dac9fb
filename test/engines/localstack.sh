#!/usr/bin/env bash
# localstack.sh DIR [PORT RUN-DIR]
# Installs LocalStack, an emulator of AWS, into DIR, once. With a PORT, then
# runs it there in the foreground, with all it writes in RUN-DIR. No
# containers: its Lambda runs functions as processes of this machine
# (localstack/executor). It listens on all interfaces. Ready when
# /_localstack/health answers. Exits with 69 if there is no Python 3.13.
# https://docs.localstack.cloud/
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/install.sh"
. "$here/python.sh"

version=4.14.0   # the last that needs no account
as_of=2026-03-01 # its dependencies are not pinned, and newer ones break it

install_localstack() {
  local python
  need java=default-jdk-headless javac=default-jdk-headless mvn=maven python3=python3
  python=$(python313)
  python_venv "$python"
  venv/bin/pip install -q --disable-pip-version-check uv # pip has no --exclude-newer for all dependencies
  venv/bin/uv pip install -q --python venv/bin/python --exclude-newer "$as_of" "localstack-core[runtime]==$version" setuptools
  rm -rf executor
  cp -R "$here/../../localstack/executor" executor # setuptools writes beside its source
  venv/bin/uv pip install -q --python venv/bin/python --no-deps ./executor
  install_dynamodb_local
}

# python313 prints the path of a Python 3.13. One of pyenv's is not on the
# PATH unless it is chosen.
python313() {
  local python
  for python in python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3; do
    ! "$python" -c '' 2>/dev/null || { command -v "$python"; return; }
  done
  if [ "$(id -u)" = 0 ] && [ -n "$(apt-cache search -n '^python3.13-venv$' 2>/dev/null)" ]; then
    need python3.13=python3.13-venv && command -v python3.13 && return
  fi
  echo "engines: LocalStack needs Python 3.13; install python3.13 and python3.13-venv, or pyenv's 3.13" >&2
  exit 69
}

# install_dynamodb_local lays DynamoDB Local out in ./lib as LocalStack's own
# installer would, which gets it from a bucket of AWS.
install_dynamodb_local() {
  local folder=lib/dynamodb-local/2
  rm -rf lib
  mkdir -p "$folder" lib/java
  ln -s "$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")" lib/java/21
  "$here/dynamodb-local.sh" dynamodb-local
  ln -s "$PWD/dynamodb-local/lib" "$folder/DynamoDBLocal_lib"
  jar_of_jars "$folder/DynamoDBLocal.jar" "$folder/DynamoDBLocal_lib"
  idle_agent "$folder/ddb-local-loader-0.1.jar"
}

# jar_of_jars JAR FOLDER: LocalStack starts DynamoDBLocal.jar; this one leads to
# the jars that Maven put into the folder beside it.
jar_of_jars() {
  local build
  build=$(mktemp -d)
  {
    echo "Main-Class: software.amazon.dynamodb.services.local.main.ServerRunner"
    echo "Class-Path: ."
    find "$2/" -name '*.jar' -printf "  $(basename "$2")/%f \n" | sort
  } >"$build/manifest"
  jar cfm "$1" "$build/manifest"
  rm -rf "$build"
}

# idle_agent JAR: LocalStack starts DynamoDB Local with an agent that lifts its
# limit of 20 indexes. This one does nothing.
idle_agent() {
  local build
  build=$(mktemp -d)
  echo "public class Idle { public static void premain(String arguments) {} }" >"$build/Idle.java"
  echo "Premain-Class: Idle" >"$build/manifest"
  javac -d "$build" "$build/Idle.java"
  jar cfm "$1" "$build/manifest" -C "$build" Idle.class
  rm -rf "$build"
}

mkdir -p "$1"
dir=$(cd "$1" && pwd)
once "$dir" "$version" install_localstack
[ $# -gt 1 ] || exit 0

port=$2
mkdir -p "$3/root/usr/lib" "$3/tmp"
run=$(cd "$3" && pwd)
ln -sfn "$dir/lib" "$run/root/usr/lib/localstack"
# OVERRIDE_IN_DOCKER=0 keeps it from writing to /usr/lib and /var/lib.
exec env -i HOME="$run" TMPDIR="$run/tmp" PATH="$PATH" LANG=C.UTF-8 \
  OVERRIDE_IN_DOCKER=0 FILESYSTEM_ROOT="$run/root" \
  GATEWAY_LISTEN="127.0.0.1:$port" LOCALSTACK_HOST="127.0.0.1:$port" DNS_ADDRESS=0 \
  DISABLE_EVENTS=1 SKIP_SSL_CERT_DOWNLOAD=1 SQS_ENDPOINT_STRATEGY=path \
  SERVICES=apigateway,cloudformation,cloudwatch,dynamodb,dynamodbstreams,iam,lambda,logs,s3,secretsmanager,sqs,ssm,sts \
  PROVIDER_OVERRIDE_DYNAMODB=v2 PROVIDER_OVERRIDE_DYNAMODBSTREAMS=v2 DYNAMODB_IN_MEMORY=1 \
  LAMBDA_RUNTIME_EXECUTOR=process LAMBDA_SYNCHRONOUS_CREATE=1 LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC=0.2 \
  "$dir/venv/bin/python" -m localstack.runtime.main
