/*
 * bench.h - what the files of lfvec-bench share.
 *
 *   bench.c          command line, the order of rounds
 *   bench_run.c      one round of one peer: workers, barrier, clock, verification
 *   bench_hop.c      what it costs now to hand a cache line from core to core
 *   bench_wake.c     --wake: from a push to the return of a pop that waited for it, beside a message queue and a pipe
 *   bench_report.c   medians, table, JSON
 *   bench_peers.c    the table of peers
 *   bench_loops.h    the measured loops, made once for every peer
 *   bench_locked.h   an array under a lock, made once for every lock
 *   bench_NAME.c     one peer each
 *
 * A peer is what lfvec is measured beside: the same elements, the same loops, the same flags, the same verification. Clean for C++, in which
 * some peers are written.
 */
#ifndef LFVEC_BENCH_H
#define LFVEC_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROGRAM "lfvec-bench"

enum {
    WORKERS_MOST = 120,
    CASES_MOST = 16,
    PEERS_MOST = 32,
    STANDING = 1000,       /* elements that mixed, read and mixed64 work on */
    RECORD_BYTES = 64,     /* of an element of mixed64 */
    BATCH = 1024,          /* elements of a push_n, pop_n, get_n, snapshot */
    BATCH_STANDING = 65536 /* elements that get_n and snapshot read */
};

enum bench_mix {
    MIX_PUSH,     /* fills an empty structure */
    MIX_POP,      /* empties one of workers x ops elements */
    MIX_MIXED,    /* push, pop, push, pop... on STANDING elements */
    MIX_READ,     /* 90% get, 5% push, 5% pop; random indexes below STANDING */
    MIX_MIXED64,  /* mixed, with records of 64 bytes */
    MIX_PUSH_N,   /* push, in batches; an operation is an element */
    MIX_POP_N,    /* pop, likewise */
    MIX_GET_N,    /* reads batches, at random places of BATCH_STANDING elements */
    MIX_SNAPSHOT, /* likewise, each batch as of one moment */
    MIXES
};

struct libscols_table;

/* One cell of the table, but for the peer. */
struct bench_case {
    enum bench_mix mix;
    unsigned workers;
    uint64_t ops; /* of each worker, even */
    bool threads; /* otherwise processes */
    bool warm;    /* push: the memory was filled and emptied by the same workers before */
};

/* One round of one peer. */
struct bench_round {
    const struct bench_case *what;
    void *handle;      /* the peer's */
    size_t map_bytes;  /* of bench_map() */
    size_t elem_bytes; /* 8 or RECORD_BYTES */
    uint64_t room;     /* elements that must fit */
};

/* What a worker did. Sums wrap. */
struct bench_score {
    uint64_t start, end; /* ns */
    uint64_t pushed, pushed_sum, popped, popped_sum;
    uint64_t missed; /* operations that failed, or came back with a damaged record */
    uint64_t seen;   /* sum of what was read: keeps the reads in the program */
};

struct bench_worker {
    struct bench_round *round;
    void *handle; /* the round's, unless enter() says otherwise */
    unsigned index;
    struct bench_score score;
};

struct bench_total {
    uint64_t count, sum;
};

/* `ops` operations whose pushes have the values first, first + 1... */
typedef void bench_loop(struct bench_worker *worker, uint64_t first, uint64_t ops);

/* Functions that return int: 0 or a negative errno value. */
struct bench_peer {
    const char *name, *what;
    bool processes, threads;                /* what it can be used by */
    bool no_values;                         /* keeps a count, no elements */
    int (*open)(struct bench_round *round); /* makes an empty structure; sets handle */
    void (*close)(struct bench_round *round);
    int (*enter)(struct bench_worker *worker);  /* in the worker, before the clock; may be NULL */
    void (*leave)(struct bench_worker *worker); /* after it; may be NULL */
    int (*clear)(struct bench_round *round);
    int (*total)(struct bench_round *round, struct bench_total *total);
    bench_loop *push, *pop, *mixed, *read, *push64, *mixed64; /* NULL: not offered */
    bench_loop *push_n, *pop_n, *get_n, *snapshot;
};

/* A peer that is known, whether or not it was built. */
struct bench_known {
    const char *name;
    const struct bench_peer *peer; /* NULL: not built */
    const char *needs;             /* why not */
};

/* The figures of one peer in one case. */
struct bench_figures {
    const struct bench_peer *peer;
    struct bench_case what;
    unsigned reps;
    double *seconds; /* of each round */
    double hop_ns;   /* median of the probes beside these rounds; 0 = none */
};

/* bench_peers.c */
const struct bench_known *bench_peers(size_t *count);

/* bench_run.c */
void bench_cpus(void); /* looks up, once, which CPUs there are */
unsigned bench_cpu_count(void);
void bench_pin(unsigned worker);
uint64_t bench_ns(void);
int bench_run(const struct bench_peer *peer, const struct bench_case *what, double *seconds);
bench_loop *bench_loop_of(const struct bench_peer *peer, enum bench_mix mix);
void *bench_map(struct bench_round *round, size_t bytes); /* zeroed shared memory, untouched; sets handle */
void bench_unmap(struct bench_round *round);

/* bench_hop.c */
double bench_hop(void); /* ns; 0 if there is only one CPU */

/* bench_wake.c */
int bench_wake(unsigned samples, bool json);

/* bench_report.c */
extern const char *const bench_mix_name[MIXES];
double bench_median(const double *values, unsigned count);
int bench_report(const struct bench_figures *figures, size_t count, bool json);
int bench_print(struct libscols_table *table, bool json);
void bench_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif
#endif
