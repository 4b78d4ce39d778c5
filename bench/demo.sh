#!/usr/bin/env bash
# The main thing, on real input: a Debian image with python3 is converted, then `python3 -c 'print("hello")'` runs from it, once lazily
# and once with a full pull of the ordinary image, both cold. Prints time to output and bytes fetched of each.
#
# Runs as root on Debian 12 with Swift on PATH or in /opt/swift. Ends by itself. Leaves the build (.build-release) and the image made from
# Debian packages (in $STARLING_TEST_CACHE, default /var/cache/starling-tests); everything else is removed, also on Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=/opt/swift/usr/bin:$PATH

say() { echo "demo: $*" >&2; }
[ "$(id -u)" = 0 ] || { say "run as root: it mounts file systems and starts containers"; exit 1; }
command -v swift >/dev/null || { say "swift not found; install Swift 6.3 (https://swift.org/install/linux) into /opt/swift"; exit 1; }

cache=${STARLING_TEST_CACHE:-/var/cache/starling-tests}
work=$(mktemp -d /var/tmp/starling-demo.XXXXXX)
mkfifo "$work/output"
servers=()
running=
cleanup() {
    trap '' INT TERM HUP
    # The container first: it ends cleanly while its registry still answers.
    if [ -n "$running" ]; then kill "$running" 2>/dev/null || true; wait "$running" 2>/dev/null || true; fi
    for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${servers[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A port that nobody listens on.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    say "no free port"; return 1
}
wait_for_port() {
    for _ in {1..200}; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.05
    done
    say "nothing answers on port $1: $(tail -n 3 "$work"/*.log 2>/dev/null)"; return 1
}

bench/apt-install.sh libfuse3-dev zlib1g-dev libdeflate-dev libzstd-dev libcurl4-openssl-dev libssl-dev libyaml-dev libsqlite3-dev pkg-config \
    fuse3 crun docker-registry skopeo mmdebstrap python3 ca-certificates
say "building (release; ten minutes the first time)"
make -s release >&2
starling=$PWD/.build-release/release/starling
layout=$(bench/make-image.sh "$cache")

say "starting docker-registry on loopback"
registry=$(free_port)
cat > "$work/registry.yml" <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$registry"}
YAML
docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
servers+=($!)
wait_for_port "$registry"

say "pushing the ordinary image"
skopeo copy --quiet --insecure-policy --dest-tls-verify=false "oci:$layout:latest" "docker://127.0.0.1:$registry/demo/python:plain" >&2
say "converting: starling convert 127.0.0.1:$registry/demo/python:plain 127.0.0.1:$registry/demo/python:lazy"
from=$EPOCHREALTIME
digest=$("$starling" convert "127.0.0.1:$registry/demo/python:plain" "127.0.0.1:$registry/demo/python:lazy")
converted=$(awk "BEGIN {printf \"%.1f\", $EPOCHREALTIME - $from}")

# start_link ROUND_TRIP_MS MBIT: a proxy before the registry with that delay and bandwidth, which counts bytes. Sets link and control.
start_link() {
    link=$(free_port); control=$(free_port)
    while [ "$control" = "$link" ]; do control=$(free_port); done
    python3 bench/wan.py "$link" "$registry" "$1" "$2" "$control" 2> "$work/proxy.log" &
    servers+=($!)
    wait_for_port "$link"; wait_for_port "$control"
    count > /dev/null
}
# Bytes sent down since the last call.
count() {
    exec 3<>"/dev/tcp/127.0.0.1/$control"
    printf r >&3
    sed -E 's/.*"down": ([0-9]+).*/\1/' <&3
    exec 3>&-
}
# run_cold NAME TAG: one run with an empty store of its own; sets seconds (until "hello" is here) and bytes (at the end of the run).
run_cold() {
    local from line
    say "running $1: starling run --rm 127.0.0.1:$link/demo/python:$2 python3 -c 'print(\"hello\")'"
    count > /dev/null
    from=$EPOCHREALTIME
    "$starling" run --rm --root "$work/root-$2" "127.0.0.1:$link/demo/python:$2" python3 -c 'print("hello")' > "$work/output" &
    running=$!
    { read -r line || line=; seconds=$(awk "BEGIN {printf \"%.2f\", $EPOCHREALTIME - $from}"); cat > /dev/null; } < "$work/output"
    wait "$running"
    running=
    [ "$line" = hello ] || { say "unexpected output: \"$line\""; return 1; }
    bytes=$(count)
    rm -rf "$work/root-$2"
}
row() { printf '%-28s %-14s %12s s %14s\n' "$1" "$2" "$3" "$(awk "BEGIN {printf \"%.1f MB\", $4 / 1e6}")"; }

rows=()
for speed in "0 0 loopback" "40 100 40ms,100Mbit/s"; do
    read -r delay mbit name <<< "$speed"
    start_link "$delay" "$mbit"
    run_cold "with a full pull, $name" plain
    rows+=("$(row "$name" "full pull" "$seconds" "$bytes")"); full=$seconds; full_bytes=$bytes
    run_cold "lazily, $name" lazy
    rows+=("$(row "$name" "lazy" "$seconds" "$bytes")")
    rows+=("$(awk "BEGIN {printf \"%-28s %-14s %11.1f x %12.1f x\", \"\", \"  less by\", $full / $seconds, $full_bytes / $bytes}")")
done

echo
echo "python3 -c 'print(\"hello\")' from a Debian image with python3, cold"
printf '%-28s %-14s %14s %14s\n' "link to the registry" "image" "to output" "fetched"
printf '%s\n' "${rows[@]}"
echo "Converted in $converted s to $digest. Kept: .build-release and $cache"
