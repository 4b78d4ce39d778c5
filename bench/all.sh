#!/usr/bin/env bash
# A short version of every bench, in some minutes: whether all can still be measured, and the figures to look at. Slow is no failure, errors are: a
# bench that ends badly, and a row of ours that is "not measured". A peer that cannot be had is neither.
#
#   bench/all.sh [--bin DIR]
#
# Each bench's own command measures it in full; see its run.sh. Runs as root on Debian 12; a first time takes as long as it takes to make images.
set -euo pipefail
cd "$(dirname "$0")/.."

source bench/programs.sh
output=$(mktemp /var/tmp/starling-bench-all.XXXXXX)
trap 'rm -f "$output"' EXIT
failed=()

# short NAME [OPTION…]
short() {
    echo -e "\n== bench/$1 ${*:2}"
    local started=$SECONDS
    if ! "bench/$1/run.sh" "${@:2}" 2> >(tail -n 20 >&2) | tee "$output"; then
        failed+=("$1 ended badly")
    elif grep -q '^starling.* not measured: ' "$output"; then
        failed+=("$1: $(grep -m 1 '^starling.* not measured: ' "$output")")
    fi
    echo "bench/$1 took $((SECONDS - started)) s"
}

short convert --runs 1 --inputs debian
short startup --short
short store --runs 1 --images redis
short fs --runs 1 --sections operations
short rpc --runs 1 --calls 500 --sections calls,start
short lazy --runs 1 --sections cold --images python
if [ ${#failed[@]} -gt 0 ]; then
    printf 'bench: %s\n' "${failed[@]}" >&2
    exit 1
fi
echo -e "\nbench: all of it was measured"
