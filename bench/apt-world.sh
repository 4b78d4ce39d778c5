#!/usr/bin/env bash
# Gives apt a world of its own with the packages of another Debian release: nothing is installed, and this system's sources stay as they are.
#
#   bench/apt-world.sh SUITE DIRECTORY     makes DIRECTORY; then APT_CONFIG=DIRECTORY/apt.conf apt-get download PACKAGE
#
# apt fetches from the mirror that this system uses and verifies: the index by its signature, packages by their SHA-256 in the index.
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: $0 SUITE DIRECTORY" >&2; exit 2; }
suite=$1 directory=$2

codename=$(. /etc/os-release; echo "$VERSION_CODENAME")
mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $codename" | head -n 1; }
mirror=$(mirror)
# On a fresh machine apt has not looked yet.
if [ -z "$mirror" ]; then apt-get update -qq >&2; mirror=$(mirror); fi
[ -n "$mirror" ] || { echo "apt knows no mirror of $codename" >&2; exit 1; }

mkdir -p "$directory/state/lists/partial" "$directory/cache/archives/partial"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$directory/sources.list"
# The sandbox user could not write below a directory of ours.
cat > "$directory/apt.conf" <<CONF
Dir::State "$directory/state";
Dir::State::status "/dev/null";
Dir::Cache "$directory/cache";
Dir::Etc::sourcelist "$directory/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
APT_CONFIG=$directory/apt.conf apt-get update -qq >&2
