#!/bin/sh
# length.sh - a function fits a screen: 60 lines between its braces at most. Relies on the layout that clang-format keeps.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

find lib tools -name '*.[ch]' | sort | xargs awk -v most=60 '
FNR == 1 { start = 0; name = "" }
/^\{$/ { start = FNR; next }
/^\}$/ && start {
    if (FNR - start + 1 > most)
        print FILENAME ":" start ": " FNR - start + 1 " lines: " name
    start = 0
    next
}
!start && /^[A-Za-z_]/ { name = $0 }
' >"$scratch/long"
offenders 'no function in lib/ or tools/ is longer than 60 lines' "$scratch/long"

finish
