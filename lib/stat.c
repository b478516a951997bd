/* stat.c - figures about a segment and its participants. Reads only. */
#include "stat.h"

#include "calm.h"
#include "control.h"
#include "memory.h"
#include "numa.h"
#include "proc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

static void stat_identity(const struct segment *s, struct lfvec_stat *out)
{
    const struct shm_header *h = (const struct shm_header *)s->base;
    out->created = h->created;
    memcpy(out->uuid, h->uuid, sizeof out->uuid);
    out->format_version = h->format_version;
    out->feature_compat = h->feature_compat;
    out->feature_incompat = h->feature_incompat;
    out->feature_ro_compat = h->feature_ro_compat;
    out->elem_tag = s->elem_tag;
    memcpy(out->elem_format, s->elem_format, sizeof out->elem_format);
    out->max_elems = s->l.max_elems;
    out->max_bytes = s->l.max_bytes;
    out->elem_size = s->l.elem_size;
    out->elems_per_leaf = s->l.elem_mask + 1;
    out->leaf_bytes = s->l.leaf_bytes;
    out->slab_bytes = (uint32_t)s->l.slab_bytes;
    out->max_slots = s->l.max_slots;
    out->numa = s->numa;
    out->numa_in_force = s->nodes != 0;
    out->numa_why = numa_why();
    if (s->nodes && s->numa != LFVEC_NUMA_LOCAL && s->numa_nodes && !(s->numa_nodes & s->nodes))
        out->numa_why = LFVEC_NUMA_NO_SUCH_NODE;
    out->numa_placed = s->nodes;
    out->numa_nodes = s->numa_nodes;
    out->flags = s->flags;
    out->read_only = s->read_only;
}

static void stat_object(const struct segment *s, struct lfvec_stat *out)
{
    struct stat st;
    struct statvfs fs;
    if (fstat(s->fd, &st) == 0) {
        out->mode = st.st_mode & 07777;
        out->uid = st.st_uid;
        out->gid = st.st_gid;
        out->bytes_committed = (uint64_t)st.st_blocks * 512;
    }
    if (fstatvfs(s->fd, &fs) == 0)
        out->bytes_free = (uint64_t)fs.f_bavail * fs.f_frsize;
    /* Costs the kernel a look at every page of this process. */
    if (s->flags & (LFVEC_HUGEPAGES | LFVEC_PREFAULT))
        proc_mapped(s->base, s->mapped, &out->bytes_mapped, &out->bytes_huge);
}

static void stat_slabs(struct segment *s, struct lfvec_stat *out)
{
    (void)segment_extend_known(s, &s->slabtab, 0);
    const uint64_t high = slab_high(s);
    struct slab_budget budget = {0};
    out->slabs_max = s->l.slabs_max;
    for (uint64_t slab = 0; slab < high; slab++) {
        const uint32_t state = slab_word_state(slab_word(s, slab));
        if (state < SHM_SLAB_OWNED || !slab_has_memory(s, slab, &budget))
            continue;
        out->slabs_owned += state == SHM_SLAB_OWNED;
        out->slabs_unowned += state == SHM_SLAB_UNOWNED;
        out->leaves_used += slab_count_used(s, slab);
    }
    out->leaves_total = (out->slabs_owned + out->slabs_unowned) * s->l.slab_leaves;
}

static uint64_t load(const shm_u64 *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static void stat_slots(const struct segment *s, struct lfvec_stat *out)
{
    uint32_t *by_state[] = {&out->slots_free, &out->slots_alive, &out->slots_stopped, &out->slots_dead, &out->slots_unknown};
    for (uint32_t i = 1; i <= s->l.max_slots; i++) {
        const struct shm_slot *slot = slot_at(s, i);
        ++*by_state[slot_state(s, i)];
        out->pushes += load(&slot->pushes);
        out->pops += load(&slot->pops);
        out->sets += load(&slot->sets);
        out->clears += load(&slot->clears);
        out->cas_retries += load(&slot->cas_retries);
        out->helps += load(&slot->helps);
    }
}

int stat_segment(struct lfvec *v, struct lfvec_stat *out)
{
    struct segment *s = &v->seg;
    memset(out, 0, sizeof *out);
    const struct head h = head_load(s->control);
    out->version = h.version;
    out->size = head_size(h);
    stat_identity(s, out);
    stat_slabs(s, out);
    /* After the slabs, so that bytes_mapped includes the pages that were just read. */
    stat_object(s, out);
    stat_slots(s, out);
    out->recoveries = load(&s->control->recoveries);
    out->grows = load(&s->control->grows);
    return control_check(s, h, NULL) == -EBADMSG ? -EBADMSG : 0;
}

/* Counts the slabs of one slot in one pass, and if `count` is not NULL, those of every slot. */
static uint64_t pass_over_slabs(struct segment *s, uint32_t *count, uint32_t slot)
{
    uint64_t n = 0;
    (void)segment_extend_known(s, &s->slabtab, 0);
    const uint64_t high = slab_high(s);
    for (uint64_t slab = 0; slab < high; slab++) {
        const uint32_t owner = slab_word_owner(slab_word(s, slab));
        n += owner == slot;
        if (count && owner <= s->l.max_slots)
            count[owner]++;
    }
    return n;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void make_tally(struct segment *s)
{
    struct slab_tally *t = &s->tally;
    struct calm before;
    calm_begin(&before); /* a handler that jumps out of malloc leaves its lock behind */
    if (!t->count)
        t->count = malloc((s->l.max_slots + (size_t)1) * sizeof *t->count);
    calm_end(&before);
    if (!t->count)
        return;
    memset(t->count, 0, (s->l.max_slots + (size_t)1) * sizeof *t->count);
    (void)pass_over_slabs(s, t->count, 0);
    t->at = now_ms();
}

/*
 * A caller that asks about one slot after another gets the answers from one pass, as long as that
 * is less than TALLY_MS old: a pass for each slot would cost slots times slabs. A second question
 * about the same slot causes a new count. If a signal handler jumps out of here, the tally stays
 * busy and is not used any more.
 */
enum { TALLY_MS = 20 };

static uint64_t count_slabs(struct segment *s, uint32_t slot)
{
    struct slab_tally *t = &s->tally;
    if (atomic_flag_test_and_set_explicit(&t->busy, memory_order_acquire)) /* SYNC: slab-tally (acquire) */
        return pass_over_slabs(s, NULL, slot);
    if (!t->count || slot <= t->slot || now_ms() - t->at >= TALLY_MS)
        make_tally(s);
    t->slot = slot;
    const uint64_t n = t->count ? t->count[slot] : pass_over_slabs(s, NULL, slot);
    atomic_flag_clear_explicit(&t->busy, memory_order_release); /* SYNC: slab-tally (release) */
    return n;
}

/*
 * Decides the slot's newest attempt as recovery decides an intent. Reads the head first, then
 * `committed`, which R4 raises before the head moves on. If the word has changed meanwhile, its
 * holder lives, and a newer attempt may have raised `committed`.
 */
static uint32_t decide(const struct segment *s, uint32_t i, uint64_t word, bool dead)
{
    const struct shm_slot *slot = slot_at(s, i);
    const uint64_t version = word >> SHM_KIND_BITS;
    const struct head h = head_load(s->control);
    const uint64_t committed = atomic_load_explicit(&slot->committed, memory_order_acquire); /* SYNC: committed (acquire) */
    if (load(&slot->attempt) != word)
        return LFVEC_OUTCOME_OPEN;
    if ((h.version == version && head_last(h) == i) || committed >= version)
        return LFVEC_OUTCOME_WON;
    return h.version >= version || dead ? LFVEC_OUTCOME_LOST : LFVEC_OUTCOME_OPEN;
}

/*
 * Nothing depends on the word except reports, so it may contain anything. Values
 * that make no sense are left out.
 */
static void stat_attempt(const struct segment *s, uint32_t i, struct lfvec_participant *out)
{
    /* Read before the head. */
    const uint64_t word = atomic_load_explicit(&slot_at(s, i)->attempt, memory_order_acquire);
    const uint32_t kind = word & ((1u << SHM_KIND_BITS) - 1);
    if (kind == LFVEC_OP_NONE || kind > LFVEC_OP_RETURN || word >> SHM_KIND_BITS == 0)
        return;
    out->op = kind;
    out->op_version = word >> SHM_KIND_BITS;
    out->outcome = decide(s, i, word, out->state == LFVEC_SLOT_DEAD);
}

/*
 * Reads the head first: if it has moved on from a version of this slot, R4 has
 * raised `committed` to that version.
 */
static uint64_t last_version(const struct segment *s, uint32_t i)
{
    const struct head h = head_load(s->control);
    const uint64_t committed = atomic_load_explicit(&slot_at(s, i)->committed, memory_order_acquire); /* SYNC: committed (acquire) */
    return head_last(h) == i && h.version > committed ? h.version : committed;
}

static void show_holder(const struct slot_look *look, struct lfvec_participant *out)
{
    out->state = slot_judge(look);
    if (look->named) {
        out->pid = look->id.pid;
        out->tid = look->id.tid;
        out->pid_ns = look->id.pid_ns;
        return;
    }
    out->tid = look->mark.holder; /* the holder has not announced itself yet */
    out->node = 0;
    out->since = 0;
    memset(out->name, 0, sizeof out->name);
}

/* All values are of one holder, including the state, unless holders change too fast. */
static void stat_holder(const struct segment *s, uint32_t i, struct lfvec_participant *out)
{
    enum { TRIES = 8 };
    const struct shm_slot *slot = slot_at(s, i);
    struct slot_look look, again;
    slot_look(s, i, &look);
    for (uint32_t tries = 0; tries < TRIES; tries++) {
        out->node = atomic_load_explicit(&slot->node, memory_order_relaxed);
        out->since = load(&slot->since);
        for (uint32_t c = 0; c + 1 < sizeof out->name && c < SHM_NAME_BYTES; c++)
            out->name[c] = atomic_load_explicit(&slot->name[c], memory_order_relaxed);
        slot_look(s, i, &again);
        if (look.mark.raw == again.mark.raw && look.named == again.named)
            break;
        look = again;
    }
    show_holder(&look, out);
}

int stat_participant(struct lfvec *v, uint32_t i, struct lfvec_participant *out)
{
    struct segment *s = &v->seg;
    if (!slot_exists(s, i))
        return -ERANGE;
    memset(out, 0, sizeof *out);
    const struct shm_slot *slot = slot_at(s, i);
    out->slot = i;
    stat_holder(s, i, out);
    out->last_version = last_version(s, i);
    out->pushes = load(&slot->pushes);
    out->pops = load(&slot->pops);
    out->sets = load(&slot->sets);
    out->clears = load(&slot->clears);
    out->cas_retries = load(&slot->cas_retries);
    out->helps = load(&slot->helps);
    out->slabs = count_slabs(s, i);
    out->in_flight = load(&slot->intent) >> 1;
    out->leased = load(&slot->lease) != 0;
    for (uint32_t k = 0; k < SHM_DESC_LEAVES; k++)
        out->spares += load(&slot->spare_ref[k]) != 0;
    stat_attempt(s, i, out);
    return 0;
}
