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

/* Frees a recovered slot's spares and its idle lease leaf, and gives its empty slabs to all; adds it to *tally. The caller holds the slot. */
void recover_strip(struct segment *s, uint32_t i, struct lfvec_recovery *tally);

/* Recovers and strips the slots that nobody holds, but for one; how many slabs that gave. For an allocation that found none. */
uint32_t recover_unheld(struct segment *s, uint32_t but);

#endif
