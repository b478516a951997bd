/* aim_slab.c - attacks on what leads to memory: the slab table, its hints, the extents, the directory, and the holes of the object. */
#include "aim.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define CONTROL(name) forge_control(offsetof(struct shm_control, name))

/* A word of the slab table: mostly one of the first, which are in use. */
static uint64_t any_word(struct forge *f)
{
    const uint64_t most = rng_below(&f->rng, 4) ? 24 : f->h.slabs_max;
    return f->h.slabtab_off + 8 * rng_below(&f->rng, most < f->h.slabs_max ? most : f->h.slabs_max);
}

void attack_slab_states(struct forge *f)
{
    const uint64_t off = any_word(f), was = forge_64(f, off);
    const uint64_t state = rng_below(&f->rng, 4) ? rng_below(&f->rng, 5) : rng_below(&f->rng, 256);
    forge_put_64(f, off, (was & ~(UINT64_C(0xff) << 56)) | state << 56);
}

void attack_slab_owners(struct forge *f)
{
    const uint64_t off = any_word(f), was = forge_64(f, off),
                   slot = rng_below(&f->rng, 4) ? rng_below(&f->rng, f->slots + 2) : forge_any(f) & 0xffff;
    switch (rng_below(&f->rng, 3)) {
    case 0:
        forge_put_64(f, off, (was & ~(UINT64_C(0xffff) << 32)) | slot << 32);
        break;
    case 1:
        forge_put_64(f, off, (was & ~UINT64_C(0xffff)) | slot);
        break;
    default:
        forge_put_64(f, off, (was & ~(UINT64_C(0xff) << 48)) | (forge_any(f) & 0xff) << 48);
    }
}

/* All that was claimed is free again: a reserve commits slab after slab, and counts none. */
void attack_slab_reset(struct forge *f)
{
    for (uint64_t slab = 0; slab < SHM_PAGE / 8 && slab < f->h.slabs_max; slab++)
        forge_put_64(f, f->h.slabtab_off + 8 * slab, 0);
    forge_put_64(f, CONTROL(slabs_free), rng_next(&f->rng) << 32);
}

/* Owned, or nobody's, and never had memory. */
void attack_slab_beyond(struct forge *f)
{
    const uint64_t there = (forge_bytes(f) - f->h.slabs_off) / f->h.slab_bytes, slab = there + rng_below(&f->rng, 16);
    const uint64_t state = rng_below(&f->rng, 2) ? SHM_SLAB_OWNED : SHM_SLAB_UNOWNED;
    if (slab < f->h.slabs_max)
        forge_put_64(f, f->h.slabtab_off + 8 * slab, state << 56 | (1 + rng_below(&f->rng, f->slots)) << 32);
    forge_put_64(f, CONTROL(slabs_high), f->h.slabs_max);
}

void attack_hints(struct forge *f)
{
    const uint64_t slab = rng_below(&f->rng, 2) ? rng_below(&f->rng, 30) : forge_any(f);
    forge_put_64(f, rng_below(&f->rng, 2) ? CONTROL(slabs_free) : CONTROL(slabs_unowned), rng_next(&f->rng) << 32 | (uint32_t)slab);
    forge_put_64(f, CONTROL(slabs_high), rng_below(&f->rng, 2) ? rng_below(&f->rng, f->h.slabs_max + 2) : forge_any(f));
}

/* ---- extents ----------------------------------------------------------------------------------------------------------------------------- */

void attack_extents(struct forge *f)
{
    const uint64_t field = rng_below(&f->rng, 2) ? CONTROL(dir_committed) : CONTROL(slabtab_committed);
    const uint64_t most = field == CONTROL(dir_committed) ? f->h.dir_max : f->h.slabs_max;
    switch (rng_below(&f->rng, 4)) {
    case 0:
        forge_put_64(f, field, forge_any(f));
        break;
    case 1:
        forge_put_64(f, field, most + 1 - rng_below(&f->rng, 3));
        break;
    default:
        forge_put_64(f, field, rng_below(&f->rng, most + 1));
    }
}

/* The object reaches to the end, without memory, and all of it is said to be in use. Who reads there makes it memory. */
void attack_holes(struct forge *f)
{
    if (forge_bytes(f) < f->h.max_bytes && ftruncate(f->fd, (off_t)f->h.max_bytes) != 0)
        abort();
    forge_put_64(f, CONTROL(dir_committed), f->h.dir_max);
    forge_put_64(f, CONTROL(slabtab_committed), f->h.slabs_max);
    forge_put_64(f, CONTROL(slabs_high), f->h.slabs_max);
    forge_put_64(f, f->h.slabtab_off + 8 * rng_below(&f->rng, SHM_PAGE / 8),
                 (uint64_t)SHM_SLAB_OWNED << 56 | (1 + rng_below(&f->rng, f->slots)) << 32);
    const uint64_t packed = forge_64(f, CONTROL(head.packed));
    forge_put_64(f, CONTROL(head.packed), packed >> 40 << 40 | rng_below(&f->rng, f->h.max_elems));
}

/* ---- the directory ----------------------------------------------------------------------------------------------------------------------- */

static uint64_t any_entry(struct forge *f)
{
    const uint64_t most = rng_below(&f->rng, 4) ? 128 : f->h.dir_max;
    return f->h.dir_off + sizeof(struct shm_entry) * rng_below(&f->rng, most < f->h.dir_max ? most : f->h.dir_max);
}

void attack_dir_refs(struct forge *f)
{
    forge_put_64(f, any_entry(f) + offsetof(struct shm_entry, leaf_ref), forge_ref(f));
}

void attack_dir_stamps(struct forge *f)
{
    const uint64_t version = forge_64(f, CONTROL(head.version));
    forge_put_64(f, any_entry(f) + offsetof(struct shm_entry, stamp),
                 rng_below(&f->rng, 2) ? version + rng_below(&f->rng, 5) - 2 : forge_any(f));
}

/* ---- much of everything ------------------------------------------------------------------------------------------------------------------ */

/* Each slot is held by a number of no thread, or was, and each count is another at each look. */
static void hold_slots(struct forge *f, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        const uint64_t slot = f->h.slots_off + (1 + i % f->h.max_slots) * f->h.slot_bytes;
        const uint64_t lock = (i % 2 ? FUTEX_OWNER_DIED : UINT64_C(0x3ffffff0)) | f->turn << 32;
        const uint64_t end = (slot + f->h.slot_bytes + SHM_PAGE - 1) / SHM_PAGE * SHM_PAGE;
        for (uint64_t mark = end - SHM_LIFE_MARKS; mark < end; mark += sizeof(shm_u64))
            forge_put_64(f, mark, lock);
        forge_put_64(f, slot + offsetof(struct shm_slot, pid), UINT64_C(0x3ffffff0) | UINT64_C(0x3ffffff0) << 32);
    }
}

/*
 * All slots taken, and a slab table as long as can be: what goes through the table for each slot, or begins again when a lock has changed, has no
 * end that anybody waits for.
 */
void attack_many(struct forge *f)
{
    const uint64_t words = f->h.slabs_max < 1000000 ? f->h.slabs_max : 1000000;
    if (!f->turn++) {
        if (fallocate(f->fd, 0, (off_t)f->h.slabtab_off, (off_t)(words * 8)) != 0)
            abort();
        for (uint64_t i = 16; i < words; i++)
            forge_put_64(f, f->h.slabtab_off + 8 * i, (uint64_t)SHM_SLAB_OWNED << 56 | (1 + i % f->h.max_slots) << 32);
        forge_put_64(f, CONTROL(slabtab_committed), words);
        forge_put_64(f, CONTROL(slabs_high), words);
        hold_slots(f, 0, f->h.max_slots);
    }
    hold_slots(f, f->turn * 16, f->turn * 16 + 16);
}
