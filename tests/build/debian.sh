#!/bin/sh
# debian.sh - the Debian packages: built from the tarball by dpkg-buildpackage, looked at by lintian, installed in a clean system of the
# distribution's own packages, and tried there by debian/tests. Where no such system can be made, they are unpacked and tried in place.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh
. tests/build/clean.sh

# As on a machine that builds packages: the distribution's own Python, whichever else stands before it here.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS DESTDIR PYTHONPATH DEB_BUILD_PROFILES

build=${LFVEC_BUILD:-$PWD/build}
version=$(sed -nE 's/^AC_INIT\(\[lfvec\], \[([^]]*)\].*/\1/p' configure.ac)
tree=$scratch/lfvec-$version
root=$scratch/root
end=$(($(date +%s) + 540)) # no test may take more than 10 minutes, and what takes longer than this is not waited for

# ---- what needs no tools --------------------------------------------------------------------------------------------------------------------
symbols_agree()
{
    sed -nE 's/^ (lfvec_[a-z0-9_]+)@LFVEC_0 .*/\1/p' debian/liblfvec0.symbols | LC_ALL=C sort >"$scratch/symbols"
    LC_ALL=C sort tests/lint/exports.txt | diff - "$scratch/symbols"
}

of_this_version()
{
    grep -q "^lfvec ($version-[0-9]" debian/changelog
}

# One name and address, for the packages and for configure --help.
one_contact()
{
    contact=$(sed -nE 's/^Maintainer: //p' debian/control)
    address=$(sed -nE 's/^AC_INIT\(\[lfvec\], \[[^]]*\], \[([^]]*)\].*/\1/p' configure.ac)
    [ "${contact#*<}" = "$address>" ] && grep -qF " -- $contact  " debian/changelog && grep -qFx "Upstream-Contact: $contact" debian/copyright &&
        grep -qF "email = \"$address\"" python/pyproject.toml
}

check 'debian/liblfvec0.symbols has the exported functions' symbols_agree
check "debian/changelog begins with $version" of_this_version
check 'the maintainer is the same everywhere' one_contact

# ---- a clean system -------------------------------------------------------------------------------------------------------------------------
# Packages of others that the tests in debian/tests depend on, by commas.
test_needs()
{
    sed -nE 's/^Depends: *//p' debian/tests/control | tr -s ', ' '\n\n' | grep -vE '^(lib|python3-)?lfvec' | sort -u | paste -sd ,
}

test_names()
{
    sed -nE 's/^Tests: *//p' debian/tests/control
}

system_for_packages()
{
    clean_system 240 "$(test_needs)" && mkdir -p "$root/packages" && cp -R debian/tests "$root/packages"
}

# ---- the packages are built -----------------------------------------------------------------------------------------------------------------
# Prints what is missing for a build.
missing()
{
    for tool in dpkg-buildpackage dh xz; do
        command -v $tool >/dev/null || echo "no $tool"
    done
    dpkg-checkbuilddeps debian/control 2>&1 || [ $? -eq 1 ]
}

tarball()
{
    limited 120 env XZ_OPT=-0 make -C "$build" dist && mv "$build/lfvec-$version.tar.xz" "$scratch" &&
        tar -xJf "$scratch/lfvec-$version.tar.xz" -C "$scratch"
}

packages()
{
    # the unit tests have run, in this build
    (cd "$tree" && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" limited 400 dpkg-buildpackage -us -uc -b)
}

lacking=$(missing | head -n 1)
if [ -n "$lacking" ]; then
    skip 'the Debian packages' "$lacking"
    finish
fi
passes 'make dist' tarball || finish
reason=$(cannot | head -n 1)
[ -n "$reason" ] || system_for_packages >"$scratch/system.log" 2>&1 & # most of it is waiting: beside the build
built=ok
passes 'dpkg-buildpackage' packages || built=
wait $! || reason=$(no_system "$scratch/system.log")
[ -n "$built" ] || finish
for package in liblfvec0 liblfvec-dev lfvec-tools python3-lfvec; do
    check "$package is built" test -s "$(echo "$scratch/${package}_$version"-*.deb)"
done
if command -v lintian >/dev/null; then
    check 'lintian finds no error' limited 200 lintian --allow-root --fail-on error "$(echo "$scratch"/lfvec_*.changes)"
else
    skip 'lintian finds no error' 'no lintian'
fi

# ---- all of them there ----------------------------------------------------------------------------------------------------------------------
# In three steps: what packages of ours lack is a failure, and so is an installation; a mirror that does not answer is not.
all_packages() # ARGUMENT...
{
    # shellcheck disable=SC2016
    inside 120 sh -c 'exec apt-get install -y -q --no-install-recommends "$@" /packages/*.deb' sh "$@"
}

# ---- or else in place -----------------------------------------------------------------------------------------------------------------------
unpack()
{
    for package in "$scratch"/*.deb; do
        dpkg -x "$package" "$root" || return 1
    done
}

in_place() # TEST
{
    triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
    limited 60 env PATH="$root/usr/bin:$PATH" CPATH="$root/usr/include" LIBRARY_PATH="$root/usr/lib/$triplet" \
        LD_LIBRARY_PATH="$root/usr/lib/$triplet" PKG_CONFIG_PATH="$root/usr/lib/$triplet/pkgconfig" \
        PYTHONPATH="$root/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1 "debian/tests/$1"
}

if [ -z "$reason" ]; then
    cp "$scratch"/*.deb "$root/packages"
    passes 'the distribution has all that the packages depend on' all_packages --simulate || finish
    all_packages --download-only >"$scratch/system.log" 2>&1 || reason='the mirror does not answer'
fi
if [ -z "$reason" ]; then
    passes 'all packages are installed in a clean system' all_packages || finish
    for name in $(test_names); do
        check "debian/tests/$name passes there" inside 60 "/packages/tests/$name"
    done
else
    skip 'all packages are installed in a clean system' "$reason; unpacked and tried in place instead"
    rm -rf "$root"
    passes 'all packages unpack' unpack || finish
    for name in $(test_names); do
        check "debian/tests/$name passes" in_place "$name"
    done
fi
finish
