#!/usr/bin/env bash
# usual.sh
# Installs what the benchmark compares with, from Debian's packages: Redis,
# RabbitMQ and MariaDB. The benchmark starts them itself, on folders and ports
# of its own; the packages' own services are not needed.
set -euo pipefail

# shellcheck source=install.sh
. "$(dirname "$0")/install.sh"

need redis-server=redis-server mariadbd=mariadb-server /usr/lib/rabbitmq/bin/rabbitmq-server=rabbitmq-server epmd=erlang-base
