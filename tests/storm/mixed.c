/*
 * mixed.c - the long part: all operations at once by processes of four kinds, one of which is killed every few hundred microseconds and
 * replaced; and now and then one is stopped, which must neither hold up the others nor be taken for dead.
 */
#include "storm.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
    pid_t pid; /* also of the process group: children of the process are in it */
    uint32_t flags;
} proc[PROCS_MOST];

static void start(struct storm *s, uint32_t p)
{
    static const uint32_t kind[] = {0, WORK_EXEC, WORK_THREADS, WORK_FORK, 0, WORK_OPEN, WORK_EXEC | WORK_OPEN, 0};
    struct work w = {.name = s->name, .books = s->books, .books_fd = s->books_fd, .elem_size = s->elem_size, .v = s->v};
    w.first = p * THREADS;
    w.flags = kind[storm_draw(&s->random, 8)] | (storm_draw(&s->random, 2) ? WORK_TIMER : 0);
    w.random = s->random ^ (uint64_t)p << 56;
    proc[p].flags = w.flags;
    fflush(NULL);
    proc[p].pid = fork();
    if (proc[p].pid == 0)
        work_run(&w);
    if (proc[p].pid < 0) {
        perror("storm: fork");
        exit(1);
    }
    setpgid(proc[p].pid, proc[p].pid); /* whoever comes first */
}

/* A process that was not killed by us may only have been killed by its own timer, or have ended well. */
static void judge_status(struct storm *s, int status)
{
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    s->tally.kills += killed;
    if (!killed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        work_fault(s->books, "a worker ended with status 0x%x", (unsigned int)status);
}

/* Reaps all that is left of a process and its children. Children of the dead are ours (PR_SET_CHILD_SUBREAPER). */
static void reap(struct storm *s, uint32_t p)
{
    int status;
    for (pid_t got; (got = waitpid(-proc[p].pid, &status, 0)) > 0 || errno == EINTR;)
        if (got > 0)
            judge_status(s, status);
    for (uint32_t t = 0; t < THREADS; t++)
        books_bury(s, p * THREADS + t);
}

/* The process alone, and its forked child somewhat later; or both at once. */
static void slay(struct storm *s, uint32_t p)
{
    if (proc[p].flags & WORK_FORK && storm_draw(&s->random, 2)) {
        kill(proc[p].pid, SIGKILL);
        for (uint64_t i = storm_draw(&s->random, 100); i; i--)
            sched_yield();
    }
    kill(-proc[p].pid, SIGKILL);
    kill(proc[p].pid, SIGKILL); /* it may not be in its group yet */
    reap(s, p);
}

/* ---- stopped ------------------------------------------------------------------------------------------------------------------------------ */

static uint64_t progress_but(const struct storm *s, uint32_t p)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->procs * THREADS; i++)
        sum += i / THREADS == p ? 0 : atomic_load(&s->books->worker[i].progress);
    return sum;
}

/* The slot of a process, and the state it is said to be in. 0: it holds none. */
static uint32_t slot_of(const struct storm *s, pid_t pid, uint32_t *state)
{
    struct lfvec_participant it;
    for (uint32_t i = 1; lfvec_participant(s->v, i, &it) == 0; i++)
        if (it.state != LFVEC_SLOT_FREE && it.pid == pid) {
            *state = it.state;
            return i;
        }
    return 0;
}

enum { STOPPED_OPS = 2000, HUNG_SECONDS = 60, SLOTS = 40 };

static bool is_gone(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* Processes die of their timers, too. */
static void replace_dead(struct storm *s)
{
    for (uint32_t p = 0; p < s->procs; p++)
        if (is_gone(proc[p].pid)) {
            slay(s, p);
            start(s, p);
        }
}

/* The others have to do so many operations while it stands still, wherever it stands. */
static void others_go_on(struct storm *s, uint32_t p)
{
    const uint64_t from = progress_but(s, p);
    const double start_time = storm_now();
    while (progress_but(s, p) < from + STOPPED_OPS) {
        replace_dead(s);
        if (storm_now() - start_time > HUNG_SECONDS) {
            work_fault(s->books, "the others did next to nothing while a process was stopped");
            return;
        }
        sched_yield();
    }
}

/* Stopped is alive: recovery leaves its slot to it. */
static void judge_stopped(struct storm *s, uint32_t p)
{
    uint32_t before = 0, after = 0;
    const uint32_t slot = slot_of(s, proc[p].pid, &before);
    const int err = lfvec_recover(s->v, NULL);
    if (err)
        work_fault(s->books, "recover: %d", err);
    const uint32_t then = slot_of(s, proc[p].pid, &after);
    if (slot != then || (slot && (before != LFVEC_SLOT_STOPPED || after != LFVEC_SLOT_STOPPED)))
        work_fault(s->books, "a stopped process is in slot %u, state %u; after recovery in slot %u, state %u", slot, before, then, after);
}

/* One that neither its timer kills nor exec() takes out of its slot, so that what is said of it can be judged; from p on. */
static void stop_one(struct storm *s, uint32_t p)
{
    int status;
    for (uint32_t tries = 0; proc[p].flags & (WORK_TIMER | WORK_EXEC); tries++, p = (p + 1) % s->procs)
        if (tries == s->procs)
            return;
    kill(proc[p].pid, SIGSTOP);
    if (waitpid(proc[p].pid, &status, WUNTRACED) != proc[p].pid || !WIFSTOPPED(status)) {
        work_fault(s->books, "a process cannot be stopped: status 0x%x", (unsigned int)status);
        return;
    }
    s->tally.stops++;
    judge_stopped(s, p);
    others_go_on(s, p);
    judge_stopped(s, p);
    if (storm_draw(&s->random, 4)) {
        kill(proc[p].pid, SIGCONT);
    } else { /* killed as it stands */
        slay(s, p);
        start(s, p);
    }
}

/* ---- the storm ------------------------------------------------------------------------------------------------------------------------- */

static void look_around(struct storm *s)
{
    struct lfvec_audit audit;
    if (lfvec_check(s->v, &audit) != 0)
        work_fault(s->books, "the audit: %s", audit.message);
}

static void blow(struct storm *s, double seconds)
{
    const double until = storm_now() + seconds;
    for (uint64_t round = 0; storm_now() < until && !atomic_load(&s->books->faults); round++) {
        const uint32_t p = (uint32_t)storm_draw(&s->random, s->procs);
        const struct timespec pause = {.tv_nsec = (long)storm_draw(&s->random, 2000000)};
        nanosleep(&pause, NULL); /* the rate of the kills, at random; nothing is hoped to happen meanwhile */
        replace_dead(s);
        if (round % 8 == 5)
            stop_one(s, p);
        if (round % 64 == 7)
            look_around(s);
        slay(s, p);
        start(s, p);
    }
}

/* All are told to stop, and leave in an orderly way: whoever hangs now is found out. */
static void calm(struct storm *s)
{
    const double start_time = storm_now();
    bool hung = false;
    atomic_store(&s->books->stop, 1);
    for (uint32_t p = 0; p < s->procs; p++) {
        while (!is_gone(proc[p].pid) && !hung) {
            hung = storm_now() - start_time > HUNG_SECONDS;
            sched_yield();
        }
        if (hung)
            slay(s, p);
        else
            reap(s, p);
    }
    storm_verdict(s, !hung, "%u-byte elements: everybody ends when told to", s->elem_size);
}

static void judge_end(struct storm *s)
{
    struct lfvec_recovery r;
    struct lfvec_audit audit = {0};
    struct lfvec_stat stat = {0};
    const int err = lfvec_recover(s->v, &r), unsound = lfvec_check(s->v, &audit);
    storm_verdict(s, err == 0 && r.slots_unknown == 0, "%u-byte elements: recovery (%d, %u slots unknown)", s->elem_size, err,
                  r.slots_unknown);
    storm_verdict(s, !unsound && audit.conclusive && audit.leaves_lost == 0 && audit.leaves_held == 0, "%u-byte elements: audit %s",
                  s->elem_size, audit.message);
    lfvec_stat(s->v, &stat);
    storm_verdict(s, stat.slots_free == SLOTS, "%u-byte elements: %u of %d slots are free", s->elem_size, stat.slots_free, SLOTS);
}

void mixed_run(struct storm *s, uint32_t elem_size, double seconds)
{
    struct lfvec_attr attr;
    storm_attr(&attr, elem_size);
    attr.max_slots = SLOTS;
    s->elem_size = elem_size;
    books_begin(s);
    s->v = lfvec_open(s->name, LFVEC_CREATE | LFVEC_EXCL, &attr);
    if (!storm_verdict(s, s->v != NULL, "%u-byte elements: created", elem_size))
        return;
    for (uint32_t p = 0; p < s->procs; p++)
        start(s, p);
    blow(s, seconds);
    calm(s);
    judge_end(s);
    books_close(s);
    s->tally.operations += atomic_load(&s->books->operations);
    lfvec_detach(s->v);
    lfvec_unlink(s->name);
}
