/*
 * region.c - see region.h. Regions are numbered in order: the header, the slots, the slab
 * table, the directory, the slabs.
 *
 * Reads only: at most the first byte of a page, and only of pages known to exist.
 */
#include "region.h"

#include "control.h"
#include "lfvec.h"
#include "numa.h"

#include <errno.h>
#include <string.h>

enum { FIRST_SLOT = 1, LOOK_AT_ONCE = 512 };

/*
 * Where slots have pages of their own, each slot is a region. Otherwise all slots are one region.
 */
static bool paged(const struct segment *s)
{
    return s->l.slot_bytes % SHM_PAGE == 0;
}

static uint64_t slot_regions(const struct segment *s)
{
    return paged(s) ? s->l.max_slots : 1;
}

/* Slot 0 is never used. If it has a page of its own, that counts with the header. */
static void header_region(const struct segment *s, struct lfvec_region *out)
{
    out->kind = LFVEC_REGION_HEADER;
    out->bytes = out->committed = s->l.slots_off + (paged(s) ? s->l.slot_bytes : 0);
}

static void slots_region(const struct segment *s, uint64_t i, struct lfvec_region *out)
{
    out->kind = LFVEC_REGION_SLOTS;
    out->first = i;
    out->count = paged(s) ? 1 : s->l.max_slots;
    out->offset = s->l.slots_off + (paged(s) ? i * s->l.slot_bytes : 0);
    out->bytes = out->committed = paged(s) ? s->l.slot_bytes : s->l.slabtab_off - s->l.slots_off;
}

/*
 * Memory with holes counts as not committed. Only an attachment that fills
 * holes can run out of space here.
 */
static int room(int err)
{
    return err == -ENOSPC ? err : 0;
}

static int extent_region(struct segment *s, struct extent *e, uint32_t kind, uint64_t end, struct lfvec_region *out)
{
    const int err = segment_extend_known(s, e, 0);
    out->kind = kind;
    out->count = atomic_load_explicit(&e->ready, memory_order_relaxed);
    out->offset = e->off;
    out->bytes = end - e->off;
    out->committed = (out->count * e->unit + SHM_PAGE - 1) / SHM_PAGE * SHM_PAGE;
    return room(err);
}

static int slab_region(struct segment *s, uint64_t slab, struct lfvec_region *out)
{
    const uint64_t word = slab_word(s, slab);
    out->kind = LFVEC_REGION_SLAB;
    out->first = slab;
    out->count = 1;
    out->offset = s->l.slabs_off + slab * s->l.slab_bytes;
    out->bytes = s->l.slab_bytes;
    if (slab_word_state(word) < SHM_SLAB_OWNED)
        return 0;
    const int err = slab_known(s, slab) ? 0 : slab_learn(s, slab);
    if (err)
        return room(err);
    out->committed = out->bytes;
    out->owner = slab_word_state(word) == SHM_SLAB_OWNED ? slab_word_owner(word) : 0;
    out->leaves = s->l.slab_leaves;
    out->leaves_used = slab_count_used(s, slab);
    return 0;
}

static void place_of(const struct segment *s, struct lfvec_region *out)
{
    out->node = -1;
    if (s->nodes && out->committed && out->offset + out->committed <= s->mapped)
        numa_policy(s->base + out->offset, &out->policy, &out->nodes);
    if (out->nodes && out->policy == LFVEC_NUMA_LOCAL)
        out->node = __builtin_ctzll(out->nodes);
}

int region_describe(struct lfvec *v, uint64_t i, struct lfvec_region *out)
{
    struct segment *s = &v->seg;
    const uint64_t slabtab = FIRST_SLOT + slot_regions(s), dir = slabtab + 1, slabs = dir + 1;
    memset(out, 0, sizeof *out);
    if (control_check(s, head_load(s->control), NULL) == -EBADMSG)
        return -EBADMSG;
    if (i >= slabs && i - slabs >= slab_high(s))
        return -ERANGE;
    int err = 0;
    if (i < FIRST_SLOT)
        header_region(s, out);
    else if (i < slabtab)
        slots_region(s, i, out);
    else if (i == slabtab)
        err = extent_region(s, &s->slabtab, LFVEC_REGION_SLABTAB, s->l.dir_off, out);
    else if (i == dir)
        err = extent_region(s, &s->dir, LFVEC_REGION_DIRECTORY, s->l.slabs_off, out);
    else
        err = slab_region(s, i - slabs, out);
    place_of(s, out);
    return err;
}

static void count_page(struct lfvec_pages *out, int node, uint64_t nodes)
{
    if (node < 0 || node >= LFVEC_NODES) {
        out->unknown++;
        return;
    }
    out->on[node]++;
    out->misplaced += nodes && !(nodes >> node & 1);
}

/*
 * The kernel reports the node only of pages that this process has mapped, so each is touched first.
 */
static void look_at_pages(unsigned char *start, uint64_t bytes, uint64_t nodes, struct lfvec_pages *out)
{
    void *at[LOOK_AT_ONCE];
    int node[LOOK_AT_ONCE];
    for (uint64_t done = 0, n = 0; done < bytes; done += n * SHM_PAGE) {
        for (n = 0; n < LOOK_AT_ONCE && done + n * SHM_PAGE < bytes; n++) {
            at[n] = start + done + n * SHM_PAGE;
            node[n] = -1;
            (void)*(volatile unsigned char *)at[n];
        }
        const bool told = numa_look(n, at, node);
        for (uint64_t k = 0; k < n; k++)
            count_page(out, told ? node[k] : -1, nodes);
        out->pages += n;
    }
}

int region_pages(struct lfvec *v, uint64_t i, struct lfvec_pages *out)
{
    struct segment *s = &v->seg;
    struct lfvec_region r;
    memset(out, 0, sizeof *out);
    const int err = region_describe(v, i, &r);
    if (err)
        return err;
    if (r.offset + r.committed > s->mapped)
        return -ENOMEM;
    look_at_pages(s->base + r.offset, r.committed, r.nodes, out);
    return 0;
}
