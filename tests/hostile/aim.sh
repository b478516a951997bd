#!/bin/sh
# aim.sh - attackers that aim, a moment each, for LFVEC_AIM_SECONDS in all; `./dev hostile` takes longer. The table in SECURITY.md names each
# of them, and no other.
set -eu
aim=${LFVEC_BUILD:-.}/tests/hostile/aim
cd "${LFVEC_SRC:-.}"

differs()
{
    named=$(sed -n '/^| The attacker forges/,/^$/s/.*| \([^|]*\) |$/\1/p' SECURITY.md | grep -o '`[^`]*`' | tr -d '`' | sort)
    there=$("$aim" --list | cut -d' ' -f1 | sort)
    [ "$named" = "$there" ] && return 1
    echo "not ok - the attackers of tests/hostile/aim.c, and those that the table in SECURITY.md names:"
    echo "$there"
    echo "and"
    echo "$named"
    echo "0 passed, 1 failed, 0 skipped"
}

if differs; then
    exit 1
fi
exec "$aim" --seconds "${LFVEC_AIM_SECONDS:-40}"
