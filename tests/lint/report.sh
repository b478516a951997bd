# shellcheck shell=sh
# report.sh - sourced by the shell tests: one line a check, and the last line that `./dev check` counts.

passed=0 failed=0 skipped=0

# What a test runs belongs to this build, not to a make or a configure that the test was started from.
unset MAKEFLAGS MFLAGS MAKELEVEL CONFIG_SITE

scratch=$(mktemp -d "${TMPDIR:-/tmp}/lfvec-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

ok()
{
    echo "ok - $1"
    passed=$((passed + 1))
}

# not_ok NAME [WHY]
not_ok()
{
    echo "not ok - $1"
    failed=$((failed + 1))
    [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/  /'
}

skip()
{
    echo "skip - $1: $2"
    skipped=$((skipped + 1))
}

# check NAME COMMAND...: ok if the command succeeds; what it said is shown only if it does not. A failure is counted, so the script goes on.
check()
{
    passes "$@" || : # may fail: it is counted
}

# passes NAME COMMAND...: the same, and says by its status how it went: for what the rest depends on.
passes()
{
    name=$1
    shift
    if "$@" >"$scratch/said" 2>&1; then
        ok "$name"
        return 0
    fi
    not_ok "$name"
    tail -n 40 "$scratch/said" | sed 's/^/  /'
    return 1
}

# found ARGUMENT...: grep, of which it is no failure to find nothing, but one not to be able to look.
found()
{
    grep "$@" || [ $? -eq 1 ]
}

# differences FILE FILE: diff -u; that there are some is no failure, but that one cannot be read is.
differences()
{
    diff -u "$@" || [ $? -eq 1 ]
}

# silent_on PATTERN COMMAND...: the command succeeds, and no line of what it says matches.
silent_on()
{
    pattern=$1
    shift
    "$@" >"$scratch/all-of-it" || return 1
    found -E -e "$pattern" "$scratch/all-of-it" >"$scratch/of-it" || return 1
    cat "$scratch/of-it"
    [ ! -s "$scratch/of-it" ]
}

# exits STATUS COMMAND...: the command ends with that status, and no other: it ran, and refused.
exits()
{
    wanted=$1 ended=0
    shift
    "$@" || ended=$?
    [ "$ended" -eq "$wanted" ]
}

# offenders NAME FILE: ok if the file is empty; otherwise its lines are what is wrong.
offenders()
{
    if [ -s "$2" ]; then
        not_ok "$1"
        sed 's/^/  /' "$2"
    else
        ok "$1"
    fi
}

# Ends the script: status 1 if anything failed, 77 if nothing could run, otherwise 0.
finish()
{
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] || exit 1
    [ "$passed" -gt 0 ] || [ "$skipped" -eq 0 ] || exit 77
    exit 0
}
