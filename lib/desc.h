/*
 * desc.h - descriptors: which leaves a mutation put into effect. The head names one; complete_write carries it into the directory.
 *
 * Each slot has two buffers. Its owner writes only the one that the head does not name (R3), so the descriptor in effect stays readable
 * whatever happens to its owner. A reader validates with seq (even, unchanged) and since (<= the version of its head); when that fails,
 * the head has moved on.
 */
#ifndef LFVEC_DESC_H
#define LFVEC_DESC_H

#include "directory.h"
#include "head.h"
#include "slab.h"
#include "slot.h"

/*
 * Positive: load the head again. It has moved, or, if it has not for RETRY_MOST times, the segment is damaged. A batch that takes its spares
 * one by one comes back SHM_DESC_LEAVES times at one head; apart from that, what does not fit a head that has not moved is damage, and the few
 * looks besides are for a processor that is late to show us the new head.
 */
enum { DESC_RELOAD = 1, RETRY_MOST = 64 };

/* The descriptor in effect at a head, validated for it. first and count are 0 if there is none. */
struct desc_view {
    const struct shm_desc *shared;
    uint64_t seq, since, first, count;
    uint32_t id;
};

/* Bounds the retries that do not come from a moved head. */
struct retry {
    uint64_t version;
    uint32_t count;
};

static inline int retry_most(struct retry *r, struct head h, uint32_t most)
{
    atomic_thread_fence(memory_order_acquire); /* the head that is loaded next is no older than what did not fit this one */
    if (r->version != h.version)
        *r = (struct retry){h.version, 0};
    return ++r->count > most ? -EBADMSG : 0;
}

static inline int retry_reload(struct retry *r, struct head h)
{
    return retry_most(r, h, RETRY_MOST);
}

static inline bool desc_covers(const struct desc_view *v, uint64_t d)
{
    return d - v->first < v->count;
}

/* The leaf of an entry that the view covers: what all who look for one in a descriptor read. 0 if there is none, as in a damaged one. */
static inline uint64_t desc_leaf(const struct desc_view *v, uint64_t d)
{
    const uint64_t i = d - v->first;
    return i < SHM_DESC_LEAVES ? atomic_load_explicit(&v->shared->entry[i].leaf_ref, memory_order_relaxed) : 0;
}

/* 0, DESC_RELOAD, -EBADMSG. What is read through the view later must be validated by desc_unchanged(). */
static inline int desc_view(const struct segment *s, struct head h, struct desc_view *v)
{
    v->id = head_desc(h);
    v->shared = NULL;
    v->seq = v->first = v->count = v->since = 0;
    if (!v->id)
        return 0;
    if (!slot_exists(s, v->id >> 1))
        return -EBADMSG;
    v->shared = &slot_at(s, v->id >> 1)->desc[v->id & 1];
    v->seq = atomic_load_explicit(&v->shared->seq, memory_order_acquire); /* SYNC: desc-write (acquire) */
    v->since = atomic_load_explicit(&v->shared->since, memory_order_relaxed);
    v->first = atomic_load_explicit(&v->shared->dir_first, memory_order_relaxed);
    v->count = atomic_load_explicit(&v->shared->count, memory_order_relaxed);
    return 0;
}

static inline bool desc_unchanged(const struct desc_view *v, struct head h)
{
    if (!v->id)
        return true;
    atomic_thread_fence(memory_order_acquire); /* SYNC: desc-rewrite (acquire): if we read new contents, we read a new seq now */
    return !(v->seq & 1) && atomic_load_explicit(&v->shared->seq, memory_order_relaxed) == v->seq && v->since <= h.version;
}

/*
 * The leaf of entry d at head h (0 = none), and the validated view. 0, DESC_RELOAD, -EBADMSG, -ENOMEM.
 * Why a directory entry that is read later than the head is good enough: a descriptor leaves effect only after it was installed, so the
 * entry is at least as new as h; if it is newer, the leaf's seq says so, or the compare-and-swap of the head fails.
 */
static inline int desc_resolve(struct segment *s, struct head h, uint64_t d, struct desc_view *v, uint64_t *ref)
{
    const int err = desc_view(s, h, v);
    if (__builtin_expect(err, 0))
        return err;
    const bool covered = desc_covers(v, d);
    *ref = covered ? desc_leaf(v, d) : 0;
    if (__builtin_expect(!desc_unchanged(v, h), 0))
        return DESC_RELOAD;
    if (covered)
        return v->count <= SHM_DESC_LEAVES ? 0 : -EBADMSG;
    return directory_leaf(s, d, ref);
}

/* Installs the leaves of the descriptor in effect. 0, DESC_RELOAD, -EBADMSG. Anybody may run it, at any time, any number of times. */
int desc_complete_write(struct segment *s, struct head h, const struct desc_view *v);

/* What a mutation will publish; the entries go to a buffer of its slot. */
struct desc_plan {
    uint64_t first;
    uint32_t count;
    struct {
        uint64_t leaf_ref, old_ref;
    } entry[SHM_DESC_LEAVES];
};

void desc_write(struct shm_desc *d, uint64_t since, const struct desc_plan *plan);

/* R4: before the head moves on from h, its maker's win is put on record, unless the maker is ourselves. */
static inline int desc_record_last(struct segment *s, struct head h, uint32_t me)
{
    const uint32_t last = head_last(h);
    if (last == me || !last)
        return 0;
    if (!slot_exists(s, last))
        return -EBADMSG;
    shm_u64 *committed = &slot_at(s, last)->committed;
    if (atomic_load_explicit(committed, memory_order_relaxed) < h.version)
        shm_raise(committed, h.version, memory_order_release); /* SYNC: committed (release) */
    return 0;
}

#endif
