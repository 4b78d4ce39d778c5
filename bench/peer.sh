#!/usr/bin/env bash
# Unpacks one package of another Debian release, for comparison: nothing is installed, and this system's sources stay as they are.
#
#   bench/peer.sh SUITE PACKAGE     makes $STARLING_TEST_CACHE/peers/SUITE/PACKAGE; nothing is done, and no network needed, when it is there
#
# The directory's path goes to standard output; in it is what the package would install, and `version`. apt fetches from the mirror that this
# system uses and verifies: the index by its signature, the package by its SHA-256 in the index. Without dependencies: what these packages
# need, Debian 12 has in new enough versions.
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: $0 SUITE PACKAGE" >&2; exit 2; }
suite=$1 package=$2
peers=${STARLING_TEST_CACHE:-/var/cache/starling-tests}/peers
directory=$peers/$suite/$package
if [ -e "$directory/version" ]; then echo "$directory"; exit 0; fi
mkdir -p "$peers/$suite"

# Two at a time would only do the same work twice: the second waits and then finds it done.
exec 9>"$peers/.lock"
flock 9
if [ -e "$directory/version" ]; then echo "$directory"; exit 0; fi

work=$(mktemp -d "$peers/.fetching.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$(dirname "$0")/apt-world.sh" "$suite" "$work/apt"
export APT_CONFIG=$work/apt/apt.conf
echo "fetching $package of Debian $suite (once; kept in $directory)" >&2
(cd "$work" && apt-get download -qq "$package" >&2)
mkdir "$work/root"
dpkg-deb -x "$work"/*.deb "$work/root"
dpkg-deb -f "$work"/*.deb Version > "$work/root/version"
chmod 755 "$work/root"
rm -rf "$directory"
mv "$work/root" "$directory"
echo "$directory"
