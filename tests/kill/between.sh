#!/bin/sh
# between.sh - stops around locked instructions and at a few others, in three minutes. `./dev kill` takes more of them.
exec "${LFVEC_BUILD:-.}/tests/kill/between" --stride "${LFVEC_BETWEEN_STRIDE:-1009}"
