#!/usr/bin/env bash
# Installs the Debian package in fresh Debian 12 systems and uses it there, as root and as an ordinary user, with a real registry, containerd and runc.
#
#   packaging/test-deb.sh DEB
#
# Needs root, mmdebstrap, systemd-container, docker-registry, skopeo, busybox-static and python3-yaml. The systems are directories, entered in mount and
# process namespaces that take all with them when they end, in whatever way; the registry is this machine's, on loopback. Nothing is left, also on
# Ctrl-C.
set -euo pipefail

[ $# -eq 1 ] || { sed -n '2,8p' "$0" | cut -c3- >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "test-deb: run as root: it mounts file systems and starts containers" >&2; exit 1; }
package=$(realpath "$1")
cd "$(dirname "$0")/.."
say() { echo "test-deb: $*" >&2; }

name=starling-deb-test-$$
work=$(mktemp -d "/var/tmp/$name.XXXXXX")
registry=
running=
ending=
# run SIGNAL COMMAND…: a command that a signal to this script does not have to wait for; SIGNAL ends it then.
run() {
    local status=0
    ending=$1
    "${@:2}" &
    running=$!
    wait "$running" || status=$?
    running=
    return "$status"
}
cleanup() {
    trap '' INT TERM HUP
    if [ -n "$running" ]; then kill -s "$ending" "$running" 2>/dev/null || true; wait "$running" 2>/dev/null || true; fi
    if [ -n "$registry" ]; then kill "$registry" 2>/dev/null || true; wait "$registry" 2>/dev/null || true; fi
    # Control groups are in no namespace: what a test that was cut short has left there is found by the names of its containers.
    for container in "$work"/main/var/lib/starling/containers/*; do
        find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -depth -type d -name "starling-$(basename "$container")" -exec rmdir {} + 2>/dev/null || true
    done
    find /sys/fs/cgroup -depth -type d -path "*/$name*" -exec rmdir {} + 2>/dev/null || true
    bench/discard.sh "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# enter DIRECTORY LOWER COMMAND…: a command in the system of a directory, or of one whose changes go there. It has the machine's network.
enter() {
    # unshare ignores what ends others.
    # shellcheck disable=SC2016
    run KILL unshare --mount --pid --fork --kill-child=KILL --propagation private -- bash -euc '
        root=$1 lower=$2; shift 2
        if [ -n "$lower" ]; then
            mkdir -p "$root.work"
            mount -t overlay overlay -o "lowerdir=$lower,upperdir=$root,workdir=$root.work" "$root"
        else
            mount --bind "$root" "$root"
        fi
        mount -t proc proc "$root/proc"
        for place in dev sys; do mount --rbind "/$place" "$root/$place"; done
        for place in run tmp; do mount -t tmpfs -o mode=1777 tmpfs "$root/$place"; done
        mkdir "$root/tmp/.old"
        cd "$root"
        # Not chroot(2): in one of those nobody may make a user namespace.
        pivot_root . tmp/.old
        umount -l /tmp/.old
        rmdir /tmp/.old
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
    ' enter "$@"
}

say "a registry on loopback, with a password and an ordinary image"
for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
done
password=secret-$RANDOM
# shellcheck disable=SC2016
printf 'tester:%s\n' "$(perl -e 'print crypt($ARGV[0], "\$2b\$05\$" . "abcdefghijklmnopqrstuu")' "$password")" > "$work/htpasswd"
cat > "$work/registry.yml" <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
auth: {htpasswd: {realm: test, path: $work/htpasswd}}
http: {addr: "127.0.0.1:$port"}
YAML
docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
registry=$!
packaging/test-deb/make-image.sh "$work/image"
for _ in {1..100}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
done
for image in test/app:v1 test/app:main; do
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false --dest-creds "tester:$password" \
        "oci:$work/image:latest" "docker://127.0.0.1:$port/$image"
done

say "a fresh Debian 12"
run TERM mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Retries "3"' bookworm "$work/main" >&2
mkdir "$work/main/test"
cp "$package" "$work/main/test/starling.deb"
cp -r "$work/image" packaging/test-deb/inside.sh "$work/main/test/"
for system in github gitlab; do
    packaging/test-deb/ci-lines.py "$system" "127.0.0.1:$port" "$password" < docs/ci.md > "$work/main/test/$system.sh"
done

for system in github gitlab; do
    say "the lines of docs/ci.md for $system"
    mkdir "$work/$system"
    enter "$work/$system" "$work/main" bash -eu "/test/$system.sh" > "$work/$system.log" 2>&1 || { tail -n 40 "$work/$system.log" >&2; exit 1; }
    tag=$([ "$system" = github ] && echo v1-esgz || echo main-esgz)
    skopeo inspect --raw --tls-verify=false --creds "tester:$password" "docker://127.0.0.1:$port/test/app:$tag" \
        | grep -q 'containerd.io/snapshot/stargz/toc.digest' || { say "$tag is not lazy"; exit 1; }
done

say "under systemd"
cp -a "$work/main" "$work/systemd"
cp packaging/test-deb/systemd.sh "$work/systemd/test/"
enter "$work/systemd" "" bash -euc 'apt-get update -q; apt-get install -y -q --no-install-recommends systemd-sysv dbus' > "$work/systemd.log" 2>&1 \
    || { tail -n 20 "$work/systemd.log" >&2; exit 1; }
cat > "$work/systemd/etc/systemd/system/test.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=file:/test/output
StandardError=inherit
ExecStart=/test/systemd.sh
UNIT
ln -s /etc/systemd/system/test.service "$work/systemd/etc/systemd/system/multi-user.target.wants/"
run TERM timeout --kill-after=10 300 systemd-nspawn --quiet --register=no --keep-unit --machine="$name" --resolv-conf=replace-host --capability=all --bind=/dev/fuse \
    --boot --directory="$work/systemd" > "$work/systemd.log" 2>&1 < /dev/null || true
[ "$(tail -n 1 "$work/systemd/test/output")" = "all is well" ] || { cat "$work/systemd/test/output" >&2; tail -n 20 "$work/systemd.log" >&2; exit 1; }

say "install, use, purge"
enter "$work/main" "" bash -eu /test/inside.sh "127.0.0.1:$port" "$password" "$name"
say "all is well"
