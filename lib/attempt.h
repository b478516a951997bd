/*
 * attempt.h - one attempt to move the head: what all mutations share.
 *
 * attempt_keep() moves the head under the descriptor in effect; attempt_publish() puts a new descriptor into effect with it. Both follow
 * R4 and R5, and after a win complete what the win owes. After a loss nothing has happened but that the spares hold other bytes.
 */
#ifndef LFVEC_ATTEMPT_H
#define LFVEC_ATTEMPT_H

#include "backoff.h"
#include "breakage.h"
#include "participant.h"

/*
 * What comes of an attempt, if not a negative errno. LOST: load the head again. FULL: max_elems are there, which is an answer of that head,
 * unlike a want of memory, which somebody can do something about; -EOVERFLOW for the caller (memory_attempt()).
 */
enum { ATTEMPT_WON = 0, ATTEMPT_LOST = DESC_RELOAD, ATTEMPT_FULL };

/* Of one writer, so no locked instruction; and one rather than three, where the compiler does not dare to. */
static inline void attempt_count(shm_u64 *counter)
{
#if defined(__x86_64__) && !defined(ELEMENT_SANITIZED)
    __asm__ __volatile__("addq $1, %0" : "+m"(*counter) : : "cc");
#else
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
#endif
}

/* An attempt that publishes nothing must not be taken for the one before it (R5); nor may an operation that gives up. */
static inline void attempt_clear_intent(struct participant *p)
{
    if (__builtin_expect(p->intent, 0)) {
        atomic_store_explicit(&p->slot->intent, 0, memory_order_release);
        p->intent = false;
    }
}

/* The record of a win. */
static inline void attempt_won(struct participant *p, struct head next)
{
    atomic_store_explicit(&p->slot->committed, next.version, memory_order_release); /* SYNC: committed (release) */
    thread_state.last_version = next.version;
}

/*
 * What is tried next, for the reports: stored before the compare-and-swap that decides it, so that a dead participant's last attempt can be
 * told. Nothing depends on it. Relaxed: the compare-and-swap is a full barrier, and whoever sees its effect sees this.
 */
static inline void attempt_record(struct shm_slot *slot, struct head next, uint32_t kind)
{
    atomic_store_explicit(&slot->attempt, next.version << SHM_KIND_BITS | kind, memory_order_relaxed);
}

/*
 * An attempt from the cursor's head: no descriptor, no intent, and the last maker is ourselves, so there is nothing to record before. Nor
 * after: no intent or lease of ours asks by R5 for this version, and whoever moves the head on from it records it by R4. Every store counts
 * here, since the next locked instruction waits for them.
 */
static inline bool attempt_again(uint32_t kind, struct head h, struct head next)
{
    attempt_record(thread_state.slot, next, kind);
    if (__builtin_expect(!head_cas(thread_state.control, h, next), 0))
        return false;
    if (__builtin_expect(thread_state.last_version != LAST_IS_CURSORS, 0))
        thread_state.last_version = LAST_IS_CURSORS;
    thread_state.cursor.packed = next.packed;
    atomic_signal_fence(
        memory_order_seq_cst); /* a handler that jumps away here leaves a version that is behind, and no wrong place to store */
    thread_state.cursor.version = next.version;
    return true;
}

/* The compare-and-swap that is the mutation. */
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
 * `in_effect` is the validated view of h's descriptor. The plan's first `spent` leaves are spare[0..spent).
 * ATTEMPT_LOST also if the head moved before the compare-and-swap was worth trying.
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

/* Resolves entry d at head h. 0, ATTEMPT_LOST, or a negative errno. */
int attempt_site(struct participant *p, struct head h, uint64_t d, struct site *at);

/*
 * Its leaf is ours, and we work in its slab: it may be stored into. The head is looked at once more, since the directory may have told of a
 * leaf that came later: another's former spare, in a slab of ours, with elements that are live by now. If the head is still the one of the
 * attempt, the leaf is that head's, and whatever becomes of it while we stop here, nobody but us can take it again.
 */
static inline bool attempt_may_store(struct participant *p, const struct site *at)
{
    return at->ref && participant_enter(p, at->ref) && (BROKEN(BREAK_LATER) || head_version(p->v->seg.control) == at->h.version);
}

/*
 * What all mutations share: attempts until one wins or fails. `once` makes one attempt at a head that was loaded just now; it returns
 * ATTEMPT_WON, ATTEMPT_LOST to be called again, or else what leaves the slot as if nothing had been tried. `kind`: LFVEC_OP_*.
 */
typedef int attempt_fn(struct participant *p, struct head h, void *arg);
int attempt_until(struct participant *p, uint32_t kind, attempt_fn *once, void *arg);

#endif
