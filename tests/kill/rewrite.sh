#!/bin/sh
# rewrite.sh - a descriptor read while it is written, stopped at every instruction of both; and without the rule that seq is odd meanwhile, which
# has to be noticed.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

programs=${LFVEC_BUILD:-.}/tests/kill

stepped() # WHAT PROGRAM [OPTION...]
{
    what=$1
    shift
    status=0
    "$@" >"$scratch/said" || status=$?
    if [ "$status" -eq 77 ]; then
        skip "$what" "$(head -n 1 "$scratch/said")"
    elif [ "$status" -eq 0 ]; then
        ok "$what ($(grep '^rewrite' "$scratch/said"))"
    else
        not_ok "$what"
        sed 's/^/  /' "$scratch/said"
    fi
}

stepped 'who reads a descriptor while it is written gets the leaf of its head, or loads the head again' "$programs/rewrite"
if [ ! -x "$programs/rewrite-broken" ]; then
    skip 'caught: seq is not odd while the rest is written' 'rewrite-broken was not built'
    finish
fi
stepped 'caught: seq is not odd while the rest is written' "$programs/rewrite-broken" --break
finish
