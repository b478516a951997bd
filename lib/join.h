/*
 * join.h - how processes attach, threads join and leave, and the dead are recovered.
 */
#ifndef LFVEC_JOIN_H
#define LFVEC_JOIN_H

#include "lfvec.h"
#include "participant.h"

int join_attachment(struct lfvec *v); /* before first use */
void join_detach(struct lfvec *v);    /* gives back the thread's slot; the last reference unmaps */
int join_recover(struct lfvec *v, struct lfvec_recovery *tally);
int join_recover_slot(struct lfvec *v, uint32_t slot, struct lfvec_recovery *tally);
int join_recover_forced(struct lfvec *v, uint32_t slot, struct lfvec_recovery *tally);

/* The thread's part in v; takes a slot at its first use: 0, -EUSERS, -EBADF, -ENOMEM, -EBADMSG. */
int join_find(struct lfvec *v, struct participant **p);

struct participant *join_if_any(const struct lfvec *v); /* NULL if the thread has none */

static inline int join_get(struct lfvec *v, struct participant **p)
{
    *p = thread_state.p;
    return __builtin_expect(thread_state.v == v, 1) ? 0 : join_find(v, p);
}

#endif
