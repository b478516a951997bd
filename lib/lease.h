/* lease.h - popping an element on lease: it comes back unless it is acknowledged. Errors as in lfvec.h. */
#ifndef LFVEC_LEASE_H
#define LFVEC_LEASE_H

#include "participant.h"

int lease_pop(struct participant *p, void *elem);
int lease_ack(struct participant *p);
int lease_release(struct participant *p);

/* Pushes the element of a held lease back, for a participant that leaves or inherits one. 1 if there was one, 0 if not, or an error. */
int lease_return(struct participant *p);
void lease_retry(struct participant *p); /* for one that owes: there may be room now */

#endif
