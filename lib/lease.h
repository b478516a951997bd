/*
 * lease.h - pops an element on lease: it returns to the vector unless it is
 * acknowledged. Errors as in lfvec.h.
 */
#ifndef LFVEC_LEASE_H
#define LFVEC_LEASE_H

#include "participant.h"

int lease_pop(struct participant *p, void *elem);
int lease_ack(struct participant *p);
int lease_release(struct participant *p);

/*
 * Pushes the element of a held lease back, for a participant that leaves, or that inherited the
 * lease. Returns 1 if there was one, 0 if not, or a negative errno.
 */
int lease_return(struct participant *p);
void lease_retry(struct participant *p); /* for a participant that owes: there may be room now */

#endif
