/*
 * full.h - what the tests of exhausted resources share: a small /dev/shm of one's own, vectors whose every element is known, participants
 * in other processes that do what they are told.
 */
#ifndef LFVEC_TESTS_FULL_H
#define LFVEC_TESTS_FULL_H

#include "../unit/support.h"

#include <sys/types.h>

/*
 * A tmpfs of this size becomes the /dev/shm of this test, in a mount namespace that ends with it. NULL, or why it cannot be had here.
 */
const char *full_shm(uint64_t bytes);

#define FULL_SHM_OR_SKIP(bytes)                                                                                                            \
    do {                                                                                                                                   \
        const char *why_not = full_shm(bytes);                                                                                             \
        if (why_not)                                                                                                                       \
            UNIT_SKIP(why_not);                                                                                                            \
    } while (0)

/* All but `left` bytes of /dev/shm are somebody else's, until the ballast is dropped. */
void full_ballast(uint64_t left);
void full_drop_ballast(void);
uint64_t full_free_bytes(void);

/* ---- elements ------------------------------------------------------------------------------------------------------------------------ */

enum { FULL_ELEM_MOST = 4096 };

/* What element `index` is, of whatever size. `salt` tells versions of it apart. */
void full_elem(void *elem, uint32_t size, uint64_t index, uint64_t salt);
bool full_is(const void *elem, uint32_t size, uint64_t index, uint64_t salt);

/* Appends elements from..to-1 one by one, or in batches of `batch`, up to the first error; returns how far it came, and the error. */
uint64_t full_push(lfvec_t *v, uint64_t from, uint64_t to, uint64_t batch, int *err);
void full_pop(lfvec_t *v, uint64_t from, uint64_t to); /* removes and compares elements to-1 down to from */
void full_expect(lfvec_t *v, uint64_t n);              /* every element is there */
void full_refused(lfvec_t *v, uint64_t n, int how);    /* whatever needs memory fails with -how, and changes nothing */
void full_again(lfvec_t *v, uint64_t n);               /* some are popped and pushed again, and all are there */

/* ---- other processes ----------------------------------------------------------------------------------------------------------------- */

/* Runs what it is told, one thing after the other. A function's pointers must be older than the process. */
typedef int64_t full_fn(uint64_t a, uint64_t b);
struct full_proc {
    pid_t pid;
    int ask, answer;
};
struct full_proc full_start(void);
void full_begin(const struct full_proc *p, full_fn *fn, uint64_t a, uint64_t b);
int64_t full_result(const struct full_proc *p);
int64_t full_do(const struct full_proc *p, full_fn *fn, uint64_t a, uint64_t b); /* both */
void full_end(const struct full_proc *p);                                        /* it ends with status 0 */
void full_kill(const struct full_proc *p);

/* The attachment of a full_proc, by what these do; full_name is the segment, and older than the process. */
extern const char *full_name;
extern lfvec_t *full_mine;
int64_t full_attach(uint64_t flags, uint64_t unused); /* 0 or -errno */
int64_t full_detach(uint64_t unused, uint64_t unused_too);
int64_t full_pops(uint64_t from, uint64_t to);
int64_t full_pushes(uint64_t from, uint64_t to); /* how far it came; -errno if no element */
int64_t full_reads(uint64_t n, uint64_t unused); /* compares all, and audits */

Suite *full_tmpfs_suite(void);
Suite *full_procs_suite(void);
Suite *full_limits_suite(void);
Suite *full_slots_suite(void);
Suite *full_owners_suite(void);
Suite *full_holes_suite(void);

#endif
