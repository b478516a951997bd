/*
 * bench_plan.c - owns the command line. A name that nobody knows is a mistake; a peer that is known and not there is left out, and named.
 */
#include "bench_plan.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
    "usage: " PROGRAM " [OPTION]...\n"
    "Measures lfvec beside its peers, interleaved, and verifies count and sum of the elements after every round.\n\n"
    "  -p, --peers LIST    of the peers below (default: all that are built)\n"
    "  -m, --mixes LIST    push,pop,mixed,read,mixed64,mixed1024,push_n,pop_n,get_n,snapshot (default: all);\n"
    "                      batch: push_n,pop_n,get_n\n"
    "  -w, --workers LIST  numbers of workers (default 1,2,4)\n"
    "  -n, --ops N         operations of each worker (default 1000000)\n"
    "  -r, --reps R        rounds of each peer (default 5)\n"
    "  -t, --threads       workers are threads; default: processes\n"
    "      --warm          push: into memory used before; default: into memory never touched, for all peers\n"
    "      --leaf BYTES    lfvec: leaves of so many bytes, 64 to 65536, a power of two; default: the library's\n"
    "      --fairness S    instead: for S seconds, what the slowest worker gets beside the fastest, and the tail of the latency\n"
    "      --growth N      instead: lfvec from 10^4 elements up to N: cost of a push, bytes of an element, time to attach\n"
    "      --wake N        instead: N times from a push to the return of the pop that waits for it, in another process\n"
    "  -j, --json[=FILE]   an array of objects: peer, mix, workers, kind, mops, ns, min, max, reps, ops, hop_ns, ratio;\n"
    "                      with FILE: there, and the table as well\n"
    "      --plot FILE     of the rounds, an SVG; needs gnuplot\n"
    "  -h, --help          this text\n\n"
    "push fills an empty structure, pop empties a full one, mixed alternates push and pop on 1000 elements, read is 90% get, 5% push and "
    "5%\n"
    "pop on 1000 elements, mixed64 and mixed1024 are mixed with records of that many bytes. push_n, pop_n, get_n, snapshot take 1024\n"
    "elements at a time, and count elements.\n"
    "mops: million operations a second of all workers together, until the slowest is done; ns: nanoseconds an operation as one worker "
    "sees\n"
    "it; both of the median round. min, max: mops of the worst and the best round. hop_ns: what handing one cache line from core to core "
    "cost\n"
    "beside these rounds. ratio: of lfvec's mops to the peer's, between rounds of like hop.\n\npeers:\n";

static void help(void)
{
    size_t count;
    const struct bench_known *known = bench_peers(&count);
    fputs(help_text, stdout);
    for (size_t i = 0; i < count; i++)
        printf("  %-10s %s%s\n", known[i].name, known[i].peer ? known[i].peer->what : "not built: ", known[i].peer ? "" : known[i].needs);
}

/* ---- lists ---- */

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

/* Whether it is left out for what it is; why is said. */
static bool left_out(const struct bench_plan *plan, const struct bench_known *known)
{
    if (!known->peer)
        bench_complain("%s: left out, not built: %s", known->name, known->needs);
    else if (plan->threads ? !known->peer->threads : !known->peer->processes)
        bench_complain("%s: left out: not for %s", known->name, plan->threads ? "threads" : "processes");
    else
        return false;
    return true;
}

static void add_peer(struct bench_plan *plan, const struct bench_known *known)
{
    for (size_t i = 0; i < plan->peers; i++)
        if (plan->peer[i] == known->peer)
            return;
    if (plan->peers < PEERS_MOST && !left_out(plan, known))
        plan->peer[plan->peers++] = known->peer;
}

static int take_peer(struct bench_plan *plan, const char *name)
{
    size_t count;
    const struct bench_known *known = bench_peers(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(known[i].name, name) == 0) {
            add_peer(plan, &known[i]);
            return 0;
        }
    bench_complain("no peer '%s'; " PROGRAM " --help lists them", name);
    return -1;
}

static void add_mix(struct bench_plan *plan, enum bench_mix mix)
{
    for (size_t i = 0; i < plan->mixes; i++)
        if (plan->mix[i] == mix)
            return;
    plan->mix[plan->mixes++] = mix;
}

static int take_mix(struct bench_plan *plan, const char *name)
{
    if (strcmp(name, "batch") == 0) {
        add_mix(plan, MIX_PUSH_N);
        add_mix(plan, MIX_POP_N);
        add_mix(plan, MIX_GET_N);
        return 0;
    }
    for (int mix = 0; mix < MIXES; mix++)
        if (strcmp(bench_mix_name[mix], name) == 0) {
            add_mix(plan, (enum bench_mix)mix);
            return 0;
        }
    bench_complain("no mix '%s'; " PROGRAM " --help lists them", name);
    return -1;
}

static int take_workers(struct bench_plan *plan, const char *text)
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

static int take_list(struct bench_plan *plan, char *list, int (*take)(struct bench_plan *, const char *))
{
    for (char *item; (item = strsep(&list, ","));)
        if (take(plan, item) != 0)
            return -1;
    return 0;
}

static int take_reps(struct bench_plan *plan, const char *text)
{
    uint64_t reps;
    if (take_number(text, 1000, &reps) != 0)
        return -1;
    plan->reps = (unsigned)reps;
    return 0;
}

/* ---- options ---- */

enum { OPT_WARM = 256, OPT_LEAF, OPT_WAKE, OPT_FAIRNESS, OPT_GROWTH, OPT_PLOT };

static const struct option long_options[] = {
    {"peers", required_argument, NULL, 'p'},
    {"mixes", required_argument, NULL, 'm'},
    {"workers", required_argument, NULL, 'w'},
    {"ops", required_argument, NULL, 'n'},
    {"reps", required_argument, NULL, 'r'},
    {"threads", no_argument, NULL, 't'},
    {"warm", no_argument, NULL, OPT_WARM},
    {"leaf", required_argument, NULL, OPT_LEAF},
    {"fairness", required_argument, NULL, OPT_FAIRNESS},
    {"growth", required_argument, NULL, OPT_GROWTH},
    {"wake", required_argument, NULL, OPT_WAKE},
    {"json", optional_argument, NULL, 'j'},
    {"plot", required_argument, NULL, OPT_PLOT},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Which peers there can be depends on --threads: so the list is read when all options are known. */
static int take_option(struct bench_plan *plan, int key, char **peers)
{
    switch (key) {
    case 'p':
        *peers = optarg;
        return 0;
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
    case OPT_LEAF:
        return take_number(optarg, 65536, &plan->leaf_bytes);
    case OPT_FAIRNESS:
        return take_number(optarg, 3600, &plan->fairness);
    case OPT_GROWTH:
        return take_number(optarg, UINT64_C(1) << 32, &plan->growth);
    case OPT_WAKE:
        return take_number(optarg, 1000000, &plan->wake);
    case 'j':
        plan->json = true;
        plan->json_file = optarg;
        return 0;
    case OPT_PLOT:
        plan->plot = optarg;
        return 0;
    case 'h':
        help();
        exit(0);
    default:
        fputs("Try '" PROGRAM " --help'.\n", stderr);
        return -1;
    }
}

static int take_peers(struct bench_plan *plan, char *list)
{
    size_t count;
    const struct bench_known *known = bench_peers(&count);
    for (size_t i = 0; !list && i < count; i++)
        add_peer(plan, &known[i]);
    if (list && take_list(plan, list, take_peer) != 0)
        return -1;
    if (plan->peers == 0)
        bench_complain("no peer is left");
    return plan->peers ? 0 : -1;
}

/* What was not asked for is taken whole; fairness is about a contended mix. */
static void take_defaults(struct bench_plan *plan)
{
    static const unsigned usual[] = {1, 2, 4}, contended[] = {2, 4, 8};
    if (plan->mixes == 0 && plan->fairness)
        add_mix(plan, MIX_MIXED);
    for (int mix = 0, none = plan->mixes == 0; none && mix < MIXES; mix++)
        add_mix(plan, (enum bench_mix)mix);
    if (plan->sizes == 0) {
        memcpy(plan->workers, plan->fairness ? contended : usual, sizeof usual);
        plan->sizes = sizeof usual / sizeof *usual;
    }
    plan->ops += plan->ops % 2;
}

/* What has no table of rounds has no plot of them, and one place for what it says. */
static int refuse_mixture(const struct bench_plan *plan)
{
    const int others = (plan->wake > 0) + (plan->growth > 0) + (plan->fairness > 0);
    if (others > 1 || (others && (plan->plot || plan->json_file))) {
        bench_complain("of --fairness, --growth and --wake only one at a time, and without --plot and --json=FILE");
        return -1;
    }
    if (plan->fairness && (plan->mixes != 1 || plan->mix[0] != MIX_MIXED)) {
        bench_complain("--fairness is about the mix mixed, and no other");
        return -1;
    }
    return 0;
}

void bench_plan(struct bench_plan *plan, int argc, char **argv)
{
    int key;
    char *peers = NULL;
    *plan = (struct bench_plan){.ops = 1000000, .reps = 5};
    while ((key = getopt_long(argc, argv, "p:m:w:n:r:tjh", long_options, NULL)) != -1)
        if (take_option(plan, key, &peers) != 0)
            exit(2);
    if (optind < argc) {
        bench_complain("'%s': no operand is expected", argv[optind]);
        exit(2);
    }
    take_defaults(plan);
    if (refuse_mixture(plan) != 0)
        exit(2);
    if (!plan->wake && !plan->growth && take_peers(plan, peers) != 0)
        exit(2);
}
