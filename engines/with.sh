#!/usr/bin/env bash
# with.sh COMMAND…
# Runs COMMAND with DynamoDB Local, ElasticMQ and OpenSearch at hand, then
# stops them and removes their data. Exits with COMMAND's status. COMMAND finds
#
#   CHATAPI_TEST_DYNAMODB, CHATAPI_TEST_SQS, CHATAPI_TEST_OPENSEARCH   their addresses
#   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION               dummies
#
# Two variables may be set before:
#
#   CHATAPI_ENGINES_DIR    where missing engines are installed (.engines in the repository)
#   CHATAPI_ENGINES_PORT   the ports are the next free ones after it (at random)
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 COMMAND…" >&2; exit 2; }

here=$(cd "$(dirname "$0")" && pwd)
engines=${CHATAPI_ENGINES_DIR:-$here/../.engines}
mkdir -p "$engines"
engines=$(cd "$engines" && pwd)
ready_within=120 # seconds

# as_nobody COMMAND…: as the user that OpenSearch runs as where we are root.
as_nobody() {
  [ "$(id -u)" != 0 ] || set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
  "$@"
}

# OpenSearch runs as nobody, who may not enter a checkout in root's home.
opensearch=$engines/opensearch
if ! as_nobody test -x "$engines"; then
  opensearch=/var/cache/chatapi-engines/opensearch
  echo "engines: nobody may not enter $engines, so OpenSearch goes to $opensearch" >&2
fi

run=$(mktemp -d /tmp/chatapi-engines.XXXXXX)
chmod 755 "$run"
groups=() # process groups that we started, the command's last

# stop ends what we started, the command first, and waits until it is gone.
# shellcheck disable=SC2317 # called by the trap
stop() {
  trap '' INT TERM
  local i
  for ((i = ${#groups[@]} - 1; i >= 0; i--)); do
    kill -TERM -- "-${groups[i]}" 2>/dev/null || true
  done
  for ((i = 0; i < 100; i++)); do
    running || break
    sleep 0.1
  done
  for i in "${groups[@]}"; do
    kill -KILL -- "-$i" 2>/dev/null || true
  done
  wait
  rm -rf "$run"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# running: whether any of what we started is still there.
# shellcheck disable=SC2317 # called by stop
running() {
  local group
  for group in "${groups[@]}"; do
    ! kill -0 -- "-$group" 2>/dev/null || return 0
  done
  return 1
}

# start COMMAND…: in the background, in a process group of its own, so that
# all of it can be stopped.
start() {
  setsid "$@" <&0 &
  groups+=("$!")
}

# answers PORT PATH PATTERN: whether GET PATH answers something like PATTERN.
answers() {
  local answer
  {
    answer=$(
      exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
      printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
      timeout 5 cat <&3
    ) || return 1
  } 2>/dev/null
  # shellcheck disable=SC2053 # a pattern
  [[ $answer == $3 ]]
}

# ready NAME GROUP PORT PATH PATTERN: waits until the engine answers.
ready() {
  local name=$1 group=$2 deadline=$((SECONDS + ready_within))
  until answers "${@:3}"; do
    if ! kill -0 "$group" 2>/dev/null; then
      fail "$name ended before it was ready"
    elif [ "$SECONDS" -ge "$deadline" ]; then
      fail "$name was not ready within $ready_within s"
    fi
    sleep 0.2
  done
}

fail() {
  echo "engines: $1; the end of its log:" >&2
  tail -n 30 "$run/${1%% *}.log" >&2
  exit 1
}

# free_port sets port to a loopback port that nothing listens on.
port=${CHATAPI_ENGINES_PORT:-$((20000 + RANDOM % 10000))}
free_port() {
  port=$((port + 1))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((port + 1))
  done
}

install() {
  local pids=() pid status=0
  start "$here/dynamodb-local.sh" "$engines/dynamodb-local"
  pids+=("$!")
  start "$here/elasticmq.sh" "$engines/elasticmq"
  pids+=("$!")
  start "$here/opensearch.sh" "$opensearch"
  pids+=("$!")
  for pid in "${pids[@]}"; do
    wait "$pid" || status=1
  done
  [ "$status" = 0 ] || { echo "engines: not all could be installed" >&2; exit 1; }
  groups=()
}
install

free_port; dynamodb_port=$port
free_port; sqs_port=$port
free_port; opensearch_port=$port
free_port; transport_port=$port
start "$here/dynamodb-local.sh" "$engines/dynamodb-local" "$dynamodb_port" >"$run/dynamodb-local.log" 2>&1
start "$here/elasticmq.sh" "$engines/elasticmq" "$sqs_port" "$run/elasticmq" >"$run/elasticmq.log" 2>&1
start "$here/opensearch.sh" "$opensearch" "$opensearch_port" "$transport_port" "$run/opensearch" >"$run/opensearch.log" 2>&1
ready dynamodb-local "${groups[0]}" "$dynamodb_port" / 'HTTP/1.? 400*'
ready elasticmq "${groups[1]}" "$sqs_port" / 'HTTP/1.?*'
ready opensearch "${groups[2]}" "$opensearch_port" /_cluster/health '*"status":"'[gy]*

export CHATAPI_TEST_DYNAMODB=http://127.0.0.1:$dynamodb_port
export CHATAPI_TEST_SQS=http://127.0.0.1:$sqs_port
export CHATAPI_TEST_OPENSEARCH=http://127.0.0.1:$opensearch_port
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
unset AWS_SESSION_TOKEN AWS_PROFILE

start "$@"
status=0
wait "${groups[-1]}" || status=$?
exit "$status"
