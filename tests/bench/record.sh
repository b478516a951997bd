#!/usr/bin/env bash
# record.sh BENCH DIR [ARGUMENT...] - measures everything that lfvec-bench can, and writes it to DIR: NAME.json as measured, NAME.svg, and
# NAME.md, the tables of doc/performance.md. ARGUMENTs go to the runs with rounds. Needs jq; takes some twenty minutes.
# record.sh --fill DIR DOCUMENT - puts the tables of DIR between the marks of the document: <!-- figures: NAME --> and <!-- end -->.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

conditions()
{
    echo "Measured on $(date -u +%Y-%m-%d): $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, Linux $(uname -r)."
    echo "$(getconf GNU_LIBC_VERSION), load average before: $(cut -d ' ' -f 1-3 /proc/loadavg)."
}

tables() # NAME WHAT
{
    jq -r --arg what "$2" -f "$here/tables.jq" "$dir/$1.json" >"$dir/$1.md"
}

record()
{
    local bench=$1 kind option
    dir=$2
    shift 2
    mkdir -p "$dir"
    conditions >"$dir/conditions.md"
    for kind in processes threads; do
        option=()
        [ $kind = processes ] || option=(--threads)
        "$bench" "$@" "${option[@]}" --json="$dir/$kind.json" --plot "$dir/$kind.svg" 2>&1 | tee "$dir/$kind.txt"
        tables $kind rounds
    done
    "$bench" --peers lfvec,robust,mutex,spin,bip --mixes push,pop,mixed,read "$@" --plot "$dir/locks.svg" # the picture of the README
    "$bench" --warm --mixes push,push_n "$@" --json="$dir/warm.json"
    tables warm rounds
    "$bench" --fairness 5 --json >"$dir/fairness.json"
    tables fairness fairness
    "$bench" --growth 100000000 --json >"$dir/growth.json"
    tables growth growth
    "$bench" --wake 1000 --json >"$dir/wake.json"
    tables wake wake
    "$here/choices.sh" "$(dirname "$bench")" "$dir" 5
}

# What is there stands until there is something new.
fill() # DIR DOCUMENT
{
    awk -v dir="$1" '
    /^<!-- figures: [a-z]+ -->$/ {
        print
        file = dir "/" $3 ".md"
        if ((getline line < file) > 0) {
            skip = 1
            do print line
            while ((getline line < file) > 0)
        }
        next
    }
    /^<!-- end -->$/ { skip = 0 }
    !skip' "$2" >"$2.new"
    mv "$2.new" "$2"
}

case ${1:-} in
--fill) fill "$2" "$3" ;;
*) record "$@" ;;
esac
