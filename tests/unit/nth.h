/*
 * nth.h - private memory that is refused. The library's and the tests' requests for it come here first (ld --wrap), so that the n-th of them can
 * fail, for every n; and what has not been freed is counted. fopen(3) and pthread_setspecific(3) take memory as well.
 */
#ifndef LFVEC_TESTS_UNIT_NTH_H
#define LFVEC_TESTS_UNIT_NTH_H

#include <stdint.h>

void nth_fail(uint32_t n); /* the calling thread's n-th request from now on fails; 0: none */
uint32_t nth_asked(void);  /* its requests since then */
int64_t nth_blocks(void);  /* of all threads: given and not freed */

#endif
