/*
 * sandbox.h - system calls that fail, or end the process, at the kernel's own boundary: a seccomp filter. For the rest of the calling
 * thread's life, so for children (unit_in_child).
 */
#ifndef LFVEC_TESTS_UNIT_SANDBOX_H
#define LFVEC_TESTS_UNIT_SANDBOX_H

const char *sandbox_lacks(void);           /* NULL, or why there are no filters here; for UNIT_NEEDS() */
void sandbox_refuse(long call, int error); /* this call fails with this error */
void sandbox_refuse_all_but(long call);    /* any other call kills the process (SIGSYS) */

#endif
