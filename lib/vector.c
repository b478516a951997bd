/*
 * vector.c - push, pop, get, set, clear: one element at a time.
 *
 * Every mutation has the same shape: load the head, resolve the leaf, prepare, attempt, and
 * after a loss start again. fast.h has push and pop for the case that nothing has happened
 * since this thread's last mutation.
 */
#include "vector.h"

#include "attempt.h"
#include "fast.h"
#include "leaf.h"
#include "reclaim.h"
#include "wait.h"

/*
 * Called after a win at the leaf of entry d that made the head `next`. `own`: both the leaf and the
 * descriptor that refers to it are ours.
 */
static void set_cursor(struct participant *p, uint64_t d, struct head next, struct leaf leaf, bool own)
{
    const struct layout *l = &p->v->seg.l;
    const uint64_t first = d << l->elem_shift, full = l->elem_mask + UINT64_C(1), most = l->max_elems - first;
    const uint64_t room = full < most ? full : most;
    if (thread_state.p != p)
        return; /* the slot is not this thread's; it is being recovered */
    thread_state.cursor = (struct cursor){.version = next.version,
                                          .packed = next.packed,
                                          .base = next.packed - head_size(next) + first,
                                          .room = own ? room : 0,
                                          .full = p->owes ? 0 : full,
                                          .leaf = leaf};
}

/* ---- push ------------------------------------------------------------------------------------ */

static int push_in_place(struct participant *p, const struct site *at, uint64_t n, const void *elem)
{
    struct segment *s = &p->v->seg;
    leaf_mark(&at->leaf, leaf_slot_of(s, n), 1, at->h);
    leaf_store(s, &at->leaf, leaf_slot_of(s, n), elem);
    struct head next;
    int won;
    if (at->in_effect.id >> 1 == p->me && desc_covers(&at->in_effect, at->d)) {
        won = attempt_keep(p, at->h, n + 1, &next);
    } else {
        const struct desc_plan plan = {.first = at->d, .count = 1, .entry = {{at->ref, 0}}};
        won = attempt_publish(p, at->h, &at->in_effect, n + 1, &plan, 0, &next);
    }
    if (won == ATTEMPT_WON)
        set_cursor(p, at->d, next, at->leaf, !slab_is_reserve(s, at->ref));
    return won;
}

/* Replaces the leaf of an entry by spare[0], which has been prepared. */
static int publish_spare(struct participant *p, const struct site *at, uint64_t size, const struct leaf *y)
{
    const struct desc_plan plan = {.first = at->d, .count = 1, .entry = {{p->spare[0], at->ref}}};
    /*
     * Enter before publishing: once the leaf is published, the owner
     * of its slab may store into it.
     */
    const bool own = !slab_is_reserve(&p->v->seg, p->spare[0]) && participant_enter(p, p->spare[0]);
    struct head next;
    const int won = attempt_publish(p, at->h, &at->in_effect, size, &plan, 1, &next);
    if (won == ATTEMPT_WON)
        set_cursor(p, at->d, next, *y, own);
    return won;
}

static int push_to_spare(struct participant *p, const struct site *at, uint64_t n, const void *elem)
{
    struct segment *s = &p->v->seg;
    struct leaf y;
    const uint32_t slot = leaf_slot_of(s, n);
    const int err = slab_locate(s, p->spare[0], &y);
    if (err)
        return err;
    leaf_prepare(s, &y, at->h, &at->leaf, slot, slot + 1);
    leaf_store(s, &y, slot, elem);
    return publish_spare(p, at, n + 1, &y);
}

static int push_once(struct participant *p, struct head h, const void *elem, uint64_t *index)
{
    struct segment *s = &p->v->seg;
    struct site at;
    const uint64_t n = *index = head_size(h), d = leaf_entry_of(s, n);
    int err = n < s->l.max_elems ? directory_ensure(s, d) : ATTEMPT_FULL;
    err = err ? err : attempt_site(p, h, d, &at);
    if (err)
        return err;
    /* Elements below but no leaf for them: the head has moved, and another participant trimmed. */
    if (!at.ref && leaf_slot_of(s, n))
        return ATTEMPT_LOST;
    if (attempt_may_store(p, &at))
        return push_in_place(p, &at, n, elem);
    if (UNLIKELY(!p->spares)) {
        err = participant_spares(p, 1);
        return err ? err : ATTEMPT_LOST; /* R1: load the head of the attempt after taking the spare */
    }
    return push_to_spare(p, &at, n, elem);
}

struct push_args {
    const void *elem;
    uint64_t index;
};

static int push_attempt(struct participant *p, struct head h, void *arg)
{
    struct push_args *a = arg;
    return push_once(p, h, a->elem, &a->index);
}

/*
 * Records each attempt in lease_return before it can win, so that recovery knows
 * whether the element went back.
 */
static int push_back_attempt(struct participant *p, struct head h, void *arg)
{
    atomic_store_explicit(&p->slot->lease_return, h.version + 1, memory_order_release);
    const int err = push_attempt(p, h, arg);
    /*
     * Making room before the next attempt moves the head, under versions that
     * must not be mistaken for this one.
     */
    if (err && err != ATTEMPT_LOST)
        atomic_store_explicit(&p->slot->lease_return, 0, memory_order_release);
    return err;
}

int vector_push_back(struct participant *p, const void *elem)
{
    struct push_args a = {.elem = elem};
    const int err = reclaim_attempt(p, LFVEC_OP_RETURN, push_back_attempt, &a);
    if (err)
        atomic_store_explicit(&p->slot->lease_return, 0, memory_order_release);
    else
        wait_wake(p->v->seg.control, 1);
    return err;
}

int vector_push(struct participant *p, const void *elem, uint64_t *index)
{
    struct push_args a = {.elem = elem};
    const int err = reclaim_attempt(p, LFVEC_OP_PUSH, push_attempt, &a);
    if (err)
        return err;
    wait_wake(p->v->seg.control, 1);
    attempt_count(&p->slot->pushes);
    if (index)
        *index = a.index;
    return 0;
}

/* ---- pop ------------------------------------------------------------------------------------- */

/*
 * Copies the element before the caller moves the head. A win proves that nothing happened since the
 * head was loaded, so the copy is valid.
 */
int vector_last(struct participant *p, struct head h, void *elem, struct site *at)
{
    const struct segment *s = &p->v->seg;
    const uint64_t n = head_size(h);
    if (!n) {
        thread_state.last_version = h.version;
        return -EAGAIN;
    }
    const int err = attempt_site(p, h, leaf_entry_of(s, n - 1), at);
    if (err)
        return err;
    if (!at->ref)
        return ATTEMPT_LOST;
    leaf_load(s, &at->leaf, leaf_slot_of(s, n - 1), elem);
    return 0;
}

static int pop_attempt(struct participant *p, struct head h, void *elem)
{
    struct site at;
    struct head next;
    const int err = vector_last(p, h, elem, &at);
    if (err)
        return err;
    const int won = attempt_keep(p, h, head_size(h) - 1, &next);
    if (won == ATTEMPT_WON) {
        const bool in_effect = at.in_effect.id >> 1 == p->me && desc_covers(&at.in_effect, at.d);
        /* The win proves that the leaf belongs to that head. */
        set_cursor(p, at.d, next, at.leaf, in_effect && participant_enter(p, at.ref));
    }
    return won;
}

int vector_pop(struct participant *p, void *elem)
{
    const int err = attempt_until(p, LFVEC_OP_POP, pop_attempt, elem);
    if (!err)
        attempt_count(&p->slot->pops);
    return err;
}

/* ---- get ------------------------------------------------------------------------------------- */

static int get_once(struct segment *s, struct head h, uint64_t index, void *elem)
{
    struct desc_view in_effect;
    struct leaf leaf;
    uint64_t ref;
    int err = desc_resolve(s, h, leaf_entry_of(s, index), &in_effect, &ref);
    if (err)
        return err;
    err = ref ? slab_locate(s, ref, &leaf) : DESC_RELOAD;
    if (err)
        return err;
    const uint32_t slot = leaf_slot_of(s, index);
    leaf_load(s, &leaf, slot, elem);
    return leaf_valid(&leaf, slot, 1, h) ? 0 : leaf_explained(s, &leaf) ? DESC_RELOAD : -EBADMSG;
}

int vector_get(struct lfvec *v, uint64_t index, void *elem)
{
    struct segment *s = &v->seg;
    struct retry retry = {0};
    for (;;) {
        const struct head h = head_load(s->control);
        if (index >= head_size(h)) {
            thread_state.last_version = h.version;
            return -ERANGE;
        }
        int err = get_once(s, h, index, elem);
        if (LIKELY(!err)) {
            thread_state.last_version = h.version;
            return 0;
        }
        err = err == DESC_RELOAD ? retry_reload(&retry, h) : err;
        if (err)
            return err;
    }
}

/* ---- set, compare-and-set, fetch-and-add, clear ---------------------------------------------- */

/*
 * An element is never changed in place, because readers may be copying it. The leaf is copied,
 * changed and published as in push, at the same size. `next` computes the new value from the
 * present one. It may refuse (a negative errno), and runs again after a loss.
 */
struct change {
    uint64_t index;
    int (*next)(struct change *c, const void *present, const void **elem);
    const void *elem;    /* set */
    uint64_t *expected;  /* cas */
    uint64_t operand;    /* cas: the new value; fetch_add: the delta */
    uint64_t old, value; /* cas, fetch_add */
};

static int set_next(struct change *c, const void *present, const void **elem)
{
    (void)present;
    *elem = c->elem;
    return 0;
}

static int cas_next(struct change *c, const void *present, const void **elem)
{
    memcpy(&c->old, present, sizeof c->old);
    *elem = &c->operand;
    return c->old == *c->expected ? 0 : -ECANCELED;
}

static int add_next(struct change *c, const void *present, const void **elem)
{
    memcpy(&c->old, present, sizeof c->old);
    c->value = c->old + c->operand;
    *elem = &c->value;
    return 0;
}

/* Copies the leaf's live elements to spare[0] and changes the one at the index there. */
static int change_leaf(struct participant *p, struct head h, struct change *c, const struct site *at)
{
    struct segment *s = &p->v->seg;
    struct leaf y;
    const void *elem;
    const uint64_t rest = head_size(h) - (at->d << s->l.elem_shift);
    const uint32_t live = rest <= s->l.elem_mask ? (uint32_t)rest : s->l.elem_mask + 1;
    int err = slab_locate(s, p->spare[0], &y);
    if (err)
        return err;
    leaf_prepare(s, &y, h, &at->leaf, live, live);
    unsigned char *slot = element_at(&s->l, y.data, leaf_slot_of(s, c->index));
    err = c->next(c, slot, &elem);
    if (err) { /* a refusal is a result, and like a get must be valid at h */
        thread_state.last_version = h.version;
        return leaf_valid(&at->leaf, leaf_slot_of(s, c->index), 1, h) ? err : ATTEMPT_LOST;
    }
    element_store(&s->l, slot, elem);
    return publish_spare(p, at, head_size(h), &y);
}

static int change_attempt(struct participant *p, struct head h, void *arg)
{
    struct change *c = arg;
    struct site at;
    if (c->index >= head_size(h)) {
        thread_state.last_version = h.version;
        return -ERANGE;
    }
    int err = attempt_site(p, h, leaf_entry_of(&p->v->seg, c->index), &at);
    if (err)
        return err;
    if (!at.ref)
        return ATTEMPT_LOST;
    if (!p->spares) {
        err = participant_spares(p, 1);
        return err ? err : ATTEMPT_LOST; /* R1 */
    }
    return change_leaf(p, h, c, &at);
}

static int change(struct participant *p, uint32_t kind, struct change *c)
{
    const int err = reclaim_attempt(p, kind, change_attempt, c);
    if (!err)
        attempt_count(&p->slot->sets);
    return err;
}

int vector_set(struct participant *p, uint64_t index, const void *elem)
{
    struct change c = {.index = index, .next = set_next, .elem = elem};
    return change(p, LFVEC_OP_SET, &c);
}

int vector_cas(struct participant *p, uint64_t index, uint64_t *expected, uint64_t desired)
{
    struct change c = {.index = index, .next = cas_next, .expected = expected, .operand = desired};
    const int err = change(p, LFVEC_OP_CAS, &c);
    if (err == -ECANCELED)
        *expected = c.old;
    return err;
}

int vector_fetch_add(struct participant *p, uint64_t index, uint64_t delta, uint64_t *old)
{
    struct change c = {.index = index, .next = add_next, .operand = delta};
    const int err = change(p, LFVEC_OP_FETCH_ADD, &c);
    if (!err && old)
        *old = c.old;
    return err;
}

/*
 * The leaves stay in the directory beyond the size, to be written again. As in pop,
 * the descriptor stays in effect.
 */
static int clear_attempt(struct participant *p, struct head h, void *unused)
{
    struct head next;
    (void)unused;
    return attempt_keep(p, h, 0, &next);
}

int vector_clear(struct participant *p)
{
    const int err = attempt_until(p, LFVEC_OP_CLEAR, clear_attempt, NULL);
    if (!err)
        attempt_count(&p->slot->clears);
    return err;
}
