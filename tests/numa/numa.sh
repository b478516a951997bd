#!/bin/sh
# numa.sh - where pages lie on machines with several memory nodes. qemu emulates them, in software; they boot Debian's kernel in seconds,
# and tests/numa/numa is all that runs there. The kernel is LFVEC_KERNEL, or the one that `./dev numa` has put into the build directory.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

build=${LFVEC_BUILD:-$PWD/build}
kernel=${LFVEC_KERNEL:-$build/tests/numa/vmlinuz}
machines=0 rows=0 pages=0 misplaced=0

nothing_runs() # WHY
{
    skip 'placement on several nodes' "$1"
    echo "numa: $1"
    finish
}

needs()
{
    [ "$(uname -m)" = x86_64 ] || nothing_runs 'this is not x86-64, and the program would be for another machine'
    for tool in qemu-system-x86_64 cpio gzip; do
        command -v $tool >/dev/null || nothing_runs "no $tool here (Debian: qemu-system-x86, cpio, gzip)"
    done
    [ -r "$kernel" ] || nothing_runs "no kernel to boot: ./dev numa fetches one, or name it in LFVEC_KERNEL"
    if ! grep -q '^NUMA_LIBS = .' "$build/Makefile"; then
        nothing_runs 'built without libnuma'
    fi
}

# Static where there are static libraries to link; otherwise what it needs goes with it.
program()
{
    make -s -C "$build" tests/numa/numa || make -s -C "$build" tests/numa/numa numa_static=
}

# The libraries that a program needs, where it looks for them, and in /lib.
libraries() # PROGRAM
{
    LD_LIBRARY_PATH=$build/.libs ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$scratch/root/lib" "$scratch/root${library%/*}"
        cp -L "$library" "$scratch/root$library"
        [ "${library%/*}" = /lib ] || cp -L "$library" "$scratch/root/lib/"
    done
}

# lfvec-shmctl, for a scene that shows what it says; the machines do without it where it was not built.
tool()
{
    for program in "$build/.libs/lfvec-shmctl" "$build/lfvec-shmctl"; do
        if [ -x "$program" ] && ldd "$program" >/dev/null 2>&1; then
            mkdir "$scratch/root/bin"
            cp "$program" "$scratch/root/bin/"
            libraries "$program"
            return
        fi
    done
}

initramfs()
{
    mkdir "$scratch/root"
    cp "$build/tests/numa/numa" "$scratch/root/init"
    libraries "$scratch/root/init"
    tool
    (cd "$scratch/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$scratch/initramfs"
}

# The options of a machine with a processor and so many MiB of memory on each node.
options() # MIB...
{
    node=0 total=0
    for mib; do
        if [ "$mib" -gt 0 ]; then
            echo "-object memory-backend-ram,id=m$node,size=${mib}M -numa node,nodeid=$node,cpus=$node,memdev=m$node"
        else
            echo "-numa node,nodeid=$node,cpus=$node"
        fi
        node=$((node + 1)) total=$((total + mib))
    done
    echo "-m ${total}M -smp $node,sockets=$node"
}

# Two minutes are for a machine that hangs; it needs a few seconds.
emulate() # NAME MIB...
{
    name=$1
    shift
    # shellcheck disable=SC2046
    timeout --foreground -k 5 120 qemu-system-x86_64 -accel tcg -nodefaults -no-user-config -display none -serial stdio -no-reboot $(options "$@") \
        -kernel "$kernel" -initrd "$scratch/initramfs" -append "console=ttyS0 quiet panic=-1 -- $name" </dev/null 2>&1 |
        tr -d '\r' >"$scratch/$name"
}

# What the program said is the test's own; its last line says that it came to its end.
machine() # NAME MIB...
{
    echo "a machine of $(($# - 1)) nodes: $*"
    emulate "$@"
    sed '/^begin json$/,/^end json$/d; /^begin svg$/,/^end svg$/d' "$scratch/$1"
    passed=$((passed + $(found -c '^ok - ' "$scratch/$1")))
    failed=$((failed + $(found -c '^not ok - ' "$scratch/$1")))
    if line=$(grep -E '^table: [0-9]+ rows, [0-9]+ pages, [0-9]+ misplaced$' "$scratch/$1"); then
        # shellcheck disable=SC2086
        set -- ${line#table:}
        machines=$((machines + 1)) rows=$((rows + $1)) pages=$((pages + $3)) misplaced=$((misplaced + $5))
    else
        not_ok "the machine '$1' came to the end of its test"
    fi
}

# What lfvec-shmctl printed there.
shown() # MACHINE TITLE
{
    sed -n "/^begin $2\$/,/^end $2\$/p" "$scratch/$1" | sed '1d;$d' | sed '$d'
}

placed() # MACHINE: in force, and every page where it was asked for
{
    shown "$1" numa | grep -q '^IN_FORCE *yes' && shown "$1" numa | grep -q '^TOTAL_MISPLACED *0$' &&
        shown "$1" numa | grep -Eq '^slabs +[1-9][0-9]* +(local|interleave) '
}

valid() # MACHINE TITLE COMMAND...
{
    shown "$1" "$2" >"$scratch/shown"
    shift 2
    [ -s "$scratch/shown" ] && "$@" "$scratch/shown"
}

# The map of the first machine as doc/numa.md has it: LFVEC_PICTURE=doc puts it there.
picture()
{
    { echo; shown two map | sed 's/^./    &/'; echo; } >"$scratch/map"
    [ "$(grep -c . "$scratch/map")" -gt 10 ] &&
        shown two svg >"$LFVEC_PICTURE/map.svg" &&
        sed -i -e '/^<!-- map -->$/,/^<!-- end of map -->$/{//!d}' -e "/^<!-- map -->\$/r $scratch/map" "$LFVEC_PICTURE/numa.md"
}

# The tool says the same as the test does, in every form.
tool_is_right() # MACHINE
{
    if [ ! -e "$scratch/root/bin/lfvec-shmctl" ]; then
        skip "$1: lfvec-shmctl in the machine" 'it was not built, or what it needs was not found'
        return
    fi
    check "$1: lfvec-shmctl numa: in force, and nothing misplaced" placed "$1"
    if command -v jq >/dev/null; then
        check "$1: its JSON says so as well" valid "$1" json jq -e '.placement[0] | .in_force and .total_misplaced == 0 and .total_pages > 0'
    fi
    if command -v xmllint >/dev/null; then
        check "$1: lfvec-shmctl map: its SVG is well-formed" valid "$1" svg xmllint --noout
    fi
}

needs
passes 'the program is built' program || finish
passes 'the initramfs is made' initramfs || finish
machine two 256 256
machine four 256 256 256 256
machine bare 256 256 0
tool_is_right two
tool_is_right four
if [ -n "${LFVEC_PICTURE:-}" ]; then
    check "the picture is put into $LFVEC_PICTURE" picture
fi
# once more, below the tables: the end of a log is what is shown of it
found -h '^not ok - ' "$scratch/two" "$scratch/four" "$scratch/bare" | sed 's/^/  /'
echo "numa: $machines machines, $rows regions of $pages pages, $misplaced misplaced"

finish
