/*
 * numa_none.c - the twin of numa.c for builds without libnuma. The kernel chooses where pages lie,
 * usually on the node of the thread that touches them first.
 */
#include "numa.h"

#include "lfvec.h"

int32_t numa_here(void)
{
    return 0;
}

int32_t numa_near(void)
{
    return 0;
}

uint64_t numa_nodes(void)
{
    return 0;
}

uint32_t numa_why(void)
{
    return LFVEC_NUMA_NO_LIBNUMA;
}

uint64_t numa_choose(uint64_t asked)
{
    (void)asked;
    return 0;
}

void numa_place(void *start, uint64_t bytes, uint32_t policy, uint64_t nodes, int32_t node)
{
    (void)start, (void)bytes, (void)policy, (void)nodes, (void)node;
}

void numa_policy(void *at, uint32_t *policy, uint64_t *nodes)
{
    (void)at, (void)policy, (void)nodes;
}

bool numa_look(uint64_t pages, void **at, int *node)
{
    (void)pages, (void)at, (void)node;
    return false;
}
