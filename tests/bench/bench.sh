#!/usr/bin/env bash
# bench.sh - lfvec-bench measures and verifies every peer, in every mix, with processes and with threads; and its JSON is what it says.
# It is about right results, not about speed: few operations, one round.
set -euo pipefail
. "${LFVEC_SRC:-.}/tests/lint/report.sh"

bench=${LFVEC_BUILD:-.}/lfvec-bench
quick=(--ops 5000 --reps 2 --workers '1,3')

# named FILE WORD...: all of the words are in one line of it
named()
{
    local file=$1 word lines
    shift
    lines=$(cat "$file")
    for word in "$@"; do
        lines=$(grep -F -- "$word" <<<"$lines") || return 1
    done
}

# ---- every peer, in every mix that it can do, verified -------------------------------------------------------------------------------------
# What is left out is named, with the reason; what is not built is skipped, and so is what cannot run on this machine.
both_kinds()
{
    "$bench" "${quick[@]}" --peers "$1" --json >"$scratch/processes" 2>"$scratch/why" || grep -q 'not for processes' "$scratch/why" || return 1
    "$bench" "${quick[@]}" --peers "$1" --threads --json >"$scratch/threads" 2>>"$scratch/why"
}
for peer in lfvec robust mutex spin bip blstack tbb ckstack mqueue redis faa cas16 store; do
    if both_kinds "$peer"; then
        ok "$peer, by processes and by threads: $(grep -c '"peer"' <"$scratch/processes") and $(grep -c '"peer"' <"$scratch/threads") figures"
    elif grep -qE "$peer: left out, not built|no redis-server|cannot hold enough messages" "$scratch/why"; then
        skip "$peer" "$(sed -nE 's/^lfvec-bench: [a-z0-9]*: left out(, not built| of [a-z0-9]* by 1)?: //p' "$scratch/why" | tail -n 1)"
    else
        not_ok "$peer"
        sed 's/^/  /' "$scratch/why"
    fi
done

# ---- the other measurements ------------------------------------------------------------------------------------------------------------------
check 'all of them in turn' "$bench" "${quick[@]}" --mixes push,mixed
check 'from push to wake, beside a message queue and a pipe' "$bench" --wake 20
check 'push into used memory' "$bench" "${quick[@]}" --mixes push --warm
check 'leaves of another size' "$bench" "${quick[@]}" --peers lfvec --mixes mixed --leaf 2048
status=0
"$bench" "${quick[@]}" --peers lfvec --mixes mixed --leaf 100 >/dev/null 2>"$scratch/why" || status=$?
check 'leaves of a size that cannot be: an error that names it' test "$status" -ne 0 -a -n "$(grep leaf_bytes "$scratch/why")"
check 'batch is three mixes' "$bench" "${quick[@]}" --peers spin --mixes batch
check 'fairness' "$bench" --fairness 1 --peers lfvec,robust --workers 2
check 'growth' "$bench" --growth 100000 --reps 2

# ---- what is left out ------------------------------------------------------------------------------------------------------------------------
if "$bench" "${quick[@]}" --peers faa,robust --mixes read >/dev/null 2>"$scratch/why" && named "$scratch/why" faa read 'no elements'; then
    ok 'a mix that a peer cannot do is named and left out'
else
    not_ok 'a mix that a peer cannot do is named and left out'
fi
status=0
"$bench" "${quick[@]}" --peers faa --mixes read >"$scratch/said" 2>"$scratch/why" || status=$?
check 'if nothing is left, that is an error' test "$status" -eq 2 -a ! -s "$scratch/said"

# ---- plot --------------------------------------------------------------------------------------------------------------------------------------
if command -v gnuplot >/dev/null; then
    check 'a plot' "$bench" "${quick[@]}" --peers lfvec,robust --mixes push,mixed --plot "$scratch/a plot's.svg"
    for mix in push mixed; do
        check "it is an SVG with the mix $mix" grep -F ">$mix<" "$scratch/a plot's.svg"
    done
else
    skip 'a plot' 'no gnuplot'
fi
mkdir "$scratch/bin"
printf '#!/bin/sh\nexit 127\n' >"$scratch/bin/gnuplot"
chmod +x "$scratch/bin/gnuplot"
PATH=$scratch/bin:$PATH "$bench" "${quick[@]}" --peers spin --mixes push --plot "$scratch/none" >/dev/null 2>"$scratch/why" && echo >"$scratch/why"
check 'without gnuplot it says so' named "$scratch/why" 'no gnuplot'

# ---- JSON ----------------------------------------------------------------------------------------------------------------------------------------
if "$bench" "${quick[@]}" --peers lfvec,robust --mixes mixed,mixed64 --json >"$scratch/json" && [ -s "$scratch/json" ]; then
    ok 'a run with --json'
else
    not_ok 'a run with --json'
    echo null >"$scratch/json" # which is not what the following want
fi
check 'a table, and JSON in a file' "$bench" "${quick[@]}" --peers spin --mixes push --json="$scratch/json-file"
check 'the file has it' grep -q '"mops"' "$scratch/json-file"
keys='["hop_ns","kind","max","min","mix","mops","ns","ops","peer","ratio","reps","workers"]'
if command -v jq >/dev/null; then
    check 'JSON: one array of eight objects' jq -e 'type == "array" and length == 8' "$scratch/json"
    check 'JSON: the keys' jq -e "all(.[]; keys == $keys)" "$scratch/json"
    check 'JSON: numbers are numbers, and min <= mops <= max' \
        jq -e 'all(.[]; (.mops, .ns, .workers, .reps | type) == "number" and .min <= .mops and .mops <= .max)' "$scratch/json"
elif command -v python3 >/dev/null; then
    check 'JSON: one array of eight objects with the keys' python3 -c '
import json, sys
rows = json.load(open(sys.argv[1]))
assert len(rows) == 8 and all(sorted(row) == json.loads(sys.argv[2]) for row in rows)
assert all(row["min"] <= row["mops"] <= row["max"] for row in rows)' "$scratch/json" "$keys"
else
    skip 'JSON' 'neither jq nor python3'
fi
if command -v jq >/dev/null; then
    of_lfvec()
    {
        "$bench" "$@" --json | jq -e 'type == "array" and length > 0 and all(.[]; all(.[]; . != null))'
    }
    check 'JSON of growth' of_lfvec --growth 10000 --reps 1
    check 'JSON of the way to wake' of_lfvec --wake 5
    check 'JSON of fairness' sh -c "'$bench' --fairness 1 --peers spin --workers 1 --json | jq -e '.[0].share_min == 1 and .[0].p999_ns > 0'"
fi

# refused NAME WORD OPTION...: usage error whose message has the word
refused()
{
    local what=$1 word=$2 status=0
    shift 2
    "$bench" "$@" >"$scratch/said" 2>&1 || status=$?
    if [ "$status" -eq 2 ] && grep -q -- "$word" "$scratch/said"; then
        ok "$what"
    else
        not_ok "$what: status $status: $(head -n 1 "$scratch/said")"
    fi
}
refused 'an unknown peer is named' nonesuch --peers lfvec,nonesuch
refused 'an unknown mix is named' sideways --mixes sideways
refused 'a number that is none is named' many --workers many
refused 'an operand is refused' operand lfvec
refused 'fairness is about mixed' mixed --fairness 1 --mixes push
refused 'one measurement at a time' 'one at a time' --fairness 1 --growth 10000

finish
