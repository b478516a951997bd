/*
 * numa.h - where pages are placed. numa.c uses libnuma and the system calls that it declares;
 * numa_none.c is its twin without libnuma.
 *
 * Invariant: correctness never depends on placement. A refusal is no error: the
 * kernel then places pages as usual.
 */
#ifndef LFVEC_NUMA_H
#define LFVEC_NUMA_H

#include <stdbool.h>
#include <stdint.h>

enum { NUMA_NODES = 64 }; /* in a node mask */

/*
 * Node that the calling thread runs on; 0 if there is only one, or it is unknown. No system call.
 */
int32_t numa_here(void);

/* The nearest node that has memory. Usually the same. */
int32_t numa_near(void);

/*
 * Mask of the nodes whose memory we may use; 0 if there is no choice: one node, no
 * libnuma, or the kernel refuses.
 */
uint64_t numa_nodes(void);
uint32_t numa_why(void); /* LFVEC_NUMA_PLACED, or the reason for 0 */

/*
 * Those of the requested nodes (0 = all) that have memory; if none has, all that
 * have. 0 if there is no choice.
 */
uint64_t numa_choose(uint64_t asked);

/*
 * Sets the policy (LFVEC_NUMA_*) of a range of a shared mapping, before its pages are allocated. On
 * shared memory the policy belongs to the object, so it is the same for all processes. `nodes`
 * comes from numa_choose(); 0 does nothing. LOCAL uses `node`.
 */
void numa_place(void *start, uint64_t bytes, uint32_t policy, uint64_t nodes, int32_t node);

/*
 * The policy of a range that numa_place() has set. *nodes stays 0 if the range has
 * none, or the kernel does not say.
 */
void numa_policy(void *at, uint32_t *policy, uint64_t *nodes);

/*
 * The nodes of pages that this process has touched: node[i] for at[i], or a negative errno in it.
 * False if the kernel does not say.
 */
bool numa_look(uint64_t pages, void **at, int *node);

#endif
