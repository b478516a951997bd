/*
 * bench_tbb.cpp - the peer `tbb`: oneTBB's concurrent_vector, its capacity reserved. It belongs to one process and never shrinks: of its
 * mixes, read is 95% get and 5% push.
 */
#include "bench.h"
#include <algorithm>
#include <cerrno>
#include <new>
#include <oneapi/tbb/concurrent_vector.h>

using tbb_vector = tbb::concurrent_vector<uint64_t>;

static inline bool tbb_push(tbb_vector *v, uint64_t x)
{
    v->push_back(x);
    return true;
}

static inline bool tbb_get(tbb_vector *v, uint64_t index, uint64_t *x)
{
    *x = (*v)[index];
    return true;
}

static inline bool tbb_push_n(tbb_vector *v, const uint64_t *elem, uint64_t n)
{
    v->grow_by(elem, elem + n);
    return true;
}

static inline bool tbb_get_n(tbb_vector *v, uint64_t first, uint64_t *elem, uint64_t n)
{
    std::copy_n(v->begin() + static_cast<ptrdiff_t>(first), n, elem);
    return true;
}

static int tbb_open(struct bench_round *round)
{
    const struct bench_case *what = round->what;
    tbb_vector *v = nullptr;
    try {
        v = new tbb_vector;
        v->reserve(round->room + (what->mix == MIX_READ ? what->workers * what->ops / 16 : 0));
    } catch (const std::exception &e) {
        bench_complain("tbb: %s", e.what());
        delete v;
        return -ENOMEM;
    }
    round->handle = v;
    return 0;
}

static void tbb_close(struct bench_round *round)
{
    delete static_cast<tbb_vector *>(round->handle);
}

static int tbb_clear(struct bench_round *round)
{
    static_cast<tbb_vector *>(round->handle)->clear();
    return 0;
}

static int tbb_total(struct bench_round *round, struct bench_total *total)
{
    const tbb_vector *v = static_cast<tbb_vector *>(round->handle);
    total->count = v->size();
    for (uint64_t x : *v)
        total->sum += x;
    return 0;
}

#define BENCH_PEER tbb
#define BENCH_STATE tbb_vector
#define BENCH_NO_POP
#define BENCH_PUSH_N
#define BENCH_GET_N
#include "bench_loops.h"

extern "C" const struct bench_peer tbb_peer;
const struct bench_peer tbb_peer = {
    .name = "tbb",
    .what = "oneTBB's concurrent_vector; never shrinks: read is 95% get, 5% push",
    .processes = false,
    .threads = true,
    .no_values = false,
    .open = tbb_open,
    .close = tbb_close,
    .enter = nullptr,
    .leave = nullptr,
    .clear = tbb_clear,
    .total = tbb_total,
    .fit = nullptr,
    .push = tbb_push_loop,
    .pop = nullptr,
    .mixed = nullptr,
    .read = tbb_read_loop,
    .push64 = nullptr,
    .mixed64 = nullptr,
    .push1024 = nullptr,
    .mixed1024 = nullptr,
    .push_n = tbb_push_n_loop,
    .pop_n = nullptr,
    .get_n = tbb_get_n_loop,
    .snapshot = nullptr,
    .lacks = "a concurrent_vector never shrinks, and has no snapshots",
};
