#!/bin/sh
# kill.sh - a sample of the kill points, spread evenly, in about 45 seconds. `./dev kill` takes all of them.
exec "${LFVEC_BUILD:-.}/tests/kill/kill" --sample "${LFVEC_KILL_SECONDS:-45}"
