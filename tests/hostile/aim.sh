#!/bin/sh
# aim.sh - attackers that aim, a moment each, for LFVEC_AIM_SECONDS in all; `./dev hostile` takes longer. The table in SECURITY.md names each
# of them, and no other; and each assertion fails where a victim does by itself what it forbids.
set -eu
aim=${LFVEC_BUILD:-.}/tests/hostile/aim
cd "${LFVEC_SRC:-.}"

failed()
{
    echo "not ok - $1"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
}

named=$(sed -n '/^| The attacker forges/,/^$/s/.*| \([^|]*\) |$/\1/p' SECURITY.md | awk -F'`' '{ for (i = 2; i <= NF; i += 2) print $i }' | sort)
there=$("$aim" --list | cut -d' ' -f1 | sort)
[ -n "$there" ] && [ "$named" = "$there" ] || failed "the table in SECURITY.md names $(echo "$named" | tr '\n' ' '), and the attackers are $(echo "$there" | tr '\n' ' ')"

# what a victim of the mildest attacker does is said to be its fault; where there is no lfvec-shmctl, a terminal gets nothing
for control in signal hang canary second object memory terminal; do
    [ "$control" != terminal ] || [ -x "${LFVEC_BUILD:-.}/lfvec-shmctl" ] || continue
    status=0
    "$aim" --control "$control" --only names --seconds 1 >/dev/null 2>&1 || status=$?
    [ $status -eq 1 ] || failed "a victim that does wrong ($control) is not noticed: status $status"
done
exec "$aim" --seconds "${LFVEC_AIM_SECONDS:-15}"
