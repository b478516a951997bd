# shellcheck shell=bash
# common.sh - sourced by the tests of lfvec-shmctl, from the top of the sources: the tool, a place for scratch, what to expect of a command.
# Uses the build in $LFVEC_BUILD (default: where the test was started). Segments are named lfvec-test-PID-... and removed at the end.
set -u
src=$PWD
cd "${LFVEC_BUILD:-$OLDPWD}" || exit 99
build=$PWD
# shellcheck source=tests/lint/report.sh
. "$src/tests/lint/report.sh" # ok, not_ok, skip, finish; $scratch

me=lfvec-test-$$
tool=$build/lfvec-shmctl
holder=$build/tests/tool/holder
if [ -x "$build/.libs/lfvec-shmctl" ]; then # the programs themselves: libtool's scripts before them take ten times as long
    tool=$build/.libs/lfvec-shmctl
    holder=$build/tests/tool/.libs/holder
    export LD_LIBRARY_PATH=$build/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
children=()
export LC_ALL=C

cleanup()
{
    for child in "${children[@]}"; do
        kill -9 "$child" 2>/dev/null
    done
    rm -f /dev/shm/"$me"-*
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# run ARG...: the tool; its status, output and messages in $status, $out and $err.
run()
{
    "$tool" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    status=$?
    out=$(cat "$scratch/out")
    err=$(cat "$scratch/err")
}

said()
{
    printf 'status %s\nout: %s\nerr: %s' "$status" "$out" "$err"
}

# expect WHAT STATUS ARG...: runs the tool and asserts its status; every failure must say why in one line on stderr.
expect()
{
    local what=$1 wanted=$2
    shift 2
    run "$@"
    if [ "$status" -ne "$wanted" ]; then
        not_ok "$what (status $wanted)" "$(said)"
    elif [ "$wanted" -ne 0 ] && { [ "$(wc -l <"$scratch/err")" -ne 1 ] || [[ $err != lfvec-shmctl:* ]]; }; then
        not_ok "$what: one line on stderr" "$(said)"
    else
        ok "$what"
    fi
}

# is WHAT GOT WANTED
is()
{
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:    $2"$'\n'"wanted: $3"; fi
}

# has WHAT TEXT PATTERN: an extended regular expression
has()
{
    if grep -Eq -- "$3" <<<"$2"; then ok "$1"; else not_ok "$1" "no /$3/ in: $2"; fi
}

# lacks WHAT TEXT PATTERN: there is a text, and the pattern is not in it
lacks()
{
    if [ -z "$2" ]; then
        not_ok "$1" 'there is no output at all'
    elif grep -Eq -- "$3" <<<"$2"; then
        not_ok "$1" "/$3/ in: $2"
    else
        ok "$1"
    fi
}

if command -v jq >/dev/null && jq -n 1 >/dev/null 2>&1; then
    valid_json() { jq -e . >/dev/null 2>&1; }
    have_jq=yes have_json=yes
elif command -v python3 >/dev/null; then
    valid_json() { python3 -m json.tool >/dev/null 2>&1; }
    have_jq= have_json=yes
else
    have_jq= have_json=
fi

# json WHAT ARG...: the tool prints valid JSON with status 0
json()
{
    local what=$1
    shift
    run "$@"
    if [ -z "$have_json" ]; then
        skip "$what" 'neither jq nor python3 here'
    elif [ "$status" -eq 0 ] && valid_json <<<"$out"; then
        ok "$what"
    else
        not_ok "$what" "$(said)"
    fi
}

# jq_is WHAT FILTER WANTED: about the JSON just printed
jq_is()
{
    if [ -z "$have_jq" ]; then
        skip "$1" 'no jq here'
    else
        is "$1" "$(jq -c "$2" <<<"$out" 2>&1)" "$3"
    fi
}

# new NAME OPTION...: a segment of this test
new()
{
    local name=/$me-$1
    shift
    "$tool" create "$@" "$name" || echo "cannot create $name"
}

# hold NAME COUNT [lease | OPERATION WHEN]: starts a participant and waits until it has pushed, or has been killed; its pid in $pid, and $held
# is "ready". Otherwise $held is "skip", and $pid says why.
hold()
{
    mkfifo "$scratch/ready"
    "$holder" "$@" >"$scratch/ready" &
    children+=($!)
    held='' pid=''
    read -r held pid <"$scratch/ready"
    rm "$scratch/ready"
}

kill_holder()
{
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

if [ ! -x "$tool" ] || [ ! -x "$holder" ]; then
    skip 'lfvec-shmctl' "not built in $build"
    finish
fi

# Waits until a command succeeds, for 20 seconds at most: what is waited for is an event, and the time is only to end a test that failed.
until_ok()
{
    local tries=400
    until "$@" || [ $((tries -= 1)) -eq 0 ]; do sleep 0.05; done
    [ $tries -gt 0 ]
}
