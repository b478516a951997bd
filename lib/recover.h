/* recover.h - recovers a slot whose holder died, so that the next holder can use it. */
#ifndef LFVEC_RECOVER_H
#define LFVEC_RECOVER_H

#include "lfvec.h"
#include "segment.h"

/*
 * Decides the last attempt of slot i's former holder, and completes or drops it. The caller
 * holds the slot. O(1) and idempotent: if the recoverer is killed at any instruction, its
 * successor repeats the work. Adds what it did to *tally. A leased element stays in the lease;
 * the next holder pushes it back.
 */
int recover_slot(struct segment *s, uint32_t i, struct lfvec_recovery *tally);

/*
 * Frees a recovered slot's spares that lie in its own slabs, and makes its empty slabs UNOWNED.
 * Adds both to *tally. The caller holds the slot.
 */
void recover_strip(struct segment *s, uint32_t i, struct lfvec_recovery *tally);

/*
 * True if no thread holds the slot and it contains nothing to recover, except perhaps slabs. Goes
 * by what the slot records; does not take it.
 */
bool recover_at_rest(const struct segment *s, uint32_t i);

/*
 * Recovers and strips the slots that no thread holds and that are not at rest, except slot `but`.
 * Called when an allocation found no memory.
 */
void recover_unheld(struct segment *s, uint32_t but);

#endif
