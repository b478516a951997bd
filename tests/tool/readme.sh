#!/bin/sh
# readme.sh - the program at the top of README.md compiles without a warning and does what it says.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

build=${LFVEC_BUILD:-build}
program=$scratch/hello
segment=/lfvec-readme-$$

# the first block of C, as a reader would copy it
awk '/^```c$/ && !seen { inside = 1; seen = 1; next } /^```$/ { inside = 0 } inside' README.md >"$program.c"

if ! check 'README.md has a program' test -s "$program.c"; then
    finish
fi
lines=$(wc -l <"$program.c")
check "it is short ($lines lines)" test "$lines" -le 24 || true

# The compiler and the options of the build: under a sanitizer the program needs its runtime too.
setting()
{
    sed -n "s/^$1 = //p" "$build/Makefile" | head -n 1
}

run()
{
    output=$("$program" "$segment") && [ "$output" = "$1" ]
}

if [ -e "$build/.libs/liblfvec.so" ]; then
    link="-L$build/.libs -llfvec -Wl,-rpath,$build/.libs"
else
    link="$build/.libs/liblfvec.a $(setting NUMA_LIBS) $(setting ZLIB_LIBS) $(setting LIBS) -lpthread"
fi
# shellcheck disable=SC2046,SC2086
if check 'it compiles without a warning' $(setting CC) $(setting SAN_CFLAGS) -std=c11 -Wall -Wextra -Werror -Iinclude \
    "$program.c" -o "$program" $link; then
    check 'it runs and prints what it pushed' run 'popped 42, 1 left' || true
    check 'a second process finds what the first left' run 'popped 42, 2 left' || true
fi
rm -f "/dev/shm$segment"

finish
