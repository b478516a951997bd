# tables.jq - Markdown of what lfvec-bench --json wrote; which of the tables is told by --arg what.

def cell: if . == null then "-" elif type == "number" then (. * 100 | round / 100 | tostring) else tostring end;
def median: sort | if length == 0 then null else .[length / 2 | floor] end;
def row: "| " + (map(cell) | join(" | ")) + " |";
def table(heading): (heading | row), (heading | map("---") | row), (.[] | row);

# of one mix: a line a peer; for each number of workers mops, from worst to best, and the ratio
def of_mix(workers):
  [ group_by(.first)[] | . as $rows | [ $rows[0].peer ] + [ workers[] as $w | ($rows[] | select(.workers == $w)) // null
    | if . == null then "-", "-" else "\(.mops | cell) (\(.min | cell) to \(.max | cell))", (.ratio | cell) end ] ]
  | table(["peer"] + [ workers[] | "\(.): Mops", "lfvec:peer" ]);

# the order of peers and mixes is that of the run
def rounds:
  . as $all
  | ([ .[].peer ] | reduce .[] as $p ([]; if index([$p]) then . else . + [$p] end)) as $peers
  | ([ .[].mix ] | reduce .[] as $m ([]; if index([$m]) then . else . + [$m] end)) as $mixes
  | $mixes[] as $mix
  | [ $all[] | select(.mix == $mix) | . + {first: (.peer as $p | $peers | index([$p]))} ]
  | ([ .[].workers ] | unique) as $workers
  | "", "\($mix), \(.[0].kind)\(if .[0].kind == "process" then "es" else "s" end):", "", of_mix($workers);

def hops: [ .[].hop_ns | select(. != null) ]
  | if length == 0 then empty else "", "A cache line took \(min | cell) to \(max | cell) ns from core to core beside these rounds." end;

if $what == "rounds" then rounds, hops
elif $what == "fairness" then
  [ .[] | [ .peer, .workers, .mops, .share_min, .share, .p50_ns, .p99_ns, .p999_ns, .max_ns / 1000000 ] ]
  | table(["peer", "workers", "Mops", "slowest:fastest, worst second", "median second", "p50 ns", "p99 ns", "p99.9 ns", "longest ms"])
elif $what == "growth" then
  [ .[] | [ .elements, .ns, "\(.min | cell) to \(.max | cell)", .last_ns, .bytes, .attach_us ] ]
  | table(["elements", "ns a push", "best to worst", "ns, the last tenth", "bytes an element", "attach, us"])
elif $what == "wake" then
  [ .[] | [ .peer, .p50_us, .p90_us, .p99_us, .samples ] ] | table(["peer", "p50 us", "p90 us", "p99 us", "samples"])
elif $what == "choices" then
  . as $all
  | (reduce .[].choice as $c ([]; if index([$c]) then . else . + [$c] end)) as $choices
  | ([ .[] | "\(.mix), \(.workers)" ] | reduce .[] as $c ([]; if index([$c]) then . else . + [$c] end)) as $cases
  | [ $choices[] as $c | [ $c ] + [ $cases[] as $case
      | [ $all[] | select(.choice == $c and "\(.mix), \(.workers)" == $case) | .mops ] | median ] ]
  | table(["Mops"] + $cases)
else error("no table " + $what) end
