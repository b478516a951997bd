#!/bin/sh
# exports.sh - liblfvec.so exports exactly the functions of lfvec.h, as pinned in exports.txt, and takes no lock from libatomic. Each pointer
# that a function of lfvec.h takes, tests/unit/check_null.c gives as NULL.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

so=${LFVEC_BUILD:-build}/.libs/liblfvec.so
pinned=tests/lint/exports.txt

# A declaration of lfvec.h begins in the first column; the inline functions are the caller's.
awk '/^[a-z].*[ *]lfvec_[a-z0-9_]*\(/ && !/^(static|typedef)/ { sub(/\(.*/, ""); sub(/.*[ *]/, ""); print }' include/lfvec.h |
    LC_ALL=C sort >"$scratch/declared"
differences "$pinned" "$scratch/declared" >"$scratch/differs"
offenders 'lfvec.h declares what exports.txt lists' "$scratch/differs"

if [ -e "$so" ]; then
    nm -D --defined-only "$so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort >"$scratch/exported"
    differences "$pinned" "$scratch/exported" >"$scratch/differs"
    offenders 'liblfvec.so exports what exports.txt lists' "$scratch/differs"

    check 'no 16-byte operation is left to libatomic' silent_on '__(atomic|sync)_[a-z_]+(_[0-9]+)?$' nm -D --undefined-only "$so"
else
    skip 'liblfvec.so exports what exports.txt lists' "no $so in this build"
    skip 'no 16-byte operation is left to libatomic' "no $so in this build"
fi

# "FUNCTION N" for each argument that is a pointer, or a NULL; a call in the test has no parentheses in its arguments.
pointers()
{
    grep -oE 'lfvec_[a-z0-9_]+\([^()]*\)' | awk -v what="$1" -F'[(,)]' '{ for (i = 2; i < NF; i++) if ($i ~ what) print $1, i - 1 }' | LC_ALL=C sort -u
}

grep -E '^[a-z].*[ *]lfvec_[a-z0-9_]*\(.*\)' include/lfvec.h | pointers '[*]' >"$scratch/pointers"
pointers '^ *NULL *$' <tests/unit/check_null.c >"$scratch/nulls"
LC_ALL=C comm -23 "$scratch/pointers" "$scratch/nulls" | sed 's/ / takes a pointer, argument /' >"$scratch/untried"
[ -s "$scratch/pointers" ] || echo 'no pointer was found in lfvec.h' >"$scratch/untried"
offenders 'check_null.c gives each function of lfvec.h a NULL for each pointer' "$scratch/untried"

finish
