/*
 * storm.c - kills workers at random for a given time, and proves that nothing was lost: see storm.h.
 *
 *   storm [--seconds S] [--procs N] [--seed N]
 */
#include "storm.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

double storm_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t storm_draw(uint64_t *random, uint64_t below)
{
    uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

bool storm_verdict(struct storm *s, bool good, const char *format, ...)
{
    va_list ap;
    printf("%s - ", good ? "ok" : "not ok");
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
    s->passed += good;
    s->failed += !good;
    return good;
}

/* Small leaves and slabs: every boundary is near. */
void storm_attr(struct lfvec_attr *attr, uint32_t elem_size)
{
    lfvec_attr_init(attr);
    attr->elem_size = elem_size;
    attr->leaf_bytes = 128;
    attr->slab_bytes = 65536;
    attr->max_slots = 16;
    attr->max_bytes = UINT64_C(1) << 30;
}

enum { TURN_SECONDS = 30 }; /* the books have room for what is pushed in so long */

static void run_parts(struct storm *s, double seconds)
{
    const double turns = seconds > TURN_SECONDS ? seconds / TURN_SECONDS : 1;
    s->books_fd = books_open();
    s->books = books_map(s->books_fd);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (double turn = 0; turn < turns && !s->failed; turn++) {
        const double time = turns - turn < 1 ? (turns - turn) * TURN_SECONDS : seconds / turns;
        creation_run(s, time * 0.1);
        growth_run(s, time * 0.2);
        mixed_run(s, 8, time * 0.4);
        mixed_run(s, 24, time * 0.3);
    }
}

static void print_tally(const struct storm *s, uint64_t seed)
{
    const struct tally *t = &s->tally;
    printf("# killed at:");
    for (int i = 0; i < DOINGS; i++)
        printf(" %s %llu%s", doing_name[i], (unsigned long long)t->killed_at[i], i + 1 < DOINGS ? "," : "\n");
    printf("# unfinished pushes: %llu had taken effect, %llu had not\n", (unsigned long long)t->doubtful_there,
           (unsigned long long)t->doubtful_not);
    printf("storm: seed %llu, %.1f s, %llu processes killed, %llu stopped, %llu creations, %llu growths, %llu operations, %llu pushes "
           "acknowledged, %u faults\n",
           (unsigned long long)seed, t->seconds, (unsigned long long)t->kills, (unsigned long long)t->stops,
           (unsigned long long)t->creations, (unsigned long long)t->growths, (unsigned long long)t->operations,
           (unsigned long long)t->pushed, s->failed);
    printf("%u passed, %u failed, 0 skipped\n", s->passed, s->failed);
}

static int usage(void)
{
    fprintf(stderr, "usage: storm [--seconds S] [--procs 2..%d] [--seed N]\n", PROCS_MOST);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seconds", 1, NULL, 't'}, {"procs", 1, NULL, 'p'}, {"seed", 1, NULL, 's'}, {NULL, 0, NULL, 0}};
    static struct storm s = {.procs = 6};
    const char *given = getenv("LFVEC_STORM_SECONDS");
    double seconds = given ? strtod(given, NULL) : 30;
    uint64_t seed = (uint64_t)time(NULL);
    if (argc > 1 && strcmp(argv[1], "--worker") == 0)
        work_after_exec(argc, argv);
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 't')
            seconds = strtod(optarg, NULL);
        else if (c == 'p')
            s.procs = (uint32_t)strtoul(optarg, NULL, 10);
        else if (c == 's')
            seed = strtoull(optarg, NULL, 10);
        else
            return usage();
    }
    if (optind < argc || s.procs < 2 || s.procs > PROCS_MOST || seconds <= 0)
        return usage();
    printf("storm: seed %llu\n", (unsigned long long)seed);
    s.random = seed;
    snprintf(s.name, sizeof s.name, "/lfvec-test-%d-storm", (int)getpid());
    const double start = storm_now();
    run_parts(&s, seconds);
    s.tally.seconds = storm_now() - start;
    print_tally(&s, seed);
    return s.failed ? 1 : 0;
}
