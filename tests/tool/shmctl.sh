#!/bin/bash
# shmctl.sh - lfvec-shmctl as people and scripts use it: every command in text and JSON, exit statuses, messages, refusals, questions.
# Uses the build in $LFVEC_BUILD (default: the current directory). Segments are named lfvec-test-PID-... and removed at the end.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

# ---- help, version, usage --------------------------------------------------------------------------------------------------------------

commands='list info ps dump check wait watch numa map export push pop get set load recover reset trim reserve create rm'
expect 'help' 0 --help
for command in $commands; do
    has "help lists $command" "$out" "^  $command "
done
for command in $commands; do
    run "$command" --help
    if [ "$status" -eq 0 ] && grep -q "^Usage: lfvec-shmctl $command" <<<"$out" &&
        [ "$(grep -c "^  lfvec-shmctl $command" <<<"$out")" -eq 1 ]; then
        ok "$command --help has usage and one example"
    else
        not_ok "$command --help has usage and one example" "$(said)"
    fi
done
expect 'help COMMAND' 0 help ps
has 'help COMMAND is that of the command' "$out" '^Usage: lfvec-shmctl ps'
expect '--version' 0 --version
has '--version names a version' "$out" '^lfvec-shmctl [0-9]+\.[0-9]+'
run
is 'no command is a usage error' "$status" 2
expect 'unknown command' 2 frobnicate
expect 'unknown option' 2 info --frobnicate /x
has 'unknown option is named' "$err" '--frobnicate'
expect 'unknown short option' 2 info -Z /x
expect 'missing option argument' 2 dump --from
expect 'unexpected option argument' 2 list --json=yes
expect 'no name' 2 info
expect 'too many operands' 2 info /a /b
expect 'unknown column' 2 list -o NAME,NONSENSE
has 'unknown column is named' "$err" 'NONSENSE'
has 'unknown column: the message has those there are' "$err" 'but NAME, SIZE, .*, UUID;'
expect 'unknown column of one that has two tables' 2 check -o NONSENSE /x
has 'and those of the second' "$err" 'but NAME, RESULT, .*, SLOT, PID, .*LEASED;'
expect 'a number too large' 2 dump --from 18446744073709551616 /x
has 'a number too large: what is possible' "$err" 'is not a number from 0 to 18446744073709551615;'
expect 'an empty name' 2 info ''
has 'an empty name says so' "$err" '^lfvec-shmctl: "": the name is empty;'
expect 'a name of several lines, and that a terminal would obey' 3 info $'/a\nb\e[2J\xff'
has 'and is shown in one' "$err" '^lfvec-shmctl: /a\\x0ab\\x1b\[2J\\xff: no such segment;'
expect 'a name without slash' 2 info jobs
has 'a name without slash: the remedy' "$err" 'jobs: .*did you mean /jobs\?'
expect 'a path for a name' 2 info /dev/shm/jobs
has 'a path for a name: the remedy' "$err" 'did you mean /jobs\?'
expect 'a name too long' 2 info "/$(printf '%0300d' 0)"

# ---- absent, foreign, damaged ----------------------------------------------------------------------------------------------------------

absent=/$me-absent
for command in info ps dump check pop recover reset trim rm load 'watch --once' 'wait --empty'; do
    # shellcheck disable=SC2086
    expect "$command of an absent segment" 3 $command $absent
    has "$command of an absent segment says which" "$err" "^lfvec-shmctl: $absent: .*; "
done
expect 'push to an absent segment' 3 push $absent 1
expect 'get from an absent segment' 3 get $absent 0
expect 'set in an absent segment' 3 set $absent 0 1
expect 'reserve in an absent segment' 3 reserve $absent 1

foreign=$me-foreign
head -c 8192 /dev/urandom >/dev/shm/"$foreign"
expect 'info of a foreign object' 3 info /"$foreign"
expect 'rm --force refuses a foreign object' 3 rm --force --yes /"$foreign"
if [ -e /dev/shm/"$foreign" ]; then ok 'a foreign object is left alone'; else not_ok 'a foreign object is left alone'; fi
cp /dev/shm/"$foreign" /dev/shm/"$foreign-damaged-truncated"
expect 'rm --force refuses one whose name says that it is damaged' 3 rm --force --yes /"$foreign-damaged-truncated"
if [ -e /dev/shm/"$foreign-damaged-truncated" ]; then ok 'and leaves it alone'; else not_ok 'and leaves it alone'; fi
rm -f /dev/shm/"$foreign-damaged-truncated"
run list
lacks 'list leaves foreign objects out' "list: $out" "$foreign" # where nothing else is, it prints nothing
: >/dev/shm/"$me-empty"
mkfifo /dev/shm/"$me-fifo"
run list
has 'list passes an empty object and a FIFO' "$status" '^[01]$' # 1: one of another test is damaged
lacks 'list leaves them out' "list: $out" "$me-(empty|fifo)"

mkdir /dev/shm/"$me-directory"
ln -s "$foreign" /dev/shm/"$me-link"
for object in directory:directory link:symbolic\ link fifo:FIFO; do
    for command in info ps dump check load 'push' 'rm --yes' 'rm --yes --force' 'recover' 'reset --yes' trim map numa 'watch --once' 'wait --empty' export \
        'create' pop; do
        operand=
        if [ "$command" = push ]; then operand=1; fi
        # shellcheck disable=SC2086
        expect "$command of a ${object%%:*}" 3 $command /"$me-${object%%:*}" $operand
        has "$command of a ${object%%:*}: what it is, and the remedy" "$err" \
            "is a ${object#*:} and no regular file, so not an lfvec segment; choose another name"
    done
done
if [ -p /dev/shm/"$me-fifo" ]; then ok 'what is no regular file stays'; else not_ok 'what is no regular file stays'; fi
rmdir /dev/shm/"$me-directory"
rm /dev/shm/"$me-link"

# ---- create ----------------------------------------------------------------------------------------------------------------------------

v=/$me-v
expect 'create' 0 create $v
expect 'create again is no error' 0 create $v
has 'create again says so' "$err" "^lfvec-shmctl: $v: existed already"
expect 'create --exclusive of an existing one' 1 create --exclusive $v
expect 'create with another element size' 1 create --elem-size 16 $v
a=/$me-attr
expect 'create with every attribute' 0 create --elem-size 24 --tag 0x1234 --max-elems 1000000 --max-bytes 64M --slots 5 --leaf-bytes 1K \
    --slab-bytes 128K --mode 0640 --numa interleave --nodes 0 --hugepages --prefault --exclusive $a
json 'info of it' info --json $a
jq_is 'the attributes arrived' '.segment[0] | [.elem_size, .elem_tag, .max_elems, .max_slots, .leaf_bytes, .slab_bytes, .mode, .numa, .numa_nodes, .flags]' \
    '[24,4660,1000000,5,1024,2097152,"0640","interleave",1,"hugepages,prefault"]'
is 'the mode of the object' "$(stat -c %a /dev/shm/${a#/})" 640
expect 'another tag' 1 create --elem-size 24 --tag 1 $a
expect 'create: element size 0' 2 create --elem-size 0 /$me-no
expect 'create: slots beyond 2047' 2 create --slots 2048 /$me-no
expect 'create: leaf not a power of two' 2 create --leaf-bytes 600 /$me-no
expect 'create: mode not octal' 2 create --mode 0698 /$me-no
expect 'create: unknown policy' 2 create --numa near /$me-no
expect 'create: bad list of nodes' 2 create --numa bind --nodes 3-1 /$me-no
expect 'create: nodes without policy' 2 create --nodes 0 /$me-no
expect 'create: not a size' 2 create --max-bytes 1X /$me-no
expect 'nothing of that was created' 3 info /$me-no

# ---- push, get, set, pop ---------------------------------------------------------------------------------------------------------------

expect 'push' 0 push $v 10 0x14 30
is 'push prints the indexes' "$out" $'0\n1\n2'
expect 'push --quiet' 0 push -q $v 40
is 'push --quiet prints nothing' "$out" ''
json 'push --json' push --json $v 50
jq_is 'push --json has the index' '.elements[0].index' 4
expect 'push of a negative number' 0 push $v -- -1
run get --format signed $v 5
is 'get --format signed' "$out" -1
expect 'push of no number' 2 push $v 1 two
has 'push of no number names it' "$err" "^lfvec-shmctl: $v: .*\"two\""
run info --raw --noheadings -o SIZE $v
is 'a mistake pushes nothing' "$out" 6
expect 'push of a number too large' 2 push $v 18446744073709551616
expect 'push of nothing' 2 push $v
new small --max-elems 2
expect 'push beyond the limits' 1 push -q /$me-small 1 2 3
has 'push beyond the limits says how many are in' "$err" "^lfvec-shmctl: /$me-small: push, after 2 that succeeded: .*--max-elems"
expect 'get' 0 get $v 0 1
is 'get prints the values' "$out" $'10\n20'
run get --format hex $v 1
is 'get --format hex' "$out" 0x0000000000000014
json 'get --json' get --json $v 2
jq_is 'get --json is a number' '.elements[0].value' 30
expect 'get beyond the size' 1 get $v 99
has 'get beyond the size says the size' "$err" "^lfvec-shmctl: $v: .*99.* 6"
expect 'get of no index' 2 get $v first
expect 'get -o' 0 get -o INDEX,VALUE $v 0
is 'with -o there are headings' "$out" $'INDEX VALUE\n    0 10'
expect 'set' 0 set $v 0 11
run get $v 0
is 'set arrived' "$out" 11
expect 'set beyond the size' 1 set $v 99 1
expect 'set of no number' 2 set $v 0 x
expect 'pop' 0 pop $v
is 'pop prints the last element' "$out" 18446744073709551615
expect 'pop -n' 0 pop -n 2 $v
is 'pop -n prints last first' "$out" $'50\n40'
json 'pop --json' pop --json $v
jq_is 'pop --json has the value' '.elements[0].value' 30
expect 'pop -n beyond what there is' 1 pop -n 5 $v
is 'pop -n prints what there was' "$out" $'20\n11'
expect 'pop of an empty vector' 1 pop $v
has 'pop of an empty vector says so' "$err" "^lfvec-shmctl: $v: empty;"
expect 'pop -n 0' 2 pop -n 0 $v

w=/$me-wide
new wide --elem-size 12
expect 'push --hex' 0 push --hex $w 000102030405060708090a0b
expect 'push --string' 0 push --string $w 'hello, you' ''
expect 'push of a number to a wide vector' 2 push $w 5
has 'push of a number to a wide vector: the remedy' "$err" '--hex'
expect 'push --hex of a wrong length' 2 push --hex $w 0001
expect 'push --string too long' 2 push --string $w 'much too long for it'
printf 'abcdefghijklABCDEFGHIJKL' | "$tool" push --stdin -q $w && ok 'push --stdin' || not_ok 'push --stdin'
printf 'abcdefghijklABC' | "$tool" push --stdin -q $w 2>"$scratch/err"
is 'push --stdin ending amid an element' $? 1
run get $w 0
is 'get of a wide element is hex' "$out" 000102030405060708090a0b
run get --format string $w 1
is 'get --format string' "$out" 'hello, you'
"$tool" get --format raw $w 3 >"$scratch/raw"
is 'get --format raw' "$(cat "$scratch/raw")" abcdefghijkl
printf 'stdin-set---' | "$tool" set --stdin $w 0 && run get --format string $w 0
is 'set --stdin' "$out" 'stdin-set---'
expect 'get --format decimal of a wide element' 2 get --format decimal $w 0
expect 'unknown format' 2 get --format roman $w 0
for size in 1 2 4; do
    new n$size --elem-size $size
    run push /$me-n$size 200
    run pop --format decimal /$me-n$size
    is "numbers of $size bytes" "$out" 200
done
expect 'a number too large for 1 byte' 2 push /$me-n1 256
printf '\xff\x01\x80\x7f' | "$tool" push --stdin -q /$me-n1
json 'strings that are no UTF-8 are still JSON' get --format string --json /$me-n1 0 1 2 3

# ---- list, info, dump, check -----------------------------------------------------------------------------------------------------------

run push -q $v $(seq 0 299)
expect 'list' 0 list
has 'list shows a segment' "$out" "^$v +300 +8 .* 0600 +$(id -un) +ok"
json 'list --json' list --json
jq_is 'list --json has numbers' "[.segments[] | select(.name == \"$v\") | .size, .elem, .alive, .dead, .unknown, .status]" '[300,8,0,0,0,"ok"]'
run list --raw --noheadings -o NAME,SIZE
has 'list --raw -o' "$out" "^$v 300\$"
lacks 'list --noheadings' "$out" NAME
expect 'list with an operand' 2 list $v
expect 'info' 0 info $v
has 'info has people'"'"'s units and exact figures' "$out" '^SLAB_BYTES +256K +262144$'
has 'info has the uuid' "$out" '^UUID +[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
json 'info --json' info --json $v
jq_is 'info --json' '.segment[0] | [.name, .size, .elem_size, .slots_alive]' "[\"$v\",300,8,0]"
run info -o SIZE,ELEM_SIZE $v
is 'info -o' "$(wc -l <"$scratch/out")" 3
run info --raw --noheadings -o +UID $v
is 'info --raw is one row' "$(wc -l <"$scratch/out")" 1
expect 'dump' 0 dump --from 10 --count 2 $v
is 'dump of a range' "$out" $'INDEX VALUE\n   10 10\n   11 11'
run dump --noheadings --raw $v
is 'dump of everything' "$(wc -l <"$scratch/out")" 300
run dump --format csv --count 2 $v
is 'dump --format csv' "$out" $'INDEX,VALUE\n0,0\n1,1'
run dump --format hex --noheadings --count 1 --from 255 $v
is 'dump --format hex' "$out" '  255 0x00000000000000ff'
"$tool" dump --format raw $v | "$tool" push --stdin -q $v
run info --raw --noheadings -o SIZE $v
is 'dump --format raw can be pushed' "$out" 600
json 'dump --json' dump --json --from 5 --count 3 $v
jq_is 'dump --json has numbers' '[.elements[].value]' '[5,6,7]'
json 'dump --json of nothing' dump --json --from 600 $v
jq_is 'dump --json of nothing is an empty array' '.elements' '[]'
expect 'dump from beyond the size' 1 dump --from 601 $v
expect 'dump --json --format raw' 2 dump --json --format raw $v
run push -q $v $(seq 600 9999)
"$tool" dump $v >"$scratch/long"
is 'a long dump is complete' "$(wc -l <"$scratch/long")" 10001
is 'a long dump has one heading' "$(grep -c INDEX "$scratch/long")" 1
is 'a long dump keeps its columns' "$(awk '{ print length($0) - length($2) }' "$scratch/long" | sort -u | wc -l)" 1
expect 'check' 0 check $v
has 'check says sound' "$out" '^RESULT +sound$'
json 'check --json' check --json $v
jq_is 'check --json' '.audit[0] | [.result, .fault, .elements, .leaves_lost]' '["sound","none",10000,0]'
expect 'reserve' 0 reserve $v 100000
run info --raw --noheadings -o CAPACITY $v
if [ "${out:-0}" -ge 100000 ]; then ok 'reserve arrived'; else not_ok 'reserve arrived' "$out"; fi
expect 'reserve beyond the limits' 1 reserve $a 1000001
has 'reserve beyond the limits: the remedy' "$err" '--max-elems'
run info --raw --noheadings -o SLOTS_ALIVE,SLOTS_DEAD $v
is 'no command leaves a participant behind' "$out" '0 0'

# ---- standard descriptors that are closed or full ---------------------------------------------------------------------------------------
# The number of a closed one must not become that of the segment: a report would be written into it, and it would be read as input.

d=/$me-closed
new closed
"$tool" push -q $d 1 2 3
for arguments in "push $d 4" "pop $d" "info $d" "list" "dump $d" "dump --format raw $d" "reset --yes $d" "help" "list --help"; do
    # shellcheck disable=SC2086
    "$tool" $arguments >&- 2>"$scratch/err" </dev/null
    is "$arguments, output closed: status" $? 3
    is "$arguments, output closed: one line" "$(grep -c '^lfvec-shmctl: ' "$scratch/err") $(wc -l <"$scratch/err")" '1 1'
    # shellcheck disable=SC2086
    "$tool" $arguments >/dev/full 2>"$scratch/err" </dev/null
    is "$arguments, output full: status" $? 3
    is "$arguments, output full: one line" "$(grep -c '^lfvec-shmctl: ' "$scratch/err") $(wc -l <"$scratch/err")" '1 1'
done
"$tool" push -q $d 1 2 3
for arguments in "push -q --stdin $d" "set --stdin $d 0" "load -q $d" "load -q --format raw $d"; do
    # shellcheck disable=SC2086
    timeout 20 "$tool" $arguments <&- 2>"$scratch/err"
    is "$arguments, input closed: status" $? 3
    has "$arguments, input closed: why" "$(cat "$scratch/err")" "^lfvec-shmctl: $d: cannot read "
done
"$tool" push $d 4 <&- >&- 2>&-
is 'all closed: status' $? 3
expect 'check after all that' 0 check $d
is 'nothing has come of it but what was pushed' "$("$tool" dump --raw --noheadings -o VALUE $d | xargs)" '1 2 3 4'

# ---- what is not allowed, or limited ------------------------------------------------------------------------------------------------------

(ulimit -f 2000 && "$tool" reserve $d 10000000) 2>"$scratch/err"
is 'reserve beyond the limit of the size of files' $? 1
has 'and it is told from a full /dev/shm' "$(cat "$scratch/err")" "^lfvec-shmctl: $d: reserve: .*\(ulimit -f\)"

# As somebody else, who may have no way to the build: it takes the tool with it. The segment may be read, and is not theirs.
new open --mode 0644
mkdir -m 755 "$scratch/bin"
cp "$build"/.libs/liblfvec.so.* "$build"/.libs/lfvec-shmctl "$scratch/bin" 2>/dev/null
chmod 755 "$scratch"
somebody() { setpriv --reuid 65534 --regid 65534 --clear-groups env LD_LIBRARY_PATH="$scratch/bin" "$scratch/bin/lfvec-shmctl" "$@"; }
if [ "$(id -u)" -eq 0 ] && [ -k /dev/shm ] && somebody info /$me-open >/dev/null 2>&1; then
    for command in rm reset trim recover; do
        for option in --yes --dry-run; do
            somebody $command $option /$me-open >"$scratch/out" 2>"$scratch/err" </dev/null
            is "$command $option without permission: status" $? 3
            has "$command $option without permission: whose it is" "$(cat "$scratch/err")" "not allowed, it belongs to $(id -un):.* with mode 0644; do it as"
            is "$command $option without permission promises nothing" "$(cat "$scratch/out")" ''
        done
    done
    somebody rm --yes /$me-open 2>"$scratch/err"
    lacks 'rm does not advise a mode that would be of no use' "$(cat "$scratch/err")" chmod
    # what a stranger has made under the name that others come to, finished or not
    somebody create --mode 0666 /$me-trap
    setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "umask 0; : >/dev/shm/$me-half"
    for name in trap half; do
        expect "create does not take $name of another user" 3 create /$me-$name
        has "and says whose $name is, and what to do" "$err" "^lfvec-shmctl: /$me-$name: belongs to $(id -un 65534), .*another name.*--any-owner"
        expect "create --any-owner takes $name" 0 create --any-owner /$me-$name
        expect "rm $name" 0 rm --yes /$me-$name
    done
    expect 'a segment of root' 0 create --mode 0666 /$me-roots
    somebody create /$me-roots 2>"$scratch/err"
    is 'is taken by all' $? 0
else
    skip 'commands without permission' 'not root, or no tool that others can run'
fi

# ---- what its owner makes others wait for -------------------------------------------------------------------------------------------------

new leased
new free
hold /$me-leased 0 file-lease
if [ "$held" = ready ]; then
    for command in list 'list --json' export info ps check 'rm --yes' 'rm --yes --force' map numa dump create 'push -q'; do
        operand=/$me-leased wanted=3
        case $command in list* | export) operand='' wanted=0 ;; esac
        # shellcheck disable=SC2086
        # shellcheck disable=SC2046
        timeout 10 "$tool" $command $operand $([ "$command" != 'push -q' ] || echo 1) >"$scratch/out" 2>"$scratch/err" </dev/null
        is "$command beside a lease: prompt, status" $? $wanted
        has "$command beside a lease: why, and what to do" "$(cat "$scratch/err")" "^lfvec-shmctl: .*/$me-leased.*F_SETLEASE\); try again"
        [ $wanted -ne 0 ] || has "$command beside a lease: how many it skipped" "$(cat "$scratch/err")" '^lfvec-shmctl: /dev/shm: 1 object skipped'
        [ $wanted -ne 0 ] || has "$command beside a lease: has the others" "$(cat "$scratch/out")" "/$me-free"
    done
    kill_holder
    expect 'after it, list skips nothing' 0 list
    is 'and says nothing' "$err" ''
else
    skip 'commands beside a lease' "$pid"
fi

# ---- names that a terminal would obey ------------------------------------------------------------------------------------------------------

odd=/$me-$'a\e[31m\nb\xff'
"$tool" create "$odd"
run list --raw --noheadings -o NAME
has 'list shows such a name' "$out" "^/$me-a\\\\x1b\[31m\\\\x0ab\\\\xff\$"
run map "$odd"
has 'map shows such a name' "$out" "^/$me-a\\\\x1b\[31m\\\\x0ab\\\\xff: 0 elements"
json 'and it is JSON' info --json "$odd"

# ---- participants ----------------------------------------------------------------------------------------------------------------------

p=/$me-p
new p --max-bytes 64M
expect 'ps of nobody' 0 ps $p
is 'ps of nobody prints nothing' "$out" ''
json 'ps --json of nobody' ps --json $p
jq_is 'ps --json of nobody is an empty array' '.participants' '[]'
hold $p 7
expect 'ps' 0 ps $p
has 'ps shows the participant' "$out" "^ +[0-9]+ +$pid +$pid +alive +holder"
json 'ps --json' ps --json $p
jq_is 'ps --json' '.participants[0] | [.pid, .state, .command, .pushes, .leased]' "[$pid,\"alive\",\"holder\",7,false]"
run list --raw --noheadings -o NAME,ALIVE,DEAD
has 'list counts it' "$out" "^$p 1 0\$"
expect 'info beside a live participant' 0 info $p
expect 'check beside a live participant' 0 check $p
for command in reset rm; do
    expect "$command refuses while it lives" 1 $command --yes $p
    has "$command says who lives" "$err" "^lfvec-shmctl: $p: 1 live participant: process $pid \(holder, alive\); .*--force"
    expect "$command --dry-run refuses as well" 1 $command --dry-run $p
    cp /dev/shm/${p#/} "$scratch/copy"
    expect "$command --force --dry-run" 0 $command --force --dry-run $p
    if cmp -s /dev/shm/${p#/} "$scratch/copy"; then ok "$command --dry-run changes no byte"; else not_ok "$command --dry-run changes no byte"; fi
done
expect 'recover --force --slot of the living' 1 recover --force --slot 1 --yes $p
has 'recover --force of the living says who' "$err" "live process $pid"
expect 'recover --slot without --force' 2 recover --slot 1 $p
expect 'recover --force of a free slot' 1 recover --force --slot 100 --yes $p
expect 'recover --force of no slot' 1 recover --force --slot 2000 --yes $p
kill -STOP "$pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    run ps $p
    grep -q stopped <<<"$out" && break
done
has 'a stopped participant is shown as stopped' "$out" "$pid +stopped"
expect 'rm refuses while it is stopped' 1 rm --yes $p
kill -CONT "$pid"
kill_holder
run ps $p
has 'a killed participant is shown as dead' "$out" "$pid +dead +holder"
run list --raw --noheadings -o NAME,ALIVE,DEAD
has 'list counts the dead' "$out" "^$p 0 1\$"
expect 'check with a dead participant' 0 check $p
expect 'recover --dry-run' 0 recover --dry-run $p
has 'recover --dry-run says what' "$out" "^recover +slot [0-9]+ +dead process $pid \(holder\)"
json 'recover --dry-run --json' recover --dry-run --json $p
run ps $p
has 'recover --dry-run does nothing' "$out" "$pid +dead"
json 'recover --json' recover --json $p
jq_is 'recover --json counts' '.recovery[0].slots_recovered' 1
expect 'recover again' 0 recover $p
has 'recover again finds nothing' "$out" '^SLOTS_RECOVERED +0'
expect 'ps afterwards' 0 ps $p
is 'no participant is left' "$out" ''
run info --raw --noheadings -o SIZE $p
is 'the elements are all there' "$out" 7
expect 'check after it all' 0 check $p

# ---- what the dead were doing, and what became of it -----------------------------------------------------------------------------------

row='[.slot, .state, .operation, .op_version, .took_effect, .leased]'
w=/$me-w
new w
expect 'check of an unused vector' 0 check $w
lacks 'check of an unused vector has no slots' "$out" '^SLOT '
json 'check --json of an unused vector' check --json $w
jq_is 'no slots are an empty array' '.slots' '[]'
json 'recover --json of an unused vector' recover --json $w
jq_is 'nobody to recover is an empty array' '[.slots, .recovery[0].slots_recovered]' '[[],0]'

hold $w 7
expect 'check shows the living' 0 check $w
has 'check: a finished push of the living' "$out" "^ +1 +$pid holder +alive push +7 yes +0 +0 no\$"
kill -STOP "$pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    run check --raw --noheadings -o STATE $w
    [ "$out" = stopped ] && break
done
is 'check -o with columns of slots prints those alone' "$out" stopped
json 'recover --force --json of a stopped one' recover --force --yes --json $w
jq_is 'recover --force leaves the stopped' '.slots[0] | [.state, .result, .freed, .returned, .released]' '["stopped","left",null,null,null]'
kill -CONT "$pid"
kill_holder
json 'check --json after a finished push' check --json $w
jq_is 'check --json: the dead pushed, and it took effect' ".slots[] | $row" '[1,"dead","push",7,true,false]'
jq_is 'check --json keeps the audit' '.audit[0] | [.result, .elements, .slots_dead]' '["sound",7,1]'
json 'recover --dry-run --json after a finished push' recover --dry-run --json $w
jq_is 'recover --dry-run --json: row and plan' '[(.slots[0] | .result, .unfinished, .returned), .plan[0].would]' '["recover",null,false,"recover"]'
json 'recover --json after a finished push' recover --json $w
jq_is 'recover --json: the row' '.slots[0] | [.operation, .took_effect, .result, .unfinished, .returned]' '["push",true,"recovered",null,false]'
jq_is 'recover --json: the totals' '.recovery[0] | [.slots_recovered, .ops_won, .ops_lost]' '[1,0,0]'

hold $w 1 lease
kill_holder
expect 'check with a lease of the dead' 0 check $w
has 'check: the lease' "$out" "^ +1 +$pid holder +dead +pop_lease +9 yes +0 +0 yes\$"
expect 'recover --dry-run of a lease' 0 recover --dry-run $w
has 'recover --dry-run: it would go back' "$out" "^ +1 +$pid .* yes +recover +- +- yes +-\$"
expect 'recover of a lease' 0 recover $w
has 'recover: it went back' "$out" "^ +1 +$pid .* yes +recovered +- +0 yes +[01]\$"
has 'recover: and was counted' "$out" '^LEASES_RETURNED +1$'
run info --raw --noheadings -o SIZE $w
is 'the leased element is back' "$out" 8

# amid OPERATION WHEN OP_VERSION TOOK_EFFECT UNFINISHED FREED RETURNED SIZE: a new vector of 5, whose only participant dies amid the operation
amid()
{
    local what="killed $2 the CAS of $1"
    new amid
    hold /$me-amid 5 "$1" "$2"
    if [ "$held" != ready ]; then
        skip "$what" "$pid"
        rm -f /dev/shm/"$me-amid"
        return
    fi
    json "$what: check" check --json /$me-amid
    jq_is "$what: what it was doing" '.slots[] | [.pid, .state, .operation, .op_version, .took_effect]' "[$pid,\"dead\",\"$1\",$3,$4]"
    json "$what: recover --dry-run" recover --dry-run --json /$me-amid
    jq_is "$what: what would be done" '.slots[] | [.result, .unfinished, .returned]' "[\"recover\",$5,$7]"
    json "$what: recover" recover --json /$me-amid
    jq_is "$what: what was done" '.slots[] | [.took_effect, .result, .unfinished, .freed, .returned]' "[$4,\"recovered\",$5,$6,$7]"
    run info --raw --noheadings -o SIZE /$me-amid
    is "$what: all or nothing" "$out" "$8"
    expect "$what: sound" 0 check /$me-amid
    rm -f /dev/shm/"$me-amid"
}

amid push before 6 false null 0 false 5
amid push after 6 true null 0 false 6
amid pop before 6 false null 0 false 5
amid pop after 6 true null 0 false 4
amid set before 6 false '"dropped"' 1 false 5
amid set after 6 true '"completed"' 1 false 5
amid push_n before 6 false null 0 false 5
amid push_n after 6 true null 0 false 8
amid pop_lease before 6 false null 0 false 5
amid pop_lease after 6 true null 0 true 5

# A participant in another time namespace, where /proc tells other start times: it lives.
if unshare --time --fork --boottime 864000 true 2>/dev/null; then
    expect 'create for another time' 0 create --slots 4 $p-time
    mkfifo "$scratch/ready"
    unshare --time --fork --boottime 864000 --kill-child "$holder" $p-time 1 >"$scratch/ready" 2>/dev/null &
    children+=($!)
    shifted=$!
    read -r _ <"$scratch/ready"
    rm "$scratch/ready"
    run ps --raw --noheadings -o STATE $p-time
    is 'a participant of another time namespace lives' "$out" alive
    expect 'rm refuses while it lives' 1 rm --yes $p-time
    expect 'reset refuses while it lives' 1 reset --yes $p-time
    expect 'recover --force leaves it' 0 recover --force --yes $p-time
    has 'recover --force leaves it: the row' "$out" ' alive .* left '
    # and seen from there, one of ours
    kill -9 $shifted
    wait $shifted 2>/dev/null
    for _ in {1..100}; do
        run ps --raw --noheadings -o STATE $p-time
        [ "$out" = dead ] && break
        sleep 0.05
    done
    is 'killed, it is dead' "$out" dead
    hold $p-time 1
    run ps --raw --noheadings -o STATE $p-time
    is 'one of ours has its slot' "$out" alive
    out=$(unshare --time --fork --boottime 864000 "$tool" rm --yes $p-time 2>&1)
    is 'rm from another time namespace refuses' $? 1
    out=$(unshare --time --fork --boottime 864000 "$tool" ps --raw --noheadings -o STATE $p-time)
    is 'it lives as seen from another time namespace' "$out" alive
    kill_holder
    expect 'rm at last' 0 rm --yes $p-time
else
    skip 'participants of another time namespace' 'unshare --time is not allowed here'
fi

# A participant in another pid namespace is unknown, alive or not.
if unshare --pid --fork true 2>/dev/null; then
    # unknown NAME: starts a participant in a pid namespace of its own; what keeps that alive is $unshared
    unknown()
    {
        mkfifo "$scratch/ready"
        unshare --pid --fork --kill-child "$holder" "$1" 1 >"$scratch/ready" 2>/dev/null &
        children+=($!)
        unshared=$!
        read -r _ <"$scratch/ready"
        rm "$scratch/ready"
    }
    unknown $p
    run ps $p
    has 'a participant of another pid namespace is unknown' "$out" ' unknown '
    json 'check --json of the unknown' check --json $p
    jq_is 'check --json of the unknown: what can be told' '.slots[] | [.state, .operation, .took_effect]' '["unknown","push",true]'
    hold $p 1 # somebody alive beside it
    expect 'reset refuses while it is unknown' 1 reset --yes $p
    expect 'recover leaves the unknown' 0 recover $p
    has 'recover says what to do about it' "$err" 'recover --force'
    has 'recover leaves the unknown: the row' "$out" ' unknown +push .* left +- +- +- +-$'
    expect 'recover --force asks' 2 recover --force $p
    has 'recover --force: the remedy without a terminal' "$err" '--yes'
    expect 'recover --force --dry-run' 0 recover --force --dry-run $p
    has 'recover --force --dry-run says what' "$out" '^recover +slot [0-9]+ +unknown'
    run recover --force --dry-run --raw --noheadings -o STATE,RESULT $p
    is 'recover --force --dry-run: the rows' "$out" $'unknown force\nalive leave'
    expect 'recover --force --yes' 0 recover --force --yes $p
    has 'recover --force --yes tells what it did' "$out" '^SLOTS_RECOVERED +1'
    has 'recover --force --yes forces the unknown' "$out" ' unknown +push .* forced '
    has 'recover --force --yes leaves the living' "$out" "^ +[0-9]+ +$pid .* alive +push .* left "
    run ps --raw --noheadings -o STATE $p
    is 'the unknown is gone, the living is not' "$out" alive
    kill_holder
    expect 'recover after the force' 0 recover $p
    kill -9 $unshared
    wait $unshared 2>/dev/null
    expect 'check after the force' 0 check $p
    # once it is killed, it is dead here, too
    unknown $p
    kill -9 $unshared
    wait $unshared 2>/dev/null
    for _ in {1..100}; do
        run ps --raw --noheadings -o STATE $p
        [ "$out" != unknown ] || sleep 0.05
    done
    is 'the dead of another pid namespace are dead' "$out" dead
    expect 'recover frees the dead of another pid namespace' 0 recover $p
    run ps --raw --noheadings -o STATE $p
    is 'and nobody is left' "$out" ''
    # who comes while the question stands is not meant by the answer
    if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
        new q
        unknown /$me-q
        former=$unshared
        mkfifo "$scratch/answer"
        script -qec "$tool recover --force --raw -o SLOT,STATE,RESULT /$me-q" /dev/null <"$scratch/answer" >"$scratch/shown" 2>&1 &
        asking=$!
        exec 9>"$scratch/answer"
        until grep -q 'y/N' "$scratch/shown" || ! kill -0 $asking 2>/dev/null; do sleep 0.05; done
        has 'recover --force asks about those there are' "$(cat "$scratch/shown")" 'recover 1 unknown participants by force'
        unknown /$me-q
        echo y >&9
        exec 9>&-
        wait $asking
        is 'recover --force on a terminal' $? 0
        has 'recover --force: the one that there was' "$(tr -d '\r' <"$scratch/shown")" '^1 unknown forced$'
        has 'recover --force: the one that came later' "$(tr -d '\r' <"$scratch/shown")" '^2 unknown left$'
        rm "$scratch/answer"
        kill -9 $former $unshared
        wait $former $unshared 2>/dev/null
    else
        skip 'who comes while the question stands' 'no script(1) here'
    fi
else
    skip 'participants of another pid namespace' 'unshare --pid is not allowed here'
fi

# ---- reset, rm -------------------------------------------------------------------------------------------------------------------------

r=/$me-r
new r
run push -q $r 1 2 3
expect 'reset without terminal and --yes' 2 reset $r
has 'reset without terminal: the remedy' "$err" "^lfvec-shmctl: $r: .*--yes"
expect 'rm without terminal and --yes' 2 rm $r
expect 'reset --dry-run' 0 reset --dry-run $r
has 'reset --dry-run says what' "$out" "^clear +$r +3 elements"
json 'reset --dry-run --json' reset --dry-run --json $r
expect 'rm --dry-run' 0 rm --dry-run $r
has 'rm --dry-run says what' "$out" "^remove +$r +3 elements, .*uuid"
json 'rm --dry-run --json' rm --dry-run --json $r
jq_is 'rm --dry-run --json' '.plan[0] | [.would, .target]' "[\"remove\",\"$r\"]"
run info --raw --noheadings -o SIZE $r
is 'dry runs do nothing' "$out" 3
hold $r 2
expect 'reset --force with a live participant' 0 reset --force --yes $r
has 'reset tells what it did' "$out" '^ELEMENTS_CLEARED +5'
kill_holder
run push -q $r 1 2
json 'reset --yes --json recovers as well' reset --yes --json $r
jq_is 'reset --yes --json' '.reset[0].elements_cleared' 2
run info --raw --noheadings -o SIZE,SLOTS_DEAD $r
is 'reset leaves no elements and no dead' "$out" '0 0'

# on a terminal: $1 is typed, the rest is the command; what is shown in $out
on_terminal()
{
    local typed=$1
    shift
    out=$(printf '%s\n' "$typed" | script -qec "$tool $*" /dev/null 2>&1)
    status=$?
}

if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    run push -q $r 1 2 3
    on_terminal n reset $r
    is 'reset on a terminal, answer n' "$status" 1
    has 'reset on a terminal asks' "$out" 'remove all 3 elements\? \[y/N\]'
    on_terminal '' rm $r
    is 'rm on a terminal, empty answer' "$status" 1
    on_terminal y reset $r
    is 'reset on a terminal, answer y' "$status" 0
    run info --raw --noheadings -o SIZE $r
    is 'reset on a terminal did it' "$out" 0
    on_terminal y rm $r
    is 'rm on a terminal, answer y' "$status" 0
    expect 'rm on a terminal did it' 3 info $r
    new r
    # replaced while the question stands: a successor of the same name must survive
    mkfifo "$scratch/answer"
    script -qec "$tool rm $r" /dev/null <"$scratch/answer" >"$scratch/shown" 2>&1 &
    asking=$!
    exec 9>"$scratch/answer"
    until grep -q 'y/N' "$scratch/shown" || ! kill -0 $asking 2>/dev/null; do sleep 0.05; done
    "$tool" rm --yes $r && new r
    echo y >&9
    exec 9>&-
    wait $asking
    is 'rm does not remove a successor of the same name' $? 1
    has 'rm says that it was replaced' "$(cat "$scratch/shown")" 'replaced'
    expect 'the successor is there' 0 info $r
else
    skip 'questions on a terminal' 'no script(1) here'
fi
expect 'rm --yes' 0 rm --yes $r
expect 'rm --yes did it' 3 info $r

# ---- damage ----------------------------------------------------------------------------------------------------------------------------

# damage NAME OFFSET: changes one byte of a segment
damage()
{
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 /dev/shm/"${1#/}")
    printf "\\x$(printf %02x $((byte ^ 0x55)))" | dd of=/dev/shm/"${1#/}" bs=1 seek="$2" conv=notrunc status=none
}

# The first bytes of the header by what a change of each does: one is damage that the checksum sees, one is another format version.
damaged_at= version_at=
for offset in $(seq 8 63); do
    new d
    damage /$me-d "$offset"
    run list --raw --noheadings -o NAME,STATUS
    grep -q "^/$me-d damaged\$" <<<"$out" && damaged_at=$offset
    grep -q "^/$me-d version\$" <<<"$out" && version_at=$offset
    rm -f /dev/shm/"$me-d"
    [ -z "$damaged_at" ] || [ -z "$version_at" ] || break
done
for kind in damaged version; do
    at=${kind}_at
    if [ -z "${!at}" ]; then
        not_ok "list shows a segment as $kind"
        continue
    fi
    ok "list shows a segment as $kind"
    new d
    damage /$me-d "${!at}"
    expect "info of a header: $kind" 3 info /$me-d
    has "info of a header: $kind: names it and a remedy" "$err" "^lfvec-shmctl: /$me-d: .*; "
    expect "check of a header: $kind" 3 check /$me-d
    expect "rm of it needs --force ($kind)" 3 rm --yes /$me-d
    expect "rm --force asks ($kind)" 2 rm --force /$me-d
    expect "rm --force --dry-run ($kind)" 0 rm --force --dry-run /$me-d
    expect "rm --force --yes ($kind)" 0 rm --force --yes /$me-d
    if [ -e /dev/shm/$me-d ]; then not_ok "it is gone ($kind)"; else ok "it is gone ($kind)"; fi
done

# Behind the header: a check must find a spoiled directory, and nothing may crash or hang on it.
c=/$me-c
new c --max-bytes 8M
run push -q $c $(seq 1000)
size=$(stat -c %s /dev/shm/${c#/})
cp --sparse=always /dev/shm/${c#/} "$scratch/copy"
found=0 odd=0
for ((offset = 4096; offset < size; offset += size / 40 + 8)); do
    head -c 512 /dev/urandom | dd of=/dev/shm/${c#/} bs=1 seek=$offset conv=notrunc status=none
    for command in check info ps 'dump --raw'; do
        timeout 20 "$tool" $command $c >"$scratch/out" 2>"$scratch/err" </dev/null
        status=$?
        case $status in
        0 | 3) ;;
        1) [ "$command" != check ] || found=$((found + 1)) ;;
        *) odd=$((odd + 1)) && echo "  $command at $offset: status $status" ;;
        esac
    done
    dd if="$scratch/copy" of=/dev/shm/${c#/} bs=64K conv=notrunc status=none
done
is 'no command crashes or hangs on damage' $odd 0
if [ $found -gt 0 ]; then ok "check finds damage (status 1, $found times)"; else not_ok 'check finds damage (status 1)'; fi
expect 'check after the repair' 0 check $c

# ---- not allowed, full -----------------------------------------------------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups "$tool" --version >/dev/null 2>&1; then
    other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$tool" "$@"; }
    other info $v >"$scratch/out" 2>"$scratch/err"
    is 'a segment of another user: status' $? 3
    has 'a segment of another user: message' "$(cat "$scratch/err")" "^lfvec-shmctl: $v: .*; "
    lacks 'list leaves out what it may not open' "$(other list)" "$v "
    has 'list --all shows it as denied' "$(other list --all)" "^$v .* denied"
else
    skip 'segments of another user' 'needs root, setpriv, and a build that others may read'
fi

# in a mount namespace of its own, /dev/shm is a tmpfs of 2 MiB
if unshare --mount true 2>/dev/null && unshare --mount mount -t tmpfs -o size=2m tmpfs /dev/shm 2>/dev/null; then
    cat >"$scratch/full" <<END
mount -t tmpfs -o size=2m tmpfs /dev/shm
"$tool" create /$me-full || exit 99
head -c 8000000 /dev/zero | "$tool" push --stdin -q /$me-full
echo "push \$?"
"$tool" reserve /$me-full 1000000
echo "reserve \$?"
"$tool" check /$me-full >/dev/null
echo "check \$?"
END
    out=$(unshare --mount bash "$scratch/full" 2>"$scratch/err")
    err=$(cat "$scratch/err")
    is 'a full /dev/shm: status 1, and the vector stays sound' "$out" $'push 1\nreserve 1\ncheck 0'
    has 'a full /dev/shm: need, free and remedy' "$err" "^lfvec-shmctl: /$me-full: push, after [0-9]+ that succeeded: .*needs .* free; .*remount,size=.*--shm-size"
else
    skip 'a full /dev/shm' 'unshare --mount is not allowed here'
fi

if [ -c /dev/full ]; then
    "$tool" dump $v >/dev/full 2>"$scratch/err"
    is 'output that cannot be written is no success' $? 3
else
    skip 'output that cannot be written' 'no /dev/full here'
fi

# ---- the manual page -------------------------------------------------------------------------------------------------------------------

page=$src/doc/lfvec-shmctl.1
if command -v mandoc >/dev/null; then
    # what it says about the machine's collection of pages is not about this page
    is 'the manual page is clean' "$(mandoc -Tlint "$page" 2>&1 | grep -Ev 'outdated mandoc.db|referenced manual not found')" ''
else
    skip 'the manual page is clean' 'no mandoc here'
fi
for command in $commands; do
    has "the manual page has an example of $command" "$(sed -n '/^\.Sh EXAMPLES/,$p' "$page")" "lfvec-shmctl $command"
done

finish
