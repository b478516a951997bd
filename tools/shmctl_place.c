/*
 * shmctl_place.c - where the memory of a segment lies, in words: policies, sets of nodes, why a policy is not in force; and the round of all
 * regions with their pages. For info, numa and map.
 */
#include "shmctl.h"

#include <errno.h>
#include <string.h>

const char *place_policy(uint32_t numa)
{
    static const char *const names[] = {[LFVEC_NUMA_LOCAL] = "local", [LFVEC_NUMA_INTERLEAVE] = "interleave", [LFVEC_NUMA_BIND] = "bind"};
    return numa < sizeof names / sizeof names[0] ? names[numa] : "?";
}

const char *place_why(uint32_t why)
{
    static const char *const reasons[] = {
        [LFVEC_NUMA_PLACED] = "pages are placed as asked",
        [LFVEC_NUMA_ONE_NODE] = "there is memory on one node only, so nothing to choose",
        [LFVEC_NUMA_NO_LIBNUMA] = "built without libnuma, so pages lie as the kernel likes",
        [LFVEC_NUMA_REFUSED] = "the kernel refuses mbind(2), as in a container without CAP_SYS_NICE, so pages lie as it likes",
        [LFVEC_NUMA_NO_SUCH_NODE] = "none of the nodes asked for has memory, so pages are placed on all that have",
    };
    return why < sizeof reasons / sizeof reasons[0] ? reasons[why] : "?";
}

const char *place_part(uint32_t kind)
{
    static const char *const names[PLACE_PARTS] = {
        [LFVEC_REGION_HEADER] = "header",       [LFVEC_REGION_SLOTS] = "slots", [LFVEC_REGION_SLABTAB] = "slab-table",
        [LFVEC_REGION_DIRECTORY] = "directory", [LFVEC_REGION_SLAB] = "slabs",
    };
    return kind && kind < PLACE_PARTS ? names[kind] : "?";
}

char *place_nodes(char *buf, size_t size, uint64_t nodes, const char *none)
{
    size_t at = (size_t)snprintf(buf, size, "%s", nodes ? "" : none);
    for (int first = 0; first < LFVEC_NODES && at < size; first++) {
        int last = first;
        if (!(nodes >> first & 1))
            continue;
        while (last + 1 < LFVEC_NODES && nodes >> (last + 1) & 1)
            last++;
        at += (size_t)snprintf(buf + at, size - at, last > first ? "%s%d-%d" : "%s%d", at ? "," : "", first, last);
        first = last;
    }
    return buf;
}

char *place_huge(char *buf, size_t size, const struct lfvec_stat *st)
{
    char huge[16], mapped[16];
    if (!(st->flags & LFVEC_HUGEPAGES))
        snprintf(buf, size, "not asked for");
    else if (st->bytes_huge)
        snprintf(buf, size, "granted: %s of the %s that this process has mapped", text_bytes(huge, sizeof huge, st->bytes_huge),
                 text_bytes(mapped, sizeof mapped, st->bytes_mapped));
    else
        snprintf(buf, size, "none granted: see /sys/kernel/mm/transparent_hugepage/shmem_enabled; small ones do as well");
    return buf;
}

int place_round(lfvec_t *v, place_visitor *visit, void *context)
{
    for (uint64_t i = 0;; i++) {
        struct lfvec_region region;
        struct lfvec_pages pages;
        int error = lfvec_region(v, i, &region);
        if (!error)
            error = lfvec_region_pages(v, i, &pages);
        if (error == -ERANGE)
            return DONE;
        if (error)
            return failed(v, "look at its pages", error);
        if (region.kind && region.kind < PLACE_PARTS)
            visit(context, &region, &pages);
    }
}
