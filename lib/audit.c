/*
 * audit.c - is everything where it should be? Every leaf of a committed slab is referenced exactly once, or free.
 *
 * A pass reads the slots, the directory and the bitmaps one after the other. While others work, what it sees need not fit together, so a
 * fault counts only if two passes in a row find the same one; a fault between two places (a leaf referenced twice, or not at all) moreover
 * only if the head did not move. Reads only.
 */
#include "audit.h"

#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES_MOST = 32 };
enum { MARK_LIVE = 1, MARK_SPARE = 2, MARK_IN_FLIGHT = 4 }; /* what refers to a leaf */

struct pass {
    struct segment *s;
    struct head h;
    struct lfvec_audit *out;
    uint8_t *mark; /* [slab * slab_leaves + leaf], for slabs below high */
    uint64_t high;
    bool blind; /* there are slabs beyond what RLIMIT_AS let this process map: no verdict */
};

static bool report(struct pass *p, uint32_t fault, uint64_t where, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Always false, for `return report(...)`. The first fault of a pass stands. */
static bool report(struct pass *p, uint32_t fault, uint64_t where, const char *format, ...)
{
    va_list ap;
    if (p->out->fault)
        return false;
    p->out->fault = fault;
    p->out->where = where;
    va_start(ap, format);
    vsnprintf(p->out->message, sizeof p->out->message, format, ap);
    va_end(ap);
    return false;
}

static bool needs_still_head(uint32_t fault)
{
    return fault == LFVEC_FAULT_TWICE || fault == LFVEC_FAULT_FREE || fault == LFVEC_FAULT_LEAK || fault == LFVEC_FAULT_DIRECTORY;
}

/* An audit says what it has to say in its own place: the sentence of the thread's last open stays. */
static int header_verdict(const struct segment *s, struct layout *l)
{
    char kept[512];
    struct shm_header h; /* a copy: what is checked must not change before it is used */
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

static bool check_head(struct pass *p)
{
    const struct segment *s = p->s;
    if (head_size(p->h) > s->l.max_elems || head_size(p->h) > s->dir.ready << s->l.elem_shift)
        return report(p, LFVEC_FAULT_HEAD, head_size(p->h), "the head says %llu elements, the directory has room for %llu",
                      (unsigned long long)head_size(p->h), (unsigned long long)(s->dir.ready << s->l.elem_shift));
    if ((head_desc(p->h) && !slot_exists(s, head_desc(p->h) >> 1)) || (head_last(p->h) && !slot_exists(s, head_last(p->h))))
        return report(p, LFVEC_FAULT_HEAD, head_last(p->h), "the head names slot %u (descriptor %u), which does not exist", head_last(p->h),
                      head_desc(p->h));
    return true;
}

static bool check_extents(struct pass *p)
{
    struct extent *e[] = {&p->s->dir, &p->s->slabtab};
    static const char *const name[] = {"directory", "slab table"};
    for (unsigned int i = 0; i < 2; i++)
        if (segment_extend_known(p->s, e[i], 0) != 0)
            return report(p, LFVEC_FAULT_RANGE, i, "the %s claims more memory than the object has", name[i]);
    if (atomic_load_explicit(&p->s->control->slabs_high, memory_order_relaxed) > p->s->l.slabs_max)
        return report(p, LFVEC_FAULT_RANGE, 2, "more slabs are said to be in use than the segment can have");
    return true;
}

static bool check_slab_word(struct pass *p, uint64_t slab)
{
    const uint64_t word = slab_word(p->s, slab);
    const uint32_t state = slab_word_state(word), owner = slab_word_owner(word);
    const bool owned = state == SHM_SLAB_CLAIMED || state == SHM_SLAB_OWNED;
    if (state > SHM_SLAB_UNOWNED || (owned && !slot_exists(p->s, owner)) || (!owned && owner))
        return report(p, LFVEC_FAULT_SLAB, slab, "slab %llu has the table entry 0x%llx, which makes no sense", (unsigned long long)slab,
                      (unsigned long long)word);
    const int err = (state == SHM_SLAB_OWNED || state == SHM_SLAB_UNOWNED) && !slab_known(p->s, slab) ? slab_learn(p->s, slab) : 0;
    p->blind |= err == -ENOMEM;
    if (err && err != -ENOMEM)
        return report(p, LFVEC_FAULT_SLAB, slab, "slab %llu is said to have memory, and has none", (unsigned long long)slab);
    return true;
}

/* NULL if the reference leads nowhere. */
static uint8_t *mark_of(struct pass *p, uint64_t ref)
{
    struct leaf leaf;
    if (slab_locate(p->s, ref, &leaf) != 0 || leaf_ref_slab(ref) >= p->high)
        return NULL;
    return &p->mark[leaf_ref_slab(ref) * p->s->l.slab_leaves + (ref & 0xffff)];
}

static bool mark_held(struct pass *p, uint32_t slot, uint64_t ref, uint8_t how)
{
    if (!ref)
        return true;
    uint8_t *m = mark_of(p, ref);
    if (!m)
        return report(p, LFVEC_FAULT_SLOT, slot, "slot %u refers to leaf 0x%llx, which does not exist", slot, (unsigned long long)ref);
    *m |= how;
    return true;
}

/* What an unfinished operation refers to may be published already, or replaced and not yet freed: both are in order. */
static bool mark_intent(struct pass *p, uint32_t i, const struct shm_slot *slot)
{
    const uint64_t intent = atomic_load_explicit(&slot->intent, memory_order_acquire);
    if (!intent)
        return true;
    const struct shm_desc *d = &slot->desc[intent & 1];
    const uint64_t count = atomic_load_explicit(&d->count, memory_order_relaxed);
    if (count > SHM_DESC_LEAVES)
        return report(p, LFVEC_FAULT_SLOT, i, "slot %u has a descriptor of %llu leaves", i, (unsigned long long)count);
    bool sound = true;
    for (uint64_t k = 0; k < count && sound; k++)
        sound = mark_held(p, i, atomic_load_explicit(&d->entry[k].leaf_ref, memory_order_relaxed), MARK_IN_FLIGHT) &&
                mark_held(p, i, atomic_load_explicit(&d->entry[k].old_ref, memory_order_relaxed), MARK_IN_FLIGHT);
    return sound;
}

static bool mark_slot(struct pass *p, uint32_t i)
{
    const struct shm_slot *slot = slot_at(p->s, i);
    if (!slot_lockable(p->s, i))
        return report(p, LFVEC_FAULT_SLOT, i, "slot %u has a damaged mutex, and cannot be taken", i);
    bool sound = mark_intent(p, i, slot);
    for (uint32_t k = 0; k < SHM_DESC_LEAVES && sound; k++)
        sound = mark_held(p, i, atomic_load_explicit(&slot->spare_ref[k], memory_order_relaxed), MARK_SPARE);
    /* SYNC: committed (acquire): before the head, which is not taken from writers without need */
    const uint64_t committed = atomic_load_explicit(&slot->committed, memory_order_acquire);
    if (sound && committed > p->h.version && committed > head_load(p->s->control).version)
        return report(p, LFVEC_FAULT_SLOT, i, "slot %u claims a version newer than the head", i);
    return sound;
}

static bool mark_entry(struct pass *p, uint64_t d, uint64_t ref, uint64_t stamp)
{
    const uint64_t live = (head_size(p->h) + p->s->l.elem_mask) >> p->s->l.elem_shift;
    struct leaf leaf;
    if (!ref)
        return d >= live ||
               report(p, LFVEC_FAULT_DIRECTORY, d, "directory entry %llu is below the size and has no leaf", (unsigned long long)d);
    uint8_t *m = mark_of(p, ref);
    if (!m)
        return report(p, LFVEC_FAULT_DIRECTORY, d, "directory entry %llu refers to leaf 0x%llx, which does not exist",
                      (unsigned long long)d, (unsigned long long)ref);
    if (*m & MARK_LIVE)
        return report(p, LFVEC_FAULT_TWICE, d, "leaf 0x%llx is referenced twice, the second time by entry %llu", (unsigned long long)ref,
                      (unsigned long long)d);
    *m |= MARK_LIVE;
    (void)slab_locate(p->s, ref, &leaf);
    if (stamp > p->h.version || atomic_load_explicit(&leaf.meta->seq, memory_order_relaxed) > p->h.version)
        return report(p, LFVEC_FAULT_DIRECTORY, d, "directory entry %llu or its leaf is newer than the head", (unsigned long long)d);
    p->out->leaves_live += d < live;
    p->out->leaves_idle += d >= live;
    return true;
}

static bool mark_directory(struct pass *p)
{
    struct desc_view v;
    const uint64_t entries = p->s->dir.ready;
    int err = desc_view(p->s, p->h, &v);
    if (err || v.count > SHM_DESC_LEAVES || !desc_unchanged(&v, p->h))
        return report(p, LFVEC_FAULT_DIRECTORY, v.id, "the descriptor in effect cannot be read");
    for (uint64_t d = 0; d < entries; d++) {
        const struct shm_entry *e = directory_entry(p->s, d);
        uint64_t stamp = atomic_load_explicit(&e->stamp, memory_order_acquire);
        uint64_t ref = atomic_load_explicit(&e->leaf_ref, memory_order_acquire);
        if (desc_covers(&v, d)) {
            ref = atomic_load_explicit(&v.shared->entry[d - v.first].leaf_ref, memory_order_relaxed);
            stamp = v.since;
        }
        if (!mark_entry(p, d, ref, stamp))
            return false;
    }
    return true;
}

static bool judge_leaf(struct pass *p, uint64_t ref, uint8_t mark)
{
    const bool taken = slab_taken(p->s, ref);
    if (mark & MARK_LIVE && !taken)
        return report(p, LFVEC_FAULT_FREE, ref, "leaf 0x%llx holds elements and is marked free", (unsigned long long)ref);
    if (mark & MARK_LIVE && mark & MARK_SPARE && !(mark & MARK_IN_FLIGHT))
        return report(p, LFVEC_FAULT_TWICE, ref, "leaf 0x%llx holds elements and is a spare", (unsigned long long)ref);
    p->out->leaves_free += !taken;
    p->out->leaves_held += taken && !(mark & MARK_LIVE) && mark;
    if (taken && !mark) {
        p->out->leaves_lost++;
        return report(p, LFVEC_FAULT_LEAK, ref, "leaf 0x%llx is in use, and nothing refers to it", (unsigned long long)ref);
    }
    return true;
}

static void judge_leaves(struct pass *p)
{
    for (uint64_t slab = 0; slab < p->high; slab++) {
        const uint32_t state = slab_word_state(slab_word(p->s, slab));
        if (state < SHM_SLAB_OWNED || !slab_known(p->s, slab)) /* the word may have changed since it was checked: no memory, no look */
            continue;
        for (uint32_t i = 0; i < p->s->l.slab_leaves; i++)
            judge_leaf(p, leaf_ref_make(slab, i), p->mark[slab * p->s->l.slab_leaves + i]);
    }
}

static int run_pass(struct lfvec *v, struct lfvec_audit *out)
{
    struct pass p = {.s = &v->seg, .h = head_load(v->seg.control), .out = out};
    bool sound = check_extents(&p);
    p.high = slab_high(p.s);
    p.mark = calloc(p.high * p.s->l.slab_leaves + 1, 1);
    if (!p.mark)
        return -ENOMEM;
    out->version = p.h.version;
    out->elements = head_size(p.h);
    sound = sound && check_header(&p) && check_head(&p);
    for (uint64_t slab = 0; slab < p.high && sound; slab++)
        sound = check_slab_word(&p, slab);
    for (uint32_t i = 1; i <= p.s->l.max_slots && sound && !p.blind; i++)
        sound = mark_slot(&p, i);
    if (sound && !p.blind && mark_directory(&p))
        judge_leaves(&p);
    free(p.mark);
    return sound && p.blind ? -ENOMEM : 0;
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
    memset(out, 0, sizeof *out);
    for (uint32_t passes = 1; passes <= PASSES_MOST; passes++) {
        last = *out;
        memset(out, 0, sizeof *out);
        const int err = run_pass(v, out);
        if (err)
            return err;
        const bool still = head_load(v->seg.control).version == out->version;
        out->passes = passes;
        out->conclusive = still;
        if (!out->fault && still)
            break;
        const bool again = out->fault && last.fault == out->fault && last.where == out->where;
        if (again && (!needs_still_head(out->fault) || (still && last.version == out->version)))
            break;
        if (passes == PASSES_MOST) { /* somebody was always at work, and no fault stayed where it was */
            out->fault = LFVEC_FAULT_NONE;
            out->message[0] = '\0';
        }
    }
    out->slots_dead = count_dead(&v->seg);
    return out->fault ? -EBADMSG : 0;
}
