/* vector.h - the operations on elements, for a thread that has joined. Arguments are checked. Errors as in lfvec.h. */
#ifndef LFVEC_VECTOR_H
#define LFVEC_VECTOR_H

#include "attempt.h"

int vector_push(struct participant *p, const void *elem, uint64_t *index);
int vector_push_back(struct participant *p, const void *elem); /* a push whose outcome slot->lease_return records */
int vector_pop(struct participant *p, void *elem);
/* The last element at head h, and its site: 0, -EAGAIN if there is none, ATTEMPT_LOST, or an error. The copy is good if the head can be moved. */
int vector_last(struct participant *p, struct head h, void *elem, struct site *at);
int vector_get(struct lfvec *v, uint64_t index, void *elem); /* joins nothing */
int vector_set(struct participant *p, uint64_t index, const void *elem);
int vector_cas(struct participant *p, uint64_t index, uint64_t *expected, uint64_t desired); /* 8-byte elements */
int vector_fetch_add(struct participant *p, uint64_t index, uint64_t delta, uint64_t *old);
int vector_clear(struct participant *p);

#endif
