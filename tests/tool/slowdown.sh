#!/bin/bash
# slowdown.sh [ROUNDS [MS]] - how much a writer at full speed is slowed by the commands of lfvec-shmctl that look: ./dev bench --beside.
# Each is run over and over on another CPU, and for comparison it is run on a segment of its own, where nobody writes: what it costs the writer
# then is the machine's share (caches, memory, the kernel), not that of looking. It measures, and judges nothing: no test.
set -euo pipefail
build=${LFVEC_BUILD:-$PWD}
rounds=${1:-40} ms=${2:-50}
tool=$build/lfvec-shmctl
if [ -x "$build/.libs/lfvec-shmctl" ]; then # libtool's script in its place would be most of what is run
    tool=$build/.libs/lfvec-shmctl
    export LD_LIBRARY_PATH=$build/.libs
fi
v=/lfvec-test-$$-beside twin=/lfvec-test-$$-apart
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lfvec-XXXXXX")
trap 'rm -rf "$scratch" "/dev/shm$v" "/dev/shm$twin"' EXIT
trap 'exit 1' INT TERM HUP

elements=${LFVEC_BESIDE_ELEMENTS:-10000}
for name in "$v" "$twin"; do
    "$tool" create "$name"
    seq "$elements" | "$tool" load -q "$name"
done

commands=()
names=()
add() # NAME COMMAND...
{
    names+=("$1")
    shift
    [ ${#commands[@]} -eq 0 ] || commands+=(--)
    commands+=("$@")
}
# looks WHAT ARG...: % is the segment
looks()
{
    local what=$1
    shift
    add "$what" "$tool" "${@/%%/$v}"
    add "$what" "$tool" "${@/%%/$twin}"
}
looks info info %
looks list list
looks ps ps %
looks check check %
looks numa numa %
looks map map %
looks export export %
looks 'watch --once' watch --once --interval 0.02 %
looks wait wait --size 1 %
looks get get % 0 5000
looks 'dump 20' dump --count 20 %
looks 'dump all' dump %
looks 'dump --json' dump --json %
looks 'dump raw' dump --format raw %
add 'no command' true

"$build/tests/tool/beside" "$v" "$rounds" "$ms" "${commands[@]}" >"$scratch/figures" 2>"$scratch/said" || { status=$? && cat "$scratch/said" >&2 && exit $status; }
echo "A push or pop of a writer on $elements elements, in percent slower while a command runs beside it, over and over: median (quartiles) of"
echo "$rounds rounds of $ms ms; and the same while it runs on a segment where nobody writes."
{
    echo 'COMMAND|BESIDE|QUARTILES|APART|QUARTILES|RUNS/S|NS ALONE'
    for ((i = 0; i < ${#names[@]}; i++)); do
        printf '%s ' "${names[i]// /_}"
        sed -n "$((i + 1))p" "$scratch/figures"
    done | awk '
        { gsub("_", " ", $1) }
        $1 == "no command" { printf "%s|%s%%|%s to %s|||%s|%s\n", $1, $2, $3, $4, $6, $5; next }
        NR % 2 { line = sprintf("%s|%s%%|%s to %s", $1, $2, $3, $4); runs = $6; alone = $5; next }
        { printf "%s|%s%%|%s to %s|%s|%s\n", line, $2, $3, $4, runs, alone }'
} | column -t -s '|' -R 2,4,6,7
echo
awk '{ print $1 }' "$scratch/figures" | awk 'NR % 2 { print }' | head -n $((${#names[@]} / 2)) | sort -g |
    awk '{ x[NR] = $1 } END { print "All commands: median " x[int((NR + 1) / 2)] "%, most " x[NR] "%" }'
