#!/usr/bin/env bash
# damage.sh - words of the control page that cannot be, one at a time, and every command: none says that all is well, none changes anything.
cd "${LFVEC_SRC:-.}" || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

v=/$me-v whole=$scratch/whole
"$tool" create --slots 4 --slab-bytes 64K --max-bytes 64M "$v"
# shellcheck disable=SC2046
"$tool" push "$v" $(seq 100) >/dev/null
cp --sparse=always /dev/shm/"${v#/}" "$whole"

restore() { cp --sparse=always "$whole" /dev/shm/"${v#/}"; }

# word OFFSET VALUE: eight bytes of the control page, little-endian
word()
{
    local value=$2 bytes='' i
    for ((i = 0; i < 8; i++)); do
        bytes+=$(printf '\\x%02x' $((value & 255)))
        value=$((value >> 8))
    done
    # shellcheck disable=SC2059
    printf "$bytes" | dd of=/dev/shm/"${v#/}" bs=1 seek=$((4096 + $1)) conv=notrunc status=none
}

read_word() { od -An -tu8 -j $((4096 + $1)) -N 8 /dev/shm/"${v#/}" | tr -d ' '; }

# What the head consists of: size:40, descriptor:12, last:12. Version and the rest are at 0 and 8, the extents from 256 on.
packed=$(read_word 8)
size=$((packed & 0xffffffffff)) desc=$((packed >> 40 & 0xfff)) last=$((packed >> 52 & 0xfff))
pack() { echo $(($1 | $2 << 40 | $3 << 52)); }
is 'the head is where this test looks for it' "$size" 100

damage="
size_most         8   $(pack $((0xffffffffff)) $desc $last)
size_beyond       8   $(pack 1000000 $desc $last)
size_at_extent    8   $(pack $((1 << 20)) $desc $last)
desc_beyond       8   $(pack 100 4095 $last)
desc_slot_zero    8   $(pack 100 1 $last)
desc_none         8   $(pack 100 0 $last)
last_beyond       8   $(pack 100 $desc 2047)
last_none         8   $(pack 100 $desc 0)
head_gone         8   0
version_gone      0   0
directory_most    256 -1
directory_beyond  256 $((1 << 30))
directory_gone    256 0
slabtab_most      264 -1
slabtab_beyond    264 $((1 << 40))
slabs_high_most   272 -1
slabs_high_beyond 272 $((1 << 40))
"
looks='info ps check dump list export map numa'
acts='push pop set reserve reset trim recover load wait watch'

operands()
{
    case $1 in
    list) ;;
    push) echo "$v 7" ;;
    set) echo "$v 0 7" ;;
    get) echo "$v 0" ;;
    reserve) echo "$v 200" ;;
    reset | trim) echo "--yes $v" ;;
    wait) echo "--empty --timeout 0 $v" ;;
    watch) echo "--once --interval 20ms $v" ;;
    *) echo "$v" ;;
    esac
}

# What it says: one line that names the segment, the fault and the remedy.
says_so()
{
    if [ "$status" -eq 1 ] && grep -qE "^lfvec-shmctl: $v: .*damaged.*; |^lfvec-shmctl: $v: damaged" "$scratch/err"; then
        ok "$1"
    else
        not_ok "$1" "$(said)"
    fi
}

while read -r name offset value; do
    [ -n "$name" ] || continue
    restore
    word "$offset" "$value"
    cp --sparse=always /dev/shm/"${v#/}" "$scratch/spoilt"
    for command in $looks $acts get; do
        # shellcheck disable=SC2046
        run $command $(operands $command)
        says_so "$name: $command"
    done
    check "$name: nothing was changed" cmp -s /dev/shm/"${v#/}" "$scratch/spoilt"
    for command in list export; do
        run $command
        says_so "$name: $command of all"
    done
    run list --json
    has "$name: list shows it as damaged" "$out" '"damaged"'
done <<<"$damage"
run rm --yes "$v"
is 'a damaged segment can be removed' "$status" 0
"$tool" create "$v"
for command in ${looks/list/}; do # list tells of others' segments as well
    # shellcheck disable=SC2046
    run $command $(operands $command)
    is "$command of an empty one: sound" "$status" 0
done

# A copy that left zeros out: a look gives it no memory. Once its holes are filled, it is what was copied.
sparse=/$me-sparse
blocks() { stat -c %b /dev/shm/"${sparse#/}"; }
copy() { cp --sparse=always /dev/shm/"${v#/}" /dev/shm/"${sparse#/}" && before=$(blocks); }

{ seq 1000 && yes 0 | head -n 20000; } | "$tool" load -q "$v"
"$tool" dump --raw "$v" >"$scratch/dump"
copy
expect 'a copy with some zeros is read' 0 check "$sparse"
check 'a copy with some zeros: the elements' cmp -s "$scratch/dump" <("$tool" dump --raw "$sparse")
for command in info ps check map numa export; do
    # shellcheck disable=SC2046
    run $command $(operands $command | sed "s|$v|$sparse|")
    is "a copy with some zeros: $command" "$status" 0
done
is 'a copy with some zeros: a look gives it no memory' "$(blocks)" "$before"

yes 0 | head -n 1000000 | "$tool" load -q "$v"
"$tool" dump --raw "$v" >"$scratch/dump"
copy
expect 'a copy with many zeros: not all are believed' 1 dump "$sparse"
is 'a copy with many zeros: a look gives it no memory' "$(blocks)" "$before"
expect 'what would be filled is not known beforehand' 2 recover --fill-holes --dry-run "$sparse"
expect 'a sparse copy is filled' 0 recover --fill-holes "$sparse"
expect 'a filled copy is sound' 0 check "$sparse"
check 'a filled copy has all elements' cmp -s "$scratch/dump" <("$tool" dump --raw "$sparse")
finish
