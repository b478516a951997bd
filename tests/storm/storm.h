/*
 * storm.h - worker processes that are killed at random for a given time and replaced as they die, and the books that prove that nothing
 * was lost and nothing duplicated. What the files share:
 *
 *   storm.c   arguments, the parts one after the other, the last line
 *   mixed.c   the long part: all operations at once; single processes, threads, forked children, exec; SIGKILL and SIGSTOP
 *   work.c    what a worker does
 *   books.c   which elements were pushed and seen, what the dead were at, and the final account
 *   early.c   the parts at the beginning of a segment's life: killed while creating it, killed while it grows
 *
 * Every element carries a number of its own. Before an operation a worker writes down what it is about to do, afterwards that it is done;
 * the books lie in memory that outlives it.
 */
#ifndef STORM_H
#define STORM_H

#include "lfvec.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCS_MOST = 16, THREADS = 4, WORKERS_MOST = PROCS_MOST * THREADS, BATCH = 24, KEYS_MOST = 1 << 28, GONE_MOST = 1 << 20 };
enum { ELEM_WORDS_MOST = 3 };

/* What a worker is at. An element that a dead one was popping may be gone, and it is known which one that would be. */
enum doing { IDLE, PUSHING, POPPING, LEASING, ACKING, OTHER, DOINGS };
extern const char *const doing_name[DOINGS];

struct worker {
    _Alignas(128) _Atomic uint64_t progress; /* operations done */
    _Atomic uint32_t doing;
    _Atomic uint32_t n;                       /* elements of the operation */
    _Atomic uint64_t first;                   /* PUSHING: their keys are first .. first + n - 1; ACKING: the key */
    _Atomic uint64_t key_next;                /* keys of this worker's own: from here ... */
    _Atomic uint64_t key_end;                 /* ... to here */
    uint64_t buffer[BATCH * ELEM_WORDS_MOST]; /* POPPING: where the elements go to; the library copies before it takes */
};

/* Shared by all processes, in an object of its own that an exec'd worker maps again. */
struct books {
    _Atomic uint32_t stop;
    _Atomic uint64_t key_next; /* none of these was given to a worker yet */
    _Atomic uint64_t operations;
    struct worker worker[WORKERS_MOST];
    char fault[240]; /* the first one that a worker reports */
    _Atomic uint32_t faults;
    _Atomic uint8_t key[]; /* of each key: KEY_* */
};

/* A key's byte: how often the element was seen when popped (or found in the end), and what its pusher said. */
enum { KEY_SEEN = 3, KEY_SAID = 4, KEY_PUSHED = 8 };

/* What the storm did, for the last line. */
struct tally {
    uint64_t kills, stops, execs, creations, growths, operations, pushed, doubtful_there, doubtful_not;
    uint64_t killed_at[DOINGS];
    double seconds;
};

struct storm {
    char name[64];
    int books_fd;
    struct books *books;
    uint64_t random;
    uint32_t procs;
    uint32_t elem_size;
    lfvec_t *v;
    struct tally tally;
    uint32_t passed, failed;
};

double storm_now(void);
uint64_t storm_draw(uint64_t *random, uint64_t below);
bool storm_verdict(struct storm *s, bool good, const char *format, ...) __attribute__((format(printf, 3, 4)));
void storm_attr(struct lfvec_attr *attr, uint32_t elem_size);

/* mixed.c: one segment of elements of this size, for so long */
void mixed_run(struct storm *s, uint32_t elem_size, double seconds);

/* early.c */
void creation_run(struct storm *s, double seconds);
void growth_run(struct storm *s, double seconds);

/* work.c */
enum { WORK_THREADS = 1, WORK_FORK = 2, WORK_EXEC = 4, WORK_OPEN = 8, WORK_TIMER = 16 };

struct work {
    const char *name;
    struct books *books;
    int books_fd;
    uint32_t first; /* the process's first worker */
    uint32_t flags;
    uint32_t elem_size;
    uint64_t random;
    lfvec_t *v; /* inherited; or NULL */
};
_Noreturn void work_run(const struct work *w);
_Noreturn void work_after_exec(int argc, char **argv);
void work_fault(struct books *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void work_kill_self_after(uint64_t ns);

/* books.c */
int books_open(void); /* a descriptor */
struct books *books_map(int fd);
void books_begin(struct storm *s);

uint64_t books_key(struct books *b, uint32_t me, uint32_t n); /* n new keys, one after the other; NO_KEY if there are none left */
#define NO_KEY UINT64_MAX
void books_see(struct books *b, uint64_t key);

void elem_make(uint64_t *elem, uint32_t elem_size, uint64_t key);
bool elem_key(const uint64_t *elem, uint32_t elem_size, uint64_t *key); /* false: no element of ours */

void books_bury(struct storm *s, uint32_t worker); /* it was killed: what is in doubt now */
void books_close(struct storm *s);                 /* all workers are gone: drains the vector and judges */

#endif
