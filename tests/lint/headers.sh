#!/bin/sh
# headers.sh - every header compiles alone: lfvec.h as strict C and C++, lfvec.hpp as C++17 and C++20, the inner ones as the C of the library.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

warn='-Wall -Wextra -Wconversion -Werror' # no -Wshadow: in C++ a function may not share its name with a struct under it

alone() # COMPILER LANGUAGE STANDARD HEADER
{
    name="$4 alone as $3 with $1"
    echo "#include \"$4\"" >"$scratch/alone"
    if command -v "$1" >/dev/null; then
        # shellcheck disable=SC2086
        check "$name" "$1" $warn -std="$3" -Iinclude -I. -D_GNU_SOURCE -fsyntax-only -x "$2" "$scratch/alone"
    else
        skip "$name" "no $1"
    fi
}

for cc in gcc clang; do
    alone $cc c c11 include/lfvec.h
    alone $cc c c17 include/lfvec.h
done
for cxx in g++ clang++; do
    alone $cxx c++ c++98 include/lfvec.h
    alone $cxx c++ c++11 include/lfvec.h
    alone $cxx c++ c++17 include/lfvec.h
done
for cxx in g++ clang++; do
    alone $cxx c++ c++17 include/lfvec.hpp
    alone $cxx c++ c++20 include/lfvec.hpp
done
for header in lib/*.h; do
    alone gcc c gnu11 "$header"
done

finish
