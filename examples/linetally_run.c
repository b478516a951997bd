/*
 * linetally_run.c - owns the run: the segment, the board, the workers' lives.
 *
 * The parent is the only one that starts and replaces workers, so that a seat never has two, and a dead worker's slot is judged before
 * anybody can take it. It learns of deaths from waitpid(2) alone.
 */
#include "linetally.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINETALLY_TAG UINT64_C(0x6c696e6574616c79) /* "linetaly" */
enum { DEATHS_MOST = 1000 };

static sigset_t awaited, as_before;

/* ---- opening and closing ---- */

/* Signals wait until the parent looks at them: an interrupted run cleans up as well. */
static void hold_signals(void)
{
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGTERM);
    sigprocmask(SIG_BLOCK, &awaited, &as_before);
}

static int open_vector(struct run *run)
{
    struct lfvec_attr attr;
    lfvec_attr_init(&attr);
    attr.elem_size = sizeof(struct line_record);
    attr.elem_tag = LINETALLY_TAG;
    attr.max_slots = run->options->producers + run->options->consumers + 8;
    run->vector = lfvec_open(run->options->name, LFVEC_CREATE | LFVEC_EXCL, &attr);
    if (!run->vector)
        complain("%s", lfvec_last_error());
    return run->vector ? 0 : -1;
}

int run_open(struct run *run)
{
    hold_signals();
    run->parent = getpid();
    run->board_bytes = sizeof(struct board) + run->files->count * sizeof(_Atomic uint32_t);
    void *board = mmap(NULL, run->board_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        complain("mmap: %s", strerror(errno));
        return -1;
    }
    run->board = board;
    run->board->limit = run->total * 3 / (4 * run->options->producers) + 1;
    atomic_store(&run->board->held, run->options->kills || run->options->shows);
    return open_vector(run);
}

/* Judges the vector after the run: everybody recovered, everything in its place, nothing in it. */
static int judge_vector(struct run *run)
{
    struct lfvec_recovery recovery = {0};
    struct lfvec_audit audit = {0};
    int recovered = lfvec_recover(run->vector, &recovery), checked = lfvec_check(run->vector, &audit);
    uint64_t left = lfvec_size(run->vector);
    if (recovered != 0)
        complain("recover: %s", strerror(-recovered));
    if (checked != 0)
        complain("check: %s", audit.message[0] ? audit.message : strerror(-checked));
    if (left && !run->failed)
        complain("%llu records are left in the vector", (unsigned long long)left);
    printf("segment %s: %s, version %llu, %llu leaves idle, %llu free, %llu lost\n", run->options->name,
           checked == 0 ? "sound" : "NOT SOUND", (unsigned long long)audit.version, (unsigned long long)audit.leaves_idle,
           (unsigned long long)audit.leaves_free, (unsigned long long)audit.leaves_lost);
    return recovered == 0 && checked == 0 && left == 0 && audit.leaves_lost == 0 ? 0 : -1;
}

int run_close(struct run *run)
{
    int rc = run->vector ? judge_vector(run) : 0;
    if (run->vector && !run->options->keep)
        lfvec_unlink(run->options->name);
    if (run->vector)
        lfvec_detach(run->vector);
    if (run->board)
        munmap(run->board, run->board_bytes);
    run->vector = NULL;
    run->board = NULL;
    sigprocmask(SIG_SETMASK, &as_before, NULL);
    return rc;
}

/* ---- workers ---- */

uint64_t run_version(const struct run *run)
{
    struct lfvec_stat stat = {0};
    lfvec_stat(run->vector, &stat);
    return stat.version;
}

static struct seat *board_seat(const struct run *run, enum role role, unsigned seat)
{
    return role == PRODUCER ? &run->board->producer[seat] : &run->board->consumer[seat];
}

static unsigned seats(const struct run *run, enum role role)
{
    return role == PRODUCER ? run->options->producers : run->options->consumers;
}

struct sums run_sums(const struct run *run, enum role role)
{
    struct sums all = {0};
    for (unsigned i = 0; i < seats(run, role); i++) {
        struct progress progress = ledger_read(&board_seat(run, role, i)->ledger);
        sums_join(&all, &progress.sums);
    }
    return all;
}

static unsigned living(const struct run *run, enum role role)
{
    unsigned count = 0;
    for (unsigned i = 0; i < seats(run, role); i++)
        count += run->worker[role][i].pid != 0;
    return count;
}

/* Fills a seat. What its ledger has from a predecessor stays; only the version is set to now, from which on the new holder counts. */
static int start_worker(struct run *run, enum role role, unsigned seat)
{
    struct ledger *ledger = &board_seat(run, role, seat)->ledger;
    struct progress progress = ledger_read(ledger);
    progress.version = run_version(run);
    ledger_write(ledger, &progress);
    atomic_store(&board_seat(run, role, seat)->seated, 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_IGN); /* the parent ends us */
        sigprocmask(SIG_SETMASK, &as_before, NULL);
        if (role == PRODUCER)
            work_producer(run, seat);
        work_consumer(run, seat);
    }
    if (pid < 0) {
        complain("fork: %s", strerror(errno));
        return -1;
    }
    run->worker[role][seat] = (struct worker){.pid = pid, .base = progress.version};
    return 0;
}

static int start_all(struct run *run)
{
    for (unsigned i = 0; i < run->options->consumers; i++)
        if (start_worker(run, CONSUMER, i) != 0)
            return -1;
    for (unsigned i = 0; i < run->options->producers; i++)
        if (start_worker(run, PRODUCER, i) != 0)
            return -1;
    return 0;
}

static void end_all(struct run *run)
{
    run->failed = true;
    for (enum role role = PRODUCER; role <= CONSUMER; role++)
        for (unsigned i = 0; i < seats(run, role); i++)
            if (run->worker[role][i].pid)
                kill(run->worker[role][i].pid, SIGKILL);
}

/* A worker is gone. Killed: what it left is settled, and its seat is to be filled again. Anything else but status 0 ends the run. */
static bool bury(struct run *run, enum role role, unsigned seat, int status)
{
    struct worker dead = run->worker[role][seat];
    run->worker[role][seat] = (struct worker){0};
    run->victim = run->victim == dead.pid ? 0 : run->victim;
    if (run->failed || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return false;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || ++run->deaths > DEATHS_MOST) {
        complain("%s %u failed: status 0x%x", role == PRODUCER ? "producer" : "consumer", seat + 1, (unsigned)status);
        end_all(run);
        return false;
    }
    run->killed[role]++;
    settle(run, role, seat, dead.pid, dead.base);
    return true;
}

static bool bury_pid(struct run *run, pid_t pid, int status, bool vacant[2][SEATS_MOST])
{
    for (enum role role = PRODUCER; role <= CONSUMER; role++)
        for (unsigned i = 0; i < seats(run, role); i++)
            if (run->worker[role][i].pid == pid)
                return vacant[role][i] = bury(run, role, i, status);
    return false;
}

/* All the dead are settled before anybody new starts: a new worker may take a dead one's slot, and with it the evidence. */
static void reap(struct run *run)
{
    bool vacant[2][SEATS_MOST] = {0};
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        bury_pid(run, pid, status, vacant);
    for (enum role role = PRODUCER; role <= CONSUMER; role++)
        for (unsigned i = 0; i < seats(run, role); i++)
            if (vacant[role][i] && !run->failed && start_worker(run, role, i) != 0)
                end_all(run);
}

/* ---- what happens in mid-run ---- */

static void show(const struct run *run)
{
    atomic_store(&run->board->slow, 1);
    for (unsigned i = 0; i < run->options->shows; i++) {
        char command[4096];
        int length = snprintf(command, sizeof command, "%s %s", run->options->show[i], run->options->name);
        if (length < 0 || (size_t)length >= sizeof command) {
            complain("--show: the command is too long");
            continue;
        }
        fflush(NULL);
        if (system(command) != 0) /* the user's own command line, on his own behalf */
            complain("--show: '%s' failed", command);
    }
    atomic_store(&run->board->slow, 0);
}

/* Whoever is about to take a slot might take that of somebody just killed, and with it the evidence that settle() needs. */
static bool all_seated(const struct run *run)
{
    for (enum role role = PRODUCER; role <= CONSUMER; role++)
        for (unsigned i = 0; i < seats(run, role); i++)
            if (run->worker[role][i].pid && !atomic_load(&board_seat(run, role, i)->seated))
                return false;
    return true;
}

/* Kills one, another seat each time; rather not a producer that is held back. */
static void kill_one(struct run *run, enum role role)
{
    const struct worker *victim = NULL;
    for (unsigned i = 0; i < seats(run, role); i++) {
        unsigned seat = (i + run->killed[role]) % seats(run, role);
        bool idle = role == PRODUCER && ledger_read(&board_seat(run, role, seat)->ledger).sums.records >= run->board->limit;
        if (run->worker[role][seat].pid && (!victim || !idle))
            victim = &run->worker[role][seat];
        if (victim && !idle)
            break;
    }
    if (victim && kill(victim->pid, SIGKILL) == 0)
        run->victim = victim->pid;
}

/* One turn, some milliseconds after the last: kills one after the other until there were enough, then shows, then lets the run go on. */
static void mid_run(struct run *run)
{
    struct sums pushed = run_sums(run, PRODUCER), tallied = run_sums(run, CONSUMER);
    bool begun = pushed.records >= run->board->limit / 4 && tallied.records + run->lost.records > 0;
    if (!begun || run->failed || run->victim || !all_seated(run) || !atomic_load(&run->board->held))
        return;
    if (run->killed[PRODUCER] < run->options->kills && run->killed[PRODUCER] <= run->killed[CONSUMER]) {
        kill_one(run, PRODUCER);
    } else if (run->killed[CONSUMER] < run->options->kills) {
        kill_one(run, CONSUMER);
    } else {
        show(run);
        atomic_store(&run->board->held, 0);
    }
}

/* Waits for a child's end or a few milliseconds. The time varies, so that kills hit all kinds of moments. */
static int await(void)
{
    struct timespec turn;
    clock_gettime(CLOCK_MONOTONIC, &turn);
    turn = (struct timespec){.tv_nsec = 1000000 + turn.tv_nsec % 2000000};
    return sigtimedwait(&awaited, NULL, &turn);
}

static void watch(struct run *run)
{
    while (living(run, PRODUCER) || living(run, CONSUMER)) {
        int signal_number = await();
        if (signal_number == SIGINT || signal_number == SIGTERM) {
            complain("interrupted");
            end_all(run);
        }
        reap(run);
        if (!living(run, PRODUCER))
            atomic_store_explicit(&run->board->ended, 1, memory_order_release);
        else
            mid_run(run);
    }
}

int run_all(struct run *run)
{
    if (start_all(run) != 0)
        end_all(run);
    watch(run);
    return run->failed ? -1 : 0;
}
