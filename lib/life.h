/*
 * life.h - life marks: one word of a slot, which names the thread that holds it, and which the kernel marks when that thread ends.
 *
 * The kernel does so for the words that a thread's list of robust futexes leads to. The C library keeps that list, and the kernel has one
 * distance for all of it, from an entry to its word. So the word lies at the end of a page of the segment, and each taking maps that page once
 * more, with a page of our own right behind it, in which the entry lies at just that distance. Invariant: what is followed or stored through
 * lies in private memory. Of the word, which others write, nothing is believed but who seems to hold it.
 */
#ifndef LFVEC_LIFE_H
#define LFVEC_LIFE_H

#include "format.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A thread's hold on a mark: private, and that thread's alone. */
struct life {
    struct life_entry *entry; /* NULL: the kernel keeps no list for this thread, and will not mark its death */
    struct life_list *list;
};

/* What a mark says, all of one moment. */
struct life_mark {
    uint64_t raw;
    int32_t holder;  /* the thread that holds it, by its own number in its own pid namespace; 0 = none, or not to be told */
    bool orphaned;   /* its holder has ended, the kernel says, and it was not taken since */
    uint32_t taking; /* goes up by one with each taking, in the same step: tells those of threads with equal numbers apart */
};

/* The kernel's half: the holder's number, with FUTEX_OWNER_DIED or FUTEX_WAITERS. */
union life_word {
    uint64_t raw;
    struct {
        int32_t futex;
        uint32_t taking;
    };
};

static inline struct life_mark life_look(const shm_u64 *mark)
{
    const union life_word is = {.raw = atomic_load_explicit(mark, memory_order_acquire)}; /* SYNC: slot-taking (acquire) */
    const int32_t holder = is.futex & FUTEX_TID_MASK;
    return (struct life_mark){is.raw, holder, !holder && is.futex & FUTEX_OWNER_DIED, is.taking};
}

/*
 * Takes a mark that no thread holds: 0; -EOWNERDEAD: likewise, and its last holder died; -EBUSY: it is held; -ENOMEM: no mapping. A held
 * one is not even tried: a try that is killed leaves word of it to the kernel, which takes the mark from its holder if the numbers of the two
 * threads are equal, as they may be in different pid namespaces. `fd`, `off`: the object, and where in it the mark lies.
 */
int life_take(struct life *l, shm_u64 *mark, int fd, uint64_t off);

/* Gives it back. One that is not ours any more, because it was taken by force or forged, is left as it is. */
void life_leave(struct life *l, shm_u64 *mark);

/* In a forked child, whose C library has begun a new list: the parent holds the mark. */
void life_forget(struct life *l);

/* Does what the kernel does when the holder ends, if it is still the taking that was seen. */
bool life_abandon(shm_u64 *mark, const struct life_mark *seen);

#endif
