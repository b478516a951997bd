/*
 * bench_loops.h - owns the measured loops. Included once by every peer, after it has defined
 *
 *   BENCH_PEER                               prefix of its functions
 *   BENCH_STATE                              what its handle points to
 *   PEER_push(state, x), PEER_pop(state, &x), PEER_get(state, index, &x)        bool, inline
 *   PEER_push_record(state, record, bytes), PEER_pop_record(state, record, bytes)     bool, inline; only with BENCH_RECORDS
 *   PEER_push_n(state, elems, n)                                                      bool: all n; inline; only with BENCH_PUSH_N
 *   PEER_pop_n(state, elems, n), PEER_get_n(state, first, elems, n), PEER_snapshot(state, first, elems, n)     likewise; BENCH_BATCHES: all four
 *
 * BENCH_NO_POP, BENCH_NO_MIXED, BENCH_NO_READ: without these loops. Without pop, read gets instead: which is no worse for the peer.
 *
 * So every peer runs the same loop, with its operations inlined into it: nobody pays for an indirect call that another does not pay.
 */
#include "bench.h"

#define BENCH_PASTE2(a, b) a##b
#define BENCH_PASTE(a, b) BENCH_PASTE2(a, b)
#define BENCH_NAME(name) BENCH_PASTE(BENCH_PEER, name)

#ifndef BENCH_LOOPS_ONCE
#define BENCH_LOOPS_ONCE
static inline uint64_t bench_xorshift(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}
#endif

static void BENCH_NAME(_push_loop)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    uint64_t sum = 0, missed = 0;
    for (uint64_t x = first; x < first + ops; x++) {
        if (BENCH_NAME(_push)(state, x))
            sum += x;
        else
            missed++;
    }
    worker->score.pushed += ops - missed;
    worker->score.pushed_sum += sum;
    worker->score.missed += missed;
}

#ifndef BENCH_NO_POP
static void BENCH_NAME(_pop_loop)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    uint64_t sum = 0, missed = 0;
    (void)first;
    for (uint64_t n = ops; n; n--) {
        uint64_t x;
        if (BENCH_NAME(_pop)(state, &x))
            sum += x;
        else
            missed++;
    }
    worker->score.popped += ops - missed;
    worker->score.popped_sum += sum;
    worker->score.missed += missed;
}

static void BENCH_NAME(_mixed_loop)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    uint64_t sum = 0, popped_sum = 0, missed = 0;
    for (uint64_t n = ops / 2, x = first; n; n--, x++) {
        uint64_t y;
        if (BENCH_NAME(_push)(state, x) && BENCH_NAME(_pop)(state, &y)) {
            sum += x;
            popped_sum += y;
        } else {
            missed++;
        }
    }
    worker->score.pushed += ops / 2;
    worker->score.pushed_sum += sum;
    worker->score.popped += ops / 2;
    worker->score.popped_sum += popped_sum;
    worker->score.missed += missed; /* anything but 0 fails the round, so the sums need not be exact then */
}
#endif

#ifndef BENCH_NO_READ
#ifdef BENCH_NO_POP
#define BENCH_CHANGES (UINT32_MAX / 20)
#define BENCH_PUSHES_ONLY true
#else
#define BENCH_CHANGES (UINT32_MAX / 10)
#define BENCH_PUSHES_ONLY false
#endif

/* Pushes and pops of a worker alternate, push first: so there are never fewer than STANDING elements, and no get may miss. */
static void BENCH_NAME(_read_loop)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15) * (worker->index + 1), seen = 0, pushes = 0, pops = 0, sum = 0, missed = 0;
    for (uint64_t i = 0; i < ops; i++) {
        uint64_t r = bench_xorshift(&random), y = 0;
        if ((uint32_t)r >= BENCH_CHANGES) {
            missed += !BENCH_NAME(_get)(state, ((r >> 32) * STANDING) >> 32, &y);
            seen += y;
        } else if (BENCH_PUSHES_ONLY || pushes == pops) {
            missed += !BENCH_NAME(_push)(state, first + pushes++);
#ifndef BENCH_NO_POP
        } else {
            missed += !BENCH_NAME(_pop)(state, &y);
            sum += y;
            pops++;
#endif
        }
    }
    worker->score.pushed += pushes;
    worker->score.pushed_sum += pushes * first + pushes * (pushes - (pushes > 0)) / 2;
    worker->score.popped += pops;
    worker->score.popped_sum += sum;
    worker->score.seen += seen;
    worker->score.missed += missed;
}
#undef BENCH_CHANGES
#undef BENCH_PUSHES_ONLY
#endif

#ifdef BENCH_RECORDS
#define BENCH_BYTES 64
#include "bench_records.h"
#undef BENCH_BYTES
#define BENCH_BYTES 1024
#include "bench_records.h"
#undef BENCH_BYTES
#endif

#ifdef BENCH_BATCHES
#define BENCH_PUSH_N
#define BENCH_POP_N
#define BENCH_GET_N
#define BENCH_SNAPSHOT
#endif

#ifdef BENCH_PUSH_N
static void BENCH_NAME(_push_n_loop)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    uint64_t elem[BATCH];
    for (uint64_t done = 0, n; done < ops; done += n) {
        n = ops - done < BATCH ? ops - done : (uint64_t)BATCH;
        for (uint64_t i = 0; i < n; i++)
            elem[i] = first + done + i;
        worker->score.missed += !BENCH_NAME(_push_n)(state, elem, n);
    }
    worker->score.pushed += ops;
    worker->score.pushed_sum += ops * first + ops * (ops - 1) / 2;
}
#endif

#ifdef BENCH_POP_N
static inline uint64_t BENCH_NAME(_sum)(const uint64_t *elem, uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += elem[i];
    return sum;
}

static void BENCH_NAME(_pop_n_loop)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    uint64_t elem[BATCH];
    (void)first;
    for (uint64_t done = 0, n; done < ops; done += n) {
        n = ops - done < BATCH ? ops - done : (uint64_t)BATCH;
        worker->score.missed += !BENCH_NAME(_pop_n)(state, elem, n);
        worker->score.popped_sum += BENCH_NAME(_sum)(elem, n);
    }
    worker->score.popped += ops;
}
#endif

#ifdef BENCH_GET_N
/* The first and the last of a batch are looked at, no more: the time is to be that of the reading. */
static void BENCH_NAME(_get_n_loop)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    uint64_t elem[BATCH], random = UINT64_C(0x9e3779b97f4a7c15) * (worker->index + 1);
    (void)first;
    for (uint64_t done = 0, n; done < ops; done += n) {
        n = ops - done < BATCH ? ops - done : (uint64_t)BATCH;
        worker->score.missed += !BENCH_NAME(_get_n)(state, bench_xorshift(&random) % (BATCH_STANDING - BATCH), elem, n);
        worker->score.seen += elem[0] + elem[n - 1];
    }
}
#endif

#ifdef BENCH_SNAPSHOT
static void BENCH_NAME(_snapshot_loop)(struct bench_worker *worker, uint64_t first, uint64_t ops)
{
    BENCH_STATE *state = (BENCH_STATE *)worker->handle;
    uint64_t elem[BATCH], random = UINT64_C(0x9e3779b97f4a7c15) * (worker->index + 1);
    (void)first;
    for (uint64_t done = 0, n; done < ops; done += n) {
        n = ops - done < BATCH ? ops - done : (uint64_t)BATCH;
        worker->score.missed += !BENCH_NAME(_snapshot)(state, bench_xorshift(&random) % (BATCH_STANDING - BATCH), elem, n);
        worker->score.seen += elem[0] + elem[n - 1];
    }
}
#endif
