/* memory.h - capacity and reserve. Errors as in lfvec.h. */
#ifndef LFVEC_MEMORY_H
#define LFVEC_MEMORY_H

#include "participant.h"

/* p: the caller's participant, or NULL. */
uint64_t memory_capacity(struct segment *s, const struct participant *p);
int memory_reserve(struct participant *p, uint64_t n);

#endif
