/* vector.h - the operations, arguments already checked. Errors as in lfvec.h. */
#ifndef LFVEC_VECTOR_H
#define LFVEC_VECTOR_H

#include "participant.h"

int vector_push(struct lfvec *v, const void *elem, uint64_t *index);
int vector_pop(struct lfvec *v, void *elem);
int vector_get(struct lfvec *v, uint64_t index, void *elem);
int vector_set(struct lfvec *v, uint64_t index, const void *elem);
int vector_clear(struct lfvec *v);
int vector_reserve(struct lfvec *v, uint64_t n);
uint64_t vector_capacity(struct lfvec *v);

#endif
