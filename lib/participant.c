/* participant.c - a participant's spares: leaves taken in advance, recorded in the slot so that recovery finds them. */
#include "participant.h"

#include "breakage.h"
#include "recover.h"

/* Stands where no handle may match: a caller's NULL must not. Nothing of it is ever looked at. */
static struct lfvec no_handle;

_Thread_local struct thread_state thread_state
    __attribute__((tls_model("initial-exec"))) = {.v = &no_handle, .words = &no_handle, .pairs = &no_handle};

void thread_take(struct participant *p)
{
    struct thread_state *t = &thread_state;
    struct lfvec *v = p ? p->v : &no_handle;
    t->last_version = thread_last_version();
    if (t->p)
        t->p->cursor = t->cursor;
    t->p = p;
    t->v = v;
    t->words = p && v->seg.l.elem_size == 8 ? v : &no_handle;
    t->pairs = p && v->seg.l.elem_size % 16 == 0 ? v : &no_handle;
    t->control = p ? p->v->seg.control : NULL;
    t->slot = p ? p->slot : NULL;
    t->cursor = p ? p->cursor : (struct cursor){0};
}

/*
 * R1: the leaf is recorded, then seq is set from a head that was loaded after its bit was seen clear, then the bit is set. A freer's
 * successor, who sees the bit, therefore sees a seq above every version at which the leaf had its former role.
 */
static int take_spare(struct participant *p, uint64_t ref)
{
    struct segment *s = &p->v->seg;
    struct leaf leaf;
    const int err = slab_locate(s, ref, &leaf);
    if (err)
        return err;
    atomic_store_explicit(&p->slot->spare_ref[p->spares], ref, memory_order_release);
    const struct head h = head_load(s->control);
    if (!BROKEN(BREAK_ROLE))
        atomic_store_explicit(&leaf.meta->seq, h.version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* SYNC: leaf-role (release): whatever is stored in it next comes after its new seq */
    slab_take(s, ref);
    p->spare[p->spares++] = ref;
    return 0;
}

int participant_spares(struct participant *p, uint32_t want)
{
    struct segment *s = &p->v->seg;
    while (p->spares < want) {
        const uint32_t slabs = p->slabs.count;
        uint64_t ref;
        int err = slab_find(s, &p->slabs, p->me, &ref);
        if ((err == -ENOSPC || err == -EOVERFLOW) && recover_unheld(s, p->me)) /* what nobody holds may have had room */
            err = slab_find(s, &p->slabs, p->me, &ref);
        if (p->slabs.count != slabs) /* rare enough to ask where we run */
            slot_moved(s, p->me);
        err = err ? err : take_spare(p, ref);
        if (err)
            return err;
    }
    return 0;
}

/* The rest moves to the front, its new record first, so that none is lost: recovery knows a spare that is recorded twice. */
void participant_spend(struct participant *p, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
    for (uint32_t k = n; n && k < p->spares; k++) {
        p->spare[k - n] = p->spare[k];
        atomic_store_explicit(&p->slot->spare_ref[k - n], p->spare[k], memory_order_release);
        atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
    }
    p->spares -= n;
}
