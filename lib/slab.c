/*
 * slab.c - see slab.h. A process killed in here leaves a word in an array. The next holder
 * of its slot completes or drops a CLAIMED slab. Recovery finds a leaf whose bit was set
 * through the slot's list of spares.
 */
#include "slab.h"

#include "breakage.h"
#include "calm.h"
#include "lfvec.h"
#include "numa.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * How many own slabs to search before claiming a new one. Whenever the number of slabs has grown by
 * a quarter, all of them are searched. So allocation is O(1) on average, and free leaves in slabs
 * that are not searched cost at most a quarter of the memory.
 */
enum { LOOK_AT_MOST = 16 };

enum { FIRST_SLAB_MOST = 1 << 20 }; /* bytes; spend no more on a vector that may stay empty */

static uint64_t word_make(uint32_t state, uint32_t owner, int32_t node)
{
    return (uint64_t)state << 56 | (uint64_t)(uint8_t)node << 48 | (uint64_t)owner << 32;
}

uint32_t slab_word_state(uint64_t word)
{
    return (uint32_t)(word >> 56);
}

uint32_t slab_word_owner(uint64_t word)
{
    return (uint32_t)(word >> 32) & 0xffff;
}

uint32_t slab_word_taker(uint64_t word)
{
    return (uint32_t)word & 0xffff;
}

static int32_t word_node(uint64_t word)
{
    return (int32_t)(word >> 48 & 0xff);
}

static shm_u64 *table(const struct segment *s)
{
    return (shm_u64 *)(s->base + s->l.slabtab_off);
}

uint64_t slab_word(const struct segment *s, uint64_t slab)
{
    return atomic_load_explicit(&table(s)[slab], memory_order_acquire); /* SYNC: slab-word (acquire) */
}

/*
 * SYNC: slab-word (release): the slab's pages and its clear bitmap precede the word that offers it.
 */
static bool word_cas(struct segment *s, uint64_t slab, uint64_t from, uint64_t to)
{
    return atomic_compare_exchange_strong_explicit(&table(s)[slab], &from, to, memory_order_acq_rel, memory_order_relaxed);
}

static shm_u64 *bitmap(const struct segment *s, uint64_t slab)
{
    return (shm_u64 *)slab_base(s, slab);
}

static void know(struct segment *s, uint64_t slab)
{
    atomic_fetch_or_explicit(&s->slab_known[slab / 64], UINT64_C(1) << (slab % 64), memory_order_relaxed);
}

uint64_t slab_high(const struct segment *s)
{
    const uint64_t high = atomic_load_explicit(&s->control->slabs_high, memory_order_relaxed);
    const uint64_t ready = atomic_load_explicit(&s->slabtab.ready, memory_order_relaxed);
    return high < ready ? high : ready;
}

int slab_learn(struct segment *s, uint64_t slab)
{
    int err = 0;
    if (!extent_covers(&s->slabtab, slab))
        err = segment_extend_known(s, &s->slabtab, slab + 1);
    if (err)
        return err;
    const uint32_t state = slab_word_state(slab_word(s, slab));
    if (state != SHM_SLAB_OWNED && state != SHM_SLAB_UNOWNED)
        return -EBADMSG;
    const uint64_t off = s->l.slabs_off + slab * s->l.slab_bytes;
    err = segment_reaches(s, off + s->l.slab_bytes);
    err = err ? err : segment_is_whole(s, off, s->l.slab_bytes);
    if (!err)
        know(s, slab);
    return err;
}

bool slab_has_memory(struct segment *s, uint64_t slab, struct slab_budget *budget)
{
    if (slab_known(s, slab))
        return true;
    if (budget->refused == SLAB_REFUSALS)
        return false;
    const int err = slab_learn(s, slab);
    budget->refused += err == -EBADMSG;
    return !err;
}

int slab_locate_new(struct segment *s, uint64_t ref, struct leaf *leaf)
{
    if (leaf_ref_slab(ref) >= s->l.slabs_max || (ref & 0xffff) >= s->l.slab_leaves)
        return -EBADMSG;
    const int err = slab_learn(s, leaf_ref_slab(ref));
    return err ? err : slab_locate_known(s, ref, leaf) ? 0 : -EBADMSG;
}

static int set_grow(struct slab_set *set)
{
    const uint32_t room = set->room ? set->room * 2 : 16;
    uint64_t *more = malloc(room * sizeof *more), *old = set->slab;
    if (!more)
        return -ENOMEM;
    if (old)
        memcpy(more, old, set->count * sizeof *more);
    /*
     * Not realloc: if another thread forks now, the child finds the old array
     * or the new one, and both exist.
     */
    set->slab = more;
    free(old);
    set->room = room;
    return 0;
}

static int set_append(struct slab_set *set, uint64_t slab)
{
    if (set->count == set->room) {
        struct calm before;
        calm_begin(&before); /* a handler that jumps out of malloc leaves its lock held */
        const int err = set_grow(set);
        calm_end(&before);
        if (err)
            return err;
    }
    set->slab[set->count++] = slab;
    return 0;
}

/*
 * Inserts the slab in place of the current one, so that the search continues from it
 * and still reaches all of them.
 */
int slab_set_add(struct slab_set *set, uint64_t slab)
{
    const int err = set_append(set, slab);
    if (err)
        return err;
    if (set->current >= set->count)
        set->current = 0;
    set->slab[set->count - 1] = set->slab[set->current];
    set->slab[set->current] = slab;
    set->word = set->bit = 0;
    return 0;
}

/* Another slot has taken the current slab over. */
static void set_remove_current(struct slab_set *set)
{
    set->slab[set->current] = set->slab[--set->count];
    set->looked = set->looked < set->count ? set->looked : set->count;
    set->word = set->bit = 0;
}

/* ---- hints: where the first FREE or UNOWNED slab may be -------------------------------------- */

/*
 * A hint says that no slab below it is FREE (or UNOWNED), so that a claim need not start at the
 * first slab. A participant lowers it after making a slab FREE or UNOWNED, and raises it after a
 * search. The tag makes the raise fail if a lowering came in between. If a process is killed before
 * it lowers the hint, slab_find() misses that slab, until slab_rewind_hints() is called.
 */
static uint64_t hint_slab(uint64_t hint)
{
    return hint & UINT32_MAX;
}

static void hint_lower(shm_u64 *word, uint64_t slab)
{
    uint64_t hint = atomic_load_explicit(word, memory_order_relaxed), lower;
    do {
        const uint64_t tag = (hint >> 32) + 1;
        lower = tag << 32 | (slab < hint_slab(hint) ? slab : hint_slab(hint));
        /* SYNC: slab-hint (release): a reader of the hint finds the slab FREE or UNOWNED */
    } while (!atomic_compare_exchange_weak_explicit(word, &hint, lower, memory_order_release, memory_order_relaxed));
}

static uint64_t hint_read(const shm_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire); /* SYNC: slab-hint (acquire) */
}

static void hint_raise(shm_u64 *word, uint64_t hint, uint64_t slab)
{
    if (slab > hint_slab(hint))
        (void)atomic_compare_exchange_strong_explicit(word, &hint, (hint & ~(uint64_t)UINT32_MAX) | slab, memory_order_relaxed,
                                                      memory_order_relaxed);
}

void slab_rewind_hints(struct segment *s)
{
    hint_lower(&s->control->slabs_free, 0);
    hint_lower(&s->control->slabs_unowned, 0);
}

/* ---- claiming -------------------------------------------------------------------------------- */

/*
 * Allocates memory for a slab. Sets the NUMA policy first, because it
 * applies when pages are allocated.
 */
static int allocate(struct segment *s, uint64_t slab, int32_t node)
{
    const uint64_t off = s->l.slabs_off + slab * s->l.slab_bytes;
    if (off + s->l.slab_bytes <= s->mapped) {
        numa_place(s->base + off, s->l.slab_bytes, s->numa, s->nodes, node);
        if (s->flags & LFVEC_HUGEPAGES)
            (void)madvise(s->base + off, s->l.slab_bytes, MADV_HUGEPAGE);
    }
    return segment_commit_own(s, off, s->l.slab_bytes);
}

/* As allocate(), for a slab that we have claimed and are about to use. */
static int commit(struct segment *s, uint64_t slab, int32_t node)
{
    const int err = allocate(s, slab, node);
    if (err)
        return err;
    know(s, slab);
    return 0;
}

/*
 * Ends a claim: the slab gets the state that it was claimed for, or on an error becomes FREE again.
 */
static void end_claim(struct segment *s, uint64_t slab, uint64_t claimed, int err, uint64_t to)
{
    if (word_cas(s, slab, claimed, err ? word_make(SHM_SLAB_FREE, 0, 0) : to) && (err || slab_word_state(to) == SHM_SLAB_UNOWNED))
        hint_lower(err ? &s->control->slabs_free : &s->control->slabs_unowned, slab);
}

/*
 * Claims slab `slab` if its word is still `from`. Returns 0, SLAB_TAKEN if another participant was
 * faster, or a negative errno. If we are killed after the first CAS, the next holder of our slot
 * finds CLAIMED and completes or drops it.
 */
enum { SLAB_TAKEN = 1 };

static int claim(struct segment *s, uint64_t slab, uint64_t from, uint32_t me, uint64_t to)
{
    const int32_t node = word_node(to);
    const uint64_t claimed = word_make(SHM_SLAB_CLAIMED, me, node);
    /* Before the claim, because the next holder looks for claims below slabs_high. */
    shm_raise(&s->control->slabs_high, slab + 1, memory_order_relaxed);
    if (!word_cas(s, slab, from, claimed))
        return SLAB_TAKEN;
    const int err = commit(s, slab, node);
    end_claim(s, slab, claimed, err, to);
    return err;
}

/* Makes an own slab without used leaves UNOWNED, so that any slot can claim it. */
static bool give_up(struct segment *s, uint64_t slab, uint64_t word)
{
    if (!word_cas(s, slab, word, word_make(SHM_SLAB_UNOWNED, 0, word_node(word))))
        return false;
    hint_lower(&s->control->slabs_unowned, slab);
    return true;
}

void slab_leave(struct segment *s, uint32_t me)
{
    atomic_store_explicit(&slot_at(s, me)->work, 0, memory_order_release); /* SYNC: slab-work (release) */
}

/* Called before a slab becomes ours, so that it is not taken over before we use it. */
static void work_in(struct segment *s, uint32_t me, uint64_t slab)
{
    /*
     * SYNC: slab-work (release): a taker that finds us elsewhere sees all that we
     * stored in the slab that we leave
     */
    atomic_store_explicit(&slot_at(s, me)->work, slab + 1, memory_order_release);
}

/*
 * Claims an UNOWNED slab on this node, or on any if that is ANY_NODE. One CAS, and no system
 * call except for LFVEC_PREFAULT.
 */
enum { ANY_NODE = -1 };

static bool claim_unowned(struct segment *s, uint32_t me, int32_t node, uint64_t *slab)
{
    const uint64_t high = slab_high(s), hint = hint_read(&s->control->slabs_unowned);
    uint64_t first = high; /* the first UNOWNED slab that was skipped */
    struct slab_budget budget = {0};
    for (*slab = hint_slab(hint); *slab < high; ++*slab) {
        const uint64_t word = slab_word(s, *slab);
        if (slab_word_state(word) != SHM_SLAB_UNOWNED)
            continue;
        const bool known = slab_has_memory(s, *slab, &budget), here = node == ANY_NODE || word_node(word) == node;
        if (known && here) {
            work_in(s, me, *slab);
            if (word_cas(s, *slab, word, word_make(SHM_SLAB_OWNED, me, word_node(word))))
                break;
            continue;
        }
        first = first < *slab ? first : *slab;
    }
    const bool claimed = *slab < high;
    hint_raise(&s->control->slabs_unowned, hint, first < *slab ? first : claimed ? *slab + 1 : high);
    if (claimed && s->flags & LFVEC_PREFAULT)
        segment_populate(s, s->l.slabs_off + *slab * s->l.slab_bytes, s->l.slab_bytes);
    return claimed;
}

static int claim_fresh_at(struct segment *s, uint32_t me, uint64_t slab, uint64_t to)
{
    const int err = extent_covers(&s->slabtab, slab) ? 0 : segment_extend(s, &s->slabtab, slab + 1);
    if (err)
        return err;
    const uint64_t word = slab_word(s, slab);
    if (slab_word_state(word) != SHM_SLAB_FREE)
        return SLAB_TAKEN;
    if (slab_word_state(to) == SHM_SLAB_OWNED)
        work_in(s, me, slab);
    return claim(s, slab, word, me, to);
}

/* Claims the first FREE slab from *slab on. Skips those that others claim first. */
static int claim_fresh_from(struct segment *s, uint32_t me, bool owned, uint64_t *slab)
{
    const int32_t node = numa_near();
    const uint64_t to = owned ? word_make(SHM_SLAB_OWNED, me, node) : word_make(SHM_SLAB_UNOWNED, 0, node);
    int err = SLAB_TAKEN;
    for (; *slab < s->l.slabs_max; ++*slab) {
        err = claim_fresh_at(s, me, *slab, to);
        if (err != SLAB_TAKEN)
            break;
    }
    return err == SLAB_TAKEN ? -EOVERFLOW : err;
}

static int claim_fresh(struct segment *s, uint32_t me, bool owned, uint64_t *slab)
{
    const uint64_t hint = hint_read(&s->control->slabs_free);
    *slab = hint_slab(hint);
    const int err = claim_fresh_from(s, me, owned, slab);
    hint_raise(&s->control->slabs_free, hint, err ? *slab : *slab + 1);
    return err;
}

/*
 * Claims the slabs in order, so it passes through the table once, whatever
 * happens to the hint meanwhile.
 */
int slab_reserve(struct segment *s, uint32_t me, uint64_t n)
{
    uint64_t slab = 0;
    int err = n ? claim_fresh(s, me, false, &slab) : 0;
    while (!err && --n) {
        slab++;
        err = claim_fresh_from(s, me, false, &slab);
    }
    return err;
}

int slab_reserve_first(struct segment *s)
{
    const int32_t node = numa_near();
    if (s->l.slab_bytes > FIRST_SLAB_MOST)
        return 0;
    int err = segment_extend(s, &s->dir, 1);
    err = err ? err : segment_extend(s, &s->slabtab, 1);
    err = err ? err : allocate(s, 0, node);
    if (err)
        return err;
    atomic_store_explicit(&s->control->slabs_high, 1, memory_order_relaxed);
    atomic_store_explicit(&table(s)[0], word_make(SHM_SLAB_UNOWNED, 0, node), memory_order_relaxed);
    return 0;
}

/*
 * Prefers an UNOWNED slab, except that new memory on our own node is
 * better than old memory on another.
 */
static int claim_best(struct segment *s, uint32_t me, uint64_t *slab)
{
    const bool local = s->nodes && s->numa == LFVEC_NUMA_LOCAL;
    if (claim_unowned(s, me, local ? numa_near() : ANY_NODE, slab))
        return 0;
    const int err = claim_fresh(s, me, true, slab);
    return err && local && claim_unowned(s, me, ANY_NODE, slab) ? 0 : err;
}

static int claim_any(struct segment *s, struct slab_set *set, uint32_t me)
{
    uint64_t slab;
    if (!extent_covers(&s->slabtab, 0) || slab_high(s) < atomic_load_explicit(&s->control->slabs_high, memory_order_relaxed))
        (void)segment_extend_known(s, &s->slabtab, 0); /* others may have extended the table */
    int err = claim_best(s, me, &slab);
    if (err)
        return err;
    err = slab_set_add(set, slab);
    if (err) /* no private memory to record it: give it back */
        give_up(s, slab, slab_word(s, slab));
    return err;
}

/* ---- working in a slab, and taking one over -------------------------------------------------- */

/*
 * R6. The owner announces the slab, makes a full barrier, then looks at the word. A taker marks the
 * word, makes a full barrier, then looks at the announcement. So either the owner finds the mark
 * and removes it, which makes the taker fail, or the taker finds the announcement and leaves the
 * slab alone. If the owner stops after the announcement, it keeps this slab and no other.
 *
 * ENTER_TRIES: after the announcement only takers that began before it change the word, each at
 * most twice. More changes than that mean damage.
 */
enum { ENTER_TRIES = 2 * SHM_SLOTS_MAX };

bool slab_enter_slow(struct segment *s, uint32_t me, uint64_t slab)
{
    work_in(s, me, slab);
    atomic_thread_fence(memory_order_seq_cst); /* SYNC: slab-offer (release), (acquire): at least one side sees the other */
    for (uint32_t tries = 0; tries < ENTER_TRIES; tries++) {
        const uint64_t word = slab_word(s, slab);
        if (slab_word_owner(word) != me || slab_word_state(word) != SHM_SLAB_OWNED)
            return false;
        if (!slab_word_taker(word) || word_cas(s, slab, word, word_make(SHM_SLAB_OWNED, me, word_node(word))))
            return true;
    }
    return false; /* treat it as taken over */
}

/* SYNC: slab-work (acquire): if the owner is elsewhere, we see all that it stored here before. */
static bool works_in(const struct segment *s, uint32_t owner, uint64_t slab)
{
    return !BROKEN(BREAK_WORK) && atomic_load_explicit(&slot_at(s, owner)->work, memory_order_acquire) == slab + 1;
}

bool slab_offer(struct segment *s, uint32_t me, uint64_t slab, uint64_t *word)
{
    const uint64_t from = slab_word(s, slab);
    const uint32_t owner = slab_word_owner(from);
    if (slab_word_state(from) != SHM_SLAB_OWNED || owner == me || !slot_exists(s, owner) || works_in(s, owner, slab))
        return false;
    *word = word_make(SHM_SLAB_OWNED, owner, word_node(from)) | me;
    if (from != *word && !word_cas(s, slab, from, *word))
        return false;
    atomic_thread_fence(memory_order_seq_cst); /* SYNC: slab-offer (release), (acquire) */
    if (!works_in(s, owner, slab))
        return true;
    (void)word_cas(s, slab, *word, word_make(SHM_SLAB_OWNED, owner, word_node(from)));
    return false;
}

bool slab_take_over(struct segment *s, uint32_t me, uint64_t slab, uint64_t word)
{
    work_in(s, me, slab);
    return word_cas(s, slab, word, word_make(SHM_SLAB_OWNED, me, word_node(word)));
}

/* ---- finding leaves -------------------------------------------------------------------------- */

static uint64_t low_bits(uint64_t n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/*
 * The bits of word w whose leaves the owner may take. Leaves in reserve are
 * excluded; the last word may be partial.
 */
static uint64_t word_mask(const struct segment *s, uint64_t slab, uint32_t w)
{
    const uint32_t reserved = slab_reserved(s, slab), before = w * 64;
    return low_bits(s->l.slab_leaves - before) & ~low_bits(reserved > before ? reserved - before : 0);
}

/* Chooses one of the clear bits. The first LEAF_TURNS of them are used in turn. */
static uint32_t next_turn(uint64_t clear, uint32_t from)
{
    const uint32_t lowest = (uint32_t)__builtin_ctzll(clear);
    const uint64_t later = from < 64 ? clear >> from << from : 0;
    const uint32_t next = later ? (uint32_t)__builtin_ctzll(later) : lowest;
    return next - lowest < LEAF_TURNS ? next : lowest;
}

/* SYNC: leaf-free (acquire): the participant that cleared the bit no longer uses the leaf. */
static bool find_in(struct segment *s, struct slab_set *set, uint64_t slab, uint64_t *ref)
{
    shm_u64 *map = bitmap(s, slab);
    for (uint32_t n = 0, w = set->word; n < s->l.slab_words; n++, w = w + 1 < s->l.slab_words ? w + 1 : 0) {
        const uint64_t clear = ~atomic_load_explicit(&map[w], memory_order_acquire) & word_mask(s, slab, w);
        if (clear) {
            const uint32_t bit = next_turn(clear, w == set->word ? set->bit : 0);
            set->word = w;
            set->bit = bit + 1;
            *ref = leaf_ref_make(slab, w * 64 + bit);
            return true;
        }
    }
    return false;
}

/*
 * A bit seen clear before we enter the slab is clear afterwards if the slab is still ours: only the
 * owner sets bits, and the slab had no other owner in between.
 */
static bool find_in_set(struct segment *s, struct slab_set *set, uint32_t me, uint32_t look_at, uint64_t *ref)
{
    for (uint32_t n = 0; n < look_at && n < set->count;) {
        if (set->current >= set->count)
            set->current = 0;
        const uint64_t slab = set->slab[set->current];
        if (find_in(s, set, slab, ref)) {
            if (slab_enter(s, me, slab))
                return true;
            set_remove_current(set);
            continue;
        }
        n++;
        set->current++;
        set->word = set->bit = 0;
    }
    return false;
}

bool slab_find_all(struct segment *s, struct slab_set *set, uint32_t me, uint64_t *ref)
{
    return find_in_set(s, set, me, UINT32_MAX, ref);
}

int slab_find(struct segment *s, struct slab_set *set, uint32_t me, uint64_t *ref)
{
    if (find_in_set(s, set, me, LOOK_AT_MOST, ref))
        return 0;
    if (set->count - set->looked > set->looked / 4) {
        set->looked = set->count;
        if (slab_find_all(s, set, me, ref))
            return 0;
    }
    const int err = claim_any(s, set, me);
    return err ? err : find_in_set(s, set, me, 1, ref) ? 0 : -EBADMSG;
}

static shm_u64 *bit_word(struct segment *s, uint64_t ref, uint64_t *bit)
{
    const uint32_t i = (uint32_t)(ref & 0xffff);
    *bit = UINT64_C(1) << (i % 64);
    return bitmap(s, leaf_ref_slab(ref)) + i / 64;
}

void slab_take(struct segment *s, uint64_t ref)
{
    uint64_t bit;
    shm_u64 *word = bit_word(s, ref, &bit);
    atomic_fetch_or_explicit(word, bit, memory_order_release); /* SYNC: leaf-take (release): the new seq precedes the bit */
}

void slab_free(struct segment *s, uint64_t ref)
{
    uint64_t bit;
    shm_u64 *word = bit_word(s, ref, &bit);
    atomic_fetch_and_explicit(word, ~bit, memory_order_release); /* SYNC: leaf-free (release): our reads of the leaf are complete */
}

bool slab_taken(struct segment *s, uint64_t ref)
{
    uint64_t bit;
    shm_u64 *word = bit_word(s, ref, &bit);
    return atomic_load_explicit(word, memory_order_acquire) & bit; /* SYNC: leaf-take (acquire) */
}

/* ---- the slabs of a slot --------------------------------------------------------------------- */

/*
 * An index of the slabs below `high`, as lists in private memory: first[slot] is the lowest slab of
 * a slot, next[slab] the one after it. It is made after SWEEP_PLAIN slots, when it pays. A sweep
 * that finds what it needs at its first slot allocates nothing.
 */
enum { SWEEP_PLAIN = 4, NO_SLAB = UINT32_MAX };

static _Thread_local struct {
    const struct segment *s; /* NULL: no sweep is active */
    uint32_t looks;
    uint32_t *first, *next; /* NULL: not made, or no memory for it */
    uint64_t high;
} sweep;

bool slab_sweep_begin(const struct segment *s)
{
    if (sweep.s)
        return false;
    sweep.s = s;
    sweep.looks = 0;
    return true;
}

void slab_sweep_end(bool begun)
{
    if (!begun)
        return;
    free(sweep.first);
    free(sweep.next);
    sweep.first = sweep.next = NULL;
    sweep.s = NULL;
}

static void sweep_index(const struct segment *s)
{
    sweep.high = slab_high(s);
    sweep.first = malloc((s->l.max_slots + (size_t)1) * sizeof *sweep.first);
    sweep.next = malloc((sweep.high + 1) * sizeof *sweep.next);
    if (!sweep.first || !sweep.next)
        return;
    for (uint32_t i = 0; i <= s->l.max_slots; i++)
        sweep.first[i] = NO_SLAB;
    for (uint64_t slab = sweep.high; slab-- > 0;) {
        const uint32_t owner = slab_word_owner(slab_word(s, slab));
        if (owner > s->l.max_slots)
            continue;
        sweep.next[slab] = sweep.first[owner];
        sweep.first[owner] = (uint32_t)slab;
    }
}

static bool is_indexed(const struct segment *s)
{
    return sweep.s == s && sweep.first && sweep.next;
}

/*
 * first_of() and next_of() iterate over the slabs below slab_high() that may belong to slot `me`:
 * those in the index, or without one, all.
 */
static uint64_t first_of(const struct segment *s, uint32_t me)
{
    if (sweep.s == s && ++sweep.looks == SWEEP_PLAIN)
        sweep_index(s);
    return is_indexed(s) ? sweep.first[me] : 0;
}

static uint64_t next_of(const struct segment *s, uint64_t slab)
{
    return is_indexed(s) ? sweep.next[slab] : slab + 1;
}

/* Completes or drops a claim whose maker died. */
static void complete_claim(struct segment *s, uint64_t slab, uint64_t word, uint32_t me)
{
    const int err = commit(s, slab, word_node(word));
    end_claim(s, slab, word, err, word_make(SHM_SLAB_OWNED, me, word_node(word)));
}

int slab_set_load(struct segment *s, struct slab_set *set, uint32_t me)
{
    int err = segment_extend_known(s, &s->slabtab, 0);
    const uint64_t high = slab_high(s);
    set->count = set->current = set->word = set->bit = set->looked = 0;
    for (uint64_t slab = first_of(s, me); slab < high && !err; slab = next_of(s, slab)) {
        uint64_t word = slab_word(s, slab);
        if (slab_word_owner(word) != me)
            continue;
        if (slab_word_state(word) == SHM_SLAB_CLAIMED)
            complete_claim(s, slab, word, me);
        word = slab_word(s, slab);
        if (slab_word_state(word) != SHM_SLAB_OWNED)
            continue;
        err = slab_known(s, slab) ? 0 : slab_learn(s, slab);
        if (!err)
            err = set_append(set, slab);
    }
    return err;
}

void slab_set_drop(struct slab_set *set)
{
    free(set->slab);
    *set = (struct slab_set){0};
}

uint64_t slab_count_free(const struct segment *s, uint64_t slab)
{
    uint64_t n = 0;
    for (uint32_t w = 0; w < s->l.slab_words; w++)
        n += (uint64_t)__builtin_popcountll(~atomic_load_explicit(&bitmap(s, slab)[w], memory_order_acquire) & word_mask(s, slab, w));
    return n;
}

uint64_t slab_count_used(const struct segment *s, uint64_t slab)
{
    uint64_t n = 0;
    for (uint32_t w = 0; w < s->l.slab_words; w++)
        n += (uint64_t)__builtin_popcountll(atomic_load_explicit(&bitmap(s, slab)[w], memory_order_acquire));
    return n;
}

/*
 * The caller holds the slot, which is at rest. Only the owner sets bits, so an empty slab
 * stays empty; if another slot takes it over, its word changes and the CAS fails.
 * Afterwards the slot works nowhere.
 */
uint32_t slab_release_empty(struct segment *s, uint32_t me)
{
    uint32_t released = 0;
    const uint64_t high = slab_high(s);
    struct slab_budget budget = {0};
    for (uint64_t slab = first_of(s, me); slab < high; slab = next_of(s, slab)) {
        const uint64_t word = slab_word(s, slab);
        if (slab_word_owner(word) != me || slab_word_state(word) != SHM_SLAB_OWNED)
            continue;
        if (!slab_has_memory(s, slab, &budget))
            continue;
        if (slab_count_free(s, slab) == slab_leaves(s, slab))
            released += give_up(s, slab, word);
    }
    slab_leave(s, me);
    return released;
}
