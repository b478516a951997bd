/* aim_slot.c - attacks on what a slot says: who holds it, what was in hand, what was tried, and its two descriptors. */
#include "aim.h"

#include <stddef.h>

#define FIELD(name) offsetof(struct shm_slot, name)

/* A version near the head's, shifted as slots record it, or anything. */
static uint64_t near_head(struct forge *f, uint32_t shift)
{
    const uint64_t version = forge_64(f, forge_control(offsetof(struct shm_control, head.version)));
    if (rng_below(&f->rng, 4) == 0)
        return forge_any(f);
    return (version + rng_below(&f->rng, 5) - 2) << shift | rng_below(&f->rng, UINT64_C(1) << shift);
}

void attack_who(struct forge *f)
{
    static const size_t words[] = {FIELD(pid_ns), FIELD(alive_at), FIELD(since), FIELD(time_ns), FIELD(stack)};
    static const size_t halves[] = {FIELD(pid), FIELD(tid), FIELD(node), FIELD(home), FIELD(taking), FIELD(passing)};
    const uint64_t slot = forge_slot(f);
    const struct victim *v = &aim_board->victim[rng_below(&f->rng, VICTIMS)];
    if (rng_below(&f->rng, 3) == 0)
        forge_put_64(f, slot + words[rng_below(&f->rng, 5)], forge_any(f));
    else if (rng_below(&f->rng, 2))
        forge_put_32(f, slot + halves[rng_below(&f->rng, sizeof halves / sizeof *halves)], (uint32_t)forge_any(f));
    else
        forge_put_32(f, slot + halves[rng_below(&f->rng, 2)], (uint32_t)atomic_load(&v->caller[rng_below(&f->rng, CALLERS)].tid));
}

/* The holder is judged by these together: a count that is right or wrong at every look, and a slot that is always about to be free. */
void attack_taking(struct forge *f)
{
    const uint64_t slot = forge_slot(f);
    const uint32_t taking = (uint32_t)forge_64(f, slot + FIELD(taking));
    forge_put_32(f, slot + FIELD(taking), taking + (rng_below(&f->rng, 2) ? 1u : UINT32_MAX));
    forge_put_32(f, slot + FIELD(passing), (uint32_t)rng_below(&f->rng, 3));
}

void attack_intent(struct forge *f)
{
    const uint64_t slot = forge_slot(f);
    forge_put_64(f, slot + FIELD(intent), near_head(f, 1));
    forge_put_64(f, slot + FIELD(committed), near_head(f, 0));
    forge_put_64(f, slot + FIELD(attempt), near_head(f, SHM_KIND_BITS));
}

void attack_lease(struct forge *f)
{
    const uint64_t slot = forge_slot(f);
    forge_put_64(f, slot + FIELD(lease), near_head(f, 1));
    forge_put_64(f, slot + FIELD(lease_return), near_head(f, 0));
    forge_put_64(f, slot + FIELD(lease_room) + 8 * rng_below(&f->rng, SHM_LEASE_ROOM / 8), forge_any(f));
}

void attack_spares(struct forge *f)
{
    forge_put_64(f, forge_slot(f) + FIELD(spare_ref) + 8 * rng_below(&f->rng, SHM_DESC_LEAVES), forge_ref(f));
}

void attack_work(struct forge *f)
{
    forge_put_64(f, forge_slot(f) + FIELD(work), rng_below(&f->rng, 2) ? rng_below(&f->rng, 20) : forge_any(f));
}

void attack_counters(struct forge *f)
{
    forge_put_64(f, forge_slot(f) + FIELD(pushes) + 8 * rng_below(&f->rng, 6), forge_any(f));
}

/* ---- descriptors ------------------------------------------------------------------------------------------------------------------------- */

static uint64_t any_desc(struct forge *f)
{
    return forge_slot(f) + rng_below(&f->rng, 2) * sizeof(struct shm_desc);
}

void attack_desc_count(struct forge *f)
{
    const uint64_t desc = any_desc(f);
    switch (rng_below(&f->rng, 3)) {
    case 0:
        forge_put_64(f, desc + offsetof(struct shm_desc, count), forge_any(f));
        break;
    case 1:
        forge_put_64(f, desc + offsetof(struct shm_desc, dir_first),
                     rng_below(&f->rng, 2) ? f->h.dir_max - rng_below(&f->rng, 30) : forge_any(f));
        break;
    default:
        forge_put_64(f, desc + offsetof(struct shm_desc, since), near_head(f, 0));
    }
}

/* Odd as long as it lasts, or another at every look. */
void attack_desc_seq(struct forge *f)
{
    const uint64_t off = any_desc(f) + offsetof(struct shm_desc, seq);
    for (int i = 0; i < 20; i++)
        forge_put_64(f, off, f->turn++ / 10000 % 2 ? f->turn | 1 : f->turn * 2);
}

void attack_desc_refs(struct forge *f)
{
    const uint64_t entry = any_desc(f) + offsetof(struct shm_desc, entry) +
                           sizeof(struct shm_desc_entry) * rng_below(&f->rng, SHM_DESC_LEAVES);
    const uint64_t first = any_desc(f) + offsetof(struct shm_desc, entry);
    forge_put_64(f, (rng_below(&f->rng, 2) ? first : entry) + 8 * rng_below(&f->rng, 2), forge_ref(f));
}
