/*
 * vector.h - the operations on elements, for a thread that has joined. The caller has checked the
 * arguments. Errors as in lfvec.h.
 */
#ifndef LFVEC_VECTOR_H
#define LFVEC_VECTOR_H

#include "attempt.h"

int vector_push(struct participant *p, const void *elem, uint64_t *index);
/* A push whose outcome slot->lease_return records. */
int vector_push_back(struct participant *p, const void *elem);
int vector_pop(struct participant *p, void *elem);
/*
 * Copies the last element at head h, and its site. Returns 0, -EAGAIN if there is
 * none, ATTEMPT_LOST, or another negative errno. The copy is valid if the
 * caller's move of the head succeeds.
 */
int vector_last(struct participant *p, struct head h, void *elem, struct site *at);
int vector_get(struct lfvec *v, uint64_t index, void *elem); /* does not join */
int vector_set(struct participant *p, uint64_t index, const void *elem);
/* For 8-byte elements. */
int vector_cas(struct participant *p, uint64_t index, uint64_t *expected, uint64_t desired);
int vector_fetch_add(struct participant *p, uint64_t index, uint64_t delta, uint64_t *old);
int vector_clear(struct participant *p);

#endif
