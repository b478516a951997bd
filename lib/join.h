/* join.h - how processes attach, threads join and leave, and dead participants are recovered. */
#ifndef LFVEC_JOIN_H
#define LFVEC_JOIN_H

#include "lfvec.h"
#include "participant.h"

int join_attachment(struct lfvec *v); /* before first use */
/*
 * Gives back the thread's slot; the last reference unmaps. -EBADMSG:
 * the slot could not be given back.
 */
int join_detach(struct lfvec *v);
int join_leave(struct lfvec *v); /* only gives back the slot; -EBADF */
int join_recover(struct lfvec *v, struct lfvec_recovery *tally);
int join_recover_slot(struct lfvec *v, uint32_t slot, struct lfvec_recovery *tally);
int join_recover_forced(struct lfvec *v, uint32_t slot, struct lfvec_recovery *tally);

extern _Atomic uint32_t join_closings; /* handles closed while other threads had slots in them */

/*
 * The thread's participant in v. Takes a slot at its first use. Returns 0, -EUSERS, -EBADF, -ENOMEM
 * or -EBADMSG. Until join_over(), no handle in thread_state matches. A call that starts in that
 * state knows that a signal handler jumped out of an operation.
 */
int join_find(struct lfvec *v, struct participant **p);

struct participant *join_if_any(const struct lfvec *v); /* NULL if the thread has none */
/*
 * Makes v the vector in thread_state, if the thread has a participant in it outside any operation.
 */
bool join_switch(struct lfvec *v);

static inline int join_get(struct lfvec *v, struct participant **p)
{
    *p = thread_state.p;
    if (__builtin_expect(thread_state.v != v || atomic_load_explicit(&join_closings, memory_order_relaxed) != thread_state.closings, 0))
        return join_find(v, p);
    thread_hide();
    return 0;
}

/* Ends the operation that began with join_get(), and returns its result. */
static inline int64_t join_over(int64_t result)
{
    thread_show();
    return result;
}

#endif
