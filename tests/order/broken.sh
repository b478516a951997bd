#!/bin/sh
# broken.sh - would `order` notice? The library is compiled once more so that one of its rules can be taken out (lib/breakage.h); without
# each of them the check has to fail within BROKEN_SECONDS (60), and with all of them in place it must not.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

broken=${LFVEC_BUILD:-.}/tests/order/order-broken
seconds=${BROKEN_SECONDS:-60}

caught() # NUMBER WHAT [OPTION...]
{
    number=$1 what=$2
    shift 2
    if "$broken" --ops 50000 --break "$number" --within "$seconds" "$@" >"$scratch/said"; then
        ok "caught: $what ($(grep '^caught' "$scratch/said"))"
    else
        not_ok "caught: $what ($(tail -n 1 "$scratch/said"))"
    fi
}

if [ ! -x "$broken" ]; then
    skip 'breakages are caught' 'order-broken was not built'
    finish
fi
if exits 1 "$broken" --ops 50000 --break 0 --within 3 >"$scratch/said"; then
    ok 'nothing is caught when nothing is broken'
else
    not_ok 'nothing is caught when nothing is broken'
    found -v '^ok' "$scratch/said" | tail -n 20 | sed 's/^/  /'
fi
# the numbers of enum breakage, in lib/breakage.h
caught 1 'R2: an overwritten slot is not marked'
caught 2 'a helper installs a leaf whatever the stamp says'
caught 3 'the descriptor in effect is not completed before it is replaced'
caught 4 'what was read from a leaf is always taken for valid'
caught 5 'R3: the descriptor that the head names is overwritten'
caught 6 'the head is read without a second look'
caught 7 'a leaf gets a new role without a new seq'
caught 8 'a leaf is stored into by another than its owner'
caught 9 'R6: a slab is taken over although its owner works in it' --mix narrow
caught 10 'a leaf of a later head is stored into in place' --mix narrow

echo "broken: $((passed - 1)) of 10 breakages caught"
finish
