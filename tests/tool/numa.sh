#!/bin/bash
# numa.sh - numa and map on the machine at hand, which mostly has one node: tests/numa runs both on machines of several, emulated.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

if command -v xmllint >/dev/null; then
    well_formed() { xmllint --noout "$1"; }
elif command -v python3 >/dev/null; then
    well_formed() { python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$1"; }
else
    # every element is closed by its own name or by itself, and text has no bare & or <
    well_formed()
    {
        awk '
        { all = all $0 "\n" }
        END {
            sub(/^<\?xml [^>]*\?>/, "", all)
            while (match(all, /<[^>]*>/)) {
                text = substr(all, 1, RSTART - 1); tag = substr(all, RSTART, RLENGTH); all = substr(all, RSTART + RLENGTH)
                gsub(/&#[0-9]+;/, "", text)
                if (text ~ /[&<]/) exit 1
                name = tag; gsub(/^<\/?|[ \/>].*$/, "", name)
                if (tag ~ /^<\//) { if (!depth || open[depth--] != name) exit 1 }
                else if (tag !~ /\/>$/) open[++depth] = name
            }
            exit depth != 0
        }' "$1"
    }
fi

# svg WHAT FILE
svg()
{
    if said=$(well_formed "$2" 2>&1) && grep -q '^<svg xmlns="http://www.w3.org/2000/svg" ' "$2"; then ok "$1"; else not_ok "$1" "$said"; fi
}

v=/$me-v
new v --slab-bytes 64K --slots 9
hold $v 20000
mine=$pid
hold $v 20000
"$tool" reserve $v 80000
slabs=$("$tool" info --raw --noheadings -o SLABS_OWNED,SLABS_UNOWNED $v | awk '{ print $1 + $2 }')
pages=$((slabs * 16))
one=$("$tool" info --raw --noheadings -o NUMA_PLACED $v) # 0: nothing to choose from, or no libnuma

# ---- info ------------------------------------------------------------------------------------------------------------------------------

expect 'info' 0 info $v
has 'info: why the policy is in force or not' "$out" '^NUMA_WHY +[a-z].* [a-z]'
has 'info: huge pages that nobody asked for' "$out" '^HUGEPAGES +not asked for'
new huge --hugepages --slab-bytes 2M
"$tool" push -q /$me-huge 1
expect 'info of huge pages' 0 info /$me-huge
has 'info of huge pages: what the kernel granted' "$out" '^HUGEPAGES +(none granted: see /sys/|granted: [0-9.]+M of the )'
json 'info --json of huge pages' info --json /$me-huge
jq_is 'info --json: they are part of what is mapped' '.segment[0] | .bytes_mapped > 0 and .bytes_huge <= .bytes_mapped' true
expect 'rm of it' 0 rm --yes /$me-huge

# ---- numa ------------------------------------------------------------------------------------------------------------------------------

expect 'numa' 0 numa $v
has 'numa: the policy' "$out" '^POLICY +local$'
has 'numa: in force or not' "$out" '^IN_FORCE +(yes|no)$'
has 'numa: why' "$out" '^WHY +[a-z].* [a-z]'
has 'numa: slabs' "$out" "^slabs +$slabs "
has 'numa: all slots are one part, or each is' "$out" '^slots +9 '
has 'numa: the participants' "$out" "^ +[0-9]+ +$mine holder +alive +[0-9]"
has 'numa: slabs that nobody owns' "$out" '^ +0 +- +- '
json 'numa --json' numa --json $v
jq_is 'numa --json: its arrays' 'keys_unsorted' '["placement","parts","slots"]'
jq_is 'numa --json: the parts' '[.parts[].part]' '["header","slots","slab-table","directory","slabs"]'
jq_is 'numa --json: pages of slabs' '.parts[] | select(.part == "slabs") | .pages' $pages
jq_is 'numa --json: every page is on a node, or untold' \
    '[.parts[] | .pages == ([to_entries[] | select(.key | test("^node[0-9]+$")).value] + [.untold] | add)] | all' true
jq_is 'numa --json: all parts together' '.placement[0].total_pages == ([.parts[].pages] | add)' true
jq_is 'numa --json: all slots together' '[.slots[].slabs] | add' "$slabs"
jq_is 'numa --json: the participants' "[.slots[] | select(.pid == $mine) | .command, .state]" '["holder","alive"]'
if [ "$one" = 0 ]; then
    jq_is 'numa: no policy in force' '.placement[0] | [.in_force, .placed_on, .total_misplaced]' '[false,null,null]'
    if [ "$(find /sys/devices/system/node -name 'node[0-9]*' 2>/dev/null | wc -l)" = 1 ]; then
        has 'numa: on one node it says so' "$("$tool" numa --raw --noheadings -b -o WHY $v)" 'one\\x20node|libnuma'
        jq_is 'numa: pages on node 0, or untold' '[.parts[] | (.node0 // 0) + .untold == .pages] | all' true
    fi
else
    jq_is 'numa: in force, and nothing misplaced' '.placement[0] | [.in_force, .total_misplaced]' '[true,0]'
fi
expect 'numa -o of one report' 0 numa --noheadings --raw -o PART,PAGES $v
is 'numa -o of one report: the others are left out' "$(wc -l <"$scratch/out")" 5
has 'numa --raw' "$out" "^slabs $pages\$"
expect 'numa -o SLABS,SLABS_ON' 0 numa -o SLOT,SLABS_ON $v
lacks 'numa -o of slots has no parts' "$out" '^header'
expect 'numa: unknown column' 2 numa -o NODE0 $v
new e --slab-bytes 2M # larger slabs than are reserved at creation
expect 'numa of an unused vector' 0 numa /$me-e
json 'numa --json of an unused vector' numa --json /$me-e
jq_is 'numa --json: nobody is an empty array' '.slots' '[]'

# ---- map -------------------------------------------------------------------------------------------------------------------------------

expect 'map' 0 map $v
has 'map: the title' "$out" "^$v: 40000 elements of 8B; memory .*; [0-9]+% of its leaves in use\$"
has 'map: the policy' "$out" '^placement: local, nodes all, (not )?in force: '
for part in header slots slab-table directory slabs; do
    has "map: a bar for $part" "$out" "^  $part +[0-9.]+[KM] [0-9?]+\$"
done
has 'map: how many slabs' "$out" "^slabs: $slabs of 64K, each a cell\$"
has 'map: owners' "$out" '^ +0 owner +A+B+-+$'
has 'map: nodes' "$out" '^ +node +[0-9?~]+$'
has 'map: use' "$out" '^ +used +[.:=+*#@_-]+$'
is 'map: a sign for each slab' "$(sed -n 's/^ *0 owner *//p' <<<"$out" | tr -d '\n' | wc -c)" "$slabs"
has 'map: the legend names the owners' "$out" "^  [AB]  slot [0-9]+, holder \(alive $mine(, on node [0-9]+)?\): [0-9]+ slabs?, [0-9]+% used\$"
has 'map: the legend explains the signs' "$out" '^  -  owned by nobody'
lacks 'map: no colour where there is no terminal' "$out" $'\033'
expect 'map --color=always' 0 map --color=always $v
has 'map --color=always: colour' "$out" $'\033\\[[0-9]+m'
is 'map: without its colours, the same' "$(sed 's/\x1b\[[0-9]*m//g' <<<"$out")" "$("$tool" map $v)"
expect 'map: no such colour' 2 map --color=green $v
expect 'map: too narrow' 2 map -w 10 $v
run map -w 40 $v
is 'map -w 40: nothing is wider, but sentences' "$(grep -Ev ':|^  [-a]|used|legend|parts' <<<"$out" | awk 'length > 40')" ''
if locale -a 2>/dev/null | grep -qi '^C\.utf'; then
    has 'map: blocks where the terminal has them' "$(LC_ALL=C.UTF-8 "$tool" map $v | grep '^ *used')" '█'
fi
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    has 'map on a terminal: colour' "$(TERM=xterm NO_COLOR='' script -qec "$tool map $v" /dev/null </dev/null)" $'\033\\[[0-9]+m'
    lacks 'map with NO_COLOR: none' "$(TERM=xterm NO_COLOR=1 script -qec "$tool map $v" /dev/null </dev/null)" $'\033\\[[0-9]+m'
    lacks 'map on a dumb terminal: none' "$(TERM=dumb NO_COLOR='' script -qec "$tool map $v" /dev/null </dev/null)" $'\033\\[[0-9]+m'
else
    skip 'map on a terminal' 'no script(1) here'
fi

# ---- SVG -------------------------------------------------------------------------------------------------------------------------------

expect 'map --svg' 0 map --svg "$scratch/v.svg" $v
is 'map --svg prints nothing' "$out" ''
svg 'map --svg: well-formed' "$scratch/v.svg"
has 'map --svg: a title' "$(cat "$scratch/v.svg")" "<title>$v: 40000 elements"
has 'map --svg: a legend' "$(cat "$scratch/v.svg")" '>legend<'
is 'map --svg: a box for each slab' "$(grep -c 'class="box"' "$scratch/v.svg")" "$slabs"
"$tool" map --svg - $v >"$scratch/same.svg"
svg 'map --svg -: well-formed' "$scratch/same.svg"
expect 'map --svg into no directory' 3 map --svg "$scratch/absent/v.svg" $v
has 'map --svg into no directory: why' "$err" "^lfvec-shmctl: $scratch/absent/v.svg: cannot be written: .*; "
"$tool" map --svg - /$me-e >"$scratch/e.svg"
svg 'map --svg of an unused vector: well-formed' "$scratch/e.svg"
expect 'map of an unused vector' 0 map /$me-e
has 'map of an unused vector: no slabs' "$out" '^slabs: none yet$'
odd='/'$me'-<&"'$'\xff\x01'
"$tool" create "$odd"
"$tool" map --svg - "$odd" >"$scratch/odd.svg"
svg 'map --svg of an odd name: well-formed' "$scratch/odd.svg"
"$tool" rm --yes "$odd"

# ---- many slabs ------------------------------------------------------------------------------------------------------------------------

hold $v 300000
"$tool" reserve $v 20000000
kill_holder
slabs=$("$tool" info --raw --noheadings -o SLABS_OWNED,SLABS_UNOWNED $v | awk '{ print $1 + $2 }')
expect 'map of many slabs' 0 map -w 80 $v
has 'map of many slabs: several to a cell' "$out" "^slabs: $slabs of 64K, [0-9]+ to a cell\$"
is 'map of many slabs fits a screen and a half' "$(($(wc -l <"$scratch/out") < 60))" 1
has 'map of many slabs: owners of most of a cell, in small letters' "$out" '^ +0 owner +.*[A-C].*c-*$'
has 'map of many slabs: the dead' "$out" "holder \(dead $pid"
expect 'map --svg of many slabs' 0 map --svg "$scratch/many.svg" $v
svg 'map --svg of many slabs: well-formed' "$scratch/many.svg"
is 'map --svg of many slabs: not too many boxes' "$(($(grep -c 'class="box"' "$scratch/many.svg") <= 800))" 1

# ---- what is none of ours --------------------------------------------------------------------------------------------------------------

head -c 8192 /dev/urandom >/dev/shm/"$me-foreign"
for command in numa map; do
    expect "$command of an absent segment" 3 $command /$me-absent
    has "$command of an absent segment says which" "$err" "^lfvec-shmctl: /$me-absent: .*; "
    expect "$command of a foreign object" 3 $command /$me-foreign
    has "$command of a foreign object says which" "$err" "^lfvec-shmctl: /$me-foreign: .*; "
    expect "$command of no name" 2 $command
    expect "$command of two" 2 $command $v /$me-e
done
run info --raw --noheadings -o SLOTS_ALIVE,SLOTS_DEAD $v
is 'neither takes a slot' "$out" '2 1'

# damage behind the header is no crash, whatever the tables say
size=$(stat -c %s /dev/shm/"$me-v") odd=0
for ((offset = 4096; offset < 1000000 && offset < size; offset += 30011)); do
    head -c 512 /dev/urandom | dd of=/dev/shm/"$me-v" bs=1 seek=$offset conv=notrunc status=none
    for command in 'numa --raw' map 'map --svg -'; do
        # shellcheck disable=SC2086
        timeout 60 "$tool" $command $v >"$scratch/out" 2>&1 </dev/null
        case $? in
        0 | 1 | 3) ;;
        *) odd=$((odd + 1)) && echo "  $command at $offset: status $?" ;;
        esac
    done
done
is 'neither crashes or hangs on damage' $odd 0

finish
