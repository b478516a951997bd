#!/bin/sh
# check.sh - the quick scenarios and all controls of the model, one check each. ./dev model runs the long ones too.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

status=0
tests/model/run.sh quick >"$scratch/rows" 2>&1 || status=$?
if [ "$status" -eq 77 ]; then
    skip 'the model' "$(tail -n 1 "$scratch/rows")"
    finish
fi
while read -r name verdict rest; do
    case $verdict in
    held | caught) ok "$name: $verdict" ;;
    FAILED*) not_ok "$name: $verdict $rest" ;;
    esac
done <"$scratch/rows"
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    not_ok "run.sh quick ended with status $status"
    tail -n 5 "$scratch/rows" | sed 's/^/  /'
fi
check 'the model has both scenarios and controls' grep -Eq 'model: [1-9][0-9]* scenarios held, [1-9][0-9]* controls caught' "$scratch/rows"

# doc/proof.md maps steps of the model to functions: both exist
sed -n '/^### Steps and code/,/^### What the controls/p' doc/proof.md | grep '^    ' | sed 1d >"$scratch/map"
grep -oE '\b[A-Z]+_[A-Z]+\b|\b(LOAD|DIRECTORY|CAS|WON|FREE|DONE|UNLEASE)\b' "$scratch/map" | sort -u >"$scratch/steps"
grep -oE '\b[a-z0-9]+_[a-z0-9_]+\b|\bpay\b' "$scratch/map" | grep -vE '^(push_n|pop_n|complete_write)$' | sort -u >"$scratch/functions"
while read -r step; do
    grep -qE "pc == $step\b" tests/model/lfvec.pml || echo "doc/proof.md: the model has no step $step"
done <"$scratch/steps" >"$scratch/offenders"
while read -r function; do
    grep -qE "^[a-z].*\b$function\(" lib/*.[ch] || echo "doc/proof.md: lib/ has no function $function"
done <"$scratch/functions" >>"$scratch/offenders"
offenders "doc/proof.md names $(wc -l <"$scratch/steps") steps and $(wc -l <"$scratch/functions") functions that exist" "$scratch/offenders"

finish
