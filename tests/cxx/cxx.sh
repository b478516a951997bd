#!/bin/sh
# cxx.sh - lfvec.hpp with each compiler and each standard, warnings as errors: its tests run, and what must not compile does not.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

build=${LFVEC_BUILD:-build}
warn='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Weffc++ -Werror'
sanitize=$(sed -n 's/^SAN_CFLAGS = //p' "$build/Makefile")

compiles() # COMPILER STANDARD ARGUMENT...
{
    cxx=$1 std=$2
    shift 2
    # shellcheck disable=SC2086
    "$cxx" -std="$std" -O1 $warn $sanitize -Iinclude "$@"
}

links() # COMPILER STANDARD
{
    for source in test alone together range; do
        compiles "$1" "$2" -c "tests/cxx/$source.cpp" -o "$scratch/$source.cpp.o" || return 1
    done
    # shellcheck disable=SC2086
    "$build/libtool" --quiet --tag=CC --mode=link "$1" $sanitize -no-install "$scratch"/*.cpp.o "$build/liblfvec.la" -pthread -o "$scratch/test"
}

# The counts of the tests are ours.
runs() # NAME
{
    status=0
    "$scratch/test" >"$scratch/log" 2>&1 || status=$?
    counts=$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$scratch/log" | tail -n 1)
    if [ -z "$counts" ]; then
        not_ok "$1: ended without counts"
        tail -n 40 "$scratch/log" | sed 's/^/  /'
        return
    fi
    sed -nE "s/^(ok|not ok) - /&$1: /p; s/^  /&/p" "$scratch/log"
    # shellcheck disable=SC2086
    set -- $counts
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    [ $status -eq 0 ] || [ "$2" -gt 0 ] || not_ok "the tests end with status $status, and counted no failure"
}

# What is no element of a vector, and what the sentence says.
refused() # COMPILER STANDARD SAYS CODE
{
    printf '#include <lfvec.hpp>\n#include <string>\n%s\n' "$4" >"$scratch/refused.cpp"
    if compiles "$1" "$2" -fsyntax-only "$scratch/refused.cpp" >"$scratch/refused.log" 2>&1; then
        echo "it compiles"
        return 1
    fi
    grep -E "$3" "$scratch/refused.log"
}

refusals() # COMPILER STANDARD
{
    check "$1 $2: a std::string is no element" refused "$@" 'must be trivially copyable' 'lfvec::vector<std::string> v;'
    check "$1 $2: a pointer is no element" refused "$@" 'a pointer means nothing' 'lfvec::vector<const char *> v;'
    check "$1 $2: nor what is const" refused "$@" 'neither const nor volatile' 'lfvec::vector<const int> v;'
    check "$1 $2: nor what is larger than 64 KiB" refused "$@" 'at most 65536 bytes' 'struct s { char c[65537]; }; lfvec::vector<s> v;'
    check "$1 $2: a bool is no element" refused "$@" 'a bool is no element' 'lfvec::vector<bool> v;'
    check "$1 $2: a number is not assigned through an iterator" refused "$@" assign 'void f(lfvec::vector<int> &v) { *v.begin() = 1; }'
    check "$1 $2: nor is a struct" refused "$@" "operator=|overloaded '='" \
        'struct s { int i; }; void f(lfvec::vector<s> &v) { *v.begin() = s(); }'
    check "$1 $2: what is shared is not sorted in place" refused "$@" "operator=|overloaded '='" \
        '#include <algorithm>
        struct s { int i; bool operator<(const s &o) const { return i < o.i; } };
        void f(lfvec::vector<s> &v) { std::sort(v.begin(), v.end()); }'
    check "$1 $2: floating-point numbers are not cut off" refused "$@" 'would be cut off' \
        'void f(lfvec::vector<int> &v, const std::vector<double> &x) { v.push_n(x); }'
    check "$1 $2: push_n is for what converts" refused "$@" 'push_n' \
        'void f(lfvec::vector<int> &v, const std::vector<std::string> &x) { v.push_n(x); }'
    check "$1 $2: a std::vector needs a default constructor" refused "$@" 'T needs a default constructor' \
        'struct s { explicit s(int i) : i(i) {} int i; }; void f(lfvec::vector<s> &v) { (void)v.consume_all(); }'
    check "$1 $2: fetch_add is for 8 bytes" refused "$@" 'integers of 8 bytes' \
        'int f(lfvec::vector<int> &v) { return v.fetch_add(0, 1); }'
    check "$1 $2: compare_exchange is not for floating point" refused "$@" 'equal values must have equal bytes' \
        'bool f(lfvec::vector<double> &v, double x) { return v.compare_exchange(0, x, 1); }'
}

# Without exceptions there are the codes.
without_exceptions() # COMPILER STANDARD
{
    cat >"$scratch/codes.cpp" <<'CODE'
#include <lfvec.hpp>

int main(int, char **argv)
{
    std::error_code ec;
    lfvec::vector<int> v(argv[1], {}, ec);
    v.push_back(1, ec);
    return v.pop_back(ec) == 1 && !ec ? 0 : 1;
}
CODE
    compiles "$1" "$2" -fno-exceptions -fno-rtti -fsyntax-only "$scratch/codes.cpp"
}

# lfvec.h and lfvec.hpp in one source, and in either order.
in_order() # COMPILER STANDARD FIRST SECOND
{
    cat >"$scratch/order.cpp" <<CODE
#include <$3>
#include <$4>

std::uint64_t both(lfvec::vector<int> &v)
{
    lfvec_t *handle = v.native_handle();
    return lfvec_size(handle) + v.size();
}
CODE
    compiles "$1" "$2" -fsyntax-only "$scratch/order.cpp"
}

# lfvec.h by itself, for those who have an older C++: nothing in it is called lfvec.
header_of_c() # COMPILER STANDARD
{
    cat >"$scratch/c.cpp" <<'CODE'
#include <lfvec.h>

namespace lfvec
{
int pushed(lfvec_t *v)
{
    struct lfvec_attr attr;
    lfvec_attr_init(&attr);
    return lfvec_push_u64(v, attr.elem_size);
}
} // namespace lfvec

int main()
{
    return lfvec::pushed(NULL) < 0 ? 0 : 1;
}
CODE
    compiles "$1" "$2" -c "$scratch/c.cpp" -o "$scratch/c.o" || return 1
    # shellcheck disable=SC2086
    "$build/libtool" --quiet --tag=CC --mode=link "$1" $sanitize -no-install "$scratch/c.o" "$build/liblfvec.la" -o "$scratch/c" && "$scratch/c"
}

for cxx in g++ clang++; do
    if ! command -v $cxx >/dev/null; then
        skip "lfvec.hpp with $cxx" "no $cxx"
        continue
    fi
    for std in c++17 c++20; do
        rm -f "$scratch"/*.o
        if passes "$cxx $std: the tests build" links $cxx $std; then
            runs "$cxx $std"
        fi
        check "$cxx $std: builds without exceptions" without_exceptions $cxx $std
        check "$cxx $std: lfvec.h before lfvec.hpp" in_order $cxx $std lfvec.h lfvec.hpp
        check "$cxx $std: lfvec.hpp before lfvec.h" in_order $cxx $std lfvec.hpp lfvec.h
    done
    for std in c++98 c++11 c++17 c++20; do
        check "$cxx $std: lfvec.h by itself" header_of_c $cxx $std
    done
    check "$cxx c++23: compiles" compiles $cxx c++2b -fsyntax-only tests/cxx/alone.cpp tests/cxx/range.cpp
    for std in c++17 c++20; do
        refusals $cxx $std
    done
done

finish
