#!/bin/sh
# Unmounts what is mounted below some directories, and removes them.
#
#   bench/discard.sh DIRECTORY…
for directory in "$@"; do
    # The innermost first; lazily, because whoever held it has just been ended.
    awk -v prefix="$directory/" 'index($5, prefix) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r place; do
        umount -l "$place"
    done
    rm -rf --one-file-system -- "$directory"
done
