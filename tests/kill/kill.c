/*
 * kill.c - which points are killed at, in what order and by how many workers; the table of what came of it.
 *
 *   kill [--sample SECONDS] [--op NAME] [--at K] [--second NAME --at2 K] [--way NAME] [--seed N] [--jobs N] [--list]
 *
 * Without --sample, all of them: every operation, every instruction (of creating and opening: every one of the library's own), each judged
 * in every way; and for each distinct state that the dead left, from as many as five operations, every instruction of its recovery and of its heir's first operation. A sample takes evenly spread
 * points, and always those around locked instructions, even if that takes longer than was asked for. --op takes a name or a part of
 * several; --at and the like repeat one point, as the line of a fault says.
 */
#include "kill.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern const char __executable_start[];

enum {
    KINDS = 3,
    JOBS_MOST = 64,
    STATES_MOST = 24,
    STATE_MOST = 4096,
    STATE_REPEATS = 5,
    SHOWN_MOST = 4,
    POINT_CPU_SECONDS = 30,
    POINT_SECONDS = 600
};
enum { EXIT_SKIP = 77 };

/* One line of the table. kind 0: killed once; 1 and 2: killed again while recovering. */
struct row {
    uint32_t instructions, points, won, lost, none, drifted, faults, stride, states;
};

/* Shared with the workers. */
struct board {
    _Atomic uint32_t next;
    double until; /* of a sample */
    struct row row[OPS_MOST][KINDS];
    _Atomic uint32_t left;           /* operations not begun */
    _Atomic uint8_t met[STATE_MOST]; /* in how many operations a state of the dead was found */
    char at[JOBS_MOST][256];         /* the point that a worker is at, in words: for when it does not come back */
};

static struct {
    double sample; /* seconds; 0 = all */
    const char *op, *second, *way;
    uint32_t at, at2, jobs;
    uint64_t seed;
} want = {.at = NO_POINT, .at2 = NO_POINT, .seed = 1};

static struct board *board;
static char name[JOBS_MOST][48];
static pid_t worker_pid[JOBS_MOST]; /* 0: none */

/* ---- one point, reported --------------------------------------------------------------------------------------------------------------- */

struct worker {
    uint32_t number;
    struct stage stage;
    struct trace first, second;
    struct {
        uint32_t state, k;
    } seen[STATES_MOST]; /* kill points after which the states of the dead differ */
    uint32_t states;
    double cost; /* seconds of a point, lately */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void describe(const struct worker *w, const struct point *p, char *text, size_t room)
{
    const struct trace *t = p->second ? &w->second : &w->first;
    const uint32_t k = p->second ? p->k2 : p->k;
    char again[64] = "";
    if (p->second)
        snprintf(again, sizeof again, " --second %s --at2 %u", p->second->name, p->k2);
    snprintf(text, room, "%s--op '%s' --at %u%s --way %s --seed %llu (text 0x%llx)", want.sample > 0 ? "--sample 1 " : "", p->op->name,
             p->k, again, way_name[p->way], (unsigned long long)p->seed,
             t->at && k <= t->n ? (unsigned long long)(t->at[k].pc - (uint64_t)__executable_start) : 0);
}

static void report(struct worker *w, const struct point *p, struct row *row)
{
    char text[256];
    describe(w, p, text, sizeof text);
    if (row->faults++ < SHOWN_MOST)
        printf("fault: %s: %s\n", text, w->stage.fault);
    fflush(stdout);
}

/* A point takes milliseconds. Busy for so long, or doing nothing for longer still (the machine may be): it hangs. Ends the worker. */
static void set_limits(bool on)
{
    const struct itimerval busy = {.it_value = {.tv_sec = on ? POINT_CPU_SECONDS : 0}};
    setitimer(ITIMER_PROF, &busy, NULL);
    alarm(on ? POINT_SECONDS : 0);
}

static void run_point(struct worker *w, struct point *p, struct row *row)
{
    describe(w, p, board->at[w->number], sizeof board->at[0]);
    const double start = now();
    set_limits(true);
    if (!point_run(&w->stage, p, &w->first, &w->second))
        report(w, p, row);
    set_limits(false);
    w->cost = w->cost > 0 ? 0.98 * w->cost + 0.02 * (now() - start) : 0.003;
    row->points++;
    row->won += p->verdict == VERDICT_WON;
    row->lost += p->verdict == VERDICT_LOST;
    row->none += p->verdict == VERDICT_NONE;
    row->drifted += p->drifted;
}

static bool make_trace(struct worker *w, const struct point *p, struct row *row)
{
    const struct trace *t = p->second ? &w->second : &w->first;
    describe(w, p, board->at[w->number], sizeof board->at[0]);
    set_limits(true);
    const bool well = point_record(&w->stage, p, &w->first, &w->second);
    set_limits(false);
    if (!well)
        report(w, p, row);
    else if (t->n > row->instructions)
        row->instructions = t->n;
    return well;
}

/* ---- which points ---------------------------------------------------------------------------------------------------------------------- */

static bool around(const struct trace *t, uint32_t k)
{
    return t->at[k].locked || (k && t->at[k - 1].locked) || (k > 1 && t->at[k - 2].locked);
}

/* Points that a sample does not leave out. */
static bool must_be(const struct trace *t, uint32_t k, bool second)
{
    return k == 0 || k == t->n || (!second && (k == t->rival || around(t, k)));
}

/* The step with which the other points fit into the time. */
static uint32_t stride_for(const struct worker *w, const struct trace *t, bool second, double seconds)
{
    uint32_t musts = 0;
    for (uint32_t k = 0; k <= t->n; k++)
        musts += must_be(t, k, second);
    const double room = seconds / w->cost - musts, rest = t->n + 1 - musts;
    return want.sample <= 0 || room >= rest ? 1 : room < 2 ? (uint32_t)(rest / 2) + 1 : (uint32_t)(rest / room) + 1;
}

static void remember(struct worker *w, const struct point *p)
{
    for (uint32_t i = 0; i < w->states; i++)
        if (w->seen[i].state == p->state)
            return;
    if (w->states == STATES_MOST || atomic_fetch_add(&board->met[p->state % STATE_MOST], 1) >= STATE_REPEATS)
        return;
    w->seen[w->states].state = p->state;
    w->seen[w->states++].k = p->k;
}

/* Runs the points of a trace, every one in all ways or in one of them in turn. *p says which operation and, of a second kill, after what. */
static void run_trace(struct worker *w, struct point *p, struct row *row, double seconds)
{
    const struct trace *t = p->second ? &w->second : &w->first;
    const uint32_t stride = stride_for(w, t, p->second, seconds);
    const uint32_t ways = p->second || p->op->flags & (OP_CREATES | OP_OPENS) ? WAY_STALL : WAYS;
    const uint32_t at_once = want.sample > 0 || p->second ? 1 : ways;
    uint32_t *k = p->second ? &p->k2 : &p->k;
    for (*k = 0; *k <= t->n; ++*k) {
        if (*k % stride && !must_be(t, *k, p->second))
            continue;
        for (uint32_t i = 0, turn = row->points; i < at_once; i++) {
            p->way = (enum way)((turn + i) % ways);
            run_point(w, p, row);
            if (!p->second && p->way != WAY_STALL)
                remember(w, p);
        }
    }
    row->stride = stride > row->stride ? stride : row->stride;
}

/* The recovery of each state that the first kills left. A sample has time for some of them. */
static void run_second_ops(struct worker *w, struct point *p, double until)
{
    struct row *rows = board->row[p->op - ops];
    for (uint32_t i = 0; i < w->states; i++) {
        p->k = w->seen[i].k;
        for (uint32_t which = 0; which < second_ops_count; which++) {
            struct row *row = &rows[1 + which];
            p->second = op_second(p->op, which);
            if (!p->second || (want.sample > 0 && row->points && now() > until))
                continue;
            p->k2 = 0;
            p->way = WAY_STRAIGHT;
            row->states++;
            const double left = until - now(), parts = (w->states - i) * second_ops_count - which;
            if (make_trace(w, p, row))
                run_trace(w, p, row, left / parts);
        }
    }
}

static void run_op(struct worker *w, const struct op *op, double seconds)
{
    struct point p = {.op = op, .seed = want.seed, .way = WAY_STRAIGHT};
    struct row *row = board->row[op - ops];
    const double start = now();
    w->states = 0;
    w->cost = w->cost > 0 ? w->cost : 0.003;
    trace_clear(&w->first);
    trace_clear(&w->second);
    if (!make_trace(w, &p, row))
        return;
    row->states = 1;
    run_trace(w, &p, row, seconds / 2);
    run_second_ops(w, &p, start + seconds);
}

/* The operation that is called so, or else all whose names have that in them. */
static bool wanted(const struct op *op)
{
    for (uint32_t i = 0; want.op && i < ops_count; i++)
        if (!strcmp(ops[i].name, want.op))
            return op == &ops[i];
    return !want.op || strstr(op->name, want.op);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------------- */

static void print_head(void)
{
    printf("seed %llu, %u workers\n", (unsigned long long)want.seed, want.jobs);
    printf("%-46s %7s %7s %6s %11s %8s %8s %8s %7s %6s\n", "operation", "steps", "states", "step", "kill points", "won", "lost", "none",
           "drifted", "faults");
}

static void print_row(const char *op, const char *then, const struct row *r)
{
    char what[80], step[16] = "all";
    snprintf(what, sizeof what, "%s%s%s", op, *then ? ", then " : "", then);
    if (r->stride > 1)
        snprintf(step, sizeof step, "%u", r->stride);
    printf("%-46s %7u %7u %6s %11u %8u %8u %8u %7u %6u\n", what, r->instructions, r->states, step, r->points, r->won, r->lost, r->none,
           r->drifted, r->faults);
}

static void print_op(uint32_t i)
{
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        const struct row *r = &board->row[i][kind];
        const struct op *second = kind ? op_second(&ops[i], kind - 1) : NULL;
        if (r->points || r->faults)
            print_row(ops[i].name, second ? second->name : "", r);
    }
    fflush(stdout);
}

static int print_total(uint32_t lost, double started)
{
    uint64_t points = 0;
    uint32_t passed = 0, failed = lost, skipped = 0, operations = 0, faults = lost;
    for (uint32_t i = 0; i < ops_count; i++) {
        for (uint32_t kind = 0; kind < KINDS && wanted(&ops[i]); kind++) {
            const struct row *r = &board->row[i][kind];
            points += r->points;
            faults += r->faults;
            operations += !kind && r->points;
            failed += r->faults != 0;
            passed += !r->faults && r->points;
            skipped += !kind && !r->faults && !r->points;
        }
    }
    printf("kill: %u operations, operations x kill points = %llu, %u faults, %.0f s\n", operations, (unsigned long long)points, faults,
           now() - started);
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed ? 1 : 0;
}

/* ---- workers --------------------------------------------------------------------------------------------------------------------------- */

/* A tracer and its tracee are never at work at the same time: on one processor they find each other sooner. */
static void stay_on_one_cpu(uint32_t number)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    uint32_t nth = number % (uint32_t)CPU_COUNT(&allowed);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && !nth--) {
            CPU_SET(cpu, &one);
            break;
        }
    (void)sched_setaffinity(0, sizeof one, &one);
}

static void work(uint32_t number)
{
    static struct worker w;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    stay_on_one_cpu(number);
    w.number = number;
    w.stage.all_text = want.sample <= 0;
    snprintf(w.stage.name, sizeof w.stage.name, "%s", name[number]);
    for (;;) {
        const uint32_t i = atomic_fetch_add(&board->next, 1);
        if (i >= ops_count)
            return;
        if (!wanted(&ops[i]))
            continue;
        const uint32_t left = atomic_fetch_sub(&board->left, 1);
        run_op(&w, &ops[i], (board->until - now()) * (left > want.jobs ? want.jobs : left) / left);
        print_op(i);
    }
}

static void unlink_all(void)
{
    for (uint32_t i = 0; i < JOBS_MOST; i++)
        if (name[i][0])
            (void)shm_unlink(name[i]);
}

static void interrupted(int sig)
{
    for (uint32_t i = 0; i < JOBS_MOST; i++)
        if (worker_pid[i]) {
            kill(worker_pid[i], SIGKILL);
            waitpid(worker_pid[i], NULL, 0);
        }
    unlink_all();
    _exit(128 + sig);
}

static void start_worker(uint32_t i)
{
    const pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        work(i);
        exit(0);
    }
    worker_pid[i] = pid > 0 ? pid : 0;
    if (pid < 0) {
        perror("kill: fork");
        interrupted(0);
    }
}

/* A worker that crashed or hung took its operation with it; another one goes on with the next. How many did. */
static uint32_t look_after(uint32_t jobs)
{
    uint32_t lost = 0;
    int status;
    for (pid_t gone; (gone = wait(&status)) > 0 || errno == EINTR;) {
        uint32_t i = 0;
        while (i < jobs && worker_pid[i] != gone)
            i++;
        if (gone < 0 || i == jobs)
            continue;
        worker_pid[i] = 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        lost++;
        printf("fault: %s: the survivor %s\n", board->at[i],
               WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGPROF) ? "hung"
                                                                                                   : "died itself, or was made to give up");
        fflush(stdout);
        (void)shm_unlink(name[i]);
        start_worker(i);
    }
    return lost;
}

static uint32_t run_all(uint32_t jobs)
{
    for (uint32_t i = 0; i < ops_count; i++)
        board->left += wanted(&ops[i]);
    board->until = now() + want.sample;
    for (uint32_t i = 0; i < jobs; i++)
        snprintf(name[i], sizeof name[i], "/lfvec-test-%d-kill-%u", getpid(), i);
    fflush(NULL);
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
    for (uint32_t i = 0; i < jobs; i++)
        start_worker(i);
    const uint32_t lost = look_after(jobs);
    unlink_all();
    return lost;
}

/* ---- one point again ------------------------------------------------------------------------------------------------------------------- */

static const struct op *find_op(const struct op *table, uint32_t count, const char *what)
{
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(table[i].name, what))
            return &table[i];
    fprintf(stderr, "kill: no operation is called '%s'; see --list\n", what);
    exit(2);
}

static int run_one(void)
{
    static struct worker w;
    struct row row = {0};
    struct point p = {.op = find_op(ops, ops_count, want.op ? want.op : ""), .seed = want.seed, .k = want.at};
    while (want.way && p.way < WAYS && strcmp(way_name[p.way], want.way) != 0)
        p.way++;
    if (p.way == WAYS) {
        fprintf(stderr, "kill: the ways are straight, late, heir and stall\n");
        return 2;
    }
    snprintf(name[0], sizeof name[0], "/lfvec-test-%d-kill-0", getpid());
    snprintf(w.stage.name, sizeof w.stage.name, "%s", name[0]);
    w.stage.all_text = want.sample <= 0;
    stay_on_one_cpu(0);
    bool well = make_trace(&w, &p, &row);
    if (well && want.second) {
        p.second = find_op(second_ops, second_ops_count + 1, want.second);
        well = make_trace(&w, &p, &row);
        p.k2 = want.at2 <= w.second.n ? want.at2 : w.second.n;
    }
    p.k = p.k <= w.first.n ? p.k : w.first.n;
    if (well)
        run_point(&w, &p, &row);
    unlink_all();
    printf("%s, state 0x%x%s\n",
           p.verdict == VERDICT_WON    ? "won"
           : p.verdict == VERDICT_LOST ? "lost"
                                       : "none",
           p.state, p.drifted ? ", drifted" : "");
    return row.faults ? 1 : 0;
}

/* ---- arguments ------------------------------------------------------------------------------------------------------------------------- */

static int list(void)
{
    for (uint32_t i = 0; i < ops_count; i++)
        printf("%s\n", ops[i].name);
    return 0;
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {{"sample", required_argument, NULL, 's'}, {"op", required_argument, NULL, 'o'},
                                            {"at", required_argument, NULL, 'k'},     {"second", required_argument, NULL, '2'},
                                            {"at2", required_argument, NULL, 'K'},    {"way", required_argument, NULL, 'w'},
                                            {"seed", required_argument, NULL, 'r'},   {"jobs", required_argument, NULL, 'j'},
                                            {"list", no_argument, NULL, 'l'},         {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (c) {
        case 's':
            want.sample = strtod(optarg, NULL);
            break;
        case 'o':
            want.op = optarg;
            break;
        case 'k':
            want.at = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case '2':
            want.second = optarg;
            break;
        case 'K':
            want.at2 = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            want.way = optarg;
            break;
        case 'r':
            want.seed = strtoull(optarg, NULL, 10);
            break;
        case 'j':
            want.jobs = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'l':
            exit(list());
        default:
            exit(2);
        }
}

int main(int argc, char **argv)
{
    cpu_set_t allowed;
    parse(argc, argv);
    const char *why_not = step_why_not();
    if (why_not) {
        printf("skip - killing at every instruction: %s\n0 passed, 0 failed, 1 skipped\n", why_not);
        return EXIT_SKIP;
    }
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED || ops_count > OPS_MOST) {
        fprintf(stderr, "kill: no memory, or too many operations\n");
        return 1;
    }
    if (want.at != NO_POINT)
        return run_one();
    if (!want.jobs)
        want.jobs = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (uint32_t)CPU_COUNT(&allowed) : 1;
    want.jobs = want.jobs < JOBS_MOST ? want.jobs : JOBS_MOST;
    print_head();
    const double started = now();
    return print_total(run_all(want.jobs), started);
}
