# Functions that start, await and stop servers and have no effect by themselves.
#
# The state of an engine that start_engine starts is in the folder $run: for
# each engine NAME.command (its command, an argument a line),
# NAME.ready (its port, a path, and a pattern of what that path answers),
# NAME.pid (its process group) and NAME.log.
# shellcheck shell=bash disable=SC2154 # $run

ready_within=120 # seconds

# start_engine NAME: in the background, in a process group of its own, so that
# all of it can be stopped.
start_engine() {
  local command
  mapfile -t command <"$run/$1.command"
  setsid "${command[@]}" >>"$run/$1.log" 2>&1 </dev/null &
  echo "$!" >"$run/$1.pid"
}

# await_engine NAME: waits until it answers.
await_engine() {
  local ready deadline=$((SECONDS + ready_within))
  mapfile -t ready <"$run/$1.ready"
  until answers "${ready[@]}"; do
    if ! kill -0 "$(<"$run/$1.pid")" 2>/dev/null; then
      fail "$1" "ended before it was ready"
    elif [ "$SECONDS" -ge "$deadline" ]; then
      fail "$1" "was not ready within $ready_within s"
    fi
    sleep 0.2
  done
}

# fail NAME PROBLEM
fail() {
  echo "engines: $1 $2; the end of its log:" >&2
  tail -n 30 "$run/$1.log" >&2
  exit 1
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

# stop_groups GROUP…: ends process groups and waits until they are gone. What
# is not gone after 20 s is killed; sam needs that long to remove containers.
stop_groups() {
  local group tries
  for group in "$@"; do
    kill -TERM -- "-$group" 2>/dev/null || true
  done
  for group in "$@"; do
    for ((tries = 0; tries < 200; tries++)); do
      running "$group" || continue 2
      sleep 0.1
    done
    kill -KILL -- "-$group" 2>/dev/null || true
  done
}

# free_port sets port to a loopback port that nothing listens on: the next one
# after CHATAPI_ENGINES_PORT, which is random if it is not set.
port=${CHATAPI_ENGINES_PORT:-$((20000 + RANDOM % 10000))}
free_port() {
  port=$((port + 1))
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((port + 1))
  done
}

# running GROUP: whether a process of the group is left. One that ended and
# whose parent did not take notice does not count.
running() {
  local stat line fields
  kill -0 -- "-$1" 2>/dev/null || return 1
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    read -ra fields <<<"${line##*) }" # state, parent, group …
    [ "${fields[2]}" != "$1" ] || [ "${fields[0]}" = Z ] || return 0
  done
  return 1
}
