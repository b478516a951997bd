#!/bin/sh
# length.sh - a function fits a screen: 60 lines between its braces at most. Relies on the layout that clang-format keeps.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

find lib tools include examples tests/cxx python/src \( -name '*.[ch]' -o -name '*.[ch]pp' \) >"$scratch/files"
check 'there are files to look at' test "$(wc -l <"$scratch/files")" -gt 100
sort "$scratch/files" | xargs awk -v most=60 '
function indent() { match($0, /^ */); return RLENGTH }
FNR == 1 { start = 0; name = "" }
/^ *\{$/ && !start && name ~ /[()]/ { start = FNR; depth = indent(); next }
/^ *\}$/ && start && indent() == depth {
    if (FNR - start + 1 > most)
        print FILENAME ":" start ": " FNR - start + 1 " lines: " name
    start = 0
    next
}
!start && /^ *[A-Za-z_]/ { name = $0 }
' >"$scratch/long"
offenders 'no function in lib/, tools/, include/, examples/, tests/cxx/ or python/src/ is longer than 60 lines' "$scratch/long"

finish
