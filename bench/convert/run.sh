#!/usr/bin/env bash
# Converting, measured against the reference in the same run: wall clock, CPU, memory, output, temporary disk.
#
#   bench/convert/run.sh [--runs N] [--inputs debian,small-files,large] [--formats estargz,…]
#                        [--destinations layout,registry,archive] [--without-peer] [--save]
#
# Runs as root on Debian 12. The programs come from the directory $STARLING_BIN, or are built into .build-release. The reference is ctr-remote
# of Debian sid with a containerd of its own, unpacked and never installed. Ends by itself and removes everything, also on Ctrl-C, but the
# inputs and the reference (in $STARLING_TEST_CACHE, default /var/cache/starling-tests; 2 GB) and, with --save, the raw figures in
# bench/results.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ "$(id -u)" = 0 ] || { echo "bench-convert: run as root: it starts a containerd and makes a Debian root" >&2; exit 1; }
bench/apt-install.sh mmdebstrap python3 ca-certificates docker-registry
if [ -z "${STARLING_BIN:-}" ]; then
    make -s release >&2
    export STARLING_BIN=$PWD/.build-release/release
fi
exec env PYTHONDONTWRITEBYTECODE=1 python3 bench/convert/bench.py "$@"
