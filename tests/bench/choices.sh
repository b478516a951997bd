#!/usr/bin/env bash
# choices.sh BUILD DIR [REPS] - measures what lfvec chose against what it might have chosen: the size of a leaf, back-off, turns, and how far apart
# in the segment lie words that different processes write. Writes DIR/choices.json, every round, and DIR/choices.md, the medians. BUILD has
# lfvec-bench with the shared library; libraries with other constants are built beside it, in a directory of its own.
set -euo pipefail
src=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
build=$(cd "$1" && pwd) dir=$2 reps=${3:-9}
mkdir -p "$dir"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# name | macros for the library | options of lfvec-bench. The first one is what lfvec does.
choices='
as it is                       |                                        |
leaves of 256 bytes            |                                        | --leaf 256
leaves of 1024 bytes           |                                        | --leaf 1024
leaves of 2048 bytes           |                                        | --leaf 2048
back-off: one pause            | -DBACKOFF_FIRST=1u -DBACKOFF_LAST=1u      |
back-off: 64 to 256 pauses     | -DBACKOFF_LAST=256u                    |
back-off: 64 to 1024 pauses    | -DBACKOFF_LAST=1024u                   |
back-off: 64 to 16384 pauses   | -DBACKOFF_LAST=16384u                  |
no turns                       | -DTURN_WAIT=0u -DTURN_GIVEN=0u           |
turns of 256 pauses            | -DTURN_GIVEN=256u                      |
written words 64 bytes apart   | -DSHM_LINE=64                          |
'

# A library with these macros; prints where it is.
library() # MACROS
{
    local at
    at=$scratch/$(printf '%s' "$1" | cksum | cut -d ' ' -f 1)
    if [ ! -d "$at" ]; then
        mkdir "$at"
        (cd "$at" && "$src/configure" --disable-static --disable-tools CPPFLAGS="$1" && make liblfvec.la) >"$scratch/log" 2>&1 ||
            { tail -n 20 "$scratch/log" >&2; return 1; }
    fi
    echo "$at/.libs"
}

# Operations a second, and what the slower of two workers gets beside the faster.
measure() # NAME WHERE OPTION...
{
    local name=$1 bench=("$build/.libs/lfvec-bench" --peers lfvec --json)
    export LD_LIBRARY_PATH=$2
    shift 2
    "${bench[@]}" --mixes push,pop,mixed,read --workers 1,2,4 --reps 1 "$@" </dev/null 2>/dev/null |
        jq -c --arg choice "$name" '.[] | {choice: $choice, mix, workers, mops}'
    "${bench[@]}" --fairness 1 --workers 2 "$@" </dev/null 2>/dev/null |
        jq -c --arg choice "$name" '.[] | {choice: $choice, mix: "slower to faster", workers, mops: .share_min}'
}

rounds()
{
    local rep name macros options where
    for ((rep = 0; rep < reps; rep++)); do
        while IFS='|' read -r name macros options; do
            [ -n "$name" ] || continue
            macros=$(xargs <<<"$macros")
            where=$build/.libs
            [ -z "$macros" ] || where=$(library "$macros")
            # shellcheck disable=SC2086 # options are words
            (measure "$(xargs <<<"$name")" "$where" $options)
        done <<<"$choices"
    done | jq -s . >"$dir/choices.json"
}

tables()
{
    jq -r -f "$src/tests/bench/tables.jq" --arg what choices "$dir/choices.json" >"$dir/choices.md"
}

rounds
tables
