/* numa.h - where pages are placed. numa.c uses libnuma's system-call layer; numa_none.c is its twin without. */
#ifndef LFVEC_NUMA_H
#define LFVEC_NUMA_H

#include <stdbool.h>
#include <stdint.h>

/* Node that the calling thread runs on; 0 where there is but one, or no way to tell. */
int32_t numa_here(void);

/* True if a placement can be applied at all: more than one node, and the kernel lets us. */
bool numa_in_force(void);

/*
 * Sets the policy (LFVEC_NUMA_*) of a range of a shared mapping, before its pages are allocated. On shared memory the policy belongs to
 * the object, so all processes agree. A refusal is no error: the kernel then places as it likes.
 */
void numa_place(void *start, uint64_t bytes, uint32_t policy, uint64_t nodes, int32_t node);

#endif
