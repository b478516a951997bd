/*
 * bench.c - lfvec-bench: measures lfvec beside its peers in one run. This file owns the command line and the order of rounds.
 *
 * For each mix and number of workers, repetition after repetition, every peer has its round: A B C, A B C, ... So whatever else goes on
 * in the machine falls on all of them alike. Exit status: 0 measured, 1 a round failed or its result was wrong, 2 usage.
 */
#include "bench.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct plan {
    const struct bench_peer *peer[PEERS_MOST];
    enum bench_mix mix[MIXES];
    unsigned workers[CASES_MOST];
    size_t peers, mixes, sizes;
    uint64_t ops, wake;
    unsigned reps;
    bool threads, warm, json;
    struct bench_figures *figures;
    size_t rows, rounds_done, rounds;
    double hop_least, hop_most;
};

static const char help_text[] =
    "usage: " PROGRAM " [OPTION]...\n"
    "Measures lfvec beside its peers, interleaved, and verifies count and sum of the elements after every round.\n\n"
    "  -p, --peers LIST    of the peers below (default: all that are built)\n"
    "  -m, --mixes LIST    push,pop,mixed,read,mixed64,push_n,pop_n,get_n,snapshot (default: all)\n"
    "  -w, --workers LIST  numbers of workers (default 1,2,4)\n"
    "  -n, --ops N         operations of each worker (default 1000000)\n"
    "  -r, --reps R        rounds of each peer (default 5)\n"
    "  -t, --threads       workers are threads; default: processes\n"
    "      --warm          push: into memory used before; default: into memory never touched, for all peers\n"
    "      --wake N        instead: N times from a push to the return of the pop that waits for it, in another process\n"
    "  -j, --json          an array of objects: peer, mix, workers, kind, mops, ns, min, max, reps, hop_ns\n"
    "  -h, --help          this text\n\n"
    "push fills an empty structure, pop empties a full one, mixed alternates push and pop on 1000 elements, read is 90% get, 5% push and "
    "5% pop\n"
    "on 1000 elements, mixed64 is mixed with records of 64 bytes. push_n, pop_n, get_n, snapshot take 1024 elements at a time, and count "
    "elements.\n"
    "mops: million operations a second of all workers together, until the "
    "slowest\n"
    "is done; ns: nanoseconds an operation as one worker sees it; both of the median round. min, max: mops of the worst and the best "
    "round.\n"
    "hop_ns: what handing one cache line from core to core cost beside these rounds.\n\npeers:\n";

/* ---- command line ---- */

static void help(void)
{
    size_t count;
    const struct bench_known *known = bench_peers(&count);
    fputs(help_text, stdout);
    for (size_t i = 0; i < count; i++)
        printf("  %-10s %s%s\n", known[i].name, known[i].peer ? known[i].peer->what : "not built: ", known[i].peer ? "" : known[i].needs);
}

static int take_number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < 1 || value > most) {
        bench_complain("'%s' is not a number from 1 to %llu", text, (unsigned long long)most);
        return -1;
    }
    *out = value;
    return 0;
}

static int take_peer(struct plan *plan, const char *name)
{
    size_t count;
    const struct bench_known *known = bench_peers(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        if (known[i].peer && plan->peers < PEERS_MOST) {
            plan->peer[plan->peers++] = known[i].peer;
            return 0;
        }
        bench_complain("%s is not in this build: %s", name, known[i].needs ? known[i].needs : "too many peers");
        return -1;
    }
    bench_complain("no peer '%s'; " PROGRAM " --help lists them", name);
    return -1;
}

static int take_mix(struct plan *plan, const char *name)
{
    for (int mix = 0; mix < MIXES; mix++) {
        if (strcmp(bench_mix_name[mix], name) != 0 || plan->mixes == MIXES)
            continue;
        plan->mix[plan->mixes++] = (enum bench_mix)mix;
        return 0;
    }
    bench_complain("no mix '%s'; there are push, pop, mixed, read, mixed64, push_n, pop_n, get_n, snapshot", name);
    return -1;
}

static int take_workers(struct plan *plan, const char *text)
{
    uint64_t workers;
    if (take_number(text, WORKERS_MOST, &workers) != 0)
        return -1;
    if (plan->sizes == CASES_MOST) {
        bench_complain("at most %d numbers of workers", CASES_MOST);
        return -1;
    }
    plan->workers[plan->sizes++] = (unsigned)workers;
    return 0;
}

static int take_list(struct plan *plan, char *list, int (*take)(struct plan *, const char *))
{
    for (char *item; (item = strsep(&list, ","));)
        if (take(plan, item) != 0)
            return -1;
    return 0;
}

static int take_reps(struct plan *plan, const char *text)
{
    uint64_t reps;
    if (take_number(text, 1000, &reps) != 0)
        return -1;
    plan->reps = (unsigned)reps;
    return 0;
}

enum { OPT_WARM = 256, OPT_WAKE };

static const struct option long_options[] = {
    {"peers", required_argument, NULL, 'p'},
    {"mixes", required_argument, NULL, 'm'},
    {"workers", required_argument, NULL, 'w'},
    {"ops", required_argument, NULL, 'n'},
    {"reps", required_argument, NULL, 'r'},
    {"threads", no_argument, NULL, 't'},
    {"wake", required_argument, NULL, OPT_WAKE},
    {"warm", no_argument, NULL, OPT_WARM},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int take_option(struct plan *plan, int key)
{
    switch (key) {
    case 'p':
        return take_list(plan, optarg, take_peer);
    case 'm':
        return take_list(plan, optarg, take_mix);
    case 'w':
        return take_list(plan, optarg, take_workers);
    case 'n':
        return take_number(optarg, UINT64_C(1) << 30, &plan->ops);
    case 'r':
        return take_reps(plan, optarg);
    case 't':
        plan->threads = true;
        return 0;
    case OPT_WARM:
        plan->warm = true;
        return 0;
    case OPT_WAKE:
        return take_number(optarg, 1000000, &plan->wake);
    case 'j':
        plan->json = true;
        return 0;
    case 'h':
        help();
        exit(0);
    default:
        fputs("Try '" PROGRAM " --help'.\n", stderr);
        return -1;
    }
}

/* What was not asked for is taken whole. */
static void take_defaults(struct plan *plan)
{
    size_t count;
    const struct bench_known *known = bench_peers(&count);
    for (size_t i = 0, none = plan->peers == 0; none && i < count; i++)
        if (known[i].peer && (plan->threads ? known[i].peer->threads : known[i].peer->processes))
            plan->peer[plan->peers++] = known[i].peer;
    for (int mix = 0, none = plan->mixes == 0; none && mix < MIXES; mix++)
        plan->mix[plan->mixes++] = (enum bench_mix)mix;
    if (plan->sizes == 0) {
        plan->workers[0] = 1;
        plan->workers[1] = 2;
        plan->workers[2] = 4;
        plan->sizes = 3;
    }
    plan->ops += plan->ops % 2;
}

static void take_options(struct plan *plan, int argc, char **argv)
{
    int key;
    while ((key = getopt_long(argc, argv, "p:m:w:n:r:tjh", long_options, NULL)) != -1)
        if (take_option(plan, key) != 0)
            exit(2);
    if (optind < argc) {
        bench_complain("'%s': no operand is expected", argv[optind]);
        exit(2);
    }
    take_defaults(plan);
    for (size_t i = 0; i < plan->peers; i++)
        if (!(plan->threads ? plan->peer[i]->threads : plan->peer[i]->processes)) {
            bench_complain("%s cannot be used by %s", plan->peer[i]->name, plan->threads ? "threads" : "processes");
            exit(2);
        }
}

/* ---- rounds ---- */

static void show_progress(const struct plan *plan, const struct bench_figures *f)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%3zu%% %s, %u workers, %s", 100 * plan->rounds_done / plan->rounds, bench_mix_name[f->what.mix],
                f->what.workers, f->peer->name);
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static double probe(struct plan *plan)
{
    double hop = bench_hop();
    if (hop > 0 && (plan->hop_least <= 0 || hop < plan->hop_least))
        plan->hop_least = hop;
    if (hop > plan->hop_most)
        plan->hop_most = hop;
    return hop;
}

/* All rounds of one mix and number of workers: `count` rows of figures, one for each peer. */
static int measure_rows(struct plan *plan, struct bench_figures *row, size_t count)
{
    unsigned probes = 0;
    double *hops = calloc(2 * plan->reps, sizeof *hops);
    if (!hops)
        return -1;
    for (unsigned rep = 0; rep < plan->reps; rep++) {
        hops[probes++] = probe(plan);
        for (size_t i = 0; i < count; i++, plan->rounds_done++) {
            show_progress(plan, &row[i]);
            if (bench_run(row[i].peer, &row[i].what, &row[i].seconds[rep]) != 0) {
                free(hops);
                return -1;
            }
        }
        hops[probes++] = probe(plan);
    }
    for (size_t i = 0; i < count; i++)
        row[i].hop_ns = bench_median(hops, probes);
    free(hops);
    return 0;
}

/* Lists the rows of one mix and number of workers: the peers that offer the mix. */
static int add_rows(struct plan *plan, enum bench_mix mix, unsigned workers)
{
    for (size_t p = 0; p < plan->peers; p++) {
        struct bench_figures *f = &plan->figures[plan->rows];
        if (!bench_loop_of(plan->peer[p], mix))
            continue;
        f->peer = plan->peer[p];
        f->what = (struct bench_case){.mix = mix, .workers = workers, .ops = plan->ops, .threads = plan->threads, .warm = plan->warm};
        f->reps = plan->reps;
        f->seconds = calloc(plan->reps, sizeof *f->seconds);
        if (!f->seconds)
            return -1;
        plan->rows++;
    }
    return 0;
}

static int lay_out(struct plan *plan)
{
    plan->figures = calloc(plan->peers * plan->mixes * plan->sizes, sizeof *plan->figures);
    if (!plan->figures)
        return -1;
    for (size_t m = 0; m < plan->mixes; m++)
        for (size_t s = 0; s < plan->sizes; s++)
            if (add_rows(plan, plan->mix[m], plan->workers[s]) != 0)
                return -1;
    plan->rounds = plan->rows * plan->reps;
    return 0;
}

static bool same_case(const struct bench_figures *a, const struct bench_figures *b)
{
    return a->what.mix == b->what.mix && a->what.workers == b->what.workers;
}

static int measure(struct plan *plan)
{
    for (size_t first = 0, next; first < plan->rows; first = next) {
        for (next = first + 1; next < plan->rows && same_case(&plan->figures[first], &plan->figures[next]);)
            next++;
        if (measure_rows(plan, &plan->figures[first], next - first) != 0)
            return -1;
    }
    clear_progress();
    return 0;
}

static void print_conditions(const struct plan *plan)
{
    printf("%u CPUs, workers are %s, %llu operations each, %u interleaved rounds, push into %s memory\n", bench_cpu_count(),
           plan->threads ? "threads" : "processes", (unsigned long long)plan->ops, plan->reps, plan->warm ? "used" : "untouched");
    if (plan->hop_most > 0)
        printf("a cache line took %.0f to %.0f ns from core to core\n", plan->hop_least, plan->hop_most);
}

int main(int argc, char **argv)
{
    struct plan plan = {.ops = 1000000, .reps = 5};
    bench_cpus();
    take_options(&plan, argc, argv);
    if (plan.wake)
        return bench_wake((unsigned)plan.wake, plan.json) == 0 ? 0 : 1;
    int rc = lay_out(&plan);
    if (rc == 0)
        rc = measure(&plan);
    if (rc == 0 && !plan.json)
        print_conditions(&plan);
    if (rc == 0)
        rc = bench_report(plan.figures, plan.rows, plan.json);
    for (size_t i = 0; i < plan.rows; i++)
        free(plan.figures[i].seconds);
    free(plan.figures);
    return rc == 0 ? 0 : 1;
}
