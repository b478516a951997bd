/* numa.c - placement through mbind(2), declared by libnuma. */
#include "numa.h"

#include "lfvec.h"

#include <numa.h>
#include <numaif.h>
#include <sys/syscall.h>
#include <unistd.h>

static int node_count(void)
{
    return numa_available() < 0 ? 1 : numa_num_configured_nodes();
}

int32_t numa_here(void)
{
    unsigned int cpu = 0, node = 0;
    return syscall(SYS_getcpu, &cpu, &node, NULL) == 0 ? (int32_t)node : 0;
}

bool numa_in_force(void)
{
    return node_count() > 1;
}

void numa_place(void *start, uint64_t bytes, uint32_t policy, uint64_t nodes, int32_t node)
{
    if (node_count() < 2 || !bytes)
        return;
    unsigned long mask = nodes ? (unsigned long)nodes : *numa_all_nodes_ptr->maskp;
    int mode = policy == LFVEC_NUMA_BIND ? MPOL_BIND : MPOL_INTERLEAVE;
    if (policy == LFVEC_NUMA_LOCAL) {
        if (node < 0 || node >= 64)
            return;
        mask = 1UL << node;
        mode = MPOL_PREFERRED;
    }
    (void)mbind(start, bytes, mode, &mask, 64 + 1, 0);
}
