/* aim_leaf.c - attacks on slabs: the marks of leaves, the bitmaps, the elements. */
#include "aim.h"

#include <stddef.h>

static uint64_t version_of(struct forge *f)
{
    return forge_64(f, forge_control(offsetof(struct shm_control, head.version)));
}

static uint64_t near_head(struct forge *f)
{
    return rng_below(&f->rng, 2) ? version_of(f) + rng_below(&f->rng, 7) - 3 : forge_any(f);
}

void attack_leaf_seq(struct forge *f)
{
    forge_put_64(f, forge_meta(f) + offsetof(struct shm_leaf, seq), near_head(f));
}

void attack_leaf_dirty(struct forge *f)
{
    const uint64_t meta = forge_meta(f);
    forge_put_64(f, meta + offsetof(struct shm_leaf, dirty), near_head(f));
    forge_put_32(f, meta + offsetof(struct shm_leaf, stable), (uint32_t)forge_any(f));
}

void attack_leaf_used(struct forge *f)
{
    const uint64_t meta = forge_meta(f);
    forge_put_32(f, meta + offsetof(struct shm_leaf, used), (uint32_t)forge_any(f));
    forge_put_32(f, meta + offsetof(struct shm_leaf, stable), (uint32_t)forge_any(f));
}

void attack_bitmaps(struct forge *f)
{
    const uint64_t word = forge_slab(f) + rng_below(&f->rng, (forge_leaves(f) + 63) / 64) * 8;
    static const uint64_t masks[] = {0, UINT64_MAX};
    forge_put_64(f, word, rng_below(&f->rng, 2) ? masks[rng_below(&f->rng, 2)] : rng_next(&f->rng));
}

void attack_elements(struct forge *f)
{
    forge_put_64(f, forge_slab(f) + rng_below(&f->rng, f->h.slab_bytes / 8) * 8, forge_any(f));
}

/*
 * The leaves with the first elements, which a snapshot copies last, are of a version that the head has not reached: all that was copied before
 * is copied again, as often as it is tried.
 */
void attack_last_leaf(struct forge *f)
{
    for (uint64_t d = 0; d < 4; d++) {
        const uint64_t ref = forge_64(f, f->h.dir_off + d * sizeof(struct shm_entry));
        const uint64_t bitmap = ((f->h.slab_leaves + 63) / 64 * 8 + 63) / 64 * 64;
        if (!ref || (ref >> 16) - 1 >= f->h.slabs_max || (ref & 0xffff) >= f->h.slab_leaves)
            continue;
        const uint64_t meta = f->h.slabs_off + ((ref >> 16) - 1) * f->h.slab_bytes + bitmap + (ref & 0xffff) * sizeof(struct shm_leaf);
        forge_put_64(f, meta + offsetof(struct shm_leaf, seq), version_of(f) + 1000);
    }
}
