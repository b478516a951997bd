/*
 * aim_life.c - attacks on the mark by which the kernel tells that a slot's holder died. Where in the slot it lies, and what it consists of, is
 * not assumed: it is somewhere behind the lease.
 */
#include "aim.h"

#include <linux/futex.h>
#include <stddef.h>

#define LIFE_FROM ((offsetof(struct shm_slot, lease_room) + SHM_LEASE_ROOM) & ~(size_t)7)

/* A word of the slot's life: at the start of what is written down, or at the very end of the slot, more often than in between. */
static uint64_t life_word(struct forge *f, uint64_t bytes)
{
    const uint64_t slot = forge_slot(f), from = LIFE_FROM, to = f->h.slot_bytes;
    switch (rng_below(&f->rng, 4)) {
    case 0:
        return slot + from + rng_below(&f->rng, (to - from) / bytes) * bytes;
    case 1:
        return slot + to - 64 + rng_below(&f->rng, 64 / bytes) * bytes;
    default:
        return slot + from + rng_below(&f->rng, 80 / bytes) * bytes;
    }
}

/* The number of a thread that holds a slot, or of any victim's. */
static uint32_t any_tid(struct forge *f)
{
    const uint64_t slot = forge_slot(f);
    const struct victim *v = &aim_board->victim[rng_below(&f->rng, VICTIMS)];
    return rng_below(&f->rng, 2) ? (uint32_t)(forge_64(f, slot + offsetof(struct shm_slot, pid)) >> 32)
                                 : (uint32_t)atomic_load(&v->caller[rng_below(&f->rng, CALLERS)].tid);
}

void attack_life_bytes(struct forge *f)
{
    const uint64_t off = life_word(f, 8), at = 8 * rng_below(&f->rng, 8), was = forge_64(f, off);
    forge_put_64(f, off, rng_below(&f->rng, 2) ? forge_any(f) : was ^ (1 + rng_below(&f->rng, 255)) << at);
}

void attack_life_tid(struct forge *f)
{
    static const uint32_t bits[] = {0, FUTEX_OWNER_DIED, FUTEX_WAITERS, FUTEX_OWNER_DIED | FUTEX_WAITERS};
    const uint32_t tid = rng_below(&f->rng, 8) ? any_tid(f) : (uint32_t)forge_any(f);
    forge_put_32(f, life_word(f, 4), tid | bits[rng_below(&f->rng, 4)]);
}

/* Also a link that is found there, moved by some words, and one that leads into the victim's own mapping of the slots. */
/*
 * What was there comes back some stores later: a mutex that is wrong for good is one that no victim locks any more, and an attacker wants it
 * to be locked, and then unlocked.
 */
static void put_for_a_while(struct forge *f, uint64_t off, uint64_t value)
{
    static struct {
        uint64_t off, was;
    } kept[8];
    static uint32_t next;
    const uint32_t at = next++ % (sizeof kept / sizeof *kept);
    if (kept[at].off)
        forge_put_64(f, kept[at].off, kept[at].was);
    kept[at].off = rng_below(&f->rng, 8) ? off : 0;
    kept[at].was = forge_64(f, off);
    forge_put_64(f, off, value);
}

/* Where a C library has its links, and the word behind which a neighbour of ours would be looked for, in a mutex that lies at LIFE_FROM. */
enum { LINK_PREV = 24, LINK_NEXT = 32, KIND = 16 };

/*
 * A neighbour that is none: some place in a victim's mapping of the segment, to write or read-only, with the victim's own link right before
 * it, as if it pointed back. Detached and unmapped, it becomes a place in whatever comes there next.
 */
static void put_neighbour(struct forge *f)
{
    static const size_t inside[] = {offsetof(struct shm_slot, name) + 8, offsetof(struct shm_slot, lease_room) + 16};
    const uint64_t slot = forge_slot(f), mapped = forge_mapping(f), other = forge_mapping(f);
    const uint64_t at = forge_slot(f) + inside[rng_below(&f->rng, 2)] + 8 * rng_below(&f->rng, 2);
    if (!mapped)
        return;
    forge_put_64(f, at - 8, mapped + slot + LIFE_FROM + (rng_below(&f->rng, 4) ? LINK_NEXT : 8 * rng_below(&f->rng, 10)));
    put_for_a_while(f, slot + LIFE_FROM + LINK_NEXT, other + at);
}

void attack_life_links(struct forge *f)
{
    const uint64_t slot = forge_slot(f), link = slot + LIFE_FROM + (rng_below(&f->rng, 4) ? LINK_NEXT : LINK_PREV);
    switch (rng_below(&f->rng, 4)) {
    case 0:
        put_for_a_while(f, link, forge_64(f, link) + 8 * rng_below(&f->rng, 8) - 32);
        break;
    case 1:
        put_for_a_while(f, rng_below(&f->rng, 2) ? link : life_word(f, 8), forge_lead(f));
        break;
    default:
        put_neighbour(f);
    }
}

/* Right, and wrong the next moment: what was looked at is not what is used. */
void attack_life_kinds(struct forge *f)
{
    const uint64_t off = forge_slot(f) + LIFE_FROM + (rng_below(&f->rng, 4) ? KIND : 8 + 4 * rng_below(&f->rng, 12));
    const uint32_t was = (uint32_t)forge_64(f, off & ~UINT64_C(7)) * (off % 8 == 0) +
                         (uint32_t)(forge_64(f, off & ~UINT64_C(7)) >> 32) * (off % 8 != 0);
    for (int i = 0; i < 4; i++) {
        forge_put_32(f, off, (uint32_t)rng_below(&f->rng, 0x200));
        forge_put_32(f, off, was);
    }
}
