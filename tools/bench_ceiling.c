/*
 * bench_ceiling.c - the peers that show what the machine can do at best: `faa`, one atomic addition an operation; `cas16`, one 16-byte
 * compare-and-swap of {version, size} an operation, with back-off, which is all that a push or a pop of lfvec shares with others. They keep a
 * count and no elements.
 */
#include "bench.h"
#include <errno.h>
#include <stdatomic.h>

/* ---- faa ---- */

static inline bool faa_push(_Atomic uint64_t *count, uint64_t x)
{
    (void)x;
    atomic_fetch_add_explicit(count, 1, memory_order_acq_rel);
    return true;
}

static inline bool faa_pop(_Atomic uint64_t *count, uint64_t *x)
{
    *x = 0;
    atomic_fetch_sub_explicit(count, 1, memory_order_acq_rel);
    return true;
}

static int faa_open(struct bench_round *round)
{
    return bench_map(round, sizeof(_Atomic uint64_t)) ? 0 : -ENOMEM;
}

static int faa_clear(struct bench_round *round)
{
    _Atomic uint64_t *count = round->handle;
    atomic_store_explicit(count, 0, memory_order_relaxed);
    return 0;
}

static int faa_total(struct bench_round *round, struct bench_total *total)
{
    _Atomic uint64_t *count = round->handle;
    total->count = atomic_load_explicit(count, memory_order_relaxed);
    return 0;
}

#define BENCH_NO_READ
#define BENCH_PEER faa
#define BENCH_STATE _Atomic uint64_t
#include "bench_loops.h"
#undef BENCH_PEER
#undef BENCH_STATE

extern const struct bench_peer faa_peer;
const struct bench_peer faa_peer = {
    .name = "faa",
    .what = "ceiling: one atomic addition an operation",
    .processes = true,
    .threads = true,
    .no_values = true,
    .open = faa_open,
    .close = bench_unmap,
    .clear = faa_clear,
    .total = faa_total,
    .push = faa_push_loop,
    .pop = faa_pop_loop,
    .mixed = faa_mixed_loop,
    .lacks = "it keeps a count and no elements",
};

/* ---- cas16 ---- */

enum { PAUSES_LEAST = 8, PAUSES_MOST = 1024 };

/* As two words: so the compiler keeps them in the registers that the instruction wants. */
struct cas16_head {
    _Alignas(16) uint64_t version;
    uint64_t size;
};

static void cas16_back_off(unsigned *pauses)
{
    for (unsigned i = 0; i < *pauses; i++)
#if defined __x86_64__
        __builtin_ia32_pause();
#else
        __asm__ volatile("isb");
#endif
    *pauses = *pauses < PAUSES_MOST ? *pauses * 2 : PAUSES_MOST;
}

static inline unsigned __int128 cas16_word(uint64_t version, uint64_t size)
{
    return (unsigned __int128)size << 64 | version; /* little endian, as the struct lies */
}

/* The two halves may be of two versions: then the compare-and-swap fails. */
static inline bool cas16_change(struct cas16_head *head, uint64_t difference)
{
    unsigned pauses = PAUSES_LEAST;
    for (;;) {
        uint64_t version = __atomic_load_n(&head->version, __ATOMIC_ACQUIRE), size = __atomic_load_n(&head->size, __ATOMIC_ACQUIRE);
        unsigned __int128 old = cas16_word(version, size), new = cas16_word(version + 1, size + difference);
        if (__sync_bool_compare_and_swap((unsigned __int128 *)head, old, new))
            return true;
        cas16_back_off(&pauses);
    }
}

static inline bool cas16_push(struct cas16_head *head, uint64_t x)
{
    (void)x;
    return cas16_change(head, 1);
}

static inline bool cas16_pop(struct cas16_head *head, uint64_t *x)
{
    *x = 0;
    return cas16_change(head, (uint64_t)-1);
}

static int cas16_open(struct bench_round *round)
{
    return bench_map(round, sizeof(struct cas16_head)) ? 0 : -ENOMEM;
}

static int cas16_clear(struct bench_round *round)
{
    struct cas16_head *head = round->handle;
    head->size = 0;
    return 0;
}

static int cas16_total(struct bench_round *round, struct bench_total *total)
{
    struct cas16_head *head = round->handle;
    total->count = head->size;
    return 0;
}

#define BENCH_PEER cas16
#define BENCH_STATE struct cas16_head
#include "bench_loops.h"

extern const struct bench_peer cas16_peer;
const struct bench_peer cas16_peer = {
    .name = "cas16",
    .what = "ceiling: one 16-byte compare-and-swap an operation, with back-off",
    .processes = true,
    .threads = true,
    .no_values = true,
    .open = cas16_open,
    .close = bench_unmap,
    .clear = cas16_clear,
    .total = cas16_total,
    .push = cas16_push_loop,
    .pop = cas16_pop_loop,
    .mixed = cas16_mixed_loop,
    .lacks = "it keeps a count and no elements",
};
