/*
 * slab.h - slabs and their leaves: claiming, allocating, freeing, locating.
 *
 * Invariants: a slab has one owner (a slot) at a time. Only the owner sets bits in its bitmap and
 * stores into its leaves, whether in effect or free. A spare belongs to the slot that recorded it,
 * whichever slot owns its slab. Any participant may clear the bit of a leaf that it has replaced.
 *
 * Each slot has a leaf in reserve, used only to push a leased element back into a full vector. Only
 * that slot takes it and stores into it, whichever slot owns the slab. So a reserved leaf is either
 * free or the last leaf of the vector; the next push replaces it.
 *
 * R6: an owner stores into a slab only while slot->work names it. Another slot may take a slab that
 * its owner does not work in, with all that is in it: slab_offer(), then a move of the head, then
 * slab_take_over(). So a stalled owner withholds only one slab from the others, and when it
 * continues, the leaves that it works on are still its own.
 */
#ifndef LFVEC_SLAB_H
#define LFVEC_SLAB_H

#include "segment.h"
#include "slot.h"

#include <errno.h>

/*
 * A replaced leaf rests until this many others were taken, so that its readers can finish: for
 * example a snapshot, while a writer sets elements at full speed. 32 leaves of 4 KiB stay in the
 * cache: set costs 2 % more than with 1.
 */
enum { LEAF_TURNS = 32 };

/* A located leaf. */
struct leaf {
    struct shm_leaf *meta;
    unsigned char *data;
};

/*
 * The slabs that a participant owns. Private; rebuilt from the slab
 * table when a slot changes hands.
 */
struct slab_set {
    uint64_t *slab;
    uint32_t count, room;
    uint32_t current; /* the one that was used last */
    uint32_t word;    /* of its bitmap */
    uint32_t bit;     /* next bit of that word to look at */
    uint32_t looked;  /* number of slabs when all of them were last searched */
};

static inline uint64_t leaf_ref_slab(uint64_t ref)
{
    return (ref >> 16) - 1;
}

static inline uint64_t leaf_ref_make(uint64_t slab, uint32_t leaf)
{
    return (slab + 1) << 16 | leaf;
}

/* How many of a slab's first leaves are in reserve. */
static inline uint32_t slab_reserved(const struct segment *s, uint64_t slab)
{
    const uint64_t each = s->l.slab_leaves / SHM_RESERVE;
    if (!each || slab >= s->l.max_slots / each + 1)
        return 0;
    const uint64_t rest = s->l.max_slots - slab * each;
    return (uint32_t)(rest < each ? rest : each);
}

static inline bool slab_is_reserve(const struct segment *s, uint64_t ref)
{
    return (ref & 0xffff) < slab_reserved(s, leaf_ref_slab(ref));
}

/* The reserved leaf of slot `me`; 0 if the slabs have too few leaves for that, or are too few. */
static inline uint64_t slab_reserve_of(const struct segment *s, uint32_t me)
{
    const uint32_t each = s->l.slab_leaves / SHM_RESERVE;
    return each && (me - 1) / each < s->l.slabs_max ? leaf_ref_make((me - 1) / each, (me - 1) % each) : 0;
}

/* The leaves of a slab that its owner may take. */
static inline uint32_t slab_leaves(const struct segment *s, uint64_t slab)
{
    return s->l.slab_leaves - slab_reserved(s, slab);
}

static inline unsigned char *slab_base(const struct segment *s, uint64_t slab)
{
    return s->base + s->l.slabs_off + slab * s->l.slab_bytes;
}

static inline bool slab_known(const struct segment *s, uint64_t slab)
{
    return atomic_load_explicit(&s->slab_known[slab / 64], memory_order_relaxed) >> (slab % 64) & 1;
}

/* First use of a slab: checks that it has memory. Returns 0, -EBADMSG or -ENOMEM. */
int slab_learn(struct segment *s, uint64_t slab);

/*
 * slab_learn() for a pass over all slabs. Each slab that claims to have memory and has none costs a
 * question to the kernel. After this many of them the pass asks no more.
 */
enum { SLAB_REFUSALS = 256 };

struct slab_budget {
    uint32_t refused;
};

bool slab_has_memory(struct segment *s, uint64_t slab, struct slab_budget *budget);

/* Locates a leaf in a slab that is already known. */
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

/* Locates a leaf. -EBADMSG if the reference is invalid; -ENOMEM if it lies beyond our mapping. */
static inline int slab_locate(struct segment *s, uint64_t ref, struct leaf *leaf)
{
    return __builtin_expect(slab_locate_known(s, ref, leaf), 1) ? 0 : slab_locate_new(s, ref, leaf);
}

uint64_t slab_word(const struct segment *s, uint64_t slab); /* its slab table word; the slab is known */
uint32_t slab_word_state(uint64_t word);
uint32_t slab_word_owner(uint64_t word);
uint32_t slab_word_taker(uint64_t word);
/* Slabs to look at lie below this and have a table word in memory. */
uint64_t slab_high(const struct segment *s);

/*
 * Reads the slot's own announcement, without a barrier: exact for the
 * owner, and good enough for counting.
 */
static inline bool slab_works_in(const struct segment *s, uint32_t me, uint64_t slab)
{
    return atomic_load_explicit(&slot_at(s, me)->work, memory_order_relaxed) == slab + 1;
}

bool slab_enter_slow(struct segment *s, uint32_t me, uint64_t slab);
/* Slot `me` stores into no leaf until it enters a slab again. */
void slab_leave(struct segment *s, uint32_t me);

/*
 * Slot `me` is about to store into leaves of a slab, and leaves the slab that it was in. False if
 * the slab is not its own, or no longer.
 */
static inline bool slab_enter(struct segment *s, uint32_t me, uint64_t slab)
{
    const uint64_t word = slab_word(s, slab);
    if (slab_word_owner(word) != me || slab_word_state(word) != SHM_SLAB_OWNED)
        return false;
    return slab_works_in(s, me, slab) || slab_enter_slow(s, me, slab);
}

/*
 * Taking a slab from its owner has three steps (R6). slab_offer() returns true if the owner does
 * not work in the slab; pass *word to the third step. The caller then moves the head.
 * slab_take_over() returns true if the slab is ours and we work in it; false if its owner came back
 * or another taker was faster. A taker that stops or dies in between leaves a mark, which does not
 * hinder the owner or the next taker.
 */
bool slab_offer(struct segment *s, uint32_t me, uint64_t slab, uint64_t *word);
bool slab_take_over(struct segment *s, uint32_t me, uint64_t slab, uint64_t word);

/*
 * Finds a free leaf in own slabs, or in one that can be claimed. Does not take it; slot `me` works
 * in its slab afterwards. Returns 0, -ENOSPC, -EOVERFLOW, -ENOMEM or -EBADMSG. slab_find_all()
 * searches each slab of the set and claims none.
 */
int slab_find(struct segment *s, struct slab_set *set, uint32_t me, uint64_t *ref);
bool slab_find_all(struct segment *s, struct slab_set *set, uint32_t me, uint64_t *ref);
int slab_set_add(struct slab_set *set, uint64_t slab); /* makes it the current one; 0 or -ENOMEM */
void slab_take(struct segment *s, uint64_t ref);       /* own leaf; its seq has been stored */
void slab_free(struct segment *s, uint64_t ref);       /* by its replacer; located before */
bool slab_taken(struct segment *s, uint64_t ref);

/*
 * Enclose a loop that takes or recovers many slots, in a thread that no signal handler
 * interrupts (calm.h). In between, an index made in one pass over the slab table finds the slabs
 * of a slot, in place of one pass for each slot. The index lacks slabs that a slot got after it
 * was made: they stay the slot's, and its next holder finds them. False: another sweep is
 * already active and continues; do not end it.
 */
bool slab_sweep_begin(const struct segment *s);
void slab_sweep_end(bool begun);

int slab_set_load(struct segment *s, struct slab_set *set, uint32_t me);
void slab_set_drop(struct slab_set *set);
/* Makes all empty slabs of a slot UNOWNED; returns how many. */
uint32_t slab_release_empty(struct segment *s, uint32_t me);
/* Commits n more slabs, as UNOWNED. On an error, some of them may have been committed. */
int slab_reserve(struct segment *s, uint32_t me, uint64_t n);

/* The next claim looks at each slab: a killed process may have hidden one. */
void slab_rewind_hints(struct segment *s);

/*
 * At creation, before any other participant exists: commits the first slab and what leads to it, so
 * that the first push makes no system call. On failure it commits no slab.
 */
int slab_reserve_first(struct segment *s);

uint64_t slab_count_free(const struct segment *s, uint64_t slab); /* leaves that its owner may take */
uint64_t slab_count_used(const struct segment *s, uint64_t slab); /* leaves in use for any purpose */

#endif
