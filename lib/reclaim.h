/* reclaim.h - finds memory when there is none, and gives memory back. Errors as in lfvec.h. */
#ifndef LFVEC_RECLAIM_H
#define LFVEC_RECLAIM_H

#include "attempt.h"

int reclaim_trim(struct participant *p);

/*
 * As attempt_until(), for an operation that needs leaves. If there are none, looks for memory
 * without elements anywhere in the segment and tries again.
 */
int reclaim_attempt(struct participant *p, uint32_t kind, attempt_fn *once, void *arg);

#endif
