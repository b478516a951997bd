/*
 * fast.h - push and pop for the case that, as the cursor shows, nothing has happened since this
 * thread's last mutation. Then the leaf is known and there is nothing to publish.
 *
 * Each is one locked instruction. It waits for all earlier stores, and later loads wait for it. So
 * the remaining cost is the number of stores, including those of calls and saved registers. That is
 * why these functions are inline in the public ones.
 */
#ifndef LFVEC_FAST_H
#define LFVEC_FAST_H

#include "attempt.h"
#include "leaf.h"
#include "wait.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ALWAYS_INLINE inline __attribute__((always_inline))

/*
 * The cursor's head, for an attempt at it if it is still the head. The empty asm keeps the compiler
 * from using the version just loaded, which is the same number: the compare-and-swap would wait for
 * that load, and the load for the previous compare-and-swap.
 */
static ALWAYS_INLINE struct head cursor_head(void)
{
    struct head h = {thread_state.cursor.version, thread_state.cursor.packed};
    __asm__("" : "+r"(h.version));
    return h;
}

/*
 * Pushes if the head is still the one that our last mutation made. One load decides whether to
 * try; the compare-and-swap proves it. False: use the slow path. elem_size: as in
 * leaf_store_sized(). The caller wakes waiters.
 */
static ALWAYS_INLINE bool fast_push(const struct lfvec *v, const void *elem, uint64_t *index, uint32_t elem_size)
{
    const struct cursor *c = &thread_state.cursor;
    const struct head h = cursor_head();
    const uint64_t slot = h.packed - c->base; /* with another head: beyond any leaf */
    if (UNLIKELY(slot >= c->room || head_version(thread_state.control) != h.version))
        return false;
    leaf_mark(&c->leaf, (uint32_t)slot, 1, h);
    leaf_store_sized(&v->seg, &c->leaf, slot, elem, elem_size);
    const struct head next = {h.version + 1, h.packed + 1};
    if (UNLIKELY(!attempt_again(LFVEC_OP_PUSH, h, next)))
        return false;
    attempt_count(&thread_state.slot->pushes);
    if (UNLIKELY(index))
        *index = head_size(cursor_head()) - 1;
    return true;
}

static ALWAYS_INLINE bool fast_pop(const struct lfvec *v, void *elem, uint32_t elem_size)
{
    const struct cursor *c = &thread_state.cursor;
    const struct head h = cursor_head();
    const uint64_t slot = h.packed - 1 - c->base; /* in an empty vector: beyond any leaf */
    if (UNLIKELY(slot >= c->full || head_version(thread_state.control) != h.version))
        return false;
    leaf_load_sized(&v->seg, &c->leaf, slot, elem, elem_size);
    const struct head next = {h.version + 1, h.packed - 1};
    if (UNLIKELY(!attempt_again(LFVEC_OP_POP, h, next)))
        return false;
    attempt_count(&thread_state.slot->pops);
    return true;
}

/*
 * A get whose first attempt is valid, in memory that was used before: nearly all gets. Like
 * desc_resolve(), but without any call.
 */
static ALWAYS_INLINE bool fast_get(const struct segment *s, uint64_t index, void *elem, uint32_t elem_size)
{
    const struct head h = head_load(s->control);
    const uint64_t d = leaf_entry_of(s, index);
    struct desc_view v;
    struct leaf leaf;
    uint64_t ref = 0;
    if (UNLIKELY(index >= head_size(h) || desc_view(s, h, &v) != 0))
        return false;
    const bool covered = desc_covers(&v, d);
    if (covered)
        ref = desc_leaf(&v, d);
    if (UNLIKELY(!desc_unchanged(&v, h)))
        return false;
    if (!covered && LIKELY(extent_covers(&s->dir, d)))
        ref = atomic_load_explicit(&directory_entry(s, d)->leaf_ref, memory_order_acquire); /* SYNC: dir-install (acquire) */
    if (UNLIKELY(!slab_locate_known(s, ref, &leaf)))
        return false;
    leaf_load_sized(s, &leaf, leaf_slot_of(s, index), elem, elem_size);
    if (UNLIKELY(!leaf_valid(&leaf, leaf_slot_of(s, index), 1, h)))
        return false;
    thread_state.last_version = h.version;
    return true;
}

#endif
