#!/usr/bin/env bash
# Compiles the reference's daemon: main.go with the reference's library, both the library and the compiler from Debian 13. Nothing is installed.
#
#   bench/lazy/reference/build.sh     makes $STARLING_TEST_CACHE/peers/trixie/reference-daemon/SUM; nothing is done when it is there
#
# The program's path goes to standard output. Debian's package of the reference has its client only; the library is the same version (0.14.3),
# and Debian 13 the last release whose libraries all fit it. apt fetches some 150 MB and verifies them; they are removed once it is compiled.
set -euo pipefail
cd "$(dirname "$0")"

peers=${STARLING_TEST_CACHE:-/var/cache/starling-tests}/peers/trixie
sum=$(cat main.go build.sh | sha256sum | cut -c1-16)
program=$peers/reference-daemon/$sum/reference
if [ -x "$program" ]; then echo "$program"; exit 0; fi
mkdir -p "$peers/reference-daemon"

# Two at a time would only do the same work twice: the second waits and then finds it done.
exec 9>"$peers/.daemon-lock"
flock 9
if [ -x "$program" ]; then echo "$program"; exit 0; fi

work=$(mktemp -d "$peers/.compiling.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

../../apt-world.sh trixie "$work/apt"
export APT_CONFIG=$work/apt/apt.conf
echo "compiling the reference's daemon (once; minutes; kept in $peers)" >&2
# Go code is compiled from the sources of all it uses; what is not Go is not needed.
apt-get install --no-install-recommends --print-uris -qq golang-go golang-github-containerd-stargz-snapshotter-dev \
    | awk '{ sub("_.*", "", $2); print $2 }' | grep '^golang-' > "$work/packages"
mkdir "$work/debs" "$work/root"
(cd "$work/debs" && xargs apt-get download -qq < "$work/packages" >&2)
for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$work/root"; done
GOROOT=$(echo "$work"/root/usr/lib/go-1.*)
export GOROOT GOPATH=$work/root/usr/share/gocode GOCACHE=$work/cache GO111MODULE=off GOTOOLCHAIN=local GOFLAGS='' CGO_ENABLED=0
"$GOROOT/bin/go" build -o "$work/reference" main.go >&2
mkdir -p "$(dirname "$program")"
mv "$work/reference" "$program"
echo "$program"
