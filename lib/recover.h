/* recover.h - making a slot whose holder died fit for the next one. */
#ifndef LFVEC_RECOVER_H
#define LFVEC_RECOVER_H

#include "lfvec.h"
#include "segment.h"

/*
 * Decides the last attempt of slot i's former holder and completes or drops it. The caller holds the slot's mutex. O(1), idempotent: the
 * recoverer may itself be killed at any instruction, and its successor does the same again. Adds what it did to *tally.
 */
int recover_slot(struct segment *s, uint32_t i, struct lfvec_recovery *tally);

/*
 * Tries every slot: recovers the dead ones and takes the empty slabs of all that nobody holds. Slots that are held are counted, and left
 * alone. Leaves every slot as free as it was.
 */
int recover_all(struct segment *s, struct lfvec_recovery *tally);

int recover_forced(struct segment *s, uint32_t i, struct lfvec_recovery *tally);

#endif
