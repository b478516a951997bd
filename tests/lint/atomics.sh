#!/bin/sh
# atomics.sh - every atomic access says its memory order.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

generic='(load|store|exchange|compare_exchange_(weak|strong)|fetch_(add|sub|or|xor|and)|flag_test_and_set|flag_clear)'
found -nE "\\<atomic_${generic}[[:space:]]*\\(" lib/*.[ch] >"$scratch/implicit"
offenders 'every atomic access in lib/ has an explicit order' "$scratch/implicit"

finish
