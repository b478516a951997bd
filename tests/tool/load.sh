#!/bin/bash
# load.sh - what dump prints, load takes: every format gives back the same bytes; ranges, --follow, the bar, and input that makes no sense.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

a=/$me-a b=/$me-b

# fill SIZE: $a anew, with elements of random bytes, with two that are like text, and with one of zeros
fill()
{
    rm -f /dev/shm/${a#/}
    "$tool" create --elem-size "$1" $a
    head -c $(($1 * 200)) /dev/urandom >"$scratch/bytes"
    { printf 'a, "b" \\x41\\\n\t INDEX VALUE' && head -c "$1" /dev/zero; } | head -c "$1" >>"$scratch/bytes"
    { printf 'VALUE' && head -c "$1" /dev/zero; } | head -c "$1" >>"$scratch/bytes"
    head -c "$1" /dev/zero >>"$scratch/bytes"
    "$tool" load -q --format raw $a "$scratch/bytes" || echo "cannot fill $a"
}

# round SIZE FORMAT OPTION...: to $b and back
round()
{
    local size=$1 format=$2 index=()
    shift 2
    [ "$*" != --noheadings ] || index=(--index) # nothing says that the first column is one
    rm -f /dev/shm/${b#/}
    "$tool" create --elem-size "$size" $b
    if "$tool" dump --format "$format" "$@" $a >"$scratch/text" && "$tool" load -q --format "$format" "${index[@]}" $b <"$scratch/text" &&
        "$tool" dump --noheadings --format raw $b | cmp -s - "$scratch/bytes"; then
        ok "$size bytes as $format $*"
    else
        not_ok "$size bytes as $format $*" "$(head -n 3 "$scratch/text")"
    fi
}

# rounds SIZE FORMAT...
rounds()
{
    local size=$1 format
    shift
    fill "$size"
    for format in "$@"; do
        round "$size" "$format"
        round "$size" "$format" --raw
        round "$size" "$format" --noheadings
        round "$size" "$format" --noheadings -o VALUE
        round "$size" "$format" --raw -o +VERSION
    done
}

for locale in C C.UTF-8; do
    export LC_ALL=$locale
    rounds 8 decimal signed hex bytes string csv csv,string f64 f32,f32 u8,i8,x2,s4 h8,h8,h16,h32
    rounds 12 hex string f64,f32
done
export LC_ALL=C
rounds 1 decimal bytes string
rounds 3 u16,u8 s2,i8 csv,x3
rounds 36 u64,i32,f64,s16
round 36 csv,u64,i32,f64,s16
rounds 40 u64,i32,x4,f64,s16

# as a C compiler lays it out: the gap behind the i32 is not dumped, and is zero
rm -f /dev/shm/${a#/}
new a --elem-size 40
printf '1,-2,1.5,hello\n  2   3 -inf "a, b"\n0x7,+8,nan,""\n' | "$tool" load -q --format u64,i32,f64,s16 $a 2>"$scratch/err"
is 'a sign that is none: status' $? 2
has 'a sign that is none: message' "$(cat "$scratch/err")" "^lfvec-shmctl: $a: line 3 of the input: \"\+8\": .*; the 2 elements before it were loaded"
printf '\n7,8,nan,""\r\n' | "$tool" load --json --format u64,i32,f64,s16 $a >"$scratch/out"
is 'load says what it did' "$(tr -d ' \n' <"$scratch/out")" '{"load":[{"loaded":1,"first":2,"version":2}]}'
run dump --format u64,i32,f64,s16 $a
is 'fields are columns' "$out" 'INDEX FIELD1 FIELD2 FIELD3 FIELD4
    0      1     -2    1.5 hello
    1      2      3   -inf "a, b"
    2      7      8    nan ""'
run dump --format csv,u64,i32,f64,s16 --count 2 $a
is 'fields as CSV' "$out" $'INDEX,FIELD1,FIELD2,FIELD3,FIELD4\n0,1,-2,1.5,hello\n1,2,3,-inf,"a, b"'
run dump --noheadings --format u64,i32,f64,s16 --count 1 -o VALUE,INDEX $a
is '-o VALUE is all fields' "$(tr -s ' ' <<<"$out")" ' 1 -2 1.5 hello 0'
json 'fields as JSON' dump --json --format u64,i32,f64,s16 $a
jq_is 'fields as JSON have types' '.elements[1] | [.field1, .field2, .field3, .field4]' '[2,3,"-inf","a, b"]'
"$tool" dump --noheadings --format raw --count 1 $a >"$scratch/raw"
is 'they lie as in C' "$(od -An -tx1 "$scratch/raw" | tr -d ' \n')" 0100000000000000feffffff00000000000000000000f83f68656c6c6f0000000000000000000000

# ---- ranges ----------------------------------------------------------------------------------------------------------------------------

r=/$me-r
new r
seq 0 9999 | "$tool" load -q $r
run dump --noheadings --raw -o VALUE --from 10 --count 3 $r
is 'dump --from --count' "$out" $'10\n11\n12'
run dump --noheadings --raw -o VALUE --last 2 $r
is 'dump --last' "$out" $'9998\n9999'
run dump --noheadings --raw -o VALUE --last 20000 --count 1 $r
is 'dump --last with --count' "$status" 2
run dump --last 20000 $r
is 'dump --last of more than there is' "$(wc -l <"$scratch/out")" 10001
seq 1 5 >"$scratch/five"
expect 'load of a file' 0 load -q $r "$scratch/five"
run dump --noheadings --raw --last 1 $r
is 'it is at the end' "$out" '10004 5'
expect 'load of nothing' 0 load $r /dev/null
has 'load of nothing says so' "$out" '^LOADED +0'
expect 'load of no file' 3 load $r "$scratch/absent"
expect 'load beyond the file' 2 load $r "$scratch/five" more

# ---- input that makes no sense -----------------------------------------------------------------------------------------------------------

# refused WHAT STATUS INPUT PATTERN OPTION...
refused()
{
    local what=$1 wanted=$2 pattern=$4
    printf '%b' "$3" >"$scratch/input"
    shift 4
    expect "$what" "$wanted" load "$@" $r "$scratch/input"
    has "$what: why" "$err" "^lfvec-shmctl: ($r|load): .*$pattern"
}
refused 'a word' 2 '1\n2\nthree\n' 'line 3 of the input: "three": .*the 2 elements before it were loaded'
refused 'three numbers' 2 '1 2 3\n' 'line 1 of the input: 3 values, and an element has 1;'
refused 'fewer cells than at first' 2 'INDEX VALUE\n0 1\n2\n' 'line 3 of the input: 1 value, and the lines before it had 2; the 1 elements'
refused 'too large' 2 '18446744073709551616\n' 'line 1'
refused 'raw bytes as text' 2 '\001\0\002\0\n' 'zero byte.*--format raw'
refused 'a heading of other columns' 2 'INDEX VERSION\n1 2\n' 'line 1'
lines=$("$tool" info --raw --noheadings -o SIZE $r)
for input in zero urandom; do # without an end, and without lines: it must neither fill the memory nor go on for ever
    timeout 20 "$tool" load $r /dev/$input >/dev/null 2>"$scratch/err"
    is "load of /dev/$input ends: status" $? 2
    has "load of /dev/$input names the line" "$(cat "$scratch/err")" "^lfvec-shmctl: $r: line 1 of the input: "
done
yes a | tr -d '\n' | timeout 20 "$tool" load $r >/dev/null 2>"$scratch/err"
is 'load of a line without an end: status' $? 2
has 'load of a line without an end: why' "$(cat "$scratch/err")" 'line 1 of the input: it is longer than any element'
lacks 'what is no number is not told of the options of push' "$(printf 'x\n' | "$tool" load $r 2>&1)" '--hex'
is 'nothing of that is in' "$("$tool" info --raw --noheadings -o SIZE $r)" "$lines"
refused 'half an element' 1 '12345678abc' 'amid an element, with 3 of 8 bytes.*1 were loaded' --format raw
refused 'i32 beyond its range' 2 '1,3000000000\n' 'too large' --format u32,i32
refused 'f32 beyond its range' 2 '1,1e39\n' 'float of this size' --format u32,f32
refused 'a string beyond its field' 2 '1,hello\n' 'longer than its field' --format u32,s4
refused 'fields of another size' 2 '' '12 bytes, or 16 as a C struct, and the elements of .* have 8' --format u64,u32
refused 'no format' 2 '' '"u65" is neither' --format u65
refused 'no list' 2 '' '"u64,," is neither' --format u64,,
refused 'fields that begin with raw' 2 '' 'neither' --format raw,u8
run info --raw --noheadings -o SIZE $r
is 'what was good before a mistake is in' "$out" 10009
new full --max-elems 5
seq 9 >"$scratch/nine"
expect 'load beyond the limits' 1 load /$me-full "$scratch/nine"
has 'load beyond the limits: how many are in, and the remedy' "$err" 'load, after 5 that are in: .*--max-elems'

# ---- --follow ----------------------------------------------------------------------------------------------------------------------------

f=/$me-f
new f
expect 'dump --follow --json' 2 dump --follow --json $f
expect 'dump --follow --count' 2 dump --follow --count 1 $f
lines() { [ "$(wc -l <"$scratch/followed")" -eq "$1" ]; }
"$tool" push -q $f 1 2
timeout 60 "$tool" dump --follow --raw --noheadings $f >"$scratch/followed" 2>"$scratch/err" &
following=$!
until_ok lines 2
"$tool" push -q $f 3
until_ok lines 3
"$tool" pop -n 2 $f >/dev/null
"$tool" push -q $f 4 5 6
until_ok grep -q '^3 6$' "$scratch/followed"
"$tool" rm --yes $f
wait $following
is 'dump --follow ends with the segment' $? 0
has 'dump --follow says why it ends' "$(cat "$scratch/err")" "^lfvec-shmctl: $f: removed"
is 'dump --follow shows what was pushed' "$(sort -u "$scratch/followed" | grep -c -e '^0 1$' -e '^1 2$' -e '^2 3$' -e '^3 6$')" 4
new f
"$tool" push -q $f 1
timeout 60 "$tool" dump --follow $f | head -n 1 >/dev/null
is 'dump --follow ends with its reader' "${PIPESTATUS[0]}" 0

# ---- memory ------------------------------------------------------------------------------------------------------------------------------

# As much for a hundred thousand elements as for one, whatever they are printed as.
new memory
seq 100000 | "$tool" load -q /$me-memory
"$tool" info /$me-memory >/dev/null # the program can start with so little
for as in --json '--format csv' '--format jsonl' --raw '--noheadings'; do
    # shellcheck disable=SC2086
    lines=$(ulimit -d 12288 && "$tool" dump $as /$me-memory 2>"$scratch/err" | grep -c 100000)
    is "dump $as in 12 MiB" "$lines $(cat "$scratch/err")" '1 '
done

# ---- the bar -----------------------------------------------------------------------------------------------------------------------------

new many
seq 3000000 >"$scratch/numbers"
"$tool" load -q /$me-many "$scratch/numbers" 2>"$scratch/err"
is 'no bar in a pipe' "$(cat "$scratch/err")" ''
run dump --raw /$me-many
is 'no bar in a pipe (dump)' "$err" ''
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    # the reader keeps it waiting, or it would be done before a bar is due
    script -qec "$tool dump /$me-many | { sleep 3; cat >$scratch/out; }" /dev/null </dev/null >"$scratch/shown" 2>&1
    has 'a bar on a terminal' "$(tr '\r' '\n' <"$scratch/shown")" '^dump \[#+\.*\] [0-9]+%'
    is 'it is wiped away' "$(tr '\r' '\n' <"$scratch/shown" | grep -v '^$' | tail -n 1 | tr -d ' ')" ''
    is 'and not in the output' "$(wc -l <"$scratch/out")" 3000001
else
    skip 'a bar on a terminal' 'no script(1) here'
fi

finish
