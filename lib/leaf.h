/*
 * leaf.h - stores elements into own leaves, and validates what was read from a leaf.
 *
 * Writer and reader follow one protocol. A writer updates the marks (seq, dirty, stable) of what it
 * is about to overwrite, then stores. A reader copies first and reads the marks afterwards: dirty
 * and stable, which change most often, then seq, which can invalidate both.
 */
#ifndef LFVEC_LEAF_H
#define LFVEC_LEAF_H

#include "breakage.h"
#include "element.h"
#include "head.h"
#include "slab.h"

static inline uint64_t leaf_entry_of(const struct segment *s, uint64_t index)
{
    return index >> s->l.elem_shift;
}

static inline uint32_t leaf_slot_of(const struct segment *s, uint64_t index)
{
    return (uint32_t)index & s->l.elem_mask;
}

/*
 * Announces a store into slots [slot, slot + n) of an own leaf in effect at head h.
 * All of them lie beyond the size.
 *
 * R2: a reader with an older head may still be reading a slot that was used before. It will find
 * dirty above its version. dirty is the version of h and not the next one: at h the slot is not
 * live, so no reader at h needs it, and readers at h continue even if this thread stops here.
 */
static inline void leaf_mark(const struct leaf *leaf, uint32_t slot, uint32_t n, struct head h)
{
    const uint32_t used = atomic_load_explicit(&leaf->meta->used, memory_order_relaxed);
    if (slot < used && !BROKEN(BREAK_MARKS)) {
        atomic_store_explicit(&leaf->meta->dirty, h.version, memory_order_relaxed);
        if (slot < atomic_load_explicit(&leaf->meta->stable, memory_order_relaxed))
            atomic_store_explicit(&leaf->meta->stable, slot, memory_order_relaxed);
    }
    if (slot + n > used)
        atomic_store_explicit(&leaf->meta->used, slot + n, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* SYNC: leaf-overwrite (release): a reader of the new bytes finds the marks above */
}

/*
 * elem_size, as far as the caller knows it at compile time: 8, a multiple of
 * 16 (LEAF_PAIRS), or unknown (0).
 */
enum { LEAF_PAIRS = 16 };

static inline void leaf_store_sized(const struct segment *s, const struct leaf *leaf, uint64_t slot, const void *elem, uint32_t elem_size)
{
    if (elem_size == 8)
        element_store_words(leaf->data + slot * 8, elem, 8);
    else if (elem_size == LEAF_PAIRS)
        element_store_words(leaf->data + slot * s->l.elem_size, elem, s->l.elem_size & ~UINT32_C(15));
    else
        element_store(&s->l, element_at(&s->l, leaf->data, (uint32_t)slot), elem);
}

static inline void leaf_load_sized(const struct segment *s, const struct leaf *leaf, uint64_t slot, void *elem, uint32_t elem_size)
{
    if (elem_size == 8)
        element_load_words(elem, leaf->data + slot * 8, 8);
    else if (elem_size == LEAF_PAIRS)
        element_load_words(elem, leaf->data + slot * s->l.elem_size, s->l.elem_size & ~UINT32_C(15));
    else
        element_load(&s->l, element_at(&s->l, leaf->data, (uint32_t)slot), elem);
}

static inline void leaf_store(const struct segment *s, const struct leaf *leaf, uint32_t slot, const void *elem)
{
    leaf_store_sized(s, leaf, slot, elem, 0);
}

static inline void leaf_load(const struct segment *s, const struct leaf *leaf, uint32_t slot, void *elem)
{
    leaf_load_sized(s, leaf, slot, elem, 0);
}

/*
 * Gives a spare its role from the version after h on: a copy of the first n slots of
 * `from`, with `used` slots in all. A reader that still reads it in its former role
 * finds a seq above its version.
 */
static inline void leaf_prepare(const struct segment *s, const struct leaf *y, struct head h, const struct leaf *from, uint32_t n,
                                uint32_t used)
{
    if (!BROKEN(BREAK_ROLE))
        atomic_store_explicit(&y->meta->seq, h.version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* SYNC: leaf-role (release): the new seq before the fresh marks */
    atomic_store_explicit(&y->meta->dirty, 0, memory_order_relaxed);
    atomic_store_explicit(&y->meta->used, used, memory_order_relaxed);
    atomic_store_explicit(&y->meta->stable, UINT32_MAX, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* SYNC: leaf-overwrite (release) */
    if (n)
        element_copy(&s->l, y->data, from->data, n);
}

/*
 * True if the copy of slots [slot, slot + n) is their state at head h: the leaf had its role by
 * then, and none of the slots was overwritten later. seq is read last, so that fresh marks are
 * never accepted with an old seq.
 */
static inline bool leaf_valid(const struct leaf *leaf, uint32_t slot, uint32_t n, struct head h)
{
    atomic_thread_fence(memory_order_acquire); /* SYNC: leaf-overwrite (acquire) */
    const bool kept = slot + n <= atomic_load_explicit(&leaf->meta->stable, memory_order_relaxed) ||
                      atomic_load_explicit(&leaf->meta->dirty, memory_order_relaxed) <= h.version;
    atomic_thread_fence(memory_order_acquire); /* SYNC: leaf-role (acquire) */
    return BROKEN(BREAK_VALID) || (kept && atomic_load_explicit(&leaf->meta->seq, memory_order_relaxed) <= h.version);
}

/*
 * Called when a copy was not valid at h: true if a moved head explains that. False means damage: no
 * head explains the marks, however often it moves. A leaf under preparation carries the next
 * version, so no seq is above that, and dirty is never above the head. The fence makes us see a
 * head at least as new as the one that the writer of the marks saw.
 */
static inline bool leaf_explained(const struct segment *s, const struct leaf *leaf)
{
    enum { LOOKS = 8 };
    bool sound = false;
    for (uint32_t looks = 0; looks < LOOKS && !sound; looks++) {
        const uint64_t seq = atomic_load_explicit(&leaf->meta->seq, memory_order_relaxed);
        const uint64_t dirty = atomic_load_explicit(&leaf->meta->dirty, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        const uint64_t now = head_version(s->control);
        sound = seq <= now + 1 && dirty <= now;
    }
    return sound;
}

#endif
