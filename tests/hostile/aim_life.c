/*
 * aim_life.c - attacks on life marks, by which the kernel tells that a slot's holder died, and on what is written down of the holder. A mark lies
 * at the end of a page, and a page of the holder's own right behind it.
 */
#include "aim.h"

#include <linux/futex.h>
#include <stddef.h>

#define PID_OFF offsetof(struct shm_slot, pid)

/* Of any slot: its place is that of slot_mark_off(), and the words beside it are another slot's, and one that is never used. */
static uint64_t any_mark(struct forge *f)
{
    const uint64_t end = (forge_slot(f) + f->h.slot_bytes + SHM_PAGE - 1) / SHM_PAGE * SHM_PAGE;
    return end - SHM_LIFE_MARKS + sizeof(shm_u64) * rng_below(&f->rng, SHM_LIFE_MARKS / sizeof(shm_u64));
}

/* The number of a thread that holds a slot, or of any victim's. */
static uint32_t any_tid(struct forge *f)
{
    const uint64_t slot = forge_slot(f);
    const struct victim *v = &aim_board->victim[rng_below(&f->rng, VICTIMS)];
    return rng_below(&f->rng, 2) ? (uint32_t)(forge_64(f, slot + PID_OFF) >> 32)
                                 : (uint32_t)atomic_load(&v->caller[rng_below(&f->rng, CALLERS)].tid);
}

/* Any byte of a mark, or of what is written down of a holder. */
void attack_life_bytes(struct forge *f)
{
    const uint64_t written = forge_slot(f) + PID_OFF + 8 * rng_below(&f->rng, (sizeof(struct shm_slot) - PID_OFF) / 8);
    const uint64_t off = rng_below(&f->rng, 2) ? any_mark(f) : written, at = 8 * rng_below(&f->rng, 8), was = forge_64(f, off);
    forge_put_64(f, off, rng_below(&f->rng, 2) ? forge_any(f) : was ^ (1 + rng_below(&f->rng, 255)) << at);
}

void attack_life_tid(struct forge *f)
{
    static const uint32_t bits[] = {0, FUTEX_OWNER_DIED, FUTEX_WAITERS, FUTEX_OWNER_DIED | FUTEX_WAITERS};
    const uint32_t tid = rng_below(&f->rng, 8) ? any_tid(f) : (uint32_t)forge_any(f);
    forge_put_32(f, any_mark(f), tid | bits[rng_below(&f->rng, 4)]);
}

/* Held, and free at the next look: so that several threads hold one slot, and each gives it back. */
void attack_life_free(struct forge *f)
{
    const uint64_t mark = any_mark(f), was = forge_64(f, mark);
    forge_put_32(f, mark, rng_below(&f->rng, 2) ? 0 : FUTEX_OWNER_DIED);
    if (rng_below(&f->rng, 2))
        forge_put_64(f, mark, was);
}

/* Addresses in the victims, where a C library's mutex had its links, and all over the end of the page, before the holder's own. */
void attack_life_links(struct forge *f)
{
    const uint64_t end = (forge_slot(f) + f->h.slot_bytes + SHM_PAGE - 1) / SHM_PAGE * SHM_PAGE;
    forge_put_64(f, rng_below(&f->rng, 2) ? any_mark(f) : end - 8 * (1 + rng_below(&f->rng, 16)), forge_lead(f));
}
