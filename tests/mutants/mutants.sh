#!/bin/sh
# mutants.sh - the mutator of `./dev mutants`: it finds each kind of fault in a given source, what it makes of that compiles, a mutant that is
# known to be seen is seen, and explained.txt explains nothing that is gone. The mutants themselves take hours, and are no part of this.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

build=${LFVEC_BUILD:-$PWD/build}
export PYTHONDONTWRITEBYTECODE=1

# The first Python that has libclang: the one in the path need not be the distribution's.
find_python()
{
    for python in ${PYTHON:-python3 /usr/bin/python3}; do
        if "$python" -c 'import clang.cindex; clang.cindex.Index.create()' >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

look()
{
    "$python" tests/mutants/look.py "$@"
}

setting()
{
    sed -n "s/^$1 = //p" "$build/Makefile" | head -n 1
}

all_compile()
{
    mkdir "$scratch/each"
    look each tests/mutants/given.c "$scratch/each"
    for file in "$scratch"/each/*.c; do
        $(setting CC) -std=gnu11 -fsyntax-only "$file" || return 1
    done
}

# The suite of layout.c with another layout.o before the library's.
suite_with() # SOURCE
{
    # shellcheck disable=SC2046
    $(setting CC) -std=gnu11 -O1 $(setting CAS16_CFLAGS) $(setting SAN_CFLAGS) -D_GNU_SOURCE -Iinclude -iquote lib -c "$1" -o "$scratch/layout.o" &&
        $(setting CC) $(setting SAN_CFLAGS) $(setting tests_unit_unit_inner_LDFLAGS) -Wl,--allow-multiple-definition -o "$scratch/suite" "$scratch/layout.o" "$build"/tests/unit/unit_inner-*.o \
            "$build/.libs/liblfvec-inner.a" $(setting CHECK_LIBS) $(setting NUMA_LIBS) $(setting ZLIB_LIBS) $(setting LIBS) ||
        return 99
    CK_RUN_SUITE=layout "$scratch/suite"
}

if ! command -v clang >/dev/null || ! find_python; then
    skip 'the mutator' 'no clang, or no python3 with libclang (Debian: clang and python3-clang)'
    finish
fi
look list tests/mutants/given.c >"$scratch/found"
differences tests/mutants/given.txt "$scratch/found" >"$scratch/differs"
offenders 'of each kind of fault, each place in given.c is found' "$scratch/differs"
check 'each mutant of given.c compiles' all_compile
check 'a seed takes the same mutants each time, and another takes others' look seeds tests/mutants/given.c

key='lib/layout.c layout_elements drop-check 1 | if (elem_size > 8)'
look apply lib/layout.c "$key" >"$scratch/layout.c"
check 'the unit tests pass with lib/layout.c as it is' suite_with lib/layout.c
check "they fail with a known mutant: $key" exits 1 suite_with "$scratch/layout.c"

look stale >"$scratch/stale"
offenders 'each entry of tests/mutants/explained.txt has its mutant' "$scratch/stale"

finish
