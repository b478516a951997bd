/*
 * attempt.h - one attempt to move the head, which all mutations share.
 *
 * attempt_keep() moves the head and keeps the descriptor in effect; attempt_publish() puts a new
 * descriptor into effect with the same move. Both follow R4 and R5, and a win completes all
 * follow-up work. A loss changes nothing except the bytes of the spares.
 */
#ifndef LFVEC_ATTEMPT_H
#define LFVEC_ATTEMPT_H

#include "backoff.h"
#include "breakage.h"
#include "participant.h"

/*
 * The outcome of an attempt, unless it is a negative errno. LOST: load the head again. FULL: the
 * vector has max_elems at that head; the caller sees -EOVERFLOW (memory_attempt()). A lack of
 * memory is different, because memory can be reclaimed.
 */
enum { ATTEMPT_WON = 0, ATTEMPT_LOST = DESC_RELOAD, ATTEMPT_FULL };

/*
 * The counter has one writer, so it needs no locked instruction. The asm makes it one instruction
 * where the compiler would use three.
 */
static inline void attempt_count(shm_u64 *counter)
{
#if defined(__x86_64__) && !defined(ELEMENT_SANITIZED)
    __asm__ __volatile__("addq $1, %0" : "+m"(*counter) : : "cc");
#else
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
#endif
}

/*
 * R5: an attempt that publishes nothing must not be mistaken for the one before it. The same holds
 * for an operation that gives up.
 */
static inline void attempt_clear_intent(struct participant *p)
{
    if (__builtin_expect(p->intent, 0)) {
        atomic_store_explicit(&p->slot->intent, 0, memory_order_release);
        p->intent = false;
    }
}

static inline void attempt_won(struct participant *p, struct head next)
{
    atomic_store_explicit(&p->slot->committed, next.version, memory_order_release); /* SYNC: committed (release) */
    thread_state.last_version = next.version;
}

/*
 * Records the next attempt for the reports, before the compare-and-swap that decides it. So the
 * reports can say what a dead participant tried last; nothing else depends on it. Relaxed is
 * enough: the compare-and-swap is a full barrier, so a thread that sees its effect sees this too.
 */
static inline void attempt_record(struct shm_slot *slot, struct head next, uint32_t kind)
{
    atomic_store_explicit(&slot->attempt, next.version << SHM_KIND_BITS | kind, memory_order_relaxed);
}

/*
 * An attempt from the cursor's head. It has no descriptor and no intent, and the head was made by
 * this slot, so there is nothing to record before. Nor after: no intent or lease of this slot asks
 * about this version by R5, and the participant that moves the head on records it by R4. Every
 * store counts, because the next locked instruction waits for it.
 */
static inline bool attempt_again(uint32_t kind, struct head h, struct head next)
{
    attempt_record(thread_state.slot, next, kind);
    if (__builtin_expect(!head_cas(thread_state.control, h, next), 0))
        return false;
    if (__builtin_expect(thread_state.last_version != LAST_IS_CURSORS, 0))
        thread_state.last_version = LAST_IS_CURSORS;
    thread_state.cursor.packed = next.packed;
    /*
     * If a handler jumps away here, the cursor's version is too old and the cursor is unused.
     * It can never name a wrong place to store.
     */
    atomic_signal_fence(memory_order_seq_cst);
    thread_state.cursor.version = next.version;
    return true;
}

static inline int attempt_cas(struct participant *p, struct head h, struct head next)
{
    const int err = desc_record_last(&p->v->seg, h, p->me); /* R4 */
    if (__builtin_expect(err, 0))
        return err;
    attempt_record(p->slot, next, p->kind);
    if (!head_cas(p->v->seg.control, h, next))
        return ATTEMPT_LOST;
    attempt_won(p, next);
    return ATTEMPT_WON;
}

/* *next: the head that a win makes. */
static inline int attempt_keep(struct participant *p, struct head h, uint64_t size, struct head *next)
{
    attempt_clear_intent(p);
    *next = head_next(h, size, head_desc(h), p->me);
    return attempt_cas(p, h, *next);
}

/*
 * `in_effect` is the validated view of h's descriptor. The plan's first `spent` leaves
 * are spare[0..spent). Also returns ATTEMPT_LOST if the head moved before the
 * compare-and-swap was worth trying.
 */
int attempt_publish(struct participant *p, struct head h, const struct desc_view *in_effect, uint64_t size, const struct desc_plan *plan,
                    uint32_t spent, struct head *next);

/* All that an attempt to change entry d at head h needs to know. */
struct site {
    struct head h;
    uint64_t d;
    struct desc_view in_effect;
    uint64_t ref; /* its leaf; 0 = none */
    struct leaf leaf;
};

/* Resolves entry d at head h. Returns 0, ATTEMPT_LOST or a negative errno. */
int attempt_site(struct participant *p, struct head h, uint64_t d, struct site *at);

/*
 * True if the leaf is ours and we work in its slab, so that it may be stored into. Checks the head
 * again: the directory may have returned a later leaf, a former spare of another slot in a slab of
 * ours, whose elements are live by now. If the head is still the attempt's, the leaf belongs to
 * that head. If we stop here, no other slot can take the leaf.
 */
static inline bool attempt_may_store(struct participant *p, const struct site *at)
{
    return at->ref && participant_enter(p, at->ref) && (BROKEN(BREAK_LATER) || head_version(p->v->seg.control) == at->h.version);
}

/*
 * The loop that all mutations share: attempts until one wins or fails. `once` makes one attempt at
 * a head that was just loaded. It returns ATTEMPT_WON; ATTEMPT_LOST to be called again; or another
 * code that leaves the slot as if nothing had been tried. `kind`: LFVEC_OP_*.
 */
typedef int attempt_fn(struct participant *p, struct head h, void *arg);
int attempt_until(struct participant *p, uint32_t kind, attempt_fn *once, void *arg);

#endif
