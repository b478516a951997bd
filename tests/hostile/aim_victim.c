/*
 * aim_victim.c - a victim: a process whose threads do every public operation on the segment that is forged, and hold slots in a second segment
 * that is not. Threads are short-lived, since the kernel and the C library do most with a thread's locks when it ends.
 */
#include "aim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__has_include)
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define AIM_BACKTRACE 1
#endif
#endif

enum { LIFE_MS = 120, OPERATIONS_EACH = 60, STATUS_CANARY = 40, STATUS_SECOND = 41, STATUS_CHILD = 42, STATUS_OWN = 43 };

/* ---- calls ------------------------------------------------------------------------------------------------------------------------------- */

int64_t aim_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void aim_call_begins(struct victim *v, uint32_t caller)
{
    struct caller *c = &v->caller[caller];
    atomic_store(&c->tid, (int32_t)syscall(SYS_gettid));
    atomic_store(&c->stopped, atomic_load(&v->stopped));
    atomic_store(&c->since, aim_now());
}

void aim_call_ends(struct victim *v, uint32_t caller)
{
    struct caller *c = &v->caller[caller];
    const int64_t took = aim_now() - atomic_load(&c->since) - (atomic_load(&v->stopped) - atomic_load(&c->stopped));
    int64_t longest = atomic_load(&aim_board->longest);
    atomic_store(&c->since, 0);
    atomic_fetch_add(&c->calls, 1);
    while (longest < took)
        if (atomic_compare_exchange_weak(&aim_board->longest, &longest, took)) {
            aim_board->longest_beside = aim_board->attacker;
            aim_board->longest_call = v == &aim_board->victim[VICTIMS - 1] ? UINT32_MAX : atomic_load(&v->hand.at[caller]);
            break;
        }
}

/* ---- faults of its own ------------------------------------------------------------------------------------------------------------------- */

static void say(const char *what)
{
    (void)!write(STDERR_FILENO, what, strlen(what));
}

static void fatal(int sig)
{
    say("# backtrace of a victim:\n");
#ifdef AIM_BACKTRACE
    void *frame[40];
    backtrace_symbols_fd(frame, backtrace(frame, 40), STDERR_FILENO);
#endif
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

/* A sanitizer has handlers of its own for what is not an abort. */
static void catch_faults(void)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < (AIM_SANITIZED ? 1 : sizeof signals / sizeof *signals); i++)
        (void)signal(signals[i], fatal);
#ifdef AIM_BACKTRACE
    void *frame[1];
    (void)backtrace(frame, 1); /* loads what it needs, which a handler must not */
#endif
}

/* ---- the process ------------------------------------------------------------------------------------------------------------------------- */

struct process {
    const char *name;
    uint32_t me, kind;
    struct victim *v;
    struct rng rng;
    lfvec_t *shared, *second; /* shared: NULL if the segment could not be opened */
    uint64_t mapped;          /* bytes of the segment's mapping */
    _Atomic bool ends;
};

struct thread {
    struct process *p;
    uint32_t at;
    uint64_t seed;
    int64_t until;
};

static struct hand hand_of(const struct process *p, uint32_t caller, uint64_t seed)
{
    struct hand h = {.board = &p->v->hand, .me = caller, .rng = {seed}};
    h.room = calloc(SOME, ELEM_MOST);
    if (!h.room)
        _exit(STATUS_OWN);
    return h;
}

static bool goes_on(const struct process *p, int64_t until)
{
    return aim_now() < until && !atomic_load(&aim_board->closing) && !atomic_load(&p->ends);
}

static bool open_timed(struct process *p, struct hand *h, int flags)
{
    aim_call_begins(p->v, h->me);
    const bool opened = hand_open(h, p->name, flags);
    aim_call_ends(p->v, h->me);
    if (opened && h->elem_size <= ELEM_MOST)
        return true;
    if (opened)
        (void)lfvec_detach(h->v); /* a forged header says so, and the room is for less */
    return false;
}

static void detach_timed(struct process *p, uint32_t caller, lfvec_t *v)
{
    atomic_store(&p->v->hand.at[caller], operation_at("detach"));
    aim_call_begins(p->v, caller);
    const int err = lfvec_detach(v);
    aim_call_ends(p->v, caller);
    if (err && err != -EBADMSG)
        abort();
}

static void operate(struct process *p, struct hand *h, int64_t until)
{
    for (int i = 0; i < OPERATIONS_EACH && goes_on(p, until); i++) {
        aim_call_begins(p->v, h->me);
        (void)hand_operate(h);
        aim_call_ends(p->v, h->me);
    }
}

/* Nobody forges anything there. */
static void use_second(const struct process *p, int err)
{
    if (!err)
        return;
    fprintf(stderr, "# victim %u: a call on the second segment failed: %s\n", p->me, strerror(-err));
    _exit(STATUS_SECOND);
}

/*
 * What comes where the segment was mapped: private memory, in which nothing may be stored when the thread next locks something, leaves it, and
 * goes on.
 */
static void move_in(struct process *p, uint32_t thread, uint64_t bytes)
{
    enum { LOOKED_AT = 64 * SHM_PAGE };
    const uint64_t x = thread;
    unsigned char *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return;
    memset(room, 0x5a, LOOKED_AT);
    const int left = lfvec_leave(p->second);
    const int err = lfvec_set(p->second, thread, &x);
    for (size_t i = 0; i < LOOKED_AT; i++)
        if (room[i] != 0x5a) {
            say("# memory where a segment was mapped before was stored into\n");
            _exit(STATUS_CANARY);
        }
    use_second(p, left ? left : err);
    munmap(room, bytes);
}

/* Attaches and detaches; leaves, or takes its slot with it to the end. */
static void come_and_go(struct process *p, struct hand *h, int64_t until)
{
    const int flags = p->kind == LOOK || rng_below(&h->rng, 4) == 0 ? LFVEC_RDONLY : 0;
    if (!open_timed(p, h, flags)) {
        sched_yield();
        return;
    }
    operate(p, h, until);
    if (!flags && rng_below(&h->rng, 2)) {
        aim_call_begins(p->v, h->me);
        (void)lfvec_leave(h->v);
        aim_call_ends(p->v, h->me);
    }
    detach_timed(p, h->me, h->v);
    if (rng_below(&h->rng, 4) == 0)
        move_in(p, h->me, p->mapped);
}

static void wait_for_some(struct process *p, struct hand *h)
{
    const struct timespec most = {.tv_sec = 0, .tv_nsec = 1 + (long)rng_below(&h->rng, 150000000)};
    aim_call_begins(p->v, h->me);
    if (h->me == 0 && rng_below(&h->rng, 2))
        (void)lfvec_push(h->v, h->room, NULL);
    (void)lfvec_pop_wait(h->v, h->room, &most);
    aim_call_ends(p->v, h->me);
}

static void *live(void *arg)
{
    struct thread *t = arg;
    struct process *p = t->p;
    struct hand h = hand_of(p, t->at, t->seed);
    uint64_t x = t->at;
    aim_fill_thread(p->me, t->at, (int32_t)syscall(SYS_gettid));
    use_second(p, lfvec_set(p->second, t->at, &x)); /* it holds a slot there, too */
    while (goes_on(p, t->until)) {
        h.v = p->shared;
        h.read_only = false;
        h.elem_size = h.v ? lfvec_elem_size(h.v) : 0;
        if (p->kind == COME || p->kind == LOOK || !h.v)
            come_and_go(p, &h, t->until);
        else if (p->kind == SLEEP)
            wait_for_some(p, &h);
        else
            operate(p, &h, t->until);
    }
    use_second(p, lfvec_set(p->second, t->at, &x));
    free(h.room);
    return NULL;
}

/* Each of the assertions is to be seen to fail: what would an attacker bring about? */
static void misbehave(struct process *p)
{
    enum { MUCH = AIM_SANITIZED ? 1 << 30 : 1 << 27, LONG_S = 2 * HANG_MS / 1000, OTHER = 7 };
    const uint64_t x = OTHER;
    switch (aim_board->control) {
    case CONTROL_SIGNAL:
        (void)raise(SIGBUS);
        break;
    case CONTROL_HANG:
        aim_call_begins(p->v, THREADS);
        sleep(LONG_S);
        aim_call_ends(p->v, THREADS);
        break;
    case CONTROL_CANARY:
        p->v->canary[CANARY_SHARED][CANARY_BYTES - 1]++; /* of no thread's part, which would be filled again */
        break;
    case CONTROL_SECOND:
        (void)lfvec_set(p->second, OTHER + 1, &x);
        break;
    case CONTROL_OBJECT: {
        const int fd = shm_open(p->name, O_RDWR, 0);
        if (fd < 0 || fallocate(fd, 0, 0, (off_t)(3 * p->mapped)) != 0 || close(fd) != 0)
            _exit(STATUS_OWN);
        break;
    }
    case CONTROL_MEMORY: {
        static char *room; /* static: no leak */
        room = room ? room : malloc(MUCH);
        if (room)
            memset(room, OTHER, MUCH);
        break;
    }
    default:
        break;
    }
}

/* Whatever threads leave is given back when they end: that is a call, too. */
static void threads_live(struct process *p)
{
    pthread_t thread[THREADS];
    struct thread t[THREADS];
    const int64_t until = aim_now() + LIFE_MS * INT64_C(1000000);
    atomic_store(&p->ends, false);
    aim_fill_canaries(p->me);
    for (uint32_t i = 0; i < THREADS; i++) {
        t[i] = (struct thread){p, i, rng_next(&p->rng), until};
        if (pthread_create(&thread[i], NULL, live, &t[i]) != 0)
            _exit(STATUS_OWN);
    }
    misbehave(p);
    while (goes_on(p, until))
        usleep(2000);
    atomic_store(&p->ends, true);
    atomic_store(&p->v->hand.at[THREADS], operation_at("detach"));
    aim_call_begins(p->v, THREADS);
    for (uint32_t i = 0; i < THREADS; i++)
        (void)pthread_join(thread[i], NULL);
    aim_call_ends(p->v, THREADS);
    if (!aim_canaries_are_whole(p->me))
        _exit(STATUS_CANARY);
}

/* Of one thread by now. The child works with what it inherits, and ends in one way or another. */
static void fork_one(struct process *p)
{
    int status = 0;
    const uint64_t seed = rng_next(&p->rng);
    const pid_t pid = fork();
    if (pid == 0) {
        struct hand h = hand_of(p, THREADS, seed);
        h.v = p->shared;
        h.elem_size = lfvec_elem_size(h.v);
        operate(p, &h, aim_now() + 20000000);
        if (rng_below(&h.rng, 2))
            (void)raise(SIGKILL);
        _exit(aim_canaries_are_whole(p->me) ? 0 : STATUS_CANARY);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)))
        _exit(WIFEXITED(status) && WEXITSTATUS(status) == STATUS_CANARY ? STATUS_CANARY : STATUS_CHILD);
}

static void snapshots(struct process *p)
{
    const uint64_t most = 1000000;
    uint64_t *room = malloc(most * sizeof *room), version;
    if (!room)
        _exit(STATUS_OWN);
    atomic_store(&p->v->hand.at[0], operation_at("snapshot"));
    while (p->shared && !atomic_load(&aim_board->closing)) {
        const uint64_t size = lfvec_size(p->shared);
        aim_call_begins(p->v, 0);
        (void)lfvec_snapshot(p->shared, 0, room, size < most ? size : most, &version);
        aim_call_ends(p->v, 0);
    }
    free(room);
}

/* All that fits but for what others have in hand. */
static void grow(struct process *p)
{
    struct lfvec_stat st = {.max_elems = 0};
    (void)lfvec_stat(p->shared, &st);
    const uint64_t most = st.max_elems - st.max_elems / 8;
    atomic_store(&p->v->hand.at[0], operation_at("reserve"));
    while (p->shared && !atomic_load(&aim_board->closing)) {
        aim_call_begins(p->v, 0);
        (void)lfvec_reserve(p->shared, most);
        aim_call_ends(p->v, 0);
    }
}

static void open_shared(struct process *p)
{
    struct hand h = {.board = &p->v->hand, .me = THREADS};
    if (open_timed(p, &h, 0))
        p->shared = h.v;
}

/* A second mapping of the segment, in which nothing can be stored. */
static lfvec_t *open_to_look(struct process *p)
{
    struct hand h = {.board = &p->v->hand, .me = THREADS};
    return open_timed(p, &h, LFVEC_RDONLY) ? h.v : NULL;
}

void aim_victim(const char *name, const char *second, uint32_t me, uint32_t kind, uint64_t bytes, uint64_t seed)
{
    struct process p = {.name = name, .me = me, .kind = kind, .v = &aim_board->victim[me], .mapped = bytes, .rng = {seed}};
    catch_faults();
    (void)setpgid(0, 0); /* its children are stopped and ended with it */
    p.second = lfvec_open(second, 0, NULL);
    lfvec_t *looked = lfvec_open(second, LFVEC_RDONLY, NULL), *mapped = open_to_look(&p);
    if (!p.second || !looked)
        _exit(STATUS_SECOND);
    while (!atomic_load(&aim_board->closing)) {
        if (!p.shared && kind != LOOK)
            open_shared(&p);
        if (kind == SNAP)
            snapshots(&p);
        else if (kind == GROW)
            grow(&p);
        else
            threads_live(&p);
        if (kind == COME && p.shared)
            fork_one(&p);
        if (kind == COME && p.shared && rng_below(&p.rng, 2)) {
            detach_timed(&p, THREADS, p.shared);
            p.shared = NULL;
        }
    }
    if (p.shared)
        detach_timed(&p, THREADS, p.shared);
    if (mapped)
        detach_timed(&p, THREADS, mapped);
    (void)lfvec_detach(looked);
    exit(lfvec_detach(p.second) == 0 ? 0 : STATUS_SECOND);
}
