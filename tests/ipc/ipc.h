/*
 * ipc.h - what the tests with real processes share: names, children and how they end, a board in shared memory on which they tell each
 * other how far they are (nobody sleeps to let something happen), and a tally of elements.
 */
#ifndef IPC_H
#define IPC_H

#include "lfvec.h"

#include <check.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

enum { IPC_PROCS = 8, IPC_IDS = 1 << 16, IPC_TIMEOUT = 240 };

/* In a child: says what is wrong, and ends it with a status that ipc_reap() does not accept. */
#define CHILD_MUST(cond)                                                                                                                   \
    do {                                                                                                                                   \
        if (!(cond))                                                                                                                       \
            ipc_child_failed(__FILE__, __LINE__, #cond);                                                                                   \
    } while (0)
_Noreturn void ipc_child_failed(const char *file, int line, const char *what);

/* For loops: Check's own assertions write a message each time they hold. */
#define MUST(cond)                                                                                                                         \
    do {                                                                                                                                   \
        if (!(cond))                                                                                                                       \
            ck_abort_msg("%s", #cond);                                                                                                     \
    } while (0)

/*
 * The tally: an element is (process << 24 | serial number) + 1 in its low 48 bits; the bits above may be changed by anybody. Each is counted
 * when it is popped or, in the end, found.
 */
struct board {
    _Atomic uint32_t ready, go, done, stop;
    _Atomic uint64_t cell[32];
    struct {
        _Alignas(128) _Atomic uint64_t progress;
        _Atomic uint64_t pushed;    /* serial numbers below were pushed */
        _Atomic uint32_t in_flight; /* IPC_PUSHING, IPC_POPPING */
        _Atomic uint8_t seen[IPC_IDS];
    } proc[IPC_PROCS];
};

enum { IPC_IDLE, IPC_PUSHING, IPC_POPPING };

struct board *ipc_board(void);                                /* a new one, for this test */
void ipc_until(const _Atomic uint32_t *word, uint32_t value); /* waits until *word >= value */
void ipc_until64(const _Atomic uint64_t *word, uint64_t value);

const char *ipc_name(void);                       /* the test's segment; unlinked first */
lfvec_t *ipc_make(const struct lfvec_attr *attr); /* creates it; attr NULL: small leaves, 8 slots */
void ipc_attr(struct lfvec_attr *attr, uint32_t elem_size);
void ipc_sound(lfvec_t *v); /* the audit finds nothing */
void ipc_clean(void);       /* removes what may be left */

uint64_t ipc_random(uint64_t below); /* seeded once, the seed is printed */
void ipc_reseed(uint64_t salt);      /* in a child */

typedef void ipc_fn(struct board *b, uint32_t me);
pid_t ipc_start(ipc_fn *fn, struct board *b, uint32_t me); /* the child ends with status 0 when fn returns, without cleaning up */
void ipc_reap(pid_t pid);                                  /* it ends with status 0 */
void ipc_kill(pid_t pid);                                  /* SIGKILL, and it is gone */
void ipc_reap_killed(pid_t pid);                           /* it is killed by SIGKILL, or has ended well before */
void ipc_stop(pid_t pid);                                  /* SIGSTOP, and it has stopped */
void ipc_continue(pid_t pid);
void ipc_kill_self_after(uint64_t ns); /* the calling process is killed then, wherever it is */

struct lfvec_participant ipc_slot(lfvec_t *v, uint32_t slot);
uint32_t ipc_slot_of(lfvec_t *v, pid_t pid); /* 0: none */

/* One random operation on tallied elements. 0 or what the library said. */
int ipc_step(lfvec_t *v, struct board *b, uint32_t me);
void ipc_see(struct board *b, uint64_t elem);
/* Pops what is left; then every element was seen once, but for `lost` of them at most. */
void ipc_settle(lfvec_t *v, struct board *b, uint32_t lost);

static inline uint64_t ipc_elem(uint32_t me, uint64_t serial)
{
    return ((uint64_t)me << 24 | serial) + 1;
}

Suite *ipc_load_suite(void);
Suite *ipc_create_suite(void);
Suite *ipc_death_suite(void);
Suite *ipc_check_suite(void);
Suite *ipc_life_suite(void);

#endif
