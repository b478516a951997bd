/*
 * desc.h - descriptors: the leaves that a mutation put into effect. The head names one descriptor;
 * complete_write copies it into the directory.
 *
 * Each slot has two buffers. Its owner writes only the one that the head does not name (R3),
 * so the descriptor in effect stays readable whatever happens to its owner. A reader
 * validates with seq (even and unchanged) and since (not above the version of its head). If
 * validation fails, the head has moved on.
 */
#ifndef LFVEC_DESC_H
#define LFVEC_DESC_H

#include "directory.h"
#include "head.h"
#include "slab.h"
#include "slot.h"

/*
 * DESC_RELOAD, positive: load the head again, because it has moved. If validation fails RETRY_MOST
 * times at the same head, the segment is damaged. There are two exceptions: a batch that takes its
 * spares one by one returns SHM_DESC_LEAVES times at one head, and a processor may show the new
 * head late. RETRY_MOST leaves room for both.
 */
enum { DESC_RELOAD = 1, RETRY_MOST = 64 };

/*
 * The descriptor in effect at a head, validated for that head. first
 * and count are 0 if there is none.
 */
struct desc_view {
    const struct shm_desc *shared;
    uint64_t seq, since, first, count;
    uint32_t id;
};

/* Bounds the retries at a head that does not move. */
struct retry {
    uint64_t version;
    uint32_t count;
};

static inline int retry_most(struct retry *r, struct head h, uint32_t most)
{
    /* The head loaded next is no older than the data that failed validation. */
    atomic_thread_fence(memory_order_acquire);
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

/*
 * The leaf of an entry that the view covers. Every lookup in a descriptor uses this. 0 if there is
 * none, which a damaged descriptor can cause.
 */
static inline uint64_t desc_leaf(const struct desc_view *v, uint64_t d)
{
    const uint64_t i = d - v->first;
    return i < SHM_DESC_LEAVES ? atomic_load_explicit(&v->shared->entry[i].leaf_ref, memory_order_relaxed) : 0;
}

/*
 * Returns 0, DESC_RELOAD or -EBADMSG. Validate whatever is read through the
 * view later with desc_unchanged().
 */
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
    atomic_thread_fence(memory_order_acquire); /* SYNC: desc-rewrite (acquire): if we read new contents, we now read a new seq */
    return !(v->seq & 1) && atomic_load_explicit(&v->shared->seq, memory_order_relaxed) == v->seq && v->since <= h.version;
}

/*
 * The leaf of entry d at head h (0 = none), and the validated view. Returns 0,
 * DESC_RELOAD, -EBADMSG or -ENOMEM.
 *
 * Reading the directory entry after the head is safe. A descriptor is installed before it leaves
 * effect, so the entry is at least as new as h. If it is newer, the leaf's seq shows it, or the
 * compare-and-swap of the head fails.
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

/*
 * Installs the leaves of the descriptor in effect. Returns 0, DESC_RELOAD or -EBADMSG. Any thread
 * may run it at any time, any number of times.
 */
int desc_complete_write(struct segment *s, struct head h, const struct desc_view *v);

/* What a mutation will publish. desc_write() copies the entries to a buffer of its slot. */
struct desc_plan {
    uint64_t first;
    uint32_t count;
    struct {
        uint64_t leaf_ref, old_ref;
    } entry[SHM_DESC_LEAVES];
};

void desc_write(struct shm_desc *d, uint64_t since, const struct desc_plan *plan);

/*
 * R4: before the head moves on from h, records that its maker has won. The
 * caller's own wins need no record here.
 */
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
