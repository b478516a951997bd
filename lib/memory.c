/* memory.c - capacity and reserve: how many elements fit, and making room in advance. */
#include "memory.h"

#include "leaf.h"
#include "recover.h"
#include "shm.h"
#include "slot.h"

/* The slot whose slabs the caller may use: its own, or without one, the slot that it would get. */
static uint32_t slot_of_caller(const struct segment *s, const struct participant *p)
{
    if (p)
        return p->me;
    for (uint32_t i = 1; i <= s->l.max_slots; i++)
        if (!slot_mark(s, i).holder)
            return i;
    return 0;
}

/* Which leaves count: those of slot `me` only, or also those that it could take over. */
enum reach { REACH_OWN, REACH_ALL };

static bool slab_in_reach(const struct segment *s, uint64_t slab, uint32_t me, enum reach reach)
{
    const uint64_t word = slab_word(s, slab);
    const uint32_t owner = slab_word_owner(word);
    if (slab_word_state(word) != SHM_SLAB_OWNED)
        return false;
    return owner == me || (reach == REACH_ALL && slot_exists(s, owner) && !slab_works_in(s, owner, slab));
}

/*
 * Counts entries from the size on whose leaf is in reach. Up to the first that is not, pushes write
 * in place and need no memory. Later ones serve a participant that runs out of memory, and trims.
 */
static uint64_t tail(struct segment *s, uint32_t me, struct head h, enum reach reach)
{
    struct desc_view in_effect;
    struct leaf leaf;
    uint64_t ref, n = 0;
    for (uint64_t d = leaf_entry_of(s, head_size(h)); extent_covers(&s->dir, d); d++) {
        if (desc_resolve(s, h, d, &in_effect, &ref) != 0 || !ref || slab_locate(s, ref, &leaf) != 0)
            break;
        const bool usable = !slab_is_reserve(s, ref) && slab_in_reach(s, leaf_ref_slab(ref), me, reach);
        if (!usable && reach == REACH_OWN)
            break;
        n += usable;
    }
    return n;
}

/* Leaves that slot `me` could take without committing memory. */
static uint64_t free_leaves(struct segment *s, uint32_t me, enum reach reach)
{
    uint64_t n = 0;
    struct slab_budget budget = {0};
    const uint64_t high = slab_high(s);
    for (uint64_t slab = 0; slab < high; slab++) {
        if (slab_word_state(slab_word(s, slab)) == SHM_SLAB_UNOWNED)
            n += slab_leaves(s, slab);
        else if (slab_in_reach(s, slab, me, reach) && slab_has_memory(s, slab, &budget))
            n += slab_count_free(s, slab);
    }
    return n;
}

/*
 * The most elements that the object can have memory for. Guards against a damaged size or extent,
 * on which a caller might base an allocation.
 */
static uint64_t most_held(struct segment *s)
{
    struct stat st;
    if (shm_object_stat(s->fd, &st) != 0)
        return s->l.max_elems;
    const uint64_t slabs = (uint64_t)st.st_blocks * 512 / s->l.slab_bytes, leaves = slabs * s->l.slab_leaves;
    const uint64_t ready = atomic_load_explicit(&s->dir.ready, memory_order_relaxed);
    const uint64_t most = (leaves < ready ? leaves : ready) << s->l.elem_shift;
    return most < s->l.max_elems ? most : s->l.max_elems;
}

static uint64_t capacity_in(struct segment *s, const struct participant *p, enum reach reach)
{
    (void)segment_extend_known(s, &s->slabtab, 0);
    (void)segment_extend_known(s, &s->dir, 0);
    const struct head h = head_load(s->control);
    const uint32_t me = slot_of_caller(s, p);
    const uint64_t size = head_size(h), spares = p ? p->spares : 0;
    uint64_t entries = leaf_entry_of(s, size) + tail(s, me, h, reach) + free_leaves(s, me, reach) + spares;
    const uint64_t ready = atomic_load_explicit(&s->dir.ready, memory_order_relaxed);
    entries = entries < ready ? entries : ready;
    /* most_held() asks after the size was read: the object only grows. */
    const uint64_t capacity = entries << s->l.elem_shift, most = most_held(s);
    const uint64_t least = capacity > size ? capacity : size;
    return least < most ? least : most;
}

uint64_t memory_capacity(struct segment *s, const struct participant *p)
{
    return capacity_in(s, p, REACH_ALL);
}

/*
 * Counts leaves of own slabs only, because other slots may use those that could be taken from them.
 */
static int reserve_more(struct participant *p, uint64_t n)
{
    /*
     * Others may take what was just reserved, and push. If this repeats so
     * often, the slab table is damaged.
     */
    enum { ROUNDS = 64 };
    struct segment *s = &p->v->seg;
    const uint64_t per_slab = (uint64_t)s->l.slab_leaves << s->l.elem_shift;
    int err = segment_extend(s, &s->dir, leaf_entry_of(s, n - 1) + 1);
    for (uint32_t round = 0; !err && round < ROUNDS; round++) {
        const uint64_t have = capacity_in(s, p, REACH_OWN);
        if (have >= n)
            return 0;
        err = slab_reserve(s, p->me, (n - have - 1) / per_slab + 1);
    }
    return err ? err : -EBADMSG;
}

int memory_reserve(struct participant *p, uint64_t n)
{
    struct segment *s = &p->v->seg;
    if (!n)
        return 0;
    if (n > s->l.max_elems)
        return -EOVERFLOW;
    const int err = reserve_more(p, n);
    if (!err)
        return 0;
    recover_unheld(s, p->me);
    return capacity_in(s, p, REACH_ALL) >= n ? 0 : err;
}
