#!/bin/sh
# build.sh - the build as others meet it: without libnuma, or less still, installed, from the tarball, on a target that will not do.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

src=$PWD
build=${LFVEC_BUILD:-$PWD/build}
jobs=$(nproc 2>/dev/null || echo 2)
cc=$(sed -n 's/^CC = //p' "$build/Makefile" | head -n 1)
stage=$scratch/stage

in_dir() # DIR COMMAND...
{
    mkdir -p "$1"
    (cd "$1" && shift && "$@")
}

# ---- without libnuma, and installed ------------------------------------------------------------------------------------------------------
twin=$scratch/twin
passes 'configure --without-numa' in_dir "$twin" "$src/configure" CC="$cc" CFLAGS=-O1 --prefix=/usr --libdir=/usr/lib --without-numa || finish
found 'WARNING' "$twin/config.log" >"$scratch/warnings"
offenders 'configure has nothing to warn of' "$scratch/warnings"
passes 'it builds' make -C "$twin" -j"$jobs" || finish
check 'the library does not need libnuma' silent_on libnuma ldd "$twin/.libs/liblfvec.so"
passes 'make install DESTDIR' make -C "$twin" install DESTDIR="$stage" || finish

headers=$(cd "$stage/usr/include" && find . -type f | LC_ALL=C sort | tr -d '\n')
check 'lfvec.h and lfvec.hpp are the installed headers' test "$headers" = ./lfvec.h./lfvec.hpp
for page in doc/*.[1-7]; do
    installed=$stage/usr/share/man/man${page##*.}/${page##*/}
    check "${page##*/} is installed" test -s "$installed"
done

# ---- a program outside, through pkg-config -----------------------------------------------------------------------------------------------
cat >"$scratch/outside.c" <<'END'
#include <lfvec.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    uint64_t x = 0;
    lfvec_t *v = argc == 2 ? lfvec_attach(argv[1]) : NULL;
    if (!v || lfvec_push_u64(v, 7) || lfvec_pop_u64(v, &x) || x != 7 || lfvec_size(v) != 0)
        return 1;
    return lfvec_detach(v) || lfvec_unlink(argv[1]);
}
END

flags()
{
    PKG_CONFIG_LIBDIR=$stage/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$stage pkg-config "$@" lfvec
}

version=$(sed -nE 's/^AC_INIT\(\[lfvec\], \[([^]]*)\].*/\1/p' configure.ac)
check "pkg-config reports $version" test "$(flags --modversion)" = "$version"
# shellcheck disable=SC2046,SC2086
if passes 'an outside program builds, shared' $cc -Wall -Werror "$scratch/outside.c" $(flags --cflags) $(flags --libs) -o "$scratch/shared"; then
    check 'and runs' env LD_LIBRARY_PATH="$stage/usr/lib" "$scratch/shared" "/lfvec-build-$$"
fi

# The static one takes the archive by name, and what the archive needs from the module.
private=$(flags --static --libs | tr ' ' '\n' | grep -vE -- '^(-llfvec|-L.*/stage/.*|)$' | tr '\n' ' ')
# shellcheck disable=SC2046,SC2086
if passes 'an outside program builds, static' $cc -Wall -Werror "$scratch/outside.c" $(flags --cflags) "$stage/usr/lib/liblfvec.a" $private \
    -o "$scratch/static"; then
    check 'and runs' "$scratch/static" "/lfvec-build-$$"
fi

# ---- less of it ----------------------------------------------------------------------------------------------------------------------------
# The library alone, shared alone or static alone, without probes and without what is for the tests, in a place of its own.
lesser() # DIR CONFIGURE-ARGUMENT...
{
    at=$1
    shift
    in_dir "$at" "$src/configure" CC="$cc" CFLAGS=-O1 --prefix=/opt/l.f+v --disable-tools --disable-probes "$@" &&
        make -C "$at" -j"$jobs" noinst_PROGRAMS= noinst_LTLIBRARIES= install DESTDIR="$at/stage"
}

installed() # DIR
{
    (cd "$1/stage/opt/l.f+v" && find . -type f ! -path './share/man/*' ! -name '*.la' | LC_ALL=C sort | tr '\n' ' ')
}

headers='./include/lfvec.h ./include/lfvec.hpp'
cmake='./lib/cmake/lfvec/lfvecConfig.cmake ./lib/cmake/lfvec/lfvecConfigVersion.cmake'
for kind in shared static; do
    case $kind in
    shared) flag=--disable-static library=liblfvec.so files="$headers $cmake ./lib/liblfvec.so.0.0.0 ./lib/pkgconfig/lfvec.pc " ;;
    static) flag=--disable-shared library=liblfvec.a files="$headers $cmake ./lib/liblfvec.a ./lib/pkgconfig/lfvec.pc " ;;
    esac
    dir=$scratch/lesser-$kind
    if passes "--disable-tools --disable-probes $flag" lesser "$dir" $flag; then
        check "$kind: nothing else is installed" test "$(installed "$dir")" = "$files"
        check "$kind: no probe is in it" silent_on stapsdt readelf -n "$dir/stage/opt/l.f+v/lib/$library"
    fi
done

# ---- a target without a 16-byte compare-and-swap ------------------------------------------------------------------------------------------
refused()
{
    exits 1 in_dir "$scratch/refused" "$src/configure" "$@" >"$scratch/refused.log" 2>&1 &&
        grep 'has no lock-free 16-byte compare-and-swap' "$scratch/refused.log"
}

# $cc, but as for a processor without cmpxchg16b, whatever configure asks for
cat >"$scratch/cc-without-cas16" <<END
#!/bin/sh
exec $cc "\$@" -mno-cx16
END
chmod +x "$scratch/cc-without-cas16"
case $($cc -dumpmachine) in
x86_64*) check 'configure refuses a target without cmpxchg16b' refused CC="$scratch/cc-without-cas16" ;;
*) skip 'configure refuses a target without cmpxchg16b' 'this is not x86-64' ;;
esac
if echo 'int main(void) { return 0; }' | $cc -m32 -x c - -o "$scratch/m32" 2>/dev/null && "$scratch/m32" 2>/dev/null; then
    check 'configure refuses a 32-bit target' refused CC="$cc -m32"
else
    skip 'configure refuses a 32-bit target' "$cc -m32 makes no program that runs here"
fi

# ---- the tarball --------------------------------------------------------------------------------------------------------------------------
if ! command -v xz >/dev/null; then
    skip 'the tarball builds' 'no xz'
    finish
fi
passes 'make dist' make -C "$twin" dist || finish
passes 'the tarball unpacks' in_dir "$scratch/tarball" tar -xJf "$twin/lfvec-$version.tar.xz" || finish
tree=$scratch/tarball/lfvec-$version

# The same sources are the same bytes: at another time, under another umask, and made of the tarball itself.
remade() # BUILD-DIRECTORY
{
    (umask 027 && make -C "$1" dist) && cmp "$twin/first.tar.xz" "$1/lfvec-$version.tar.xz"
}
mv "$twin/lfvec-$version.tar.xz" "$twin/first.tar.xz"
check 'make dist again gives the same bytes' remade "$twin"

# From sources that may only be read: built, tests included; installed, by DESTDIR too; uninstalled; and made clean. Nothing is left of it.
check 'make distcheck' env CC="$cc" CFLAGS=-O1 make -C "$twin" -j"$jobs" distcheck TESTS=

# Of files of somebody else, made elsewhere, by somebody who speaks and counts differently.
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$tree"
passes 'it configures' in_dir "$tree/b" ../configure CC="$cc" CFLAGS=-O1 || finish
LC_ALL=$(locale -a 2>/dev/null | grep -v -e '^C' -e '^POSIX' | head -n 1) TZ=Pacific/Chatham USER=else LOGNAME=else
export LC_ALL TZ USER LOGNAME
check 'make dist of the tarball gives the same bytes' remade "$tree/b"
unset LC_ALL TZ
# what is in the repository is in the tarball: a file that make dist forgets is missing only for others
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files | grep -vE '(^|/)\.git(ignore|attributes)$' | while read -r file; do
        [ -e "$tree/$file" ] || echo "$file is not in the tarball"
    done >"$scratch/forgotten"
    offenders 'the tarball has every file of the repository' "$scratch/forgotten"
else
    skip 'the tarball has every file of the repository' 'not a git checkout'
fi
if command -v autoreconf >/dev/null && command -v libtoolize >/dev/null; then
    # libtool's own macros are older than autoconf, which calls them obsolete
    check 'autoreconf has nothing to warn of' in_dir "$tree" autoreconf -fi -Wall,no-obsolete,error
else
    skip 'autoreconf has nothing to warn of' 'no autoreconf, or no libtoolize'
fi

finish
