/*
 * check_wake.c - an element wakes a waiter at once, whichever way it comes into the vector: the slice at whose end a waiter looks again would
 * hide a wake that is missing, for 25 ms on average. And once the last waiter has left, an element costs no system call.
 */
#include "futex.h"
#include "sandbox.h"
#include "suites.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAITERS = 4, MANY = 3000, ELEM_MOST = 48 };

static lfvec_t *v;
static uint64_t elems[MANY * ELEM_MOST / 8];

/* ---- ways for an element to come into the vector ---------------------------------------------------------------------------------------- */

/* By a thread that has never been here. */
static void push_first(void *unused)
{
    (void)unused;
    RETURNS(0, lfvec_push(v, elems, NULL));
}

/* It is at work in the leaf that the next element goes to. */
static void come_to_work(void *unused)
{
    unsigned char elem[ELEM_MOST];
    push_first(unused);
    RETURNS(0, lfvec_pop(v, elem));
}

static void push_word(void *unused)
{
    (void)unused;
    RETURNS(0, lfvec_push_u64(v, 1));
}

static void push_sized(void *unused)
{
    (void)unused;
    RETURNS(0, lfvec_push_sized(v, elems, lfvec_elem_size(v), NULL));
}

/* It has been at work in another vector meanwhile. */
static void come_from_elsewhere(void *unused)
{
    static lfvec_t *w;
    come_to_work(unused);
    w = unit_make(NULL);
    RETURNS(0, lfvec_push_u64(w, 1));
}

static void push_two(void *unused)
{
    (void)unused;
    RETURNS(2, lfvec_push_n(v, elems, 2, NULL));
}

static void push_three_in_parts(void *unused)
{
    struct lfvec_part part[1];
    (void)unused;
    RETURNS(3, lfvec_push_n_parts(v, elems, 3, part, 1));
}

/* Several batches. */
static void push_many(void *unused)
{
    (void)unused;
    RETURNS(MANY, lfvec_push_n(v, elems, MANY, NULL));
}

static void lease_one(void *unused)
{
    unsigned char elem[ELEM_MOST];
    push_first(unused);
    RETURNS(0, lfvec_pop_lease(v, elem));
}

static void release(void *unused)
{
    (void)unused;
    RETURNS(0, lfvec_release(v));
}

static void leave(void *unused)
{
    (void)unused;
    RETURNS(0, lfvec_leave(v));
}

static void lease_in_child(void *unused)
{
    futex_forked();
    lease_one(unused);
    kill(getpid(), SIGKILL);
}

/* Of a process that dies now: who waits has a slot already, and does not inherit. */
static void recover(void *unused)
{
    struct lfvec_recovery r;
    MUST(unit_child_status(lease_in_child, unused) == SIGKILL);
    RETURNS(0, lfvec_recover(v, &r));
    MUST(r.leases_returned == 1);
}

/* ---- counted in an emulated queue: there a sleep ends by a wake and by nothing else ----------------------------------------------------- */

static const struct way {
    const char *what;
    uint32_t elem_size, elements;
    unit_fn *before, *give; /* by one thread, before the others wait and while they do */
} ways[] = {
    {"a thread's first push", 8, 1, NULL, push_first},
    {"push of a thread at work", 8, 1, come_to_work, push_first},
    {"push of 32 bytes", 32, 1, come_to_work, push_first},
    {"push of 12 bytes", 12, 1, come_to_work, push_first},
    {"push_u64", 8, 1, come_to_work, push_word},
    {"push_sized", 8, 1, come_to_work, push_sized},
    {"push, back from another vector", 8, 1, come_from_elsewhere, push_first},
    {"push_n of 2", 8, 2, come_to_work, push_two},
    {"push_n_parts of 3", 24, 3, NULL, push_three_in_parts},
    {"push_n of several batches", 8, WAITERS, NULL, push_many},
    {"release", 8, 1, lease_one, release},
    {"leave with a lease", 8, 1, lease_one, leave},
    {"recovery of a lease", 8, 1, NULL, recover},
};
enum { WAYS = sizeof ways / sizeof *ways };

static void *take_one(void *unused)
{
    unsigned char elem[ELEM_MOST];
    (void)unused;
    MUST(lfvec_pop_wait(v, elem, NULL) == 0);
    return NULL;
}

static void start_waiters(pthread_t *thread)
{
    for (uint32_t i = 0; i < WAITERS; i++)
        MUST(pthread_create(&thread[i], NULL, take_one, NULL) == 0);
    while (futex_asleep() < WAITERS)
        sched_yield();
}

static void end_waiters(const pthread_t *thread)
{
    while (futex_asleep())
        MUST(lfvec_push(v, elems, NULL) == 0);
    futex_hold(0);
    for (uint32_t i = 0; i < WAITERS; i++)
        MUST(pthread_join(thread[i], NULL) == 0);
}

START_TEST(test_each_way_wakes)
{
    const struct way *way = &ways[_i];
    pthread_t thread[WAITERS];
    struct lfvec_attr a;
    if (way->give == recover)
        UNIT_NEEDS(unit_lacks_robust_locks);
    unit_attr(&a, way->elem_size);
    v = unit_make(&a);
    struct unit_team *giver = unit_team_new(1);
    if (way->before)
        unit_team_do(giver, 0, way->before, NULL);
    ck_assert_uint_eq(lfvec_size(v), 0);
    futex_emulate(NULL);
    start_waiters(thread);
    futex_hold(1); /* who is woken does not run yet: what is counted is what this call woke */
    unit_team_do(giver, 0, way->give, NULL);
    const uint32_t woken = WAITERS - futex_asleep();
    ck_assert_msg(woken == way->elements, "%s: %u of %u waiters were woken for %u elements", way->what, woken, WAITERS, way->elements);
    end_waiters(thread);
    unit_sound(v);
    unit_team_end(giver);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* The thread's exit gives its lease back. */
START_TEST(test_exit_wakes)
{
    pthread_t thread[WAITERS];
    v = unit_make(NULL);
    struct unit_team *giver = unit_team_new(1);
    unit_team_do(giver, 0, lease_one, NULL);
    futex_emulate(NULL);
    start_waiters(thread);
    futex_hold(1);
    unit_team_end(giver);
    ck_assert_uint_eq(WAITERS - futex_asleep(), 1);
    end_waiters(thread);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- by the kernel: another process is woken, and its slice does not end ---------------------------------------------------------------- */

enum { ROUNDS = 11 };

struct rounds {
    struct futex_sleeps sleeps;
    _Atomic uint32_t ready, done; /* rounds */
    uint32_t slices;              /* rounds whose element was found at the end of a slice */
};

static void wait_for_rounds(struct rounds *r)
{
    unsigned char elem[ELEM_MOST];
    futex_record(&r->sleeps);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        while (atomic_load(&r->ready) <= i)
            sched_yield();
        atomic_store(&r->sleeps.timed_out, 0);
        MUST(lfvec_pop_wait(v, elem, NULL) == 0);
        r->slices += atomic_load(&r->sleeps.timed_out) != 0;
        atomic_store(&r->done, i + 1);
    }
    _exit(0);
}

static const struct by_kernel {
    const char *what;
    unit_fn *before, *give;
} by_kernel[] = {{"push", NULL, push_word}, {"push_n", NULL, push_two}, {"release", lease_one, release}};

static void give_once(const struct by_kernel *way, struct rounds *r, uint32_t round)
{
    uint64_t x;
    const uint32_t begun = atomic_load(&r->sleeps.begun);
    if (way->before)
        way->before(NULL);
    atomic_store(&r->ready, round + 1);
    while (atomic_load(&r->sleeps.begun) == begun)
        sched_yield();
    way->give(NULL);
    while (atomic_load(&r->done) <= round)
        sched_yield();
    while (lfvec_size(v))
        MUST(lfvec_pop_u64(v, &x) == 0); /* of a batch, the second */
}

START_TEST(test_woken_by_the_kernel)
{
    const struct by_kernel *way = &by_kernel[_i];
    int status;
    struct rounds *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(r, MAP_FAILED);
    v = unit_make(NULL);
    const pid_t pid = check_fork();
    if (pid == 0)
        wait_for_rounds(r);
    for (uint32_t i = 0; i < ROUNDS; i++)
        give_once(way, r, i);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_msg(r->slices <= ROUNDS / 2, "%s: in %u of %u rounds the waiter came by the end of its slice", way->what, r->slices, ROUNDS);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- nobody waits ------------------------------------------------------------------------------------------------------------------------ */

static void work(uint32_t rounds)
{
    uint64_t x[64];
    for (uint32_t i = 0; i < rounds; i++) {
        MUST(lfvec_push_u64(v, i) == 0 && lfvec_push(v, &x[0], NULL) == 0 && lfvec_push_n(v, elems, 64, NULL) == 64);
        MUST(lfvec_pop_lease(v, &x[0]) == 0 && lfvec_release(v) == 0);
        MUST(lfvec_pop_n(v, x, 64) == 64 && lfvec_pop(v, &x[0]) == 0 && lfvec_pop_u64(v, &x[0]) == 0);
    }
}

/* Any system call but the last one ends the process. */
static void work_without_the_kernel(void *unused)
{
    static const struct timespec moment = {0, 1000000};
    uint64_t x;
    (void)unused;
    work(3);
    RETURNS(-ETIMEDOUT, lfvec_pop_wait(v, &x, &moment)); /* the last waiter */
    work(1);                                             /* the one call that its flag costs */
    sandbox_refuse_all_but(SYS_exit_group);
    work(1000);
    _exit(0);
}

START_TEST(test_no_system_call_after_the_last_waiter)
{
    if (UNIT_SANITIZED)
        UNIT_SKIP("a sanitizer makes system calls of its own");
    UNIT_NEEDS(sandbox_lacks);
    v = unit_make(NULL);
    unit_in_child(work_without_the_kernel, NULL);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *wake_suite(void)
{
    Suite *s = suite_create("wake");
    TCase *tc = unit_case(s, "wake", 120);
    tcase_add_loop_test(tc, test_each_way_wakes, 0, WAYS);
    tcase_add_test(tc, test_exit_wakes);
    tcase_add_loop_test(tc, test_woken_by_the_kernel, 0, sizeof by_kernel / sizeof *by_kernel);
    tcase_add_test(tc, test_no_system_call_after_the_last_waiter);
    return s;
}
