/*
 * slot.h - slots: one per participating thread, held through a robust mutex for as long as the thread takes part.
 *
 * The mutex protects nothing that others need: nobody ever waits for it. It is there because the kernel marks it when its holder dies,
 * at whatever instruction, and because trylock tells exactly one successor.
 */
#ifndef LFVEC_SLOT_H
#define LFVEC_SLOT_H

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

bool slot_lockable(const struct segment *s, uint32_t i); /* false: its mutex is damaged, and locking it might kill */

/* 0: it was free, and is ours; -EOWNERDEAD: its holder died, and it is ours; -EBUSY: held; another error: the mutex is spoilt. */
int slot_trylock(struct segment *s, uint32_t i);
int slot_unlock(struct segment *s, uint32_t i); /* -EBADMSG: it stays locked, and its segment mapped */

/* For lfvec_recover_forced() alone: a new mutex; who has locked it, 0 = nobody; takes it from there, as the kernel would after its death. */
int slot_reset_mutex(struct segment *s, uint32_t i);
int32_t slot_locker(const struct segment *s, uint32_t i);
bool slot_abandon(struct segment *s, uint32_t i, int32_t tid);

void slot_announce(struct segment *s, uint32_t i); /* writes down who holds it: the calling thread */
void slot_moved(struct segment *s, uint32_t i);    /* the calling thread holds it, and may be on another NUMA node by now */
void slot_retire(struct segment *s, uint32_t i);   /* the opposite */

void slot_holder(const struct segment *s, uint32_t i, struct proc_id *id);
uint32_t slot_state(const struct segment *s, uint32_t i); /* LFVEC_SLOT_*, by what is written down; reads only */

#endif
