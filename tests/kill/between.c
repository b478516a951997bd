/*
 * between.c - nobody is killed here: a process is stopped before each instruction of an operation in turn, another does an operation of its
 * own, and the first one goes on. Then what both were told, and what the vector holds, must be what one after the other gives, in one
 * order or the other; and the audit must be sound.
 *
 *   between [--stride N] [--jobs N] [--op NAME] [--rival NAME] [--state N] [--at K]
 *
 * Nothing says what an operation does: the two orders are run, undisturbed, and their outcomes are what is expected. Most states are at
 * the bounds: empty, the end of a leaf, full. --stride N: every N-th instruction, and those around locked ones. The other options repeat
 * one case, as the line of a fault says.
 */
#include "kill.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ELEMS_MOST = 20, DATA = 32, FULL_BATCH = 12, JOBS = 16, SHOWN = 8, EXIT_SKIP = 77 };

/* ---- operations ------------------------------------------------------------------------------------------------------------------------ */

/* What an operation answers: its result, and all that it wrote to its caller's memory. */
struct answer {
    int64_t result;
    uint64_t data[DATA];
};

struct deed {
    const char *name;
    int64_t (*run)(lfvec_t *v, uint64_t *data);
};

static const uint64_t values[FULL_BATCH] = {901, 902, 903, 904, 905, 906, 907, 908, 909, 910, 911, 912};

#define DEED(name, expression)                                                                                                             \
    static int64_t name(lfvec_t *v, uint64_t *data)                                                                                        \
    {                                                                                                                                      \
        (void)data;                                                                                                                        \
        return (expression);                                                                                                               \
    }

DEED(push, lfvec_push(v, values, data))
DEED(push_2, lfvec_push_n(v, values, 2, data))
DEED(push_12, lfvec_push_n(v, values, FULL_BATCH, data))
DEED(pop, lfvec_pop(v, data))
DEED(pop_5, lfvec_pop_n(v, data, 5))
DEED(pop_all, lfvec_pop_n(v, data, ELEMS_MOST))
DEED(lease, lfvec_pop_lease(v, data) == 0 ? lfvec_ack(v) : -EAGAIN)
DEED(set, lfvec_set_u64(v, 1, 801))
DEED(cas, (data[0] = 101, lfvec_cas_u64(v, 1, data, 802)))
DEED(add, lfvec_fetch_add_u64(v, 9, 1000, data))
DEED(get, lfvec_get_u64(v, 9, data))
DEED(snapshot, lfvec_snapshot(v, 2, data, 8, NULL))
DEED(clear, lfvec_clear(v))
DEED(trim, lfvec_trim(v))
DEED(reserve, lfvec_reserve(v, ELEMS_MOST))
/* of rivals only, who are not disturbed themselves: several in a row */
DEED(pop_push, (lfvec_pop(v, data), lfvec_push(v, values + 3, NULL)))
DEED(push_pop, (lfvec_push(v, values + 4, NULL), lfvec_pop(v, data)))
DEED(set_pop, (lfvec_set_u64(v, 1, 803), lfvec_pop(v, data)))
DEED(renew, (lfvec_clear(v), lfvec_trim(v), lfvec_push_n(v, values, FULL_BATCH, data)))

static const struct deed deeds[] = {
    {"push", push},
    {"push_n of 2", push_2},
    {"push_n of 12", push_12},
    {"pop", pop},
    {"pop_n of 5", pop_5},
    {"pop_n of all", pop_all},
    {"lease, ack", lease},
    {"set", set},
    {"cas", cas},
    {"fetch_add", add},
    {"get", get},
    {"snapshot", snapshot},
    {"clear", clear},
    {"trim", trim},
    {"reserve", reserve},
    {"pop, push", pop_push},
    {"push, pop", push_pop},
    {"set, pop", set_pop},
    {"clear, trim, push_n", renew},
};
enum { VICTIMS = 15, DEEDS = sizeof deeds / sizeof deeds[0] };

/* ---- states ---------------------------------------------------------------------------------------------------------------------------- */

struct state {
    uint32_t pushed, popped; /* by the rival */
    bool owner;              /* the victim's leaf is the last one, and its descriptor is in effect */
    bool tight;              /* there are two slabs, and the victim owns both: the rival has to take one over */
};

static const struct state states[] = {
    {0, 0, false, false},  {3, 0, false, false},  {3, 0, true, false},  {8, 0, true, false},   {15, 12, false, false},
    {12, 0, true, false},  {18, 0, false, false}, {18, 0, true, false}, {20, 0, false, false}, {20, 0, true, false},
    {20, 3, false, false}, {20, 19, true, false}, {3, 0, true, true},   {12, 3, false, true},  {8, 0, false, true},
};
enum { STATES = sizeof states / sizeof states[0] };

/* ---- one case -------------------------------------------------------------------------------------------------------------------------- */

struct outcome {
    struct answer victim, rival;
    uint64_t size, elem[ELEMS_MOST];
};

struct scene {
    char name[48];
    const struct deed *victim, *rival;
    const struct state *state;
    lfvec_t *v;
    struct answer *told; /* of the victim; shared memory */
    struct trace trace;
    uint64_t points;
    uint32_t faults;
};

static pid_t started_as;
static struct {
    uint32_t stride, jobs, state, at;
    const char *op, *rival;
} want = {.stride = 1, .jobs = 2, .state = UINT32_MAX, .at = NO_POINT};

static void must(bool well)
{
    if (!well)
        abort();
}

static void build(struct scene *sc)
{
    struct lfvec_attr attr;
    uint64_t x[ELEMS_MOST];
    stage_attr(&attr, ELEMS_MOST);
    if (sc->state->tight)
        stage_tighten(&attr);
    (void)shm_unlink(sc->name);
    sc->v = lfvec_open(sc->name, LFVEC_CREATE | LFVEC_EXCL, &attr);
    must(sc->v != NULL);
    for (uint32_t i = 0; i < sc->state->pushed; i++)
        must(lfvec_push_u64(sc->v, 100 + i) == 0);
    must(lfvec_pop_n(sc->v, x, sc->state->popped) == (int64_t)sc->state->popped);
}

static void strike(struct scene *sc)
{
    lfvec_detach(sc->v);
    (void)shm_unlink(sc->name);
}

/* Memory for elements may have been written to in vain: what counts is what the result says is there. (-ECANCELED: the present value.) */
static void do_deed(const struct deed *d, lfvec_t *v, struct answer *a)
{
    memset(a, 0, sizeof *a);
    a->result = d->run(v, a->data);
    if (a->result < 0 && a->result != -ECANCELED)
        memset(a->data, 0, sizeof a->data);
    else if (a->result > 0)
        memset(a->data + a->result, 0, sizeof a->data - (size_t)a->result * sizeof a->data[0]);
}

static bool look(struct scene *sc, struct outcome *o)
{
    struct lfvec_audit audit;
    o->size = lfvec_size(sc->v);
    memset(o->elem, 0, sizeof o->elem);
    const bool read = !o->size || lfvec_get_n(sc->v, 0, o->elem, ELEMS_MOST) == (int64_t)o->size;
    const bool sound = lfvec_check(sc->v, &audit) == 0;
    if (!read || !sound)
        printf("%s\n", sound ? "an element cannot be read" : audit.message);
    return read && sound;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return !memcmp(a, b, sizeof *a);
}

/* What comes of it if nobody is disturbed. */
static void expect(struct scene *sc, bool victim_first, struct outcome *o)
{
    memset(o, 0, sizeof *o);
    build(sc);
    if (!victim_first)
        do_deed(sc->rival, sc->v, &o->rival);
    do_deed(sc->victim, sc->v, &o->victim);
    if (victim_first)
        do_deed(sc->rival, sc->v, &o->rival);
    must(look(sc, o));
    strike(sc);
}

static void victim_body(void *arg)
{
    struct scene *sc = arg;
    uint64_t last = lfvec_size(sc->v), x = 0;
    must(lfvec_set_u64(sc->v, ELEMS_MOST, 0) == -ERANGE); /* joins */
    if (sc->state->owner && last--)
        must(lfvec_get_u64(sc->v, last, &x) == 0 && lfvec_set_u64(sc->v, last, x) == 0);
    if (sc->state->tight)
        stage_own_all(sc->v);
    victim_gate();
    do_deed(sc->victim, sc->v, sc->told);
    victim_end();
    _exit(0);
}

static bool record(struct scene *sc)
{
    build(sc);
    struct victim w = {.body = victim_body, .arg = sc, .over = true};
    const bool well = victim_start(&w) && victim_record(&w, &sc->trace, 0, NULL, NULL);
    victim_kill(&w);
    strike(sc);
    return well;
}

static bool point(struct scene *sc, uint32_t k, const struct outcome expected[2], struct outcome *o)
{
    memset(o, 0, sizeof *o);
    build(sc);
    struct victim w = {.body = victim_body, .arg = sc, .over = true};
    bool well = victim_start(&w) && (victim_go(&w, &sc->trace, k, NULL, NULL) || !w.dead);
    if (well)
        do_deed(sc->rival, sc->v, &o->rival);
    victim_finish(&w);
    well = well && WIFEXITED(w.status) && WEXITSTATUS(w.status) == 0;
    if (!well)
        printf("the victim ended with status 0x%x\n", (unsigned int)w.status);
    o->victim = *sc->told;
    well = look(sc, o) && well && (same(o, &expected[0]) || same(o, &expected[1]));
    strike(sc);
    return well;
}

static void show(const char *what, const struct outcome *o)
{
    printf("  %-20s victim %lld (%llu ...), rival %lld (%llu ...), then %llu:", what, (long long)o->victim.result,
           (unsigned long long)o->victim.data[0], (long long)o->rival.result, (unsigned long long)o->rival.data[0],
           (unsigned long long)o->size);
    for (uint64_t i = 0; i < o->size && i < ELEMS_MOST; i++)
        printf(" %llu", (unsigned long long)o->elem[i]);
    printf("\n");
}

/* Of a small sample, each pair takes a third of the stops around locked instructions, and the next pair another third. */
enum { FEW = 100, THIRD = 3 };

static bool chosen(const struct trace *t, uint32_t k, uint32_t number)
{
    if (want.at != NO_POINT)
        return k == want.at;
    const bool around_locked = t->at[k].locked || (k && t->at[k - 1].locked);
    return k % want.stride == number % want.stride || (around_locked && (want.stride < FEW || (k + number) % THIRD == 0));
}

static void run_case(struct scene *sc, uint32_t number)
{
    struct outcome expected[2], o;
    expect(sc, true, &expected[0]);
    expect(sc, false, &expected[1]);
    if (!record(sc)) {
        sc->faults++;
        printf("fault: %s could not be stepped through\n", sc->victim->name);
        return;
    }
    for (uint32_t k = 0; k <= sc->trace.n; k++) {
        if (!chosen(&sc->trace, k, number))
            continue;
        sc->points++;
        if (point(sc, k, expected, &o) || sc->faults++ >= SHOWN)
            continue;
        printf("fault: --op '%s' --rival '%s' --state %u --at %u\n", sc->victim->name, sc->rival->name, (unsigned int)(sc->state - states),
               k);
        show("found", &o);
        show("victim first", &expected[0]);
        show("rival first", &expected[1]);
        fflush(stdout);
    }
}

/* ---- all of them ----------------------------------------------------------------------------------------------------------------------- */

static bool wanted(const char *pattern, const struct deed *d)
{
    return !pattern || !strcmp(pattern, d->name);
}

struct tally {
    uint64_t points, cases;
    uint32_t faults;
};

static void name_of(uint32_t job, char name[48])
{
    snprintf(name, 48, "/lfvec-test-%d-between-%u", started_as, job);
}

static void work(uint32_t job, struct tally *tally)
{
    struct scene sc = {.told = mmap(NULL, sizeof *sc.told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    uint32_t number = 0;
    must(sc.told != MAP_FAILED);
    name_of(job, sc.name);
    for (uint32_t i = 0; i < STATES * VICTIMS * DEEDS; i++) {
        const uint32_t state = i / (VICTIMS * DEEDS);
        sc.state = &states[state];
        sc.victim = &deeds[i / DEEDS % VICTIMS];
        sc.rival = &deeds[i % DEEDS];
        if (!wanted(want.op, sc.victim) || !wanted(want.rival, sc.rival) || (want.state != UINT32_MAX && want.state != state) ||
            number++ % want.jobs != job)
            continue;
        run_case(&sc, i);
        tally->cases++;
        tally->points = sc.points;
        tally->faults = sc.faults;
    }
    trace_clear(&sc.trace);
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {{"stride", required_argument, NULL, 's'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"op", required_argument, NULL, 'o'},
                                            {"rival", required_argument, NULL, 'r'},
                                            {"state", required_argument, NULL, 't'},
                                            {"at", required_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        const uint32_t n = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;
        if (c == 'o')
            want.op = optarg;
        else if (c == 'r')
            want.rival = optarg;
        else if (c == '?')
            exit(2);
        else
            *(c == 's' ? &want.stride : c == 'j' ? &want.jobs : c == 't' ? &want.state : &want.at) = n;
    }
    want.stride += !want.stride;
    want.jobs = want.jobs < 1 ? 1 : want.jobs > JOBS ? JOBS : want.jobs;
}

/* A job that does not come to its end is a fault of its own. */
static uint32_t run_jobs(struct tally *tally)
{
    uint32_t lost = 0;
    int status;
    fflush(NULL);
    for (uint32_t i = 0; i < want.jobs; i++)
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            work(i, &tally[i]);
            exit(0);
        }
    for (pid_t gone; (gone = wait(&status)) > 0 || errno == EINTR;)
        lost += gone > 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (uint32_t i = 0; i < want.jobs; i++) {
        char name[48];
        name_of(i, name);
        (void)shm_unlink(name);
    }
    return lost;
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    started_as = getpid();
    const char *why_not = step_why_not();
    if (why_not) {
        printf("skip - somebody else between any two instructions: %s\n0 passed, 0 failed, 1 skipped\n", why_not);
        return EXIT_SKIP;
    }
    struct tally *tally = mmap(NULL, JOBS * sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), all = {0};
    must(tally != MAP_FAILED);
    all.faults = run_jobs(tally);
    for (uint32_t i = 0; i < want.jobs; i++) {
        all.points += tally[i].points;
        all.cases += tally[i].cases;
        all.faults += tally[i].faults;
    }
    printf("between: %llu pairs of operations in a state, stopped at %llu points, %u faults\n", (unsigned long long)all.cases,
           (unsigned long long)all.points, all.faults);
    const bool well = !all.faults && all.points;
    printf("%u passed, %u failed, 0 skipped\n", well ? (unsigned int)all.cases : 0, well ? 0 : 1);
    return well ? 0 : 1;
}
