/* reclaim.h - room made when there is none, and given back. Errors as in lfvec.h. */
#ifndef LFVEC_RECLAIM_H
#define LFVEC_RECLAIM_H

#include "attempt.h"

int reclaim_trim(struct participant *p);

/* As attempt_until(), for an operation that needs leaves: when there are none, what holds no element is sought, wherever it lies. */
int reclaim_attempt(struct participant *p, uint32_t kind, attempt_fn *once, void *arg);

#endif
