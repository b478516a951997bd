#!/usr/bin/env bash
# instructions.sh - how many instructions one operation takes while nobody interferes, counted by valgrind (callgrind), and the most that it
# may take. It is no matter of time: so a regression is seen on any machine. Its lines are the table of doc/performance.md.
set -euo pipefail
. "${LFVEC_SRC:-.}/tests/lint/report.sh"

build=${LFVEC_BUILD:-.}
program=$build/tests/bench/instructions

# The loop of the test and the call into the library included; what gcc 12 and clang 14 make of it at -O2, whichever is more, and a tenth.
bounds='
push  88
pop   63
get   158
set   1541
mixed 62
refused 7400
'

all_skipped() # WHY
{
    skip 'instructions of the fast paths' "$1"
    echo "$1"
    finish
}

[ -x "$program" ] || make -C "$build" tests/bench/instructions >/dev/null
command -v valgrind >/dev/null || all_skipped 'no valgrind'
status=0
said=$("$program") || status=$? # without arguments it says for what no bounds are, and how it is used
[ $status -eq 2 ] || { not_ok "$program runs" "it ended with status $status" && finish; }
[ -z "$said" ] || all_skipped "the bounds are for optimized code on x86-64, and this is $said"
grep -qE '^CFLAGS = .*-O[23]' "$build/Makefile" || all_skipped 'the bounds are for -O2'
if grep -q '^SAN_CFLAGS = .*-fsanitize' "$build/Makefile"; then
    all_skipped 'sanitizers have instructions of their own'
fi

# What is counted are copies without debug information, since not every valgrind can read every compiler's.
stripped() # FILE
{
    [ -e "$1" ] || return 0
    cp -L "$1" "$scratch/"
    case $(head -c 4 "$1") in *ELF) strip -g "$scratch/$(basename "$1")" ;; esac # or it is a script
}
stripped "$program"
stripped "$build/tests/bench/.libs/instructions" # if the library is a shared one, that is the program, and the other a script
stripped "$build/.libs/liblfvec.so.0"

# Prints the instructions of COUNT operations, the rest of the program included.
instructions() # OPERATION COUNT
{
    LD_LIBRARY_PATH=$scratch valgrind --tool=callgrind --callgrind-out-file=/dev/null "$scratch/instructions" "$1" "$2" 2>&1 |
        tee "$scratch/valgrind-$2" | sed -nE 's/^==[0-9]+== Collected : ([0-9]+)$/\1/p'
}

# Between these counts there are whole leaves, and a multiple of each size that a vector grows by.
few=16384 many=81920

each() # OPERATION
{
    local less more
    less=$(instructions "$1" $few)
    more=$(instructions "$1" $many)
    if [ -z "$less" ] || [ -z "$more" ]; then
        tail -n 9 "$scratch/valgrind-$few" "$scratch/valgrind-$many" >&2
        return 1
    fi
    awk -v d=$((more - less)) -v n=$((many - few)) 'BEGIN { printf "%.1f\n", d / n }'
}

declare -A found
while read -r operation most; do
    [ -n "$operation" ] || continue
    if ! n=$(each "$operation" || each "$operation"); then # once more, in case it was valgrind that was short of something
        not_ok "$operation: valgrind counted nothing"
        continue
    fi
    # before a pop there is a push
    [ "$operation" != pop ] || n=$(awk -v both="$n" -v push="${found[push]:-0}" 'BEGIN { printf "%.1f\n", both - push }')
    found[$operation]=$n
    check "$operation: $n instructions, at most $most" awk -v n="$n" -v most="$most" 'BEGIN { exit !(n > 0 && n <= most) }'
done <<<"$bounds"

finish
