#!/bin/sh
# layers.sh - includes point only downwards: API -> operations -> attempts -> participants ->
# descriptors and leaves -> slabs and slots -> segment -> platform.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

# rank and modules. A module is a file name up to its first '_' or '.': numa_none.c belongs to numa. A file may include what ranks lower,
# and headers of its own module; `a>b` allows a to include b of the same rank. lfvec.h, the public types, may be included by all.
ranks='
0  format atomic16 backoff calm probe proc numa life error shm breakage visible record life>format error>visible shm>error shm>calm
1  head layout segment turn                             segment>layout
2  element directory slab slot create                   create>slab create>slot slab>slot
3  desc leaf control
4  recover participant                                  participant>recover
5  attempt
6  vector batch wait lease memory reclaim join audit stat region fast       vector>wait vector>fast fast>wait wait>vector wait>lease vector>reclaim batch>reclaim batch>wait lease>vector join>lease stat>memory
7  lfvec
'

awk -v ranks="$ranks" '
function module(path,  m) { m = path; sub(/.*\//, "", m); sub(/[_.].*/, "", m); return m }
BEGIN {
    n = split(ranks, row, "\n")
    for (i = 1; i <= n; i++) {
        k = split(row[i], f, " ")
        for (j = 2; j <= k; j++)
            if (f[j] ~ />/)
                also[f[j]] = 1
            else
                rank[f[j]] = f[1]
    }
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, q, "\"")
    if (q[2] == "lfvec.h")
        next
    from = module(FILENAME); to = module(q[2])
    where = FILENAME ":" FNR ": "
    if (!(from in rank))
        print where "module " from " has no rank: give it one in tests/lint/layers.sh"
    else if (!(to in rank))
        print where "includes " q[2] ", which has no rank in tests/lint/layers.sh"
    else if (from != to && rank[to] >= rank[from] && !((from ">" to) in also))
        print where "rank " rank[from] " includes " q[2] " of rank " rank[to]
}' lib/*.[ch] >"$scratch/layers"
offenders 'includes in lib/ point only downwards' "$scratch/layers"

# Only the tests look inside the library: the tools and the examples show that lfvec.h is enough. What may be shown on a terminal, and the text
# that says what an element is made of, are no insides: each is one rule for both.
find tools examples include -name '*.[ch]' >"$scratch/files"
check 'there are files to look at' test "$(wc -l <"$scratch/files")" -gt 50
sort "$scratch/files" | while read -r file; do
    sed -n 's/^[ \t]*#[ \t]*include[ \t]*["<]\([^">]*\)[">].*/\1/p' "$file" | while read -r included; do
        case $included in
        ../lib/visible.h | ../lib/record.h) ;;
        lib/* | */lib/*) echo "$file includes $included" ;;
        *) [ ! -e "lib/$included" ] || [ -e "$(dirname "$file")/$included" ] || echo "$file includes lib/$included" ;;
        esac
    done
done >"$scratch/outside"
offenders 'tools and examples include nothing from lib/' "$scratch/outside"

finish
