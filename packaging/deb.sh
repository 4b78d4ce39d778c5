#!/usr/bin/env bash
# Makes the Debian package of built programs. Same programs, same commit, same bytes.
#
#   packaging/deb.sh BIN_DIRECTORY OUTPUT_DIRECTORY [CHECKOUTS]     prints the path of starling_VERSION_ARCHITECTURE.deb
#
# BIN_DIRECTORY has starling and starlingd, release builds for the Debian that this runs on: what they depend on is taken from here. CHECKOUTS has the
# sources of the Swift packages, of which the NOTICE files are passed on. Needs no root, but chrpath, dpkg-dev, binutils and python3.
set -euo pipefail

case $# in 2 | 3) ;; *)  sed -n '2,7p' "$0" | cut -c3- >&2; exit 2; ;; esac
bin=$(realpath "$1")
mkdir -p "$2"
output=$(realpath "$2")
checkouts=${3:+$(realpath "$3")}
cd "$(dirname "$0")/.."
umask 022
export LC_ALL=C.UTF-8 TZ=UTC PYTHONDONTWRITEBYTECODE=1

say() { echo "deb: $*" >&2; }

version=$(sed -n 's/.*"\([0-9][^"]*\)".*/\1/p' Sources/Commands/Version.swift)
[ "$("$bin/starling" --version)" = "$version" ] || { say "$bin/starling is not version $version"; exit 1; }
[ "$("$bin/starlingd" --version)" = "starlingd $version" ] || { say "$bin/starlingd is not version $version"; exit 1; }
head -n 1 packaging/debian/changelog | grep -qF "starling ($version)" || { say "packaging/debian/changelog does not begin with $version"; exit 1; }
architecture=$(dpkg --print-architecture)
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date -d "$(sed -n 's/^ -- .*>  //p' packaging/debian/changelog | head -n 1)" +%s)
fi
export SOURCE_DATE_EPOCH

work=$(mktemp -d "${TMPDIR:-/tmp}/starling-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
root=$work/root
doc=$root/usr/share/doc/starling

say "programs"
mkdir -p "$root/usr/bin"
for program in starling starlingd; do
    install -m 755 "$bin/$program" "$root/usr/bin/$program"
    strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/$program"
    # SwiftPM's search path for libraries beside the program: there are none, and nobody is to put some there.
    chrpath --delete "$root/usr/bin/$program" > /dev/null
done

say "man pages and completions"
day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)
packaging/manual.py --section 1 --version "$version" --date "$day" --out "$root/usr/share/man/man1" "$bin/starling"
packaging/manual.py --section 8 --version "$version" --date "$day" --out "$root/usr/share/man/man8" "$bin/starlingd"
gzip -9n "$root"/usr/share/man/man*/*
mkdir -p "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" "$root/usr/share/fish/vendor_completions.d"
for program in starling starlingd; do
    # It is read, not run.
    "$bin/$program" --generate-completion-script bash | sed '1{/^#!/d}' > "$root/usr/share/bash-completion/completions/$program"
    "$bin/$program" --generate-completion-script zsh > "$root/usr/share/zsh/vendor-completions/_$program"
    "$bin/$program" --generate-completion-script fish > "$root/usr/share/fish/vendor_completions.d/$program.fish"
done

say "units"
# unit FROM TO: the programs are in /usr/bin here.
unit() { mkdir -p "$root/$(dirname "$2")"; sed 's|/usr/local/bin/|/usr/bin/|' "packaging/$1" > "$root/$2"; }
unit starlingd.service lib/systemd/system/starlingd.service
unit starling-store.service lib/systemd/system/starling-store.service
unit starling-store-user.service usr/lib/systemd/user/starling-store.service

say "documents"
mkdir -p "$doc/examples"
cp README.md CONTRIBUTING.md docs/*.md docs/*.png docs/*.svg "$doc"
# Beside each other here, and not one below the other; what is in the sources alone is text.
sed -i -E 's#\]\((\.\./)?docs/#](#g; s#\]\(\.\./(README|CONTRIBUTING)\.md#](\1.md#g; s#\[([^]]*)\]\((\.\./)?(bench|packaging|Tests|Sources)[^)]*\)#\1#g' "$doc"/*.md
"$bin/starlingd" config default > "$doc/examples/config.toml"
cp packaging/debian/copyright "$doc/copyright"
gzip -9nc packaging/debian/changelog > "$doc/changelog.gz"
if [ -n "$checkouts" ]; then
    for notice in "$checkouts"/*/NOTICE*.txt; do
        printf '%s\n\n' "== $(basename "$(dirname "$notice")")"; cat "$notice"; echo
    done | gzip -9n > "$doc/NOTICE.gz"
else
    say "no CHECKOUTS: the package has no NOTICE.gz, and is not to be passed on"
fi

say "what it depends on"
mkdir -p "$work/debian" "$root/DEBIAN"
printf 'Source: starling\n\nPackage: starling\nArchitecture: %s\n' "$architecture" > "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O -Sroot -eroot/usr/bin/starling -eroot/usr/bin/starlingd | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { say "nothing found that the programs depend on"; exit 1; }

size=$(find "$root" -path "$root/DEBIAN" -prune -o -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
sed -e "s|@VERSION@|$version|; s|@ARCHITECTURE@|$architecture|; s|@DEPENDS@|$depends|; s|@SIZE@|$size|" packaging/debian/control.in > "$root/DEBIAN/control"
for script in postinst prerm postrm; do install -m 755 "packaging/debian/$script" "$root/DEBIAN/$script"; done
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
chmod -R u=rwX,go=rX "$root"

say "the package"
file=starling_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$work/$file" > /dev/null
mv "$work/$file" "$output/$file"
echo "$output/$file"
