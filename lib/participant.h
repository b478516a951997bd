/*
 * participant.h - a process's attachment (struct lfvec) and a thread's part in it (struct participant): the slot in hand, its spares, its
 * slabs, and the cursor that makes the common case cheap. All of it private memory.
 *
 * Invariants: a participant is used by its own thread only. What it keeps of the slot (spares, intent) is written to the slot first, so
 * recovery knows at least as much.
 */
#ifndef LFVEC_PARTICIPANT_H
#define LFVEC_PARTICIPANT_H

#include "backoff.h"
#include "desc.h"
#include "lfvec.h"
#include "slab.h"

/*
 * The head that this thread's last mutation made, and the leaf it was at work in. As long as the head's version is still `version`, nothing
 * has happened since, and all of this holds: the next push or pop in the same leaf needs no other look at shared memory. All 0: it says nothing.
 */
struct cursor {
    uint64_t version;
    uint64_t packed; /* the rest of that head */
    uint64_t base;   /* `packed` if the leaf's first slot were the next one: what is subtracted from a head's to get a slot */
    uint64_t room;   /* pushes may go in place into the slots below: own leaf, own descriptor */
    uint64_t full;   /* pops may take from the slots below: all of the leaf; 0 while the participant owes */
    struct leaf leaf;
};

struct participant {
    struct lfvec *v;
    struct shm_slot *slot;
    uint32_t me;
    struct life life; /* what holds the slot */
    bool intent;      /* the slot's intent is not 0 */
    bool leased;      /* its lease is held by this thread */
    bool owes;        /* its lease is a former holder's, and found no room in the vector yet */
    bool interrupted; /* a handler jumped out of an operation: what the slot says has to be read before the next */
    uint32_t kind;    /* LFVEC_OP_* of the operation under way, the fast paths excepted */
    uint32_t spares;
    uint64_t no_memory; /* the state of the segment in which reclaim last found none */
    struct backoff backoff;
    struct cursor cursor;
    uint64_t spare[SHM_DESC_LEAVES];
    struct slab_set slabs;
    struct lfvec *words, *pairs;  /* as in struct thread_state */
    struct participant *vec_next; /* this attachment's participants */
};

struct lfvec {
    struct segment seg;
    _Atomic uint32_t refs; /* the handle, and each participant */
    shm_u64 waited;        /* who was last waited for in vain, by one who sought a slot (join.c) */
    _Atomic bool closed;   /* detached, and mapped for threads that have a slot still */
    uint32_t id;           /* its place in join.c's tables: the lowest that was free */
    struct participant *participants;
};

/*
 * What a thread keeps at hand: a thread-local load and a compare find its participant. What the fast paths need of that lies here itself,
 * one load away, since after a locked instruction nothing is loaded ahead.
 *
 * v, words and pairs are compared with what the caller gives for a handle. Where they do not apply they are the address of no handle, and not
 * NULL, which a caller may give. A handle's memory is given to another one only when it has no participant any more (lfvec.refs), and a
 * participant takes its handle from here when it goes: so an old handle at hand is never taken for a new one. So they are, too, while an
 * operation is under way that is more than one compare-and-swap: if a signal handler jumps out of it, nothing is at hand, and the next call
 * sees by `p` that something was.
 */
struct thread_state {
    struct lfvec *v;
    struct lfvec *words; /* v, if its elements are of 8 bytes */
    struct lfvec *pairs; /* v, if their size is a multiple of 16 bytes */
    struct participant *p;
    struct shm_control *control; /* of v */
    struct shm_slot *slot;       /* of p */
    struct cursor cursor;        /* p's; p->cursor is behind while p is at hand */
    uint64_t last_version;       /* what lfvec_last_version() says, or LAST_IS_CURSORS */
    struct part_table *parts;    /* all of this thread's participants; NULL at first */
    uint32_t closings;           /* what has been seen of join_closings */
};

#define LAST_IS_CURSORS UINT64_MAX /* the cursor's version: it saves the fast paths a store */

extern _Thread_local struct thread_state thread_state __attribute__((tls_model("initial-exec")));

static inline uint64_t thread_last_version(void)
{
    return thread_state.last_version == LAST_IS_CURSORS ? thread_state.cursor.version : thread_state.last_version;
}

extern struct lfvec thread_no_handle; /* stands where no handle may match. Nothing of it is ever looked at */

void thread_take(struct participant *p); /* this one, or NULL, is at hand from now on */

/* Around an operation. What is stored in between is at rest when it is over, for a signal handler of this thread. */
static inline void thread_hide(void)
{
    thread_state.v = thread_state.words = thread_state.pairs = &thread_no_handle;
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void thread_show(void)
{
    const struct participant *p = thread_state.p;
    atomic_signal_fence(memory_order_seq_cst);
    thread_state.words = p->words;
    thread_state.pairs = p->pairs;
    thread_state.v = p->v;
}

static inline bool thread_is_hidden(void)
{
    return thread_state.p && thread_state.v == &thread_no_handle;
}

/* At least `want` spares in hand. Whoever got a new one must load the head for its attempt afterwards (R1). */
int participant_spares(struct participant *p, uint32_t want);

/* The slot's leaf in reserve becomes a spare, for the way back of a leased element. False if there is none. As participant_spares() else. */
bool participant_use_reserve(struct participant *p);

/*
 * The spares go back to their slabs; but those in slabs of others stay in hand. In between, a spare has a record and no bit: whoever may take
 * the leaf then must not be another, or recovery would take it for ours.
 */
void participant_return_spares(struct participant *p);

/*
 * R6, before a store into a leaf that is not a spare: works in its slab from now on. False: the slab is not ours, or not any more. The cursor
 * says that its leaf may be stored into, so it forgets that when we leave its slab.
 */
bool participant_enter(struct participant *p, uint64_t ref);
void participant_forget_leaf(struct participant *p);

/* The spares spare[0..n) were published: they are none any more. */
void participant_spend(struct participant *p, uint32_t n);

#endif
