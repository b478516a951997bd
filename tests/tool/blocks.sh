# shellcheck shell=sh disable=SC2154
# blocks.sh - sourced by the tests that follow a document: its fenced blocks. A block of a program is a file; those of the console after it are
# typed, and what is seen must be what the document shows.

# Each block between fences goes to a file NN.LANGUAGE.block in $scratch, under the segment's name for this run.
take_blocks() # DOCUMENT [SEGMENT-IN-IT SEGMENT]
{
    rm -f "$scratch"/*.block
    sed "${2:+s#$2\\b#$3#g}" "$1" | awk -v to="$scratch" '
        /^```[a-z]+$/ { file = sprintf("%s/%02d.%s.block", to, ++n, substr($0, 4)); next }
        /^```$/ { file = "" }
        file { print >file }'
}

# Types the commands of a console block, those after "$ ", by typed(), and holds all that is seen on the terminal against it.
session() # BLOCK
{
    sed -n "s/^\\$ //p" "$1" >"$scratch/commands"
    while read -r line; do
        printf '$ %s\n' "$line"
        (typed "$line" </dev/null 2>&1) || echo "status $?"
    done <"$scratch/commands" >"$scratch/seen"
    diff -u "$1" "$scratch/seen"
}
