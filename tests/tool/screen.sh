#!/bin/bash
# screen.sh - what needs a terminal: watch with its keys, sizes and signals, and the questions of destructive commands. tmux is the terminal.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

if ! command -v tmux >/dev/null; then
    skip 'watch and the questions on a terminal' 'no tmux here'
    finish
fi

# A server for each start: one that is told to go does so some time later.
terminal() { tmux -L "$me-$server" -f /dev/null "$@" 2>/dev/null; }
server=0
screen() { terminal capture-pane -p; }
state() { terminal display-message -p "$1"; }
shows() { screen | grep -Eq -- "$1"; }
shows_not() { screen >"$scratch/screen" && ! grep -Eq -- "$1" "$scratch/screen"; } # a terminal that is gone shows nothing either
type() { terminal send-keys "$@"; }

stop_terminal()
{
    terminal kill-server
    cleanup
}
trap stop_terminal EXIT

# sees WHAT PATTERN: it comes to be on the screen
sees()
{
    if until_ok shows "$2"; then ok "$1"; else not_ok "$1" "no /$2/ on the screen:"$'\n'"$(screen)"; fi
}

# start LOCALE COLUMNS ROWS: a shell on a new terminal
start()
{
    terminal kill-server
    server=$((server + 1))
    LC_ALL=$1 terminal -u new-session -d -x "$2" -y "$3" 'PS1="ready> " exec bash --norc --noprofile -i'
    until_ok shows '^ready>'
    terminal set-environment -g LC_ALL "$1"
}

cleared() { [ "$(screen | grep -c .)" -eq 1 ] && shows '^ready>'; }

# enter COMMAND: once nothing of the former one is on the screen
enter()
{
    type -l clear
    type Enter
    until_ok cleared
    type -l "$1"
    type Enter
}

v=/$me-v
new v
seq 1000 | "$tool" load -q $v
hold $v 10 load
loader=$pid
hold $v 5
idler=$pid

# ---- watch -------------------------------------------------------------------------------------------------------------------------------

start C.UTF-8 80 24
enter "stty -a >$scratch/stty1; $tool watch --interval 0.1 $v; echo status=\$?; stty -a >$scratch/stty2; echo over"
sees 'watch: the title' "^ $v   every 0.1 s   by all"
sees 'watch: rates' '^push [0-9.]+[kM]?/s  pop [0-9.]+[kM]?/s  get not counted  set [0-9.]+[kM]?/s  retries [0-9.]+[kM]?/s'
sees 'watch: figures' '^elements 10[0-9]+, room for [0-9]+   memory [0-9.]+[KM], [0-9.]+[KMGT] free   version [0-9]+$'
sees 'watch: participants' '^participants 2 alive, 0 stopped, 0 dead, 0 unknown; 126 slots free$'
sees 'watch: the history' '^size of the last [0-9]+ looks: [0-9]+ to [0-9]+$'
sees 'watch: a spark line' '^[▁▂▃▄▅▆▇█]{3}'
sees 'watch: the table' '^SLOT +PID COMMAND +STATE +PUSH_S +POP_S +SET_S +RETRY_S +HELP_S$'
sees 'watch: rates of participants' "^ +[0-9]+ +$loader holder +alive +[0-9.]+[kM] +[0-9.]+[kM] +[0-9.]+[kM]"
sees 'watch: the keys, in the last line' '^ q quit  p pause  s sort'
is 'watch: 24 lines' "$(screen | grep -c '')" 24
is 'watch: the keys are in line 24' "$(screen | grep -n 'q quit' | cut -d: -f1)" 24
is 'watch: no line is broken' "$(screen | LC_ALL=C.UTF-8 grep -cE '^.{81}')" 0 # characters: awk may count bytes
is 'watch: the busiest is first' "$(screen | grep -A 1 '^SLOT' | awk 'NR == 2 { print $2 }')" "$loader"
is 'watch: the screen is another one' "$(state '#{alternate_on}')" 1
type r
sees 'watch: r turns it round' 'by all, least first'
is 'watch: the idle is first' "$(screen | grep -A 1 '^SLOT' | awk 'NR == 2 { print $2 }')" "$idler"
type r
for key in push pop set retry slot all; do
    type s
    sees "watch: s sorts by $key" "every 0.1 s   by $key( |\$)"
done
type p
sees 'watch: p pauses' 'PAUSED'
before=$(screen)
"$tool" push -q $v 1
is 'watch: nothing moves during a pause' "$(screen)" "$before"
type p
if until_ok shows_not PAUSED; then ok 'watch: p goes on'; else not_ok 'watch: p goes on'; fi
type +
sees 'watch: + doubles the interval' 'every 0.2 s'
type -- -
sees 'watch: - halves it' 'every 0.1 s'
kill -STOP "$idler"
sees 'watch: who is stopped' "$idler holder +stopped"
kill -CONT "$idler"
kill -9 "$idler"
sees 'watch: who is dead' "$idler holder +dead"
terminal resize-window -x 50 -y 12
sees 'watch: a smaller window' '^ q quit'
is 'watch: the keys are in its last line' "$(screen | grep -n 'q quit' | cut -d: -f1)" 12
terminal resize-window -x 20 -y 5
if until_ok eval '[ "$(screen | grep -n "q quit" | cut -d: -f1)" = 5 ]'; then ok 'watch: 20x5 still has its keys'; else not_ok 'watch: 20x5 still has its keys' "$(screen)"; fi
terminal resize-window -x 20 -y 3
terminal resize-window -x 80 -y 24
sees 'watch: and a large one again' '^participants 1 alive'
type q
sees 'watch: q ends it with status 0' '^status=0'
sees 'watch: the shell goes on' '^over'
is 'watch: the former screen is back' "$(state '#{alternate_on} #{cursor_flag}')" '0 1'
is 'watch: the terminal is as it was' "$(cat "$scratch/stty2")" "$(cat "$scratch/stty1")"

# ended STATUS: the shell has its prompt back; an interactive one forgets the rest of its line when a command dies by SIGINT
ended()
{
    until_ok shows '^ready>'
    type -l "echo status=\$?; stty -a >$scratch/stty2" # not after a clear, which has a status
    type Enter
    sees "$1: status" "^status=$2"
    until_ok test -s "$scratch/stty2"
    is "$1: the terminal is restored" "$(state '#{alternate_on} #{cursor_flag}') $(cat "$scratch/stty2")" "0 1 $(cat "$scratch/stty1")"
    rm -f "$scratch/stty2"
}

rm -f "$scratch/stty2"
for signal in INT TERM HUP QUIT USR1 ALRM; do
    enter "$tool watch $v"
    sees "watch again, for SIG$signal" '^ q quit'
    kill -"$signal" "$(pgrep -P "$(state '#{pane_pid}')")"
    ended "watch, SIG$signal" $((128 + $(kill -l $signal)))
done
enter "$tool watch $v"
sees 'watch again, for Ctrl-C' '^ q quit'
type C-c
ended 'watch, Ctrl-C' 130
enter "$tool watch $v; echo status=\$?"
sees 'watch again, for Ctrl-Z' '^ q quit'
type C-z
sees 'watch stops by Ctrl-Z' 'Stopped'
is 'and leaves the screen' "$(state '#{alternate_on}')" 0
type fg Enter
sees 'and comes back' '^ q quit'
type q
sees 'and ends' '^ready>'

new gone
enter "$tool watch --interval 0.1 /$me-gone; echo status=\$?"
sees 'watch of an empty vector' '^ q quit'
"$tool" rm --yes /$me-gone
sees 'watch says that it was removed' 'REMOVED'
type q
sees 'watch of a removed one ends with q' '^status=0'
enter "TERM=nonsense $tool watch $v; echo status=\$?"
sees 'watch on an unknown terminal' "^lfvec-shmctl: $v: the terminal \"nonsense\" is not known here"
sees 'watch on an unknown terminal: status' '^status=3'

enter "TERM=dumb $tool watch $v; echo status=\$?"
sees 'watch on a terminal without places' '^lfvec-shmctl: .*the terminal "dumb" is not known here, or can'
sees 'watch on a terminal without places: status' '^status=3'

start C 80 24
enter "$tool watch --interval 0.1 --sort slot $v"
sees 'watch in the C locale: a spark line of letters' '^[][_.*%#=+-]{3}'
type q

# ---- watch --once ------------------------------------------------------------------------------------------------------------------------

json 'watch --once --json' watch --once --interval 0.05 --json $v
jq_is 'watch --once --json: rates' '.rates[0] | [.name, .gets_s, .pushes_s > 0, .pops_s > 0, .sets_s > 0, .alive, .dead]' "[\"$v\",null,true,true,true,1,1]"
jq_is 'watch --once --json: the busiest first' '[.slots[].pid]' "[$loader,$idler]"
json 'watch --once --json --sort' watch --once --interval 0.02 --sort slot --json $v
jq_is 'watch --once --sort slot' '[.slots[].slot]' '[1,2]'
expect 'watch --once -o' 0 watch --once --interval 0.02 --raw --noheadings -o PUSHES_S $v
has 'watch --once -o is one figure' "$out" '^[0-9]+\.[0-9]$'
expect 'watch without a terminal' 2 watch $v
has 'watch without a terminal: the remedy' "$err" '--once'
expect 'watch --json without --once' 2 watch --json $v
expect 'watch --interval too short' 2 watch --once --interval 1ms $v
expect 'watch --sort by nonsense' 2 watch --once --sort nonsense $v
kill -9 "$loader"
wait "$loader" 2>/dev/null
run recover $v

# ---- questions ---------------------------------------------------------------------------------------------------------------------------

# asks COMMAND QUESTION: n first, then y
asks()
{
    enter "$tool $1 $v; echo status=\$?"
    sees "$1 asks" "^$v: $2 \[y/N\]"
    type n Enter
    sees "$1, answer n: status" '^status=1'
    sees "$1, answer n" "^lfvec-shmctl: $v: nothing was done"
    enter "$tool $1 $v; echo status=\$?"
    until_ok shows "^$v: $2"
    type y Enter
    sees "$1, answer y" '^status=0'
}
terminal resize-window -x 160 -y 24
"$tool" pop -n 900 $v >/dev/null
asks trim 'free [0-9]+ leaves beyond its [0-9]+ elements\?'
is 'trim did it' "$("$tool" check --raw --noheadings -o LEAVES_IDLE $v)" 0
asks reset 'remove all [0-9]+ elements\?'
is 'reset did it' "$("$tool" info --raw --noheadings -o SIZE $v)" 0
if unshare --pid --fork true 2>/dev/null; then
    unshare --pid --fork --kill-child "$holder" $v 1 >"$scratch/ready" 2>/dev/null &
    children+=($!)
    until_ok test -s "$scratch/ready"
    asks 'recover --force' 'recover 1 unknown participants by force\? If they live, elements may be lost\.'
    is 'recover --force did it' "$("$tool" ps --raw $v)" ''
    kill -9 $! 2>/dev/null
else
    skip 'recover --force asks' 'unshare --pid is not allowed here'
fi
asks rm 'remove it with its [0-9]+ elements \([0-9.]+[KM]\)\?'
expect 'rm did it' 3 info $v

finish
