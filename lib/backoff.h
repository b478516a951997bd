/*
 * backoff.h - exponential backoff after a lost compare-and-swap.
 *
 * Neither correctness nor progress needs it: a loss means that another participant won. It lets the
 * winner make a burst of operations while it holds the cache lines, which was worth 4x under
 * contention. It never yields or sleeps, and a process that is stopped here delays no other.
 */
#ifndef LFVEC_BACKOFF_H
#define LFVEC_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Numbers of pauses. After a rare collision the loser may return at once. Under steady
 * contention, a burst of the winner must be long enough to pay for the transfer of the lines. So
 * the pauses grow while the head moves as fast as in a burst, and the next loss starts with the
 * same number (tests/bench/choices.sh).
 *
 * If the winner is on another NUMA node, the pauses are longer by BACKOFF_FAR. A line takes two
 * to four times as long from there, so the burst that pays for the transfer is longer, and
 * meanwhile participants on the winner's node have the head to themselves. (Not timed: this has
 * been run on emulated nodes only.)
 */
#ifndef BACKOFF_FIRST
#define BACKOFF_FIRST 64u
#endif
#ifndef BACKOFF_LAST
#define BACKOFF_LAST 4096u
#endif
#define BACKOFF_FAR 4u
/* In a burst, the head moves at least once in this many pauses. */
#define BACKOFF_BURST 16u

/* One thread's state. All zeros: nothing is known yet. */
struct backoff {
    uint32_t pauses;
};

static inline void backoff_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#endif
}

/* The number of pauses to make now. far: the winner is on another NUMA node. */
static inline uint32_t backoff_pauses(const struct backoff *b, bool far)
{
    const uint32_t n = b->pauses ? b->pauses : BACKOFF_FIRST;
    return far ? n * BACKOFF_FAR : n;
}

/* Adapts to the last backoff: in `pauses` pauses the head moved by `moved` versions. */
static inline void backoff_learn(struct backoff *b, uint32_t pauses, uint64_t moved)
{
    const uint32_t n = b->pauses ? b->pauses : BACKOFF_FIRST;
    if (moved * BACKOFF_BURST >= pauses)
        b->pauses = n < BACKOFF_LAST ? n * 2 : BACKOFF_LAST;
    else
        b->pauses = n > BACKOFF_FIRST ? n / 2 : BACKOFF_FIRST;
}

static inline void backoff_wait(uint32_t pauses)
{
    for (; pauses; pauses--)
        backoff_pause();
}

#endif
