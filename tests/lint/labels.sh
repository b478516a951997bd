#!/bin/sh
# labels.sh - every release names its acquire: `SYNC: label (release)` and `SYNC: label (acquire)` come in pairs.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

awk '
{
    rest = $0
    while (match(rest, /SYNC:[ \t]*[a-z0-9-]+/)) {
        label = substr(rest, RSTART + 5, RLENGTH - 5)
        gsub(/[ \t]/, "", label)
        rest = substr(rest, RSTART + RLENGTH)
        if (!(label in first))
            first[label] = FILENAME ":" FNR
        side = rest
        sub(/SYNC:.*/, "", side)
        if (side ~ /release/) release[label] = 1
        if (side ~ /acquire/) acquire[label] = 1
    }
}
END {
    for (label in first) {
        if (!(label in release)) print first[label] ": " label " is acquired, but no comment says where it is released"
        if (!(label in acquire)) print first[label] ": " label " is released, but no comment says where it is acquired"
        count++
    }
    if (!count) print "no SYNC label in lib/ at all"
}' lib/*.[ch] | sort >"$scratch/labels"
offenders 'every SYNC label has a release and an acquire' "$scratch/labels"

finish
