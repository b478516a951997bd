/*
 * audit.c - checks that every leaf of a committed slab is referenced exactly once, or free.
 *
 * A pass reads the slots, the directory and the bitmaps in turn, while others work. A verdict of
 * damage must be right, so each fault is one of three kinds:
 *
 *   sure    What was read is impossible at any moment, whatever changed meanwhile. References are
 *           compared with the segment as it is after they were read, because their writer made
 *           what they refer to first.
 *   still   What was read is impossible at one head, and the head was the same before and after.
 *   a leak  As still. But leaves are also taken and given back without a new head, so the leaf in
 *           question is checked many more times.
 *
 * Two passes in a row must find the same fault. Reads only.
 */
#include "audit.h"

#include "control.h"
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES_MOST = 32, LEAK_LOOKS = 64 };
enum { MARK_LIVE = 1, MARK_SPARE = 2, MARK_IN_FLIGHT = 4 }; /* what refers to a leaf */

struct pass {
    struct segment *s;
    struct head h;
    struct lfvec_audit *out;
    uint8_t *mark; /* [slab * slab_leaves + leaf], for slabs below high */
    uint64_t high;
    /* No verdict: no private memory, or parts lie beyond what RLIMIT_AS let this process map. */
    int err;
    bool head_bound; /* the fault is void if the head has moved since */
    bool moving;     /* a slot changed while it was read: only a sure fault counts */
};

static bool report(struct pass *p, uint32_t fault, uint64_t where, const char *format, ...) __attribute__((format(printf, 4, 5)));
static bool report_still(struct pass *p, uint32_t fault, uint64_t where, const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Always returns false, for `return report(...)`; so does the next one. Only the
 * first fault of a pass is kept.
 */
static bool report_any(struct pass *p, bool head_bound, uint32_t fault, uint64_t where, const char *format, va_list ap)
{
    if (p->out->fault)
        return false;
    p->head_bound = head_bound;
    p->out->fault = fault;
    p->out->where = where;
    vsnprintf(p->out->message, sizeof p->out->message, format, ap);
    return false;
}

/* Reports a state that is impossible at any moment. */
static bool report(struct pass *p, uint32_t fault, uint64_t where, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    (void)report_any(p, false, fault, where, format, ap);
    va_end(ap);
    return false;
}

static bool head_is_still(const struct pass *p)
{
    return head_version(p->s->control) == p->h.version;
}

/*
 * Reports a state that is impossible if the head is still the one that the pass began with. Returns
 * true, and reports nothing, if it has moved.
 */
static bool report_still(struct pass *p, uint32_t fault, uint64_t where, const char *format, ...)
{
    va_list ap;
    if (!head_is_still(p))
        return true;
    va_start(ap, format);
    (void)report_any(p, true, fault, where, format, ap);
    va_end(ap);
    return false;
}

/* An audit reports in its own structure. The sentence of the thread's last error stays. */
static int header_verdict(const struct segment *s, struct layout *l)
{
    char kept[512];
    struct shm_header h; /* a copy: the checked values must not change before their use */
    snprintf(kept, sizeof kept, "%s", error_text());
    memcpy(&h, s->base, sizeof h);
    const int err = segment_check_header(&h, s->object_bytes, s->name, s->read_only, l);
    return error_set(err, "%s", kept);
}

static bool check_header(struct pass *p)
{
    struct layout l;
    memset(&l, 0, sizeof l);
    if (header_verdict(p->s, &l) != 0 || l.max_bytes != p->s->l.max_bytes || l.dir_off != p->s->l.dir_off ||
        l.slabs_off != p->s->l.slabs_off)
        return report(p, LFVEC_FAULT_HEADER, 0, "the header is damaged or was exchanged since this process attached");
    return true;
}

static bool check_control(struct pass *p)
{
    struct control_fault f;
    const int err = control_check(p->s, p->h, &f);
    if (err == -EBADMSG)
        return report(p, f.fault, f.where, "%s", f.message);
    p->err = err;
    return !err;
}

/* Reads the word again after the check: if it has changed, the verdict was about a former value. */
static bool check_slab_word(struct pass *p, uint64_t slab)
{
    const uint64_t word = slab_word(p->s, slab);
    const uint32_t state = slab_word_state(word), owner = slab_word_owner(word);
    const bool owned = state == SHM_SLAB_CLAIMED || state == SHM_SLAB_OWNED;
    if (state > SHM_SLAB_UNOWNED || (owned && !slot_exists(p->s, owner)) || (!owned && owner))
        return report(p, LFVEC_FAULT_SLAB, slab, "slab %llu has the table entry 0x%llx, which makes no sense", (unsigned long long)slab,
                      (unsigned long long)word);
    const int err = (state == SHM_SLAB_OWNED || state == SHM_SLAB_UNOWNED) && !slab_known(p->s, slab) ? slab_learn(p->s, slab) : 0;
    if (err == -EBADMSG && slab_word(p->s, slab) == word)
        return report(p, LFVEC_FAULT_SLAB, slab, "slab %llu is said to have memory, and has none", (unsigned long long)slab);
    p->err = err && err != -EBADMSG ? err : p->err;
    return true;
}

/* Reads how large the segment is now. Others may have extended it. */
static void look_again(struct pass *p)
{
    const int err = segment_extend_known(p->s, &p->s->slabtab, 0);
    const uint64_t high = slab_high(p->s), leaves = p->s->l.slab_leaves;
    if (err && err != -EBADMSG)
        p->err = err;
    if (high <= p->high)
        return;
    uint8_t *mark = p->mark ? realloc(p->mark, high * leaves) : calloc(high, leaves);
    if (!mark) {
        p->err = -ENOMEM;
        return;
    }
    if (p->mark)
        memset(mark + p->high * leaves, 0, (high - p->high) * leaves);
    p->mark = mark;
    p->high = high;
}

/*
 * NULL if the reference is invalid, or if we cannot follow it (p->err). It was read with acquire
 * order, so we see all that its writer knew of the segment.
 */
static uint8_t *mark_of(struct pass *p, uint64_t ref)
{
    struct leaf leaf;
    const int err = slab_locate(p->s, ref, &leaf);
    if (err && err != -EBADMSG)
        p->err = err;
    if (err)
        return NULL;
    if (leaf_ref_slab(ref) >= p->high)
        look_again(p);
    if (leaf_ref_slab(ref) >= p->high)
        return NULL;
    return &p->mark[leaf_ref_slab(ref) * p->s->l.slab_leaves + (ref & 0xffff)];
}

static uint64_t load(const shm_u64 *at)
{
    return atomic_load_explicit(at, memory_order_acquire);
}

static bool mark_held(struct pass *p, uint32_t slot, uint64_t ref, uint8_t how)
{
    uint8_t *m = ref ? mark_of(p, ref) : NULL;
    if (m)
        *m |= how;
    if (!ref || m)
        return true;
    return !p->err &&
           report(p, LFVEC_FAULT_SLOT, slot, "slot %u refers to leaf 0x%llx, which does not exist", slot, (unsigned long long)ref);
}

/* The leaves of an unfinished operation. They do not change while the intent names their buffer. */
struct flight {
    uint64_t intent, count; /* count 0: none */
    uint64_t ref[2 * SHM_DESC_LEAVES];
};

/* False if its owner went on meanwhile: what was read may mix two operations. */
static bool read_flight(const struct shm_slot *slot, struct flight *f)
{
    f->intent = load(&slot->intent);
    f->count = 0;
    if (!f->intent)
        return true;
    const struct shm_desc *d = &slot->desc[f->intent & 1];
    f->count = load(&d->count);
    for (uint64_t k = 0; k < f->count && k < SHM_DESC_LEAVES; k++) {
        f->ref[2 * k] = load(&d->entry[k].leaf_ref);
        f->ref[2 * k + 1] = load(&d->entry[k].old_ref);
    }
    return load(&slot->intent) == f->intent;
}

/*
 * A leaf of an unfinished operation may be published already, or replaced and
 * not yet freed. Both are valid.
 */
static bool mark_flight(struct pass *p, uint32_t i, const struct shm_slot *slot)
{
    struct flight f;
    if (!read_flight(slot, &f)) {
        p->moving = true;
        return true;
    }
    if (f.count > SHM_DESC_LEAVES)
        return report(p, LFVEC_FAULT_SLOT, i, "slot %u has a descriptor of %llu leaves", i, (unsigned long long)f.count);
    bool sound = true;
    for (uint64_t k = 0; k < 2 * f.count && sound; k++)
        sound = mark_held(p, i, f.ref[k], MARK_IN_FLIGHT);
    return sound;
}

static bool mark_slot(struct pass *p, uint32_t i)
{
    const struct shm_slot *slot = slot_at(p->s, i);
    bool sound = mark_flight(p, i, slot);
    for (uint32_t k = 0; k < SHM_DESC_LEAVES && sound; k++)
        sound = mark_held(p, i, load(&slot->spare_ref[k]), MARK_SPARE);
    /*
     * SYNC: committed (acquire): before the head, which is read only if needed,
     * to leave its line to the writers
     */
    const uint64_t committed = atomic_load_explicit(&slot->committed, memory_order_acquire);
    if (sound && committed > p->h.version && committed > head_load(p->s->control).version)
        return report(p, LFVEC_FAULT_SLOT, i, "slot %u claims a version newer than the head", i);
    return sound;
}

/* True if the slot holds this leaf, or may hold it because the slot changed while it was read. */
static bool slot_holds(const struct segment *s, uint32_t i, uint64_t ref)
{
    const struct shm_slot *slot = slot_at(s, i);
    struct flight f;
    bool holds = !read_flight(slot, &f);
    for (uint64_t k = 0; k < 2 * f.count && k < 2 * SHM_DESC_LEAVES && !holds; k++)
        holds = f.ref[k] == ref;
    for (uint32_t k = 0; k < SHM_DESC_LEAVES && !holds; k++)
        holds = load(&slot->spare_ref[k]) == ref;
    return holds;
}

static bool mark_entry(struct pass *p, uint64_t d, uint64_t ref, uint64_t stamp)
{
    const uint64_t live = (head_size(p->h) + p->s->l.elem_mask) >> p->s->l.elem_shift;
    struct leaf leaf;
    if (!ref)
        return d >= live ||
               report_still(p, LFVEC_FAULT_DIRECTORY, d, "directory entry %llu is below the size and has no leaf", (unsigned long long)d);
    uint8_t *m = mark_of(p, ref);
    if (!m)
        return !p->err && report(p, LFVEC_FAULT_DIRECTORY, d, "directory entry %llu refers to leaf 0x%llx, which does not exist",
                                 (unsigned long long)d, (unsigned long long)ref);
    if (*m & MARK_LIVE)
        return report_still(p, LFVEC_FAULT_TWICE, d, "leaf 0x%llx is referenced twice, the second time by entry %llu",
                            (unsigned long long)ref, (unsigned long long)d);
    *m |= MARK_LIVE;
    (void)slab_locate(p->s, ref, &leaf);
    if (stamp > p->h.version || atomic_load_explicit(&leaf.meta->seq, memory_order_relaxed) > p->h.version)
        return report_still(p, LFVEC_FAULT_DIRECTORY, d, "directory entry %llu or its leaf is newer than the head", (unsigned long long)d);
    p->out->leaves_live += d < live;
    p->out->leaves_idle += d >= live;
    return true;
}

static bool mark_directory(struct pass *p)
{
    struct desc_view v;
    const uint64_t entries = p->s->dir.ready;
    int err = desc_view(p->s, p->h, &v);
    if (err || v.count > SHM_DESC_LEAVES || !desc_unchanged(&v, p->h)) {
        if (!report_still(p, LFVEC_FAULT_DIRECTORY, v.id, "the descriptor in effect cannot be read"))
            return false;
        v.count = 0; /* no longer in effect: judge by the directory alone */
    }
    for (uint64_t d = 0; d < entries; d++) {
        const struct shm_entry *e = directory_entry(p->s, d);
        uint64_t stamp = atomic_load_explicit(&e->stamp, memory_order_acquire);
        uint64_t ref = atomic_load_explicit(&e->leaf_ref, memory_order_acquire);
        if (desc_covers(&v, d)) {
            ref = desc_leaf(&v, d);
            stamp = v.since;
        }
        if (!mark_entry(p, d, ref, stamp))
            return false;
    }
    return true;
}

/*
 * True if the leaf is taken and nothing refers to it. A leaf is recorded in a slot before its bit
 * is set, and until after the bit is cleared; a record that moves exists at its new place before
 * the old one goes. So one look can miss a record that moved past us, or a leaf that was given
 * back and taken again between our looks. That does not happen every time. Entries of the
 * directory change with the head only.
 */
static bool is_lost(const struct pass *p, uint64_t ref)
{
    bool lost = true;
    for (uint32_t look = 0; look < LEAK_LOOKS && lost; look++) {
        lost = slab_taken(p->s, ref) && head_is_still(p);
        for (uint32_t i = 1; i <= p->s->l.max_slots && lost; i++)
            lost = !slot_holds(p->s, i, ref);
    }
    return lost && slab_taken(p->s, ref);
}

static bool judge_leaf(struct pass *p, uint64_t ref, uint8_t mark)
{
    const bool taken = slab_taken(p->s, ref);
    if (mark & MARK_LIVE && !taken)
        return report_still(p, LFVEC_FAULT_FREE, ref, "leaf 0x%llx holds elements and is marked free", (unsigned long long)ref);
    if (mark & MARK_LIVE && mark & MARK_SPARE && !(mark & MARK_IN_FLIGHT))
        return report_still(p, LFVEC_FAULT_TWICE, ref, "leaf 0x%llx holds elements and is a spare", (unsigned long long)ref);
    p->out->leaves_free += !taken;
    p->out->leaves_held += taken && !(mark & MARK_LIVE) && mark;
    if (!taken || mark)
        return true;
    /* If there are several, only the first is checked so closely. */
    if (!p->moving && !p->out->fault)
        p->moving = !is_lost(p, ref);
    if (p->moving)
        return true;
    p->out->leaves_lost++;
    return report_still(p, LFVEC_FAULT_LEAK, ref, "leaf 0x%llx is in use, and nothing refers to it", (unsigned long long)ref);
}

static void judge_leaves(struct pass *p)
{
    for (uint64_t slab = 0; slab < p->high; slab++) {
        const uint32_t state = slab_word_state(slab_word(p->s, slab));
        /* The word may have changed since it was checked: do not read where there is no memory. */
        if (state < SHM_SLAB_OWNED || !slab_known(p->s, slab))
            continue;
        for (uint32_t i = 0; i < p->s->l.slab_leaves; i++)
            (void)judge_leaf(p, leaf_ref_make(slab, i), p->mark[slab * p->s->l.slab_leaves + i]);
    }
}

static void look_at_all(struct pass *p)
{
    bool sound = check_header(p) && check_control(p);
    look_again(p);
    for (uint64_t slab = 0; slab < p->high && sound && !p->err; slab++)
        sound = check_slab_word(p, slab);
    for (uint32_t i = 1; i <= p->s->l.max_slots && sound && !p->err; i++)
        sound = mark_slot(p, i);
    if (sound && !p->err && mark_directory(p))
        judge_leaves(p);
}

/* *counts: the fault, if any, is valid whatever changed meanwhile. */
static int run_pass(struct lfvec *v, struct lfvec_audit *out, bool *counts)
{
    struct pass p = {.s = &v->seg, .h = head_load(v->seg.control), .out = out};
    out->version = p.h.version;
    out->elements = head_size(p.h);
    look_at_all(&p);
    free(p.mark);
    out->conclusive = head_is_still(&p) && !p.moving;
    *counts = out->conclusive || !p.head_bound;
    return out->fault ? 0 : p.err;
}

static uint32_t count_dead(const struct segment *s)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i <= s->l.max_slots; i++)
        n += slot_state(s, i) == LFVEC_SLOT_DEAD;
    return n;
}

int audit_run(struct lfvec *v, struct lfvec_audit *out)
{
    struct lfvec_audit last;
    bool counts = false;
    memset(out, 0, sizeof *out);
    for (uint32_t passes = 1; passes <= PASSES_MOST; passes++) {
        const bool counted = counts;
        last = *out;
        memset(out, 0, sizeof *out);
        const int err = run_pass(v, out, &counts);
        if (err)
            return err;
        out->passes = passes;
        if (!out->fault && out->conclusive)
            break;
        if (out->fault && counts && counted && last.fault == out->fault && last.where == out->where)
            break;
        if (passes == PASSES_MOST) { /* others were always at work, and no fault persisted */
            out->fault = LFVEC_FAULT_NONE;
            out->message[0] = '\0';
            out->leaves_lost = 0;
        }
    }
    out->slots_dead = count_dead(&v->seg);
    return out->fault ? -EBADMSG : 0;
}
