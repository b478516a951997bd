#!/bin/bash
# live.sh - a segment under full load is looked at by every command that looks, LFVEC_LIVE_ROUNDS (30) times each, without an error, and
# without a slot: its workers hold all there are, so a command that took one would fail.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

rounds=${LFVEC_LIVE_ROUNDS:-30}
v=/$me-live
new live --slots 2
hold $v 300 load
hold $v 300 load
is 'both slots are held' "$("$tool" info --raw --noheadings -o SLOTS_ALIVE,SLOTS_FREE $v)" '2 0'

# One that must have a slot is refused.
expect 'push finds no slot' 1 push $v 1
before=$("$tool" info --raw --noheadings -o VERSION $v)

# looks PATTERN ARG...: every time with status 0, no message, and the pattern in the output
looks()
{
    local pattern=$1 round errors=0
    shift
    for ((round = 0; round < rounds; round++)); do
        run "$@"
        # a busy vector can be inconclusive, and check says so
        if [ "$status" -ne 0 ] || ! grep -Eq -- "$pattern" <<<"$out" || { [ -n "$err" ] && [ "$1" != check ]; }; then
            errors=$((errors + 1))
            echo "  round $round: $(said | head -n 5)"
        fi
    done
    is "$1: $rounds times under load" $errors 0
}

looks "^$v +[0-9]+ +8 .* 2 +0 +0 .* ok\$" list
looks '^PUSHES +[0-9]+' info $v
looks ' alive +holder' ps $v
looks '^500 [0-9]+$' dump --raw --noheadings --from 500 --count 20 $v
looks '^[0-9]+$' get $v 0 250 599
looks '^RESULT +(sound|inconclusive)$' check $v
looks '' wait --size 600 --timeout 60 $v
looks "^lfvec_elements\{segment=\"$v\"\} [0-9]+\$" export $v
looks '^[0-9.]+$' watch --once --interval 0.02 --raw --noheadings -o PUSHES_S $v

# the same commands in other ways, and what others only say that they would do
rounds=$(((rounds + 9) / 10))
looks '"slots_alive": 2,' info --json $v
looks '"state": "alive"' ps --json $v
looks '^INDEX,VALUE$' dump --format csv $v
looks '"took_effect": (true|false|null)' check --json $v
looks ' holder +alive ' watch --once --interval 0.02 $v
for command in reset trim rm; do
    looks '^WOULD' $command --dry-run --force $v
done
looks ' leave +- ' recover --dry-run $v

is 'the same two hold the slots' "$("$tool" info --raw --noheadings -o SLOTS_ALIVE,SLOTS_FREE,SLOTS_DEAD,RECOVERIES $v)" '2 0 0 0'
after=$("$tool" info --raw --noheadings -o VERSION $v)
if [ "$after" -gt "$before" ]; then ok "they were at work all the time ($((after - before)) mutations)"; else not_ok 'they were at work'; fi
for child in "${children[@]}"; do
    kill -9 "$child"
    wait "$child" 2>/dev/null
done
expect 'check in the end' 0 check $v
has 'check in the end says sound' "$out" '^RESULT +sound$'

finish
