#!/bin/sh
# quickstart.sh - README.md from its installation to the end of its quickstart, followed to the letter in a clean Debian: the commands are typed
# in a checkout of these sources, the programs are built and run somewhere else, and uninstalling leaves nothing. Where no clean system can be
# made, it is skipped.
#
# What stands in for the machine of a reader: sudo is installed, apt-get does not ask, and pip has Debian's wheels for an index.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh
. tests/build/clean.sh
. tests/tool/blocks.sh

PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS DESTDIR PREFIX PYTHONPATH V
root=$scratch/root
shm=/dev/shm/lfvec-test-$$-quickstart # what the sessions leave to each other
trap 'rm -rf "$scratch" "$shm"' EXIT
mkdir -m 1777 "$shm"
end=$(($(date +%s) + 540))

# ---- the reader's machine -------------------------------------------------------------------------------------------------------------------
# What git has, changes included; without git, what is there and was not built.
checkout()
{
    mkdir -p "$root/root/lfvec" "$root/root/desk"
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- -cf - | tar -xf - -C "$root/root/lfvec"
    else
        tar --exclude='./build*' --exclude='*.o' --exclude='*.lo' -cf - . | tar -xf - -C "$root/root/lfvec"
    fi
}

machine()
{
    clean_system 240 sudo,python3-wheel-whl && checkout && echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/90yes"
}

as_reader() # SECONDS DIRECTORY COMMAND
{
    inside "$1" PIP_NO_INDEX=1 PIP_FIND_LINKS=/usr/share/python-wheels LC_ALL=C sh -c "cd /root/$2 && $3"
}

# ---- what the reader does -------------------------------------------------------------------------------------------------------------------
# A block of commands whose output the document does not show.
commands() # BLOCK
{
    grep -vE '^ *(#|$)' "$1" >"$scratch/lines"
    while read -r line; do
        echo "\$ $line"
        as_reader 540 lfvec "$line" || return 1
    done <"$scratch/lines"
}

# A machine that is too busy to build lfvec in this test's time says nothing about README.md.
install() # BLOCK
{
    what="README.md: $(grep -vE '^ *(#|$)' "$1" | head -n 1)"
    if commands "$1" >"$scratch/said" 2>&1; then
        ok "$what"
    elif [ "$(date +%s)" -ge "$end" ]; then
        skip "$what, and what comes after it" 'not in time'
        finish
    else
        not_ok "$what" "$(tail -n 40 "$scratch/said")"
        finish
    fi
}

# The name of a program's file is in the commands that follow it.
follow()
{
    number=0
    for block in "$scratch"/*.block; do
        this=${block%.block} this=${this##*.}
        case $this in
        sh) install "$block" ;;
        c | cpp) cp "$block" "$root/root/desk/hello.$this" ;;
        python) cp "$block" "$root/root/desk/hello.py" ;;
        console)
            number=$((number + 1))
            check "README.md: session $number, in a clean system" session "$block"
            ;;
        esac
    done
}

typed() # COMMAND
{
    as_reader 60 desk "$1"
}

everything_installed()
{
    find "$root/usr/local" "$root/root/.local" ! -type d 2>/dev/null | grep -vE '/__pycache__/' | LC_ALL=C sort
}

reason=$(cannot | head -n 1)
if [ -n "$reason" ]; then
    skip 'the quickstart in a clean system' "$reason"
    finish
fi
if ! machine >"$scratch/system.log" 2>&1; then
    skip 'the quickstart in a clean system' "$(no_system "$scratch/system.log")"
    finish
fi
everything_installed >"$scratch/before"
take_blocks README.md
follow
check './dev uninstall' as_reader 120 lfvec './dev uninstall'
everything_installed >"$scratch/after"
differences "$scratch/before" "$scratch/after" >"$scratch/left"
offenders './dev uninstall leaves nothing' "$scratch/left"
finish
