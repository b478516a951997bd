#!/bin/bash
# visible.sh - what is not to be shown on a terminal never comes out of the tool as it is, whatever the names of segments and threads are: in
# reports and messages, as text, JSON, SVG, and for Prometheus, in each locale.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

# In the order of lib/visible.c: C0, DEL, C1 (CSI), bidi embedding and override, isolates, marks, line separators, what cannot be seen, bytes that
# are no UTF-8; and what only looks like an escape.
parts=($'esc\e[31m\a' $'lines\na\rb' $'del\x7f' $'c1\xc2\x9b2J' $'bidi\xe2\x80\xaa\xe2\x80\xae' $'isolates\xe2\x81\xa6\xe2\x81\xa9'
    $'marks\xe2\x80\x8f\xd8\x9c' $'lines\xe2\x80\xa8\xe2\x80\xa9' $'unseen\xe2\x80\x8b\xef\xbb\xbf\xc2\xad\xf3\xa0\x81\x81' $'bytes\xff\x9b2J' 'looks\x1b[31m')
shown=('esc\x1b[31m\x07' 'lines\x0aa\x0db' 'del\x7f' 'c1\xc2\x9b2J' 'bidi\xe2\x80\xaa\xe2\x80\xae' 'isolates\xe2\x81\xa6\xe2\x81\xa9'
    'marks\xe2\x80\x8f\xd8\x9c' 'lines\xe2\x80\xa8\xe2\x80\xa9' 'unseen\xe2\x80\x8b\xef\xbb\xbf\xc2\xad\xf3\xa0\x81\x81' 'bytes\xff\x9b2J' 'looks\x5cx1b[31m')
# All but the bytes in one name, which JSON can have; and the bytes.
join() { (IFS='' && printf %s "$*"); }
names=("$(join "${parts[@]:0:9}" "${parts[10]}")" "${parts[9]}")
shown=("$(join "${shown[@]:0:9}" "${shown[10]}")" "${shown[9]}")

# The lines of a file with a byte or a character that is not to be shown, made visible by cat -v. Not by the code that is tested.
hidden_in()
{
    LC_ALL=C grep -anP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f\xad]|\xd8\x9c|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xf3\xa0' "$1" |
        cat -v
    iconv -f UTF-8 -t UTF-8 "$1" >/dev/null 2>&1 || echo 'no UTF-8'
}

# shows_safely WHAT WANTED ARG...: of what the tool prints, nothing is hidden, and if WANTED is not empty, it is there
shows_safely()
{
    local what=$1 wanted=$2
    shift 2
    timeout 20 "$tool" "$@" >"$scratch/all" 2>&1 </dev/null
    local status=$? found
    found=$(hidden_in "$scratch/all")
    if [ $status -ge 124 ]; then
        not_ok "$what" "the tool ended with status $status"
    elif [ -n "$found" ]; then
        not_ok "$what" "$found"
    elif [ -n "$wanted" ] && ! grep -qF -- "$wanted" "$scratch/all"; then
        not_ok "$what" "no $wanted in: $(cat "$scratch/all")"
    else
        ok "$what"
    fi
}

# The control: the checker sees what it is to see.
for name in "${parts[@]:0:10}"; do
    printf 'a%sb' "$name" >"$scratch/all"
    if [ -n "$(hidden_in "$scratch/all")" ] || [[ $name == *$'\n'* ]]; then ok 'the checker sees it'; else not_ok 'the checker sees it' "$name"; fi
done

locales=(C)
[ "$(LC_ALL=C.UTF-8 locale charmap 2>/dev/null)" != UTF-8 ] || locales+=(C.UTF-8)
for locale in "${locales[@]}"; do
    export LC_ALL=$locale
    for i in "${!names[@]}"; do
        name=/$me-${names[i]} want=/$me-${shown[i]} label=${shown[i]:0:12}
        said=${want//'\x5c'/'\'} # messages need not be told apart
        "$tool" create "$name"
        for args in info 'info --raw' map numa ps check list 'list --raw'; do
            wanted=$want
            case $args in
            ps | check) wanted= ;;
            esac
            case $args in list*) operand=() ;; *) operand=("$name") ;; esac
            # shellcheck disable=SC2086
            shows_safely "$args: $label ($locale)" "$wanted" $args "${operand[@]}"
        done
        for args in 'list --json' 'info --json' 'numa --json' 'rm --dry-run --json' 'rm --dry-run' 'map --svg -' 'watch --once --interval 0.02 --json' 'watch --once --interval 0.02'; do
            case $args in list*) operand=() ;; *) operand=("$name") ;; esac
            # shellcheck disable=SC2086
            shows_safely "$args: $label ($locale)" '' $args "${operand[@]}"
        done
        shows_safely "export: $label ($locale)" "lfvec_up{segment=\"${want//'\'/'\\'}\"} 1" export "$name"
        shows_safely "export of all: $label ($locale)" "{segment=\"${want//'\'/'\\'}\"} 1" export
        shows_safely "create again: $label ($locale)" "$said: existed already" create "$name"
        shows_safely "refused: $label ($locale)" "$said: " create --exclusive "$name"
        run info --json "$name"
        [[ $name == *$'\xff'* ]] || jq_is "JSON has the name itself: $label" "[.segment[]?, .info[]?] | map(.name == $(printf %s "$name" | jq -Rs .)) | any" true
        "$tool" rm --yes "$name"
        shows_safely "absent: $label ($locale)" "$said: no such segment" info "$name"
        shows_safely "no name: $label ($locale)" '' info "$me${names[i]}"
        shows_safely "no option: $label ($locale)" '' list "--${names[i]}"
        shows_safely "no column: $label ($locale)" '' list -o "${names[i]}"
        shows_safely "no command: $label ($locale)" '' "${names[i]}"
    done
done

# Names that differ are different labels: of two that are equal, a reader takes none.
for name in 'a\x1b' $'a\e' $'b\xff' $'b\xfe' $'b\xef\xbf\xbd' 'b\xff'; do new "$name"; done
run export
is 'export: each segment has a label of its own' "$(grep '^lfvec_up{' <<<"$out" | sort | uniq -d)" ''
is 'export: and all are there' "$(grep -c "^lfvec_up{segment=\"/$me-[ab]" <<<"$out")" 6
for name in 'a\x1b' $'a\e' $'b\xff' $'b\xfe' $'b\xef\xbf\xbd' 'b\xff'; do "$tool" rm --yes "/$me-$name"; done

# A thread that calls itself anything: its name is that of the program, which is a link here.
thread=$'h\e\xc2\x9b\xe2\x80\xae\xff'
real=$build/tests/tool/.libs/holder
[ -x "$real" ] || real=$holder
ln -s "$real" "$scratch/$thread"
holder=$scratch/$thread
export LD_LIBRARY_PATH=$build/.libs
new t
hold /$me-t 1
if [ "$held" = ready ]; then
    for args in ps 'ps --raw' 'ps --json' map 'map --svg -' 'check --json' numa 'numa --json' 'watch -n 1' 'watch -n 1 --json' 'rm --yes' 'reset --dry-run --force'; do
        # shellcheck disable=SC2086
        shows_safely "$args of such a thread" '' $args /$me-t
    done
    run ps --raw --noheadings -o COMMAND /$me-t
    is 'ps has its name, as far as it can be shown' "$out" 'h???????'
    kill_holder
    for args in 'recover --dry-run' 'recover --json' check; do
        # shellcheck disable=SC2086
        shows_safely "$args of such a thread, dead" '' $args /$me-t
    done
else
    not_ok 'a thread with such a name' "$held $pid"
fi

# Elements are bytes, too.
new s --elem-size 8
printf 'e\e\xc2\x9b123d\x7f\xe2\x80\xae12\xff\x9b' | "$tool" push --stdin -q /$me-s
for args in 'dump --format string' 'dump --format s8' 'dump --json --format s8' 'dump --json --format string' 'dump --format jsonl,s8' \
    'pop --format string' 'pop --json --format string'; do
    # shellcheck disable=SC2086
    shows_safely "$args of such bytes" '' $args /$me-s
done

# CSV has the bytes as they are, for its readers are programs; but a terminal is not sent them.
printf 'e\e\xc2\x9b123d' | "$tool" push --stdin -q /$me-s
is 'CSV has such bytes as they are' "$("$tool" dump --format csv,s8 --noheadings -o VALUE --last 1 /$me-s | od -c)" "$(printf 'e\e\xc2\x9b123d\n' | od -c)"
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    is 'but not on a terminal' "$(script -qec "$tool dump --format csv,s8 --noheadings -o VALUE --last 1 /$me-s" /dev/null </dev/null | tr -d '\r')" \
        'e\x1b\xc2\x9b123d'
else
    skip 'but not on a terminal' 'no script(1) here'
fi

finish
