/*
 * slot.h - slots: one per participating thread, held by its life mark for as long as the thread takes part.
 *
 * The mark protects nothing that others need: no thread ever waits for it. It is there because the kernel changes it when its holder ends,
 * at whatever instruction, and because exactly one successor can take it.
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

/* The NUMA node of its pages; -1 = as the kernel likes. */
static inline int32_t slot_home(const struct segment *s, uint32_t i)
{
    return (int32_t)atomic_load_explicit(&slot_at(s, i)->home, memory_order_relaxed) - 1;
}

/* Does its holder run on another NUMA node than that of slot `me`? By what they wrote down. */
static inline bool slot_is_far(const struct segment *s, uint32_t i, uint32_t me)
{
    return s->nodes && atomic_load_explicit(&slot_at(s, i)->node, memory_order_relaxed) !=
                           atomic_load_explicit(&slot_at(s, me)->node, memory_order_relaxed);
}

static inline bool slot_exists(const struct segment *s, uint32_t i)
{
    return i >= 1 && i <= s->l.max_slots;
}

/* Where the slot keeps the element that its holder has on lease: its own room, so that a lease never needs memory. */
static inline unsigned char *slot_lease_room(const struct segment *s, uint32_t i)
{
    struct shm_slot *slot = slot_at(s, i);
    return s->l.elem_stride > SHM_LEASE_ROOM ? (unsigned char *)(slot + 1) : slot->lease_room;
}

/* 0: it was free, and is ours; -EOWNERDEAD: its holder died, and it is ours; -EBUSY: held; -ENOMEM: this process can map no more. */
int slot_take(struct segment *s, uint32_t i, struct life *life);
void slot_give_back(struct segment *s, uint32_t i, struct life *life);

/* Writes down who holds it: the calling thread; `passing`: it will be free at once. A mere recoverer does so too. */
void slot_announce(struct segment *s, uint32_t i, bool passing);
void slot_moved(struct segment *s, uint32_t i);   /* the calling thread holds it, and may be on another NUMA node by now */
void slot_leaving(struct segment *s, uint32_t i); /* the calling thread is about to give it back */
void slot_retire(struct segment *s, uint32_t i);  /* the opposite of slot_announce() */

/* What is written down of a slot, all of one moment. Reads only, shared words alone. */
struct slot_look {
    struct life_mark mark;
    struct proc_id id; /* pid = 0: none */
    bool named;        /* the id is that of the thread that holds the mark, or was the last to hold it */
    bool bare;         /* nobody is written down, and nothing was left in it: who died with it had only looked in */
    bool passing;      /* held, and about to be free: to be recovered, or given back, or by one who has not said what for */
};

/* Where in the object a slot's life mark lies: at the end of its last page, which it shares with another slot's if both fit there. */
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

bool slot_is_empty(const struct segment *s, uint32_t i); /* nothing in it to be recovered, but perhaps slabs */
void slot_look(const struct segment *s, uint32_t i, struct slot_look *look);
uint32_t slot_judge(const struct slot_look *look);        /* LFVEC_SLOT_*; asks the kernel */
uint32_t slot_state(const struct segment *s, uint32_t i); /* both */
bool slot_state_lives(uint32_t state);                    /* ALIVE or STOPPED */

/* Takes it from the holder that `look` saw: a dead one, of whose death the kernel has left no word. As slot_take(). */
int slot_take_from(struct segment *s, uint32_t i, const struct slot_look *look, struct life *life);

#endif
