#!/bin/bash
# wait.sh - wait for elements, for none, for participants; and trim.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

# later ARG...: starts the tool to wait, and lets it wait; its process in $waiting
later()
{
    "$tool" wait --timeout 60 "$@" >"$scratch/waited" 2>&1 &
    waiting=$! began=''
    children+=("$waiting")
    until_ok has_slept || echo "  it does not sleep"
}

# It has opened the segment, and slept some times since: it is at its wait. What was before is libtool's script, which sleeps, too.
has_slept()
{
    local switches
    [ -e /proc/$waiting/maps ] || return 0
    grep -q "/dev/shm/$me-" /proc/$waiting/maps 2>/dev/null || return 1
    switches=$(sed -n 's/^voluntary_ctxt_switches:\t//p' /proc/$waiting/status 2>/dev/null)
    began=${began:-$switches}
    [ "${switches:-0}" -ge $((began + 6)) ]
}

# ended WHAT STATUS
ended()
{
    wait $waiting
    is "$1" $? "$2"
}

v=/$me-v
new v
expect 'wait for nothing' 2 wait $v
expect 'wait for two things' 2 wait --empty --size 3 $v
expect 'wait --pid alone' 2 wait --pid 1 --empty $v
for time in 1x x '' 1. -1 0x1; do
    expect "wait --timeout '$time'" 2 wait --empty --timeout "$time" $v
done
for time in 0 0.05 .05 50ms 0.001s; do
    expect "wait --timeout $time" 1 wait --size 1 --timeout "$time" $v
done
has 'wait in vain says for what' "$err" "^lfvec-shmctl: $v: the time is over, and it has 0 elements; waited for 1 element; .*--timeout"
for time in 5 5s 5m 5h; do
    expect "what is true needs no wait ($time)" 0 wait --empty --timeout $time $v
done
expect 'wait --size 0' 0 wait --size 0 $v
later --size 3 $v
"$tool" push -q $v 1 2 3
ended 'wait --size' 0
later --empty $v
"$tool" pop -n 3 $v >/dev/null
ended 'wait --empty' 0
is 'waiting takes no slot and no element' "$("$tool" info --raw --noheadings -o SLOTS_FREE,VERSION $v)" '128 6'

later --appears $v
hold $v 2
ended 'wait --appears' 0
expect 'who is there already does not appear' 1 wait --appears --timeout 0.1 $v
expect 'wait --appears --pid of one who is there' 0 wait --appears --pid "$pid" $v
expect 'wait --goes --pid of one who is there' 1 wait --goes --pid "$pid" --timeout 0.1 $v
has 'wait --goes in vain says for whom' "$err" "; waited for process $pid to go; "
expect 'wait --goes --pid of one who is not there' 0 wait --goes --pid 1 $v
later --goes $v
kill_holder
ended 'wait --goes' 0
expect 'the dead have gone' 0 wait --goes --pid "$pid" $v
later --size 1000 $v
"$tool" rm --yes $v
ended 'wait ends when the segment is removed' 1
has 'and says so' "$(cat "$scratch/waited")" "^lfvec-shmctl: $v: removed"

# It sleeps: the processor time of half a second's wait is a small part of that. (No speed is asserted: a busy wait would use all of it.)
new v
TIMEFORMAT='%U %S'
cpu=$({ time "$tool" wait --size 1 --timeout 1 $v >/dev/null 2>&1; } 2>&1)
if awk '{ exit !($1 + $2 < 0.5) }' <<<"$cpu"; then ok 'a wait does not keep the processor busy'; else not_ok 'a wait does not keep the processor busy' "$cpu"; fi

# ---- trim --------------------------------------------------------------------------------------------------------------------------------

t=/$me-t
new t
seq 5000 | "$tool" load -q $t
"$tool" pop -n 4000 $t >/dev/null
expect 'trim without terminal and --yes' 2 trim $t
has 'trim without terminal: the remedy' "$err" "^lfvec-shmctl: $t: .*--yes"
json 'trim --dry-run --json' trim --dry-run --json $t
jq_is 'trim --dry-run says what' '.plan[0] | [.would, .target, .detail]' \
    "[\"free\",\"$t\",\"63 leaves (31.5K) kept beyond its 1000 elements; its memory stays committed to it, for reuse\"]"
is 'trim --dry-run does nothing' "$("$tool" check --raw --noheadings -o LEAVES_IDLE $t)" 63
hold $t 1
expect 'trim refuses while somebody lives' 1 trim --yes $t
has 'trim says who lives' "$err" "1 live participant: process $pid"
expect 'trim --force' 0 trim --yes --force $t
has 'trim frees what it said' "$out" '^LEAVES_FREED +6[0-9]$'
kill_holder
json 'trim --json' trim --yes --json $t
jq_is 'trim again frees nothing' '.trim[0].leaves_freed' 0
expect 'check after trim' 0 check $t
is 'the elements are there' "$("$tool" info --raw --noheadings -o SIZE $t)" 1001
expect 'trim of nothing' 3 trim --yes /$me-absent

finish
