#!/bin/sh
# probes.sh - the USDT probes: each one that lib/probe.h tells of is in the library, with two arguments, and in examples/lfvec.bt; and none
# is without them.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

build=${LFVEC_BUILD:-$PWD/build}
library=$(find "$build" -name 'liblfvec.a' | head -n 1)

if ! command -v readelf >/dev/null; then
    skip 'probes of the library' 'no readelf'
elif ! grep -q 'LFVEC_PROBES' "$build/Makefile"; then
    skip 'probes of the library' 'built without <sys/sdt.h> (Debian: systemtap-sdt-dev)'
else
    readelf -n "$library" >"$scratch/notes"
    sed -nE 's/^ +Name: //p' "$scratch/notes" | sort -u >"$scratch/found"
    sed -nE 's/^ +Arguments: //p' "$scratch/notes" >"$scratch/arguments"
    sed -nE 's/^ \*   lfvec:([a-z_]+)\(.*/\1/p' lib/probe.h | sort >"$scratch/told"
    check 'the library has the probes that lib/probe.h tells of' cmp "$scratch/found" "$scratch/told"
    check 'there are six of them' test "$(wc -l <"$scratch/told")" -eq 6
    check 'each has two arguments' awk 'NF != 2 { odd++ } END { exit odd || NR < 6 }' "$scratch/arguments"
    sed -nE 's/^usdt:.*:lfvec:([a-z_]+)$/\1/p' examples/lfvec.bt | sort >"$scratch/script"
    check 'examples/lfvec.bt shows all of them' cmp "$scratch/script" "$scratch/told"
fi

# Parsed and compiled, not run. That takes root and a kernel that knows of it; what is wrong with the script itself has a place in it.
script_is_read()
{
    shared=$build/.libs/liblfvec.so.0
    if ! command -v bpftrace >/dev/null; then
        skip 'bpftrace reads examples/lfvec.bt' 'no bpftrace'
        return
    fi
    if [ ! -e "$shared" ] || silent_on stapsdt readelf -n "$shared" >/dev/null; then
        skip 'bpftrace reads examples/lfvec.bt' 'this build has no shared library with probes'
        return
    fi
    sed "s|^usdt:[^:]*:|usdt:$shared:|" examples/lfvec.bt >"$scratch/lfvec.bt"
    if timeout -k 5 60 bpftrace -d "$scratch/lfvec.bt" >"$scratch/log" 2>&1; then
        ok 'bpftrace reads examples/lfvec.bt'
    elif grep -E '^([^ ]*lfvec\.bt|stdin):[0-9]+.*ERROR' "$scratch/log"; then
        not_ok 'bpftrace reads examples/lfvec.bt'
    else
        skip 'bpftrace reads examples/lfvec.bt' "it does not run here: $(tail -n 1 "$scratch/log")"
    fi
}
script_is_read

finish
