/* memory.c - how much fits, making room in advance, giving room back. */
#include "memory.h"

#include "attempt.h"
#include "leaf.h"
#include "recover.h"

/* Entries from the size on whose leaf the caller owns: they are written in place, at no cost in memory. */
static uint64_t own_tail(struct segment *s, const struct participant *p, struct head h)
{
    struct desc_view in_effect;
    struct leaf leaf;
    uint64_t ref, d = leaf_entry_of(s, head_size(h));
    const uint64_t from = d;
    while (p && extent_covers(&s->dir, d) && desc_resolve(s, h, d, &in_effect, &ref) == 0 && ref && slab_locate(s, ref, &leaf) == 0 &&
           slab_is_mine(s, ref, p->me))
        d++;
    return d - from;
}

/* Leaves that the caller could take without more memory being committed. */
static uint64_t free_leaves(struct segment *s, const struct participant *p)
{
    uint64_t n = p ? p->spares : 0;
    (void)segment_extend_known(s, &s->slabtab, 0);
    const uint64_t high = slab_high(s);
    for (uint64_t slab = 0; slab < high; slab++) {
        const uint64_t word = slab_word(s, slab);
        if (slab_word_state(word) == SHM_SLAB_UNOWNED)
            n += s->l.slab_leaves;
    }
    for (uint32_t i = 0; p && i < p->slabs.count; i++)
        n += slab_count_free(s, p->slabs.slab[i]);
    return n;
}

uint64_t memory_capacity(struct segment *s, const struct participant *p)
{
    const struct head h = head_load(s->control);
    const uint64_t size = head_size(h);
    const uint64_t leaves = own_tail(s, p, h) + free_leaves(s, p);
    const uint64_t first = leaf_entry_of(s, size);
    (void)segment_extend_known(s, &s->dir, 0);
    uint64_t entries = first + leaves;
    const uint64_t ready = atomic_load_explicit(&s->dir.ready, memory_order_relaxed);
    entries = entries < ready ? entries : ready;
    uint64_t capacity = entries << s->l.elem_shift;
    capacity = capacity < s->l.max_elems ? capacity : s->l.max_elems;
    return capacity > size ? capacity : size;
}

int memory_reserve(struct participant *p, uint64_t n)
{
    struct segment *s = &p->v->seg;
    if (!n)
        return 0;
    if (n > s->l.max_elems)
        return -EOVERFLOW;
    int err = directory_ensure(s, leaf_entry_of(s, n - 1));
    while (!err) {
        const uint64_t have = memory_capacity(s, p);
        if (have >= n)
            break;
        for (uint64_t k = 0; !err && k <= (n - have - 1) / ((uint64_t)s->l.slab_leaves << s->l.elem_shift); k++)
            err = slab_reserve(s, p->me);
    }
    return err;
}

/*
 * Trim: entries beyond the size lose their leaves, a descriptor full at a time, from the end of the directory downwards. The size may move
 * meanwhile: each attempt looks anew, and leaves alone what has come into use.
 */
struct trim_args {
    uint64_t below; /* entries from here on have been dealt with */
};

static int trim_attempt(struct participant *p, struct head h, void *arg)
{
    struct trim_args *a = arg;
    struct segment *s = &p->v->seg;
    const uint64_t live = (head_size(h) + s->l.elem_mask) >> s->l.elem_shift;
    struct desc_plan plan = {.count = 0};
    struct site at;
    uint64_t any = 0;
    if (a->below <= live)
        return -ENOENT; /* done */
    plan.first = a->below - live > SHM_DESC_LEAVES ? a->below - SHM_DESC_LEAVES : live;
    for (uint64_t d = plan.first; d < a->below; d++) {
        const int err = attempt_site(p, h, d, &at);
        if (err)
            return err;
        any |= plan.entry[plan.count].old_ref = at.ref;
        plan.entry[plan.count++].leaf_ref = 0;
    }
    const int won = any ? attempt_publish(p, h, &at.in_effect, head_size(h), &plan, 0) : ATTEMPT_WON;
    if (won == ATTEMPT_WON)
        a->below = plan.first;
    return won;
}

int memory_trim(struct participant *p)
{
    struct segment *s = &p->v->seg;
    (void)segment_extend_known(s, &s->dir, 0);
    struct trim_args a = {.below = atomic_load_explicit(&s->dir.ready, memory_order_relaxed)};
    int err = 0;
    while (!err)
        err = attempt_until(p, trim_attempt, &a);
    if (err != -ENOENT)
        return err;
    (void)slab_release_empty(s, p->me);
    (void)recover_unheld(s);
    return slab_set_load(s, &p->slabs, p->me); /* without those released */
}
