/* ipc.c - see ipc.h. */
#include "ipc.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- names ----------------------------------------------------------------------------------------------------------------------------- */

static pid_t runner; /* of all tests: Check runs each in a child of its own */
static char name[64];
static uint64_t seed;
static _Atomic uint64_t threads;   /* that have drawn numbers */
static _Thread_local uint64_t rng; /* 0: this thread has drawn none yet */

static __attribute__((constructor)) void set_up(void)
{
    const char *given = getenv("LFVEC_SEED");
    runner = getpid();
    snprintf(name, sizeof name, "/lfvec-test-%d-ipc", (int)runner);
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
}

const char *ipc_name(void)
{
    lfvec_unlink(name);
    return name;
}

void ipc_clean(void)
{
    lfvec_unlink(name);
}

void ipc_attr(struct lfvec_attr *attr, uint32_t elem_size)
{
    lfvec_attr_init(attr);
    attr->elem_size = elem_size;
    attr->leaf_bytes = 64;
    attr->slab_bytes = 65536;
    attr->max_slots = 8;
    attr->max_bytes = UINT64_C(1) << 32; /* user-mode emulation keeps a table of all pages that are mapped, used or not */
}

lfvec_t *ipc_make(const struct lfvec_attr *attr)
{
    struct lfvec_attr small;
    ipc_attr(&small, 8);
    lfvec_t *v = lfvec_open(ipc_name(), LFVEC_CREATE | LFVEC_EXCL, attr ? attr : &small);
    ck_assert_msg(v != NULL, "%s", lfvec_last_error());
    return v;
}

void ipc_sound(lfvec_t *v)
{
    struct lfvec_audit audit;
    const int err = lfvec_check(v, &audit);
    if (err)
        ck_abort_msg("audit: %d: %s", err, audit.message);
}

/* ---- the board ------------------------------------------------------------------------------------------------------------------------- */

struct board *ipc_board(void)
{
    struct board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(b != MAP_FAILED);
    return b;
}

void ipc_until(const _Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load(word) < value)
        sched_yield();
}

void ipc_until64(const _Atomic uint64_t *word, uint64_t value)
{
    while (atomic_load(word) < value)
        sched_yield();
}

uint64_t ipc_random(uint64_t below)
{
    if (!rng)
        rng = seed ^ (atomic_fetch_add(&threads, 1) + 1) * UINT64_C(0xbf58476d1ce4e5b9);
    rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (rng >> 33) % below;
}

void ipc_reseed(uint64_t salt)
{
    (void)ipc_random(2);
    rng ^= (salt + 1) * UINT64_C(0x9e3779b97f4a7c15);
    (void)ipc_random(2);
}

/* ---- children -------------------------------------------------------------------------------------------------------------------------- */

_Noreturn void ipc_child_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: in child %d: %s\n", file, line, (int)getpid(), what);
    _exit(99);
}

pid_t ipc_start(ipc_fn *fn, struct board *b, uint32_t me)
{
    fflush(stdout);
    (void)ipc_random(2); /* the next child has other numbers */
    const pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        ipc_reseed(me);
        fn(b, me);
        _exit(0);
    }
    return pid;
}

static int wait_for(pid_t pid, int options)
{
    int status = 0;
    pid_t got;
    while ((got = waitpid(pid, &status, options)) < 0 && errno == EINTR)
        ;
    MUST(got == pid);
    return status;
}

void ipc_reap(pid_t pid)
{
    const int status = wait_for(pid, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        ck_abort_msg("a child ended with status 0x%x", (unsigned int)status);
}

void ipc_reap_killed(pid_t pid)
{
    const int status = wait_for(pid, 0);
    if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        ck_abort_msg("a child to be killed ended with status 0x%x", (unsigned int)status);
}

void ipc_kill(pid_t pid)
{
    MUST(kill(pid, SIGKILL) == 0);
    ipc_reap_killed(pid);
}

void ipc_stop(pid_t pid)
{
    MUST(kill(pid, SIGSTOP) == 0);
    MUST(WIFSTOPPED(wait_for(pid, WUNTRACED)));
}

void ipc_continue(pid_t pid)
{
    MUST(kill(pid, SIGCONT) == 0);
}

void ipc_kill_self_after(uint64_t ns)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    const struct itimerspec in = {.it_value = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) + 1}};
    CHILD_MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHILD_MUST(timer_settime(timer, 0, &in, NULL) == 0);
}

/* ---- slots ----------------------------------------------------------------------------------------------------------------------------- */

struct lfvec_participant ipc_slot(lfvec_t *v, uint32_t slot)
{
    struct lfvec_participant p;
    memset(&p, 0, sizeof p);
    MUST(lfvec_participant(v, slot, &p) == 0);
    return p;
}

uint32_t ipc_slot_of(lfvec_t *v, pid_t pid)
{
    struct lfvec_participant p;
    for (uint32_t slot = 1; lfvec_participant(v, slot, &p) == 0; slot++)
        if (p.state != LFVEC_SLOT_FREE && p.pid == pid)
            return slot;
    return 0;
}

/* ---- the tally ------------------------------------------------------------------------------------------------------------------------- */

#define ID_MASK ((UINT64_C(1) << 48) - 1)

void ipc_see(struct board *b, uint64_t elem)
{
    const uint64_t id = (elem & ID_MASK) - 1, me = id >> 24, serial = id & 0xffffff;
    CHILD_MUST(elem != 0 && me < IPC_PROCS && serial < IPC_IDS);
    CHILD_MUST(serial < atomic_load(&b->proc[me].pushed) + 1); /* the last one may be under way */
    CHILD_MUST(atomic_fetch_add(&b->proc[me].seen[serial], 1) == 0);
}

static int step_push(lfvec_t *v, struct board *b, uint32_t me)
{
    const uint64_t serial = atomic_load(&b->proc[me].pushed);
    if (serial == IPC_IDS)
        return 0;
    const uint64_t elem = ipc_elem(me, serial);
    atomic_store(&b->proc[me].in_flight, IPC_PUSHING);
    const int err = lfvec_push(v, &elem, NULL);
    if (!err)
        atomic_store(&b->proc[me].pushed, serial + 1);
    atomic_store(&b->proc[me].in_flight, IPC_IDLE);
    return err;
}

static int step_pop(lfvec_t *v, struct board *b, uint32_t me)
{
    uint64_t elem;
    atomic_store(&b->proc[me].in_flight, IPC_POPPING);
    const int err = lfvec_pop(v, &elem);
    if (!err)
        ipc_see(b, elem);
    atomic_store(&b->proc[me].in_flight, IPC_IDLE);
    return err == -EAGAIN ? 0 : err;
}

/* The bits above 48 are anybody's: elements change in place without losing what they are. */
static int step_change(lfvec_t *v)
{
    const uint64_t size = lfvec_size(v), index = size ? ipc_random(size) : 0;
    uint64_t elem;
    int err = lfvec_get(v, index, &elem);
    if (!err)
        err = lfvec_cas_u64(v, index, &elem, elem + (UINT64_C(1) << 48));
    else if (err == -ERANGE)
        err = lfvec_fetch_add_u64(v, index, UINT64_C(1) << 48, NULL);
    return err == -ERANGE || err == -ECANCELED ? 0 : err;
}

int ipc_step(lfvec_t *v, struct board *b, uint32_t me)
{
    const uint64_t kind = ipc_random(8);
    int err;
    if (kind < 3)
        err = step_push(v, b, me);
    else if (kind < 6)
        err = step_pop(v, b, me);
    else
        err = step_change(v);
    atomic_fetch_add(&b->proc[me].progress, 1);
    return err;
}

void ipc_settle(lfvec_t *v, struct board *b, uint32_t lost)
{
    uint64_t elem;
    uint32_t missing = 0;
    while (lfvec_pop(v, &elem) == 0)
        ipc_see(b, elem);
    for (uint32_t p = 0; p < IPC_PROCS; p++)
        for (uint64_t serial = 0; serial < atomic_load(&b->proc[p].pushed); serial++)
            missing += atomic_load(&b->proc[p].seen[serial]) == 0;
    ck_assert_uint_le(missing, lost);
}
