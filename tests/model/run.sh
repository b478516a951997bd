#!/usr/bin/env bash
# run.sh quick|full|list|one NAME|trace NAME - verify the model with spin.
#
# A scenario must hold: the search ended by itself, found nothing and left nothing out. A control must be caught: with its rule taken out
# spin has to report the violation named here and no other, and with the rule back the same scenario has to hold.
# Exit status: 0 all as it must be, 1 a fault, 2 usage, 77 spin or a compiler is missing.
# MODEL_JOBS: verifiers at once (2). CC: the compiler for spin's output (cc). Everything is built below $TMPDIR.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc}

# A scenario whose name begins with that of another model here is of that one: take-... of take.pml, wait-... of wait.pml.
# name | tier | search | slot 0 | slot 1 | slot 2 | mix | macros | control | violation
#   tier    quick: in both; full: in full; big: in full, alone (up to 8 GiB)
#   search  safety or cycles; then exact: exhaustive; bits: bit-state, for 10 minutes
#   slots   what each participant does; any = each operation of the mix; of lfvec.pml alone
#   control macros that take a rule out; violation: what spin must then say
scenarios() {
    local simple='push pop set0 set1 get0 get1' wide='push pop set0 set1 set2 get0 get1 get2'
    sed 's/[[:space:]]*|[[:space:]]*/|/g; s/^[[:space:]]*//; /^#/d; /^$/d' <<EOF
# ---- what must hold, the longest first
2x3                 |quick|safety exact|any any any        |any any any   |     |$simple   |K=3 DIRS=3                          |
3x1-death           |quick|safety exact|any                |any           |any  |push pop set0 get0|N=3 K=3 DIRS=3 INIT=1 DEATHS=1 MORTAL=1|
3x1                 |quick|safety exact|any                |any           |any  |$simple   |N=3 K=3 DIRS=3 INIT=2               |
2x2-one-element     |quick|safety exact|any any            |any any       |     |$wide     |K=3 DIRS=3 INIT=1                   |
2x2-two-leaves      |quick|safety exact|any any            |any any       |     |$wide     |K=3 DIRS=3 INIT=2 OWNER=1           |
2x2-death           |quick|safety exact|any any            |any any       |     |$simple   |K=4 DIRS=3 DEATHS=1                 |
2x2-death-eager     |quick|safety exact|any any            |any any       |     |$simple   |K=4 DIRS=3 DEATHS=1 OWN_EAGER        |
2x2-death-twice     |quick|safety exact|any any            |any           |     |$simple   |K=4 DIRS=3 DEATHS=2 MORTAL=1 INIT=1 |
2x2-lock-free       |quick|cycles exact|any any            |any any       |     |$simple   |K=3 DIRS=3 CYCLES                   |
2x2-lock-free-death |quick|cycles exact|any any            |any           |     |$simple   |K=3 DIRS=2 CYCLES DEATHS=1          |
2x2-r4-lazy         |quick|safety exact|any any            |any any       |     |$simple   |K=4 DIRS=3 DEATHS=1 R4_LAZY         |
batch               |quick|safety exact|push2              |any any       |     |$simple push2 pop2|B=2 K=6 DIRS=4 INIT=1        |
batch-death         |quick|safety exact|push2 push         |any           |     |$simple push2 pop2|B=2 K=6 DIRS=4 INIT=1 DEATHS=1|
batch-both          |quick|safety exact|push2 pop2         |push2 get1    |     |          |B=2 K=6 DIRS=4 INIT=1 DEATHS=1      |
lease               |quick|safety exact|lease ack any      |any           |     |push pop set0 get0 lease ack|LEASES K=6 DIRS=3 INIT=2 DEATHS=2 MORTAL=1|
lease-r4-lazy       |quick|safety exact|lease ack          |any any       |     |push pop set0 get0 lease ack|LEASES K=6 DIRS=3 INIT=2 DEATHS=2 MORTAL=1 R4_LAZY|
lease-both          |quick|safety exact|lease ack push     |lease ack     |     |          |LEASES K=6 DIRS=3 INIT=2 DEATHS=1   |
wait                |quick|safety exact||||     |PUSHERS=2 WAITERS=2 DEATHS=1 GIVE_UPS=1            |
wait-three          |quick|safety exact||||     |PUSHERS=2 WAITERS=3                                |
wait-on             |quick|safety exact||||     |PUSHERS=1 PUSHES=3 WAITERS=2 POPS=2 DEATHS=1       |
# ---- the rules: what happens without
r1-seq              |quick|safety exact|set0               |set0          |     |          |K=4 DIRS=2 INIT=1 DEATHS=1 MORTAL=2 |NO_R1_SEQ      |g_out[
r1-head             |quick|safety exact|set0               |push set0     |get0 |          |N=3 K=4 DIRS=2 INIT=2               |NO_R1_HEAD     |val[0]==expect
r2                  |quick|safety exact|push pop push      |get0          |     |          |K=3 DIRS=2                          |NO_R2          |val[0]==expect
r2-dirty-plus-1     |quick|cycles exact|push push pop pop push push|get0  |     |          |K=3 DIRS=2 CYCLES                   |DIRTY_PLUS1    |non-progress cycle
r2-seq-first        |quick|safety exact|push pop push set0 set0|get0      |     |          |K=3 DIRS=2                          |SEQ_FIRST      |val[0]==expect
r3                  |quick|cycles exact|set0 set0          |get0          |     |          |K=3 DIRS=2 INIT=1 CYCLES            |NO_R3          |non-progress cycle
r3-death            |quick|safety exact|set0 set0          |get0          |     |          |K=3 DIRS=2 INIT=1 DEATHS=1 MORTAL=1 |NO_R3          |y==g_dir[
r3-since-last       |quick|safety exact|set0 set0 set2     |set0          |     |          |K=4 DIRS=2 INIT=3 DEATHS=1 MORTAL=1 |SINCE_LAST     |y==g_dir[
seq-odd             |quick|safety exact|set0 set0 push     |set0          |     |          |K=4 DIRS=2 INIT=2                   |NO_ODD         |X[z]==g_dir[
r4                  |quick|safety exact|push               |pop           |     |          |K=3 DIRS=2 DEATHS=1 MORTAL=1        |NO_R4          |g_won[me]!=intent[me]
r4-lazy-blind       |quick|safety exact|lease ack          |pop           |     |          |LEASES K=5 DIRS=2 INIT=2 DEATHS=1 MORTAL=1 R4_LAZY|R4_LAZY_BLIND|g_lease[me]==0
r5                  |quick|safety exact|push push push     |pop           |     |          |K=3 DIRS=2 DEATHS=1 MORTAL=1        |NO_R5          |g_won[me]==intent[me]
r5-committed-first  |quick|safety exact|push               |pop           |     |          |K=3 DIRS=2 DEATHS=1 MORTAL=1        |COMMITTED_FIRST|g_won[me]!=intent[me]
stamp               |quick|safety exact|set0 set0 push     |push          |     |          |K=4 DIRS=2 INIT=2                   |NO_STAMP       |y==g_dir[
stamp-value-only    |quick|safety exact|set0 set0 push     |push          |     |          |K=4 DIRS=2 INIT=2                   |VALUE_ONLY     |y==g_dir[
stamp-no-retry      |quick|safety exact|set0 set0 push     |push          |     |          |K=4 DIRS=2 INIT=2                   |CW_ONCE        |y==g_dir[
wait-old-order      |quick|safety exact||||     |PUSHERS=2 WAITERS=2                                |OLD_ORDER      |size<=held_back
wait-blind-lower    |quick|safety exact||||     |PUSHERS=2 WAITERS=2                                |BLIND_LOWER    |asleep==0
wait-before-late    |quick|safety exact||||     |PUSHERS=2 WAITERS=2                                |BEFORE_LATE    |asleep==0
wait-enlist-first   |quick|safety exact||||     |PUSHERS=2 WAITERS=2                                |ENLIST_FIRST   |asleep==0
wait-no-look        |quick|safety exact||||     |PUSHERS=2 WAITERS=2                                |NO_LOOK        |size<=held_back
# ---- R6, slabs taken over from live owners (take.pml)
take-2x2-death      |quick|safety exact||||     |OPS=2 DEATHS=1                                     |
take-2x3            |quick|safety exact||||     |OPS=3                                              |
take-2x3-death      |quick|safety exact||||     |OPS=3 DEATHS=1 MORTAL=1                            |
take-3x1-death      |quick|safety exact||||     |N=3 OPS=1 DEATHS=1                                 |
take-no-look        |quick|safety exact||||     |OPS=3                                              |NO_LOOK        |val[dir[i]]==
take-no-mark        |quick|safety exact||||     |OPS=3                                              |NO_MARK        |(hn>0)
take-no-unmark      |quick|safety exact||||     |OPS=3                                              |NO_UNMARK      |(hn>0)
take-no-enter       |quick|safety exact||||     |OPS=3                                              |NO_ENTER       |(hn>0)
take-no-move        |quick|safety exact||||     |OPS=3                                              |NO_MOVE        |val[dir[i]]==
take-late-announce  |quick|safety exact||||     |OPS=3                                              |LATE_ANNOUNCE  |(hn>0)
take-no-head        |quick|safety exact||||     |OPS=3                                              |NO_HEAD        |(hn>0)
take-early-leave    |quick|safety exact||||     |OPS=3 DEATHS=1 MORTAL=1                            |EARLY_LEAVE    |spare[z]!=y
take-give-any       |quick|safety exact||||     |OPS=3 DEATHS=1 MORTAL=1                            |GIVE_ANY       |spare[z]!=y
# ---- full only
take-3x2            |big  |safety bits ||||     |N=3 OPS=2 DEATHS=1                                 |
wait-three-death    |full |safety exact||||     |PUSHERS=2 WAITERS=3 DEATHS=1                       |
wait-twice          |full |safety exact||||     |PUSHERS=2 PUSHES=2 WAITERS=2 POPS=2                |
3x1-death-wide      |big  |safety exact|any                |any           |any  |$simple   |N=3 K=3 DIRS=3 INIT=2 DEATHS=1      |
2x3-one-element     |big  |safety exact|any any any        |any any any   |     |push pop set0 get0|K=4 DIRS=4 INIT=1                 |
2x3-death           |big  |safety bits |any any any        |any any any   |     |$simple   |K=4 DIRS=3 DEATHS=1                 |
2x3-death-r4-lazy   |big  |safety bits |any any any        |any any any   |     |$simple   |K=4 DIRS=3 DEATHS=1 R4_LAZY         |
2x3-in-place-silent |big  |safety exact|any any any        |any any any   |     |$simple   |K=3 DIRS=3 IN_PLACE_SILENT          |
3x221               |big  |safety exact|any any            |any any       |any  |push pop set0 get0|N=3 K=3 DIRS=3               |
3x2                 |big  |safety bits |any any            |any any       |any any|push pop set0 get0|N=3 K=3 DIRS=3             |
2x2-death-elements  |big  |safety exact|any any            |any any       |     |$simple   |K=4 DIRS=3 DEATHS=1 INIT=2          |
2x2-death-r4-lazy   |full |safety exact|any any            |any any       |     |$simple   |K=4 DIRS=3 DEATHS=1 INIT=1 R4_LAZY  |
2x2-death-silent    |full |safety exact|any any            |any any       |     |$simple   |K=4 DIRS=3 DEATHS=1 INIT=1 IN_PLACE_SILENT|
EOF
}

die() { echo "model: $*" >&2; exit 2; }

op_code() {
    case $1 in
        push) echo 1;; pop) echo 2;; set0) echo 3;; set1) echo 4;; set2) echo 5;; get0) echo 6;; get1) echo 7;; get2) echo 8;;
        push2) echo 9;; pop2) echo 10;; lease) echo 11;; ack) echo 12;; any) echo 15;; *) die "unknown operation: $1";;
    esac
}
script() { local v=0 i=0 o; for o in $1; do v=$((v | $(op_code "$o") << (4 * i))); i=$((i + 1)); done; echo $v; }
mask() { local v=0 o; for o in $1; do v=$((v | 1 << $(op_code "$o"))); done; echo $v; }

read_scenario() { # name -> the columns
    local line
    line=$(scenarios | grep -F "$1|" | grep "^$1|") || die "no scenario: $1"
    # shellcheck disable=SC2034
    IFS='|' read -r name tier search p0 p1 p2 mix macros control violation <<<"$line"
}

model_of() { # the file
    local file=$here/${name%%-*}.pml
    if [ -f "$file" ]; then echo "$file"; else echo "$here/lfvec.pml"; fi
}

spin_args() { # what selects the scenario, one -D each
    local m
    if [ "$(basename "$(model_of)")" != lfvec.pml ]; then
        for m in $macros $1; do echo "-D$m"; done
        return
    fi
    echo "-DS0=$(script "$p0")"; echo "-DS1=$(script "$p1")"; echo "-DS2=$(script "$p2")"
    if [ -n "$mix" ]; then echo "-DMIX=$(mask "$mix")"; fi
    for m in $macros $1; do echo "-D$m"; done
}

# verify DIR EXTRA-MACROS: build and run one verifier; its report is DIR/out
verify() {
    local flags='' opts='-m20000'
    mkdir -p "$1" && cd "$1" || return 1
    # shellcheck disable=SC2046
    spin $(spin_args "$2") -a "$(model_of)" >spin.out 2>&1 || { echo "spin failed" >out; cat spin.out >>out; return 1; }
    case $search in
        cycles*) flags=-DNP; opts="$opts -l";;
        *) flags=-DSAFETY;;
    esac
    case $tier in
        big) flags="$flags -DMEMLIM=8000";;
        *) flags="$flags -DMEMLIM=$([ "$name" = 2x3 ] && echo 3000 || echo 1050)";;   # two at once stay below 4 GiB
    esac
    case $search in
        *exact) flags="$flags -DCOLLAPSE"; opts="$opts -w$([ "$name" = 2x3 ] && echo 24 || echo 20)";;
        *bits) flags="$flags -DBITSTATE"; opts="$opts -w35 -k3 -Q10";;
    esac
    # shellcheck disable=SC2086
    "$cc" -O2 -w -DNOREDUCE $flags -o pan pan.c >cc.out 2>&1 || { echo "compiler failed" >out; cat cc.out >>out; return 1; }
    # shellcheck disable=SC2086
    ./pan $opts >out 2>&1
}

states()  { awk '/states, stored/ { n = $1 } END { printf "%.0f", n }' "$1"; }
seconds() { awk '/elapsed time/ { t = $4 } END { printf "%.1f", t }' "$1"; }
# what makes a search that found nothing worth nothing
cut_short() { grep -m1 -oE 'max search depth too small|reached -DMEMLIM bound|out of memory|Search not completed|interrupted' "$1"; }

judge_hold() { # out-file -> verdict
    local cut
    cut=$(cut_short "$1")
    if ! grep -q 'errors: 0' "$1"; then echo "FAILED: $(grep -m1 -E '^pan:1|failed|rror' "$1")"
    elif [ -n "$cut" ] && [ "${search#* }" = bits ]; then echo "held (bit-state, 10 min)"
    elif [ -n "$cut" ]; then echo "FAILED: $cut"
    elif [ "${search#* }" = bits ]; then echo "held (bit-state)"
    else echo held; fi
}

judge_control() {
    local said
    said=$(grep -m1 '^pan:1:' "$1")
    case $said in
        '') echo "FAILED: found nothing";;
        *"$violation"*) echo caught;;
        *) echo "FAILED: for another reason: $said";;
    esac
}

# one scenario, and its row: verdict, states, seconds
run_one() {
    local verdict n t dir=$work/$1
    read_scenario "$1"
    if [ -n "$control" ]; then
        verify "$dir/without" "$control"
        verdict=$(judge_control "$dir/without/out")
        n=$(states "$dir/without/out"); t=$(seconds "$dir/without/out")
    else
        verdict='' n=0 t=0
    fi
    case $verdict in
        FAILED*) ;;
        *)
            verify "$dir/with" ''
            n=$((n + $(states "$dir/with/out"))); t=$(awk "BEGIN { print $t + $(seconds "$dir/with/out") }")
            case $verdict$(judge_hold "$dir/with/out") in
                caughtheld*) ;;
                caught*) verdict="FAILED with the rule: $(judge_hold "$dir/with/out")";;
                *) verdict=$(judge_hold "$dir/with/out");;
            esac;;
    esac
    # shellcheck disable=SC2059
    printf '%-20s %-26s %12s %8.1f\n' "$1" "$verdict" "$n" "$t" | tee "$dir/row"
    rm -f "$dir"/*/pan "$dir"/*/pan.?
}

# spin prints every statement and after each all arrays it touched: keep one line for each step, with the shared words it changed
condense() {
    awk '
    function show() { if (row != "") print row; row = "" }
    /proc +[0-9]+ \(participant/ {
        if (match($0, /pc==[A-Z_0-9]+\)\)\]|pc==[A-Z_0-9]+\)&&\(SCRIPT|\(pc==[A-Z_0-9]+\)/) && $1 != last) {
            show(); last = $1
            pc = substr($0, RSTART, RLENGTH); sub(/.*pc==/, "", pc); sub(/\).*/, "", pc)
            row = sprintf("%5s P%d %-12s", $1, $3 - 1, pc)
        }
        next
    }
    /^\t\t[a-z_]+(\[[0-9]+\])? = / { if ((was[$1] + 0 != $3 || !($1 in was)) && row != "" && $1 !~ /^[zy]$|^refs$/) row = row " " $1 "=" $3; was[$1] = $3; next }
    /begins operation|wins version|dies at|CYCLE|spin: |assertion/ { show(); print }
    END { show() }'
}

need() { command -v "$1" >/dev/null 2>&1 || { echo "model: $1 is not installed; skipped"; exit 77; }; }

summary() {
    cat "$work"/*/row | awk '
        $2 == "held" { held++ } $2 == "caught" { caught++ } $2 == "FAILED:" || $2 == "FAILED" { failed++ }
        { states += $(NF - 1) }
        END { printf "model: %d scenarios held, %d controls caught, %d failed, %.0f states\n", held, caught, failed, states; exit failed > 0 }'
}

names() { scenarios | awk -F'|' -v tiers="$1" 'index(" " tiers " ", " " $2 " ") { print $1 }'; }

run_all() { # light tiers, heavy tiers
    local want got status
    work=$(mktemp -d "${TMPDIR:-/tmp}/lfvec-model.XXXXXX") || exit 1
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' INT TERM
    export work
    printf '%-20s %-26s %12s %8s\n' scenario result states seconds
    names "$1" | xargs -P "${MODEL_JOBS:-2}" -n 1 "$here/run.sh" --in
    if [ -n "$2" ]; then names "$2" | xargs -P 1 -n 1 "$here/run.sh" --in; fi
    want=$(names "$1 $2" | wc -l)
    got=$(cat "$work"/*/row 2>/dev/null | wc -l)
    status=0
    if [ "$want" -ne "$got" ]; then echo "model: $((want - got)) scenarios left no result"; status=1; fi
    summary || status=1
    exit $status
}

case ${1-} in
    list) scenarios; exit 0;;
    quick | full | one | trace | --in) need spin; need "$cc";;
    *) die "usage: run.sh quick | full | list | one NAME | trace NAME";;
esac
case $1 in
    quick) run_all quick '';;
    full) run_all 'quick full' big;;
    --in) run_one "$2";;
    one)
        work=$(mktemp -d "${TMPDIR:-/tmp}/lfvec-model.XXXXXX") || exit 1
        trap 'rm -rf "$work"' EXIT
        run_one "$2"
        grep -q FAILED "$work/$2/row" && exit 1
        exit 0;;
    trace) # the run that leads to the violation, one line for every step: who, which step, and what it announced
        work=$(mktemp -d "${TMPDIR:-/tmp}/lfvec-model.XXXXXX") || exit 1
        trap 'rm -rf "$work"' EXIT
        read_scenario "$2"
        verify "$work/t" "$control"
        grep -E '^pan:1|errors:' out
        # shellcheck disable=SC2046
        trail=$(basename "$(model_of)").trail
        # shellcheck disable=SC2046
        [ -f "$trail" ] && spin $(spin_args "$control") -k "$trail" -t -p -g "$(model_of)" | condense;;
esac
