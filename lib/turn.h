/*
 * turn.h - who has lost asks the winner for a turn, and the winner gives it: a short pause after its next win.
 *
 * Without it, a winner in its burst wins for a whole time slice where cores are near each other: a loser needs the head, the descriptor and
 * the leaf, one line after the other, and by then the head has moved on. Not needed for correctness or for progress: the flag is a hint, all
 * waits are bounded, and a flag that its raiser did not live to lower costs one winner one pause.
 */
#ifndef LFVEC_TURN_H
#define LFVEC_TURN_H

#include "backoff.h"
#include "format.h"

/*
 * Pauses. TURN_WAIT: two ways of a line, so that a winner in its burst sees the flag and lowers it; fewer, and the loser goes off too early.
 * TURN_GIVEN: the loser's way to its first win, several lines long.
 */
#ifndef TURN_WAIT
#define TURN_WAIT 32u
#endif
#ifndef TURN_GIVEN
#define TURN_GIVEN 64u
#endif

static inline bool turn_wanted(const struct shm_control *c)
{
    return atomic_load_explicit(&c->wanted, memory_order_relaxed) & SHM_WANT_TURN;
}

static inline void turn_lower(struct shm_control *c)
{
    atomic_fetch_and_explicit(&c->wanted, ~(uint32_t)SHM_WANT_TURN, memory_order_relaxed);
}

/* By a loser, before it tries again. If nobody answers, the winner has stopped, or is gone: then there is no burst to be interrupted. */
static inline void turn_ask(struct shm_control *c)
{
    atomic_fetch_or_explicit(&c->wanted, SHM_WANT_TURN, memory_order_relaxed);
    for (uint32_t n = TURN_WAIT; n && turn_wanted(c); n--)
        backoff_pause();
    if (turn_wanted(c))
        turn_lower(c);
}

/* After a win; fast pops excepted. */
static inline void turn_give(struct shm_control *c)
{
    if (__builtin_expect(turn_wanted(c), 0)) {
        turn_lower(c);
        backoff_wait(TURN_GIVEN);
    }
}

#endif
