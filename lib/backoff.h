/*
 * backoff.h - exponential backoff after a lost compare-and-swap.
 *
 * Not needed for correctness or for progress: somebody else won. It lets the winner make a burst of operations while the lines are its
 * own, which was worth 4x under contention. It never yields or sleeps: a process that is stopped here delays nobody.
 */
#ifndef LFVEC_BACKOFF_H
#define LFVEC_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Pauses. The first are some hundred operations of the winner, a burst worth the way of the line: with fewer, a loser comes back too early,
 * loses again and again, and has doubled its pauses when its turn comes (tests/bench/choices.sh). A winner on
 * another NUMA node is let go on longer, by BACKOFF_FAR: a line takes two to four times as long from there, so the burst that pays for its way
 * is as much longer, and meanwhile those on its node have the head to themselves. (Not timed: this has been run on emulated nodes only.)
 */
#ifndef BACKOFF_FIRST
#define BACKOFF_FIRST 256u
#endif
#ifndef BACKOFF_LAST
#define BACKOFF_LAST 1024u
#endif
#define BACKOFF_FAR 4u

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

/* The pauses to make now; far: the winner sits on another NUMA node. */
static inline uint32_t backoff_next(struct backoff *b, bool far)
{
    const uint32_t n = b->pauses ? b->pauses : BACKOFF_FIRST;
    b->pauses = n < BACKOFF_LAST ? n * 2 : BACKOFF_LAST;
    return far ? n * BACKOFF_FAR : n;
}

static inline void backoff_wait(struct backoff *b, bool far)
{
    for (uint32_t n = backoff_next(b, far); n; n--)
        backoff_pause();
}

#endif
