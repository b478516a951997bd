/* memory.c - how much fits, making room in advance, giving room back. */
#include "memory.h"

#include "leaf.h"
#include "recover.h"

/*
 * The slot whose slabs the caller may use: its own, or, if it has none, the one that it would get.
 */
static uint32_t slot_of_caller(const struct segment *s, const struct participant *p)
{
    if (p)
        return p->me;
    for (uint32_t i = 1; i <= s->l.max_slots; i++)
        if (!slot_lock_seen(s, i).holder)
            return i;
    return 0;
}

/* Entries from the size on whose leaf slot `me` owns: they are written in place, at no cost in memory. */
static uint64_t own_tail(struct segment *s, uint32_t me, struct head h)
{
    struct desc_view in_effect;
    struct leaf leaf;
    uint64_t ref, d = leaf_entry_of(s, head_size(h));
    const uint64_t from = d;
    while (extent_covers(&s->dir, d) && desc_resolve(s, h, d, &in_effect, &ref) == 0 && ref && slab_locate(s, ref, &leaf) == 0 &&
           slab_is_mine(s, ref, me))
        d++;
    return d - from;
}

/* Leaves that slot `me` could take without more memory being committed. */
static uint64_t free_leaves(struct segment *s, uint32_t me)
{
    uint64_t n = 0;
    const uint64_t high = slab_high(s);
    for (uint64_t slab = 0; slab < high; slab++) {
        const uint64_t word = slab_word(s, slab);
        const uint32_t state = slab_word_state(word);
        if (state == SHM_SLAB_UNOWNED)
            n += s->l.slab_leaves;
        else if (state == SHM_SLAB_OWNED && slab_word_owner(word) == me && (slab_known(s, slab) || slab_learn(s, slab) == 0))
            n += slab_count_free(s, slab);
    }
    return n;
}

uint64_t memory_capacity(struct segment *s, const struct participant *p)
{
    (void)segment_extend_known(s, &s->slabtab, 0);
    (void)segment_extend_known(s, &s->dir, 0);
    const struct head h = head_load(s->control);
    const uint32_t me = slot_of_caller(s, p);
    const uint64_t size = head_size(h), spares = p ? p->spares : 0;
    uint64_t entries = leaf_entry_of(s, size) + own_tail(s, me, h) + free_leaves(s, me) + spares;
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
    int err = segment_extend(s, &s->dir, leaf_entry_of(s, n - 1) + 1);
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
    struct head next;
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
    const int won = any ? attempt_publish(p, h, &at.in_effect, head_size(h), &plan, 0, &next) : ATTEMPT_WON;
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
        err = attempt_until(p, LFVEC_OP_TRIM, trim_attempt, &a);
    if (err != -ENOENT)
        return err;
    (void)slab_release_empty(s, p->me);
    (void)recover_unheld(s, p->me);
    return slab_set_load(s, &p->slabs, p->me); /* without those released */
}

int memory_attempt(struct participant *p, uint32_t kind, attempt_fn *once, void *arg)
{
    int err = attempt_until(p, kind, once, arg);
    if (err == -ENOSPC || err == -EOVERFLOW) {
        const int saved = errno;
        const int trimmed = memory_trim(p);
        errno = saved;
        err = trimmed ? err : attempt_until(p, kind, once, arg);
    }
    return err == ATTEMPT_FULL ? -EOVERFLOW : err;
}
