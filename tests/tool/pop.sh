#!/bin/bash
# pop.sh - pop loses nothing that it has not written: full disks, readers that go, death; waiting; commands that deal with elements. And push and
# load, which say what is in when their own output fails.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

v=/$me-v
size() { "$tool" info --raw --noheadings -o SIZE "$1"; }

# ---- output that fails -----------------------------------------------------------------------------------------------------------------

new v
"$tool" push -q $v $(seq 1 100)
"$tool" pop -n 10 $v >/dev/full 2>"$scratch/err"
is 'pop to a full disk: status' $? 3
has 'pop to a full disk says what became of it' "$(cat "$scratch/err")" "^lfvec-shmctl: $v: cannot write what was popped: No space left on device; 0 were written and are gone, the next one was given back$"
is 'pop to a full disk loses nothing' "$(size $v)" 100
is 'what was given back is where it was' "$("$tool" get $v 99)" 100
for format in raw csv jsonl; do
    "$tool" pop -n 10 --format $format $v >/dev/full 2>/dev/null
    is "pop --format $format to a full disk loses nothing" "$(size $v)" 100
done
"$tool" pop --json $v >/dev/full 2>/dev/null
is 'pop --json to a full disk loses nothing' "$(size $v)" 100

# A pipe that its reader leaves: what was written to it is gone, what was not is there, and together they are all. What the pipe held is counted
# by a reader that takes everything until pop ends, and then closes.
new pipe
seq 1 200000 | "$tool" load -q /$me-pipe
mkfifo "$scratch/pipe"
"$tool" pop -n 200000 --format raw /$me-pipe >"$scratch/pipe" 2>"$scratch/err" &
popping=$!
head -c 80000 <"$scratch/pipe" >"$scratch/read"
wait $popping
is 'pop whose reader goes: status' $? 3
written=$(sed -n 's/.*; \([0-9]*\) were written and are gone.*/\1/p' "$scratch/err")
is 'pop whose reader goes: all are accounted for' $((written + $(size /$me-pipe))) 200000
if [ "${written:-0}" -ge 10000 ]; then ok 'what was read is what was written'; else not_ok 'what was read is what was written' "$(cat "$scratch/err")"; fi
is 'what is left is whole' "$("$tool" dump --noheadings --raw -o VALUE /$me-pipe | sort -n | cmp - <(seq 1 $((200000 - written))) && echo same)" same
"$tool" pop -n 200000 /$me-pipe 2>"$scratch/err" | head -n 1 >"$scratch/out"
written=$(sed -n 's/.*; \([0-9]*\) were written and are gone.*/\1/p' "$scratch/err")
left=$(size /$me-pipe)
is 'pop | head: the elements are there or were written' "$("$tool" dump --noheadings --raw -o VALUE --last 1 /$me-pipe)" "$left"
is 'pop | head: head has the last one' "$(cat "$scratch/out")" $((left + written))

# Killed while it writes, it has a lease: a recovery brings it back.
new killed
"$tool" push -q /$me-killed 1 2 3
mkfifo "$scratch/begun" "$scratch/go"
"$tool" pop -n 3 --lease "echo >$scratch/begun; cat $scratch/go" /$me-killed 2>/dev/null &
popping=$! children+=($!)
timeout 60 cat "$scratch/begun" >/dev/null
is 'pop on lease: the element is not in the vector' "$(size /$me-killed)" 2
kill -9 $popping
wait $popping 2>/dev/null
"$tool" recover /$me-killed >/dev/null
is 'pop that was killed: nothing is lost' "$("$tool" dump --noheadings --raw -o VALUE /$me-killed | sort | xargs)" '1 2 3'
timeout 60 sh -c ": >$scratch/go"

"$tool" push $v 101 102 >/dev/full 2>"$scratch/err"
is 'push whose indexes cannot be written: status' $? 3
has 'push whose indexes cannot be written says how many are in' "$(cat "$scratch/err")" "^lfvec-shmctl: $v: 2 were pushed, but not all indexes could be written: No space"
printf '103\n' | "$tool" load $v >/dev/full 2>"$scratch/err"
is 'load whose report cannot be written: status' $? 3
has 'load whose report cannot be written says how many are in' "$(cat "$scratch/err")" "^lfvec-shmctl: $v: 1 were loaded, and that could not be written: No space"
is 'they are in' "$(size $v)" 103

# ---- waiting ---------------------------------------------------------------------------------------------------------------------------

new w
expect 'pop --timeout of an empty vector' 1 pop --timeout 0.1 /$me-w
has 'pop --timeout says that it waited' "$err" "^lfvec-shmctl: /$me-w: empty; waited until the time was over"
timeout 60 "$tool" pop --wait -n 3 /$me-w >"$scratch/waited" 2>"$scratch/err" &
waiting=$!
"$tool" push -q /$me-w 1
if until_ok grep -q '^1$' "$scratch/waited"; then ok 'pop --wait prints each at once'; else not_ok 'pop --wait prints each at once'; fi
"$tool" push -q /$me-w 2 3
wait $waiting
is 'pop --wait ends when it has as many: status' $? 0
is 'pop --wait has them all' "$(sort "$scratch/waited" | xargs)" '1 2 3'
"$tool" pop --wait /$me-w >/dev/null 2>"$scratch/err" &
waiting=$! children+=($!)
"$tool" wait --appears --pid $waiting --timeout 60 /$me-w
"$tool" rm --yes --force /$me-w
wait $waiting
is 'pop --wait of a segment that is removed: status' $? 1
has 'pop --wait of a segment that is removed: why' "$(cat "$scratch/err")" 'removed or replaced'

# ---- --lease ---------------------------------------------------------------------------------------------------------------------------

new l
"$tool" push -q /$me-l 1 2 3
"$tool" pop -n 3 --lease "cat >>$scratch/dealt; ! grep -q 2 $scratch/dealt" /$me-l 2>"$scratch/err"
is 'pop --lease of a command that fails: status' $? 1
has 'pop --lease of a command that fails: why' "$(cat "$scratch/err")" "^lfvec-shmctl: /$me-l: the command failed with status 1; 1 were dealt with, this one was given back$"
is 'pop --lease: each was handed on' "$(xargs <"$scratch/dealt")" '3 2'
is 'pop --lease: what it failed on is there' "$("$tool" dump --noheadings --raw -o VALUE /$me-l | xargs)" '1 2'
expect 'pop --lease: a broken pipe ends a command as ever' 1 pop --lease 'kill -PIPE $$; exit 0' /$me-l
has 'pop --lease: and pop says so' "$err" 'the command was ended by signal 13; 0 were dealt with, this one was given back'
expect 'pop --lease true' 0 pop -n 2 --lease true /$me-l
is 'pop --lease true: they are gone' "$(size /$me-l)" 0
expect 'pop --lease --json' 2 pop --lease true --json /$me-l

finish
