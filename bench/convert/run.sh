#!/usr/bin/env bash
# Converting, measured against the reference in the same run: wall clock, CPU, memory, output, temporary disk.
#
#   bench/convert/run.sh [--bin DIR] [--runs N] [--inputs debian,small-files,large] [--formats estargz,…]
#                        [--destinations layout,registry,archive] [--without-peer] [--save]
#
# Runs as root on Debian 12. The programs come from DIR or $STARLING_BIN, or are built into .build-release. The reference is ctr-remote
# of Debian sid with a containerd of its own, unpacked and never installed. Ends by itself and removes everything, also on Ctrl-C, but the
# inputs and the reference (in $STARLING_TEST_CACHE, default /var/cache/starling-tests; 2 GB) and, with --save, the raw figures in
# bench/results.
set -euo pipefail
cd "$(dirname "$0")/../.."

source bench/programs.sh
bench/apt-install.sh mmdebstrap python3 ca-certificates docker-registry
exec python3 bench/convert/bench.py "$@"
