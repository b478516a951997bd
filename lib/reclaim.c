/*
 * reclaim.c - see reclaim.h.
 *
 * All memory without elements can be reclaimed, wherever it is: leaves beyond the size (trimmed),
 * what slots without a holder left (recovered and stripped), and free leaves in other slots' slabs
 * (the slab is taken over). A live participant keeps only the one slab that it works in.
 */
#include "reclaim.h"

#include "leaf.h"
#include "recover.h"
#include "slot.h"

/*
 * Trim: removes the leaves of entries beyond the size, a descriptor full at a time, from the end of
 * the directory downwards. The size may change meanwhile: each attempt reads it again and spares
 * entries that have come into use.
 */
struct trim_args {
    uint64_t below; /* entries from here on are done */
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

/* Trims all entries beyond the size. Returns 0 or a negative errno. */
static int trim_idle(struct participant *p)
{
    struct segment *s = &p->v->seg;
    (void)segment_extend_known(s, &s->dir, 0);
    struct trim_args a = {.below = atomic_load_explicit(&s->dir.ready, memory_order_relaxed)};
    int err = 0;
    while (!err)
        err = attempt_until(p, LFVEC_OP_TRIM, trim_attempt, &a);
    return err == -ENOENT ? 0 : err;
}

int reclaim_trim(struct participant *p)
{
    struct segment *s = &p->v->seg;
    const int err = trim_idle(p);
    if (err)
        return err;
    participant_return_spares(p);
    participant_forget_leaf(p);
    (void)slab_release_empty(s, p->me);
    recover_unheld(s, p->me);
    return slab_set_load(s, &p->slabs, p->me); /* without those released */
}

/* ---- taking slabs over ----------------------------------------------------------------------- */

/* Moves the head and changes nothing else, so that attempts prepared at the former head fail. */
static int move_attempt(struct participant *p, struct head h, void *unused)
{
    struct head next;
    (void)unused;
    return attempt_keep(p, h, head_size(h), &next);
}

/*
 * R6. Moves the head between the offer and the take-over. The owner may have stored into leaves of
 * the slab for an attempt that it has not made yet; that attempt fails, and before the next one the
 * owner sees that the slab is ours. Returns 1 if the slab is ours, 0 if not, or a negative errno.
 */
static int take_over(struct participant *p, uint64_t slab)
{
    struct segment *s = &p->v->seg;
    uint64_t word;
    if ((!slab_known(s, slab) && slab_learn(s, slab) != 0) || !slab_offer(s, p->me, slab, &word))
        return 0;
    int err = attempt_until(p, LFVEC_OP_TRIM, move_attempt, NULL);
    if (err)
        return err;
    participant_forget_leaf(p);
    if (!slab_take_over(s, p->me, slab, word))
        return 0;
    /* If this fails, the slab table still says that the slab is ours. */
    err = slab_set_add(&p->slabs, slab);
    return err ? err : 1;
}

/*
 * Takes over the slab of the leaf that the next push would use, so
 * that the push may store in place.
 */
static int take_top(struct participant *p)
{
    struct segment *s = &p->v->seg;
    const struct head h = head_load(s->control);
    const uint64_t d = leaf_entry_of(s, head_size(h));
    struct site at;
    if (!extent_covers(&s->dir, d) || attempt_site(p, h, d, &at) != 0 || !at.ref || slab_is_reserve(s, at.ref))
        return 0;
    return take_over(p, leaf_ref_slab(at.ref));
}

/* Finds another slot's slab with the most free leaves. False if none has any. */
static bool best_slab(struct segment *s, uint32_t me, uint64_t *best)
{
    const uint64_t high = slab_high(s);
    uint64_t most = 0;
    struct slab_budget budget = {0};
    for (uint64_t slab = 0; slab < high && most < s->l.slab_leaves - s->l.slab_leaves / SHM_RESERVE; slab++) {
        const uint64_t word = slab_word(s, slab);
        const uint32_t owner = slab_word_owner(word);
        if (slab_word_state(word) != SHM_SLAB_OWNED || owner == me || !slot_exists(s, owner) || slab_works_in(s, owner, slab))
            continue;
        const uint64_t unused = slab_has_memory(s, slab, &budget) ? slab_count_free(s, slab) : 0;
        if (unused > most) {
            most = unused;
            *best = slab;
        }
    }
    return most != 0;
}

enum { TAKE_TRIES = 8 }; /* each failure is another taker's success, or an owner that came back */

static int take_best(struct participant *p)
{
    uint64_t slab;
    int got = 0;
    for (uint32_t tries = 0; tries < TAKE_TRIES && !got && best_slab(&p->v->seg, p->me, &slab); tries++)
        got = take_over(p, slab);
    return got;
}

/* ---- when an operation finds no memory ------------------------------------------------------- */

static uint64_t mix(uint64_t sum, uint64_t x)
{
    sum = (sum ^ x) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

/*
 * A number that changes whenever memory may have become available: the head moves; a holder comes,
 * leaves or dies; a winner finishes its frees (intent), an owner leaves a slab (work), or spares go
 * back. Slots without a holder are left out, because all that they had was available before. Costs
 * a few loads a slot and no system call.
 */
static uint64_t state_of(const struct segment *s)
{
    uint64_t sum = head_version(s->control);
    for (uint32_t i = 1; i <= s->l.max_slots; i++) {
        const struct shm_slot *slot = slot_at(s, i);
        const struct life_mark mark = slot_mark(s, i);
        const int32_t pid = atomic_load_explicit(&slot->pid, memory_order_relaxed);
        if (!mark.holder && !mark.orphaned && !pid)
            continue;
        sum = mix(mix(sum, (uint64_t)i << 32 | (uint32_t)pid), mark.raw);
        sum = mix(sum, atomic_load_explicit(&slot->intent, memory_order_acquire));
        sum = mix(sum, atomic_load_explicit(&slot->work, memory_order_relaxed));
        sum = mix(sum, atomic_load_explicit(&slot->spare_ref[0], memory_order_relaxed));
    }
    return sum;
}

/*
 * Makes memory available to p. Returns 1, 0 if there is none, or a negative errno. Cheap if nothing
 * has changed since the last time it found none.
 */
static int reclaim_any(struct participant *p)
{
    struct segment *s = &p->v->seg;
    const uint64_t state = state_of(s);
    uint64_t ref;
    if (state == p->no_memory)
        return 0;
    int got = take_top(p);
    if (got)
        return got;
    recover_unheld(s, p->me);
    got = trim_idle(p);
    if (got)
        return got;
    slab_rewind_hints(s);
    participant_forget_leaf(p); /* we may work in another slab afterwards */
    if (slab_find(s, &p->slabs, p->me, &ref) == 0 || slab_find_all(s, &p->slabs, p->me, &ref))
        return 1;
    got = take_best(p);
    p->no_memory = got ? 0 : state;
    return got;
}

/*
 * Keeps the caller's errno. System calls in here may fail for lack of memory, and the operation
 * reports an error of its own for that.
 */
static int reclaim(struct participant *p)
{
    const int saved = errno;
    const int got = reclaim_any(p);
    errno = saved;
    return got;
}

int reclaim_attempt(struct participant *p, uint32_t kind, attempt_fn *once, void *arg)
{
    /* A batch may need this many leaves, each from another slab. */
    enum { TRIES = SHM_DESC_LEAVES + 2 };
    bool reserve = false;
    int err = attempt_until(p, kind, once, arg);
    for (uint32_t tries = 0; (err == -ENOSPC || err == -EOVERFLOW) && tries < TRIES; tries++) {
        const int got = reclaim(p);
        const bool more = got > 0 || (kind == LFVEC_OP_RETURN && !reserve && (reserve = participant_use_reserve(p)));
        if (!more && got == -ENOMEM)
            err = got; /* only this process lacks room: another caller may have it */
        if (!more)
            break;
        err = attempt_until(p, kind, once, arg);
    }
    /* A reserved leaf is not kept as a spare: it has only one use. */
    if (err == -ENOSPC || err == -EOVERFLOW || reserve)
        participant_return_spares(p);
    return err == ATTEMPT_FULL ? -EOVERFLOW : err;
}
