#!/usr/bin/env bash
# Makes a small ordinary image as an OCI layout, tag "latest": busybox and a file that is larger than a chunk.
#
#   packaging/test-deb/make-image.sh DIRECTORY
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/bin" "$root/etc" "$root/root" "$1/blobs/sha256"
cp /bin/busybox "$root/bin/busybox"
for applet in sh ls cat echo id sleep true sha256sum; do ln -s busybox "$root/bin/$applet"; done
echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
head -c 6000000 /dev/urandom > "$root/root/data"

digest() { sha256sum "$1" | cut -d' ' -f1; }
# Moves a file into the layout under its digest and prints `"digest":…,"size":…` of its descriptor.
store() {
    local hex size
    hex=$(digest "$1"); size=$(stat -c %s "$1")
    mv "$1" "$layout/blobs/sha256/$hex"
    printf '"digest":"sha256:%s","size":%s' "$hex" "$size"
}
layout=$1
tar -C "$root" -cf "$work/layer" --owner=0 --group=0 --numeric-owner --sort=name .
diff_id=$(digest "$work/layer")
gzip -n "$work/layer"
layer=$(store "$work/layer.gz")
printf '{"architecture":"%s","os":"linux","config":{"Cmd":["sh"],"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(dpkg --print-architecture)" "$diff_id" > "$work/config"
config=$(store "$work/config")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json",%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",%s}]}' \
    "$config" "$layer" > "$work/manifest"
manifest=$(store "$work/manifest")
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
    "$manifest" > "$layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' > "$layout/oci-layout"
