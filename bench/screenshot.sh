#!/usr/bin/env bash
# What a browser makes of a page that `starling run --trace` wrote, as a picture: to be looked at when the page was changed.
#
#   bench/screenshot.sh PAGE.html PICTURE.png [WIDTH [HEIGHT [dark]]]
#
# Debian's chromium, without a window and without the network.
set -euo pipefail

[ $# -ge 2 ] || { echo "usage: $0 PAGE.html PICTURE.png [WIDTH [HEIGHT [dark]]]" >&2; exit 2; }
"$(dirname "$0")/apt-install.sh" chromium
profile=$(mktemp -d /var/tmp/starling-screenshot.XXXXXX)
trap 'rm -rf "$profile"' EXIT
options=(--headless --no-sandbox --disable-gpu --hide-scrollbars "--user-data-dir=$profile" --virtual-time-budget=3000)
options+=("--host-resolver-rules=MAP * ~NOTFOUND" "--window-size=${3:-1280},${4:-1600}" "--screenshot=$2")
[ "${5:-}" != dark ] || options+=(--blink-settings=preferredColorScheme=0)
timeout 60 chromium "${options[@]}" "file://$(realpath "$1")" 2> "$profile/log" || { tail -n 3 "$profile/log" >&2; exit 1; }
[ -s "$2" ] || { tail -n 3 "$profile/log" >&2; exit 1; }
