#!/bin/sh
# run.sh [FILE|FOLDER …]: runs the demo on these texts; without any, on Debian's
# fortunes where apt has them, and on the texts beside this script.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -eq 0 ]; then
	fortunes=$(mktemp -d)
	trap 'rm -rf "$fortunes"' EXIT
	echo "getting Debian's fortunes packages with apt …"
	"$here/fortunes.sh" "$fortunes" || echo "apt has none here; the demo uses the texts in $here/texts alone"
	set -- "$here/texts" "$fortunes"
fi
go run "$here" "$@"
