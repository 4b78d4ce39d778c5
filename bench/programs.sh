# Sourced by benches that run as root: the programs that they measure are in $STARLING_BIN from here on, and `--bin DIR` is no argument any more.
[ "$(id -u)" = 0 ] || { echo "$0: run as root: it mounts file systems and starts containers" >&2; exit 1; }
if [ "${1:-}" = --bin ]; then
    export STARLING_BIN=${2:?--bin needs a directory}
    shift 2
fi
if [ -z "${STARLING_BIN:-}" ]; then
    make -s release >&2
    export STARLING_BIN=$PWD/.build-release/release
fi
export PYTHONDONTWRITEBYTECODE=1
