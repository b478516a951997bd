/* recover.h - making a slot whose holder died fit for the next one. */
#ifndef LFVEC_RECOVER_H
#define LFVEC_RECOVER_H

#include "lfvec.h"
#include "segment.h"

/*
 * Decides the last attempt of slot i's former holder and completes or drops it. The caller holds the slot's mutex. O(1), idempotent: the
 * recoverer may itself be killed at any instruction, and its successor does the same again. Adds what it did to *tally. A leased element
 * stays in the lease; whoever takes the slot pushes it back.
 */
int recover_slot(struct segment *s, uint32_t i, struct lfvec_recovery *tally);

/* Recovers the slots that nobody holds and gives their empty slabs to all; how many slabs. For an allocation that found none. */
uint32_t recover_unheld(struct segment *s);

#endif
