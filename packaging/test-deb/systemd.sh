#!/usr/bin/env bash
# Within a fresh system that systemd has started: what the package does with units. The last line of its output says whether all was well.
set -euo pipefail
trap 'systemctl --no-block poweroff' EXIT
export DEBIAN_FRONTEND=noninteractive

fail() { echo "FAILED: $*"; exit 1; }
# same WHAT EXPECTED ACTUAL
same() { [ "$2" = "$3" ] || fail "$1: expected \"$2\", found \"$3\""; }
quietly() { "$@" > /tmp/quietly.log 2>&1 || { tail -n 30 /tmp/quietly.log; fail "$*"; }; }
process() { systemctl show -p MainPID --value starlingd; }
of_ours() { grep -E 'starling|stargz' /proc/self/mounts || true; }

quietly apt-get update -q
quietly apt-get install -y -q --no-install-recommends /test/starling.deb
for unit in starlingd starling-store; do
    same "$unit after the installation" "disabled inactive" "$(systemctl is-enabled $unit || true) $(systemctl is-active $unit || true)"
done
quietly systemctl enable --now starlingd
starling status > /dev/null
first=$(process)
quietly apt-get install -y -q --reinstall --no-install-recommends /test/starling.deb
# It tells systemd when it serves.
[ "$(process)" != "$first" ] || fail "the daemon was not restarted"
starling status > /dev/null
# What was said is in the journal a moment later. Not through a pipe: who stops reading early makes journalctl fail.
journalctl --sync
case $(journalctl -u starlingd --no-pager) in
    *'going on with the lazy layers of another process'*) ;;
    *) fail "the new daemon has not taken over" ;;
esac
[ -n "$(of_ours)" ] || fail "the daemon has mounted nothing"
quietly apt-get remove -y -q starling
same "mounts after the removal" "" "$(of_ours)"
same "processes after the removal" "" "$(grep -l '^starling' /proc/[0-9]*/comm 2>/dev/null || true)"
quietly apt-get purge -y -q starling
same "what is left in /etc" "" "$(find /etc -iname '*starling*' -o -iname '*stargz*')"
if [ -e /var/lib/containerd-stargz-grpc ]; then fail "the daemon's directory is left"; fi
echo "all is well"
