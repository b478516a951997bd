/*
 * participant.c - a participant's spares: leaves allocated in advance, and recorded in the
 * slot so that recovery finds them.
 */
#include "participant.h"

#include "breakage.h"
#include "recover.h"

struct lfvec thread_no_handle;

_Thread_local struct thread_state thread_state
    __attribute__((tls_model("initial-exec"))) = {.v = &thread_no_handle, .words = &thread_no_handle, .pairs = &thread_no_handle};

void thread_take(struct participant *p)
{
    struct thread_state *t = &thread_state;
    t->last_version = thread_last_version();
    thread_hide();
    if (t->p)
        t->p->cursor = t->cursor;
    t->p = p;
    if (!p) {
        t->cursor = (struct cursor){0};
        return;
    }
    t->cursor = p->cursor;
    t->control = p->v->seg.control;
    t->slot = p->slot;
    thread_show();
}

/*
 * R1: records the leaf, then sets its seq from a head loaded after the bit was seen clear, then
 * sets the bit. The recovery of a process that died freeing the leaf in its former role sees the
 * bit, and so sees a seq above every version of that role.
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
    atomic_thread_fence(memory_order_release); /* SYNC: leaf-role (release): later stores into the leaf come after its new seq */
    slab_take(s, ref);
    p->spare[p->spares++] = ref;
    return 0;
}

void participant_forget_leaf(struct participant *p)
{
    if (thread_state.p == p)
        thread_state.cursor.room = 0;
    else
        p->cursor.room = 0;
}

bool participant_enter(struct participant *p, uint64_t ref)
{
    struct segment *s = &p->v->seg;
    const uint64_t slab = leaf_ref_slab(ref);
    if (BROKEN(BREAK_OWNER))
        return true;
    if (slab_is_reserve(s, ref)) /* only this slot stores there, so there is nothing to enter */
        return p->kind == LFVEC_OP_RETURN && ref == slab_reserve_of(s, p->me);
    if (!slab_works_in(s, p->me, slab))
        participant_forget_leaf(p);
    return slab_enter(s, p->me, slab);
}

static uint64_t works_in(const struct participant *p)
{
    return atomic_load_explicit(&p->slot->work, memory_order_relaxed);
}

int participant_spares(struct participant *p, uint32_t want)
{
    struct segment *s = &p->v->seg;
    while (p->spares < want) {
        const uint64_t slab = works_in(p);
        uint64_t ref;
        int err = slab_find(s, &p->slabs, p->me, &ref);
        if (works_in(p) != slab) {
            participant_forget_leaf(p);
            slot_moved(s, p->me); /* rare enough to ask the kernel where we run */
        }
        err = err ? err : take_spare(p, ref);
        if (err)
            return err;
    }
    return 0;
}

bool participant_use_reserve(struct participant *p)
{
    struct leaf leaf;
    struct segment *s = &p->v->seg;
    const uint64_t ref = slab_reserve_of(s, p->me);
    if (!ref || p->spares == SHM_DESC_LEAVES || slab_locate(s, ref, &leaf) != 0 || slab_taken(s, ref))
        return false;
    return take_spare(p, ref) == 0;
}

/* Spares that stay move to the front. Each is recorded at its new place first. */
void participant_return_spares(struct participant *p)
{
    uint32_t kept = 0;
    for (uint32_t k = 0; k < p->spares; k++) {
        const uint64_t ref = p->spare[k];
        if (slab_is_reserve(&p->v->seg, ref) || participant_enter(p, ref)) {
            slab_free(&p->v->seg, ref);
        } else {
            atomic_store_explicit(&p->slot->spare_ref[kept], ref, memory_order_release);
            p->spare[kept++] = ref;
        }
        if (kept != k + 1)
            atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
    }
    p->spares = kept;
}

/*
 * The remaining spares move to the front. Each is recorded at its new place first, so that none is
 * lost: recovery recognizes a spare that is recorded twice.
 */
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
