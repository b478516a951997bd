/*
 * judge.c - what is true at the moment of the kill, and whether recovery and the audit agree with it.
 *
 * Nobody else is at work at that moment, so the head itself says whether the dead one's last attempt won: it is the version tried, made by
 * that slot, or it is not. Recovery has to find the same from what it is left with, whatever has happened since. The census counts all
 * references to leaves once more, independently of lfvec_check().
 */
#include "kill.h"

#include "leaf.h"
#include "participant.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t word(const shm_u64 *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static const struct segment *segment_of(const struct stage *s)
{
    return &s->v->seg;
}

/* The kernel's word: who holds the slot, and whether a holder died. */
static uint32_t life_word(const struct stage *s, uint32_t i)
{
    return (uint32_t)slot_mark(segment_of(s), i).raw;
}

static bool is_taken(const struct shm_slot *slot)
{
    return atomic_load_explicit(&slot->pid, memory_order_relaxed) != 0;
}

uint64_t judge_version(const struct stage *s)
{
    return s->v ? head_load(segment_of(s)->control).version : 0;
}

/* ---- what is true ---------------------------------------------------------------------------------------------------------------------- */

static bool made_by(const struct stage *s, uint64_t version, uint32_t slot)
{
    const struct head h = head_load(segment_of(s)->control);
    return version && h.version == version && head_last(h) == slot;
}

/* The lease in the vector's own terms: popped, and neither acknowledged nor pushed back. */
static bool lease_stands(const struct stage *s, uint32_t i)
{
    const struct shm_slot *slot = slot_at(segment_of(s), i);
    const uint64_t lease = word(&slot->lease), back = word(&slot->lease_return);
    if (!lease || made_by(s, back, i))
        return false;
    return lease & 1 || made_by(s, lease >> 1, i);
}

/* Pushed back by somebody who died before he could say so: recovery counts it. */
static bool lease_went_back(const struct stage *s, uint32_t i)
{
    const struct shm_slot *slot = slot_at(segment_of(s), i);
    return word(&slot->lease) && made_by(s, word(&slot->lease_return), i);
}

void judge_look(struct stage *s)
{
    if (!s->v)
        return;
    s->owed = s->returned = false;
    for (uint32_t i = 1; i <= SLOTS; i++) {
        const uint64_t intent = word(&slot_at(segment_of(s), i)->intent);
        if (i == SURVIVOR)
            continue;
        if (intent && (s->truth[i].intent != intent || made_by(s, intent >> 1, i))) /* an heir may try the same version again, and win */
            s->truth[i] = (struct truth){intent, made_by(s, intent >> 1, i)};
        s->owed |= lease_stands(s, i);
        s->returned |= lease_went_back(s, i);
    }
}

static enum verdict verdict_of(const struct stage *s, uint32_t i)
{
    const uint64_t intent = word(&slot_at(segment_of(s), i)->intent);
    if (!intent || i == SURVIVOR)
        return VERDICT_NONE;
    return s->truth[i].won ? VERDICT_WON : VERDICT_LOST;
}

enum verdict judge_verdict(const struct stage *s)
{
    enum verdict verdict = VERDICT_NONE;
    for (uint32_t i = 1; s->v && i <= SLOTS && verdict == VERDICT_NONE; i++)
        verdict = verdict_of(s, i);
    return verdict;
}

static uint32_t object_state(const struct stage *s)
{
    struct stat st;
    uint64_t magic = 0;
    uint32_t state = 1;
    const int fd = shm_open(s->name, O_RDONLY, 0);
    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0 && st.st_size)
        state = pread(fd, &magic, sizeof magic, 0) == (ssize_t)sizeof magic && magic == SHM_MAGIC_READY ? 4 : st.st_size > SHM_PAGE ? 3 : 2;
    close(fd);
    return state;
}

static uint32_t leaf_state(const struct stage *s, const struct shm_slot *slot)
{
    struct segment *seg = &s->v->seg;
    const uint64_t intent = word(&slot->intent), spare = word(&slot->spare_ref[0]), old = word(&slot->desc[intent & 1].entry[0].old_ref);
    struct leaf leaf;
    uint32_t state = spare != 0;
    if (spare && slab_locate(seg, spare, &leaf) == 0 && slab_taken(seg, spare))
        state |= 2;
    if (intent && old && slab_locate(seg, old, &leaf) == 0 && slab_taken(seg, old))
        state |= 4;
    return state;
}

uint32_t judge_state(const struct stage *s)
{
    uint32_t state = 0;
    if (!s->v)
        return object_state(s);
    for (uint32_t i = SURVIVOR + 1; i <= SLOTS; i++) {
        const struct shm_slot *slot = slot_at(segment_of(s), i);
        if (!life_word(s, i))
            continue;
        const bool leased = word(&slot->lease), back = word(&slot->lease_return);
        const bool odd = (word(&slot->desc[0].seq) | word(&slot->desc[1].seq)) & 1;
        state = (uint32_t)verdict_of(s, i) | leaf_state(s, slot) << 2 | leased * 32u | back * 64u | odd * 128u | 256u;
    }
    return state | s->owed * 512u | (s->made != 0) * 1024u;
}

/* ---- recovery -------------------------------------------------------------------------------------------------------------------------- */

static bool slots_at_rest(struct stage *s)
{
    for (uint32_t i = 1; i <= SLOTS; i++) {
        const struct shm_slot *slot = slot_at(segment_of(s), i);
        const uint64_t odd = (word(&slot->desc[0].seq) | word(&slot->desc[1].seq)) & 1;
        if (word(&slot->intent) || odd || word(&slot->lease_return) || word(&slot->lease))
            return fault(s, "slot %u is not at rest: intent %llu, odd %llu, lease %llu, lease_return %llu", i,
                         (unsigned long long)word(&slot->intent), (unsigned long long)odd, (unsigned long long)word(&slot->lease),
                         (unsigned long long)word(&slot->lease_return));
        if (i != SURVIVOR && (life_word(s, i) & FUTEX_TID_MASK || is_taken(slot)))
            return fault(s, "slot %u is not free", i);
    }
    return true;
}

bool judge_recover(struct stage *s)
{
    struct lfvec_recovery r, x = {.slots_alive = 1};
    uint32_t locked = 0;
    for (uint32_t i = 1; i <= SLOTS; i++) {
        const struct shm_slot *slot = slot_at(segment_of(s), i);
        if (i == SURVIVOR)
            continue;
        if (word(&slot->intent) && word(&slot->intent) != s->truth[i].intent)
            return fault(s, "slot %u has an intent that it had not when its holder died", i);
        x.slots_recovered += is_taken(slot);
        locked += life_word(s, i) != 0 || is_taken(slot); /* died before he wrote down who he was, or after: may be counted or not */
        x.ops_won += verdict_of(s, i) == VERDICT_WON;
        x.ops_lost += verdict_of(s, i) == VERDICT_LOST;
    }
    x.leases_returned = s->owed || s->returned;
    const int err = lfvec_recover(s->v, &r);
    if (err)
        return fault(s, "lfvec_recover: %d", err);
    if (r.ops_won != x.ops_won || r.ops_lost != x.ops_lost || r.leases_returned != x.leases_returned)
        return fault(s, "recovery says %u won, %u lost, %u leases returned; the truth is %u, %u, %u", r.ops_won, r.ops_lost,
                     r.leases_returned, x.ops_won, x.ops_lost, x.leases_returned);
    if (r.slots_recovered < x.slots_recovered || r.slots_recovered > locked || r.slots_alive != x.slots_alive || r.slots_unknown)
        return fault(s, "recovery says %u slots recovered, %u alive, %u unknown; the truth is %u to %u, 1, 0", r.slots_recovered,
                     r.slots_alive, r.slots_unknown, x.slots_recovered, locked);
    if (s->owed)
        model_push(&s->now, LEASED);
    s->owed = s->returned = false;
    return slots_at_rest(s);
}

/* ---- the census ------------------------------------------------------------------------------------------------------------------------ */

static bool count_ref(struct stage *s, uint8_t *count, uint64_t ref)
{
    const struct layout *l = &segment_of(s)->l;
    if (!ref)
        return true;
    if (leaf_ref_slab(ref) >= l->slabs_max || (ref & 0xffff) >= l->slab_leaves)
        return fault(s, "census: a reference to leaf 0x%llx, which does not exist", (unsigned long long)ref);
    if (count[leaf_ref_slab(ref) * l->slab_leaves + (ref & 0xffff)]++)
        return fault(s, "census: leaf 0x%llx is referenced twice", (unsigned long long)ref);
    return true;
}

/* The elements of a leaf are all among the slots that it says were used. */
static bool entry_sound(struct stage *s, uint64_t d, uint64_t ref)
{
    struct segment *seg = &s->v->seg;
    struct leaf leaf;
    const uint64_t first = d << seg->l.elem_shift;
    const uint64_t live = s->now.n > first ? s->now.n - first : 0;
    if (!ref)
        return !live || fault(s, "census: directory entry %llu has no leaf", (unsigned long long)d);
    if (slab_locate(seg, ref, &leaf) != 0)
        return fault(s, "census: directory entry %llu leads nowhere", (unsigned long long)d);
    const uint32_t used = atomic_load_explicit(&leaf.meta->used, memory_order_relaxed);
    if (used > ELEMS_OF_LEAF || used < (live < ELEMS_OF_LEAF ? live : ELEMS_OF_LEAF))
        return fault(s, "census: the leaf of entry %llu has %u used slots and %llu elements", (unsigned long long)d, used,
                     (unsigned long long)live);
    return true;
}

static bool count_directory(struct stage *s, uint8_t *count)
{
    struct segment *seg = &s->v->seg;
    struct desc_view v;
    const struct head h = head_load(seg->control);
    const uint64_t entries = word(&seg->control->dir_committed);
    if (segment_extend_known(seg, &seg->dir, 0) != 0)
        return fault(s, "census: the directory has no memory");
    for (uint64_t d = 0; d < entries; d++) {
        uint64_t ref;
        if (desc_resolve(seg, h, d, &v, &ref) != 0)
            return fault(s, "census: directory entry %llu cannot be read", (unsigned long long)d);
        if (!count_ref(s, count, ref) || !entry_sound(s, d, ref))
            return false;
    }
    return true;
}

static bool count_slots(struct stage *s, uint8_t *count)
{
    for (uint32_t i = 1; i <= SLOTS; i++) {
        const struct shm_slot *slot = slot_at(segment_of(s), i);
        for (uint32_t k = 0; k < SHM_DESC_LEAVES; k++)
            if (!count_ref(s, count, word(&slot->spare_ref[k])))
                return false;
    }
    return true;
}

static bool slab_sound(struct stage *s, uint64_t slab, const uint8_t *count)
{
    struct segment *seg = &s->v->seg;
    const uint32_t state = slab_word_state(slab_word(seg, slab));
    if (state == SHM_SLAB_FREE)
        return true;
    if (state == SHM_SLAB_CLAIMED)
        return fault(s, "census: slab %llu is still half-claimed (by slot %u; slabs_high is %llu)", (unsigned long long)slab,
                     slab_word_owner(slab_word(seg, slab)), (unsigned long long)word(&seg->control->slabs_high));
    if (slab >= word(&seg->control->slabs_high))
        return fault(s, "census: slab %llu is in use and not below slabs_high", (unsigned long long)slab);
    if (slab_learn(seg, slab) != 0)
        return fault(s, "census: slab %llu has no memory", (unsigned long long)slab);
    for (uint32_t i = 0; i < seg->l.slab_leaves; i++) {
        const bool taken = slab_taken(seg, leaf_ref_make(slab, i)), referenced = count[slab * seg->l.slab_leaves + i];
        if (taken != referenced || (taken && state != SHM_SLAB_OWNED))
            return fault(s, "census: leaf %u of slab %llu (state %u) is %s and %s", i, (unsigned long long)slab, state,
                         taken ? "taken" : "free", referenced ? "referenced" : "not referenced");
    }
    return true;
}

static bool census(struct stage *s)
{
    struct segment *seg = &s->v->seg;
    uint8_t *count = calloc(seg->l.slabs_max * seg->l.slab_leaves, 1);
    bool sound = count || fault(s, "census: no memory");
    if (sound && word(&seg->control->slabtab_committed) && segment_extend_known(seg, &seg->slabtab, 0) != 0)
        sound = fault(s, "census: the slab table has no memory");
    sound = sound && count_directory(s, count) && count_slots(s, count);
    const uint64_t slabs = atomic_load_explicit(&seg->slabtab.ready, memory_order_relaxed);
    for (uint64_t slab = 0; sound && slab < slabs; slab++)
        sound = slab_sound(s, slab, count);
    free(count);
    return sound;
}

bool judge_audit(struct stage *s, bool recovered)
{
    struct lfvec_audit a;
    const int err = lfvec_check(s->v, &a);
    if (err)
        return fault(s, "lfvec_check: %d, fault %u at 0x%llx: %s", err, a.fault, (unsigned long long)a.where, a.message);
    if (a.leaves_lost || !a.conclusive || a.passes != 1 || a.elements != s->now.n || (recovered && a.slots_dead))
        return fault(s, "lfvec_check: %llu leaves lost, %u slots dead, %llu elements of %llu, conclusive %u, %u passes",
                     (unsigned long long)a.leaves_lost, a.slots_dead, (unsigned long long)a.elements, (unsigned long long)s->now.n,
                     a.conclusive, a.passes);
    return !recovered || census(s);
}
