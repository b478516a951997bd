#!/bin/sh
# outside.sh - lfvec as others have it: installed, used by a project of its own (examples/outside) through pkg-config and CMake, shared and
# static, and uninstalled without a trace.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

build=${LFVEC_BUILD:-$PWD/build}
cc=$(sed -n 's/^CC = //p' "$build/Makefile" | head -n 1)
stage=$scratch/stage
segment=/lfvec-test-$$-outside

if grep -q '^SAN_CFLAGS = .*-fsanitize' "$build/Makefile"; then
    skip 'the installed library' 'this build has sanitizers, which every program would need'
    finish
fi
if [ "$($cc -dumpmachine | cut -d- -f1)" != "$(uname -m)" ]; then
    skip 'the installed library' 'this build is for another machine'
    finish
fi

passes 'make install DESTDIR' make -C "$build" install DESTDIR="$stage" || finish
module=$(find "$stage" -name lfvec.pc)
archive=$(find "$stage" -name liblfvec.a)
shared=$(find "$stage" -name liblfvec.so)
export PKG_CONFIG_PATH="${module%/*}" PKG_CONFIG_SYSROOT_DIR="$stage"

# ---- the project --------------------------------------------------------------------------------------------------------------------------
by_make() # DIR STATIC
{
    mkdir -p "$1"
    make -C examples/outside CC="$cc" BUILD="$1" STATIC="$2" PKG_CONFIG_PATH="$PKG_CONFIG_PATH"
}

by_cmake() # DIR STATIC
{
    cmake -S examples/outside -B "$1" -DCMAKE_C_COMPILER="${cc%% *}" ${2:+-DSTATIC=ON} && cmake --build "$1" --verbose
}

# Three readings by the program in C, taken by the one in C++.
works() # DIR
{
    printf '3: 0.5\n2: 20\n1: -1\n' >"$scratch/expected"
    LD_LIBRARY_PATH=${shared%/*} "$1/put" "$segment" -1 20 .5 && LD_LIBRARY_PATH=${shared%/*} "$1/take" "$segment" >"$scratch/taken" &&
        diff "$scratch/expected" "$scratch/taken"
}

is_dynamic() # PROGRAM
{
    readelf -d "$1" | grep 'NEEDED.*liblfvec\.so\.0'
}

is_static() # PROGRAM
{
    silent_on NEEDED readelf -d "$1"
}

project() # by_make|by_cmake STATIC
{
    dir=$scratch/$1-${2:-0}
    what="examples/outside, ${1#by_}, ${2:+static}${2:-shared}"
    what=${what%1}
    if passes "$what: builds" "$1" "$dir" "$2"; then
        check "$what: works" works "$dir"
        check "$what: is linked so" "$([ -n "$2" ] && echo is_static || echo is_dynamic)" "$dir/take"
    fi
}

# What all libraries in one file takes: of each, an archive. Some systems have none of libz or the C library.
static_libraries()
{
    echo 'int main(void) { return 0; }' >"$scratch/static.c"
    # shellcheck disable=SC2046
    $cc -static "$scratch/static.c" -o "$scratch/static" $(pkg-config --static --libs lfvec)
}

variants='shared static'
[ -n "$shared" ] || { skip 'examples/outside, shared' 'this build has no shared library'; variants=static; }
[ -n "$archive" ] && static_libraries >/dev/null 2>&1 ||
    { skip 'examples/outside, static' 'an archive is missing: of lfvec, or of a library that it needs'; variants=${variants%static}; }
for variant in $variants; do
    static=$([ "$variant" = shared ] || echo 1)
    if ! command -v c++ >/dev/null && ! command -v g++ >/dev/null; then
        skip "examples/outside, $variant" 'no C++ compiler'
        continue
    fi
    project by_make "$static"
    if command -v cmake >/dev/null; then
        project by_cmake "$static"
    else
        skip "examples/outside, cmake, $variant" 'no cmake'
    fi
done

# ---- the names in the archive -------------------------------------------------------------------------------------------------------------
# A program that has every name of ours as well; if it could be linked, but the library called one of these, it would end badly.
clash()
{
    nm -g "$archive" | awk 'NF == 3 && sub(/^lfvec_inner_/, "", $3) { print $3 }' | sort -u >"$scratch/inner"
    [ -s "$scratch/inner" ] || return 1
    {
        printf '#include <lfvec.h>\n#include <stdlib.h>\n'
        sed 's/.*/void &(void);\nvoid &(void)\n{\n    abort();\n}/' "$scratch/inner"
        printf 'int main(int argc, char **argv)\n{\n    uint64_t x;\n    lfvec_t *v = lfvec_attach(argv[argc - 1]);\n'
        printf '    return !v || lfvec_push_u64(v, 1) || lfvec_pop_u64(v, &x) || lfvec_detach(v) || lfvec_unlink(argv[argc - 1]);\n}\n'
    } >"$scratch/clash.c"
    # shellcheck disable=SC2046
    $cc -fno-builtin "$scratch/clash.c" $(pkg-config --cflags lfvec) "$archive" \
        $(pkg-config --static --libs lfvec | tr ' ' '\n' | grep -vE '^(-llfvec|-L.*)$') -o "$scratch/clash" && "$scratch/clash" "$segment"
}

if [ -z "$archive" ]; then
    skip 'liblfvec.a defines no name but lfvec_*' 'this build has no archive'
elif ! grep -qE '^OBJCOPY = .*objcopy' "$build/Makefile" || grep -qE '^CFLAGS = .*-flto' "$build/Makefile"; then
    skip 'liblfvec.a defines no name but lfvec_*' 'this build has no objcopy, or link-time optimisation'
else
    # the address that probes are relative to is weak, hidden, and the same for all libraries
    nm -g "$archive" | awk 'NF == 3 && $3 !~ /^lfvec_/ && $3 != "_.stapsdt.base" { print $3 }' >"$scratch/names"
    offenders 'liblfvec.a defines no name but lfvec_*' "$scratch/names"
    check 'a program may have all names of the library for itself' clash
fi

# ---- away again -----------------------------------------------------------------------------------------------------------------------------
check 'make uninstall DESTDIR' make -C "$build" uninstall DESTDIR="$stage"
find "$stage" ! -type d >"$scratch/left"
offenders 'make uninstall leaves nothing' "$scratch/left"

finish
