#!/bin/bash
# counts.sh - attempts lost and writes completed, as ps, info and export tell them: each under its own name, each slot by itself, and in sum.
# Two processes that work on one vector have few of the one and, by luck, some of the other, so numbers that cannot be mistaken are written
# into their slots.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

v=/$me-v
object=/dev/shm/$me-v

# number OFFSET: the 4 bytes there
number()
{
    od -An -t u4 -j "$1" -N 4 "$object" | tr -d ' '
}

# Where the counters of a slot are: lib/format.h, struct shm_header and struct shm_slot.
slots_off=8192
retries_at=$((7 * 128 + 7 * 8))

# write_counts SLOT RETRIES HELPS, each two bytes as printf has them, the low one first
write_counts()
{
    # shellcheck disable=SC2059 # the format is the bytes
    printf "$2\0\0\0\0\0\0$3\0\0\0\0\0\0" |
        dd of="$object" bs=1 seek=$((slots_off + $1 * slot_bytes + retries_at)) conv=notrunc status=none
}

new v --slots 4
slot_bytes=$(number 240)
hold $v 1000
is 'nothing was lost, and nobody helped' "$("$tool" ps --raw --noheadings -o SLOT,CAS_RETRIES,HELPS $v)" '1 0 0'

# What is real: the holder's descriptor is in effect, of the last leaf, and the command changes the first.
expect 'set' 0 set $v 0 7
is 'it has completed what the holder had begun' "$("$tool" info --raw --noheadings -o CAS_RETRIES,HELPS $v)" '0 1'

hold $v 1000
write_counts 1 '\001\020' '\002\001'
write_counts 2 '\003\000' '\005\000'
is 'ps: of each slot' "$("$tool" ps --raw --noheadings -o SLOT,CAS_RETRIES,HELPS $v)" $'1 4097 258\n2 3 5'
run ps --json $v
has 'ps --json: attempts lost' "$out" '"cas_retries": 4097,'
has 'ps --json: writes completed' "$out" '"helps": 258,'
is 'info: of all slots' "$("$tool" info --raw --noheadings -o CAS_RETRIES,HELPS $v)" '4100 263'
run info --json $v
has 'info --json: attempts lost' "$out" '"cas_retries": 4100,'
has 'info --json: writes completed' "$out" '"helps": 263,'
run export $v
has 'export: attempts lost' "$out" '^lfvec_cas_retries_total\{segment="'$v'"\} 4100$'
has 'export: writes completed' "$out" '^lfvec_helps_total\{segment="'$v'"\} 263$'
expect 'check' 0 check $v

finish
