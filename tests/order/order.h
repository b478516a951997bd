/*
 * order.h - the linearizability check by versions: what the processes log, how a run is described, who does what.
 *
 * Every operation reports the version at which it took effect (lfvec_last_version()), and versions are a total order. So whether a history
 * is linearizable is decided in linear time: put the mutations into the order of their versions, replay them on a plain array, and compare
 * what each operation said it saw; then see that the order of the versions nowhere contradicts real time.
 */
#ifndef ORDER_H
#define ORDER_H

#include "lfvec.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { PROCS_MOST = 16, BATCH_ROOM = 1024, ELEM_ROOM = 256 };

/* Mutations first. To add an operation: a name, a weight in each mix, a worker function in order_work.c, a replay function in order_replay.c. */
enum op {
    OP_PUSH,
    OP_POP,
    OP_SET,
    OP_CLEAR,
    OP_PUSH_N,
    OP_POP_N,
    OP_LEASE,   /* a pop; the element that the process had on lease before is acknowledged first, which is no version */
    OP_RELEASE, /* a push of the element on lease: every other time that a lease would be taken and there is one */
    OP_CAS,     /* replaces `value` by value + CAS_STEP */
    OP_ADD,     /* adds ADD_STEP to `value` */
    OP_TRIM,    /* several versions that change nothing, the last of them `version`, the others within `reach` before it. So may
                   whoever finds no memory do on the way: with mix.bytes, all others but OP_SIZE have such a reach, too */
    OP_GET,     /* from here on: what changes nothing, and was true at `version` */
    OP_BEYOND,  /* -ERANGE: index >= size */
    OP_EMPTY,   /* -EAGAIN of pop: size 0 */
    OP_NOT,     /* -ECANCELED of cas: the element is `value` */
    OP_SNAPSHOT,
    OP_SIZE,    /* `value` was the size at some version in [version, version + reach] */
    OP_REFUSED, /* for want of memory */
    OPS
};

#define OP_FIRST_READ OP_GET
#define CAS_STEP (UINT64_C(1) << 56)
#define ADD_STEP (UINT64_C(1) << 48)

/*
 * One operation. `value` is the element's (see elem_make()); of a batch: that of its first element for push_n, a digest of all of them for
 * pop_n and snapshot.
 */
struct record {
    uint64_t version;
    uint64_t start, end; /* nanoseconds of one clock for all processes: the operation lies in between */
    uint64_t value;
    uint32_t index;
    uint32_t reach;
    uint16_t n;
    uint8_t op;
    uint8_t torn; /* an element whose words do not belong together was seen */
};

/* What the processes do, and how often; the weights are relative. */
struct mix {
    const char *name;
    uint32_t elem_size;
    uint32_t leaf_bytes;
    uint32_t target;   /* elements around which the size wanders */
    uint32_t batch;    /* most elements of a batch */
    uint32_t share;    /* of all operations of a program run, relative */
    uint32_t stall_us; /* about how often a process is held up, at any instruction; 0 = never on purpose */
    uint32_t most;     /* max_elems; 0 = never reached */
    uint32_t bytes;    /* max_bytes, likewise, with the smallest slabs: whoever finds no memory gives back what is idle, and is refused */
    uint8_t weight[OPS];
};

/* What parent and workers share while they run. */
struct shared {
    _Atomic uint32_t ready;
    _Atomic uint32_t go;
    struct {
        _Alignas(128) _Atomic uint64_t count; /* records of this process */
        _Atomic uint64_t refused;             /* of them: there was no room */
        _Atomic int32_t err;                  /* an answer that no operation may give */
        _Atomic int32_t err_op;
    } worker[PROCS_MOST];
};

struct run {
    const struct mix *mix;
    uint32_t procs;
    uint64_t per_proc; /* operations */
    uint64_t seed;
    char name[64];
    struct shared *shared;
    struct record *log[PROCS_MOST];
    uint64_t count[PROCS_MOST];
    bool spoil; /* afterwards, see whether the check sees what is spoilt in the log */
    bool quiet; /* faults are not shown */
};

/* The clock is read so that neither the operation's first load can come before `start`, nor its last store after `end`. */
uint64_t stamp_start(void);
uint64_t stamp_end(void);

static inline uint64_t mix64(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline uint64_t value_mask(uint32_t elem_size)
{
    return elem_size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * elem_size) - 1;
}

/* An element: its value in the first 8 bytes (or all it has), every further word derived from it. */
void elem_make(unsigned char *elem, uint32_t elem_size, uint64_t value);
bool elem_read(const unsigned char *elem, uint32_t elem_size, uint64_t *value); /* false: torn */

/* Digest of a sequence of values. */
static inline uint64_t digest(uint64_t so_far, uint64_t value)
{
    return mix64((so_far + UINT64_C(0x9e3779b97f4a7c15)) ^ value);
}

/* order_work.c: what a worker process does; never returns. */
_Noreturn void order_work(const struct run *run, uint32_t me);

/* order_check.c: the verdict on a finished run. Each prints what is wrong; false if something is. */
struct history {
    const struct run *run;
    uint64_t versions;    /* the head's, at the end */
    uint32_t *mutation;   /* [version] = its record's id + 1 */
    uint32_t *sizes;      /* [version], filled by the replay */
    uint32_t *reads;      /* record ids, by version */
    uint64_t *first_read; /* [version] = where in reads */
    uint64_t *values;     /* the plain array */
    uint64_t size, room;
    uint64_t faults;
};

bool history_load(struct history *h, const struct run *run, uint64_t versions); /* versions unique and gapless */
bool history_replay(struct history *h);                                         /* order_replay.c: same results in version order */
bool history_times(struct history *h);                                          /* real-time order kept */
bool history_end(struct history *h, lfvec_t *v);                                /* the vector holds what the array holds */
void history_free(struct history *h);

/* order_spoil.c: spoils a good history in several ways; `verdict` hears whether the check saw it. */
void order_spoil(const struct run *run, uint64_t versions, void verdict(bool good, const char *what));

const char *op_name(uint8_t op);
const struct record *history_record(const struct history *h, uint32_t id);
uint32_t history_id(const struct history *h, uint32_t proc, uint64_t i);
/* Counts a fault and prints the first few. Always false. */
bool history_fault(struct history *h, const struct record *r, const char *what, uint64_t expected);

#endif
