/* numa_none.c - the twin of numa.c for builds without libnuma: the kernel places pages as it likes, usually on the toucher's node. */
#include "numa.h"

int32_t numa_here(void)
{
    return 0;
}

bool numa_in_force(void)
{
    return false;
}

void numa_place(void *start, uint64_t bytes, uint32_t policy, uint64_t nodes, int32_t node)
{
    (void)start, (void)bytes, (void)policy, (void)nodes, (void)node;
}
