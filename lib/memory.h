/* memory.h - capacity, reserve, trim. Errors as in lfvec.h. */
#ifndef LFVEC_MEMORY_H
#define LFVEC_MEMORY_H

#include "attempt.h"

uint64_t memory_capacity(struct segment *s, const struct participant *p); /* p: the caller's part, or NULL */
int memory_reserve(struct participant *p, uint64_t n);
int memory_trim(struct participant *p);

/* As attempt_until(), for an operation that needs leaves: when there are none, what lies idle beyond the size is given back, and tried again. */
int memory_attempt(struct participant *p, uint32_t kind, attempt_fn *once, void *arg);

#endif
