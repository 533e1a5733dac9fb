#!/usr/bin/env bash
# elasticmq.sh DIR [PORT RUN-DIR [keep]]
# Installs ElasticMQ, a server that speaks SQS, into DIR, once. With a PORT,
# then runs it there in the foreground, with its configuration in RUN-DIR and
# all messages in memory or, with keep, on disk in RUN-DIR too. Ready when
# GET / answers.
# https://github.com/softwaremill/elasticmq
set -euo pipefail
. "$(dirname "$0")/install.sh"

version=1.7.1

install_elasticmq() {
  need java=default-jdk-headless mvn=maven
  maven_jars org.elasticmq elasticmq-server_2.13 "$version"
}

mkdir -p "$1"
dir=$(cd "$1" && pwd)
once "$dir" "$version" install_elasticmq
[ $# -gt 1 ] || exit 0

port=$2
mkdir -p "$3"
run=$(cd "$3" && pwd)
keep=false
[ "${4:-}" != keep ] || keep=true
cat >"$run/elasticmq.conf" <<CONF
include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = $port, context-path = "" }
rest-sqs { enabled = true, bind-hostname = "127.0.0.1", bind-port = $port, sqs-limits = strict }
rest-stats { enabled = false }
queues-storage { enabled = false }
# Without a write delay of 0, what was acknowledged would not outlive a kill.
messages-storage {
  enabled = $keep
  driver-class = "org.h2.Driver"
  uri = "jdbc:h2:$run/messages;WRITE_DELAY=0"
  username = "", password = ""
}
aws { region = us-east-1, accountId = 000000000000 }
CONF
cat >"$run/logback.xml" <<'LOG'
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %-5level %logger{20} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
LOG
exec java -Xmx256m -Dconfig.file="$run/elasticmq.conf" -Dlogback.configurationFile="$run/logback.xml" \
  -cp "$dir/lib/*" org.elasticmq.server.Main
