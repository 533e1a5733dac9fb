# Functions that the engines' scripts share to install an engine once.
# shellcheck shell=bash

# need PROGRAM=PACKAGE…: installs the Debian packages whose program is missing.
need() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "engines: install these packages first: ${missing[*]}" >&2
    return 1
  fi
  # One lock for all engines: apt-get does not wait for another apt-get.
  (
    flock 8
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  ) 8>/run/lock/chatapi-engines-apt
}

# once DIR VERSION FUNCTION: calls FUNCTION in DIR unless it succeeded there
# before with this version. Others who install in DIR wait.
once() {
  local dir=$1 version=$2 install=$3
  mkdir -p "$dir"
  [ ! -e "$dir/installed-$version" ] || return 0
  (
    flock 9
    [ ! -e "$dir/installed-$version" ] || exit 0
    echo "engines: installing $(basename "$dir") $version" >&2
    cd "$dir" || exit
    "$install"
    touch "installed-$version"
  ) 9>"$dir/lock"
}

# maven GOAL…: runs Maven, and shows what it says only if it fails.
maven() {
  mvn -B "$@" >maven.log 2>&1 || { cat maven.log >&2; return 1; }
}

# maven_jars GROUP ARTIFACT VERSION: puts an artifact of Maven Central and all
# that it needs at run time into ./lib.
maven_jars() {
  cat >pom.xml <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>chatapi</groupId><artifactId>engine</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>
  </dependencies>
</project>
POM
  rm -rf lib
  maven dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/lib"
}
