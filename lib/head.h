/*
 * head.h - the head as a value { version, size, descriptor, last winner }:
 * how to load it and replace it.
 *
 * Invariant: each mutation increments the version, which never wraps. So equal versions mean equal
 * heads, and a successful head_cas() proves that no mutation happened since the head was loaded.
 */
#ifndef LFVEC_HEAD_H
#define LFVEC_HEAD_H

#include "atomic16.h"
#include "breakage.h"
#include "format.h"

struct head {
    uint64_t version;
    uint64_t packed;
};

#define HEAD_SIZE_BITS 40
#define HEAD_SIZE_MASK ((UINT64_C(1) << HEAD_SIZE_BITS) - 1)

static inline uint64_t head_size(struct head h)
{
    return h.packed & HEAD_SIZE_MASK;
}

/* Descriptor in effect: slot * 2 + buffer; 0 = none. */
static inline uint32_t head_desc(struct head h)
{
    return (uint32_t)(h.packed >> HEAD_SIZE_BITS) & 0xfff;
}

/* Slot of the participant that made this version. */
static inline uint32_t head_last(struct head h)
{
    return (uint32_t)(h.packed >> (HEAD_SIZE_BITS + 12));
}

static inline struct head head_next(struct head h, uint64_t size, uint32_t desc, uint32_t me)
{
    return (struct head){h.version + 1, size | (uint64_t)desc << HEAD_SIZE_BITS | (uint64_t)me << (HEAD_SIZE_BITS + 12)};
}

static inline uint64_t head_version(const struct shm_control *c)
{
    return atomic_load_explicit(&c->head.version, memory_order_acquire); /* SYNC: head-publish (acquire) */
}

/*
 * Reads the version before and after the rest. A version never repeats, so two equal readings
 * prove that the halves belong together. Lock-free, not wait-free: different readings mean that
 * another participant made progress.
 */
static inline struct head head_load(const struct shm_control *c)
{
    for (;;) {
        const uint64_t before = atomic_load_explicit(&c->head.version, memory_order_acquire); /* SYNC: head-publish (acquire) */
        const uint64_t packed = atomic_load_explicit(&c->head.packed, memory_order_acquire);  /* SYNC: head-publish (acquire) */
        if (atomic_load_explicit(&c->head.version, memory_order_relaxed) == before || BROKEN(BREAK_HEAD))
            return (struct head){before, packed};
    }
}

/*
 * For a load that a compare-and-swap will follow: requests the cache line for writing at once.
 * Otherwise the line arrives shared, the compare-and-swap has to request it again, and a writer in
 * a burst may change the head before that. A hint only: nothing depends on it.
 */
static inline void head_want(struct shm_control *c)
{
#if defined(__x86_64__)
    /* The builtin would prefetch for reading only. */
    __asm__ __volatile__("prefetchw %0" : : "m"(c->head));
#else
    __builtin_prefetch(&c->head, 1);
#endif
}

/*
 * SYNC: head-publish (release): a thread that loads the new head sees the leaves,
 * descriptors and intents stored before it.
 */
static inline bool head_cas(struct shm_control *c, struct head from, struct head to)
{
    return atomic16_cas(&c->head, (struct pair){from.version, from.packed}, (struct pair){to.version, to.packed});
}

#endif
