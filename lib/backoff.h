/*
 * backoff.h - exponential backoff after a lost compare-and-swap.
 *
 * Not needed for correctness or for progress: somebody else won. It lets the winner make a burst of operations while the lines are its
 * own, which was worth 4x under contention. It never yields or sleeps: a process that is stopped here delays nobody.
 */
#ifndef LFVEC_BACKOFF_H
#define LFVEC_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_FIRST = 8, BACKOFF_LAST = 1024 }; /* pauses */

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

static inline void backoff_wait(struct backoff *b)
{
    uint32_t n = b->pauses ? b->pauses : BACKOFF_FIRST;
    b->pauses = n < BACKOFF_LAST ? n * 2 : BACKOFF_LAST;
    while (n--)
        backoff_pause();
}

#endif
