#!/bin/sh
# outside.sh - lfvec as others have it: installed, used by a project of its own (examples/outside), by make with pkg-config and by CMake with
# find_package, shared and static, and uninstalled without a trace.
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
installed=$stage$(sed -n 's/^prefix = //p' "$build/Makefile" | head -n 1)
version=$(sed -n 's/^PACKAGE_VERSION = //p' "$build/Makefile" | head -n 1)
minor=${version%.*}
export PKG_CONFIG_PATH="${module%/*}" PKG_CONFIG_SYSROOT_DIR="$stage"

# ---- the project --------------------------------------------------------------------------------------------------------------------------
by_make() # DIR STATIC
{
    mkdir -p "$1"
    make -C examples/outside CC="$cc" BUILD="$1" STATIC="$2" PKG_CONFIG_PATH="$PKG_CONFIG_PATH"
}

# Without pkg-config: by the package of CMake alone.
by_cmake() # DIR STATIC
{
    env -u PKG_CONFIG_PATH cmake -S examples/outside -B "$1" -DCMAKE_C_COMPILER="${cc%% *}" -DCMAKE_PREFIX_PATH="$installed" \
        -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON ${2:+-DSTATIC=ON} && cmake --build "$1" --verbose
}

# What find_package(lfvec ARGUMENTS) of another project says, and the paths that it has found.
asked() # PREFIX ARGUMENTS
{
    rm -rf "$scratch/asked"
    mkdir "$scratch/asked"
    cat >"$scratch/asked/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.19)
project(asked NONE)
find_package(lfvec $2 CONFIG)
if(lfvec_FOUND)
  get_target_property(include lfvec::lfvec INTERFACE_INCLUDE_DIRECTORIES)
  message(STATUS "found lfvec \${lfvec_VERSION} in \${include}")
endif()
CMAKE
    cmake -S "$scratch/asked" -B "$scratch/asked/build" -DCMAKE_PREFIX_PATH="$1" -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF 2>&1
}

accepts() # ARGUMENTS
{
    asked "$installed" "$1" | grep -F "found lfvec $version in $(realpath "$installed")/include"
}

rejects() # ARGUMENTS SAYS
{
    asked "$installed" "$1" >"$scratch/asked.log"
    cat "$scratch/asked.log"
    ! grep -F 'found lfvec' "$scratch/asked.log" && grep -qF "$2" "$scratch/asked.log"
}

# Installed in one place, and moved as a whole to another.
moved()
{
    cp -R "$installed" "$scratch/moved"
    asked "$scratch/moved" "$minor" | grep -F "in $scratch/moved/include" && ! grep -rlF "$stage" "$scratch/moved/lib"/cmake
}

# Where the libraries are gone, find_package() says so, and what to do.
without_libraries()
{
    rm -f "$scratch"/moved/lib/liblfvec.*
    asked "$scratch/moved" "$minor" | grep -F 'liblfvec.so and liblfvec.a are missing'
}

versions()
{
    for accepted in '' 0 "$minor" "$version" "$version EXACT" "0.0.1...1" "$version...<9"; do
        check "find_package(lfvec $accepted) finds $version" accepts "$accepted"
    done
    for refused in 0.0.9 0.99 1 9.0 "$minor.99 EXACT" "0.99...9" "0.0.1...<$version"; do
        check "find_package(lfvec $refused) does not" rejects "$refused" "version: $version"
    done
    check 'find_package finds lfvec in a prefix that was moved' moved
    check 'find_package says that the libraries are missing' without_libraries
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

if command -v cmake >/dev/null; then
    versions
else
    skip 'find_package(lfvec)' 'no cmake'
fi

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
