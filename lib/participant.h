/*
 * participant.h - a process's attachment (struct lfvec) and a thread's part in it (struct
 * participant): its slot, its spares, its slabs, and the cursor that makes the common case cheap.
 * All of this is private memory.
 *
 * Invariants: only its own thread uses a participant. Spares and intent are written to the slot
 * before the private copy changes, so recovery knows at least as much as the participant.
 */
#ifndef LFVEC_PARTICIPANT_H
#define LFVEC_PARTICIPANT_H

#include "backoff.h"
#include "desc.h"
#include "lfvec.h"
#include "slab.h"

/*
 * The head that this thread's last mutation made, and the leaf it worked in. While the head still
 * has this version, nothing has happened since and the cursor is valid: the next push or pop in the
 * same leaf reads nothing else in shared memory. All zeros: an empty cursor.
 */
struct cursor {
    uint64_t version;
    uint64_t packed; /* the rest of that head */
    /*
     * `packed` of a head whose size ends just before the leaf's slot 0: packed - base is the slot.
     */
    uint64_t base;
    /* Pushes may store in place into the slots below this: own leaf, own descriptor. */
    uint64_t room;
    /* Pops may take from the slots below this: the whole leaf, or 0 while the participant owes. */
    uint64_t full;
    struct leaf leaf;
};

struct participant {
    struct lfvec *v;
    struct shm_slot *slot;
    uint32_t me;
    struct life life; /* holds the slot */
    bool intent;      /* the slot's intent is not 0 */
    bool leased;      /* this thread holds the slot's lease */
    bool owes;        /* the lease is a former holder's; the vector had no room for it yet */
    /* A signal handler jumped out of an operation: reread the slot before the next one. */
    bool interrupted;
    uint32_t kind; /* LFVEC_OP_* of the current operation; the fast paths do not set it */
    uint32_t spares;
    uint64_t no_memory; /* state of the segment in which reclaim last found no memory */
    struct backoff backoff;
    struct cursor cursor;
    uint64_t spare[SHM_DESC_LEAVES];
    struct slab_set slabs;
    struct lfvec *words, *pairs;  /* as in struct thread_state */
    struct participant *vec_next; /* next participant of this attachment */
};

struct lfvec {
    struct segment seg;
    _Atomic uint32_t refs; /* one for the handle, one for each participant */
    /* The holder that a thread seeking a slot last waited for in vain (join.c). */
    shm_u64 waited;
    _Atomic bool closed; /* detached, but mapped for threads that still have a slot */
    uint32_t id;         /* index in join.c's tables: the lowest that was free */
    struct participant *participants;
};

/*
 * The participant that the thread used last: a thread-local load and a compare find it.
 * What the fast paths need of it is copied here, one load away, because loads after a
 * locked instruction wait for it.
 *
 * v, words and pairs are compared with the caller's handle. Where one of them does not apply, it
 * holds the address of an object that is no handle. NULL would not do, because a caller may pass
 * NULL. A handle's memory is reused only after its last participant is gone (lfvec.refs), and a
 * participant that goes removes its handle from here. So a stale v can never match a new handle.
 *
 * During an operation that is more than one compare-and-swap, all three match no handle. If
 * a signal handler jumps out of the operation, the next call misses here, and `p` shows it
 * that an operation was interrupted.
 */
struct thread_state {
    struct lfvec *v;
    struct lfvec *words; /* v, if its elements have 8 bytes */
    struct lfvec *pairs; /* v, if their size is a multiple of 16 bytes */
    struct participant *p;
    struct shm_control *control; /* of v */
    struct shm_slot *slot;       /* of p */
    struct cursor cursor;        /* p's; p->cursor is out of date while p is here */
    uint64_t last_version;       /* the answer of lfvec_last_version(), or LAST_IS_CURSORS */
    struct part_table *parts;    /* all participants of this thread; NULL at first */
    uint32_t closings;           /* the value of join_closings that this thread saw last */
};

#define LAST_IS_CURSORS UINT64_MAX /* take the cursor's version: saves the fast paths a store */

extern _Thread_local struct thread_state thread_state __attribute__((tls_model("initial-exec")));

static inline uint64_t thread_last_version(void)
{
    return thread_state.last_version == LAST_IS_CURSORS ? thread_state.cursor.version : thread_state.last_version;
}

extern struct lfvec thread_no_handle; /* matches no handle; its contents are never read */

void thread_take(struct participant *p); /* makes p, or none if NULL, the one in thread_state */

/*
 * Enclose an operation. A signal handler of this thread that runs after
 * thread_show() sees all stores in between.
 */
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

/*
 * Ensures at least `want` spares. After getting a new one, the caller must load the
 * head for its attempt again (R1).
 */
int participant_spares(struct participant *p, uint32_t want);

/*
 * Turns the slot's reserved leaf into a spare, to return a leased element. False if there is none.
 * Otherwise it behaves like participant_spares().
 */
bool participant_use_reserve(struct participant *p);

/*
 * Returns the spares to their slabs, except those in slabs of other slots. Meanwhile a spare is
 * recorded and its bit is clear. No other slot may be able to take the leaf in that state, or
 * recovery would take it for ours.
 */
void participant_return_spares(struct participant *p);

/*
 * R6: enters the slab of a leaf that is not a spare, before a store into it. False: the slab
 * is not ours, or no longer. The cursor says that its leaf may be stored into, so leaving the
 * slab makes it forget that leaf.
 */
bool participant_enter(struct participant *p, uint64_t ref);
void participant_forget_leaf(struct participant *p);

/* The spares spare[0..n) were published and are spares no more. */
void participant_spend(struct participant *p, uint32_t n);

#endif
