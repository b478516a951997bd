/* recover.h - making a slot whose holder died fit for the next one. */
#ifndef LFVEC_RECOVER_H
#define LFVEC_RECOVER_H

#include "lfvec.h"
#include "segment.h"

/*
 * Decides the last attempt of slot i's former holder and completes or drops it. The caller holds the slot. O(1), idempotent: the
 * recoverer may itself be killed at any instruction, and its successor does the same again. Adds what it did to *tally. A leased element
 * stays in the lease; whoever takes the slot pushes it back.
 */
int recover_slot(struct segment *s, uint32_t i, struct lfvec_recovery *tally);

/* Frees a recovered slot's spares, as far as they lie in its slabs, and gives the empty ones to all; adds it to *tally. The caller holds the slot. */
void recover_strip(struct segment *s, uint32_t i, struct lfvec_recovery *tally);

/* No thread holds it, and none left anything in it but slabs: there is nothing to recover. By what is written down; the slot is not locked. */
bool recover_at_rest(const struct segment *s, uint32_t i);

/* Recovers and strips the slots that no thread holds and that are not at rest, but for one. For an allocation that found no memory. */
void recover_unheld(struct segment *s, uint32_t but);

#endif
