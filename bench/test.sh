#!/usr/bin/env bash
# Builds and runs every test and ends with a summary. The test process has owners for all it starts; this script owns the directory of its
# temporary files, which is removed at any end: by this script, and by the guardian of the test process when the last server has ended.
set -euo pipefail
cd "$(dirname "$0")/.."

STARLING_TEST_DIRECTORY=$(mktemp -d "${TMPDIR:-/var/tmp}/starling-tests.XXXXXX")
# Beside it: the guardian of the first run removes the directory, and the second makes it again.
log=$(mktemp "${TMPDIR:-/var/tmp}/starling-tests-log.XXXXXX")
trap 'rm -f "$log"; bench/discard.sh "$STARLING_TEST_DIRECTORY"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

started=$SECONDS
swift build --build-tests
built=$SECONDS
status=0

# Ends the tests. SwiftPM has the test process in a group apart, and when it is told to end itself does not always end that.
end() {
    trap '' INT TERM HUP ALRM
    if [ -n "$tests" ]; then
        pkill -KILL -P "$tests" || true
        kill "$tests" || true
        wait %1 || true
        kill %2
    fi
    exit "$1"
}
tests=
trap 'end 129' HUP
trap 'end 130' INT
trap 'end 143' TERM
trap 'echo "the tests hang" >&2; end 124' ALRM

# run_tests SECONDS [OPTION…]: a job of its own, which no Ctrl-C reaches but through us.
# The suites start servers and measure nothing; two at a time would only make failures harder to read.
run_tests() {
    # Ordinary users look into it, too: apt's, and those of tests.
    mkdir -p "$STARLING_TEST_DIRECTORY"
    chmod 755 "$STARLING_TEST_DIRECTORY"
    set -m
    swift test --skip-build --no-parallel "${@:2}" 2>&1 | tee -i -a "$log" &
    tests=$(jobs -p %1)
    sleep "$1" && kill -ALRM $$ &
    set +m
    wait %1 || status=$?
    tests=
    kill %2
    wait %2 || true
}

export STARLING_TEST_DIRECTORY TMPDIR=$STARLING_TEST_DIRECTORY
# A deadlock in a file system is a test that hangs: an hour is ten times what all tests take.
run_tests 3600
# What a container sees is seen again with FUSE in the place of the kernel's own mounts.
STARLING_TEST_MODE=fuse run_tests 1800 --filter '^SystemTests\.(RunTests|SharedMountTests|MountTests|StoreTests|ContainerdTests|RestartTests)'

# What it costs, counted: no clock is read.
# The guardian has removed it again.
mkdir -p "$STARLING_TEST_DIRECTORY"
bench/guard/run.sh --bin .build/debug || status=$?

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
