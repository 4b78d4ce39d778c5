#!/usr/bin/env bash
# Installs Debian packages that are missing; does nothing, and needs no network, when all are there.
set -euo pipefail

missing=()
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

sudo=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "missing packages: ${missing[*]}; install them as root with apt-get install" >&2; exit 1; }
    sudo=(sudo)
fi
echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
install() { "${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}" >&2; }
# The lists of a fresh machine may be old or absent.
install || { "${sudo[@]}" apt-get update -q >&2 && install; }
