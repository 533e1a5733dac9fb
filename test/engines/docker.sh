# Functions for what runs in containers. Needs install.sh and processes.sh.
# shellcheck shell=bash

# docker_ready makes sure that docker can be used. If no daemon responds,
# root gets one of our own, with all its data in $run, that ends with us.
docker_ready() {
  ! docker info >/dev/null 2>&1 || return 0
  if [ "$(id -u)" != 0 ]; then
    not_run "no Docker daemon answers; install and start docker.io"
  fi
  need docker=docker.io dockerd=docker.io 2>/dev/null || not_run "Docker is missing; install docker.io"
  export DOCKER_HOST=unix://$run/docker.sock
  start_logged docker dockerd --host "$DOCKER_HOST" --pidfile "$run/docker.pid" \
    --data-root "$run/docker" --exec-root "$run/docker-exec"
  local deadline=$((SECONDS + 60))
  until docker info >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "${groups[-1]}" 2>/dev/null; then
      not_run "dockerd does not start here: $(tail -n 1 "$run/docker.log")"
    fi
    sleep 0.2
  done
}

# bridge_address prints the address at which containers reach this machine.
bridge_address() {
  local address
  address=$(ip -4 -o address show dev docker0 2>/dev/null | sed -n 's|.* inet \([0-9.]*\)/.*|\1|p')
  echo "${address:-172.17.0.1}"
}

# sam_image ARCHITECTURE: makes the image in which sam runs functions, where it
# is not there. sam would make it of AWS's own image, which needs a registry.
# A static program needs no more than the runtime interface emulator, which
# sam's package has, and certificates.
sam_image() {
  local image=public.ecr.aws/lambda/provided:al2023-rapid-$1 context=$run/image emulator
  ! docker image inspect "$image" >/dev/null 2>&1 || return 0
  emulator=$("$here/sam.sh" python -c 'import samcli, os; print(os.path.dirname(samcli.__file__))')/local/rapid/aws-lambda-rie-$1
  mkdir -p "$context"
  install -m 755 "$emulator" "$context/aws-lambda-rie"
  need update-ca-certificates=ca-certificates
  cp /etc/ssl/certs/ca-certificates.crt "$context"
  cat >"$context/Dockerfile" <<'DOCKERFILE'
FROM scratch
COPY aws-lambda-rie /var/rapid/aws-lambda-rie
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
WORKDIR /tmp
WORKDIR /opt
WORKDIR /var/runtime
WORKDIR /var/task
ENV PATH=/usr/local/bin:/usr/bin:/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime
DOCKERFILE
  # Without BuildKit, which Debian's docker.io does not bring.
  DOCKER_BUILDKIT=0 docker build -q -t "$image" "$context" >"$run/image.log" 2>&1 || fail image "was not built"
}
