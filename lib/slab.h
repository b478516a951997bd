/*
 * slab.h - slabs and their leaves: claiming, allocating, freeing, locating.
 *
 * Invariants: a slab has one owner (a slot) at a time, and only the owner sets bits in its bitmap and stores into those of its leaves that
 * are in effect or free; a leaf in hand (a spare) belongs to the slot that recorded it, whoever owns the slab. Anybody may clear the bit of
 * a leaf that it has replaced.
 *
 * Each slot has a leaf in reserve, with which a leased element finds its way back into a vector that is full. It is that slot's alone to take
 * and to store into, whoever owns the slab, and for nothing else. So it is free, or the last leaf of the vector: who pushes on replaces it.
 *
 * R6. An owner stores into a slab only while slot->work names it. A slab that its owner does not work in may be taken by another slot, with
 * all that is in it: slab_offer(), a move of the head, slab_take_over(). So an owner that is stalled, wherever that is, keeps one slab from
 * others, and never finds somebody else's leaf where it left its own.
 */
#ifndef LFVEC_SLAB_H
#define LFVEC_SLAB_H

#include "segment.h"
#include "slot.h"

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

/* So many of a slab's leaves, the first ones, are in reserve. */
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

/* The leaf that slot `me` has in reserve; 0 if slabs have too few leaves for that, or are too few. */
static inline uint64_t slab_reserve_of(const struct segment *s, uint32_t me)
{
    const uint32_t each = s->l.slab_leaves / SHM_RESERVE;
    return each && (me - 1) / each < s->l.slabs_max ? leaf_ref_make((me - 1) / each, (me - 1) % each) : 0;
}

/* Leaves of a slab that its owner may take. */
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

int slab_learn(struct segment *s, uint64_t slab); /* first sight of a slab: has it memory? 0, -EBADMSG, -ENOMEM */

/*
 * The same, for a pass over all slabs: those that are said to have memory and have none cost a question to the kernel each, and are not asked
 * about any more when there were so many of them.
 */
enum { SLAB_REFUSALS = 256 };

struct slab_budget {
    uint32_t refused;
};

bool slab_has_memory(struct segment *s, uint64_t slab, struct slab_budget *budget);

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
uint32_t slab_word_taker(uint64_t word);
uint64_t slab_high(const struct segment *s); /* slabs to look at: below this, and with a table word in memory */

/* As it says itself: for the owner, and for those who only count. */
static inline bool slab_works_in(const struct segment *s, uint32_t me, uint64_t slab)
{
    return atomic_load_explicit(&slot_at(s, me)->work, memory_order_relaxed) == slab + 1;
}

bool slab_enter_slow(struct segment *s, uint32_t me, uint64_t slab);
void slab_leave(struct segment *s, uint32_t me); /* slot `me` stores into no leaf until it enters a slab again */

/* Slot `me` is about to store into leaves of a slab: false if that is not its own, or not any more. It leaves the slab that it was in. */
static inline bool slab_enter(struct segment *s, uint32_t me, uint64_t slab)
{
    const uint64_t word = slab_word(s, slab);
    if (slab_word_owner(word) != me || slab_word_state(word) != SHM_SLAB_OWNED)
        return false;
    return slab_works_in(s, me, slab) || slab_enter_slow(s, me, slab);
}

/*
 * Taking a slab from its owner, in three steps (R6). slab_offer(): true if slot `me` may go on, since the owner does not work in it; *word is
 * for the third step. Then the head is moved. slab_take_over(): true if the slab is ours, and we work in it; false if its owner came back, or
 * another taker. A taker that is stopped or killed in between leaves a mark that changes nothing for the owner, nor for the next taker.
 */
bool slab_offer(struct segment *s, uint32_t me, uint64_t slab, uint64_t *word);
bool slab_take_over(struct segment *s, uint32_t me, uint64_t slab, uint64_t word);

/*
 * A free leaf in own slabs, or in one that is free to be claimed. Does not take it; slot `me` works in its slab afterwards. 0, -ENOSPC,
 * -EOVERFLOW, -ENOMEM, -EBADMSG. slab_find_all(): looks at each slab of the set, and claims none.
 */
int slab_find(struct segment *s, struct slab_set *set, uint32_t me, uint64_t *ref);
bool slab_find_all(struct segment *s, struct slab_set *set, uint32_t me, uint64_t *ref);
int slab_set_add(struct slab_set *set, uint64_t slab); /* which is its owner's current one from now on; 0 or -ENOMEM */
void slab_take(struct segment *s, uint64_t ref);       /* own leaf; its seq has been stored */
void slab_free(struct segment *s, uint64_t ref);       /* by whoever replaced it; located before */
bool slab_taken(struct segment *s, uint64_t ref);

/*
 * Around taking, or recovering, slots one after the other, by a thread that no handler interrupts (calm.h): in between, the slabs of a slot are
 * found by an index that is made in one pass over the slab table, rather than by a pass for each slot. What an index leaves out is what a slot got
 * since it was made: slabs that stay the slot's, for its next holder to find. False: within another sweep, which goes on; no end is due.
 */
bool slab_sweep_begin(const struct segment *s);
void slab_sweep_end(bool begun);

int slab_set_load(struct segment *s, struct slab_set *set, uint32_t me);
void slab_set_drop(struct slab_set *set);
uint32_t slab_release_empty(struct segment *s, uint32_t me);  /* gives all empty slabs of a slot to whoever wants them; how many */
int slab_reserve(struct segment *s, uint32_t me, uint64_t n); /* commits n more slabs, owned by nobody; on an error, perhaps some of them */

void slab_rewind_hints(struct segment *s); /* the next claim looks at each slab: a killed process may have hidden one */

/*
 * At creation, with nobody else here yet: the first slab, and what leads to it, have their memory, and the first to push makes no system call
 * for it. Failing, no slab is.
 */
int slab_reserve_first(struct segment *s);

uint64_t slab_count_free(const struct segment *s, uint64_t slab); /* leaves that its owner may take */
uint64_t slab_count_used(const struct segment *s, uint64_t slab); /* leaves in use, whatever for */

#endif
