/*
 * bench_lfvec.c - the peer that this is about, through its public functions in the shared library, as its users call it.
 */
#include "bench.h"
#include <errno.h>
#include <lfvec.h>
#include <string.h>
#include <unistd.h>

static inline bool lfvec_bench_push(lfvec_t *v, uint64_t x)
{
    return lfvec_push_u64(v, x) == 0;
}

static inline bool lfvec_bench_pop(lfvec_t *v, uint64_t *x)
{
    return lfvec_pop_u64(v, x) == 0;
}

static inline bool lfvec_bench_get(lfvec_t *v, uint64_t index, uint64_t *x)
{
    return lfvec_get_u64(v, index, x) == 0;
}

static inline bool lfvec_bench_push_record(lfvec_t *v, const uint64_t *record, size_t bytes)
{
    return lfvec_push_sized(v, record, bytes, NULL) == 0;
}

static inline bool lfvec_bench_pop_record(lfvec_t *v, uint64_t *record, size_t bytes)
{
    return lfvec_pop_sized(v, record, bytes) == 0;
}

static inline bool lfvec_bench_push_n(lfvec_t *v, const uint64_t *elem, uint64_t n)
{
    return lfvec_push_n(v, elem, n, NULL) == (int64_t)n;
}

static inline bool lfvec_bench_pop_n(lfvec_t *v, uint64_t *elem, uint64_t n)
{
    uint64_t got = 0;
    while (got < n) { /* an atomic part may be less, if others empty the vector meanwhile */
        const int64_t rc = lfvec_pop_n(v, elem + got, n - got);
        if (rc <= 0)
            return false;
        got += (uint64_t)rc;
    }
    return true;
}

static inline bool lfvec_bench_get_n(lfvec_t *v, uint64_t first, uint64_t *elem, uint64_t n)
{
    return lfvec_get_n(v, first, elem, n) == (int64_t)n;
}

static inline bool lfvec_bench_snapshot(lfvec_t *v, uint64_t first, uint64_t *elem, uint64_t n)
{
    return lfvec_snapshot(v, first, elem, n, NULL) == 0;
}

/* The name goes at once: workers inherit the attachment, and whatever ends this program, nothing is left. */
static int lfvec_bench_open(struct bench_round *round)
{
    struct lfvec_attr attr;
    char name[64];
    lfvec_attr_init(&attr);
    attr.elem_size = (uint32_t)round->elem_bytes;
    attr.max_slots = round->what->workers + 4;
    if (round->what->leaf_bytes)
        attr.leaf_bytes = round->what->leaf_bytes;
    snprintf(name, sizeof name, "/%s-%d", PROGRAM, (int)getpid());
    round->handle = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, &attr);
    if (!round->handle) {
        bench_complain("%s", lfvec_last_error());
        return -errno;
    }
    return lfvec_unlink(name);
}

static void lfvec_bench_close(struct bench_round *round)
{
    lfvec_detach(round->handle);
}

static int lfvec_bench_clear(struct bench_round *round)
{
    return lfvec_clear(round->handle);
}

static int lfvec_bench_total(struct bench_round *round, struct bench_total *total)
{
    uint64_t elem[RECORD_MOST / 8];
    total->count = lfvec_size(round->handle);
    for (uint64_t i = 0; i < total->count; i++) {
        int rc = lfvec_get(round->handle, i, elem);
        if (rc != 0)
            return rc;
        total->sum += elem[0];
    }
    return 0;
}

#define BENCH_PEER lfvec_bench
#define BENCH_STATE lfvec_t
#define BENCH_RECORDS
#define BENCH_BATCHES
#include "bench_loops.h"

extern const struct bench_peer lfvec_peer;
const struct bench_peer lfvec_peer = {
    .name = "lfvec",
    .what = "this library",
    .processes = true,
    .threads = true,
    .open = lfvec_bench_open,
    .close = lfvec_bench_close,
    .clear = lfvec_bench_clear,
    .total = lfvec_bench_total,
    .push = lfvec_bench_push_loop,
    .pop = lfvec_bench_pop_loop,
    .mixed = lfvec_bench_mixed_loop,
    .read = lfvec_bench_read_loop,
    .push64 = lfvec_bench_push64_loop,
    .mixed64 = lfvec_bench_mixed64_loop,
    .push1024 = lfvec_bench_push1024_loop,
    .mixed1024 = lfvec_bench_mixed1024_loop,
    .push_n = lfvec_bench_push_n_loop,
    .pop_n = lfvec_bench_pop_n_loop,
    .get_n = lfvec_bench_get_n_loop,
    .snapshot = lfvec_bench_snapshot_loop,
};
