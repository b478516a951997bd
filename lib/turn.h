/*
 * turn.h - a participant that lost an attempt asks the winner for a turn. The winner gives it by a
 * short pause after its next win.
 *
 * Without turns, a winner in a burst wins for a whole time slice where cores are close to each
 * other: a loser needs the head, the descriptor and the leaf, one line after another, and by then
 * the head has moved on. Neither correctness nor progress depends on turns: the flag is a hint, all
 * waits are bounded, and a flag whose raiser dies costs one winner one pause.
 */
#ifndef LFVEC_TURN_H
#define LFVEC_TURN_H

#include "backoff.h"
#include "format.h"

/*
 * Numbers of pauses. TURN_WAIT: two transfers of a line, so that a winner in a burst sees the flag
 * and lowers it; with fewer, the loser retries too early. TURN_GIVEN: the time that the loser needs
 * for its first win, several line transfers.
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

/*
 * Called by a loser before it tries again. If the flag stays up, the winner has stopped or is gone,
 * and there is no burst to interrupt.
 */
static inline void turn_ask(struct shm_control *c)
{
    atomic_fetch_or_explicit(&c->wanted, SHM_WANT_TURN, memory_order_relaxed);
    for (uint32_t n = TURN_WAIT; n && turn_wanted(c); n--)
        backoff_pause();
    if (turn_wanted(c))
        turn_lower(c);
}

/* Called after a win, except by fast pops. */
static inline void turn_give(struct shm_control *c)
{
    if (__builtin_expect(turn_wanted(c), 0)) {
        turn_lower(c);
        backoff_wait(TURN_GIVEN);
    }
}

#endif
