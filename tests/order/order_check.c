/*
 * order_check.c - the verdict on a run: are the versions unique and gapless, is real-time order kept, does the vector end as it should.
 * Everything is linear in the number of operations. The replay is in order_replay.c.
 */
#include "order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FAULTS_SHOWN = 4 };

static const char *const names[OPS] = {"push", "pop",  "set", "clear",  "push_n", "pop_n",    "lease",    "release", "cas",
                                       "add",  "trim", "get", "beyond", "empty",  "cas_lost", "snapshot", "size",    "refused"};

const char *op_name(uint8_t op)
{
    return op < OPS ? names[op] : "?";
}

uint32_t history_id(const struct history *h, uint32_t proc, uint64_t i)
{
    return (uint32_t)(proc * h->run->per_proc + i);
}

const struct record *history_record(const struct history *h, uint32_t id)
{
    return &h->run->log[id / h->run->per_proc][id % h->run->per_proc];
}

bool history_fault(struct history *h, const struct record *r, const char *what, uint64_t expected)
{
    if (h->faults++ >= FAULTS_SHOWN || h->run->quiet)
        return false;
    printf("  %s: %s at version %" PRIu64 ", index %u, value %" PRIx64 ", n %u; expected %" PRIx64 "\n", what, op_name(r->op), r->version,
           r->index, r->value, r->n, expected);
    return false;
}

/* ---- loading --------------------------------------------------------------------------------------------------------------------------- */

static bool allocate(struct history *h)
{
    uint64_t records = 1;
    for (uint32_t p = 0; p < h->run->procs; p++)
        records += h->run->count[p];
    h->mutation = calloc(h->versions + 2, sizeof *h->mutation);
    h->sizes = calloc(h->versions + 2, sizeof *h->sizes);
    h->first_read = calloc(h->versions + 3, sizeof *h->first_read);
    h->reads = calloc(records, sizeof *h->reads);
    return h->mutation && h->sizes && h->first_read && h->reads;
}

static void load_mutation(struct history *h, const struct record *r, uint32_t id)
{
    uint32_t *at = &h->mutation[r->version];
    if (*at)
        history_fault(h, r, "the same version twice", history_record(h, *at - 1)->value);
    else
        *at = id + 1;
}

/* Mutations to their version; reads are counted. */
static void load_records(struct history *h, uint32_t proc)
{
    for (uint64_t i = 0; i < h->run->count[proc]; i++) {
        const struct record *r = &h->run->log[proc][i];
        const bool mutation = r->op < OP_FIRST_READ;
        if (r->version > h->versions || (mutation && !r->version))
            history_fault(h, r, "no such version", h->versions);
        else if (mutation)
            load_mutation(h, r, history_id(h, proc, i));
        else
            h->first_read[r->version + 2]++;
    }
}

/* Counting sort: after it, the reads of version s are reads[first_read[s]] up to reads[first_read[s + 1]]. */
static void sort_reads(struct history *h)
{
    for (uint64_t s = 1; s <= h->versions + 2; s++)
        h->first_read[s] += h->first_read[s - 1];
    for (uint32_t proc = 0; proc < h->run->procs; proc++)
        for (uint64_t i = 0; i < h->run->count[proc]; i++) {
            const struct record *r = &h->run->log[proc][i];
            if (r->op >= OP_FIRST_READ && r->version <= h->versions)
                h->reads[h->first_read[r->version + 1]++] = history_id(h, proc, i);
        }
}

static void reach_down(const struct record *r, uint64_t *allowed_from)
{
    if (r->op != OP_SIZE && r->reach && r->version - r->reach + 1 < *allowed_from)
        *allowed_from = r->version - r->reach + 1;
}

/* Every version has its mutation; one that has none must lie within the reach of a trim. */
static void find_gaps(struct history *h)
{
    uint64_t allowed_from = UINT64_MAX; /* going down: the lowest version that a trim seen so far may have made */
    for (uint64_t s = h->versions; s > 0; s--) {
        for (uint64_t i = h->first_read[s]; i < h->first_read[s + 1]; i++)
            reach_down(history_record(h, h->reads[i]), &allowed_from);
        if (h->mutation[s])
            reach_down(history_record(h, h->mutation[s] - 1), &allowed_from);
        else if (!h->mutation[s] && s < allowed_from)
            history_fault(h, &(struct record){.version = s, .op = OPS}, "a version that nobody made", s);
    }
}

bool history_load(struct history *h, const struct run *run, uint64_t versions)
{
    *h = (struct history){.run = run, .versions = versions};
    if (!allocate(h))
        return history_fault(h, &(struct record){.op = OPS}, "no memory for the history", 0);
    for (uint32_t proc = 0; proc < run->procs; proc++)
        load_records(h, proc);
    sort_reads(h);
    find_gaps(h);
    return h->faults == 0;
}

void history_free(struct history *h)
{
    free(h->mutation);
    free(h->sizes);
    free(h->first_read);
    free(h->reads);
    free(h->values);
}

/* ---- real time ------------------------------------------------------------------------------------------------------------------------- */

/* The latest version that an operation had seen or made when it ended. */
static uint64_t version_at_end(const struct record *r)
{
    return r->op == OP_SIZE ? r->version + r->reach : r->version;
}

/* a before b in real time: b's version is not below a's, and above it if b made it. */
static void check_after(struct history *h, const struct record *r, uint64_t ended)
{
    if (r->op == OP_SIZE ? version_at_end(r) < ended : r->version < ended)
        history_fault(h, r, "takes effect before one that had ended", ended);
    else if (r->op < OP_FIRST_READ && r->version == ended)
        history_fault(h, r, "made a version that was there before it began", ended);
}

/* The process whose next record starts first; procs if all are through. */
static uint32_t next_to_start(const struct run *run, const uint64_t *at)
{
    uint32_t best = run->procs;
    for (uint32_t p = 0; p < run->procs; p++)
        if (at[p] < run->count[p] && (best == run->procs || run->log[p][at[p]].start < run->log[best][at[best]].start))
            best = p;
    return best;
}

/*
 * The logs are merged by start; `done` runs after them by end, and `ended` is the running maximum of the versions of all that ended before
 * the present one started. Each log is in order of both, since a process does one operation at a time.
 */
bool history_times(struct history *h)
{
    const struct run *run = h->run;
    uint64_t at[PROCS_MOST] = {0}, done[PROCS_MOST] = {0}, ended = 0, faults = h->faults;
    for (uint32_t p; (p = next_to_start(run, at)) < run->procs; at[p]++) {
        const struct record *r = &run->log[p][at[p]];
        for (uint32_t q = 0; q < run->procs; q++)
            for (; done[q] < at[q] && run->log[q][done[q]].end < r->start; done[q]++)
                if (version_at_end(&run->log[q][done[q]]) > ended)
                    ended = version_at_end(&run->log[q][done[q]]);
        check_after(h, r, ended);
        if (at[p]) /* in one process, order needs no clock */
            check_after(h, r, version_at_end(r - 1));
    }
    return h->faults == faults;
}

/* ---- the end --------------------------------------------------------------------------------------------------------------------------- */

bool history_end(struct history *h, lfvec_t *v)
{
    unsigned char elem[ELEM_ROOM];
    const uint64_t faults = h->faults;
    if (lfvec_size(v) != h->size)
        history_fault(h, &(struct record){.version = h->versions, .op = OP_SIZE, .value = lfvec_size(v)}, "the size at the end", h->size);
    for (uint64_t i = 0; i < h->size; i++) {
        struct record r = {.version = h->versions, .op = OP_GET, .index = (uint32_t)i};
        const int err = lfvec_get(v, i, elem);
        if (err || !elem_read(elem, h->run->mix->elem_size, &r.value) || r.value != h->values[i])
            history_fault(h, &r, err ? "an element that cannot be read at the end" : "the content at the end", h->values[i]);
    }
    return h->faults == faults;
}
