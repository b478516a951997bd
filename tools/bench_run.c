/*
 * bench_run.c - owns one round of one peer: memory, workers, the common start, the clock, and the verification after it.
 *
 * The time of a round is that from the common start (the earliest of the workers' starts behind the barrier) to the end of the slowest worker.
 */
#include "bench.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a round shares among its workers besides the peer's memory. */
struct arena {
    pthread_barrier_t barrier;
    struct bench_worker worker[];
};

struct thread_arg {
    struct arena *arena;
    const struct bench_peer *peer;
    unsigned index;
};

static cpu_set_t cpus;

/* ---- the machine ---- */

void bench_cpus(void)
{
    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof cpus, &cpus);
}

unsigned bench_cpu_count(void)
{
    return (unsigned)CPU_COUNT(&cpus);
}

/* Round-robin over the CPUs that this program may use. */
void bench_pin(unsigned worker)
{
    unsigned left = bench_cpu_count() ? worker % bench_cpu_count() : 0;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &cpus) || left-- > 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

uint64_t bench_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void *bench_map_shared(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return mem == MAP_FAILED ? NULL : mem;
}

void *bench_map(struct bench_round *round, size_t bytes)
{
    round->handle = bench_map_shared(bytes);
    round->map_bytes = bytes;
    return round->handle;
}

void bench_unmap(struct bench_round *round)
{
    munmap(round->handle, round->map_bytes);
}

/* ---- values ---- */

/* What worker w pushes, from here on; what is there before the start comes from the "worker" after the last. */
static uint64_t first_value(unsigned worker)
{
    return (uint64_t)(worker + 1) << 40;
}

uint64_t bench_standing(const struct bench_case *what)
{
    switch (what->mix) {
    case MIX_PUSH:
    case MIX_PUSH_N:
        return 0;
    case MIX_POP:
    case MIX_POP_N:
        return what->workers * what->ops;
    case MIX_GET_N:
    case MIX_SNAPSHOT:
        return BATCH_STANDING;
    default:
        return STANDING;
    }
}

/* In a mix that pushes and pops, a worker is never ahead by more than one push. */
uint64_t bench_room(const struct bench_case *what)
{
    const bool pushes = what->mix == MIX_PUSH || what->mix == MIX_PUSH_N;
    return bench_standing(what) + what->workers * (pushes ? what->ops : 1);
}

static size_t elem_bytes(enum bench_mix mix)
{
    return mix == MIX_MIXED64 ? 64 : mix == MIX_MIXED1024 ? 1024 : 8;
}

bench_loop *bench_loop_of(const struct bench_peer *peer, enum bench_mix mix)
{
    bench_loop *const loops[MIXES] = {peer->push,      peer->pop,    peer->mixed, peer->read,  peer->mixed64,
                                      peer->mixed1024, peer->push_n, peer->pop_n, peer->get_n, peer->snapshot};
    return loops[mix];
}

/* Before the mixes that take many at a time, many at a time: that is quicker with those for whom one is slow. */
static bench_loop *fill_loop_of(const struct bench_peer *peer, const struct bench_round *round)
{
    const enum bench_mix mix = round->what->mix;
    if (peer->push_n && (mix == MIX_POP_N || mix == MIX_GET_N || mix == MIX_SNAPSHOT))
        return peer->push_n;
    return round->elem_bytes == 64 ? peer->push64 : round->elem_bytes == 1024 ? peer->push1024 : peer->push;
}

/* Puts in what must be there at the start: an even share through each worker's door, for peers where that makes a difference. */
static int fill(const struct bench_peer *peer, struct bench_round *round, struct bench_score *score)
{
    uint64_t left = bench_standing(round->what), value = first_value(WORKERS_MOST);
    for (unsigned i = 0; i < round->what->workers; i++) {
        struct bench_worker filler = {.round = round, .handle = round->handle, .index = i};
        uint64_t share = left / (round->what->workers - i);
        int rc = peer->enter ? peer->enter(&filler) : 0;
        if (rc != 0)
            return rc;
        fill_loop_of(peer, round)(&filler, value, share);
        if (peer->leave)
            peer->leave(&filler);
        score->pushed += filler.score.pushed;
        score->pushed_sum += filler.score.pushed_sum;
        score->missed += filler.score.missed;
        value += share;
        left -= share;
    }
    return 0;
}

/* ---- workers ---- */

/* Fills and empties once before the clock, so that every page is there and mapped. */
static void warm_up(const struct bench_peer *peer, struct arena *arena, struct bench_worker *worker, bool entered)
{
    struct bench_score nothing = {0};
    if (entered)
        peer->push(worker, first_value(worker->index), worker->round->what->ops);
    worker->score = nothing;
    pthread_barrier_wait(&arena->barrier);
    if (worker->index == 0)
        peer->clear(worker->round);
}

static void run_body(const struct bench_peer *peer, struct bench_worker *worker)
{
    const struct bench_case *what = worker->round->what;
    if (what->body)
        what->body(peer, worker, first_value(worker->index));
    else
        bench_loop_of(peer, what->mix)(worker, first_value(worker->index), what->ops);
}

/* A worker that could not enter comes to the barriers all the same: others wait there. */
static int work(const struct bench_peer *peer, struct arena *arena, unsigned index)
{
    struct bench_worker me = arena->worker[index]; /* a copy: nothing that is written in the loop lies beside another's */
    const struct bench_case *what = me.round->what;
    bench_pin(index);
    int rc = peer->enter ? peer->enter(&me) : 0;
    if (what->warm && (what->mix == MIX_PUSH || what->mix == MIX_PUSH_N))
        warm_up(peer, arena, &me, rc == 0);
    pthread_barrier_wait(&arena->barrier);
    uint64_t start = bench_ns();
    if (rc == 0)
        run_body(peer, &me);
    me.score.end = bench_ns();
    me.score.start = start;
    if (peer->leave && rc == 0)
        peer->leave(&me);
    arena->worker[index].score = me.score;
    return rc;
}

/* Forgets the worker of this pid; false if it is none: a peer may have children of its own. */
static bool forget(pid_t *pids, unsigned count, pid_t pid)
{
    for (unsigned i = 0; i < count; i++)
        if (pids[i] == pid) {
            pids[i] = 0;
            return true;
        }
    return false;
}

static void end_all(const pid_t *pids, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (pids[i] > 0)
            kill(pids[i], SIGKILL);
}

/* Waits for all. If one dies, the others would wait at the barrier for ever: they are ended. */
static int wait_processes(pid_t *pids, unsigned count)
{
    int rc = 0;
    for (unsigned left = count; left > 0;) {
        int status;
        pid_t pid = wait(&status);
        if (pid < 0 && errno != EINTR)
            return -errno;
        if (pid < 0 || !forget(pids, count, pid))
            continue;
        left--;
        if (status == 0 || rc != 0)
            continue;
        bench_complain("a worker ended with status 0x%x", (unsigned)status);
        rc = -ECHILD;
        end_all(pids, count);
    }
    return rc;
}

static int run_processes(const struct bench_peer *peer, struct arena *arena, unsigned workers)
{
    pid_t pids[WORKERS_MOST];
    fflush(NULL);
    for (unsigned i = 0; i < workers; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(work(peer, arena, i) == 0 ? 0 : 1);
        if (pids[i] > 0)
            continue;
        int rc = -errno;
        end_all(pids, i);
        wait_processes(pids, i);
        return rc;
    }
    return wait_processes(pids, workers);
}

static void *thread_main(void *arg)
{
    struct thread_arg *mine = arg;
    int rc = work(mine->peer, mine->arena, mine->index);
    return rc == 0 ? NULL : mine;
}

static int run_threads(const struct bench_peer *peer, struct arena *arena, unsigned workers)
{
    pthread_t threads[WORKERS_MOST];
    struct thread_arg args[WORKERS_MOST];
    int rc = 0;
    for (unsigned i = 0; i < workers; i++) {
        args[i] = (struct thread_arg){.arena = arena, .peer = peer, .index = i};
        if (pthread_create(&threads[i], NULL, thread_main, &args[i]) != 0) {
            bench_complain("cannot start %u threads", workers);
            exit(1); /* those at the barrier would wait for ever */
        }
    }
    for (unsigned i = 0; i < workers; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        rc = failed ? -ECHILD : rc;
    }
    return rc;
}

/* ---- verification ---- */

static int verify(const struct bench_peer *peer, struct bench_round *round, const struct bench_score *all)
{
    struct bench_total total = {0};
    int rc = peer->total(round, &total);
    uint64_t count = all->pushed - all->popped, sum = all->pushed_sum - all->popped_sum;
    bool good = rc == 0 && all->missed == 0 && total.count == count && (peer->no_values || total.sum == sum);
    if (good)
        return 0;
    bench_complain("WRONG: %s, %s, %u workers: %llu elements, sum %llx; expected %llu, %llx; %llu operations missed; %s", peer->name,
                   bench_mix_name[round->what->mix], round->what->workers, (unsigned long long)total.count, (unsigned long long)total.sum,
                   (unsigned long long)count, (unsigned long long)sum, (unsigned long long)all->missed, strerror(-rc));
    return -EBADMSG;
}

static void join_score(struct bench_score *all, const struct bench_score *one)
{
    all->pushed += one->pushed;
    all->pushed_sum += one->pushed_sum;
    all->popped += one->popped;
    all->popped_sum += one->popped_sum;
    all->missed += one->missed;
    if (!all->start || one->start < all->start)
        all->start = one->start;
    if (one->end > all->end)
        all->end = one->end;
}

/* ---- a round ---- */

static int open_arena(struct arena **arena, struct bench_round *round)
{
    pthread_barrierattr_t attr;
    *arena = bench_map_shared(sizeof **arena + round->what->workers * sizeof *(*arena)->worker);
    if (!*arena)
        return -ENOMEM;
    pthread_barrierattr_init(&attr);
    pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&(*arena)->barrier, &attr, round->what->workers);
    for (unsigned i = 0; i < round->what->workers; i++)
        (*arena)->worker[i] = (struct bench_worker){.round = round, .handle = round->handle, .index = i};
    return 0;
}

static int run_workers(const struct bench_peer *peer, struct bench_round *round, struct bench_score *all)
{
    const struct bench_case *what = round->what;
    struct arena *arena;
    int rc = open_arena(&arena, round);
    if (rc != 0)
        return rc;
    rc = what->threads ? run_threads(peer, arena, what->workers) : run_processes(peer, arena, what->workers);
    for (unsigned i = 0; i < what->workers; i++)
        join_score(all, &arena->worker[i].score);
    munmap(arena, sizeof *arena + what->workers * sizeof *arena->worker);
    return rc;
}

int bench_run(const struct bench_peer *peer, const struct bench_case *what, double *seconds)
{
    struct bench_round round = {.what = what, .elem_bytes = elem_bytes(what->mix)};
    struct bench_score all = {0};
    round.room = bench_room(what);
    int rc = peer->open(&round);
    if (rc != 0) {
        bench_complain("%s: %s", peer->name, strerror(-rc));
        return rc;
    }
    rc = fill(peer, &round, &all);
    if (rc == 0)
        rc = run_workers(peer, &round, &all);
    if (rc == 0)
        rc = verify(peer, &round, &all);
    *seconds = (double)(all.end - all.start) * 1e-9;
    peer->close(&round);
    return rc;
}
