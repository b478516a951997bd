/*
 * vector.c - push, pop, get, set, clear, reserve.
 *
 * Every mutation has the same shape: load the head, resolve the leaf, prepare, attempt, and on a loss begin again. The fast paths at the
 * top of push and pop are the same operations for the case that nothing has happened since this thread's last one (or nothing that
 * matters), as the cursor tells: then the leaf is at hand and there is nothing to publish.
 */
#include "vector.h"

#include "attempt.h"
#include "element.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static inline uint64_t entry_of(const struct segment *s, uint64_t index)
{
    return index >> s->l.elem_shift;
}

static inline uint32_t slot_of(const struct segment *s, uint64_t index)
{
    return (uint32_t)index & s->l.elem_mask;
}

/*
 * Stores an element beyond the size, in an own leaf that is in effect at head h.
 * R2: if the slot was used before, a reader with an older head may still be reading it. It will find dirty above its version. dirty is the
 * version of h and not one more: at h the slot is not live, so no reader needs it there; and if we stop here for ever, readers at h go on.
 */
static inline void store_in_place(const struct segment *s, const struct leaf *leaf, uint32_t slot, struct head h, const void *elem)
{
    if (slot < atomic_load_explicit(&leaf->meta->used, memory_order_relaxed)) {
        atomic_store_explicit(&leaf->meta->dirty, h.version, memory_order_relaxed);
        if (slot < atomic_load_explicit(&leaf->meta->stable, memory_order_relaxed))
            atomic_store_explicit(&leaf->meta->stable, slot, memory_order_relaxed);
    } else {
        atomic_store_explicit(&leaf->meta->used, slot + 1, memory_order_relaxed);
    }
    atomic_thread_fence(memory_order_release); /* SYNC: leaf-overwrite (release): whoever reads the new bytes finds the marks above */
    element_store(&s->l, element_at(&s->l, leaf->data, slot), elem);
}

/*
 * Prepares a spare for its new role from version s + 1 on: a copy of the first n slots of `from` (may be NULL), and room for the rest.
 * A reader that still looks at its former role finds a seq above its version.
 */
static void prepare_leaf(const struct segment *s, const struct leaf *y, struct head h, const struct leaf *from, uint32_t n, uint32_t used)
{
    atomic_store_explicit(&y->meta->seq, h.version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* SYNC: leaf-role (release) */
    atomic_store_explicit(&y->meta->dirty, 0, memory_order_relaxed);
    atomic_store_explicit(&y->meta->used, used, memory_order_relaxed);
    atomic_store_explicit(&y->meta->stable, UINT32_MAX, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* SYNC: leaf-overwrite (release) */
    if (from)
        element_copy(&s->l, y->data, from->data, n);
}

static void set_cursor(struct participant *p, uint64_t d, uint64_t version, struct leaf leaf, uint32_t desc)
{
    p->cursor = (struct cursor){.d = d, .version = version, .leaf = leaf, .desc = desc};
}

/* ---- push ------------------------------------------------------------------------------------------------------------------------------ */

/* All that an attempt to change entry d at head h needs to know. */
struct site {
    struct head h;
    uint64_t d;
    struct desc_view in_effect;
    uint64_t ref; /* its leaf; 0 = none */
    struct leaf leaf;
    bool mine;
};

static int find_site(struct participant *p, struct head h, uint64_t d, struct site *at)
{
    struct segment *s = &p->v->seg;
    at->h = h;
    at->d = d;
    int err = desc_resolve(s, h, d, &at->in_effect, &at->ref);
    if (err || !at->ref) {
        at->mine = false;
        return err;
    }
    err = slab_locate(s, at->ref, &at->leaf);
    at->mine = !err && slab_is_mine(s, at->ref, p->me);
    return err;
}

static int push_in_place(struct participant *p, const struct site *at, uint64_t n, const void *elem)
{
    struct segment *s = &p->v->seg;
    store_in_place(s, &at->leaf, slot_of(s, n), at->h, elem);
    if (at->in_effect.id >> 1 == p->me && desc_covers(&at->in_effect, at->d)) {
        const int won = attempt_keep(p, at->h, n + 1);
        if (won == ATTEMPT_WON)
            set_cursor(p, at->d, at->h.version + 1, at->leaf, at->in_effect.id);
        return won;
    }
    const struct desc_plan plan = {.first = at->d, .count = 1, .entry = {{at->ref, 0}}};
    const int won = attempt_publish(p, at->h, &at->in_effect, n + 1, &plan, 0);
    if (won == ATTEMPT_WON)
        set_cursor(p, at->d, at->h.version + 1, at->leaf, p->me * 2 + (head_desc(at->h) == p->me * 2));
    return won;
}

/* Replaces the leaf of an entry by spare[0], which has been prepared. */
static int publish_spare(struct participant *p, const struct site *at, uint64_t size, const struct leaf *y)
{
    const struct desc_plan plan = {.first = at->d, .count = 1, .entry = {{p->spare[0], at->ref}}};
    const int won = attempt_publish(p, at->h, &at->in_effect, size, &plan, 1);
    if (won == ATTEMPT_WON)
        set_cursor(p, at->d, at->h.version + 1, *y, p->me * 2 + (head_desc(at->h) == p->me * 2));
    return won;
}

static int push_to_spare(struct participant *p, const struct site *at, uint64_t n, const void *elem)
{
    struct segment *s = &p->v->seg;
    struct leaf y;
    const uint32_t slot = slot_of(s, n);
    const int err = slab_locate(s, p->spare[0], &y);
    if (err)
        return err;
    prepare_leaf(s, &y, at->h, slot ? &at->leaf : NULL, slot, slot + 1);
    element_store(&s->l, element_at(&s->l, y.data, slot), elem);
    return publish_spare(p, at, n + 1, &y);
}

/* One attempt. ATTEMPT_WON, ATTEMPT_LOST, DESC_RELOAD as -EAGAIN stand-in, or an error. */
static int push_once(struct participant *p, struct head h, const void *elem, uint64_t *index)
{
    struct segment *s = &p->v->seg;
    struct site at;
    const uint64_t n = *index = head_size(h), d = entry_of(s, n);
    int err = n < s->l.max_elems ? directory_ensure(s, d) : -EOVERFLOW;
    err = err ? err : find_site(p, h, d, &at);
    if (err)
        return err == DESC_RELOAD ? ATTEMPT_LOST : err;
    if (!at.ref && slot_of(s, n))
        return -EBADMSG; /* elements below, and no leaf that holds them */
    if (at.mine)
        return push_in_place(p, &at, n, elem);
    if (UNLIKELY(!p->spares)) {
        err = participant_spares(p, 1);
        return err ? err : ATTEMPT_LOST; /* R1: the head of the attempt is loaded after the spare was taken */
    }
    return push_to_spare(p, &at, n, elem);
}

/* What the slow paths share: attempts until one wins or fails. `once` sees a head that was loaded just now. */
typedef int attempt_fn(struct participant *p, struct head h, void *arg);

static int attempt_all(struct participant *p, attempt_fn *once, void *arg)
{
    struct backoff backoff = {0};
    struct retry retry = {0};
    for (;;) {
        const struct head h = head_load(p->v->seg.control);
        int done = once(p, h, arg);
        if (done == ATTEMPT_WON)
            return 0;
        if (done == ATTEMPT_LOST)
            done = retry_reload(&retry, h);
        if (done)
            return done;
        if (head_load(p->v->seg.control).version != h.version)
            attempt_lost(p, &backoff);
    }
}

/* Takes a slot if the thread has none, and gives an operation that fails the form of one that was never tried. */
static int attempt_until(struct lfvec *v, struct participant **p, attempt_fn *once, void *arg)
{
    const int saved = errno;
    int err = participant_get(v, p);
    if (!err) {
        err = attempt_all(*p, once, arg);
        if (err)
            attempt_clear_intent(*p);
    }
    errno = saved;
    return err;
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

static __attribute__((noinline)) int push_slow(struct lfvec *v, const void *elem, uint64_t *index)
{
    struct participant *p;
    struct push_args a = {.elem = elem};
    const int err = attempt_until(v, &p, push_attempt, &a);
    if (err)
        return err;
    attempt_count(&p->slot->pushes);
    if (index)
        *index = a.index;
    return 0;
}

int vector_push(struct lfvec *v, const void *elem, uint64_t *index)
{
    struct participant *p = thread_state.p;
    struct segment *s = &v->seg;
    if (UNLIKELY(thread_state.v != v))
        return push_slow(v, elem, index);
    const struct head h = head_load(s->control);
    const uint64_t n = head_size(h);
    if (UNLIKELY(!p->cursor.desc || head_desc(h) != p->cursor.desc || entry_of(s, n) != p->cursor.d || n >= s->l.max_elems))
        return push_slow(v, elem, index);
    store_in_place(s, &p->cursor.leaf, slot_of(s, n), h, elem);
    if (UNLIKELY(attempt_keep(p, h, n + 1) != ATTEMPT_WON))
        return push_slow(v, elem, index);
    p->cursor.version = h.version + 1;
    attempt_count(&p->slot->pushes);
    if (index)
        *index = n;
    return 0;
}

/* ---- pop ------------------------------------------------------------------------------------------------------------------------------- */

/*
 * The element is copied first and the head moved afterwards: a win proves that nothing has happened since the head was loaded, so the copy
 * is the element.
 */
static int pop_from(struct participant *p, struct head h, const struct leaf *leaf, void *elem)
{
    const struct segment *s = &p->v->seg;
    const uint64_t n = head_size(h);
    element_load(&s->l, element_at(&s->l, leaf->data, slot_of(s, n - 1)), elem);
    return attempt_keep(p, h, n - 1);
}

static int pop_attempt(struct participant *p, struct head h, void *elem)
{
    struct site at;
    const uint64_t n = head_size(h);
    if (!n) {
        thread_state.last_version = h.version;
        return -EAGAIN;
    }
    const int err = find_site(p, h, entry_of(&p->v->seg, n - 1), &at);
    if (err)
        return err == DESC_RELOAD ? ATTEMPT_LOST : err;
    if (!at.ref)
        return -EBADMSG;
    const int won = pop_from(p, h, &at.leaf, elem);
    const bool own = at.mine && at.in_effect.id >> 1 == p->me && desc_covers(&at.in_effect, at.d);
    if (won == ATTEMPT_WON)
        set_cursor(p, at.d, h.version + 1, at.leaf, own ? at.in_effect.id : 0);
    return won;
}

static __attribute__((noinline)) int pop_slow(struct lfvec *v, void *elem)
{
    struct participant *p;
    const int err = attempt_until(v, &p, pop_attempt, elem);
    if (!err)
        attempt_count(&p->slot->pops);
    return err;
}

int vector_pop(struct lfvec *v, void *elem)
{
    struct participant *p = thread_state.p;
    struct segment *s = &v->seg;
    if (UNLIKELY(thread_state.v != v))
        return pop_slow(v, elem);
    const struct head h = head_load(s->control);
    const struct cursor *c = &p->cursor;
    const uint64_t n = head_size(h);
    if (UNLIKELY(!n || entry_of(s, n - 1) != c->d || (h.version != c->version && (!c->desc || head_desc(h) != c->desc))))
        return pop_slow(v, elem);
    if (UNLIKELY(pop_from(p, h, &c->leaf, elem) != ATTEMPT_WON))
        return pop_slow(v, elem);
    p->cursor.version = h.version + 1;
    attempt_count(&p->slot->pops);
    return 0;
}

/* ---- get ------------------------------------------------------------------------------------------------------------------------------- */

/*
 * The copy was the element at head h iff the leaf had its role by then, and the slot was not overwritten after. seq is read last: a leaf
 * that takes a new role gets its new seq first and fresh marks afterwards, so fresh marks never go with an old seq.
 */
static inline bool still_valid(const struct leaf *leaf, uint32_t slot, struct head h)
{
    atomic_thread_fence(memory_order_acquire); /* SYNC: leaf-overwrite (acquire) */
    const bool kept = slot < atomic_load_explicit(&leaf->meta->stable, memory_order_relaxed) ||
                      atomic_load_explicit(&leaf->meta->dirty, memory_order_relaxed) <= h.version;
    atomic_thread_fence(memory_order_acquire); /* SYNC: leaf-role (acquire) */
    return kept && atomic_load_explicit(&leaf->meta->seq, memory_order_relaxed) <= h.version;
}

static int get_once(struct segment *s, struct head h, uint64_t index, void *elem)
{
    struct desc_view in_effect;
    struct leaf leaf;
    uint64_t ref;
    int err = desc_resolve(s, h, entry_of(s, index), &in_effect, &ref);
    if (err)
        return err;
    err = ref ? slab_locate(s, ref, &leaf) : DESC_RELOAD;
    if (err)
        return err;
    const uint32_t slot = slot_of(s, index);
    element_load(&s->l, element_at(&s->l, leaf.data, slot), elem);
    return still_valid(&leaf, slot, h) ? 0 : DESC_RELOAD;
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

/* ---- set, clear ------------------------------------------------------------------------------------------------------------------------ */

struct set_args {
    uint64_t index;
    const void *elem;
};

/* Never in place: readers may be at the element. The leaf is copied, changed and published, as in push, at the same size. */
static int set_attempt(struct participant *p, struct head h, void *arg)
{
    const struct set_args *a = arg;
    struct segment *s = &p->v->seg;
    struct site at;
    struct leaf y;
    const uint64_t n = head_size(h);
    if (a->index >= n)
        return -ERANGE;
    int err = find_site(p, h, entry_of(s, a->index), &at);
    if (err)
        return err == DESC_RELOAD ? ATTEMPT_LOST : err;
    if (!at.ref)
        return -EBADMSG;
    if (!p->spares) {
        err = participant_spares(p, 1);
        return err ? err : ATTEMPT_LOST;
    }
    err = slab_locate(s, p->spare[0], &y);
    if (err)
        return err;
    const uint64_t rest = n - (at.d << s->l.elem_shift);
    const uint32_t live = rest <= s->l.elem_mask ? (uint32_t)rest : s->l.elem_mask + 1;
    prepare_leaf(s, &y, h, &at.leaf, live, live);
    element_store(&s->l, element_at(&s->l, y.data, slot_of(s, a->index)), a->elem);
    return publish_spare(p, &at, n, &y);
}

int vector_set(struct lfvec *v, uint64_t index, const void *elem)
{
    struct participant *p;
    struct set_args a = {.index = index, .elem = elem};
    const int err = attempt_until(v, &p, set_attempt, &a);
    if (!err)
        attempt_count(&p->slot->sets);
    return err;
}

/* The leaves stay in the directory, beyond the size, to be written again; the descriptor in effect stays in effect, as in pop. */
static int clear_attempt(struct participant *p, struct head h, void *unused)
{
    (void)unused;
    return attempt_keep(p, h, 0);
}

int vector_clear(struct lfvec *v)
{
    struct participant *p;
    const int err = attempt_until(v, &p, clear_attempt, NULL);
    if (!err)
        attempt_count(&p->slot->clears);
    return err;
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------------------- */

static struct participant *participant_if_any(struct lfvec *v)
{
    for (struct participant *p = thread_state.all; p; p = p->thread_next)
        if (p->v == v)
            return p;
    return NULL;
}

/* Entries from the size on whose leaf the caller owns: they are written in place, at no cost in memory. */
static uint64_t own_tail(struct lfvec *v, const struct participant *p, struct head h)
{
    struct segment *s = &v->seg;
    struct desc_view in_effect;
    struct leaf leaf;
    uint64_t ref, d = entry_of(s, head_size(h));
    const uint64_t from = d;
    while (p && extent_covers(&s->dir, d) && desc_resolve(s, h, d, &in_effect, &ref) == 0 && ref && slab_locate(s, ref, &leaf) == 0 &&
           slab_is_mine(s, ref, p->me))
        d++;
    return d - from;
}

/* Leaves that the caller could take without more memory being committed. */
static uint64_t free_leaves(struct lfvec *v, const struct participant *p)
{
    struct segment *s = &v->seg;
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

uint64_t vector_capacity(struct lfvec *v)
{
    struct segment *s = &v->seg;
    const struct participant *p = participant_if_any(v);
    const struct head h = head_load(s->control);
    const uint64_t size = head_size(h);
    const uint64_t leaves = own_tail(v, p, h) + free_leaves(v, p);
    const uint64_t first = entry_of(s, size);
    (void)segment_extend_known(s, &s->dir, 0);
    uint64_t entries = first + leaves;
    const uint64_t ready = atomic_load_explicit(&s->dir.ready, memory_order_relaxed);
    entries = entries < ready ? entries : ready;
    uint64_t capacity = entries << s->l.elem_shift;
    capacity = capacity < s->l.max_elems ? capacity : s->l.max_elems;
    return capacity > size ? capacity : size;
}

int vector_reserve(struct lfvec *v, uint64_t n)
{
    struct segment *s = &v->seg;
    struct participant *p;
    int err = participant_get(v, &p);
    if (err || !n)
        return err;
    if (n > s->l.max_elems)
        return -EOVERFLOW;
    err = directory_ensure(s, entry_of(s, n - 1));
    while (!err) {
        const uint64_t have = vector_capacity(v);
        if (have >= n)
            break;
        for (uint64_t k = 0; !err && k <= (n - have - 1) / ((uint64_t)s->l.slab_leaves << s->l.elem_shift); k++)
            err = slab_reserve(s, p->me);
    }
    return err;
}
