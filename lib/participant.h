/*
 * participant.h - a process's attachment (struct lfvec) and a thread's part in it (struct participant): the slot in hand, its spares, its
 * slabs, and the cursor that makes the common case cheap. All of it private memory.
 *
 * Invariants: a participant is used by its own thread only. What it keeps of the slot (spares, intent) is written to the slot first, so
 * recovery knows at least as much.
 */
#ifndef LFVEC_PARTICIPANT_H
#define LFVEC_PARTICIPANT_H

#include "desc.h"
#include "lfvec.h"
#include "slab.h"

/*
 * Where the last operation was at work. `leaf` is the leaf of entry d at every head whose version is `version`, and at every head that
 * names `desc`, if that is not 0: it is this slot's own descriptor, nobody else publishes it, and it covers d with an own leaf.
 */
struct cursor {
    uint64_t d;
    uint64_t version;
    struct leaf leaf;
    uint32_t desc;
};

struct participant {
    struct lfvec *v;
    struct shm_slot *slot;
    uint32_t me;
    bool intent; /* the slot's intent is not 0 */
    bool leased; /* its lease is held by this thread */
    bool owes;   /* its lease is a former holder's, and found no room in the vector yet */
    uint32_t spares;
    struct cursor cursor;
    uint64_t spare[SHM_DESC_LEAVES];
    struct slab_set slabs;
    struct participant *thread_next; /* this thread's participants */
    struct participant *vec_next;    /* this attachment's participants */
};

struct lfvec {
    struct segment seg;
    _Atomic uint32_t refs; /* the handle, and each participant */
    bool closed;
    struct participant *participants;
    struct lfvec *next;
};

/* What a thread keeps at hand: a thread-local load and a compare find its participant. */
struct thread_state {
    struct lfvec *v;
    struct participant *p;
    struct participant *all;
    uint64_t last_version;
};

extern _Thread_local struct thread_state thread_state __attribute__((tls_model("initial-exec")));

/* At least `want` spares in hand. Whoever got a new one must load the head for its attempt afterwards (R1). */
int participant_spares(struct participant *p, uint32_t want);

/* The spares spare[0..n) were published: they are none any more. */
void participant_spend(struct participant *p, uint32_t n);

#endif
