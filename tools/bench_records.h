/*
 * bench_records.h - owns the measured loops with records of BENCH_BYTES bytes. Included by bench_loops.h, once for each size; a record is its
 * value, and the value plus 1, plus 2..., so that one that was mixed from two is seen.
 */
#include "bench.h"

#ifndef BENCH_RECORDS_ONCE
#define BENCH_RECORDS_ONCE
static inline void bench_record_make(uint64_t *record, size_t words, uint64_t x)
{
    for (size_t i = 0; i < words; i++)
        record[i] = x + i;
}

static inline bool bench_record_whole(const uint64_t *record, size_t words)
{
    bool whole = true;
    for (size_t i = 1; i < words; i++)
        whole &= record[i] == record[0] + i;
    return whole;
}
#endif

#define BENCH_SIZED(name) BENCH_PASTE(BENCH_NAME(name), BENCH_PASTE(BENCH_BYTES, _loop))

static void BENCH_SIZED(_push)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    for (uint64_t x = first; x < first + ops; x++) {
        uint64_t record[BENCH_BYTES / 8];
        bench_record_make(record, BENCH_BYTES / 8, x);
        worker->score.missed += !BENCH_NAME(_push_record)(state, record, BENCH_BYTES);
        worker->score.pushed_sum += x;
    }
    worker->score.pushed += ops;
}

static void BENCH_SIZED(_mixed)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    uint64_t sum = 0, popped_sum = 0, missed = 0;
    for (uint64_t n = ops / 2, x = first; n; n--, x++) {
        uint64_t record[BENCH_BYTES / 8];
        bench_record_make(record, BENCH_BYTES / 8, x);
        missed += !BENCH_NAME(_push_record)(state, record, BENCH_BYTES);
        sum += x;
        missed += !BENCH_NAME(_pop_record)(state, record, BENCH_BYTES) || !bench_record_whole(record, BENCH_BYTES / 8);
        popped_sum += record[0];
    }
    worker->score.pushed += ops / 2;
    worker->score.pushed_sum += sum;
    worker->score.popped += ops / 2;
    worker->score.popped_sum += popped_sum;
    worker->score.missed += missed;
}

#undef BENCH_SIZED
