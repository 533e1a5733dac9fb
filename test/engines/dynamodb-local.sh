#!/usr/bin/env bash
# dynamodb-local.sh DIR [PORT [DATA]]
# Installs DynamoDB Local into DIR, once. With a PORT, then runs it there in
# the foreground, with its data in the folder DATA, else in memory. Ready when
# GET / answers 400.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.html
set -euo pipefail
. "$(dirname "$0")/install.sh"

version=3.1.0 # later ones ask for artifacts that Maven Central does not have

install_dynamodb_local() {
  need java=default-jdk-headless mvn=maven
  maven_jars software.amazon.dynamodb DynamoDBLocal "$version"
}

mkdir -p "$1"
dir=$(cd "$1" && pwd)
once "$dir" "$version" install_dynamodb_local
[ $# -gt 1 ] || exit 0

storage=(-inMemory)
if [ $# -gt 2 ]; then
  mkdir -p "$3"
  storage=(-dbPath "$(cd "$3" && pwd)")
fi
cd "$dir" # it looks for its SQLite library here
exec java -Xmx512m -Djava.library.path="$dir/lib" -cp "$dir/lib/*" \
  software.amazon.dynamodb.services.local.main.ServerRunner \
  -port "$2" "${storage[@]}" -sharedDb -disableTelemetry
