/*
 * bench_fairness.c - owns --fairness: the mix `mixed` for some seconds instead of some operations. Each worker counts what it does in each
 * second since the common start; of each STEP operations it times two by themselves, a push and a pop, and counts how long they take. The
 * others run at full speed, without a look at the clock between them.
 */
#include "bench.h"
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    STEP = 64,
    FINE_BITS = 6, /* a bucket is at most 1/64 wide of what is in it */
    FINE = 1 << FINE_BITS,
    BUCKETS = (64 - FINE_BITS + 1) * FINE
};

struct diary {
    uint64_t lasted[BUCKETS]; /* timed operations, by their ns */
    uint64_t longest;
    uint64_t done[]; /* operations in each second */
};

/* In shared memory: the diaries follow, each of diary_bytes. */
struct notes {
    _Atomic uint64_t start; /* ns; of the first worker that starts */
    unsigned seconds;
    size_t diary_bytes;
    _Alignas(128) char diaries[];
};

static struct diary *diary_of(struct notes *notes, unsigned worker)
{
    return (struct diary *)(notes->diaries + worker * notes->diary_bytes);
}

/* ---- buckets ---- */

static size_t bucket_of(uint64_t ns)
{
    if (ns < FINE)
        return ns;
    const unsigned exponent = 63 - (unsigned)__builtin_clzll(ns);
    return (exponent - FINE_BITS + 1) * FINE + ((ns >> (exponent - FINE_BITS)) & (FINE - 1));
}

/* The least that is in a bucket. */
static double bucket_ns(size_t bucket)
{
    const size_t row = bucket / FINE, column = bucket % FINE;
    return row == 0 ? (double)column : (double)(((uint64_t)FINE + column) << (row - 1));
}

static void note(struct diary *diary, uint64_t ns)
{
    diary->lasted[bucket_of(ns)]++;
    if (ns > diary->longest)
        diary->longest = ns;
}

/* ---- the worker ---- */

static uint64_t common_start(struct notes *notes)
{
    uint64_t start = 0, now = bench_ns();
    if (atomic_compare_exchange_strong_explicit(&notes->start, &start, now, memory_order_relaxed, memory_order_relaxed))
        start = now;
    return start;
}

static void run(const struct bench_peer *peer, struct bench_worker *worker, uint64_t first)
{
    struct notes *notes = worker->round->what->notes;
    struct diary *diary = diary_of(notes, worker->index);
    const uint64_t start = common_start(notes), second = 1000000000, end = start + notes->seconds * second;
    for (uint64_t x = first, now = bench_ns(); now < end; x += STEP / 2) {
        peer->mixed(worker, x + 1, STEP - 2);
        const uint64_t before = bench_ns();
        peer->push(worker, x, 1);
        const uint64_t between = bench_ns();
        peer->pop(worker, 0, 1);
        const uint64_t after = bench_ns();
        note(diary, between - before);
        note(diary, after - between);
        diary->done[(now - start) / second] += STEP;
        now = after;
    }
}

/* ---- what is made of it ---- */

struct tail {
    uint64_t samples, longest;
    uint64_t lasted[BUCKETS]; /* of all workers */
};

static void join(struct tail *tail, struct notes *notes, unsigned workers)
{
    for (unsigned w = 0; w < workers; w++) {
        const struct diary *diary = diary_of(notes, w);
        for (size_t i = 0; i < BUCKETS; i++) {
            tail->lasted[i] += diary->lasted[i];
            tail->samples += diary->lasted[i];
        }
        if (diary->longest > tail->longest)
            tail->longest = diary->longest;
    }
}

static double percentile(const struct tail *tail, double part)
{
    uint64_t passed = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        passed += tail->lasted[i];
        if ((double)passed >= part * (double)tail->samples)
            return bucket_ns(i);
    }
    return 0;
}

/* The slowest worker's operations in that second, as a part of the fastest's. */
static double share(struct notes *notes, unsigned workers, unsigned second)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (unsigned w = 0; w < workers; w++) {
        const uint64_t done = diary_of(notes, w)->done[second];
        least = done < least ? done : least;
        most = done > most ? done : most;
    }
    return most ? (double)least / (double)most : 0;
}

static double operations(struct notes *notes, unsigned workers)
{
    double all = 0;
    for (unsigned w = 0; w < workers; w++)
        for (unsigned s = 0; s < notes->seconds; s++)
            all += (double)diary_of(notes, w)->done[s];
    return all;
}

enum column { PEER, WORKERS, KIND, SECONDS, MOPS, WORST, MEDIAN, P50, P99, P999, LONGEST, HOP };

const struct bench_column bench_fairness_columns[] = {
    {"PEER", "peer", true},      {"WORKERS", "workers", false},       {"KIND", "kind", true},      {"SECONDS", "seconds", false},
    {"MOPS", "mops", false},     {"WORST_SHARE", "share_min", false}, {"SHARE", "share", false},   {"P50_NS", "p50_ns", false},
    {"P99_NS", "p99_ns", false}, {"P99.9_NS", "p999_ns", false},      {"MAX_NS", "max_ns", false}, {"HOP_NS", "hop_ns", false},
    {NULL, NULL, false},
};

static int set_shares(struct libscols_line *line, struct notes *notes, unsigned workers)
{
    double *shares = calloc(notes->seconds, sizeof *shares), worst = 1;
    if (!shares)
        return -ENOMEM;
    for (unsigned s = 0; s < notes->seconds; s++) {
        shares[s] = share(notes, workers, s);
        worst = shares[s] < worst ? shares[s] : worst;
    }
    const double median = bench_median(shares, notes->seconds);
    free(shares);
    return bench_set(line, WORST, 3, worst) | bench_set(line, MEDIAN, 3, median);
}

static int set_tail(struct libscols_line *line, struct notes *notes, unsigned workers)
{
    struct tail *tail = calloc(1, sizeof *tail);
    if (!tail)
        return -ENOMEM;
    join(tail, notes, workers);
    const int rc = bench_set(line, P50, 0, percentile(tail, 0.5)) | bench_set(line, P99, 0, percentile(tail, 0.99)) |
                   bench_set(line, P999, 0, percentile(tail, 0.999)) | bench_set(line, LONGEST, 0, (double)tail->longest);
    free(tail);
    return rc;
}

static int add_line(struct libscols_table *table, const struct bench_peer *peer, const struct bench_case *what, double hop)
{
    struct notes *notes = what->notes;
    struct libscols_line *line = scols_table_new_line(table, NULL);
    if (!line)
        return -ENOMEM;
    int rc = scols_line_set_data(line, PEER, peer->name) | bench_set(line, WORKERS, 0, what->workers) |
             scols_line_set_data(line, KIND, what->threads ? "thread" : "process") | bench_set(line, SECONDS, 0, notes->seconds) |
             bench_set(line, MOPS, 4, operations(notes, what->workers) / notes->seconds * 1e-6);
    if (rc == 0)
        rc = set_shares(line, notes, what->workers);
    if (rc == 0)
        rc = set_tail(line, notes, what->workers);
    if (rc == 0 && hop > 0)
        rc = bench_set(line, HOP, 1, hop);
    return rc;
}

int bench_fairness(const struct bench_peer *peer, const struct bench_case *asked, unsigned seconds, struct libscols_table *table)
{
    struct bench_case what = *asked;
    const size_t diary_bytes = (sizeof(struct diary) + (seconds + 1) * sizeof(uint64_t) + 127) & ~(size_t)127;
    const size_t bytes = sizeof(struct notes) + what.workers * diary_bytes;
    struct notes *notes = bench_map_shared(bytes);
    double ignored;
    if (!notes)
        return -ENOMEM;
    notes->seconds = seconds;
    notes->diary_bytes = diary_bytes;
    what.body = run;
    what.notes = notes;
    const double before = what.workers > 1 ? bench_hop() : 0;
    int rc = bench_run(peer, &what, &ignored);
    const double after = what.workers > 1 ? bench_hop() : 0;
    if (rc == 0)
        rc = add_line(table, peer, &what, (before + after) / 2);
    munmap(notes, bytes);
    return rc;
}
