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
 * Pauses. In a rare collision the loser may come back at once. Where one operation follows the other, a burst of the winner must be worth the way
 * of the lines, so the pauses grow as long as the head moves as fast as in a burst, and are as long the next time (tests/bench/choices.sh). A
 * winner on another NUMA node is let go on longer, by BACKOFF_FAR: a line takes two to four times as long from there, so the burst that pays for
 * its way is as much longer, and meanwhile those on its node have the head to themselves. (Not timed: this has been run on emulated nodes only.)
 */
#ifndef BACKOFF_FIRST
#define BACKOFF_FIRST 64u
#endif
#ifndef BACKOFF_LAST
#define BACKOFF_LAST 4096u
#endif
#define BACKOFF_FAR 4u
#define BACKOFF_BURST 16u /* in a burst, the head moves at least once in so many pauses */

/* Of one thread; all 0: nothing is known yet. */
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
static inline uint32_t backoff_pauses(const struct backoff *b, bool far)
{
    const uint32_t n = b->pauses ? b->pauses : BACKOFF_FIRST;
    return far ? n * BACKOFF_FAR : n;
}

/* After these pauses, in which the head moved by so many versions. */
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
