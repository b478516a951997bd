#!/bin/sh
# man.sh - the manual pages: the program in each compiles without a warning and prints what the page says; each function, constant and field of
# lfvec.h is in one of them, declared as in the header; what one page refers to, there is; mandoc finds nothing to say; and `man` finds each.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

build=${LFVEC_BUILD:-build}
header=include/lfvec.h
segment=/lfvec-man-$$

# ---- the programs ------------------------------------------------------------------------------------------------------------------------

# The n-th display under EXAMPLES, as a reader sees it: the first is a program, the second what it prints.
display() # N PAGE
{
    awk -v want="$1" '
        /^\.Sh / { here = $2 == "EXAMPLES" }
        here && /^\.Bd -literal/ { n++; inside = 1; next }
        /^\.Ed/ { inside = 0 }
        inside && n == want' "$2" | sed 's/^\\&//; s/\\e/\\/g'
}

# The compiler and the options of the build: under a sanitizer the program needs its runtime too.
setting()
{
    sed -n "s/^$1 = //p" "$build/Makefile" | head -n 1
}

if [ -e "$build/.libs/liblfvec.so" ]; then
    link="-L$build/.libs -llfvec -Wl,-rpath,$build/.libs"
else
    link="$build/.libs/liblfvec.a $(setting NUMA_LIBS) $(setting ZLIB_LIBS) $(setting LIBS) -lpthread"
fi

prints_what_it_says()
{
    timeout -k 5 60 "$scratch/program" "$segment" >"$scratch/printed" && diff -u "$scratch/expected" "$scratch/printed"
}

for page in doc/lfvec_*.3 doc/lfvec.7; do
    file=${page#doc/}
    display 1 "$page" >"$scratch/program.c"
    display 2 "$page" >"$scratch/expected"
    if ! grep -q '^int main(' "$scratch/program.c" || [ ! -s "$scratch/expected" ]; then
        not_ok "$file has a program and what it prints"
        continue
    fi
    # shellcheck disable=SC2046,SC2086
    if passes "$file: the program compiles without a warning" $(setting CC) $(setting SAN_CFLAGS) -Wall -Wextra -Werror -Iinclude \
        "$scratch/program.c" -o "$scratch/program" $link; then
        check "$file: it prints what the page says" prints_what_it_says
    fi
    rm -f "/dev/shm$segment"
done

# ---- what the header has, the pages have ---------------------------------------------------------------------------------------------------

# Names in a page's NAME section.
names() # PAGE...
{
    awk '/^\.Sh /{ here = $2 == "NAME" } here && /^\.Nm / { print $2 }' "$@"
}

# Declarations in a page's SYNOPSIS, as the header writes them.
declarations() # PAGE...
{
    awk '
        /^\.Sh / { here = $2 == "SYNOPSIS" }
        here && /^\.Ft / { type = $0; sub(/^\.Ft /, "", type); gsub(/"/, "", type) }
        here && /^\.Fn / {
            arguments = $0
            sub(/^\.Fn [a-z0-9_]+ /, "", arguments)
            gsub(/" "/, ", ", arguments)
            gsub(/"/, "", arguments)
            print type (type ~ /\*$/ ? "" : " ") $2 "(" arguments ")"
        }' "$@"
}

# A declaration of lfvec.h begins in the first column, the inline functions too.
sed -nE 's/^(static inline )?([a-z][a-z0-9_ ]*[ *]lfvec_[a-z0-9_]+\(.*\))(;.*)?$/\2/p' "$header" | LC_ALL=C sort >"$scratch/declared"
declarations doc/*.3 | LC_ALL=C sort >"$scratch/synopses"
check 'lfvec.h has functions to look for' test "$(wc -l <"$scratch/declared")" -gt 40
differences "$scratch/declared" "$scratch/synopses" >"$scratch/differs"
offenders 'the pages declare what lfvec.h declares, each once' "$scratch/differs"

sed -E 's/\(.*//; s/.*[ *]//' "$scratch/declared" | LC_ALL=C sort >"$scratch/functions"
LC_ALL=C sort -u tests/lint/exports.txt "$scratch/functions" >"$scratch/all"
names doc/*.3 | LC_ALL=C sort >"$scratch/named"
differences "$scratch/all" "$scratch/named" >"$scratch/differs"
offenders 'each exported or inline function is in the NAME of one page' "$scratch/differs"

for page in doc/*.3; do
    declarations "$page" | sed -E 's/\(.*//; s/.*[ *]//' | LC_ALL=C sort >"$scratch/declared"
    names "$page" | LC_ALL=C sort | diff - "$scratch/declared" | sed -n "s|^[<>]|$page: NAME or SYNOPSIS only:|p"
    [ "$(names "$page" | head -n 1)" = "$(basename "$page" .3)" ] || echo "$page does not begin with its own name"
done >"$scratch/odd"
offenders 'each page names what it declares, and is called as the first of them' "$scratch/odd"

constants() # FILE...
{
    grep -ohE 'LFVEC_[A-Z0-9_]+' "$@" | grep -vE '_$|^LFVEC_H$' | LC_ALL=C sort -u
}

constants "$header" >"$scratch/constants"
constants doc/*.3 | LC_ALL=C comm -23 "$scratch/constants" - >"$scratch/forgotten"
check 'lfvec.h has constants to look for' test "$(wc -l <"$scratch/constants")" -gt 40
offenders 'each constant is in a page' "$scratch/forgotten"

# STRUCT FIELD, a line each.
awk '
    /^struct lfvec_[a-z_]+ \{/ { name = $2; next }
    /^};/ { name = "" }
    name && /^ +[a-z].*;/ {
        sub(/;.*/, ""); gsub(/\[[^]]*\]/, ""); gsub(/,/, " ")
        for (i = 2; i <= NF; i++) print name, $i
    }' "$header" >"$scratch/fields"
while read -r struct field; do
    grep -lw "struct $struct" doc/*.3 | xargs grep -hE '^\.It (Vt|Va) ' | grep -qw "$field" || echo "$struct.$field"
done <"$scratch/fields" >"$scratch/forgotten"
check 'lfvec.h has fields to look for' test "$(wc -l <"$scratch/fields")" -gt 50
offenders 'each field of each struct is in a page' "$scratch/forgotten"

grep -hE '^\.(It (.* )?)?Xr lfvec' doc/*.[1-7] | sed -E 's/.*Xr (lfvec[a-z0-9_-]*) ([0-9]).*/\1 \2/' | LC_ALL=C sort -u |
    while read -r name section; do
        [ -e "doc/$name.$section" ] || { [ "$section" = 3 ] && grep -Fxq "$name" "$scratch/named"; } || echo "$name($section)"
    done >"$scratch/nowhere"
offenders 'the pages of ours that are referred to exist' "$scratch/nowhere"

# ---- mandoc, and man -----------------------------------------------------------------------------------------------------------------------
for page in doc/*.[1-7]; do
    if command -v mandoc >/dev/null; then
        check "mandoc -Tlint $page" mandoc -Tlint -Wwarning "$page"
    else
        skip "mandoc -Tlint $page" 'no mandoc'
    fi
done

stage=$scratch/stage
man_pages=$stage/usr/share/man
# The build as it is: a test does not configure anew what somebody is at work on.
staged() # TARGET...
{
    make -C "$build" ACLOCAL=: AUTOCONF=: AUTOHEADER=: AUTOMAKE=: prefix=/usr mandir=/usr/share/man DESTDIR="$stage" "$@"
}

if passes 'make install-data' staged install-data; then
    while read -r name; do
        page=$man_pages/man3/$name.3
        target=$(sed -n 's/^\.so //p' "$page" 2>/dev/null | head -n 1)
        [ -s "$page" ] && { [ -z "$target" ] || [ -s "$man_pages/$target" ]; } || echo "$name.3"
        # the page that it leads to is the one of its family
        names "$man_pages/${target:-man3/$name.3}" | grep -Fxq "$name" || echo "$name.3 leads to ${target:-itself}"
    done <"$scratch/all" >"$scratch/missing" 2>&1
    offenders 'each function has a page or a link to one' "$scratch/missing"
    if command -v man >/dev/null && [ -n "$(man -M "$man_pages" -w lfvec 2>/dev/null)" ]; then
        while read -r name; do
            man -M "$man_pages" -w 3 "$name" >/dev/null 2>&1 || echo "$name"
        done <"$scratch/all" >"$scratch/missing"
        offenders 'man finds each function' "$scratch/missing"
    else
        skip 'man finds each function' 'no man that looks here'
    fi
    if passes 'make uninstall of the pages' staged uninstall-man uninstall-hook; then
        find "$man_pages" ! -type d >"$scratch/left"
        offenders 'nothing is left of them' "$scratch/left"
    fi
fi

finish
