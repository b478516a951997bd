/*
 * check_life.c - who holds a slot, and does it live? Asked while its holder changes, at each moment of that; of threads whose death the
 * kernel does not mark (exec(), clone(), more mutexes than it looks at); of numbers that two threads have; and across namespaces.
 */
#include "suites.h"
#include "support.h"

#include "atomic16.h"
#include "participant.h"
#include "slot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NOT_ALLOWED = 77 }; /* a child's status */

static lfvec_t *v; /* of one slot, but where it says otherwise; its children inherit the handle */

static lfvec_t *make_with_slots(uint32_t slots)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = slots;
    return unit_make(&a);
}

static void set_up(void)
{
    v = make_with_slots(1);
}

static void tear_down(void)
{
    ck_assert_int_eq(lfvec_detach(v), 0);
}

static struct shm_slot *first(void)
{
    return slot_at(&v->seg, 1);
}

static uint32_t state(void)
{
    return slot_state(&v->seg, 1);
}

static int32_t holder(void)
{
    return slot_mark(&v->seg, 1).holder;
}

static bool is_alive(uint32_t is)
{
    return is == LFVEC_SLOT_ALIVE || is == LFVEC_SLOT_STOPPED;
}

static struct lfvec_recovery recovered(void)
{
    struct lfvec_recovery r;
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    return r;
}

/* Nobody takes the slot from a holder that may live, by any way. */
static void must_be_left_alone(void)
{
    const struct life_mark was = slot_mark(&v->seg, 1);
    struct lfvec_recovery r;
    MUST(is_alive(state()));
    MUST(lfvec_recover_forced(v, 1, &r) == -EBUSY);
    MUST(lfvec_recover_slot(v, 1, &r) == 0 && r.slots_unknown == 0 && r.slots_recovered == 0);
    MUST(slot_mark(&v->seg, 1).raw == was.raw);
}

/* ---- children that say when they are ready, and end on the test's word ----------------------------------------------------------------- */

struct child {
    pid_t pid;
    int said[2]; /* closed by the child's exec() or end */
};

typedef pid_t make_fn(void);

static pid_t by_fork(void)
{
    return fork();
}

/* The C library knows nothing of it: the kernel has no list of the child's mutexes. */
static pid_t by_clone(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static pid_t wanted;

/* With the number that is wanted, in the innermost pid namespace. */
static pid_t by_number(void)
{
    const uint64_t args[11] = {
        [4] = SIGCHLD, [8] = (uintptr_t)&wanted, [9] = 1}; /* struct clone_args: exit_signal, set_tid, set_tid_size */
    return (pid_t)syscall(SYS_clone3, args, sizeof args);
}

static void say_ready(const struct child *c)
{
    MUST(write(c->said[1], "x", 1) == 1);
}

static void start(struct child *c, make_fn *make, void (*fn)(struct child *))
{
    ck_assert_int_eq(pipe2(c->said, O_CLOEXEC), 0);
    c->pid = make();
    if (c->pid < 0 && make == by_number)
        _exit(NOT_ALLOWED);
    ck_assert_int_ge(c->pid, 0);
    if (c->pid == 0) {
        close(c->said[0]);
        fn(c);
        _exit(99);
    }
    close(c->said[1]);
}

static bool is_ready(const struct child *c)
{
    char byte;
    return read(c->said[0], &byte, 1) == 1; /* false: it is another program now, or has ended */
}

static void end(struct child *c)
{
    close(c->said[0]);
    kill(c->pid, SIGKILL);
    ck_assert_int_eq(waitpid(c->pid, NULL, 0), c->pid);
}

static void lease(lfvec_t *w)
{
    uint64_t elem;
    MUST(lfvec_push_u64(w, 5) == 0 && lfvec_push_u64(w, 6) == 0 && lfvec_pop_lease(w, &elem) == 0 && elem == 6);
}

static void lease_and_wait(struct child *c)
{
    lease(v);
    say_ready(c);
    for (;;)
        pause();
}

/* ---- at each moment of a change -------------------------------------------------------------------------------------------------------- */

static const char *lacks_steps(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "valgrind") ? "valgrind's steps are not the program's" : unit_lacks_robust_locks();
}

static void until_traced(pid_t pid, int signal)
{
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    MUST_MSG(WIFSTOPPED(status) && WSTOPSIG(status) == signal, "a traced child ended or stopped otherwise: 0x%x", (unsigned int)status);
}

static void traced_push(void)
{
    MUST(lfvec_push_u64(v, 9) == 0);
}

static void traced_recover(void)
{
    MUST(lfvec_recover(v, NULL) == 0);
}

static void push_and_leave(void)
{
    MUST(lfvec_push_u64(v, 9) == 0 && lfvec_detach(v) == 0);
}

static pid_t start_traced(void (*fn)(void))
{
    const pid_t pid = check_fork();
    if (pid == 0) {
        MUST(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
        raise(SIGSTOP);
        fn();
        raise(SIGSTOP);
        _exit(0);
    }
    until_traced(pid, SIGSTOP);
    return pid;
}

/* What there is of a slot's life, after each instruction of somebody who takes it. */
struct moments {
    char bytes[sizeof(struct shm_slot) - offsetof(struct shm_slot, pid)];
    uint64_t mark;
    uint32_t seen, held;
};

static bool has_changed(struct moments *m)
{
    const uint64_t mark = slot_mark(&v->seg, 1).raw;
    if (mark == m->mark && memcmp(m->bytes, &first()->pid, sizeof m->bytes) == 0)
        return false;
    memcpy(m->bytes, &first()->pid, sizeof m->bytes);
    m->mark = mark;
    m->seen++;
    return true;
}

static void step_through(void (*fn)(void), struct moments *m)
{
    int status = 0;
    const pid_t pid = start_traced(fn);
    *m = (struct moments){.seen = 0};
    (void)has_changed(m);
    m->seen = 0;
    while (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0) {
        MUST(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
        if (WSTOPSIG(status) != SIGTRAP)
            break;
        if (!has_changed(m) || holder() != pid)
            continue;
        m->held++;
        must_be_left_alone();
    }
    MUST_MSG(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "status 0x%x", (unsigned int)status);
    MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
}

static void lease_and_die(struct child *c)
{
    (void)c;
    lease(v);
    _exit(0);
}

/* A slot that is free, a dead one's that the kernel has marked, or one that it has not; taken over, or recovered in passing. */
START_TEST(test_each_moment)
{
    UNIT_NEEDS(lacks_steps);
    static void (*const takers[])(void) = {traced_push, traced_recover, push_and_leave};
    static make_fn *const dead[] = {by_fork, by_clone};
    struct moments m;
    struct child c;
    start(&c, dead[_i & 1], lease_and_die);
    MUST(!is_ready(&c));
    end(&c);
    ck_assert_uint_eq(state(), LFVEC_SLOT_DEAD);
    step_through(takers[_i >> 1], &m);
    ck_assert_uint_ge(m.held, 5); /* it was seen amid it */
    (void)recovered();
    ck_assert_uint_eq(state(), LFVEC_SLOT_FREE);
    unit_sound(v);
}
END_TEST

/* ---- deaths without a mark ------------------------------------------------------------------------------------------------------------ */

/* The lease goes back, and the slot is free, or its next holder's: without force, and without anybody's help. */
static void expect_taken(bool by_recovery)
{
    ck_assert_int_ne(holder(), 0); /* the kernel has left no mark */
    if (by_recovery) {
        const struct lfvec_recovery r = recovered();
        ck_assert_uint_eq(r.slots_recovered, 1);
        ck_assert_uint_eq(r.leases_returned, 1);
        ck_assert_uint_eq(r.slots_alive + r.slots_unknown, 0);
        ck_assert_uint_eq(state(), LFVEC_SLOT_FREE);
        ck_assert_uint_eq(lfvec_size(v), 2);
    }
    ck_assert_int_eq(lfvec_push_u64(v, 7), 0); /* there is one slot */
    ck_assert_uint_eq(lfvec_size(v), 3);
    ck_assert_uint_eq(unit_stat(v).recoveries, 1);
    ck_assert_int_eq(holder(), getpid());
    unit_sound(v);
}

/* exec() closes the pipe a moment before the new program's stack is there, and there is nothing to wait for but that the slot says so. */
static void until_dead(void)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    for (uint32_t tries = 0; tries < 10000 && state() != LFVEC_SLOT_DEAD; tries++)
        nanosleep(&nap, NULL);
    ck_assert_uint_eq(state(), LFVEC_SLOT_DEAD);
}

static void become_another(struct child *c)
{
    (void)c;
    execlp("sleep", "sleep", "1000", (char *)NULL);
    _exit(98);
}

static void *lease_and_exec(void *unused)
{
    (void)unused;
    lease(v);
    become_another(NULL);
    return NULL;
}

/* The kernel gives the thread the number of the main one, and then looks for mutexes of that number. */
static void exec_by_a_thread(struct child *c)
{
    pthread_t thread;
    (void)c;
    MUST(pthread_create(&thread, NULL, lease_and_exec, NULL) == 0);
    (void)pthread_join(thread, NULL);
}

static void exec_by_itself(struct child *c)
{
    (void)c;
    (void)lease_and_exec(NULL);
}

START_TEST(test_exec_by_a_thread)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct child c;
    start(&c, by_fork, exec_by_a_thread);
    ck_assert(!is_ready(&c));
    until_dead();
    expect_taken(_i);
    ck_assert_int_eq(waitpid(c.pid, NULL, WNOHANG), 0); /* the process lives */
    end(&c);
}
END_TEST

static const char *lacks_random_stacks(void)
{
    char mode = '0';
    const int fd = open("/proc/sys/kernel/randomize_va_space", O_RDONLY | O_CLOEXEC);
    const bool told = fd >= 0 && read(fd, &mode, 1) == 1;
    close(fd);
    return !told || mode == '0' || personality(0xffffffff) & ADDR_NO_RANDOMIZE ? "where a program's stack begins is not random here"
                                                                               : unit_lacks_robust_locks();
}

/* Process, thread and start are the same: it is the stack that tells. */
START_TEST(test_exec_after_clone)
{
    UNIT_NEEDS(lacks_random_stacks);
    struct child c;
    start(&c, by_clone, exec_by_itself);
    ck_assert(!is_ready(&c));
    until_dead();
    expect_taken(_i);
    ck_assert_int_eq(waitpid(c.pid, NULL, WNOHANG), 0);
    end(&c);
}
END_TEST

START_TEST(test_clone_killed)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct child c;
    start(&c, by_clone, lease_and_wait);
    ck_assert(is_ready(&c));
    must_be_left_alone();
    end(&c);
    expect_taken(_i);
}
END_TEST

/* Its slot is given back, if it ends in order. */
static void lease_and_detach(struct child *c)
{
    lease(v);
    MUST(lfvec_detach(v) == 0);
    say_ready(c);
}

START_TEST(test_clone_detaches)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct child c;
    start(&c, by_clone, lease_and_detach);
    ck_assert(is_ready(&c));
    ck_assert_uint_eq(state(), LFVEC_SLOT_FREE);
    ck_assert_uint_eq(lfvec_size(v), 2);
    end(&c);
}
END_TEST

enum { MANY = 2100 }; /* the kernel looks at 2048, the newest first */

static void lease_and_lock_many(struct child *c)
{
    static pthread_mutex_t own[MANY];
    pthread_mutexattr_t a;
    lease(v);
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    for (uint32_t i = 0; i < MANY; i++)
        MUST(pthread_mutex_init(&own[i], &a) == 0 && pthread_mutex_trylock(&own[i]) == 0);
    say_ready(c);
    for (;;)
        pause();
}

START_TEST(test_more_mutexes_than_the_kernel_looks_at)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct child c;
    start(&c, by_fork, lease_and_lock_many);
    ck_assert(is_ready(&c));
    must_be_left_alone();
    end(&c);
    expect_taken(_i);
}
END_TEST

/* ---- one number, several threads ------------------------------------------------------------------------------------------------------ */

static void wait_for_the_end(struct child *c)
{
    say_ready(c);
    for (;;)
        pause();
}

/* Written down is a dead thread of this number; the mutex says that a thread of this number has it: by the same taking, or by a later one. */
static void pretend(int32_t number, uint32_t later)
{
    union life_word word = {.raw = slot_mark(&v->seg, 1).raw};
    word.futex = number;
    word.taking += later;
    first()->pid = number;
    first()->tid = number;
    first()->alive_at = 1; /* who lives now started later */
    atomic_store(slot_mark_at(&v->seg, 1), word.raw);
}

START_TEST(test_equal_numbers)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    const int32_t nobody = 0x3ffffffe;
    struct child dead, living;
    start(&dead, by_fork, lease_and_die);
    ck_assert(!is_ready(&dead));
    end(&dead);
    start(&living, by_fork, wait_for_the_end);
    ck_assert(is_ready(&living));
    pretend(living.pid, 1); /* it has just taken the mutex, to recover the slot */
    must_be_left_alone();
    pretend(nobody, 0);
    ck_assert_uint_eq(state(), LFVEC_SLOT_UNKNOWN); /* somebody in another pid namespace, and the same numbers */
    const struct lfvec_recovery r = recovered();
    ck_assert(r.slots_unknown == 1 && r.slots_recovered == 0);
    ck_assert_int_eq(lfvec_push_u64(v, 7), -EUSERS);
    ck_assert_int_eq(holder(), nobody);
    atomic_store(&first()->taking, slot_mark(&v->seg, 1).taking); /* it is the taking that was written down */
    pretend(living.pid, 0);
    expect_taken(_i);
    end(&living);
}
END_TEST

/* Held by one who has not said who it is and cannot be seen from here: a person may say that it is gone. */
START_TEST(test_unnamed_by_force)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    atomic_store(slot_mark_at(&v->seg, 1), 0x3ffffffe);
    ck_assert_uint_eq(state(), LFVEC_SLOT_UNKNOWN);
    ck_assert_uint_eq(unit_stat(v).slots_unknown, 1);
    ck_assert_int_eq(recovered().slots_recovered, 0);
    ck_assert_int_eq(lfvec_recover_forced(v, 1, &r), 0);
    ck_assert_uint_eq(state(), LFVEC_SLOT_FREE);
}
END_TEST

/* ---- namespaces ------------------------------------------------------------------------------------------------------------------------ */

static int status_of(pid_t pid)
{
    int status = -1;
    MUST(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Its children live in a time namespace where the machine has been up for ten days longer. */
static bool shift_time(void)
{
    static const char offset[] = "boottime 864000 0\n";
    const int fd = unshare(CLONE_NEWTIME) == 0 ? open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC) : -1;
    return fd >= 0 && write(fd, offset, sizeof offset - 1) == (ssize_t)sizeof offset - 1 && close(fd) == 0;
}

static void left_alone_from_here(void)
{
    must_be_left_alone();
    MUST(lfvec_push_u64(v, 7) == -EUSERS);
    _exit(0);
}

/* A holder here, and one who looks from the shifted time; or the other way round. */
static void across_time(bool shifted_holder)
{
    struct child c;
    if (shifted_holder && !shift_time())
        _exit(NOT_ALLOWED);
    start(&c, by_fork, lease_and_wait);
    MUST(is_ready(&c));
    if (!shifted_holder && !shift_time()) {
        end(&c);
        _exit(NOT_ALLOWED);
    }
    const pid_t looker = fork();
    if (looker == 0)
        left_alone_from_here();
    if (shifted_holder)
        must_be_left_alone();
    const int status = status_of(looker);
    end(&c);
    _exit(status);
}

START_TEST(test_time_namespaces)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    const pid_t pid = check_fork();
    if (pid == 0)
        across_time(_i);
    const int status = status_of(pid);
    if (status == NOT_ALLOWED)
        UNIT_SKIP("no time namespace may be made here");
    ck_assert_int_eq(status, 0);
}
END_TEST

static bool own_proc(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("proc", "/proc", "proc", 0, NULL) == 0;
}

/*
 * In a pid namespace of our own, whose numbers mean others in the /proc that we came with: the holder's number is there that of another
 * program's process.
 */
static void across_proc(bool holder_mounts)
{
    struct child c;
    if (holder_mounts && !own_proc())
        _exit(NOT_ALLOWED);
    start(&c, by_number, lease_and_wait);
    MUST(is_ready(&c));
    const pid_t blind = fork();
    if (blind == 0) {
        if (holder_mounts)
            MUST(unshare(CLONE_NEWNS) == 0 && umount2("/proc", MNT_DETACH) == 0);
        MUST(state() != LFVEC_SLOT_DEAD && state() != LFVEC_SLOT_FREE);
        MUST(lfvec_push_u64(v, 7) == -EUSERS);
        _exit(0);
    }
    int status = status_of(blind);
    const pid_t seeing = fork();
    if (seeing == 0) {
        if (!holder_mounts && !own_proc())
            _exit(NOT_ALLOWED);
        left_alone_from_here();
    }
    status = status ? status : status_of(seeing);
    end(&c);
    _exit(status);
}

START_TEST(test_proc_of_another_namespace)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct child other;
    start(&other, by_fork, become_another);
    ck_assert(!is_ready(&other));
    wanted = other.pid;
    const pid_t pid = check_fork();
    if (pid == 0) {
        const pid_t inner = unshare(CLONE_NEWPID) == 0 ? fork() : -1;
        if (inner == 0)
            across_proc(_i);
        _exit(inner < 0 ? NOT_ALLOWED : status_of(inner));
    }
    const int status = status_of(pid);
    end(&other);
    if (status == NOT_ALLOWED)
        UNIT_SKIP("no pid namespace with a /proc of its own may be made here");
    ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- slots held in passing ------------------------------------------------------------------------------------------------------------ */

struct joiner {
    _Atomic int32_t tid;
    _Atomic bool done;
    int result;
};

static void *join(void *arg)
{
    struct joiner *j = arg;
    atomic_store(&j->tid, (int32_t)syscall(SYS_gettid));
    j->result = lfvec_push_u64(v, 8);
    atomic_store(&j->done, true);
    return NULL;
}

/* How often it has gone to sleep. */
static uint32_t sleeps_of(const struct joiner *j)
{
    char path[64], line[128];
    uint32_t sleeps = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/status", atomic_load(&j->tid));
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        (void)sscanf(line, "voluntary_ctxt_switches: %u", &sleeps);
    if (f)
        fclose(f);
    return sleeps;
}

static struct life hold_on;

static void hold(int how)
{
    ck_assert_int_eq(slot_take(&v->seg, 1, &hold_on), 0);
    if (how)
        slot_announce(&v->seg, 1, how == 1); /* a recoverer says so; a holder who is about to leave does so, too */
    if (how == 2)
        slot_leaving(&v->seg, 1);
}

START_TEST(test_waits_for_one_in_passing)
{
    struct joiner j = {0};
    pthread_t thread;
    hold(_i);
    ck_assert_int_eq(pthread_create(&thread, NULL, join, &j), 0);
    while (!atomic_load(&j.done) && (atomic_load(&j.tid) == 0 || sleeps_of(&j) < 3))
        sched_yield();
    slot_retire(&v->seg, 1);
    slot_give_back(&v->seg, 1, &hold_on);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(j.result, 0);
}
END_TEST

static void hold_and_stop(struct child *c)
{
    hold(1);
    say_ready(c);
    raise(SIGSTOP);
}

/* It may be stopped for an hour. */
START_TEST(test_waits_for_nobody_who_is_stopped)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct child c;
    start(&c, by_fork, hold_and_stop);
    ck_assert(is_ready(&c));
    ck_assert_int_eq(waitpid(c.pid, NULL, WUNTRACED), c.pid);
    ck_assert_uint_eq(state(), LFVEC_SLOT_STOPPED);
    ck_assert_int_eq(lfvec_push_u64(v, 1), -EUSERS);
    must_be_left_alone();
    end(&c);
    ck_assert_int_eq(lfvec_push_u64(v, 1), 0);
}
END_TEST

/* ---- what joining asks ---------------------------------------------------------------------------------------------------------------- */

static pthread_barrier_t all_hold;

static void *hold_one(void *w)
{
    MUST(lfvec_push_u64(w, 1) == 0);
    pthread_barrier_wait(&all_hold);
    for (;;)
        pause();
}

/* System calls of a first push beside so many participants. */
static uint32_t calls_beside(uint32_t held)
{
    enum { SLOTS = 256 };
    int status = 0;
    uint32_t stops = 0;
    lfvec_t *w = make_with_slots(SLOTS);
    const pid_t pid = check_fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_barrier_init(&all_hold, NULL, held + 1);
        for (uint32_t i = 0; i < held; i++)
            MUST(pthread_create(&thread, NULL, hold_one, w) == 0);
        pthread_barrier_wait(&all_hold);
        MUST(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
        raise(SIGSTOP);
        MUST(lfvec_push_u64(w, 2) == 0);
        raise(SIGSTOP);
        _exit(0);
    }
    until_traced(pid, SIGSTOP);
    while (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
           WSTOPSIG(status) == SIGTRAP)
        stops++;
    MUST(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    kill(pid, SIGKILL);
    MUST(waitpid(pid, &status, 0) == pid);
    ck_assert_int_eq(lfvec_detach(w), 0);
    return stops / 2;
}

START_TEST(test_joining_asks_about_nobody)
{
    UNIT_NEEDS(lacks_steps);
    const uint32_t few = calls_beside(2), many = calls_beside(200);
    ck_assert_msg(many < few + 20, "%u system calls beside 2, %u beside 200", few, many); /* a slab may have to be made */
}
END_TEST

Suite *life_suite(void)
{
    Suite *suite = suite_create("life");
    TCase *tc = unit_case(suite, "life", 120);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_each_moment, 0, 6);
    tcase_add_loop_test(tc, test_exec_by_a_thread, 0, 2);
    tcase_add_loop_test(tc, test_exec_after_clone, 0, 2);
    tcase_add_loop_test(tc, test_clone_killed, 0, 2);
    tcase_add_test(tc, test_clone_detaches);
    tcase_add_loop_test(tc, test_more_mutexes_than_the_kernel_looks_at, 0, 2);
    tcase_add_loop_test(tc, test_equal_numbers, 0, 2);
    tcase_add_test(tc, test_unnamed_by_force);
    tcase_add_loop_test(tc, test_time_namespaces, 0, 2);
    tcase_add_loop_test(tc, test_proc_of_another_namespace, 0, 2);
    tcase_add_loop_test(tc, test_waits_for_one_in_passing, 0, 3);
    tcase_add_test(tc, test_waits_for_nobody_who_is_stopped);
    tcase_add_test(tc, test_joining_asks_about_nobody);
    return suite;
}
