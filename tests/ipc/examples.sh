#!/usr/bin/env bash
# examples.sh - the worked examples, as a user runs them: pdu against du, undisturbed and with workers killed throughout; collector.
set -u
bin=${LFVEC_BUILD:?}/examples
passed=0 failed=0
tree=${LFVEC_PDU_TREE:-/usr}

check() { # WHAT COMMAND...
    local what=$1 out
    shift
    if out=$("$@" 2>&1); then
        echo "ok - $what"
        passed=$((passed + 1))
    else
        printf 'not ok - %s: %s\n%s\n' "$what" "$*" "$out"
        failed=$((failed + 1))
    fi
}

check "pdu says of $tree what du says" "$bin/pdu" -w 4 "$tree"
for run in 1 2 3; do
    check "pdu with a worker killed every 50 ms, run $run" "$bin/pdu" -w 4 -k 50 "$tree"
done
check "collector: all samples of 200 short-lived processes, read live" "$bin/collector" -p 200 -s 1000
left=$(find /dev/shm -maxdepth 1 \( -name 'pdu-*' -o -name 'collector-*' \)) || left='it cannot be read'
check "nothing is left in /dev/shm ($left)" test -z "$left"
echo "$passed passed, $failed failed, 0 skipped"
test "$failed" -eq 0
