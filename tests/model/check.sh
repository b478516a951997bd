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
check 'the model has both scenarios and controls' grep -Eq 'model: [1-9][0-9]* scenarios held, [1-9][0-9]* controls caught' "$scratch/rows" || true

finish
