#!/usr/bin/env bash
# Builds the fuzzers and runs each for FUZZ_SECONDS (30), one after the other; ends with 1 when one found something.
# FUZZ_SURFACES names some of them. Seeds and past findings are in testdata/fuzz; what is found now is left in fuzz/findings,
# and what coverage grew by in fuzz/.build/corpus, from where the next run goes on.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${FUZZ_SECONDS:-30}
surfaces=${FUZZ_SURFACES:-tar toc tree chunks writer unpack footer gzip zstd documents archive reference erofs}

# fuzzer,address: one flag with both, the last one given wins. Debug assertions stay in optimized code, so that a buffer's bounds are
# checked where address sanitizer cannot see them (inside of a larger buffer).
swift build -c release --sanitize fuzzer -Xswiftc -sanitize=fuzzer,address -Xswiftc -assert-config -Xswiftc Debug
program=$(swift build -c release --sanitize fuzzer --show-bin-path)/fuzz
mkdir -p findings

status=0
for surface in $surfaces; do
    corpus=.build/corpus/$surface
    mkdir -p "$corpus"
    dictionary=()
    [ -f "../testdata/fuzz/$surface.dict" ] && dictionary=("-dict=../testdata/fuzz/$surface.dict")
    echo "== $surface, $seconds s"
    # rss: the corpora and address sanitizer's own take up to 600 MB; malloc: what no single allocation may reach, zstd's window of
    # 128 MiB the largest that may. Swift's globals live for ever, which leak detection does not know.
    FUZZ_SURFACE=$surface SWIFT_BACKTRACE=enable=no "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -malloc_limit_mb=200 -max_len=16384 -detect_leaks=0 -print_final_stats=1 -artifact_prefix="findings/$surface-" \
        "${dictionary[@]}" "$corpus" "../testdata/fuzz/$surface" >"findings/$surface.log" 2>&1 || {
        status=1
        grep -E 'ERROR|Fatal error|Test unit' "findings/$surface.log" | cut -c 1-300 || true
    }
    grep -E 'DONE|number_of_executed_units|peak_rss' "findings/$surface.log" || true
done
exit "$status"
