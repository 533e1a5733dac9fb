#!/bin/sh
# fortunes.sh FOLDER: lays the texts of Debian's fortunes packages down in
# FOLDER, one folder per package. Exit status 1 where apt cannot get them.
set -eu
into=$1
packages="fortunes fortunes-min fortunes-de fortunes-es fortunes-it fortunes-cs fortunes-pl fortunes-ru fortunes-eo fortune-zh"
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for package in $packages; do
	apt-get download -qq "$package" >/dev/null 2>&1 || true # a release may lack some
done
if [ -z "$(ls)" ] && [ "$(id -u)" = 0 ]; then # a machine without package lists
	apt-get update -qq >/dev/null 2>&1 || exit 1
	for package in $packages; do apt-get download -qq "$package" >/dev/null 2>&1 || true; done
fi
for deb in *.deb; do
	[ -e "$deb" ] || exit 1
	name=${deb%%_*}
	dpkg-deb -x "$deb" "$work/$name"
	mkdir -p "$into/$name"
	# the real files only: no indexes, and no links with .u8 that name them again
	find "$work/$name/usr/share/games/fortunes" -type f ! -name '*.dat' -exec cp {} "$into/$name/" \;
done
