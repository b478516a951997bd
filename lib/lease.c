/*
 * lease.c - see lease.h.
 *
 * The leased element lies in a leaf of the slot's own, written before the head moves. slot->lease is `version << 1` while the pop is tried
 * and `version << 1 | 1` once it has won, so that recovery decides it as it decides an intent; acknowledging is one store of 0. The way
 * back is a push under slot->lease_return, decided in the same way: the element is in the vector or in the lease, never in both.
 */
#include "lease.h"

#include "attempt.h"
#include "leaf.h"
#include "memory.h"
#include "vector.h"

/* The slot's lease leaf: a spare that changes its record. The new record first: recovery drops a spare that is the lease's leaf as well. */
static int own_leaf(struct participant *p, struct leaf *leaf)
{
    struct segment *s = &p->v->seg;
    uint64_t ref = atomic_load_explicit(&p->slot->lease_ref, memory_order_relaxed);
    if (!ref) {
        const int err = participant_spares(p, 1);
        if (err)
            return err;
        ref = p->spare[p->spares - 1];
        atomic_store_explicit(&p->slot->lease_ref, ref, memory_order_release);
        atomic_store_explicit(&p->slot->spare_ref[--p->spares], 0, memory_order_release);
    }
    return slab_locate(s, ref, leaf);
}

struct lease_args {
    void *elem;
    bool ready; /* `copy` is the slot's lease leaf */
    struct leaf copy;
};

static int lease_attempt(struct participant *p, struct head h, void *arg)
{
    struct lease_args *a = arg;
    struct segment *s = &p->v->seg;
    struct site at;
    struct head next;
    const uint64_t n = head_size(h);
    if (!n) {
        thread_state.last_version = h.version;
        return -EAGAIN;
    }
    int err = a->ready ? 0 : own_leaf(p, &a->copy);
    if (err)
        return err;
    a->ready = true;
    err = attempt_site(p, h, leaf_entry_of(s, n - 1), &at);
    if (err || !at.ref)
        return err ? err : ATTEMPT_LOST;
    leaf_load(s, &at.leaf, leaf_slot_of(s, n - 1), a->elem);
    leaf_store(s, &a->copy, 0, a->elem);
    attempt_clear_intent(p);
    atomic_store_explicit(&p->slot->lease, (h.version + 1) << 1, memory_order_release); /* the copy stands before it counts */
    const int won = attempt_keep(p, h, n - 1, &next);
    atomic_store_explicit(&p->slot->lease, won == ATTEMPT_WON ? (h.version + 1) << 1 | 1 : 0, memory_order_release);
    atomic_thread_fence(memory_order_release); /* a lost attempt's copy is not overwritten while it might count */
    return won;
}

int lease_pop(struct participant *p, void *elem)
{
    struct lease_args a = {.elem = elem};
    if (p->owes)
        lease_retry(p);
    if (p->leased || p->owes)
        return -EBUSY;
    const int err = memory_attempt(p, LFVEC_OP_POP_LEASE, lease_attempt, &a);
    if (err)
        return err;
    p->leased = true;
    attempt_count(&p->slot->pops);
    return 0;
}

int lease_ack(struct participant *p)
{
    if (!p->leased)
        return -EINVAL;
    atomic_store_explicit(&p->slot->lease, 0, memory_order_release);
    p->leased = false;
    return 0;
}

static int push_back(struct participant *p)
{
    struct segment *s = &p->v->seg;
    struct leaf copy;
    int err = 0;
    if (!(atomic_load_explicit(&p->slot->lease, memory_order_relaxed) & 1))
        return 0;
    err = slab_locate(s, atomic_load_explicit(&p->slot->lease_ref, memory_order_relaxed), &copy);
    err = err ? err : vector_push_back(p, copy.data);
    if (err)
        return err;
    atomic_store_explicit(&p->slot->lease, 0, memory_order_release);
    atomic_store_explicit(&p->slot->lease_return, 0, memory_order_release);
    p->leased = p->owes = false;
    return 1;
}

int lease_release(struct participant *p)
{
    const int returned = p->leased ? push_back(p) : -EINVAL;
    return returned == 1 ? 0 : returned ? returned : -EINVAL;
}

/* Not what the thread has asked for just now: its last version stays that of its own last operation. */
int lease_return(struct participant *p)
{
    const uint64_t version = thread_last_version();
    const int returned = push_back(p);
    thread_state.last_version = version;
    return returned;
}

void lease_retry(struct participant *p)
{
    (void)lease_return(p);
}
