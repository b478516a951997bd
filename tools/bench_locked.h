/*
 * bench_locked.h - owns the peers that are an array under a lock. Included once by every such peer, after it has defined
 *
 *   BENCH_PEER, BENCH_WHAT               its name, as prefix; what it is, as a string
 *   PEER_lock_t                          the lock
 *   PEER_init(lock)                      int, 0 or a negative errno value
 *   PEER_lock(lock), PEER_unlock(lock)   inline
 *
 * It is what one writes without lfvec: the elements in memory of sufficient size, a count beside the lock and in its cache line.
 */
#include "bench.h"
#include <string.h>

#define LOCKED_PASTE2(a, b) a##b
#define LOCKED_PASTE(a, b) LOCKED_PASTE2(a, b)
#define LOCKED(name) LOCKED_PASTE(BENCH_PEER, name)
#define LOCKED_STRING2(a) #a
#define LOCKED_STRING(a) LOCKED_STRING2(a)

struct LOCKED(_array) {
    LOCKED(_lock_t) lock;
    uint64_t size, room;
    _Alignas(128) uint64_t elem[];
};

static inline bool LOCKED(_push)(struct LOCKED(_array) * a, uint64_t x)
{
    LOCKED(_lock)(&a->lock);
    bool fits = a->size < a->room;
    if (fits)
        a->elem[a->size++] = x;
    LOCKED(_unlock)(&a->lock);
    return fits;
}

static inline bool LOCKED(_pop)(struct LOCKED(_array) * a, uint64_t *x)
{
    LOCKED(_lock)(&a->lock);
    bool some = a->size > 0;
    if (some)
        *x = a->elem[--a->size];
    LOCKED(_unlock)(&a->lock);
    return some;
}

static inline bool LOCKED(_get)(struct LOCKED(_array) * a, uint64_t index, uint64_t *x)
{
    LOCKED(_lock)(&a->lock);
    bool there = index < a->size;
    if (there)
        *x = a->elem[index];
    LOCKED(_unlock)(&a->lock);
    return there;
}

static inline bool LOCKED(_push_record)(struct LOCKED(_array) * a, const uint64_t *record, size_t bytes)
{
    LOCKED(_lock)(&a->lock);
    bool fits = a->size < a->room;
    if (fits)
        memcpy(&a->elem[bytes / 8 * a->size++], record, bytes);
    LOCKED(_unlock)(&a->lock);
    return fits;
}

static inline bool LOCKED(_pop_record)(struct LOCKED(_array) * a, uint64_t *record, size_t bytes)
{
    LOCKED(_lock)(&a->lock);
    bool some = a->size > 0;
    if (some)
        memcpy(record, &a->elem[bytes / 8 * --a->size], bytes);
    LOCKED(_unlock)(&a->lock);
    return some;
}

static inline bool LOCKED(_push_n)(struct LOCKED(_array) * a, const uint64_t *elem, uint64_t n)
{
    LOCKED(_lock)(&a->lock);
    bool fits = n <= a->room - a->size;
    if (fits) {
        memcpy(&a->elem[a->size], elem, n * sizeof *elem);
        a->size += n;
    }
    LOCKED(_unlock)(&a->lock);
    return fits;
}

/* The last one first, as lfvec_pop_n(). */
static inline bool LOCKED(_pop_n)(struct LOCKED(_array) * a, uint64_t *elem, uint64_t n)
{
    LOCKED(_lock)(&a->lock);
    bool some = n <= a->size;
    for (uint64_t i = 0; some && i < n; i++)
        elem[i] = a->elem[--a->size];
    LOCKED(_unlock)(&a->lock);
    return some;
}

static inline bool LOCKED(_snapshot)(struct LOCKED(_array) * a, uint64_t first, uint64_t *elem, uint64_t n)
{
    LOCKED(_lock)(&a->lock);
    bool there = first + n <= a->size;
    if (there)
        memcpy(elem, &a->elem[first], n * sizeof *elem);
    LOCKED(_unlock)(&a->lock);
    return there;
}

static inline bool LOCKED(_get_n)(struct LOCKED(_array) * a, uint64_t first, uint64_t *elem, uint64_t n)
{
    return LOCKED(_snapshot)(a, first, elem, n);
}

static int LOCKED(_open)(struct bench_round *round)
{
    struct LOCKED(_array) *a = bench_map(round, sizeof *a + round->room * round->elem_bytes);
    if (!a)
        return -ENOMEM;
    a->room = round->room;
    return LOCKED(_init)(&a->lock);
}

static int LOCKED(_clear)(struct bench_round *round)
{
    struct LOCKED(_array) *a = round->handle;
    LOCKED(_lock)(&a->lock);
    a->size = 0;
    LOCKED(_unlock)(&a->lock);
    return 0;
}

static int LOCKED(_total)(struct bench_round *round, struct bench_total *total)
{
    struct LOCKED(_array) *a = round->handle;
    size_t step = round->elem_bytes / sizeof *a->elem;
    total->count = a->size;
    for (uint64_t i = 0; i < a->size; i++)
        total->sum += a->elem[i * step];
    return 0;
}

#define BENCH_STATE struct LOCKED(_array)
#define BENCH_RECORDS
#define BENCH_BATCHES
#include "bench_loops.h"

extern const struct bench_peer LOCKED(_peer);
const struct bench_peer LOCKED(_peer) = {
    .name = LOCKED_STRING(BENCH_PEER),
    .what = BENCH_WHAT,
    .processes = true,
    .threads = true,
    .open = LOCKED(_open),
    .close = bench_unmap,
    .clear = LOCKED(_clear),
    .total = LOCKED(_total),
    .push = LOCKED(_push_loop),
    .pop = LOCKED(_pop_loop),
    .mixed = LOCKED(_mixed_loop),
    .read = LOCKED(_read_loop),
    .push64 = LOCKED(_push64_loop),
    .mixed64 = LOCKED(_mixed64_loop),
    .push1024 = LOCKED(_push1024_loop),
    .mixed1024 = LOCKED(_mixed1024_loop),
    .push_n = LOCKED(_push_n_loop),
    .pop_n = LOCKED(_pop_n_loop),
    .get_n = LOCKED(_get_n_loop),
    .snapshot = LOCKED(_snapshot_loop),
};
