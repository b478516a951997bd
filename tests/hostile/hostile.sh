#!/bin/sh
# hostile.sh - damage of every sort to a segment that is in use, for about 20 seconds. `./dev hostile` takes longer.
exec "${LFVEC_BUILD:-.}/tests/hostile/hostile" --seconds "${LFVEC_HOSTILE_SECONDS:-20}"
