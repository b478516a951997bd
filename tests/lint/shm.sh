#!/bin/sh
# shm.sh BEFORE - nothing is left in /dev/shm that was not in the listing BEFORE. Run last, by ./dev check.
# What a live process maps, or is named after, belongs to somebody at work, and is none of ours.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

before=$1
named_after_the_living()
{
    for part in $(echo "${1##*/}" | tr '.-' '  '); do
        case $part in
        *[!0-9]* | 1) ;;
        *) [ ! -d "/proc/$part" ] || return 0 ;;
        esac
    done
    return 1
}

left()
{
    for object in /dev/shm/*; do
        [ -e "$object" ] || continue
        ! grep -Fxq "$object" "$before" || continue
        ! grep -Fqs " $object" /proc/[0-9]*/maps || continue
        ! named_after_the_living "$object" || continue
        echo "$object"
    done
}

if [ ! -d /dev/shm ]; then
    skip 'nothing is left in /dev/shm' 'no /dev/shm here'
else
    left >"$scratch/left"
    offenders 'nothing is left in /dev/shm' "$scratch/left"
fi

finish
