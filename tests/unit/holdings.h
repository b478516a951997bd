/*
 * holdings.h - what a segment and this process hold, before and after calls that are refused: memory, leaves, descriptors, mappings. A call
 * that fails and keeps something is one that a program cannot try again for long.
 */
#ifndef LFVEC_TESTS_UNIT_HOLDINGS_H
#define LFVEC_TESTS_UNIT_HOLDINGS_H

#include "support.h"

enum { HOLDINGS_CALLS = 100 };

struct holdings {
    uint64_t bytes, leaves, slabs; /* of the segment */
    uint32_t descriptors, mappings, all_mappings;
};

/* Of the segment that the handle is of, or, if it is NULL, of the bytes under that name alone; and of this process. */
struct holdings holdings_now(lfvec_t *v, const char *name);

/* The second must be like the first; leaves and foreign mappings are compared by holdings_kept() only. */
void holdings_same(const struct holdings *before, const struct holdings *after, const char *what);
void holdings_kept(const struct holdings *before, const struct holdings *after, const char *what);

/*
 * A hundred calls that return this error leave everything as it was, the first one as well; except that it may keep a leaf in hand, as every
 * mutation does, and that the C library may have to set itself up for it.
 */
#define REFUSES(v, want, call)                                                                                                             \
    do {                                                                                                                                   \
        const struct holdings before = holdings_now(v, NULL);                                                                              \
        RETURNS(want, call);                                                                                                               \
        const struct holdings once = holdings_now(v, NULL);                                                                                \
        holdings_same(&before, &once, #call);                                                                                              \
        for (int calls = 1; calls < HOLDINGS_CALLS; calls++)                                                                               \
            RETURNS(want, call);                                                                                                           \
        const struct holdings then = holdings_now(v, NULL);                                                                                \
        holdings_kept(&once, &then, #call);                                                                                                \
    } while (0)

/* Likewise of lfvec_open(); each failure leaves a sentence that names the segment. */
void open_fails(int want, const char *name, int flags, const struct lfvec_attr *attr);
void open_fails_once(int want, const char *name, int flags, const struct lfvec_attr *attr); /* and nothing is looked at */

/* Pushes until this error; how many there are then. */
uint64_t holdings_fill_until(lfvec_t *v, int want);

/* It is full, with the elements 0 .. n - 1: all are there, what is popped can be pushed again, and nothing more, which takes nothing. */
void holdings_go_on_full(lfvec_t *v, uint64_t n, int full);

#endif
