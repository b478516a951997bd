/*
 * directory.h - the array of leaves. Entry d holds the leaf of elements d * L .. d * L + L - 1, and
 * the version that put it there.
 *
 * Invariant: the stamp of an entry never decreases. So a helper that was stalled is harmless,
 * for however long: it does not try its compare-and-swap, or the compare-and-swap fails,
 * whatever the entry holds by then.
 */
#ifndef LFVEC_DIRECTORY_H
#define LFVEC_DIRECTORY_H

#include "segment.h"

#include <errno.h>

static inline struct shm_entry *directory_entry(const struct segment *s, uint64_t d)
{
    return (struct shm_entry *)(s->base + s->l.dir_off) + d;
}

/* The leaf at d; 0 = none yet. -EBADMSG if the entry should have memory by now and has not. */
static inline int directory_leaf(struct segment *s, uint64_t d, uint64_t *ref)
{
    if (__builtin_expect(!extent_covers(&s->dir, d), 0)) {
        const int err = segment_extend_known(s, &s->dir, d + 1);
        if (err)
            return err;
    }
    *ref = atomic_load_explicit(&directory_entry(s, d)->leaf_ref, memory_order_acquire); /* SYNC: dir-install (acquire) */
    return 0;
}

int directory_grow(struct segment *s, uint64_t d);

/* Gives entry d memory, before an element is pushed there. */
static inline int directory_ensure(struct segment *s, uint64_t d)
{
    return __builtin_expect(extent_covers(&s->dir, d), 1) ? 0 : directory_grow(s, d);
}

int directory_install(struct segment *s, uint64_t d, uint64_t ref, uint64_t since);

#endif
