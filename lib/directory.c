/* directory.c - see directory.h. */
#include "directory.h"

#include "atomic16.h"
#include "breakage.h"

#include <errno.h>

enum { TORN_MOST = 1000 };

/*
 * Elements are pushed in order, so only the first entry without memory can be needed next. A head
 * beyond that entry is damaged: believing it would fill /dev/shm with a directory.
 */
int directory_grow(struct segment *s, uint64_t d)
{
    const uint64_t have = atomic_load_explicit(s->dir.shared, memory_order_acquire); /* SYNC: extent (acquire) */
    return d > have ? -EBADMSG : segment_extend(s, &s->dir, d + 1);
}

/*
 * {any leaf, stamp < since} -> {leaf, since}. A stamp >= since means that another participant
 * has installed it, or that the entry is newer. A compare-and-swap fails if the stamp has
 * grown, or if the two halves were read at different times; the next reading shows either. Only
 * damage can make it fail every time.
 */
int directory_install(struct segment *s, uint64_t d, uint64_t ref, uint64_t since)
{
    if (!extent_covers(&s->dir, d)) {
        const int err = segment_extend_known(s, &s->dir, d + 1);
        if (err)
            return err;
    }
    struct shm_entry *e = directory_entry(s, d);
    for (uint32_t tries = 0; tries < TORN_MOST; tries++) {
        const uint64_t stamp = atomic_load_explicit(&e->stamp, memory_order_acquire); /* SYNC: dir-install (acquire) */
        if (stamp >= since && !BROKEN(BREAK_STAMP))
            return 0;
        const uint64_t leaf = atomic_load_explicit(&e->leaf_ref, memory_order_relaxed);
        if (atomic16_cas(e, (struct pair){leaf, stamp}, (struct pair){ref, since})) /* SYNC: dir-install (release) */
            return 0;
    }
    return -EBADMSG;
}
