#!/usr/bin/env bash
# What starlingd costs containerd, call by call, beside containerd's own overlayfs snapshotter in the same run.
#
#   bench/rpc/run.sh [--bin DIR] [--runs N] [--calls N] [--sections calls,chain,start] [--save]
#
#   calls   Prepare, Mounts, Stat and Remove, 10,000 of each
#   chain   an image of 128 layers: Prepare of all, and a container's mount upon them
#   start   until a daemon with 1,000 snapshots and 200 lazy layers serves
#
# Runs as root on Debian 12. The programs come from DIR or $STARLING_BIN, or are built into .build-release; the client is Go, as
# containerd's own. Ends by itself and removes everything, also on Ctrl-C, but the images (in $STARLING_TEST_CACHE, default
# /var/cache/starling-tests) and, with --save, the raw figures in bench/results.
set -euo pipefail
cd "$(dirname "$0")/../.."

source bench/programs.sh
bench/apt-install.sh mmdebstrap python3 ca-certificates docker-registry nginx-light skopeo runc fuse3 golang-go golang-github-containerd-containerd-dev
exec /usr/bin/python3 bench/rpc/bench.py "$@"
