/* look.c - placement as the kernel tells it, see numa.h. */
#include "numa.h"

#include <numa.h>
#include <numaif.h>
#include <string.h>

enum { AT_ONCE = 128 };

struct machine machine;

void look_round(void)
{
    struct bitmask *cpus = numa_allocate_cpumask();
    machine.nodes = (uint32_t)numa_max_node() + 1;
    for (int n = 0; n < (int)machine.nodes && n < NODES_MOST; n++) {
        if (numa_node_size64(n, NULL) > 0)
            machine.memory |= UINT64_C(1) << n;
        if (numa_node_to_cpus(n, cpus) == 0 && numa_bitmask_weight(cpus) > 0)
            machine.cpus |= UINT64_C(1) << n;
    }
    numa_free_cpumask(cpus);
}

static void count(struct spread *out, const int *node, unsigned long n)
{
    out->pages += n;
    for (unsigned long i = 0; i < n; i++)
        if (node[i] >= 0 && node[i] < NODES_MOST)
            out->on[node[i]]++;
        else
            out->nowhere++;
}

/* move_pages(2) knows of the caller's page table only: each page is read first, which maps it. */
void look_at(const struct segment *s, uint64_t off, uint64_t bytes, struct spread *out)
{
    void *page[AT_ONCE];
    int node[AT_ONCE];
    memset(out, 0, sizeof *out);
    for (uint64_t at = off / SHM_PAGE * SHM_PAGE; at < off + bytes;) {
        unsigned long n = 0;
        for (; n < AT_ONCE && at < off + bytes; at += SHM_PAGE) {
            page[n] = s->base + at;
            (void)*(volatile unsigned char *)page[n++];
        }
        memset(node, -1, sizeof node);
        (void)move_pages(0, n, page, NULL, node, 0);
        count(out, node, n);
    }
}
