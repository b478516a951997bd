/*
 * bench_growth.c - owns --growth: what it costs lfvec to be large. For each power of ten: the cost of a push, filling an empty vector; of the
 * last tenth of these pushes; the bytes committed for an element; the time to attach to it.
 *
 * The segment has its name while it is measured, since attaching goes by name. So it is measured in a child, and the parent removes the name,
 * whatever became of the child.
 */
#include "bench.h"
#include <errno.h>
#include <lfvec.h>
#include <libsmartcols/libsmartcols.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LEAST = 10000,
    SIZES_MOST = 8,
    PUSHES_LEAST = 1000000, /* of one round: small vectors are filled often enough to make these */
    ATTACHMENTS = 31
};

struct figures {
    double ns, last_ns, bytes, attach_us;
};

/* One size; figures of each round. */
struct step {
    uint64_t size;
    double *ns, *last_ns, *attach_us, bytes;
};

static volatile sig_atomic_t child; /* what a signal to us is passed on to */

static void pass_on(int signal_number)
{
    if (child > 0)
        kill(child, SIGKILL);
    (void)signal_number;
}

/* ---- one round, in the child ---- */

static int fill(lfvec_t *v, uint64_t first, uint64_t end)
{
    int rc = 0;
    for (uint64_t x = first; x < end && rc == 0; x++)
        rc = lfvec_push_u64(v, x);
    return rc;
}

static int verify(lfvec_t *v, uint64_t size)
{
    uint64_t elem[BATCH], sum = 0;
    for (uint64_t i = 0; i < size; i += BATCH) {
        const int64_t n = lfvec_get_n(v, i, elem, BATCH);
        if (n < 0)
            return (int)n;
        for (int64_t k = 0; k < n; k++)
            sum += elem[k];
    }
    return lfvec_size(v) == size && sum == size * (size - 1) / 2 ? 0 : -EBADMSG;
}

static int attach(const char *name, double *us)
{
    double took[ATTACHMENTS];
    for (int i = 0; i < ATTACHMENTS; i++) {
        const uint64_t start = bench_ns();
        lfvec_t *v = lfvec_open(name, 0, NULL);
        took[i] = (double)(bench_ns() - start) * 1e-3;
        if (!v)
            return -errno;
        lfvec_detach(v);
    }
    *us = bench_median(took, ATTACHMENTS);
    return 0;
}

static uint64_t tenth(uint64_t size)
{
    return (size + 9) / 10;
}

/* Adds to ns and last_ns what the pushes took; the rest is the same each time. */
static int grow_once(const char *name, uint64_t size, struct figures *f)
{
    struct lfvec_stat stat;
    lfvec_t *v = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, NULL);
    if (!v)
        return -errno;
    const uint64_t start = bench_ns();
    int rc = fill(v, 0, size - tenth(size));
    const uint64_t late = bench_ns();
    rc = rc ? rc : fill(v, size - tenth(size), size);
    const uint64_t end = bench_ns();
    f->ns += (double)(end - start);
    f->last_ns += (double)(end - late);
    rc = rc ? rc : verify(v, size);
    rc = rc ? rc : lfvec_stat(v, &stat);
    rc = rc ? rc : attach(name, &f->attach_us);
    if (rc == 0)
        f->bytes = (double)stat.bytes_committed / (double)size;
    lfvec_detach(v);
    lfvec_unlink(name);
    return rc;
}

static _Noreturn void grow(const char *name, uint64_t size, struct figures *f)
{
    const uint64_t times = size < PUSHES_LEAST ? PUSHES_LEAST / size : 1;
    int rc = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_pin(0);
    for (uint64_t i = 0; i < times && rc == 0; i++)
        rc = grow_once(name, size, f);
    f->ns /= (double)(times * size);
    f->last_ns /= (double)(times * tenth(size));
    _exit(-rc);
}

/* ---- rounds ---- */

/* 0 or a negative errno value: the child's exit status says which. */
static int round_of(uint64_t size, struct figures *f)
{
    char name[64];
    int status = 0;
    snprintf(name, sizeof name, "/%s-%d-growth", PROGRAM, (int)getpid());
    memset(f, 0, sizeof *f);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0)
        grow(name, size, f);
    if (pid < 0)
        return -errno;
    child = pid;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    child = 0;
    lfvec_unlink(name);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/* A size for which there is no room is left out, and so are the larger ones. */
static int measure(struct step *steps, size_t *count, unsigned reps, struct figures *f)
{
    for (unsigned rep = 0; rep < reps; rep++)
        for (size_t i = 0; i < *count; i++) {
            bench_progress("round %u of %u, %llu elements", rep + 1, reps, (unsigned long long)steps[i].size);
            const int rc = round_of(steps[i].size, f);
            if (rc == -ENOSPC || rc == -ENOMEM) {
                bench_complain("%llu elements: left out: %s", (unsigned long long)steps[i].size, strerror(-rc));
                *count = i;
                break;
            }
            if (rc != 0) {
                bench_complain("%llu elements: %s", (unsigned long long)steps[i].size, strerror(-rc));
                return rc;
            }
            steps[i].ns[rep] = f->ns;
            steps[i].last_ns[rep] = f->last_ns;
            steps[i].attach_us[rep] = f->attach_us;
            steps[i].bytes = f->bytes;
        }
    bench_progress(NULL);
    return *count ? 0 : -ENOSPC;
}

/* ---- what is said ---- */

enum column { ELEMENTS, NS, MIN, MAX, LAST_NS, BYTES, ATTACH_US, REPS };

static const struct bench_column columns[] = {
    {"ELEMENTS", "elements", false},
    {"NS", "ns", false},
    {"MIN", "min", false},
    {"MAX", "max", false},
    {"LAST_NS", "last_ns", false},
    {"BYTES", "bytes", false},
    {"ATTACH_US", "attach_us", false},
    {"REPS", "reps", false},
    {NULL, NULL, false},
};

static int add_line(struct libscols_table *table, const struct step *step, unsigned reps)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    double least = step->ns[0], most = step->ns[0];
    if (!line)
        return -ENOMEM;
    for (unsigned i = 1; i < reps; i++) {
        least = step->ns[i] < least ? step->ns[i] : least;
        most = step->ns[i] > most ? step->ns[i] : most;
    }
    return bench_set(line, ELEMENTS, 0, (double)step->size) | bench_set(line, NS, 2, bench_median(step->ns, reps)) |
           bench_set(line, MIN, 2, least) | bench_set(line, MAX, 2, most) | bench_set(line, LAST_NS, 2, bench_median(step->last_ns, reps)) |
           bench_set(line, BYTES, 3, step->bytes) | bench_set(line, ATTACH_US, 1, bench_median(step->attach_us, reps)) |
           bench_set(line, REPS, 0, reps);
}

static int report(const struct step *steps, size_t count, unsigned reps, bool json)
{
    struct libscols_table *table = bench_table("growth", columns, json);
    int rc = table ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = add_line(table, &steps[i], reps);
    if (rc == 0)
        return bench_print(stdout, table, json);
    scols_unref_table(table);
    return rc;
}

/* Three rows of figures for each step, in one piece. */
static size_t lay_out(struct step *steps, double *room, uint64_t most, unsigned reps)
{
    size_t count = 0;
    for (uint64_t size = most < LEAST ? most : LEAST; size <= most && count < SIZES_MOST; size *= 10, room += 3 * reps)
        steps[count++] = (struct step){.size = size, .ns = room, .last_ns = room + reps, .attach_us = room + 2 * reps};
    return count;
}

int bench_growth(uint64_t most, unsigned reps, bool json)
{
    struct step steps[SIZES_MOST];
    struct figures *f = bench_map_shared(sizeof *f);
    double *room = calloc(3 * SIZES_MOST * (size_t)reps, sizeof *room);
    struct sigaction action = {.sa_handler = pass_on};
    int rc = f && room ? 0 : -ENOMEM;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (rc == 0) {
        size_t count = lay_out(steps, room, most, reps);
        rc = measure(steps, &count, reps, f);
        if (rc == 0)
            rc = report(steps, count, reps, json);
    }
    if (f)
        munmap(f, sizeof *f);
    free(room);
    return rc;
}
