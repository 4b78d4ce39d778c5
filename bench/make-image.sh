#!/usr/bin/env bash
# Makes a real image from Debian packages: bookworm, minimal, with python3, as one gzip layer in an OCI layout.
#
#   bench/make-image.sh DIRECTORY      makes DIRECTORY/python-bookworm (tag "latest"); nothing is done when it is there
#
# Needs root and mmdebstrap. Progress goes to standard error, the layout's path to standard output.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
layout=$1/python-bookworm
if [ -e "$layout/index.json" ]; then echo "$layout"; exit 0; fi
mkdir -p "$1"

# Two at a time would only do the same work twice: the second waits and then finds it done.
exec 9>"$1/.make-image.lock"
flock 9
if [ -e "$layout/index.json" ]; then echo "$layout"; exit 0; fi

work=$(mktemp -d "$1/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "making a Debian root file system with python3 (once; kept in $1)" >&2
# Without SOURCE_DATE_EPOCH: with it, Debian's Python compiles into files that are checked against their source at each start, which nobody's
# images have. The copyright files stay: it is a real image. 9>&- lets go of the lock.
mmdebstrap --quiet --variant=minbase --include=python3 \
    --aptopt='Acquire::Retries "3"' bookworm "$work/root.tar" 9>&- >&2

mkdir -p "$work/layout/blobs/sha256"
digest() { sha256sum "$1" | cut -d' ' -f1; }
# Moves a file into the layout under its digest and prints `"digest":…,"size":…` of its descriptor.
store() {
    local hex size
    hex=$(digest "$1"); size=$(stat -c %s "$1")
    mv "$1" "$work/layout/blobs/sha256/$hex"
    printf '"digest":"sha256:%s","size":%s' "$hex" "$size"
}

diff_id=$(digest "$work/root.tar")
gzip -n -6 "$work/root.tar"
arch=$(dpkg --print-architecture)
layer=$(store "$work/root.tar.gz")
printf '{"architecture":"%s","config":{"Cmd":["python3"],"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","LANG=C.UTF-8"]},"created":"2023-11-14T22:13:20Z","history":[{"created":"2023-11-14T22:13:20Z","created_by":"mmdebstrap --variant=minbase --include=python3 bookworm"}],"os":"linux","rootfs":{"diff_ids":["sha256:%s"],"type":"layers"}}' \
    "$arch" "$diff_id" > "$work/config"
config=$(store "$work/config")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json",%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",%s}]}' \
    "$config" "$layer" > "$work/manifest"
manifest=$(store "$work/manifest")
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
    "$manifest" > "$work/layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' > "$work/layout/oci-layout"
mv "$work/layout" "$layout"
echo "$layout"
