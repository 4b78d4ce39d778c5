#!/usr/bin/env bash
# Builds and runs every test and ends with a summary. The test process has owners for all it starts; this script adds none.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

started=$SECONDS
swift build --build-tests
built=$SECONDS
status=0
# The suites start servers and measure nothing; two at a time would only make failures harder to read.
# A deadlock in a file system is a test that hangs: an hour is ten times what all tests take.
timeout --kill-after=30 3600 swift test --skip-build --no-parallel 2>&1 | tee "$log" || status=$?
# What a container sees is seen again with FUSE in the place of the kernel's own mounts.
STARLING_TEST_MODE=fuse timeout --kill-after=30 1800 swift test --skip-build --no-parallel \
    --filter '^SystemTests\.(RunTests|ContainerdTests)' 2>&1 | tee -a "$log" || status=$?

passed=$(grep -E '^✔ Test ' "$log" | grep -cv '^✔ Test run' || true)
failed=$(grep -E '^✘ Test ' "$log" | grep -v '^✘ Test run' || true)
echo
echo "== starling: build $((built - started)) s, tests $((SECONDS - built)) s =="
grep -E '^(✔|✘) Test run with ' "$log" || true
if [ "$status" = 0 ]; then
    echo "passed: $passed"
else
    echo "FAILED (exit status $status):"
    echo "$failed"
fi
exit "$status"
