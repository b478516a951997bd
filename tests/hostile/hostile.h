/*
 * hostile.h - random bits, bytes and words of the whole shared part are changed while processes work on it. Whatever they are told, nobody
 * may die, hang, or say what lfvec.h does not.
 *
 *   hostile.c        rounds, children and how they ended, the report
 *   hostile_ops.c    every public operation, and what it may answer
 *   hostile_spoil.c  what is changed, where, and what is left alone
 */
#ifndef LFVEC_TESTS_HOSTILE_H
#define LFVEC_TESTS_HOSTILE_H

#include "lfvec.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014) */
struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
    return rng_next(r) % n;
}

enum { WORKERS = 3, ELEM_MOST = 4096, SOME = 300 };

/* What the processes of a run tell each other. */
struct board {
    _Atomic uint64_t operations, refused, flips; /* of the whole run; refused: -EBADMSG */
    _Atomic uint64_t progress;                   /* operations of this round */
    _Atomic uint32_t working;                    /* workers of this round that have not ended */
    _Atomic uint32_t at[WORKERS + 1];            /* the operation that each is at; the last one is the aftermath's */
    _Atomic uint32_t faults;
};

/* Where damage is done; weights. */
enum area { AREA_HEADER, AREA_CONTROL, AREA_SLOTS, AREA_SLABTAB, AREA_DIRECTORY, AREA_SLAB_HEADS, AREA_LEAVES, AREA_MUTEXES, AREAS };

struct variant {
    const char *name;
    uint32_t weight[AREAS];
    bool transient; /* each change is put right again some changes later */
    bool at_rest;   /* before anybody attaches */
    bool come_and_go;
};

struct round {
    struct board *board;
    const struct variant *variant;
    const char *name;
    struct lfvec_attr attr;
    uint64_t seed, number;
};

/* ---- hostile_ops.c ------------------------------------------------------------------------------------------------------------------- */

struct hand {
    lfvec_t *v;
    struct board *board;
    struct rng rng;
    uint32_t me; /* of board->at */
    uint32_t elem_size;
    bool read_only;
    unsigned char *room; /* for SOME elements */
};

bool hand_open(struct hand *h, const char *name, int flags); /* false: refused, for a reason that is documented */
int64_t hand_operate(struct hand *h);                        /* any operation; 0, or the negative errno */
void hand_everything(struct hand *h);                        /* each of them, several times */
void hand_recover_forced(struct hand *h);                    /* each slot; nobody else may be there */
const char *operation_name(uint32_t at);
uint32_t operation_at(const char *name);

/* ---- hostile_spoil.c ----------------------------------------------------------------------------------------------------------------- */

struct spoiler;
struct spoiler *spoiler_new(const char *name, const struct variant *variant, uint64_t seed); /* of a segment that is still whole */
void spoiler_flip(struct spoiler *s);
void spoiler_free(struct spoiler *s);

#endif
