/*
 * wait.h - waiting for an element, and waking waiters.
 *
 * SHM_WANT_WAKE says that a waiter may be asleep. A push that does not see it makes no system call.
 * A waiter may be killed at any time, so this is a flag that each waiter raises again. Killed
 * waiters would leave a count too high; a flag left behind costs the next push one system call,
 * which lowers it. A pusher may be killed between its win and its wake-up, and a waiter between
 * waking and its pop. So a waiter sleeps WAIT_SLICE at most, and then looks again.
 */
#ifndef LFVEC_WAIT_H
#define LFVEC_WAIT_H

#include "participant.h"

#include <time.h>

void wait_wake_slow(struct shm_control *c, uint64_t pushed);

/*
 * Returns SHM_WANT_* flags. The compare-and-swap of the push before it was a full barrier: either
 * we see SHM_WANT_WAKE, or the waiter that raised it sees our element.
 */
static inline uint32_t wait_wanted(const struct shm_control *c)
{
    return atomic_load_explicit(&c->wanted, memory_order_acquire) & (SHM_WANT_WAKE | SHM_WANT_TURN); /* SYNC: wait-flag (acquire) */
}

/* Call after a push of `pushed` elements. */
static inline void wait_wake(struct shm_control *c, uint64_t pushed)
{
    if (__builtin_expect(wait_wanted(c) & SHM_WANT_WAKE, 0))
        wait_wake_slow(c, pushed);
}

int wait_pop(struct participant *p, void *elem, const struct timespec *timeout);

#endif
