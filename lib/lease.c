/*
 * lease.c - see lease.h.
 *
 * The leased element lies in the slot and is written before the head moves, so a lease
 * allocates nothing. slot->lease is `version << 1` while the pop is tried and `version << 1 |
 * 1` once it has won, so recovery decides it like an intent. Acknowledging is one store of 0.
 * Returning the element is a push under slot->lease_return, decided in the same way: the
 * element is in the vector or in the lease, never in both. If there is no memory for that push,
 * it uses the slot's leaf in reserve.
 */
#include "lease.h"

#include "attempt.h"
#include "element.h"
#include "slot.h"
#include "vector.h"

/*
 * The copy is complete before `lease` refers to it. The next attempt overwrites it only after
 * a lost one has cleared `lease`.
 */
static int lease_attempt(struct participant *p, struct head h, void *elem)
{
    struct segment *s = &p->v->seg;
    struct site at;
    struct head next;
    const int err = vector_last(p, h, elem, &at);
    if (err)
        return err;
    element_store(&s->l, slot_lease_room(s, p->me), elem);
    attempt_clear_intent(p);
    atomic_store_explicit(&p->slot->lease, (h.version + 1) << 1, memory_order_release);
    const int won = attempt_keep(p, h, head_size(h) - 1, &next);
    atomic_store_explicit(&p->slot->lease, won == ATTEMPT_WON ? (h.version + 1) << 1 | 1 : 0, memory_order_release);
    atomic_thread_fence(memory_order_release);
    return won;
}

/*
 * Takes over a former holder's leased element for which the vector has no room, as if it had been
 * pushed back and popped again. So a full vector whose consumers died can still be drained.
 */
static int take_owed(struct participant *p, void *elem)
{
    const struct segment *s = &p->v->seg;
    element_load(&s->l, slot_lease_room(s, p->me), elem);
    p->owes = false;
    p->leased = true;
    thread_state.last_version = atomic_load_explicit(&p->slot->lease, memory_order_relaxed) >> 1;
    return 0;
}

int lease_pop(struct participant *p, void *elem)
{
    if (p->leased)
        return -EBUSY;
    if (p->owes)
        lease_retry(p);
    if (p->owes)
        return take_owed(p, elem);
    const int err = attempt_until(p, LFVEC_OP_POP_LEASE, lease_attempt, elem);
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
    if (!(atomic_load_explicit(&p->slot->lease, memory_order_relaxed) & 1))
        return 0;
    const int err = vector_push_back(p, slot_lease_room(s, p->me));
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

/*
 * The caller did not request this push, so its last version stays that of its own last operation.
 */
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
