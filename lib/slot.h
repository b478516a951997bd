/*
 * slot.h - slots: one per participating thread, which holds the slot's life
 * mark for as long as it takes part.
 *
 * The mark protects nothing that other threads need, and no thread ever waits for it. It serves
 * two purposes: the kernel changes it when its holder ends, at whatever instruction, and
 * exactly one successor can take it.
 */
#ifndef LFVEC_SLOT_H
#define LFVEC_SLOT_H

#include "life.h"
#include "proc.h"
#include "segment.h"

static inline struct shm_slot *slot_at(const struct segment *s, uint32_t i)
{
    return (struct shm_slot *)(s->base + s->l.slots_off + (size_t)i * s->l.slot_bytes);
}

/* The NUMA node of its pages; -1 = chosen by the kernel. */
static inline int32_t slot_home(const struct segment *s, uint32_t i)
{
    return (int32_t)atomic_load_explicit(&slot_at(s, i)->home, memory_order_relaxed) - 1;
}

/* True if its holder runs on another NUMA node than that of slot `me`, by what both wrote down. */
static inline bool slot_is_far(const struct segment *s, uint32_t i, uint32_t me)
{
    return s->nodes && atomic_load_explicit(&slot_at(s, i)->node, memory_order_relaxed) !=
                           atomic_load_explicit(&slot_at(s, me)->node, memory_order_relaxed);
}

static inline bool slot_exists(const struct segment *s, uint32_t i)
{
    return i >= 1 && i <= s->l.max_slots;
}

/*
 * Where the slot keeps the element that its holder has on lease. The room is the slot's
 * own, so a lease never allocates.
 */
static inline unsigned char *slot_lease_room(const struct segment *s, uint32_t i)
{
    struct shm_slot *slot = slot_at(s, i);
    return s->l.elem_stride > SHM_LEASE_ROOM ? (unsigned char *)(slot + 1) : slot->lease_room;
}

/*
 * 0: the slot was free and is ours. -EOWNERDEAD: its holder died and it is ours. -EBUSY: held.
 * -ENOMEM: this process cannot map more.
 */
int slot_take(struct segment *s, uint32_t i, struct life *life);
void slot_give_back(struct segment *s, uint32_t i, struct life *life);

/*
 * Records the calling thread as the holder, even one that only recovers the slot. passing:
 * the slot will be free at once.
 */
void slot_announce(struct segment *s, uint32_t i, bool passing);
/* Called by the holder, which may run on another NUMA node now. */
void slot_moved(struct segment *s, uint32_t i);
void slot_leaving(struct segment *s, uint32_t i); /* the calling thread is about to give it back */
void slot_retire(struct segment *s, uint32_t i);  /* undoes slot_announce() */

/* What a slot says of its holder, at one moment. slot_look() only reads, and only shared words. */
struct slot_look {
    struct life_mark mark;
    struct proc_id id; /* pid = 0: none */
    bool named;        /* the id is that of the thread that holds the mark, or held it last */
    /* No holder is recorded and the slot is empty: a holder that died had not used it. */
    bool bare;
    /*
     * Held, and about to be free: in recovery, being given back, or its
     * holder has not announced itself yet.
     */
    bool passing;
};

/*
 * Offset of a slot's life mark in the object: at the end of the slot's last page. Two
 * slots share a page if both fit.
 */
static inline uint64_t slot_mark_off(const struct segment *s, uint32_t i)
{
    const uint64_t second = i % 2, next = i + UINT64_C(1);
    if (s->l.slot_bytes < SHM_PAGE)
        return s->l.slots_off + (next + !second) * (SHM_PAGE / 2) - SHM_LIFE_MARKS + second * sizeof(shm_u64);
    return s->l.slots_off + next * s->l.slot_bytes - SHM_LIFE_MARKS;
}

static inline shm_u64 *slot_mark_at(const struct segment *s, uint32_t i)
{
    return (shm_u64 *)(void *)(s->base + slot_mark_off(s, i));
}

static inline struct life_mark slot_mark(const struct segment *s, uint32_t i)
{
    return life_look(slot_mark_at(s, i));
}

/* Nothing in it to recover, except perhaps slabs. */
bool slot_is_empty(const struct segment *s, uint32_t i);
void slot_look(const struct segment *s, uint32_t i, struct slot_look *look);
uint32_t slot_judge(const struct slot_look *look);        /* LFVEC_SLOT_*; asks the kernel */
uint32_t slot_state(const struct segment *s, uint32_t i); /* slot_look(), then slot_judge() */
bool slot_state_lives(uint32_t state);                    /* ALIVE or STOPPED */

/*
 * Takes the slot from the holder that `look` saw, if that died and the kernel did not
 * mark it. Returns as slot_take().
 */
int slot_take_from(struct segment *s, uint32_t i, const struct slot_look *look, struct life *life);

#endif
