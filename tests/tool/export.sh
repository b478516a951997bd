#!/bin/bash
# export.sh - export --prometheus: its grammar, its figures, and the file that is there as a whole or not at all.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

# The text format, version 0.0.4, and the conventions of names: one line a fault.
grammar()
{
    awk '
    function fault(why) { print FNR ": " why ": " $0 }
    /^# HELP [a-z_]+ [^ ]/ { if ($3 in helped) fault("HELP twice"); helped[$3] = 1; next }
    /^# TYPE [a-z_]+ (gauge|counter)$/ {
        if (!($3 in helped)) fault("TYPE before HELP")
        if ($3 in type) fault("TYPE twice")
        if (($4 == "counter") != ($3 ~ /_total$/)) fault("a counter ends in _total, and nothing else does")
        if ($3 !~ /^lfvec_/) fault("the prefix is lfvec_")
        type[$3] = $4; current = $3; next
    }
    /^[a-z_]+(\{[a-z_]+="([^"\\]|\\[\\"n])*"(,[a-z_]+="([^"\\]|\\[\\"n])*")*\})? [0-9]+$/ {
        name = $0; sub(/[{ ].*/, "", name)
        if (name != current) fault("not with the others of its metric")
        key = $0; sub(/ [0-9]+$/, "", key)
        if (key in seen) fault("twice"); seen[key] = 1
        next
    }
    { fault("no line of the format") }
    END { if (!FNR) print "nothing" }' "$1"
}

v=/$me-v
w="/$me-\"w\\"
new v
new '"w\'
"$tool" push -q $v 1 2 3
"$tool" pop $v >/dev/null
expect 'export' 0 export --prometheus
is 'export: the grammar' "$(grammar "$scratch/out")" ''
has 'export of all has it' "$out" "^lfvec_elements\{segment=\"$v\"\} 2\$"
is 'export of all has an odd name' "$(grep -cF "lfvec_up{segment=\"/$me-\\\"w\\\\\"} 1" <<<"$out")" 1
promtool=$(command -v promtool || command -v "$build/tests/tool/promtool" || echo) # ./dev check fetches it
if [ -n "$promtool" ]; then
    is 'promtool finds no fault' "$("$promtool" check metrics <"$scratch/out" 2>&1)" ''
else
    skip 'promtool finds no fault' 'no promtool here; the grammar was tested'
fi
expect 'export of one' 0 export $v
for line in "elements\{segment=\"$v\"\} 2" "pushes_total\{segment=\"$v\"\} 3" "pops_total\{segment=\"$v\"\} 1" "up\{segment=\"$v\"\} 1" \
    "mutations_total\{segment=\"$v\"\} 4" "element_size_bytes\{segment=\"$v\"\} 8" "slots\{segment=\"$v\",state=\"free\"\} 128" \
    "slots\{segment=\"$v\",state=\"dead\"\} 0" 'shm_free_bytes [0-9]+'; do
    has "export has lfvec_${line%%[\\ ]*}" "$out" "^lfvec_$line\$"
done
lacks 'export of one has no other' "$out" '"w'
expect 'export of an absent one' 3 export $v /$me-absent
is 'export of an absent one: the grammar' "$(grammar "$scratch/out")" ''
has 'export of an absent one says that it is not there' "$out" "^lfvec_up\{segment=\"/$me-absent\"\} 0\$"
has 'export of an absent one has the others' "$out" "^lfvec_elements\{segment=\"$v\"\} 2\$"
expect 'export of no name' 2 export jobs
expect 'export has no columns' 2 export --json
: >/dev/shm/"$me-empty"
head -c 5000 /dev/urandom >/dev/shm/"$me-foreign"
run export
lacks 'export leaves foreign objects out' "$out" "$me-(empty|foreign)"

# ---- the file ----------------------------------------------------------------------------------------------------------------------------

file=$scratch/lfvec.prom
umask 027
expect 'export -o' 0 export -o "$file" $v
is 'export -o prints nothing' "$out" ''
is 'export -o: the grammar' "$(grammar "$file")" ''
is 'export -o: umask holds' "$(stat -c %a "$file")" 640
before=$(stat -c %i "$file")
expect 'export -o again' 0 export -o "$file" $v
if [ "$(stat -c %i "$file")" != "$before" ]; then ok 'it is another file by rename'; else not_ok 'it is another file by rename'; fi
is 'nothing else is left there' "$(find "$scratch" -name 'lfvec.prom*' | wc -l)" 1
expect 'export -o into no directory' 3 export -o "$scratch/absent/lfvec.prom" $v
has 'export -o into no directory: why' "$err" "^lfvec-shmctl: $scratch/absent/lfvec.prom: cannot be written: .*; "
mkdir "$scratch/taken.prom"
expect 'export -o onto a directory' 3 export -o "$scratch/taken.prom" $v
is 'and nothing is left of it' "$(find "$scratch" -name 'taken.prom.*')" ''
if unshare --mount true 2>/dev/null && mkdir "$scratch/small" && unshare --mount mount -t tmpfs -o size=4k tmpfs "$scratch/small" 2>/dev/null; then
    cat >"$scratch/full" <<END
mount -t tmpfs -o size=4k tmpfs "$scratch/small"
echo former >"$scratch/small/lfvec.prom"
"$tool" export -o "$scratch/small/lfvec.prom" $v
echo "\$? \$(cat "$scratch/small/lfvec.prom") \$(ls "$scratch/small")"
END
    is 'without room the former file stays' "$(unshare --mount bash "$scratch/full" 2>"$scratch/err")" '3 former lfvec.prom'
else
    skip 'without room the former file stays' 'unshare --mount is not allowed here'
fi

finish
