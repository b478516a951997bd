#!/bin/sh
# abi.sh - the binary interface of liblfvec.so against lfvec.abi, as libabigail sees it: functions, and the layout of what they are given.
#
# abi.sh --write replaces lfvec.abi by what this build has. Before 1.0 any change may be made so; after it, one that is not an addition
# raises the soname.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

so=${LFVEC_BUILD:-build}/.libs/liblfvec.so
reference=tests/build/lfvec.abi
what='the binary interface is that of lfvec.abi'

# Only what lfvec.h shows; without what differs from one build to the next: places, the compiler, its flags.
dump() # FILE
{
    abidw --headers-dir include --drop-private-types --exported-interfaces-only --drop-undefined-syms --no-elf-needed --no-show-locs \
        --no-corpus-path --no-comp-dir-path --no-write-default-sizes --type-id-style hash \
        "$so" >"$scratch/raw.abi" && sed "s| path='[^']*/lib/| path='lib/|" "$scratch/raw.abi" >"$1"
}

architecture() # FILE
{
    sed -n "s/^<abi-corpus .* architecture='\([^']*\)'.*/\1/p" "$1"
}

# Its status is a sum: 1 and 2 are troubles of its own, 4 is a change.
compare()
{
    status=0
    abidiff --no-show-locs "$reference" "$scratch/now.abi" || status=$?
    [ $status -eq 0 ] || echo 'If that is meant, write the reference anew: ./dev abi'
    return $status
}

if ! command -v abidw >/dev/null || ! command -v abidiff >/dev/null; then
    skip "$what" 'no abidw (abigail-tools)'
elif [ ! -e "$so" ]; then
    skip "$what" "no $so in this build"
elif silent_on '\.debug_info' readelf -S "$so" >/dev/null; then
    skip "$what" 'the library has no debug information'
elif ! dump "$scratch/now.abi" 2>"$scratch/log" || ! grep -q '<function-decl ' "$scratch/now.abi"; then
    skip "$what" 'abidw cannot read the debug information of this compiler'
elif [ "${1:-}" = --write ]; then
    cp "$scratch/now.abi" "$reference"
    echo "$reference is written"
elif cmp -s "$reference" "$scratch/now.abi" || compare >"$scratch/log" 2>&1; then
    ok "$what"
elif [ "$(architecture "$reference")" != "$(architecture "$scratch/now.abi")" ]; then
    skip "$what" 'that is of another machine'
elif [ $((status & 3)) -ne 0 ]; then
    skip "$what" "abidiff cannot read it: $(head -n 1 "$scratch/log")"
else
    not_ok "$what"
    sed 's/^/  /' "$scratch/log"
fi

finish
