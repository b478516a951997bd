/* numa.c - page placement through mbind(2) and move_pages(2), declared by libnuma. */
#include "numa.h"

#include "lfvec.h"

#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

/* What this process may use. Determined once. */
static struct {
    pthread_once_t once;
    uint64_t nodes;
    uint32_t why;
    int8_t near[NUMA_NODES]; /* for each node, the nearest one that has memory */
} machine = {.once = PTHREAD_ONCE_INIT};

/*
 * A sandbox may forbid mbind: Docker's default does, without CAP_SYS_NICE.
 * Tries it on a page of our own.
 */
static bool may_place(uint64_t nodes)
{
    const unsigned long mask = (unsigned long)nodes;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return false;
    const bool may = mbind(at, page, MPOL_INTERLEAVE, &mask, NUMA_NODES + 1, 0) == 0;
    munmap(at, page);
    return may;
}

static int8_t nearest(int node, uint64_t nodes)
{
    int best = __builtin_ctzll(nodes);
    for (int n = 0; n < NUMA_NODES; n++) {
        const bool nearer = numa_distance(node, n) && numa_distance(node, n) < numa_distance(node, best);
        if (nodes >> n & 1 && nearer)
            best = n;
    }
    return (int8_t)best;
}

static void look_at_machine(void)
{
    const int saved = errno;
    uint64_t nodes = 0;
    machine.why = LFVEC_NUMA_REFUSED;
    if (numa_available() >= 0) {
        for (int n = 0; n < NUMA_NODES; n++)
            nodes |= (uint64_t)(numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)n) != 0) << n;
        if (!(nodes & (nodes - 1)))
            machine.why = LFVEC_NUMA_ONE_NODE;
        else if (may_place(nodes))
            machine.why = LFVEC_NUMA_PLACED;
        for (int n = 0; n < NUMA_NODES && machine.why == LFVEC_NUMA_PLACED; n++)
            machine.near[n] = nodes >> n & 1 ? (int8_t)n : nearest(n, nodes);
    } else if (errno == ENOSYS) {
        machine.why = LFVEC_NUMA_ONE_NODE; /* a kernel without NUMA */
    }
    machine.nodes = machine.why == LFVEC_NUMA_PLACED ? nodes : 0;
    errno = saved;
}

uint64_t numa_nodes(void)
{
    pthread_once(&machine.once, look_at_machine);
    return machine.nodes;
}

uint32_t numa_why(void)
{
    (void)numa_nodes();
    return machine.why;
}

uint64_t numa_choose(uint64_t asked)
{
    const uint64_t have = numa_nodes();
    return asked & have ? asked & have : have;
}

int32_t numa_here(void)
{
    unsigned int cpu = 0, node = 0;
    return getcpu(&cpu, &node) == 0 ? (int32_t)node : 0;
}

int32_t numa_near(void)
{
    const int32_t here = numa_here();
    return numa_nodes() ? machine.near[here < NUMA_NODES ? here : 0] : here;
}

void numa_place(void *start, uint64_t bytes, uint32_t policy, uint64_t nodes, int32_t node)
{
    unsigned long mask = (unsigned long)nodes;
    int mode = policy == LFVEC_NUMA_BIND ? MPOL_BIND : MPOL_INTERLEAVE;
    if (!nodes || !bytes)
        return;
    if (policy == LFVEC_NUMA_LOCAL) {
        if (node < 0 || node >= NUMA_NODES)
            return;
        mask = 1UL << node;
        mode = MPOL_PREFERRED;
    }
    const int saved = errno;
    const uintptr_t in_page = (uintptr_t)start % (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)mbind((char *)start - in_page, bytes + in_page, mode, &mask, NUMA_NODES + 1, MPOL_MF_MOVE);
    errno = saved;
}

void numa_policy(void *at, uint32_t *policy, uint64_t *nodes)
{
    unsigned long mask = 0;
    int mode = MPOL_DEFAULT;
    const int saved = errno;
    if (get_mempolicy(&mode, &mask, NUMA_NODES + 1, at, MPOL_F_ADDR) == 0 && mode != MPOL_DEFAULT) {
        *policy = mode == MPOL_BIND ? LFVEC_NUMA_BIND : mode == MPOL_INTERLEAVE ? LFVEC_NUMA_INTERLEAVE : LFVEC_NUMA_LOCAL;
        *nodes = mask;
    }
    errno = saved;
}

bool numa_look(uint64_t pages, void **at, int *node)
{
    const int saved = errno;
    const bool told = move_pages(0, pages, at, NULL, node, 0) == 0;
    errno = saved;
    return told;
}
