/*
 * order.c - runs processes that do all operations at once on one vector, and checks the history that they leave: see order.h.
 *
 *   order [--ops N] [--procs N] [--seed N] [--mix NAME]
 *
 * Without arguments: LFVEC_ORDER_OPS, or 10 million operations, some mixes of them one after the other.
 * Built a second time against a library that can be broken (LFVEC_BREAKABLE, lib/breakage.h), it also takes --break N --within SECONDS,
 * and succeeds if the check catches the breakage in that time.
 */
#include "order.h"

#ifdef LFVEC_BREAKABLE
#include "../../lib/breakage.h"
int lfvec_break;
#else
static int lfvec_break;
#endif

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* clang-format off */
#define ORDER_ALL8 {[OP_PUSH] = 20, [OP_POP] = 20, [OP_SET] = 12, [OP_CLEAR] = 0, [OP_PUSH_N] = 3, [OP_POP_N] = 3, [OP_LEASE] = 4, [OP_CAS] = 4, [OP_ADD] = 4, \
                    [OP_GET] = 24, [OP_SNAPSHOT] = 4, [OP_SIZE] = 2}
#define ORDER_ALL {[OP_PUSH] = 22, [OP_POP] = 22, [OP_SET] = 16, [OP_PUSH_N] = 3, [OP_POP_N] = 3, [OP_LEASE] = 4, [OP_GET] = 26, [OP_SNAPSHOT] = 4, \
                   [OP_SIZE] = 2}
#define ORDER_TRIM {[OP_PUSH] = 200, [OP_POP] = 200, [OP_SET] = 100, [OP_CLEAR] = 2, [OP_PUSH_N] = 40, [OP_POP_N] = 40, [OP_LEASE] = 40, [OP_TRIM] = 2, \
                    [OP_GET] = 200, [OP_SNAPSHOT] = 20, [OP_SIZE] = 10}
/* without clear: it comes to its bound soon, and stays there */
#define ORDER_NARROW {[OP_PUSH] = 200, [OP_POP] = 200, [OP_SET] = 100, [OP_PUSH_N] = 40, [OP_POP_N] = 40, [OP_LEASE] = 40, [OP_TRIM] = 2, [OP_GET] = 200, \
                      [OP_SNAPSHOT] = 20, [OP_SIZE] = 10}

static const struct mix mixes[] = {
    /* name        elem  leaf target batch share stall_us most bytes */
    {"even",          8,  512,  2000,   20,   4,   0,  0,      0, ORDER_ALL8},
    {"stalled",       8,  512,   200,   20,   2,  50,  0,      0, ORDER_ALL8},
    {"empty",         8,   64,     1,    3,   3,  30,  0,      0, ORDER_ALL8},
    {"boundary",      8,   64,     8,    3,   3,  30,  0,      0, ORDER_ALL8},
    {"full",          8,   64,    20,   12,   4,  30, 20,      0, ORDER_ALL8},
    {"narrow",      200,  512, 10000,   40,   1,  30,  0, 700000, ORDER_NARROW},
    {"wide",          8,  512, 40000,  700,   1,   0,  0,      0, {[OP_PUSH] = 10, [OP_POP] = 10, [OP_SET] = 5, [OP_PUSH_N] = 4, [OP_POP_N] = 4,
                                                                   [OP_CAS] = 5, [OP_ADD] = 5, [OP_GET] = 20, [OP_SNAPSHOT] = 4, [OP_SIZE] = 1}},
    {"words",        24,  256,    30,    8,   3,  30,  0,      0, ORDER_ALL},
    {"words-empty",  24,   64,     1,    3,   2,  30,  0,      0, ORDER_ALL},
    {"large",       200,  512,    20,    4,   1,  30,  0,      0, ORDER_ALL},
    {"small",         4,   64,    40,    8,   1,  30,  0,      0, ORDER_ALL},
    {"bytes",         3,   64,    40,    8,   1,  30,  0,      0, ORDER_ALL},
    {"trim",         12,   64,   300,   40,   2,  30,  0,      0, ORDER_TRIM},
    {"readers",      24,  128,     4,    2,   2,  30,  0,      0, {[OP_PUSH] = 15, [OP_POP] = 15, [OP_SET] = 5, [OP_GET] = 50, [OP_SNAPSHOT] = 10}},
};
/* clang-format on */
#define MIXES (sizeof mixes / sizeof mixes[0])

struct options {
    uint64_t ops, seed;
    uint32_t procs, within, limit; /* limit: seconds after which a worker that has not ended is one that never does */
    const char *mix;
};

enum { SPOILT_OPS = 100000, ENOUGH_FOR_A_BOUND = 2000 };

static uint32_t passed, failed;
static struct {
    uint64_t ops, versions;
    double checking;
} sum;

static bool verdict(bool good, const struct run *run, const char *what)
{
    printf("%s - %s: %s\n", good ? "ok" : "not ok", run->mix->name, what);
    passed += good;
    failed += !good;
    return good;
}

static void verdict_on_check(bool good, const char *what)
{
    static const struct mix the_check = {.name = "the check"};
    const struct run run = {.mix = &the_check};
    (void)verdict(good, &run, what);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- a run ----------------------------------------------------------------------------------------------------------------------------- */

static void *map_shared(uint64_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        perror("order: mmap of a log");
        exit(1);
    }
    return at;
}

static lfvec_t *create(const struct run *run)
{
    struct lfvec_attr attr;
    lfvec_attr_init(&attr);
    attr.elem_size = run->mix->elem_size;
    attr.leaf_bytes = run->mix->leaf_bytes;
    attr.max_slots = run->procs + 1;
    if (run->mix->most)
        attr.max_elems = run->mix->most;
    attr.slab_bytes = run->mix->bytes ? 65536 : attr.slab_bytes;
    attr.max_bytes = run->mix->bytes ? run->mix->bytes
                                     : UINT64_C(1) << 32; /* user-mode emulation keeps a table of all pages that are mapped, used or not */
    lfvec_unlink(run->name);
    return lfvec_open(run->name, LFVEC_CREATE | LFVEC_EXCL, &attr);
}

/* Reports how the workers ended; with `what` as the room for a sentence on the first that did not end well. */
static bool wait_for_workers(const struct run *run, const pid_t *pid, char *what, size_t room)
{
    bool good = true;
    for (uint32_t p = 0; p < run->procs; p++) {
        int status;
        while (waitpid(pid[p], &status, 0) < 0 && errno == EINTR)
            ;
        const int err = atomic_load(&run->shared->worker[p].err);
        if (good && WIFSIGNALED(status))
            snprintf(what, room, "process %u was killed by signal %d (%s)", p, WTERMSIG(status), strsignal(WTERMSIG(status)));
        else if (good && err)
            snprintf(what, room, "process %u: %s returned %s", p, op_name((uint8_t)atomic_load(&run->shared->worker[p].err_op)),
                     strerror(-err));
        else if (good && WEXITSTATUS(status))
            snprintf(what, room, "process %u could not attach or detach", p);
        good = good && !err && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return good;
}

static void start_workers(const struct run *run, pid_t *pid, uint32_t limit)
{
    fflush(stdout);
    for (uint32_t p = 0; p < run->procs; p++) {
        pid[p] = fork();
        if (pid[p] < 0) {
            perror("order: fork");
            lfvec_unlink(run->name);
            while (p--)
                kill(pid[p], SIGKILL);
            exit(1);
        }
        if (pid[p] == 0) {
            alarm(limit);
            order_work(run, p);
        }
    }
    while (atomic_load(&run->shared->ready) < run->procs)
        sched_yield();
    atomic_store(&run->shared->go, 1);
}

static bool judge_history(struct run *run, lfvec_t *v)
{
    struct lfvec_stat stat;
    struct lfvec_audit audit;
    struct history h;
    if (!verdict(lfvec_stat(v, &stat) == 0, run, "the segment can be read"))
        return false;
    bool good = verdict(history_load(&h, run, stat.version), run, "versions are unique and gapless");
    if (good) {
        good = verdict(history_replay(&h), run, "in version order every operation saw what it said");
        good &= verdict(history_times(&h), run, "version order keeps real-time order");
        good &= verdict(history_end(&h, v), run, "the vector ends as the replay does");
    }
    history_free(&h);
    const bool sound = lfvec_check(v, &audit) == 0;
    if (!sound)
        printf("  %s\n", audit.message);
    good &= verdict(sound, run, "the audit finds nothing");
    if (run->spoil && good) {
        run->quiet = true;
        order_spoil(run, stat.version, verdict_on_check);
    }
    return good;
}

static bool work_and_judge(struct run *run, lfvec_t *v, uint32_t limit)
{
    pid_t pid[PROCS_MOST];
    char what[160] = "every process ended well";
    struct lfvec_stat stat = {0};
    uint64_t ops = 0, refused = 0;
    const double t0 = seconds();
    start_workers(run, pid, limit);
    bool good = wait_for_workers(run, pid, what, sizeof what);
    const double t1 = seconds();
    verdict(good, run, what);
    (void)lfvec_stat(v, &stat);
    for (uint32_t p = 0; p < run->procs; p++) {
        ops += run->count[p] = atomic_load(&run->shared->worker[p].count);
        refused += atomic_load(&run->shared->worker[p].refused);
    }
    if (good) /* otherwise the log may lack what somebody was at */
        good = judge_history(run, v);
    if (run->per_proc >= ENOUGH_FOR_A_BOUND && (run->mix->most || run->mix->bytes))
        good &= verdict(refused != 0, run, "its bound was met");
    sum.ops += ops;
    sum.versions += stat.version;
    sum.checking += seconds() - t1;
    printf("# %s: seed %" PRIu64 ", %u processes, %u-byte elements, %" PRIu64 " operations in %.2f s, %" PRIu64 " versions, %" PRIu64
           " refused, %" PRIu64 " lost attempts, %" PRIu64 " helps, checked in %.2f s\n",
           run->mix->name, run->seed, run->procs, run->mix->elem_size, ops, t1 - t0, stat.version, refused, stat.cas_retries, stat.helps,
           seconds() - t1);
    return good;
}

static bool run_mix(const struct mix *mix, const struct options *o, uint64_t ops, uint64_t seed, bool spoil)
{
    struct run run = {.mix = mix, .procs = o->procs, .per_proc = ops / o->procs + 1, .seed = seed, .spoil = spoil};
    const uint64_t log_bytes = run.per_proc * sizeof(struct record);
    snprintf(run.name, sizeof run.name, "/lfvec-test-%d-order", (int)getpid());
    run.shared = map_shared(sizeof *run.shared);
    for (uint32_t p = 0; p < run.procs; p++)
        run.log[p] = map_shared(log_bytes);
    lfvec_t *v = create(&run);
    bool good = verdict(v != NULL, &run, v ? "created" : lfvec_last_error());
    if (v) {
        good = work_and_judge(&run, v, o->limit);
        lfvec_detach(v);
    }
    lfvec_unlink(run.name);
    for (uint32_t p = 0; p < run.procs; p++)
        munmap(run.log[p], log_bytes);
    munmap(run.shared, sizeof *run.shared);
    return good;
}

/* ---- a program run --------------------------------------------------------------------------------------------------------------------- */

static bool wanted(const struct options *o, const struct mix *mix)
{
    return !o->mix || strcmp(o->mix, mix->name) == 0;
}

static int run_all(const struct options *o)
{
    uint64_t shares = 0;
    for (size_t i = 0; i < MIXES; i++)
        shares += wanted(o, &mixes[i]) ? mixes[i].share : 0;
    if (!shares) {
        fprintf(stderr, "order: no mix %s\n", o->mix);
        return 2;
    }
    for (size_t i = 0; i < MIXES; i++)
        if (wanted(o, &mixes[i]))
            run_mix(&mixes[i], o, o->ops * mixes[i].share / shares, o->seed + i, false);
    if (!o->mix)
        run_mix(&mixes[0], o, SPOILT_OPS, o->seed + MIXES, true);
    printf("order: %" PRIu64 " operations by %u processes, %" PRIu64 " versions, checked in %.1f s, %u faults\n", sum.ops, o->procs,
           sum.versions, sum.checking, failed);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed ? 1 : 0;
}

/* Small runs, one after the other, until one fails or the time is over. */
static int run_until_caught(const struct options *o)
{
    const double start = seconds();
    uint64_t ops = 0;
    for (uint64_t round = 0; seconds() - start < o->within; round++)
        for (size_t i = 0; i < MIXES; i++) {
            if (!wanted(o, &mixes[i]) || (!o->mix && !mixes[i].stall_us))
                continue;
            ops += o->ops;
            if (!run_mix(&mixes[i], o, o->ops, o->seed + round * MIXES + i, false)) {
                printf("caught %d by %s after %.1f s, %" PRIu64 " operations\n", lfvec_break, mixes[i].name, seconds() - start, ops);
                return 0;
            }
        }
    printf("not caught in %.1f s, %" PRIu64 " operations: %d\n", seconds() - start, ops, lfvec_break);
    return 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: order [--ops N] [--procs 1..%d] [--seed N] [--mix NAME]\nmixes:", PROCS_MOST);
    for (size_t i = 0; i < MIXES; i++)
        fprintf(stderr, " %s", mixes[i].name);
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"ops", 1, NULL, 'o'}, {"procs", 1, NULL, 'p'}, {"seed", 1, NULL, 's'},
                                            {"mix", 1, NULL, 'm'}, {"break", 1, NULL, 'b'}, {"within", 1, NULL, 'w'},
                                            {NULL, 0, NULL, 0}};
    const char *given = getenv("LFVEC_ORDER_OPS");
    struct options o = {.ops = given ? strtoull(given, NULL, 10) : 10000000, .seed = (uint64_t)time(NULL), .procs = 4, .limit = 600};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'm':
            o.mix = optarg;
            break;
        case 'o':
            o.ops = strtoull(optarg, NULL, 10);
            break;
        case 'p':
            o.procs = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 's':
            o.seed = strtoull(optarg, NULL, 10);
            break;
        case 'b':
            lfvec_break = atoi(optarg);
            break;
        case 'w':
            o.within = (uint32_t)strtoul(optarg, NULL, 10);
            o.limit = 10;
            break;
        default:
            return usage();
        }
    }
    if (optind < argc || !o.procs || o.procs > PROCS_MOST || o.ops > UINT32_MAX / 2)
        return usage();
    return o.within ? run_until_caught(&o) : run_all(&o);
}
