/*
 * bench.h - what the files of lfvec-bench share.
 *
 *   bench.c          the order of rounds
 *   bench_plan.[ch]  command line: what is to be measured
 *   bench_run.c      one round of one peer: workers, barrier, clock, verification
 *   bench_hop.c      what it costs now to hand a cache line from core to core
 *   bench_wake.c     --wake: from a push to the return of a pop that waited for it, beside a message queue and a pipe
 *   bench_fairness.c --fairness: what the slowest worker gets beside the fastest, second by second; the tail
 *   bench_growth.c   --growth: what a push, a byte and an attachment cost as the vector grows
 *   bench_figures.c  medians and ratios
 *   bench_report.c   what becomes of the figures: table, JSON
 *   bench_plot.c     and the plot
 *   bench_table.c    tables and JSON in general
 *   bench_peers.c    the table of peers
 *   bench_loops.h    the measured loops, made once for every peer; bench_records.h: those with records
 *   bench_locked.h   an array under a lock, made once for every lock
 *   bench_NAME.c     one peer each, or .cpp
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
    STANDING = 1000,       /* elements that mixed, read, mixed64 and mixed1024 work on */
    RECORD_MOST = 1024,    /* bytes of the largest element, that of mixed1024 */
    BATCH = 1024,          /* elements of a push_n, pop_n, get_n, snapshot */
    BATCH_STANDING = 65536 /* elements that get_n and snapshot read */
};

enum bench_mix {
    MIX_PUSH,    /* fills an empty structure */
    MIX_POP,     /* empties one of workers x ops elements */
    MIX_MIXED,   /* push, pop, push, pop... on STANDING elements */
    MIX_READ,    /* 90% get, 5% push, 5% pop; random indexes below STANDING */
    MIX_MIXED64, /* mixed, with records of 64 bytes */
    MIX_MIXED1024,
    MIX_PUSH_N,   /* push, in batches; an operation is an element */
    MIX_POP_N,    /* pop, likewise */
    MIX_GET_N,    /* reads batches, at random places of BATCH_STANDING elements */
    MIX_SNAPSHOT, /* likewise, each batch as of one moment */
    MIXES
};

struct libscols_table;
struct libscols_line;
struct bench_peer;
struct bench_worker;

/* What a worker does instead of its mix; values from `first` on are its own. */
typedef void bench_body(const struct bench_peer *peer, struct bench_worker *worker, uint64_t first);

/* One cell of the table, but for the peer. */
struct bench_case {
    enum bench_mix mix;
    unsigned workers;
    uint64_t ops;        /* of each worker, even */
    bool threads;        /* otherwise processes */
    uint32_t leaf_bytes; /* of lfvec; 0: as the library likes */
    bool warm;           /* push: the memory was filled and emptied by the same workers before */
    bench_body *body;    /* NULL: the loop of the mix */
    void *notes;         /* the body's, in shared memory */
};

/* One round of one peer. */
struct bench_round {
    const struct bench_case *what;
    void *handle;      /* the peer's */
    size_t map_bytes;  /* of bench_map() */
    size_t elem_bytes; /* 8, 64 or 1024 */
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
    /* Why it cannot do this, just here, or NULL. May lower what->ops, which stay even. May be NULL. */
    const char *(*fit)(struct bench_case *what);
    bench_loop *push, *pop, *mixed, *read; /* NULL: not offered */
    bench_loop *push64, *mixed64, *push1024, *mixed1024;
    bench_loop *push_n, *pop_n, *get_n, *snapshot;
    const char *lacks; /* why some are not offered */
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
    double *hops;    /* ns, beside each round; 0 = not probed */
};

/* One column of a table; after the last one comes one without a heading. */
struct bench_column {
    const char *heading, *key; /* key: in JSON; NULL: not there */
    bool text;                 /* otherwise a number */
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
uint64_t bench_standing(const struct bench_case *what);   /* elements that are there at the start */
uint64_t bench_room(const struct bench_case *what);       /* most that there can be */
void *bench_map_shared(size_t bytes);                     /* zeroed, untouched; NULL */
void *bench_map(struct bench_round *round, size_t bytes); /* likewise; sets handle */
void bench_unmap(struct bench_round *round);

/* bench_hop.c */
double bench_hop(void); /* ns; 0 if there is only one CPU */

/* bench_wake.c */
int bench_wake(unsigned samples, bool json);

/* bench_figures.c */
double bench_median(const double *values, unsigned count);
double bench_mops(const struct bench_figures *f, double seconds);
double bench_mops_worst(const struct bench_figures *f);
double bench_mops_best(const struct bench_figures *f);
double bench_ratio(const struct bench_figures *all, size_t count, const struct bench_figures *f); /* 0: lfvec was not measured */

/* bench_fairness.c, bench_growth.c */
int bench_fairness(const struct bench_peer *peer, const struct bench_case *what, unsigned seconds, struct libscols_table *table);
extern const struct bench_column bench_fairness_columns[];
int bench_growth(uint64_t most, unsigned reps, bool json);

/* bench_report.c */
extern const char *const bench_mix_name[MIXES];
int bench_report(FILE *out, const struct bench_figures *figures, size_t count, bool json);

/* bench_plot.c */
int bench_plot(const char *path, const struct bench_figures *figures, size_t count);

/* bench_table.c */
struct libscols_table *bench_table(const char *name, const struct bench_column *columns, bool json);
int bench_print(FILE *out, struct libscols_table *table, bool json);                  /* gives up the table */
int bench_set(struct libscols_line *line, unsigned column, int digits, double value); /* 0, or a libsmartcols error */
void bench_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void bench_progress(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a line on a terminal; NULL: none any more */

#ifdef __cplusplus
}
#endif
#endif
