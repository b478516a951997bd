/*
 * kill.h - the ptrace test: a victim is stepped to its k-th instruction and killed there; then everything must be as if it had finished its
 * operation, or never begun. What the files share:
 *
 *   ops.c    the table of operations: how to bring them about, what they do to the contents
 *   step.c   a process under ptrace: the list of its instructions, going to the k-th, the kill
 *   stage.c  the segment under test and the model of what it must hold
 *   mix.c    survivors at work, every answer compared with the model
 *   judge.c  what is true at the moment of the kill, and whether recovery and the audit agree with it
 *   point.c  one kill point, or one pair of them
 *   kill.c   which points, in what order, by how many workers; the table
 */
#ifndef KILL_H
#define KILL_H

#include "lfvec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SLOTS = 4, SURVIVOR = 1, MODEL_MOST = 8192, FEW_ELEMS = 512, ELEMS_OF_LEAF = 8, BATCH_OF_TEST = 20 };
enum { LEASED = 777777, OPS_MOST = 96 };

/* ---- step.c: a process under ptrace ---------------------------------------------------------------------------------------------------- */

#define NO_POINT UINT32_MAX

struct point_info {
    uint64_t pc;           /* of the next instruction */
    bool locked;           /* that is a locked one */
    uint32_t anchor, hits; /* the point to go to at full speed, and how often its instruction is met until then */
};

/* Point k is the moment after k steps, before the instruction at[k].pc; 0 is just before the operation and n just after it. */
struct trace {
    uint32_t n, room;
    uint32_t rival; /* the point at which somebody else gets in between, or NO_POINT */
    struct point_info *at;
};

struct victim {
    void (*body)(void *arg); /* in the child: ready, victim_gate(), the operation, victim_end() */
    void *arg;
    bool over; /* calls into the C library are one step */
    pid_t pid;
    uint32_t at;
    bool dead;
    int status; /* of the child, once it is dead */
};

/* in the child */
void victim_gate(void);
void victim_end(void);

/* in the test process; false: the child died on the way, victim->status says how */
bool victim_start(struct victim *w); /* runs it up to victim_gate() */
bool victim_record(struct victim *w, struct trace *t, uint32_t rival_cas, void (*rival)(void *arg), void *arg);
bool victim_go(struct victim *w, const struct trace *t, uint32_t k, void (*rival)(void *arg), void *arg);
bool victim_is_at(const struct victim *w, uint64_t pc);
void victim_finish(struct victim *w); /* lets it run to its exit */
void victim_kill(struct victim *w);

void trace_clear(struct trace *t);
const char *step_why_not(void); /* NULL if a child can be stepped here, else why not */

/* ---- stage.c: the segment under test --------------------------------------------------------------------------------------------------- */

struct model {
    uint64_t n;
    uint64_t elem[MODEL_MOST];
};

/* What is known for certain about slot i: whether its attempt to make version `intent` won. */
struct truth {
    uint64_t intent;
    bool won;
};

struct op;

struct stage {
    const struct op *op;
    char name[48];
    lfvec_t *v; /* the test process's attachment, in slot SURVIVOR; NULL before a segment exists */
    uint64_t random;
    uint64_t fresh;   /* the next value to be pushed by a survivor */
    uint64_t version; /* of the head when it was last looked at */
    uint64_t made;    /* versions that the present victim has made */
    bool owed;        /* a dead participant holds LEASED, which recovery is to push back */
    bool returned;    /* ... or died pushing it back, and recovery is to notice */
    bool all_text;    /* step into the C library in first kills, except when creating and opening */
    bool untouched;   /* survivors do nothing that recovers the dead on the way (trim) */
    struct truth truth[SLOTS + 1];
    struct model now;
    char phase[64];
    char fault[360]; /* the first one; empty = none so far */
};

bool fault(struct stage *s, const char *format, ...) __attribute__((format(printf, 2, 3))); /* false; the first one stands */
bool phase(struct stage *s, const char *what);                                              /* true */

void stage_attr(struct lfvec_attr *attr, uint64_t max_elems);
void stage_tighten(struct lfvec_attr *attr); /* room for two slabs and no more */
void stage_own_all(lfvec_t *v);              /* both of them belong to the calling thread, which works in the second */
bool stage_build(struct stage *s);           /* a new segment, furnished; no segment if the operation is its creation */
bool stage_join(struct stage *s);            /* the test process takes part, in the slot SURVIVOR */
void stage_strike(struct stage *s);
bool stage_read(struct stage *s, struct model *m); /* every element, by a read-only attachment */
bool stage_compare(struct stage *s);               /* reads; equal to s->now? */
bool model_same(const struct model *a, const struct model *b);

void model_push(struct model *m, uint64_t x);

/* ---- mix.c ----------------------------------------------------------------------------------------------------------------------------- */

bool mix_run(struct stage *s, uint32_t operations); /* by the calling thread, whose slot is taken at the first */

/* ---- judge.c --------------------------------------------------------------------------------------------------------------------------- */

enum verdict { VERDICT_NONE, VERDICT_WON, VERDICT_LOST };

uint64_t judge_version(const struct stage *s);
void judge_look(struct stage *s); /* after a kill: what is true of the unfinished attempts and leases */
enum verdict judge_verdict(const struct stage *s);
uint32_t judge_state(const struct stage *s); /* a number for the dead one's state; equal numbers, equal kinds of state */
bool judge_recover(struct stage *s);         /* lfvec_recover() says what is true, and makes it so */
bool judge_audit(struct stage *s, bool recovered);

/* ---- ops.c ----------------------------------------------------------------------------------------------------------------------------- */

enum {
    OP_CREATES = 1,      /* there is no segment before it */
    OP_OPENS = 2,        /* the victim has no attachment before it */
    OP_OWN_TEXT = 4,     /* most of its instructions are the C library's: see victim.over, and stage.all_text */
    OP_LEASE_BEFORE = 8, /* the victim begins with a lease on LEASED */
    OP_LEASE_AFTER = 16, /* and has one afterwards */
    OP_LEASE_ENDS = 32,  /* the lease ends by a store that is no version */
    OP_STEPS = 64,       /* any number of versions, none of which changes the contents */
    OP_LARGE = 128,      /* in a segment for MODEL_MOST elements rather than FEW_ELEMS */
    OP_TIGHT = 256       /* and with room for two slabs: versions may come before its own that change nothing */
};

struct op {
    const char *name;
    void (*furnish)(lfvec_t *v);              /* by the test process, before there is a victim */
    void (*prepare)(lfvec_t *v);              /* by the victim */
    void (*meanwhile)(lfvec_t *v);            /* by the test process, while the victim waits at the gate */
    void (*after)(lfvec_t *v);                /* by the test process, between the kill and what is done then; makes no version */
    int (*run)(lfvec_t *v, const char *name); /* by the victim: the operation itself; 0 if it went well */
    void (*model)(struct model *m);           /* what it does to the contents */
    uint32_t flags;
    uint32_t rival_cas;        /* just before the victim's n-th 16-byte CAS, somebody else ... */
    void (*rival)(lfvec_t *v); /* ... does this */
    void (*rival_model)(struct model *m);
};

extern const struct op ops[];
extern const uint32_t ops_count;

/* What is done, and killed again, after the first kill. */
extern const struct op second_ops[];
extern const uint32_t second_ops_count;
const struct op *op_second(const struct op *first, uint32_t which); /* NULL: there is no such thing after `first` */

/* ---- point.c --------------------------------------------------------------------------------------------------------------------------- */

/*
 * What happens between the kill and the end: recovery at once; 100 operations of a survivor first; the dead slot's next holder first.
 * Or no kill: the victim only stops there, others work on, and then it goes on to its end, as a late helper and owner of old news.
 */
enum way { WAY_STRAIGHT, WAY_LATE, WAY_HEIR, WAY_STALL, WAYS };
extern const char *const way_name[WAYS];

struct point {
    const struct op *op, *second; /* second: NULL for a single kill */
    uint32_t k, k2;
    enum way way;
    uint64_t seed;
    /* what came of it */
    enum verdict verdict;
    uint32_t state;
    bool drifted; /* the victim was not at the instruction that was seen there at first */
};

bool point_record(struct stage *s, const struct point *p, struct trace *first,
                  struct trace *second); /* of the last operation of the point */
bool point_run(struct stage *s, struct point *p, const struct trace *first, const struct trace *second);

#endif
