#!/usr/bin/env bash
# File system operations on lazy mounts, against the same layers unpacked under overlayfs in the same run; the reference beside them.
#
#   bench/fs/run.sh [--bin DIR] [--runs N] [--sections operations,trees,layers,file,first] [--images python,science] [--save]
#
#   operations  lstat, open, read, mmap, readlink, listxattr, names that are not there, copy-up and create, for each entry, warm
#   trees       walking and reading all files, warm and with dropped caches
#   layers      the same tree in one layer and in twenty
#   file        fio on one file of 200 MB: random, sequential, mmap
#   first       the first read of every file, registry on loopback, against a directory of ext4
#
# All but operations are measured by sections of bench/lazy, too, with the same modules. Runs as root on Debian 12. The programs come from DIR or
# $STARLING_BIN, or are built into .build-release. Ends by itself and removes everything, also on Ctrl-C, but images and the reference (in
# $STARLING_TEST_CACHE, default /var/cache/starling-tests). It drops the machine's page cache time and again.
set -euo pipefail
cd "$(dirname "$0")/../.."

source bench/programs.sh
bench/apt-install.sh mmdebstrap python3 python3-grpcio ca-certificates docker-registry skopeo runc fuse3 fio gcc libc6-dev
exec /usr/bin/python3 bench/fs/bench.py "$@"
