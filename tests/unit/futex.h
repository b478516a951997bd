/*
 * futex.h - the library's futex calls, counted, and on request without the kernel: then a sleep ends by a wake and by nothing else, so a
 * wake-up that is lost is lost for good, and something else may happen right before or after a wake.
 */
#ifndef LFVEC_TESTS_UNIT_FUTEX_H
#define LFVEC_TESTS_UNIT_FUTEX_H

#include <stdint.h>

typedef void futex_hook(int after); /* in the waker, before it wakes and after */

/* In a forked child: its wakes say what they would have woken. A thread that the child does not have may hold the queue's mutex there. */
void futex_forked(void);

uint32_t futex_wakes(void);           /* FUTEX_WAKE calls so far */
void futex_emulate(futex_hook *hook); /* from now on; hook may be NULL, and does not happen within itself */
uint32_t futex_asleep(void);          /* threads in the emulated queue */
void futex_hold(int yes);             /* threads that are woken do not run yet */

/* By the kernel: sleeps that a process has begun, and what ended its last one. In memory that it shares with who asks. */
struct futex_sleeps {
    _Atomic uint32_t begun;
    _Atomic int timed_out; /* the last one: nobody woke it */
};
void futex_record(struct futex_sleeps *sleeps);

#endif
