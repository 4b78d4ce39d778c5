#!/usr/bin/env bash
# The regression guard: what fixed scenarios cost in requests, bytes, system calls and instructions, held against bench/guard/bounds.json.
# No clock is read, so it says the same on a busy machine.
#
#   bench/guard/run.sh [--bin DIR] [--record]
#
# The program is a debug build, from DIR or .build/debug, which is built when it is not there: bounds of instructions are of that. --record writes
# today's figures into bounds.json, to be looked at and committed by whoever has changed them on purpose. Runs as root on Debian 12, under two
# minutes. Ends by itself and removes everything.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ "$(id -u)" = 0 ] || { echo "guard: run as root: it mounts file systems and starts containers" >&2; exit 1; }
bench/apt-install.sh docker-registry skopeo runc crun fuse3 busybox-static strace valgrind binutils gcc libc6-dev gzip python3
bin=.build/debug
if [ "${1:-}" = --bin ]; then bin=${2:?--bin needs a directory}; shift 2; fi
[ -x "$bin/starling" ] || swift build --product starling >&2
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 bench/guard/guard.py --bin "$bin" "$@"
