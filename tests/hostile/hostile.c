/*
 * hostile.c - usage: hostile [--seconds S] [--rounds N] [--seed N] [--variant N]
 *
 * A round: a new segment with some elements in it; WORKERS processes that do every public operation; one that changes it meanwhile, as many
 * changes as the variant has, spread over their operations; then one more process that looks at, recovers and uses what is left. Every
 * process must end by itself. A call that does not return uses up CPU_MOST seconds of CPU time, and its process ends with SIGXCPU; no time
 * is asserted otherwise.
 */
#include "hostile.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CPU_MOST = 40, OPERATIONS_MOST = 2500, REFUSAL_COST = 12, FLIPS_LEAST = 40, FLIPS_MOST = 400, BAD_MOST = 10 };

static const struct variant variants[] = {
    {"everything, for good", {1, 3, 6, 4, 4, 4, 2, 2}, false, false, false},
    {"everything, and put right again", {1, 4, 6, 4, 4, 4, 2, 2}, true, false, false},
    {"the head and the extents", {0, 1, 0, 0, 0, 0, 0, 0}, true, false, false},
    {"the slots and their life marks", {0, 0, 2, 0, 0, 0, 0, 1}, false, false, false},
    {"the slab table and the directory", {0, 0, 0, 1, 1, 0, 0, 0}, true, false, false},
    {"the bitmaps and marks of the leaves", {0, 0, 0, 0, 0, 1, 0, 0}, false, false, false},
    {"everything, while processes come and go", {2, 3, 6, 4, 4, 4, 1, 6}, true, false, true},
    {"everything, at rest", {0, 2, 10, 3, 3, 3, 1, 12}, false, true, true},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static struct {
    double seconds;
    uint64_t rounds, seed;
    int64_t variant;
} options = {.seconds = 20, .rounds = UINT64_MAX, .variant = -1};

/* ---- in the children ------------------------------------------------------------------------------------------------------------------- */

static struct hand hand_new(const struct round *r, uint32_t me)
{
    struct hand h = {.board = r->board, .me = me, .rng = {r->seed + me * UINT64_C(0x632be59bd9b4e019)}};
    h.room = calloc(SOME, ELEM_MOST);
    if (!h.room)
        _exit(4);
    return h;
}

static void hand_close(struct hand *h)
{
    if (lfvec_detach(h->v) != 0)
        _exit(3);
    h->v = NULL;
}

/* Worker 0 stays attached, 1 comes and goes in some variants, 2 looks on, read-only, half of the time. Each has so many operations. */
static void work(const struct round *r, uint32_t me)
{
    struct hand h = hand_new(r, me);
    const bool comes_and_goes = me && r->variant->come_and_go;
    uint32_t left = OPERATIONS_MOST, opened = 0;
    while (left) {
        const uint32_t stay = comes_and_goes ? left / 8 + 1 : left;
        const bool looks_on = me == 2 && (comes_and_goes ? opened % 2 : r->number % 2);
        opened++;
        if (!hand_open(&h, r->name, looks_on ? LFVEC_RDONLY : 0)) {
            left -= left > REFUSAL_COST ? REFUSAL_COST : left;
            continue;
        }
        for (uint32_t until = left - stay; left > until;) {
            const int64_t result = hand_operate(&h);
            const uint32_t cost = result == -EBADMSG || result == -EUSERS ? REFUSAL_COST : 1; /* it may have been tried 10,000 times */
            left -= left > cost ? cost : left;
        }
        if (me == 0 && r->number % 4 == 1)
            (void)raise(SIGKILL); /* a dead one's slot, for the others to recover */
        hand_close(&h);
    }
    free(h.room);
}

static void aftermath(const struct round *r)
{
    struct hand h = hand_new(r, WORKERS);
    for (int times = 0; times < 2; times++) {
        if (hand_open(&h, r->name, LFVEC_RDONLY)) {
            hand_everything(&h);
            hand_close(&h);
        }
        if (hand_open(&h, r->name, 0)) {
            hand_everything(&h);
            hand_close(&h);
        }
        if (hand_open(&h, r->name, 0)) {
            hand_recover_forced(&h);
            hand_close(&h);
        }
    }
    free(h.room);
}

/* Changes go on as the workers do, evenly spread over what they have to do. */
static void spoil(const struct round *r, struct spoiler *s, uint32_t flips)
{
    const uint64_t each = WORKERS * OPERATIONS_MOST / 2 / flips + 1;
    for (uint32_t i = 0; i < flips; i++) {
        while (atomic_load(&r->board->progress) < i * each && atomic_load(&r->board->working))
            sched_yield();
        spoiler_flip(s);
        atomic_fetch_add(&r->board->flips, 1);
    }
}

/* ---- children -------------------------------------------------------------------------------------------------------------------------- */

static pid_t begin(void)
{
    fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0) {
        perror("hostile: fork");
        exit(2);
    }
    if (pid == 0) {
        const struct rlimit cpu = {.rlim_cur = CPU_MOST, .rlim_max = RLIM_INFINITY}, none = {0, 0};
        (void)setrlimit(RLIMIT_CPU, &cpu);
        (void)setrlimit(RLIMIT_CORE, &none);
    }
    return pid;
}

static bool ended_well(const struct round *r, pid_t pid, uint32_t who, bool may_be_killed)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    if (status == 0 || (may_be_killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
        return true;
    printf("# round %llu of seed %llu, %s: process %u ended with %s %d in or after %s\n", (unsigned long long)r->number,
           (unsigned long long)options.seed, r->variant->name, who, WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), operation_name(atomic_load(&r->board->at[who])));
    fflush(stdout);
    return false;
}

/* ---- rounds ---------------------------------------------------------------------------------------------------------------------------- */

static void choose_attr(struct round *r, struct rng *rng)
{
    static const uint32_t sizes[] = {8, 8, 8, 24, 3000, 1};
    lfvec_attr_init(&r->attr);
    r->attr.elem_size = sizes[rng_below(rng, sizeof sizes / sizeof *sizes)];
    r->attr.leaf_bytes = rng_below(rng, 2) ? 64 : 512;
    r->attr.slab_bytes = 65536;
    r->attr.max_slots = 2 + (uint32_t)rng_below(rng, 4);
    r->attr.max_elems = 100000;
    r->attr.max_bytes = 8 << 20;
}

/* Some elements, and at rest a slot whose holder died with a lease, too. */
static bool make(const struct round *r)
{
    const pid_t pid = begin();
    if (pid == 0) {
        struct hand h = hand_new(r, WORKERS);
        h.v = lfvec_open(r->name, LFVEC_CREATE | LFVEC_EXCL, &r->attr);
        if (!h.v) {
            printf("# %s\n", lfvec_last_error());
            fflush(stdout);
            _exit(5);
        }
        h.elem_size = lfvec_elem_size(h.v);
        for (int i = 0; i < 10; i++)
            (void)lfvec_push_n(h.v, h.room, SOME, NULL);
        hand_everything(&h);
        if (r->variant->at_rest) {
            (void)lfvec_pop_lease(h.v, h.room);
            (void)raise(SIGKILL);
        }
        hand_close(&h);
        free(h.room);
        exit(0);
    }
    return ended_well(r, pid, WORKERS, r->variant->at_rest);
}

static bool run_workers(const struct round *r, struct spoiler *s, uint32_t flips)
{
    pid_t pid[WORKERS], spoils = 0;
    bool well = true;
    atomic_store(&r->board->progress, 0);
    atomic_store(&r->board->working, WORKERS);
    for (uint32_t i = 0; i < WORKERS; i++)
        if ((pid[i] = begin()) == 0) {
            work(r, i);
            exit(0);
        }
    if (!r->variant->at_rest && (spoils = begin()) == 0) {
        spoil(r, s, flips);
        exit(0);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        well &= ended_well(r, pid[i], i, i == 0 && r->number % 4 == 1);
        atomic_fetch_sub(&r->board->working, 1);
    }
    return well & (!spoils || ended_well(r, spoils, WORKERS, false));
}

static bool run_round(struct round *r)
{
    struct rng rng = {options.seed + r->number * UINT64_C(0xd1342543de82ef95)};
    choose_attr(r, &rng);
    r->seed = rng_next(&rng);
    const uint32_t flips = FLIPS_LEAST + (uint32_t)rng_below(&rng, FLIPS_MOST - FLIPS_LEAST);
    if (!make(r))
        return false;
    struct spoiler *s = spoiler_new(r->name, r->variant, rng_next(&rng));
    for (uint32_t i = 0; r->variant->at_rest && i < flips / 8; i++) {
        spoiler_flip(s);
        atomic_fetch_add(&r->board->flips, 1);
    }
    bool well = run_workers(r, s, flips);
    spoiler_free(s);
    const pid_t last = begin();
    if (last == 0) {
        aftermath(r);
        exit(0);
    }
    well &= ended_well(r, last, WORKERS, false);
    if (lfvec_unlink(r->name) == 0)
        return well;
    printf("# round %llu of seed %llu: %s\n", (unsigned long long)r->number, (unsigned long long)options.seed, lfvec_last_error());
    return false;
}

/* ---- the program ----------------------------------------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void usage(void)
{
    fprintf(stderr, "usage: hostile [--seconds S] [--rounds N] [--seed N] [--variant 0..%d]\n", VARIANTS - 1);
    exit(2);
}

static void take_options(int argc, char **argv)
{
    options.seed = (uint64_t)time(NULL);
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            usage();
        if (!strcmp(argv[i], "--seconds"))
            options.seconds = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--rounds"))
            options.rounds = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--seed"))
            options.seed = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--variant") && strtoll(argv[i + 1], NULL, 0) < VARIANTS)
            options.variant = strtoll(argv[i + 1], NULL, 0);
        else
            usage();
    }
}

static int report(const struct board *b, const uint64_t *rounds, const uint64_t *bad)
{
    int passed = 0, failed = 0, skipped = 0;
    for (int i = 0; i < VARIANTS; i++) {
        const char *verdict = bad[i] ? "not ok" : rounds[i] ? "ok" : "skip";
        printf("%s - damage to %s: %llu rounds, %llu of them bad\n", verdict, variants[i].name, (unsigned long long)rounds[i],
               (unsigned long long)bad[i]);
        passed += !bad[i] && rounds[i];
        failed += bad[i] != 0;
        skipped += !rounds[i];
    }
    printf("hostile: seed %llu, %llu flips, %llu operations beside them, %llu times -EBADMSG, %d faults\n",
           (unsigned long long)options.seed, (unsigned long long)atomic_load(&b->flips), (unsigned long long)atomic_load(&b->operations),
           (unsigned long long)atomic_load(&b->refused), failed);
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed ? 1 : passed ? 0 : 77;
}

int main(int argc, char **argv)
{
    uint64_t rounds[VARIANTS] = {0}, bad[VARIANTS] = {0}, all_bad = 0;
    char name[64];
    take_options(argc, argv);
    printf("hostile: --seed %llu\n", (unsigned long long)options.seed);
    struct board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED) {
        perror("hostile");
        return 2;
    }
    snprintf(name, sizeof name, "/lfvec-test-%ld-hostile", (long)getpid());
    const double end = now() + options.seconds;
    for (uint64_t n = 0; n < options.rounds && now() < end && all_bad < BAD_MOST; n++) {
        const int64_t v = options.variant < 0 ? (int64_t)(n % VARIANTS) : options.variant;
        struct round r = {.board = b, .variant = &variants[v], .name = name, .number = n};
        rounds[v]++;
        if (!run_round(&r)) {
            bad[v]++;
            all_bad++;
        }
        (void)lfvec_unlink(name);
    }
    return report(b, rounds, bad);
}
