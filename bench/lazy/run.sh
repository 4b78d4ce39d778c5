#!/usr/bin/env bash
# The lazy data path, measured against a full pull, the reference and an unpacked image in the same run.
#
#   bench/lazy/run.sh [--bin DIR] [--runs N] [--sections cold,layers,whole,loopback,warm,…] [--images python,science] [--save]
#
#   cold      pull, create and run until the first line of output, behind a link of 40 ms and 100 Mbit/s; requests and bytes
#   layers    round trips to deploy an image of three layers, and of one
#   whole     every byte of an image through the lazy mount, behind that link
#   loopback  the first read of every file, registry on loopback
#   warm      walk, read, fio on a complete image, in each mode, against the same layers unpacked
#   size      disk after a complete fetch, and bytes that a second image fetches though they were here
#   files     100,000 files: until they are mounted, and the daemon's memory
#   runtime   starling run warm against runc alone, fifty containers at once, and starts that starling optimize has recorded
#   idle      ten layers mounted, and nothing to do
#
# Runs as root on Debian 12. The programs come from DIR or $STARLING_BIN, or are built into .build-release. containerd and the reference
# are Debian's, unpacked and never installed. Ends by itself and removes everything, also on Ctrl-C, but the images and the reference (in
# $STARLING_TEST_CACHE, default /var/cache/starling-tests; 3 GB) and, with --save, the raw figures in bench/results. It drops the machine's page
# cache time and again. On a busy machine only requests and bytes mean something.
set -euo pipefail
cd "$(dirname "$0")/../.."

source bench/programs.sh
bench/apt-install.sh mmdebstrap python3 python3-grpcio ca-certificates docker-registry skopeo runc crun fuse3 fio gcc libc6-dev
# Debian's Python, for which Debian's python3-grpcio is.
exec /usr/bin/python3 bench/lazy/bench.py "$@"
