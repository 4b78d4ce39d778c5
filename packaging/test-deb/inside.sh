#!/usr/bin/env bash
# Within the fresh system of packaging/test-deb.sh: installs the package, uses it as docs/install.md says, and purges it.
#
#   inside.sh REGISTRY PASSWORD NAMESPACE
set -euo pipefail

registry=$1 password=$2 namespace=$3
say() { echo "test-deb:   $*" >&2; }
fail() { say "FAILED: $*"; exit 1; }
# same WHAT EXPECTED ACTUAL
same() { [ "$2" = "$3" ] || fail "$1: expected \"$2\", found \"$3\""; }
quietly() { "$@" > /tmp/quietly.log 2>&1 || { tail -n 30 /tmp/quietly.log >&2; fail "$*"; }; }
install() { quietly apt-get install -y -q --no-install-recommends "$@"; }
wait_for() { for _ in {1..150}; do if "$@" > /dev/null 2>&1; then return 0; fi; sleep 0.1; done; fail "no end of waiting for: $*"; }
# What a package of this name would leave, but for what the test has brought.
traces() { find / -xdev \( -path /test -o -path /proc -o -path /var/lib/apt -o -path /var/lib/containerd -o -path /var/cache \) -prune -o -iname '*starling*' -print; }

quietly apt-get update -q
same "what a fresh system has of it" "" "$(traces)"

say "apt-get install ./starling.deb, and what it needs"
quietly apt-get install -y -q /test/starling.deb
quietly dpkg --verify starling
version=$(dpkg-query --show --showformat '${Version}' starling)
same "starling --version" "$version" "$(starling --version)"
same "starlingd --version" "starlingd $version" "$(starlingd --version)"
same "what is enabled" "" "$(find /etc -iname '*starling*')"
same "what runs" "" "$(for program in /proc/[0-9]*/exe; do readlink "$program" | grep starling || true; done)"

say "man pages, completions, documents, units"
install man-db bash-completion
for page in starling starling-run starling-convert starling-cache-ls starlingd starlingd-config-check; do
    man -w "$page" > /dev/null || fail "no page $page"
done
for page in /usr/share/man/man[18]/starling*; do
    man --warnings -E UTF-8 -l "$page" > /tmp/page 2> /tmp/warnings || fail "man -l $page"
    same "warnings of $page" "" "$(cat /tmp/warnings)"
    grep -q SYNOPSIS /tmp/page || fail "$page says nothing"
done
# shellcheck disable=SC2016
same "completion of starling ru" run "$(bash -c '
    . /usr/share/bash-completion/bash_completion
    . /usr/share/bash-completion/completions/starling
    COMP_LINE="starling ru" COMP_POINT=11 COMP_WORDS=(starling ru) COMP_CWORD=1 COMPREPLY=()
    _starling starling ru starling; echo "${COMPREPLY[@]}"')"
quietly starlingd config check /usr/share/doc/starling/examples/config.toml
starlingd config reference | cmp - /usr/share/doc/starling/configuration-reference.md || fail "the reference of another version"
install systemd
for unit in /lib/systemd/system/starlingd.service /lib/systemd/system/starling-store.service; do
    complaints=$(systemd-analyze verify "$unit" 2>&1 | grep -i starling || true)
    same "systemd-analyze verify $unit" "" "$complaints"
done

say "convert, inspect, run, mount"
mkdir -m 700 /root/.docker
printf '{"auths": {"%s": {"auth": "%s"}}}' "$registry" "$(printf 'tester:%s' "$password" | base64 -w 0)" > /root/.docker/config.json
image=$registry/test/installed:esgz
starling convert --progress none oci:/test/image "$image" > /tmp/digest
grep -q '^sha256:' /tmp/digest || fail "convert printed no digest"
quietly starling verify "$image"
quietly starling check oci:/test/image "$image"
grep -q 'format *estargz' <<< "$(starling inspect "$image")" || fail "inspect knows no format"
data=$(starling cat "$image" root/data | sha256sum | cut -d' ' -f1)
same "starling run" hello "$(starling run --rm --lazy require "$image" echo hello)"
same "data through the lazy layer" "$data" "$(starling run --rm --network none --mode fuse "$image" sha256sum /root/data | cut -d' ' -f1)"
id=$(starling run -d --name box -v data:/data "$image" sh -c 'echo kept > /data/file; exec sleep 600')
wait_for test -e /var/lib/starling/volumes/data/file
same "starling exec" 0 "$(starling exec box id -u)"
same "starling ps" "${id:0:12}" "$(starling ps --no-trunc -q | cut -c1-12)"
quietly starling rm -f box
mkdir /tmp/mount
starling mount "$image" /tmp/mount
same "data of the mount" "$data" "$(sha256sum /tmp/mount/root/data | cut -d' ' -f1)"
quietly starling umount /tmp/mount

say "the same as an ordinary user"
useradd --create-home user
cp -r /root/.docker /home/user/
chown -R user: /home/user/.docker
as_user() { setpriv --reuid user --regid user --init-groups env -C /home/user HOME=/home/user "$@"; }
# shellcheck disable=SC2016
same "ids of the container" "0 0" "$(as_user starling run --rm "$image" sh -c 'echo $(id -u) $(id -g)')"
as_user mkdir /home/user/mount
as_user starling mount "$image" /home/user/mount
same "data of the user's mount" "$data" "$(as_user sha256sum /home/user/mount/root/data | cut -d' ' -f1)"
as_user starling umount /home/user/mount

say "starlingd with containerd"
starlingd > /tmp/starlingd.log 2>&1 &
daemon=$!
wait_for starling status
grep -q "^starlingd $version on /var/lib/containerd-stargz-grpc" <<< "$(starling status)" || fail "starling status"
install containerd
# As in docs/install.md; what cannot work in a corner of another machine is left out.
cat > /etc/containerd/config.toml <<'TOML'
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[proxy_plugins.stargz]
  type = "snapshot"
  address = "/run/containerd-stargz-grpc/containerd-stargz-grpc.sock"
  [proxy_plugins.stargz.exports]
    root = "/var/lib/containerd-stargz-grpc"
TOML
containerd > /tmp/containerd.log 2>&1 &
containerd=$!
wait_for ctr version
grep -q 'stargz.*ok' <<< "$(ctr plugins ls)" || fail "containerd does not know the snapshotter"
starling pull --containerd /run/containerd/containerd.sock --namespace "$namespace" --lazy require "$image" 2> /tmp/pull
grep -q ': lazy$' /tmp/pull || fail "the pull was not lazy: $(cat /tmp/pull)"
same "ctr run" "$data" "$(ctr -n "$namespace" run --rm --snapshotter stargz "$image" t1 sha256sum /root/data | cut -d' ' -f1)"
# A container and an image need the next daemon only.
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
starlingd >> /tmp/starlingd.log 2>&1 &
daemon=$!
# containerd tries again by itself.
wait_for ctr -n "$namespace" snapshots --snapshotter stargz ls
same "ctr run after a crash of the daemon" hello "$(ctr -n "$namespace" run --rm --snapshotter stargz "$image" t2 echo hello)"
ctr -n "$namespace" images rm --sync "$image" > /dev/null
kill "$containerd"
wait "$containerd" || true

say "reinstall and purge"
quietly apt-get install -y -q --reinstall /test/starling.deb
same "what of it is enabled" "" "$(find /etc -iname '*starling*')"
kill -INT "$daemon"
wait "$daemon" || fail "starlingd did not end well: $(tail -n 3 /tmp/starlingd.log)"
same "mounts" "" "$(grep -E 'starling|stargz' /proc/self/mounts || true)"
quietly apt-get remove -y -q starling
[ -d /var/lib/starling/layers ] || fail "a removal has removed the store"
quietly apt-get purge -y -q starling
same "volumes" kept "$(cat /var/lib/starling/volumes/data/file)"
rm -r /var/lib/starling/volumes
rmdir /var/lib/starling
rm -r /home/user/.local/share/starling
same "what is left" "" "$(traces)"
if [ -e /var/lib/containerd-stargz-grpc ]; then fail "the daemon's directory is left"; fi
