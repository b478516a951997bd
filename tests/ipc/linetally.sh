#!/usr/bin/env bash
# linetally.sh - the main job: lines of real files through one lfvec, by 4 producers and 4 consumers, against wc -lc; with and without kills.
set -euo pipefail
. "${LFVEC_SRC:-.}/tests/lint/report.sh"

tally=${LFVEC_BUILD:-.}/examples/linetally
segment=/linetally-test-$$
few=1000 # fewer real files than this are not worth the name
trap 'rm -rf "$scratch"; rm -f "/dev/shm$segment"' EXIT

# What a minimal container lacks is made up: directories of text, with the last newline missing here and there.
make_tree()
{
    local file
    for file in $(seq 200); do
        mkdir -p "$scratch/tree/$((file % 7))/$((file % 3))"
        seq -f "file $file line %g" $((file * 37)) >"$scratch/tree/$((file % 7))/$((file % 3))/text $file"
        [ $((file % 4)) -ne 0 ] || printf 'no newline' >>"$scratch/tree/$((file % 7))/$((file % 3))/text $file"
    done
    : >"$scratch/tree/empty"
}

# tallied FILE: the lines and bytes that this output reports as tallied and lost, one line
tallied()
{
    awk '$1 == "tallied" || $1 == "lost" { lines += $2; bytes += $4 } END { print lines + 0, bytes + 0 }' "$1"
}

# counted NAME OPTION...: a run that is equal to wc by its own word, and by what we read from its output
counted()
{
    local what=$1
    shift
    passes "$what" "$tally" -p 4 -c 4 -n "$segment" "$@" "${inputs[@]}" || return 0
    [ "$(tallied "$scratch/said")" != "$expected" ] || return 0
    not_ok "$what: wc says $expected, linetally $(tallied "$scratch/said")"
}

gone()
{
    if [ -e "/dev/shm$segment" ]; then
        not_ok "$1 leaves nothing in /dev/shm"
    else
        ok "$1 leaves nothing in /dev/shm"
    fi
}

inputs=()
for directory in /usr/share/doc /usr/share/common-licenses; do
    [ ! -d "$directory" ] || inputs+=("$directory")
done
real=0
[ ${#inputs[@]} -eq 0 ] || real=$(find "${inputs[@]}" -type f -readable | wc -l)
if [ "$real" -lt "$few" ]; then
    echo "# only $real real files: a made-up tree is added"
    make_tree
    inputs+=("$scratch/tree")
fi
expected=$(find "${inputs[@]}" -type f -readable -print0 | LC_ALL=C xargs -0 -n 1000 cat | LC_ALL=C wc -lc | awk '{ print $1, $2 }')

for round in 1 2 3; do
    counted "run $round of 3 on real files is equal to wc -lc ($expected)"
done
gone 'a run'

counted 'one producer and one consumer killed: the numbers add up' --kill
grep -q '^killed: producer' "$scratch/said" || not_ok 'the report names the killed producer'
grep -q '^killed: consumer' "$scratch/said" || not_ok 'the report names the killed consumer'
grep '^killed\|^  ' "$scratch/said" | sed 's/^/# /'
counted '20 producers and 20 consumers killed: the numbers add up' --kill=20
gone 'a run with kills'

# Odd files: empty, without a newline, of one byte, with NULs.
mkdir "$scratch/odd"
: >"$scratch/odd/empty"
printf 'x' >"$scratch/odd/one byte"
printf '\n' >"$scratch/odd/one newline"
printf 'a\0b\n\0' >"$scratch/odd/nul"
printf 'a\n\n\nlast' >"$scratch/odd/several"$'\n'"names"
inputs=("$scratch/odd")
expected='5 15'
counted 'empty, unfinished and binary files count as in wc -lc'
inputs=("$scratch/odd/one byte")
expected='0 1'
counted 'a single file without a newline counts as in wc -lc'

check 'no producer is refused' exits 2 "$tally" -p 0
check 'a number of consumers that is none is refused' exits 2 "$tally" -c many
check '--help says how' sh -c "'$tally' --help | grep usage"
check '--show sees live workers' sh -c "'$tally' -n '$segment' --show 'echo seen' | grep -q '^seen $segment'"

# An interrupted run cleans up.
"$tally" -n "$segment" --show 'sleep 2 #' >"$scratch/said" 2>&1 &
pid=$!
for _ in $(seq 100); do
    [ ! -e "/dev/shm$segment" ] || break
    sleep 0.1
done
kill -TERM "$pid"
if wait "$pid"; then
    not_ok 'an interrupted run reports no success'
else
    ok 'an interrupted run reports no success'
fi
gone 'an interrupted run'

finish
