/*
 * bench_store.c - the peer `store`: every worker has an array to itself and shares nothing. What the loop, the loads and the stores cost when
 * nobody needs to agree on anything.
 */
#include "bench.h"
#include <errno.h>
#include <string.h>

/* One worker's array. Volatile: the stores are made, one by one. */
struct store_array {
    uint64_t size;
    volatile uint64_t *elem;
};

struct store_room {
    struct {
        _Alignas(128) struct store_array array;
    } of[WORKERS_MOST];
    _Alignas(128) uint64_t elem[];
};

static inline bool store_push(struct store_array *a, uint64_t x)
{
    a->elem[a->size++] = x;
    return true;
}

static inline bool store_pop(struct store_array *a, uint64_t *x)
{
    if (a->size == 0)
        return false;
    *x = a->elem[--a->size];
    return true;
}

static inline bool store_get(struct store_array *a, uint64_t index, uint64_t *x)
{
    *x = a->elem[index];
    return true;
}

static inline bool store_push_record(struct store_array *a, const uint64_t *record, size_t bytes)
{
    const size_t words = bytes / sizeof *record;
    for (size_t i = 0; i < words; i++)
        a->elem[words * a->size + i] = record[i];
    a->size++;
    return true;
}

static inline bool store_pop_record(struct store_array *a, uint64_t *record, size_t bytes)
{
    const size_t words = bytes / sizeof *record;
    if (a->size == 0)
        return false;
    a->size--;
    for (size_t i = 0; i < words; i++)
        record[i] = a->elem[words * a->size + i];
    return true;
}

/* Every array has room for all: address space costs nothing. */
static int store_open(struct bench_round *round)
{
    unsigned workers = round->what->workers;
    uint64_t words = (round->room * round->elem_bytes / sizeof(uint64_t) + 511) & ~UINT64_C(511);
    struct store_room *room = bench_map(round, sizeof *room + workers * words * sizeof(uint64_t));
    if (!room)
        return -ENOMEM;
    for (unsigned i = 0; i < workers; i++)
        room->of[i].array.elem = room->elem + i * words;
    return 0;
}

static int store_enter(struct bench_worker *worker)
{
    struct store_room *room = worker->round->handle;
    worker->handle = &room->of[worker->index].array;
    return 0;
}

static int store_clear(struct bench_round *round)
{
    struct store_room *room = round->handle;
    for (unsigned i = 0; i < round->what->workers; i++)
        room->of[i].array.size = 0;
    return 0;
}

static int store_total(struct bench_round *round, struct bench_total *total)
{
    struct store_room *room = round->handle;
    size_t step = round->elem_bytes / sizeof(uint64_t);
    for (unsigned w = 0; w < round->what->workers; w++) {
        struct store_array *a = &room->of[w].array;
        total->count += a->size;
        for (uint64_t i = 0; i < a->size; i++)
            total->sum += a->elem[i * step];
    }
    return 0;
}

#define BENCH_PEER store
#define BENCH_STATE struct store_array
#define BENCH_RECORDS
#include "bench_loops.h"

extern const struct bench_peer store_peer;
const struct bench_peer store_peer = {
    .name = "store",
    .what = "ceiling: plain stores, each worker in an array to itself",
    .processes = true,
    .threads = true,
    .open = store_open,
    .close = bench_unmap,
    .enter = store_enter,
    .clear = store_clear,
    .total = store_total,
    .push = store_push_loop,
    .pop = store_pop_loop,
    .mixed = store_mixed_loop,
    .read = store_read_loop,
    .push64 = store_push64_loop,
    .mixed64 = store_mixed64_loop,
    .push1024 = store_push1024_loop,
    .mixed1024 = store_mixed1024_loop,
    .lacks = "an array of one worker has no batches and no snapshots",
};
