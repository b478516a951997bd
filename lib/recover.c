/*
 * recover.c - see recover.h.
 *
 * R5 decides. While intent is v, the slot has tried nothing newer than v. So its attempt won iff
 * the head is (v, last = this slot) or committed >= v; by R4, a participant that moves the head on
 * from v raises committed first.
 */
#include "recover.h"

#include "calm.h"
#include "desc.h"
#include "probe.h"
#include "slab.h"
#include "slot.h"

#include <errno.h>

static void make_even(struct shm_desc *d)
{
    const uint64_t seq = atomic_load_explicit(&d->seq, memory_order_relaxed);
    if (seq & 1)
        atomic_store_explicit(&d->seq, seq + 1, memory_order_release); /* SYNC: desc-write (release) */
}

static void forget_spare(struct shm_slot *slot, uint64_t ref)
{
    for (uint32_t k = 0; k < SHM_DESC_LEAVES; k++)
        if (atomic_load_explicit(&slot->spare_ref[k], memory_order_relaxed) == ref)
            atomic_store_explicit(&slot->spare_ref[k], 0, memory_order_release);
}

/*
 * Frees a replaced leaf unless its dead replacer has freed it. Reads the bit first, then seq. A new
 * holder of the leaf stores a seq above v before it sets the bit (R1), so a set bit with a seq
 * below v belongs to the replaced leaf.
 */
static int free_replaced(struct segment *s, uint64_t ref, uint64_t v, struct lfvec_recovery *tally)
{
    struct leaf leaf;
    const int err = slab_locate(s, ref, &leaf);
    if (err)
        return err;
    if (slab_taken(s, ref) && atomic_load_explicit(&leaf.meta->seq, memory_order_relaxed) < v) {
        slab_free(s, ref);
        tally->leaves_freed++;
    }
    return 0;
}

/*
 * The attempt took effect: its new leaves are spares no more, and the
 * leaves that it replaced are freed.
 */
static int complete_won(struct segment *s, struct shm_slot *slot, uint64_t intent, struct lfvec_recovery *tally)
{
    const struct shm_desc *d = &slot->desc[intent & 1];
    const uint64_t count = atomic_load_explicit(&d->count, memory_order_relaxed);
    if (count > SHM_DESC_LEAVES)
        return -EBADMSG;
    tally->ops_won++;
    for (uint64_t k = 0; k < count; k++) {
        const uint64_t old = atomic_load_explicit(&d->entry[k].old_ref, memory_order_relaxed);
        forget_spare(slot, atomic_load_explicit(&d->entry[k].leaf_ref, memory_order_relaxed));
        const int err = old ? free_replaced(s, old, intent >> 1, tally) : 0;
        if (err)
            return err;
    }
    return 0;
}

/*
 * 1 if the recorded leaf is in use, 0 if it is free or there is none, or a negative errno. A record
 * that cannot be checked stays as it is.
 */
static int recorded_leaf(struct segment *s, const shm_u64 *record)
{
    struct leaf leaf;
    const uint64_t ref = atomic_load_explicit(record, memory_order_relaxed);
    const int err = ref ? slab_locate(s, ref, &leaf) : 0;
    return err ? err : ref && slab_taken(s, ref);
}

static bool spare_before(struct shm_slot *slot, uint32_t k, uint64_t ref)
{
    while (k--)
        if (atomic_load_explicit(&slot->spare_ref[k], memory_order_relaxed) == ref)
            return true;
    return false;
}

/*
 * Clears the records of leaves whose bit is clear: the owner died before it took the leaf, or after
 * it gave the leaf back. A leaf that is recorded twice was being moved.
 */
static int check_spares(struct segment *s, struct shm_slot *slot)
{
    int used = 0;
    for (uint32_t k = 0; k < SHM_DESC_LEAVES && used >= 0; k++) {
        const uint64_t ref = atomic_load_explicit(&slot->spare_ref[k], memory_order_relaxed);
        used = recorded_leaf(s, &slot->spare_ref[k]);
        if (used == 0 || (used > 0 && spare_before(slot, k, ref)))
            atomic_store_explicit(&slot->spare_ref[k], 0, memory_order_release);
    }
    return used < 0 ? used : 0;
}

/*
 * A leased element is in the vector or in the lease, never in both. An even `lease` is a pop that
 * was tried, an odd one a pop that won; lease_return is a push back that was tried. All are decided
 * as intent is, because the slot tries nothing newer meanwhile.
 */
static void decide_lease(struct shm_slot *slot, uint64_t committed, struct lfvec_recovery *tally)
{
    const uint64_t lease = atomic_load_explicit(&slot->lease, memory_order_relaxed);
    const uint64_t back = atomic_load_explicit(&slot->lease_return, memory_order_relaxed);
    if (lease && !(lease & 1))
        atomic_store_explicit(&slot->lease, committed >= lease >> 1 ? lease | 1 : 0, memory_order_release);
    if (back && committed >= back) {
        tally->leases_returned += lease != 0;
        atomic_store_explicit(&slot->lease, 0, memory_order_release);
    }
    atomic_store_explicit(&slot->lease_return, 0, memory_order_release);
}

int recover_slot(struct segment *s, uint32_t i, struct lfvec_recovery *tally)
{
    struct shm_slot *slot = slot_at(s, i);
    const struct head h = head_load(s->control);
    if (head_last(h) == i)
        shm_raise(&slot->committed, h.version, memory_order_release); /* SYNC: committed (release) */
    make_even(&slot->desc[0]);
    make_even(&slot->desc[1]);
    const uint64_t intent = atomic_load_explicit(&slot->intent, memory_order_acquire);
    const uint64_t committed = atomic_load_explicit(&slot->committed, memory_order_acquire); /* SYNC: committed (acquire) */
    PROBE(recover, i, intent && committed >= intent >> 1);
    if (intent && committed >= intent >> 1) {
        const int err = complete_won(s, slot, intent, tally);
        if (err)
            return err;
    } else if (intent) {
        tally->ops_lost++;
    }
    decide_lease(slot, committed, tally);
    const int err = check_spares(s, slot);
    if (err)
        return err;
    /*
     * Not earlier: a participant that takes over the slab could take a leaf that is
     * recorded and whose bit is clear.
     */
    slab_leave(s, i);
    atomic_store_explicit(&slot->intent, 0, memory_order_release);
    return 0;
}

static uint32_t free_spares(struct segment *s, uint32_t i)
{
    struct shm_slot *slot = slot_at(s, i);
    struct leaf leaf;
    uint32_t freed = 0;
    for (uint32_t k = 0; k < SHM_DESC_LEAVES; k++) {
        const uint64_t ref = atomic_load_explicit(&slot->spare_ref[k], memory_order_relaxed);
        if (!ref || slab_locate(s, ref, &leaf) != 0)
            continue;
        if (!slab_is_reserve(s, ref) && !slab_enter(s, i, leaf_ref_slab(ref)))
            continue; /* in another slot's slab: the next holder keeps it */
        /*
         * First the bit, then the record. In between, the record has no bit and counts as
         * none, and we work in the slab.
         */
        slab_free(s, ref);
        atomic_store_explicit(&slot->spare_ref[k], 0, memory_order_release);
        freed++;
    }
    return freed;
}

void recover_strip(struct segment *s, uint32_t i, struct lfvec_recovery *tally)
{
    tally->spares_freed += free_spares(s, i);
    tally->slabs_released += slab_release_empty(s, i);
}

bool recover_at_rest(const struct segment *s, uint32_t i)
{
    return !slot_mark(s, i).orphaned && /* a dead holder may not have announced itself yet */
           atomic_load_explicit(&slot_at(s, i)->pid, memory_order_acquire) == 0 && slot_is_empty(s, i); /* SYNC: slot-holder (acquire) */
}

void recover_unheld(struct segment *s, uint32_t but)
{
    struct lfvec_recovery nobody_asks = {0};
    struct calm before;
    /* A signal handler must not jump out while we hold another participant's slot. */
    calm_begin(&before);
    const bool begun = slab_sweep_begin(s);
    for (uint32_t i = 1; i <= s->l.max_slots; i++) {
        if (i == but || slot_mark(s, i).holder || recover_at_rest(s, i))
            continue;
        struct life life;
        const int got = slot_take(s, i, &life);
        if (got != 0 && got != -EOWNERDEAD)
            continue;
        struct slab_set set = {0};
        /* slab_set_load() completes or drops a half-made claim. */
        if (recover_slot(s, i, &nobody_asks) == 0 && slab_set_load(s, &set, i) == 0)
            recover_strip(s, i, &nobody_asks);
        slab_set_drop(&set);
        slot_give_back(s, i, &life);
    }
    slab_sweep_end(begun);
    calm_end(&before);
}
