#!/usr/bin/env bash
# choices.sh BUILD DIR [REPS] - measures what lfvec chose against what it might have chosen: the size of a leaf, back-off, and how far apart in the
# segment lie words that different processes write. Writes DIR/choices.json, every round, and DIR/choices.md, the medians. BUILD has
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
back-off: 8 to 1024 pauses     | -DBACKOFF_FIRST=8u                      |
back-off: 64 to 256 pauses     | -DBACKOFF_FIRST=64u -DBACKOFF_LAST=256u   |
back-off: 256 to 8192 pauses   | -DBACKOFF_LAST=8192u                    |
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
            LD_LIBRARY_PATH=$where "$build/.libs/lfvec-bench" --peers lfvec --mixes push,pop,mixed,read --workers 1,2,4 --reps 1 $options \
                --json </dev/null 2>/dev/null | jq -c --arg choice "$(xargs <<<"$name")" '.[] | {choice: $choice, mix, workers, mops}'
        done <<<"$choices"
    done | jq -s . >"$dir/choices.json"
}

tables()
{
    jq -r -f "$src/tests/bench/tables.jq" --arg what choices "$dir/choices.json" >"$dir/choices.md"
}

rounds
tables
