/*
 * batch.c - see batch.h. A batch is what one descriptor can publish: the rest of the current leaf,
 * and as many more leaves as it has entries for. Longer calls consist of several batches.
 */
#include "batch.h"

#include "attempt.h"
#include "leaf.h"
#include "lfvec.h"
#include "reclaim.h"
#include "wait.h"

uint64_t batch_most(const struct segment *s)
{
    /* Wherever in a leaf the batch begins. */
    const uint64_t leaves = ((uint64_t)(SHM_DESC_LEAVES - 1) << s->l.elem_shift) + 1;
    return leaves < LFVEC_BATCH_MAX ? leaves : LFVEC_BATCH_MAX;
}

static size_t elem_bytes(const struct segment *s, size_t n)
{
    return n * s->l.elem_size;
}

/* ---- push_n ---------------------------------------------------------------------------------- */

struct batch {
    const unsigned char *from;
    uint64_t want;  /* requested; less when memory runs out */
    uint64_t n;     /* in this attempt: what fits at its head */
    uint64_t index; /* of the first element */
    struct desc_plan plan;
    uint32_t spent;   /* spares that the plan uses */
    bool nothing_new; /* the descriptor in effect already says what the plan says */
};

/*
 * One leaf of a batch: n elements from `slot` on, in place if the leaf
 * is ours, otherwise in a spare.
 */
static int batch_leaf(struct participant *p, const struct site *at, bool in_place, uint32_t slot, uint32_t n, const unsigned char *from,
                      struct batch *b)
{
    struct segment *s = &p->v->seg;
    struct leaf leaf = at->leaf;
    uint64_t ref = at->ref, old = 0;
    if (in_place) {
        leaf_mark(&leaf, slot, n, at->h);
    } else {
        ref = p->spare[b->spent];
        old = at->ref;
        const int err = slab_locate(s, ref, &leaf);
        if (err)
            return err;
        leaf_prepare(s, &leaf, at->h, &at->leaf, slot, slot + n);
        b->spent++;
    }
    element_store_run(&s->l, element_at(&s->l, leaf.data, slot), from, n);
    b->plan.entry[b->plan.count].leaf_ref = ref;
    b->plan.entry[b->plan.count++].old_ref = old;
    return 0;
}

/* All leaves of a batch. -ENOBUFS: not enough spares. */
static int batch_leaves(struct participant *p, struct head h, struct batch *b, struct site *at)
{
    struct segment *s = &p->v->seg;
    const uint64_t size = head_size(h);
    b->plan.first = leaf_entry_of(s, size);
    bool in_place = false;
    b->plan.count = b->spent = 0;
    for (uint64_t done = 0; done < b->n;) {
        const uint64_t d = leaf_entry_of(s, size + done);
        const uint32_t slot = leaf_slot_of(s, size + done), room = s->l.elem_mask + 1 - slot;
        const uint32_t n = b->n - done < room ? (uint32_t)(b->n - done) : room;
        int err = directory_ensure(s, d);
        err = err ? err : attempt_site(p, h, d, at);
        if (err)
            return err;
        if (!at->ref && slot)
            return ATTEMPT_LOST;
        in_place = attempt_may_store(p, at);
        if (!in_place && b->spent == p->spares)
            return -ENOBUFS;
        err = batch_leaf(p, at, in_place, slot, n, b->from + elem_bytes(s, done), b);
        if (err)
            return err;
        done += n;
    }
    b->nothing_new = b->plan.count == 1 && in_place && at->in_effect.id >> 1 == p->me && desc_covers(&at->in_effect, at->d);
    return 0;
}

static int batch_attempt(struct participant *p, struct head h, void *arg)
{
    struct batch *b = arg;
    struct segment *s = &p->v->seg;
    struct site at;
    struct head next;
    const uint64_t size = b->index = head_size(h);
    const uint64_t room = size < s->l.max_elems ? s->l.max_elems - size : 0;
    /* Computed again at each head: others may have made room, or used it. */
    b->n = b->want < room ? b->want : room;
    if (!b->n)
        return ATTEMPT_FULL;
    int err = batch_leaves(p, h, b, &at);
    if (err == -ENOBUFS) {
        err = participant_spares(p, p->spares + 1);
        return err ? err : ATTEMPT_LOST; /* R1 */
    }
    if (err)
        return err;
    if (b->nothing_new)
        return attempt_keep(p, h, size + b->n, &next);
    return attempt_publish(p, h, &at.in_effect, size + b->n, &b->plan, b->spent, &next);
}

/*
 * Pushes as much of one batch as there is room for. When memory runs
 * out, tries half of it, and so on.
 */
static int batch_push_some(struct participant *p, struct batch *b)
{
    for (;;) {
        const int err = reclaim_attempt(p, LFVEC_OP_PUSH_N, batch_attempt, b);
        if ((err != -ENOSPC && err != -EOVERFLOW) || b->n < 2)
            return err;
        b->want = b->n / 2;
    }
}

int64_t batch_push(struct participant *p, const void *elems, size_t n, uint64_t *first, struct lfvec_part *parts, size_t parts_most)
{
    struct segment *s = &p->v->seg;
    const uint64_t most = batch_most(s);
    size_t done = 0;
    for (size_t part = 0; done < n && part < parts_most; part++) {
        struct batch b = {.from = (const unsigned char *)elems + elem_bytes(s, done), .want = n - done < most ? n - done : most};
        const uint64_t asked = b.want;
        const int err = batch_push_some(p, &b);
        if (err)
            return done ? (int64_t)done : err;
        if (!part && first)
            *first = b.index;
        if (parts)
            parts[part] = (struct lfvec_part){b.index, b.n};
        done += b.n;
        wait_wake(s->control, b.n);
        atomic_store_explicit(&p->slot->pushes, atomic_load_explicit(&p->slot->pushes, memory_order_relaxed) + b.n, memory_order_relaxed);
        if (b.n < asked)
            break; /* no room for more */
    }
    return (int64_t)done;
}

/* ---- pop_n ----------------------------------------------------------------------------------- */

struct pop_batch {
    unsigned char *to;
    uint64_t n;
};

/* Copies the last element first. A win proves that the vector contained all of them. */
static int pop_batch_attempt(struct participant *p, struct head h, void *arg)
{
    struct pop_batch *b = arg;
    struct segment *s = &p->v->seg;
    struct site at;
    struct head next;
    const uint64_t size = head_size(h);
    if (!size) {
        thread_state.last_version = h.version;
        return -EAGAIN;
    }
    const uint64_t n = b->n < size ? b->n : size;
    for (uint64_t done = 0; done < n;) {
        const uint64_t last = size - 1 - done;
        const uint32_t slot = leaf_slot_of(s, last);
        const uint32_t run = n - done < slot + UINT64_C(1) ? (uint32_t)(n - done) : slot + 1;
        const int err = attempt_site(p, h, leaf_entry_of(s, last), &at);
        if (err || !at.ref)
            return err ? err : ATTEMPT_LOST;
        element_load_run_down(&s->l, b->to + elem_bytes(s, done), element_at(&s->l, at.leaf.data, slot), run);
        done += run;
    }
    const int won = attempt_keep(p, h, size - n, &next);
    if (won == ATTEMPT_WON)
        b->n = n;
    return won;
}

int64_t batch_pop(struct participant *p, void *elems, size_t n)
{
    struct segment *s = &p->v->seg;
    const uint64_t most = batch_most(s);
    size_t done = 0;
    while (done < n) {
        struct pop_batch b = {.to = (unsigned char *)elems + elem_bytes(s, done), .n = n - done < most ? n - done : most};
        const uint64_t asked = b.n, version = thread_state.last_version;
        const int err = attempt_until(p, LFVEC_OP_POP_N, pop_batch_attempt, &b);
        /*
         * The caller gets the previous batch, so the version stays that of that
         * batch, not of the empty vector.
         */
        if (err && done)
            thread_state.last_version = version;
        if (err)
            return done ? (int64_t)done : err;
        done += b.n;
        atomic_store_explicit(&p->slot->pops, atomic_load_explicit(&p->slot->pops, memory_order_relaxed) + b.n, memory_order_relaxed);
        if (b.n < asked)
            break; /* no elements left */
    }
    return (int64_t)done;
}

/* ---- get_n and snapshot ---------------------------------------------------------------------- */

/*
 * Copies slots [slot, slot + n) of the leaf that an entry had at head h. Returns 0,
 * DESC_RELOAD or a negative errno.
 */
static int copy_run(struct segment *s, struct head h, uint64_t ref, uint32_t slot, uint32_t n, unsigned char *to)
{
    struct leaf leaf;
    const int err = ref ? slab_locate(s, ref, &leaf) : DESC_RELOAD;
    if (err)
        return err;
    element_load_run(&s->l, to, element_at(&s->l, leaf.data, slot), n);
    return leaf_valid(&leaf, slot, n, h) ? 0 : leaf_explained(s, &leaf) ? DESC_RELOAD : -EBADMSG;
}

/*
 * Copies leaf by leaf, all at one head while that stays valid, because
 * writers need the head's cache line.
 */
int64_t batch_get(struct lfvec *v, uint64_t first, void *elems, size_t n)
{
    struct segment *s = &v->seg;
    struct desc_view in_effect;
    struct retry retry = {0};
    uint64_t ref, done = 0;
    struct head h = head_load(s->control);
    while (done < n) {
        const uint64_t size = head_size(h), at = first + done;
        thread_state.last_version = h.version;
        if (at >= size)
            return done ? (int64_t)done : -ERANGE;
        const uint32_t slot = leaf_slot_of(s, at);
        uint64_t run = s->l.elem_mask + UINT64_C(1) - slot;
        run = run < n - done ? run : n - done;
        run = run < size - at ? run : size - at;
        int err = desc_resolve(s, h, leaf_entry_of(s, at), &in_effect, &ref);
        err = err ? err : copy_run(s, h, ref, slot, (uint32_t)run, (unsigned char *)elems + elem_bytes(s, done));
        if (!err) {
            done += run;
        } else if (err == DESC_RELOAD) {
            err = retry_reload(&retry, h);
            h = head_load(s->control);
        }
        if (err < 0)
            return done ? (int64_t)done : err;
    }
    return (int64_t)done;
}

/*
 * Looks up the leaves before copying the first of them, because where they are becomes invalid
 * soonest. A writer that sets elements reuses the descriptor's buffer at its second set from now,
 * but a leaf that it replaced only after some more (slab.c, LEAF_TURNS).
 */
enum { SNAPSHOT_AHEAD = 64 }; /* leaves */

struct snapshot {
    struct head h;
    /* Entries and leaves of the descriptor in effect. */
    uint64_t first, count, covered[SHM_DESC_LEAVES];
};

static int snapshot_begin(struct segment *s, struct snapshot *o)
{
    struct desc_view v;
    const int err = desc_view(s, o->h, &v);
    if (err)
        return err;
    o->first = v.first;
    o->count = v.count;
    for (uint64_t i = 0; i < v.count && i < SHM_DESC_LEAVES; i++)
        o->covered[i] = desc_leaf(&v, v.first + i);
    if (!desc_unchanged(&v, o->h))
        return DESC_RELOAD;
    return v.count <= SHM_DESC_LEAVES ? 0 : -EBADMSG;
}

/*
 * Copies elements [first, end), of at most SNAPSHOT_AHEAD leaves, from the top downwards: the slots
 * that change most often are read first.
 */
static int snapshot_part(struct segment *s, const struct snapshot *o, uint64_t first, uint64_t end, unsigned char *to)
{
    const uint64_t low = leaf_entry_of(s, first), high = leaf_entry_of(s, end - 1);
    uint64_t ref[SNAPSHOT_AHEAD];
    int err = 0;
    for (uint64_t d = low; d <= high && !err; d++)
        if (d - o->first < o->count)
            ref[d - low] = o->covered[d - o->first];
        else
            err = directory_leaf(s, d, &ref[d - low]);
    for (uint64_t d = high + 1; d-- > low && !err;) {
        const uint64_t start = d << s->l.elem_shift, from = start > first ? start : first;
        err = copy_run(s, o->h, ref[d - low], leaf_slot_of(s, from), (uint32_t)(end - from), to + elem_bytes(s, from - first));
        end = from;
    }
    return err;
}

static int snapshot_once(struct segment *s, struct head h, uint64_t first, unsigned char *to, uint64_t n)
{
    struct snapshot o = {.h = h};
    int err = n ? snapshot_begin(s, &o) : 0;
    for (uint64_t end = first + n; end > first && !err;) {
        const uint64_t high = leaf_entry_of(s, end - 1), ahead = high < SNAPSHOT_AHEAD ? high : SNAPSHOT_AHEAD - 1;
        const uint64_t start = (high - ahead) << s->l.elem_shift, from = start > first ? start : first;
        err = snapshot_part(s, &o, from, end, to + elem_bytes(s, from - first));
        end = from;
    }
    return err;
}

/* SNAPSHOT_TRIES heads; SNAPSHOT_LOOKS copies at one head, each of which may be a gigabyte. */
enum { SNAPSHOT_TRIES = 1000, SNAPSHOT_LOOKS = 4 };

int batch_snapshot(struct lfvec *v, uint64_t first, void *elems, size_t n, uint64_t *version)
{
    struct segment *s = &v->seg;
    struct retry retry = {0};
    for (uint32_t moves = 0; moves < SNAPSHOT_TRIES;) {
        const struct head h = head_load(s->control);
        moves += h.version != retry.version;
        if (first > head_size(h) || n > head_size(h) - first)
            return -ERANGE;
        int err = snapshot_once(s, h, first, elems, n);
        if (!err) {
            thread_state.last_version = h.version;
            if (version)
                *version = h.version;
            return 0;
        }
        err = err == DESC_RELOAD ? retry_most(&retry, h, SNAPSHOT_LOOKS) : err;
        if (err)
            return err;
    }
    return -EAGAIN;
}
