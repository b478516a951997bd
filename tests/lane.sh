#!/bin/bash
# lane.sh TEST... - one test with a /dev/shm of its own, so that tests may run at once, in 25 minutes at most; what it leaves there is a failure.
# Leaves the times it took in LANE_TIMES, one line a test. Where no mount may be made, the test runs in the common /dev/shm: then one at a time.
set -u
enter=()
[ "${LANE_PRIVATE:-no}" = no ] || enter=(unshare --mount --propagation private)
TIMEFORMAT="%R %U %S ${*: -1}"
# shellcheck disable=SC2016
own='mount -t tmpfs -o mode=1777 tmpfs /dev/shm || exit 99
timeout -k 10 1500 "$@"
status=$?
left=$(ls -A /dev/shm)
[ -z "$left" ] || { echo "left in /dev/shm: $left"; [ $status -ne 0 ] || status=1; }
exit $status'
run() { if [ ${#enter[@]} -gt 0 ]; then "${enter[@]}" bash -c "$own" lane "$@"; else timeout -k 10 1500 "$@"; fi; }
exec 3>&2
{ time run "$@" 2>&3; } 2>>"${LANE_TIMES:-/dev/null}"
