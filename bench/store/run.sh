#!/usr/bin/env bash
# podman with `starling store`, against podman's own pull of the same image in the same run.
#
#   bench/store/run.sh [--bin DIR] [--runs N] [--sections start,chunks] [--images python3,redis] [--save]
#
#   start   pull, create and start until ready over 40 ms and 100 Mbit/s, and another container when all of the image is here; with Debian 12's
#           podman and Debian 13's. The baseline is a full pull by the same podman: it is what a store is used in place of
#   chunks  what the store does with all of an image here, fetch, verify, remove, disk, against tar, sha256sum, rm and the unpacked tree
#
# Runs as root on Debian 12. The programs come from DIR or $STARLING_BIN, or are built into .build-release. Ends by itself and removes everything,
# also on Ctrl-C, but layers and Debian 13's podman (in $STARLING_TEST_CACHE, default /var/cache/starling-tests). Images are bench/startup's.
set -euo pipefail
cd "$(dirname "$0")/../.."

source bench/programs.sh
bench/apt-install.sh mmdebstrap python3 python3-grpcio ca-certificates docker-registry podman runc fuse3 skopeo
exec /usr/bin/python3 bench/store/bench.py "$@"
