/*
 * wait.h - waiting for an element, and waking those who wait.
 *
 * SHM_WANT_WAKE says that a waiter may be asleep; a push that does not see it makes no system call. Any waiter may be killed at any time, so it
 * is a flag that each waiter raises again rather than a count that the dead would leave too high: one that has no waiter behind it costs the next
 * push one call, and is gone. A pusher may be killed between its win and its wake, and a waiter between its waking and its pop: therefore a
 * waiter sleeps no longer than WAIT_SLICE at a time, and looks again.
 */
#ifndef LFVEC_WAIT_H
#define LFVEC_WAIT_H

#include "participant.h"

#include <time.h>

void wait_wake_slow(struct shm_control *c, uint64_t pushed);

/* SHM_WANT_*. After a push, its compare-and-swap was a full barrier: either we see SHM_WANT_WAKE, or its raiser our element. */
static inline uint32_t wait_wanted(const struct shm_control *c)
{
    return atomic_load_explicit(&c->wanted, memory_order_acquire) & (SHM_WANT_WAKE | SHM_WANT_TURN); /* SYNC: wait-flag (acquire) */
}

/* After a push of `pushed` elements. */
static inline void wait_wake(struct shm_control *c, uint64_t pushed)
{
    if (__builtin_expect(wait_wanted(c) & SHM_WANT_WAKE, 0))
        wait_wake_slow(c, pushed);
}

int wait_pop(struct participant *p, void *elem, const struct timespec *timeout);

#endif
