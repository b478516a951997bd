#!/usr/bin/env bash
# bench.sh - lfvec-bench measures and verifies every peer, in every mix, with processes and with threads; and its JSON is what it says.
# It is about right results, not about speed: few operations, one round.
set -euo pipefail
. "${LFVEC_SRC:-.}/tests/lint/report.sh"

bench=${LFVEC_BUILD:-.}/lfvec-bench
quick=(--ops 5000 --reps 2 --workers '1,3')

check 'processes: every peer in every mix, verified' "$bench" "${quick[@]}" || true
check 'threads: every peer in every mix, verified' "$bench" "${quick[@]}" --threads || true
check 'from push to wake, beside a message queue and a pipe' "$bench" --wake 20 || true
check 'push into used memory' "$bench" "${quick[@]}" --mixes push --warm || true

if "$bench" "${quick[@]}" --peers lfvec,robust --mixes mixed,mixed64 --json >"$scratch/json" && [ -s "$scratch/json" ]; then
    ok 'a run with --json'
else
    not_ok 'a run with --json'
    echo null >"$scratch/json" # which is not what the following want
fi
keys='["hop_ns","kind","max","min","mix","mops","ns","peer","reps","workers"]'
if command -v jq >/dev/null; then
    check 'JSON: one array of eight objects' jq -e 'type == "array" and length == 8' "$scratch/json" || true
    check 'JSON: the keys' jq -e "all(.[]; keys == $keys)" "$scratch/json" || true
    check 'JSON: numbers are numbers, and min <= mops <= max' \
        jq -e 'all(.[]; (.mops, .ns, .workers, .reps | type) == "number" and .min <= .mops and .mops <= .max)' "$scratch/json" || true
elif command -v python3 >/dev/null; then
    check 'JSON: one array of eight objects with the keys' python3 -c '
import json, sys
rows = json.load(open(sys.argv[1]))
assert len(rows) == 8 and all(sorted(row) == json.loads(sys.argv[2]) for row in rows)
assert all(row["min"] <= row["mops"] <= row["max"] for row in rows)' "$scratch/json" "$keys" || true
else
    skip 'JSON' 'neither jq nor python3'
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

finish
