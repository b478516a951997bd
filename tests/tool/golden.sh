#!/bin/bash
# golden.sh - the very output of every report, text and JSON, compared with tests/tool/golden. What differs from one machine or run to the
# next (names, times, owners, uuids, process numbers, free memory, and how much the library takes at a time) is replaced by its kind.
# `tests/tool/golden.sh --write` writes them anew.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

golden=$src/tests/tool/golden
write=${1:-}
export TZ=UTC

# In people's output the widths of such cells vary, too, so blanks are squeezed there.
normal()
{
    sed -E -e "s/$me/ME/g" -e 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} +[0-9]+/TIME SECONDS/' -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/TIME/' \
        -e 's/"(created|since|uid|gid|bytes_free|max_bytes|slabs_max|pid|tid|pid_ns|numa_in_force|node)": [^,]*/"\1": .../' \
        -e 's/"(bytes_committed|leaves_total|leaves_free|grows)": [^,]*/"\1": .../' \
        -e 's/"(owner|group)": "[^"]*"/"\1": "..."/' \
        -e 's/^(OWNER|GROUP|BYTES_FREE|BYTES_COMMITTED|MAX_BYTES|SLABS_MAX|NUMA_IN_FORCE|LEAVES_TOTAL|LEAVES_FREE|GROWS) .*/\1 .../' \
        -e 's/^(lfvec_shm_[a-z]+_bytes) .*/\1 .../' \
        -e "s/(process|-) $pid\\b/\\1 PID/g" -e "s/^( *[0-9]+) +$pid +$pid /\\1 PID TID /" -e "s/^( *[0-9]+) +$pid /\\1 PID /" | tr -s ' '
}

# same NAME ARG...: the output and the message of the tool, and its status
same()
{
    local name=$1
    shift
    run "$@"
    { echo "\$ lfvec-shmctl $*" && cat "$scratch/out" "$scratch/err" && echo "status $status"; } | normal >"$scratch/seen"
    if [ "$write" = --write ]; then
        mkdir -p "$golden" && cp "$scratch/seen" "$golden/$name"
    fi
    if diff -u "$golden/$name" "$scratch/seen" >"$scratch/diff" 2>&1; then ok "$name"; else not_ok "$name" "$(cat "$scratch/diff")"; fi
}

pid=none
v=/$me-v
new v --slots 4 --max-elems 1000000 --tag 0x1234 --mode 0640
same push push $v 10 0x14 30
same push-json push --json $v 40
same get get $v 0 3
same get-columns get -o INDEX,VALUE $v 0 3
same get-json get --json $v 1
same pop pop $v
same pop-json pop --json $v
same pop-empty pop -n 5 $v
"$tool" push -q $v 1 2 300
same list-operand list $v
same info info $v
same info-raw info --raw --noheadings -o SIZE,ELEM_SIZE,SLAB_BYTES $v
same info-bytes info -b -o SLAB_BYTES,LEAF_BYTES $v
same info-json info --json $v
same dump dump $v
same dump-hex dump --format hex $v
same dump-csv dump --format csv $v
same dump-fields dump --format u32,f32 $v
same dump-json dump --json --format u32,i32 $v
same check-sound check $v
same trim-plan trim --dry-run $v
same trim trim --yes $v
same reset-plan reset --dry-run $v
same reset-plan-json reset --dry-run --json $v
same rm-plan rm --dry-run $v
same export-absent export /ME-absent
hold $v 5
same ps ps $v
same ps-json ps --json $v
same check check $v
same check-json check --json $v
same rm-refused rm --yes $v
same watch-rates watch --once --interval 0.02 -o SIZE,PUSHES_S,POPS_S,GETS_S,RETRIES_S,SLOT,PUSH_S,POP_S $v
kill_holder
same recover-plan recover --dry-run $v
same recover-plan-json recover --dry-run --json $v
same recover recover $v
same reset reset --yes $v
same reset-json reset --yes --json $v
seq 3 >"$scratch/three"
"$tool" load -q $v "$scratch/three"
printf '5\nsix\n' >"$scratch/bad"
run load $v "$scratch/bad"
is 'load of nonsense' "$err" \
    "lfvec-shmctl: $v: line 2 of the input: \"six\": not a number of at most 64 bits, decimal or hex after 0x; the 1 elements before it were loaded, mend it and load the rest"
same load-nothing load --json $v /dev/null
same wait-in-vain wait --size 100 --timeout 0 $v
same absent info /ME-absent
same help --help
for command in $("$tool" --help | sed -nE 's/^  ([a-z]+) .*/\1/p'); do
    same "help-$command" "$command" --help
done

finish
