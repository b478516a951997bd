/* desc.c - see desc.h. */
#include "desc.h"

#include "breakage.h"

#include <errno.h>

int desc_complete_write(struct segment *s, struct head h, const struct desc_view *v)
{
    uint64_t leaf[SHM_DESC_LEAVES];
    if (!v->id)
        return 0;
    if (v->count <= SHM_DESC_LEAVES)
        for (uint64_t i = 0; i < v->count; i++)
            leaf[i] = desc_leaf(v, v->first + i);
    if (!desc_unchanged(v, h))
        return DESC_RELOAD;
    if (v->count > SHM_DESC_LEAVES || v->first + v->count > s->l.dir_max || v->first + v->count < v->first)
        return -EBADMSG;
    for (uint64_t i = 0; i < v->count; i++) {
        const int err = directory_install(s, v->first + i, leaf[i], v->since);
        if (err)
            return err;
    }
    return 0;
}

/*
 * seq is odd while the rest is written. If the owner is killed in between, the buffer is not in
 * effect (R3), and recovery makes seq even again.
 */
void desc_write(struct shm_desc *d, uint64_t since, const struct desc_plan *plan)
{
    const uint64_t seq = atomic_load_explicit(&d->seq, memory_order_relaxed) | 1;
    if (!BROKEN(BREAK_ODD))
        atomic_store_explicit(&d->seq, seq, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* SYNC: desc-rewrite (release): odd before anything else changes */
    atomic_store_explicit(&d->since, since, memory_order_relaxed);
    /*
     * If the owner is killed after this and recovery makes seq even, the new since makes
     * readers of the old contents fail.
     */
    atomic_signal_fence(memory_order_release);
    atomic_store_explicit(&d->dir_first, plan->first, memory_order_relaxed);
    atomic_store_explicit(&d->count, plan->count, memory_order_relaxed);
    for (uint32_t i = 0; i < plan->count; i++) {
        atomic_store_explicit(&d->entry[i].leaf_ref, plan->entry[i].leaf_ref, memory_order_relaxed);
        atomic_store_explicit(&d->entry[i].old_ref, plan->entry[i].old_ref, memory_order_relaxed);
    }
    atomic_store_explicit(&d->seq, seq + 1, memory_order_release); /* SYNC: desc-write (release) */
}
