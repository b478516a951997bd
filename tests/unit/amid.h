/*
 * amid.h - something happens in the middle of a pass of lfvec_check(), at one of three moments. The process that looks is not stopped for it: what
 * it calls there anyway is ours, and calls the real function then.
 *
 *   AMID_BEFORE   it asks for private memory (calloc), having looked at the header, the control page and how many slabs there are
 *   AMID_LEAVES   it has looked at the slab table, the slots and the directory, and comes to the first leaf (slab_taken)
 *   AMID_AFTER    it has done with them (free), and will look at the head once more
 */
#ifndef LFVEC_TESTS_UNIT_AMID_H
#define LFVEC_TESTS_UNIT_AMID_H

#include <lfvec.h>
#include <stdbool.h>
#include <stdint.h>

enum amid_moment { AMID_BEFORE, AMID_LEAVES, AMID_AFTER, AMID_MOMENTS };

typedef void amid_deed(lfvec_t *v);

bool amid_possible(void); /* calloc() and free() are ours here, and not the C library's own, or those of a sanitizer or of valgrind */

/* lfvec_check(looks), with deeds of v's. What is NULL is left out. */
int amid_check(lfvec_t *looks, lfvec_t *v, amid_deed *const deeds[AMID_MOMENTS], struct lfvec_audit *out);

uint32_t amid_pass(void); /* 1 in the first one, and so on; after the check, how many there were */

#endif
