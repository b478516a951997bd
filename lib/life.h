/*
 * life.h - life marks. A life mark is a word of a slot that names the thread that holds it. The
 * kernel marks it when that thread ends.
 *
 * The kernel marks the words to which a thread's list of robust futexes leads. The C library keeps
 * that list, and the distance from an entry to its word is the same for the whole list. So the word
 * lies at the end of a page of the segment. Each taking maps that page once more, with a private
 * page right behind it, in which the entry lies at that distance.
 *
 * Invariant: every pointer that is followed or stored through lies in private memory. Other
 * processes can write the word, so nothing is taken from it except which thread seems to hold it.
 */
#ifndef LFVEC_LIFE_H
#define LFVEC_LIFE_H

#include "format.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A thread's hold on a mark. Private to that thread. */
struct life {
    /* NULL: the kernel keeps no list for this thread and will not mark its death. */
    struct life_entry *entry;
    struct life_list *list;
};

/* What a mark says, at one moment. */
struct life_mark {
    uint64_t raw;
    /* The thread that holds it, by its number in its own pid namespace; 0 = none, or unknown. */
    int32_t holder;
    bool orphaned; /* the kernel says that its holder ended; not taken since */
    /* Incremented by each taking, in the same step: distinguishes threads with equal numbers. */
    uint32_t taking;
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
 * Takes a mark that no thread holds. Returns 0; -EOWNERDEAD if its last holder died; -EBUSY if it
 * is held; -ENOMEM if it cannot be mapped. `fd`, `off`: the object, and the mark's offset in it.
 *
 * Does not even try a mark that is held. A thread that is killed while it tries leaves the mark
 * pending. If the numbers of the two threads are equal, as they may be in different pid namespaces,
 * the kernel would then take it from its holder.
 */
int life_take(struct life *l, shm_u64 *mark, int fd, uint64_t off);

/*
 * Gives a mark back. One that is no longer ours, because it was taken by
 * force or forged, stays as it is.
 */
void life_leave(struct life *l, shm_u64 *mark);

/* For a forked child, whose C library has begun a new list: the parent holds the mark. */
void life_forget(struct life *l);

/*
 * Does what the kernel does when the holder ends, if the mark is still in the state that was seen.
 */
bool life_abandon(shm_u64 *mark, const struct life_mark *seen);

#endif
