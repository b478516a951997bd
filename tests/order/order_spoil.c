/*
 * order_spoil.c - does the check see anything? One record of a history that was found good is spoilt at a time, and the check has to say so.
 * Each spoiling is undone.
 */
#include "order.h"

#include <stdio.h>

/* The first record from the middle of process p's log on whose operation is among these; a run has many of each. */
static struct record *pick_record(const struct run *run, uint32_t p, uint8_t from, uint8_t to)
{
    for (uint64_t i = run->count[p] / 2; i < run->count[p]; i++)
        if (run->log[p][i].op >= from && run->log[p][i].op <= to)
            return &run->log[p][i];
    return NULL;
}

enum verdicts { UNSOUND = 1, UNLIKE = 2, UNTIMELY = 4 }; /* what history_load(), _replay(), _times() say */

static uint32_t judge(const struct run *run, uint64_t versions)
{
    struct history h;
    uint32_t said = 0;
    if (!history_load(&h, run, versions))
        said = UNSOUND;
    else
        said = (history_replay(&h) ? 0 : UNLIKE) | (history_times(&h) ? 0 : UNTIMELY);
    history_free(&h);
    return said;
}

/* One of a few: an element that is set may be set again, or stay to the end, before anybody looks at it. */
static bool spoil_value(const struct run *run, uint64_t versions, uint8_t op)
{
    struct record *r = pick_record(run, 0, op, op), *end = run->log[0] + run->count[0];
    bool seen = false;
    for (uint32_t tries = 0; r && r < end && tries < 16 && !seen; r++) {
        if (r->op != op)
            continue;
        r->value ^= 1;
        seen = judge(run, versions) == UNLIKE;
        r->value ^= 1;
        tries++;
    }
    return seen;
}

static bool spoil_torn(const struct run *run, uint64_t versions)
{
    struct record *r = pick_record(run, 0, OP_GET, OP_GET);
    if (!r)
        return false;
    r->torn = 1;
    const bool seen = judge(run, versions) == UNLIKE;
    r->torn = 0;
    return seen;
}

/* A read is said to be of a version that was long gone when it began. */
static bool spoil_time_of_read(const struct run *run, uint64_t versions)
{
    struct record *r = pick_record(run, 1, OP_GET, OP_GET);
    if (!r)
        return false;
    const uint64_t was = r->version;
    r->version = was / 2;
    const bool seen = judge(run, versions) & UNTIMELY;
    r->version = was;
    return seen;
}

/* Two mutations change places; unless they overlapped, that was not their order. */
static bool spoil_time_of_mutation(const struct run *run, uint64_t versions)
{
    struct record *a = pick_record(run, 0, OP_PUSH, OP_PUSH), *b = &run->log[1][run->count[1] - 1];
    while (b > run->log[1] && (b->op >= OP_FIRST_READ || b->op == OP_TRIM))
        b--;
    if (!a || (a->end >= b->start && b->end >= a->start))
        return false;
    const uint64_t was_a = a->version, was_b = b->version;
    a->version = was_b;
    b->version = was_a;
    const bool seen = judge(run, versions) & UNTIMELY;
    a->version = was_a;
    b->version = was_b;
    return seen;
}

static bool spoil_version(const struct run *run, uint64_t versions)
{
    struct record *r = pick_record(run, 0, OP_PUSH, OP_POP);
    if (!r)
        return false;
    r->version++;
    const bool seen = judge(run, versions) == UNSOUND;
    r->version--;
    return seen;
}

void order_spoil(const struct run *run, uint64_t versions, void verdict(bool good, const char *what))
{
    verdict(spoil_version(run, versions), "a version that is there twice is seen");
    verdict(spoil_value(run, versions, OP_PUSH), "a wrong value pushed is seen");
    verdict(spoil_value(run, versions, OP_POP), "a wrong value popped is seen");
    verdict(spoil_value(run, versions, OP_POP_N), "a wrong batch popped is seen");
    verdict(spoil_value(run, versions, OP_SET), "a wrong value set is seen");
    verdict(spoil_value(run, versions, OP_GET), "a wrong value got is seen");
    verdict(spoil_value(run, versions, OP_SNAPSHOT), "a wrong snapshot is seen");
    verdict(spoil_torn(run, versions), "a torn element is seen");
    verdict(spoil_time_of_read(run, versions), "a read of the past is seen");
    verdict(spoil_time_of_mutation(run, versions), "mutations out of real-time order are seen");
    verdict(judge(run, versions) == 0, "nothing is seen when nothing is spoilt");
}
