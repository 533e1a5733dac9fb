# Functions for engines that are written in Python.
# shellcheck shell=bash

# python_venv PYTHON: makes a virtual environment of that Python in ./venv.
python_venv() {
  need "$1=python3"
  rm -rf venv
  "$1" -m venv venv 2>/dev/null && return
  rm -rf venv # Debian's python3 comes without the module
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "engines: install python3-venv first" >&2
    return 1
  fi
  (
    flock 8
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  ) 8>/run/lock/chatapi-engines-apt
  "$1" -m venv venv
}
