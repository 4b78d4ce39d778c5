#!/usr/bin/env bash
# Real images of Debian packages, from nothing here to ready: starling in each of its ways, a full pull, and its peers, in one run.
#
#   bench/startup/run.sh [--bin DIR] [--short] [--runs N] [--images base,python3,…] [--modes full,estargz,…] [--links loopback,near,far,slow]
#                        [--sections images,fractions] [--save]
#
#   images     base, python3, nodejs, redis, … (bench/startup/catalog.py): pull, create, run and ready, requests and bytes. Each over 40 ms and
#              100 Mbit/s; some also on loopback, over 5 ms and 1 Gbit/s, over 150 ms and 20 Mbit/s, and with all peers
#   fractions  one image of which a container reads nothing, a part, and all
#
# --modes and --links measure just those. A full run takes an hour, a short one a few minutes. With --save the raw figures are in bench/results;
# bench/startup/report.sh makes tables and plots of them.
#
# Runs as root on Debian 12. The programs come from DIR or $STARLING_BIN, or are built into .build-release. Peers are Debian's, unpacked and never
# installed. Ends by itself and removes everything, also on Ctrl-C, but layers and peers (in $STARLING_TEST_CACHE, default
# /var/cache/starling-tests; 3 GB). It drops the machine's page cache time and again.
set -euo pipefail
cd "$(dirname "$0")/../.."

source bench/programs.sh
bench/apt-install.sh mmdebstrap python3 python3-grpcio ca-certificates docker-registry skopeo runc crun fuse3 nginx-light openssl
exec /usr/bin/python3 bench/startup/bench.py "$@"
