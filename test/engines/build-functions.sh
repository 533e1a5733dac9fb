#!/usr/bin/env bash
# build-functions.sh: builds every function for this machine's processor with
# sam build into .aws-sam/local, unless nothing changed since, and prints that
# folder. Beside it is a file, architecture, with the processor's name on AWS.
# It is apart from .aws-sam/build, which is for the processor that AWS runs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

build=$PWD/.aws-sam/local
sources=(functions pkg go.mod go.sum template.yaml)

# fresh: whether no source is newer than the last build's beginning. Removing
# a file changes its folder.
fresh() {
  [ -e "$build/started" ] && [ -z "$(find "${sources[@]}" -newer "$build/started" -print -quit)" ]
}

mkdir -p "$build"
exec 9>"$build/lock"
flock 9
if ! fresh; then
  case $(uname -m) in
  aarch64 | arm64) architecture=arm64 goarch=arm64 ;;
  *) architecture=x86_64 goarch=amd64 ;;
  esac
  touch "$build/starting"
  # Static: with glibc linked in, a function does not start in an image that
  # has none. go build compiles once what sam would compile for each function.
  export CGO_ENABLED=0 GOFLAGS="'-ldflags=-s -w' -tags=lambda.norpc" # as make deploy has it
  GOARCH=$goarch go build -trimpath ./functions/... >&2
  "$here/sam.sh" sam build --build-dir "$build/functions" \
    --parameter-overrides "Architecture=$architecture" >"$build/log" 2>&1 || { cat "$build/log" >&2; exit 1; }
  echo "$architecture" >"$build/architecture"
  mv "$build/starting" "$build/started"
fi
echo "$build/functions"
