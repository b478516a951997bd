/*
 * batch.h - many elements in one step: push_n, pop_n, get_n, snapshot. The caller has checked the
 * arguments. Errors as in lfvec.h.
 */
#ifndef LFVEC_BATCH_H
#define LFVEC_BATCH_H

#include "participant.h"

uint64_t batch_most(const struct segment *s); /* most elements of one step */
/*
 * Makes at most parts_most steps. Stores what each step pushed in parts[], and the index of the
 * first element in *first; either may be NULL.
 */
int64_t batch_push(struct participant *p, const void *elems, size_t n, uint64_t *first, struct lfvec_part *parts, size_t parts_most);
int64_t batch_pop(struct participant *p, void *elems, size_t n);
int64_t batch_get(struct lfvec *v, uint64_t first, void *elems, size_t n);
int batch_snapshot(struct lfvec *v, uint64_t first, void *elems, size_t n, uint64_t *version);

#endif
