#!/bin/sh
# fuzz.sh - fuzz_open.c under libFuzzer, ASan and UBSan for LFVEC_FUZZ_SECONDS (60), beginning with a copy of the corpus. What it finds is
# left in the build directory, beside the program. With KEEP=DIRECTORY, inputs that reach something new are kept there.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

cc=${LFVEC_FUZZ_CC:-clang}
seconds=${LFVEC_FUZZ_SECONDS:-60}
build=${LFVEC_BUILD:-$scratch}
dir=$build/tests/hostile/fuzz
sanitizers='-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all'

# The library without libnuma, instrumented: the one of the build is not.
compile()
{
    cas16=$([ ! -e "$build/Makefile" ] || sed -n 's/^CAS16_CFLAGS = //p' "$build/Makefile")
    # shellcheck disable=SC2046,SC2086
    "$cc" -g -O1 -std=gnu11 $sanitizers $cas16 -D_GNU_SOURCE -Iinclude -iquote lib -o "$dir/fuzz_open" \
        tests/hostile/fuzz_open.c tests/hostile/hostile_ops.c $(find lib -name '*.c' ! -name numa.c | sort) -lz -lpthread
}

# The runtime is a package of its own.
there()
{
    command -v "$cc" >/dev/null || return 1
    echo '#include <stddef.h>
#include <stdint.h>
#include <zlib.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return data && size && !zlibVersion(); }' >"$scratch/there.c"
    # shellcheck disable=SC2086
    "$cc" $sanitizers "$scratch/there.c" -lz -o "$scratch/there" 2>/dev/null
}

fuzz()
{
    "$dir/fuzz_open" -max_total_time="$seconds" -max_len=512 -timeout=300 -artifact_prefix="$dir/" -print_final_stats=1 "$corpus" \
        >"$scratch/log" 2>&1 &
    pid=$!
    status=0
    wait $pid || status=$?
    rm -f "/dev/shm/lfvec-test-$pid-fuzz"
    return $status
}

if ! there; then
    skip 'fuzzing of attach and check' "no $cc with libFuzzer here (Debian: clang and libclang-rt-14-dev)"
    finish
fi
mkdir -p "$dir"
passes 'the fuzz target is built' compile || finish
corpus=${KEEP:-$scratch/corpus}
mkdir -p "$corpus"
cp tests/hostile/corpus/* "$corpus"
if fuzz; then
    features=$(sed -n 's/.* ft: \([0-9]*\) .*/\1/p' "$scratch/log" | tail -n 1)
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/log")
    ok "attach and check of arbitrary images: $executions executions in $seconds seconds, $features features"
    echo "fuzz: $executions images, $features features"
else
    not_ok "attach and check of arbitrary images; the input is in $dir"
    tail -n 60 "$scratch/log" | sed 's/^/  /'
fi

finish
