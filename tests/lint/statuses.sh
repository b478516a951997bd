#!/bin/sh
# statuses.sh - no check passes because its command failed: a script throws no status away without saying why that may be. What may find
# nothing is asked with found(), differences() and silent_on() of report.sh, and what is to be refused with exits().
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

find tests -name '*.sh' >"$scratch/files"
check 'there are scripts to look at' test "$(wc -l <"$scratch/files")" -gt 40

# without_reason FILE...: FILE:LINE of what is wrong
without_reason()
{
    awk '
    { said = $0; sub(/^[ \t]*#.*/, "", said) }
    said ~ /\|\| *(true|:)([ ;)"\047]|$)/ && said !~ /# may fail: ./ {
        print FILENAME ":" FNR ": throws a status away; if it may fail, say why: # may fail: REASON"
    }
    { gsub(/\047[^\047]*\047|"[^"]*"/, "S", said) }
    said ~ /(^|[;&|({]|if|while|until|then|do|else) *! [^|;&]*[^|;&]\|[^|]/ {
        print FILENAME ":" FNR ": of a pipe, ! turns the last status only: if the first command fails, that is taken for good; silent_on() is not"
    }' "$@"
}

# shellcheck disable=SC2016
printf '%s\n' 'a || true' 'b=$(c || :)' 'if ! d | grep e; then' '    ! readelf f | grep g' >"$scratch/wrong"
printf '%s\n' 'a || true # may fail: it is counted' '# a || true' 'if ! d || e; then' 'if ! f; then g | h; fi' 'i || trueish' >"$scratch/right"
check 'what is wrong is seen' test "$(without_reason "$scratch/wrong" | wc -l)" -eq 4
check 'what is right is not' test "$(without_reason "$scratch/right" | wc -l)" -eq 0

# shellcheck disable=SC2046
without_reason dev .ci/run $(grep -v '/statuses\.sh$' "$scratch/files" | sort) >"$scratch/thrown"
offenders 'no script throws a status away without a reason' "$scratch/thrown"

finish
