/*
 * slab.h - slabs and their leaves: claiming, allocating, freeing, locating.
 *
 * Invariants: a slab has one owner (a slot) at a time, and only the owner sets bits in its bitmap and writes its leaves' metadata and
 * elements; anybody may clear the bit of a leaf that it has replaced. A slab changes hands only while all its bits are clear, and only by
 * its owner's doing, so a stalled owner never finds somebody else's leaf where it left its own.
 */
#ifndef LFVEC_SLAB_H
#define LFVEC_SLAB_H

#include "segment.h"

#include <errno.h>

/*
 * A leaf that was replaced rests until so many others were taken, so that whoever was reading it comes to the end of it: a snapshot beside
 * a writer that sets at full speed. 32 leaves of 4 KiB stay in the cache: set costs 2 % more than with 1.
 */
enum { LEAF_TURNS = 32 };

/* A located leaf. */
struct leaf {
    struct shm_leaf *meta;
    unsigned char *data;
};

/* The slabs that a participant owns: private, rebuilt from the slab table when a slot changes hands. */
struct slab_set {
    uint64_t *slab;
    uint32_t count, room;
    uint32_t current; /* the one that served last */
    uint32_t word;    /* of its bitmap */
    uint32_t bit;     /* of that word, whose turn it is */
    uint32_t looked;  /* slabs there were when all of them were looked at last */
};

static inline uint64_t leaf_ref_slab(uint64_t ref)
{
    return (ref >> 16) - 1;
}

static inline uint64_t leaf_ref_make(uint64_t slab, uint32_t leaf)
{
    return (slab + 1) << 16 | leaf;
}

static inline unsigned char *slab_base(const struct segment *s, uint64_t slab)
{
    return s->base + s->l.slabs_off + slab * s->l.slab_bytes;
}

static inline bool slab_known(const struct segment *s, uint64_t slab)
{
    return atomic_load_explicit(&s->slab_known[slab / 64], memory_order_relaxed) >> (slab % 64) & 1;
}

int slab_learn(struct segment *s, uint64_t slab); /* first sight of a slab: has it memory? 0, -EBADMSG, -ENOMEM */

/* Where a reference leads, if that is in a slab that we know. */
static inline bool slab_locate_known(const struct segment *s, uint64_t ref, struct leaf *leaf)
{
    const uint64_t slab = leaf_ref_slab(ref);
    const uint32_t i = (uint32_t)(ref & 0xffff);
    if (__builtin_expect(slab >= s->l.slabs_max || i >= s->l.slab_leaves || !slab_known(s, slab), 0))
        return false;
    unsigned char *base = slab_base(s, slab);
    leaf->meta = (struct shm_leaf *)(base + s->l.meta_off) + i;
    leaf->data = base + s->l.data_off + (size_t)i * s->l.leaf_stride;
    return true;
}

int slab_locate_new(struct segment *s, uint64_t ref, struct leaf *leaf);

/* Where a reference leads. -EBADMSG if it leads nowhere; -ENOMEM if beyond what we could map. */
static inline int slab_locate(struct segment *s, uint64_t ref, struct leaf *leaf)
{
    return __builtin_expect(slab_locate_known(s, ref, leaf), 1) ? 0 : slab_locate_new(s, ref, leaf);
}

uint64_t slab_word(const struct segment *s, uint64_t slab); /* its slab table word; the slab is known */
uint32_t slab_word_state(uint64_t word);
uint32_t slab_word_owner(uint64_t word);
uint64_t slab_high(const struct segment *s); /* slabs to look at: below this, and with a table word in memory */

static inline bool slab_is_mine(const struct segment *s, uint64_t ref, uint32_t me)
{
    const uint64_t word = slab_word(s, leaf_ref_slab(ref));
    return slab_word_owner(word) == me && slab_word_state(word) == SHM_SLAB_OWNED;
}

/* A free leaf in own slabs, claiming a slab if there is none. Does not take it: 0, -ENOSPC, -EOVERFLOW, -ENOMEM, -EBADMSG. */
int slab_find(struct segment *s, struct slab_set *set, uint32_t me, uint64_t *ref);
void slab_take(struct segment *s, uint64_t ref); /* own leaf; its seq has been stored */
void slab_free(struct segment *s, uint64_t ref); /* by whoever replaced it; located before */
bool slab_taken(struct segment *s, uint64_t ref);

int slab_set_load(struct segment *s, struct slab_set *set, uint32_t me);
void slab_set_drop(struct slab_set *set);
uint32_t slab_release_empty(struct segment *s, uint32_t me); /* gives all empty slabs of a slot to whoever wants them; how many */
int slab_reserve(struct segment *s, uint32_t me);            /* commits one more slab, owned by nobody */

/*
 * At creation, with nobody else here yet: the first slab, and what leads to it, have their memory, and the first to push makes no system call
 * for it. Failing, no slab is.
 */
int slab_reserve_first(struct segment *s);

uint64_t slab_count_free(const struct segment *s, uint64_t slab); /* clear bits */

#endif
