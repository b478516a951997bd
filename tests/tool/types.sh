#!/bin/bash
# types.sh - what an element is made of, kept in the segment: create --format, info, and the commands that go by it; dump --header and what load
# makes of it; push and load --create; cas and add; wait --exists.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

v=/$me-v w=/$me-w
field() { "$tool" info --raw --noheadings -o "$1" "$2"; }
drop() { rm -f /dev/shm/${v#/} /dev/shm/${w#/}; }

# ---- create --format -------------------------------------------------------------------------------------------------------------------

expect 'create --format' 0 create --format u64,f64,s16 $v
is 'the format gives the size, and info shows both' "$(field ELEM_FORMAT,ELEM_SIZE $v)" 'u64,f64,s16 32'
json 'info --json' info --json $v
jq_is 'info --json has the format' '.segment[0].elem_format' '"u64,f64,s16"'
expect 'create of the same' 0 create --format u64,f64,x16 $v
expect 'create of another format' 1 create --format u64,u64,s16 $v
has 'create of another format names both' "$err" "^lfvec-shmctl: $v: has elements of type u64,f64,s16, u64,u64,s16 was asked for; "
expect 'create of no list' 2 create --format u64,roman $w
expect 'create of another size' 2 create --format u64 --elem-size 9 $w
has 'create of another size: why' "$err" 'fields of 8 bytes, or 8 as a C struct, and elem_size is 9'
"$tool" create --format u8,u32 --elem-size 5 $w
is 'create without gaps' "$(field ELEM_SIZE $w)" 5
"$tool" create /$me-plain
is 'a segment of no format' "$(field ELEM_FORMAT /$me-plain)" -

# ---- the commands go by it ---------------------------------------------------------------------------------------------------------------

expect 'push of fields' 0 push $v 1,2.5,hello '2,-inf,"a, ""b"""'
is 'get of fields' "$("$tool" get $v 0)" '1 2.5 hello'
is 'dump of fields' "$("$tool" dump --format csv --noheadings $v)" $'0,1,2.5,hello\n1,2,-inf,"a, ""b"""'
expect 'push of too few fields' 2 push $v 1,2.5
has 'push of too few fields: why' "$err" 'not the 3 fields of an element'
expect 'push of no float' 2 push $v 1,x,y
expect 'set of fields' 0 set $v 0 7,1e3,x
is 'pop of fields' "$("$tool" pop --format csv,u64,f64,s16 $v)" '2,-inf,"a, ""b"""'
json 'get of fields as JSON' get --json $v 0
jq_is 'they have types' '.elements[0] | [.field1, .field2, .field3]' '[7,1000,"x"]'
printf '8 2.5 "a b"\n' | "$tool" load -q $v
is 'load of fields' "$("$tool" get $v 1)" '8 2.5 "a b"'
expect 'another view may be asked for' 0 get --format x32 $v 0
expect 'get of fields that do not fit' 2 get --format u64 $v 0
drop
"$tool" create --format f64 $v
expect 'push of a double' 0 push $v 0.1
is 'get of a double' "$("$tool" get $v 0)" 0.1
expect 'push --format' 0 push --format h64 $v 0x10
is 'get --format' "$("$tool" get --format u64 $v 1)" 16

# ---- dump, load --create: of 8 bytes by default ----------------------------------------------------------------------------------------
numbers=/$me-numbers copy=/$me-copy
"$tool" push --create --quiet $numbers 1 2 18446744073709551615
"$tool" dump $numbers | "$tool" load --create -q $copy
is 'dump | load --create' "$("$tool" dump $copy)" "$("$tool" dump $numbers)"

# ---- dump --header, load --create ----------------------------------------------------------------------------------------------------------

drop
"$tool" create --format u32,s8 --tag 77 --max-elems 1000 --slots 5 --leaf-bytes 1024 --slab-bytes 128K $v
"$tool" push -q $v 1,a '2,"b c"'
for format in '' csv jsonl raw x12; do
    rm -f /dev/shm/${w#/}
    "$tool" dump --header ${format:+--format $format} $v | "$tool" load -q --create $w
    is "a copy by dump --header $format: its elements" "$("$tool" dump --format csv,u32,s8 $w)" "$("$tool" dump --format csv,u32,s8 $v)"
    is "a copy by dump --header $format: its attributes" \
        "$(field ELEM_SIZE,ELEM_TAG,ELEM_FORMAT,MAX_ELEMS,MAX_SLOTS,LEAF_BYTES,SLAB_BYTES $w)" \
        "$(field ELEM_SIZE,ELEM_TAG,ELEM_FORMAT,MAX_ELEMS,MAX_SLOTS,LEAF_BYTES,SLAB_BYTES $v)"
done
"$tool" dump --format raw $v >"$scratch/raw"
"$tool" dump --format raw --noheadings $v >"$scratch/bare"
is 'dump --format raw --noheadings is the bytes alone' "$(wc -c <"$scratch/bare")" 24
for other in '--elem-size 8' '--elem-size 12 --tag 78' '--format u32,f32,u32'; do
    rm -f /dev/shm/${w#/}
    # shellcheck disable=SC2086
    "$tool" create $other $w
    expect "load --format raw into create $other" 1 load --format raw $w "$scratch/raw"
    has "load --format raw into create $other: why" "$err" "^lfvec-shmctl: $w: has .*the input is a dump of .*nothing was loaded"
    is "load --format raw into create $other: nothing is in" "$(field SIZE $w)" 0
done
"$tool" push --stdin -q $w <"$scratch/raw" 2>"$scratch/err"
is 'nor does push --stdin take it' $? 1
head -n 3 "$scratch/raw" | "$tool" load -q --format raw $v 2>"$scratch/err"
is 'a header that is cut off: status' $? 2
sed 's/^# elem_size .*/# elem_size many/' "$scratch/raw" | "$tool" load -q --format raw $v 2>"$scratch/err"
is 'a header that makes no sense: status' $? 2
drop
"$tool" create $v
"$tool" push -q $v 1 2
"$tool" dump $v | "$tool" load --create --format hex $w >/dev/null 2>"$scratch/err"
is 'load --create without a header: status' $? 2
has 'load --create without a header: what to do' "$(cat "$scratch/err")" 'dump --header, or give the fields by --format'
"$tool" dump $v | "$tool" load -q --create --format decimal $w
is 'load --create --format' "$("$tool" dump $w)" "$("$tool" dump $v)"
# README.md's lines about dumps, as they stand there
drop
"$tool" push -q --create $v 1 2
grep -E '^    \$ lfvec-shmctl dump ' "$src/README.md" | sed 's/^    \$ //' >"$scratch/lines"
is 'README.md has such lines' "$(grep -c 'load --create' "$scratch/lines")" 1
mkdir "$scratch/bin"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$tool" >"$scratch/bin/lfvec-shmctl"
chmod +x "$scratch/bin/lfvec-shmctl"
if PATH=$scratch/bin:$PATH bash -e -o pipefail <(sed "s|/jobs|$v|g; s|/copy|$w|g" "$scratch/lines") >/dev/null 2>"$scratch/err"; then
    ok 'and they run'
else
    not_ok 'and they run' "$(cat "$scratch/err")"
fi
is 'and the copy is one' "$("$tool" dump $w)" "$("$tool" dump $v)"

drop
expect 'push --create' 0 push --create $v 42
is 'push --create makes elements of 8 bytes' "$(field SIZE,ELEM_SIZE,ELEM_FORMAT $v)" '1 8 -'
expect 'push --create --format' 0 push --create --format f64,u8 $w 1.5,3
is 'push --create --format keeps the format' "$(field SIZE,ELEM_SIZE,ELEM_FORMAT $w)" '1 16 f64,u8'
expect 'push --create of another format' 1 push --create --format u64,u8 $w 1,3

# ---- cas, add --------------------------------------------------------------------------------------------------------------------------------

expect 'cas' 0 cas $v 0 42 43
expect 'cas of another value' 1 cas $v 0 42 44
has 'cas of another value tells it' "$err" "^lfvec-shmctl: $v: element 0 is 43, and not 42; nothing was set$"
expect 'cas beyond the size' 1 cas $v 9 0 1
expect 'cas of no number' 2 cas $v 0 43 x
expect 'cas of elements of 16 bytes' 2 cas $w 0 1 2
expect 'add' 0 add $v 0 7
is 'add prints the sum' "$out" 50
run add $v 0 -- -10
is 'add of a negative number' "$out" 40
json 'add --json' add --json $v 0 2
jq_is 'add --json has a number' '.elements[0].value' 42
for _ in 1 2 3 4; do
    (for _ in 1 2 3 4 5; do "$tool" add $v 0 1 >/dev/null; done) &
    adding+=($!)
done
wait "${adding[@]}"
is 'additions at the same time' "$("$tool" get $v 0)" 62
"$tool" create --format f64 /$me-f && "$tool" push -q /$me-f 1.5
expect 'cas of doubles' 0 cas /$me-f 0 1.5 2.5
expect 'add to a double' 2 add /$me-f 0 1

# ---- wait --exists -----------------------------------------------------------------------------------------------------------------------------

expect 'wait --exists in vain' 1 wait --exists --timeout 0.1 /$me-late
has 'wait --exists in vain: why' "$err" "^lfvec-shmctl: /$me-late: the time is over, and there is no such segment;"
"$tool" wait --exists --timeout 60 /$me-late &
one=$!
"$tool" wait --exists --size 2 --timeout 60 /$me-late &
two=$!
"$tool" push -q --create /$me-late 1
wait $one
is 'wait --exists' $? 0
"$tool" push -q /$me-late 2
wait $two
is 'wait --exists --size' $? 0
: >/dev/shm/"$me-foreign"
expect 'wait --exists of one that is half-made' 1 wait --exists --timeout 0 /"$me-foreign"

# ---- sentences -----------------------------------------------------------------------------------------------------------------------------

expect 'create --exclusive of one that is there' 1 create --exclusive $v
has 'create --exclusive: the remedy is the tool'"'"'s' "$err" 'exists already; choose another name, remove it \(lfvec-shmctl rm .*, or create without --exclusive'
expect 'wait for one element' 1 wait --size 1000 --timeout 0 $v
has 'one element is one' "$err" 'the time is over, and it has 1 element; waited for 1000 elements'
expect 'create --max-bytes 1X' 2 create --max-bytes 1X /$me-x
has 'a size that is none: the suffixes' "$err" '"1X" is not a number .*, which may end in K, M, G or T'
rm -f /dev/shm/"$me"-*
if [ -z "$(ls -A /dev/shm)" ]; then
    expect 'list of nothing' 0 list
    has 'list of nothing says so' "$err" '^lfvec-shmctl: /dev/shm: no segments that may be read; '
fi

finish
