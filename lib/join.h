/*
 * join.h - how processes attach, threads join and leave, and the dead are recovered.
 */
#ifndef LFVEC_JOIN_H
#define LFVEC_JOIN_H

#include "lfvec.h"
#include "participant.h"

int join_attachment(struct lfvec *v); /* before first use */
int join_detach(struct lfvec *v);     /* gives back the thread's slot; the last reference unmaps. -EBADMSG: it could not be given back */
int join_leave(struct lfvec *v);      /* the first half of that; -EBADF */
int join_recover(struct lfvec *v, struct lfvec_recovery *tally);
int join_recover_slot(struct lfvec *v, uint32_t slot, struct lfvec_recovery *tally);
int join_recover_forced(struct lfvec *v, uint32_t slot, struct lfvec_recovery *tally);

extern _Atomic uint32_t join_closings; /* handles closed while other threads had slots in them */

/*
 * The thread's part in v; takes a slot at its first use: 0, -EUSERS, -EBADF, -ENOMEM, -EBADMSG. Nothing is at hand until join_over(): a call
 * that finds it so knows that a signal handler has jumped out of an operation.
 */
int join_find(struct lfvec *v, struct participant **p);

struct participant *join_if_any(const struct lfvec *v); /* NULL if the thread has none */
bool join_switch(struct lfvec *v);                      /* v is at hand from now on, if the thread has a part in it that is at rest */

static inline int join_get(struct lfvec *v, struct participant **p)
{
    *p = thread_state.p;
    if (__builtin_expect(thread_state.v != v || atomic_load_explicit(&join_closings, memory_order_relaxed) != thread_state.closings, 0))
        return join_find(v, p);
    thread_hide();
    return 0;
}

/* The operation that began with join_get() has this result. */
static inline int64_t join_over(int64_t result)
{
    thread_show();
    return result;
}

#endif
