/*
 * numa.h - where pages are placed. numa.c uses libnuma and the system calls that it declares; numa_none.c is its twin without.
 *
 * Invariant: nothing here is needed for correctness. A refusal is no error: the kernel then places as it likes.
 */
#ifndef LFVEC_NUMA_H
#define LFVEC_NUMA_H

#include <stdbool.h>
#include <stdint.h>

enum { NUMA_NODES = 64 }; /* of a node mask */

/* Node that the calling thread runs on; 0 where there is but one, or no way to tell. No system call. */
int32_t numa_here(void);

/* The node that has memory and is nearest to it: mostly the same. */
int32_t numa_near(void);

/* Mask of the nodes whose memory we may use; 0 if there is nothing to choose: one node, no libnuma, or the kernel refuses. */
uint64_t numa_nodes(void);
uint32_t numa_why(void); /* LFVEC_NUMA_PLACED or the reason for 0 */

/* Of the nodes asked for (0 = all), those that have memory; if none of them has, all that have. 0 if there is nothing to choose. */
uint64_t numa_choose(uint64_t asked);

/*
 * Sets the policy (LFVEC_NUMA_*) of a range of a shared mapping, before its pages are allocated. On shared memory the policy belongs to
 * the object, so all processes agree. `nodes` is numa_choose()'s, and 0 does nothing; LOCAL wants `node`.
 */
void numa_place(void *start, uint64_t bytes, uint32_t policy, uint64_t nodes, int32_t node);

/* The policy of a range that numa_place() was told of: *nodes stays 0 if the kernel does not tell, or has none. */
void numa_policy(void *at, uint32_t *policy, uint64_t *nodes);

/* The nodes of pages that this process has touched: node[i] of at[i], or a negative errno there. False if the kernel does not tell. */
bool numa_look(uint64_t pages, void **at, int *node);

#endif
