#!/bin/bash
# csv.sh - CSV as RFC 4180 and every reader has it, and JSON, in and out: against Python's csv and json modules and jq, with 10,000 random records;
# input that is no CSV; which column is an index.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

v=/$me-v
values() { "$tool" dump --noheadings --raw -o VALUE "$@" | xargs; }
# load INPUT OPTION...: into a new $v; elements of 8 bytes, or as $types has them
load()
{
    rm -f /dev/shm/${v#/}
    # shellcheck disable=SC2086
    "$tool" create ${types:-} $v
    printf '%b' "$1" >"$scratch/input"
    shift
    run load -q "$@" $v "$scratch/input"
}
types=''

# ---- against Python ----------------------------------------------------------------------------------------------------------------------

seed=${LFVEC_SEED:-$(date +%s)}
echo "csv: LFVEC_SEED=$seed"
if ! command -v python3 >/dev/null; then
    skip 'round trips with Python' 'no python3 here'
elif python3 "$src/tests/tool/rfc4180.py" "$tool" $v 10000 "$seed" >"$scratch/log" 2>&1; then
    ok '10,000 random records to and from Python, as CSV and JSON'
else
    not_ok '10,000 random records to and from Python, as CSV and JSON' "$(cat "$scratch/log")"
fi

# ---- an index is what is said to be one ----------------------------------------------------------------------------------------------------

load '5,6\n7,8\n'
is 'a number in front is no index: status' "$status" 2
has 'a number in front is no index: what to do' "$err" "line 1 of the input: 2 values, and an element has 1 \(if the first one is an index, say --index\); the 0 elements"
load '5,6\n7,8\n' --format csv
is 'nor in CSV' "$status" 2
load '5,6\n7,8\n' --index
is 'with --index it is' "$(values $v)" '6 8'
load '5,6\n7,8\n' --index --format csv
is 'in CSV too' "$(values $v)" '6 8'
load 'INDEX,VALUE\n5,6\n7,8\n' --format csv
is 'under its heading it is one' "$(values $v)" '6 8'
types='--format u64,u64,f64'
load '1,2,3.5\n4,5,6.5\n' --format csv
is 'a first column of numbers is kept' "$(values --count 1 $v)" '1 2 3.5'

# ---- RFC 4180 ------------------------------------------------------------------------------------------------------------------------------

types='--format u64,s24'
load '1,"a\nb, ""c"""\r\n2,\r\n3," d "\n' --format csv
is 'breaks, commas and quotes in quotes: status' "$status" 0
"$tool" dump --format csv --noheadings -o VALUE $v >"$scratch/out"
is 'they come out as they went in' "$(od -c "$scratch/out")" "$(printf '1,"a\nb, ""c"""\n2,""\n3," d "\n' | od -c)"
json 'and as JSON' dump --json $v
jq_is 'JSON has its own escapes, and an empty string' '[.elements[].field2]' '["a\nb, \"c\"",""," d "]'
printf '4,"\\x41\x1b\xc3\xa4\xff"\n' | "$tool" load -q --format csv $v
"$tool" dump --format csv --noheadings -o VALUE --last 1 $v >"$scratch/out"
is 'CSV has no escapes' "$(od -c "$scratch/out")" "$(printf '4,\\x41\x1b\xc3\xa4\xff\n' | od -c)"
json 'JSON of what is no UTF-8' dump --json --last 1 $v
jq_is 'it is in hex' '.elements[0].field2' '{"hex":"5c7834311bc3a4ff"}'
load '\xef\xbb\xbf1,a\n' --format csv
is 'a byte order mark is no part of it' "$("$tool" dump --format csv --noheadings -o VALUE $v)" 1,a
load ' 1 ,a\n' --format csv
is 'blanks around a number' "$("$tool" dump --format csv --noheadings -o VALUE $v)" 1,a

# refused WHAT INPUT PATTERN
refused()
{
    load "$2" --format csv
    is "$1: status" "$status" 2
    has "$1: why" "$err" "^lfvec-shmctl: $v: line $3; the . elements before it were loaded"
}
refused 'quotes that are not closed' '1,a\n2,"b\n3,c\n' '2 of the input: the input ends in a cell whose quotes are not closed'
refused 'a quote in a cell' '1,a\n2,b"c\n' '2 of the input: a quote in a cell.*'
refused 'something behind the quotes' '1,a\n2,"b"c\n' '2 of the input: a quote in a cell.*'
refused 'an empty number' '1,a\n,b\n' '2 of the input: "": not a number.*'
refused 'a line behind a break in quotes' '1,"a\nb"\nx,c\n' '3 of the input: "x": not a number.*'
timeout 20 "$tool" load --format csv $v <(yes '"' | tr -d '\n') >/dev/null 2>"$scratch/err"
timeout 20 "$tool" load --format csv $v <(printf '1,"'; yes a) >/dev/null 2>"$scratch/err"
is 'a cell without an end: status' $? 2
has 'a cell without an end: why' "$(cat "$scratch/err")" 'longer than any element'

# ---- JSON Lines ----------------------------------------------------------------------------------------------------------------------------

types='--format u64,f64,s8'
load '[18446744073709551615, 1e3, "a\\u0000b"]\n{"field3": {"hex": "ff00ff"}, "field2": "-inf", "field1": 2, "index": 7}\n\n' --format jsonl
is 'JSON Lines: status' "$status" 0
run dump --format jsonl $v
is 'JSON Lines: what came of it' "$out" '{"index":0,"field1":18446744073709551615,"field2":1000,"field3":"a\u0000b"}
{"index":1,"field1":2,"field2":"-inf","field3":{"hex": "ff00ff"}}'
if [ -z "$have_jq" ]; then skip 'jq reads JSON Lines' 'no jq here'; else is 'jq reads JSON Lines' "$(jq -c .field3 <<<"$out" | xargs)" 'a\u0000b {hex:ff00ff}'; fi
types=''
load '1\n"0x10"\n{"value": 3}\n[4]\n' --format jsonl
is 'JSON Lines of one field' "$(values $v)" '1 16 3 4'
for bad in '{' '1 2' '{"value": 1, "other": 2}' '{"index": 1}' '[1, 2]' 'null' 'true' '1.5' '-' '18446744073709551616' '"x"' '{"value": null}' "'1'"; do
    load "1\\n$bad\\n" --format jsonl
    is "JSON Lines with $bad: status" "$status" 2
    has "JSON Lines with $bad: which line" "$err" 'line 2 of the input: .*; the 1 elements before it were loaded'
done

# ---- names in JSON -------------------------------------------------------------------------------------------------------------------------

odd=/$me-$'\xff'
"$tool" create "$odd" && "$tool" create "/$me-"$'\xfe'
json 'names that are no UTF-8 are JSON' list --json
jq_is 'and are told apart' "[.segments[].name | objects | .hex] | length" 2
is 'and so they are for Prometheus' "$("$tool" export | grep '^lfvec_elements{' | sort -u | wc -l)" "$("$tool" list --noheadings | wc -l)"
json 'an empty string is one' check --json $v
jq_is 'and not null' '.audit[0].message' '""'

finish
