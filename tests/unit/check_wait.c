/*
 * check_wait.c - lfvec_pop_wait(): waits for an element and no longer than it was told; every element wakes a waiter; a flag that no waiter is
 * behind costs one call, once.
 */
#include "futex.h"
#include "suites.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000L

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / MS;
}

START_TEST(test_timeout)
{
    static const struct timespec bad[] = {{-1, 0}, {0, -1}, {0, 1000000000}};
    static const struct timespec timeout[] = {{0, 0}, {0, 1}, {0, 30 * MS}, {0, 120 * MS}};
    lfvec_t *v = unit_make(NULL);
    uint64_t x;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(lfvec_pop_wait(v, &x, &bad[i]), -EINVAL);
    for (int i = 0; i < 4; i++) {
        const int64_t start = now_ms();
        errno = 12345;
        ck_assert_int_eq(lfvec_pop_wait(v, &x, &timeout[i]), -ETIMEDOUT);
        ck_assert_int_eq(errno, 12345);
        ck_assert_int_ge(now_ms() - start + 1, timeout[i].tv_nsec / MS);
    }
    unit_fill(v, 0, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(lfvec_pop_wait(v, &x, i ? &timeout[i] : NULL), 0); /* at once */
        ck_assert_uint_eq(x, (uint64_t)(3 - i));
    }
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

enum { EACH = 500, WAITERS = 3 };

struct waiter {
    lfvec_t *v;
    uint64_t sum;
};

static void *wait_for_each(void *arg)
{
    struct waiter *w = arg;
    for (int i = 0; i < EACH; i++) {
        uint64_t x;
        MUST(lfvec_pop_wait(w->v, &x, NULL) == 0);
        w->sum += x;
    }
    return NULL;
}

/* More waiters than elements most of the time; if one wake-up were lost for good, this would not end. */
START_TEST(test_every_element_wakes)
{
    struct waiter w[WAITERS];
    pthread_t thread[WAITERS];
    uint64_t sum = 0, pushed = 0;
    lfvec_t *v = unit_make(NULL);
    for (int i = 0; i < WAITERS; i++) {
        w[i] = (struct waiter){.v = v};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, wait_for_each, &w[i]), 0);
    }
    for (uint64_t i = 0; i < EACH * WAITERS;) {
        const uint64_t x[2] = {i, i + 1};
        const int64_t n = i % 3 ? 1 : lfvec_push_n(v, x, 2, NULL);
        MUST(n == 2 || lfvec_push_u64(v, i) == 0);
        pushed += n == 2 ? x[0] + x[1] : x[0];
        i += (uint64_t)n;
    }
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(thread[i], NULL);
        sum += w[i].sum;
    }
    ck_assert_uint_eq(sum, pushed);
    ck_assert_uint_eq(lfvec_size(v), 0);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static pid_t start_waiter(lfvec_t *v)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t pid = check_fork();
    if (pid == 0) {
        uint64_t x;
        ck_assert_int_eq(write(ready[1], "x", 1), 1);
        ck_assert_int_eq(lfvec_pop_wait(v, &x, NULL), 0);
        exit(x == 42 ? 0 : 1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static int end_of(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

/* A waiter that is killed takes no element and no wake-up with it. */
START_TEST(test_killed_waiter)
{
    lfvec_t *v = unit_make(NULL);
    const pid_t killed = start_waiter(v), waiting = start_waiter(v);
    kill(killed, SIGKILL);
    ck_assert_int_eq(end_of(killed), SIGKILL);
    ck_assert_int_eq(lfvec_push_u64(v, 42), 0);
    ck_assert_int_eq(end_of(waiting), 0);
    ck_assert_uint_eq(lfvec_size(v), 0);
    ck_assert_int_eq(lfvec_recover(v, NULL), 0);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static void ignore(int signal)
{
    (void)signal;
}

START_TEST(test_signals_do_not_end_the_wait)
{
    const struct sigaction action = {.sa_handler = ignore}; /* no SA_RESTART; inherited by the child */
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    lfvec_t *v = unit_make(NULL);
    const pid_t pid = start_waiter(v);
    for (int i = 0; i < 100; i++)
        kill(pid, SIGUSR1);
    ck_assert_int_eq(lfvec_push_u64(v, 42), 0);
    ck_assert_int_eq(end_of(pid), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- between a wake and what follows it -------------------------------------------------------------------------------------------------- */

static struct {
    lfvec_t *v;
    int when; /* before the wake, or after it */
    uint32_t consumers;
    _Atomic uint32_t ended;
} scene;

static void *consume_one(void *unused)
{
    uint64_t x;
    (void)unused;
    MUST(lfvec_pop_wait(scene.v, &x, NULL) == 0);
    atomic_fetch_add(&scene.ended, 1); /* and from here on it is busy with it */
    return NULL;
}

/* Nothing goes on any more: every consumer is asleep, or busy. */
static void until_rest(void)
{
    while (futex_asleep() + atomic_load(&scene.ended) < scene.consumers)
        sched_yield();
}

static void push_one(void *unused)
{
    (void)unused;
    MUST(lfvec_push_u64(scene.v, 2) == 0);
}

/* The first pusher has stopped here, for as long as it takes. What it has not woken for yet is its own element, and no other. */
static void second_push(int after)
{
    if (after != scene.when)
        return;
    unit_in_thread(push_one, NULL);
    futex_hold(0);
    until_rest();
    MUST_MSG(lfvec_size(scene.v) <= (after ? 0 : 1), "%d elements, and %u consumers asleep", (int)lfvec_size(scene.v), futex_asleep());
}

/* Two consumers sleep. A second push comes while the first one is about to wake, or has just done so: no element lies there while a consumer sleeps. */
START_TEST(test_push_amid_a_wake)
{
    enum { CONSUMERS = 3 };
    pthread_t thread[CONSUMERS];
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = CONSUMERS + 2;
    scene.v = unit_make(&a);
    scene.when = _i;
    scene.consumers = CONSUMERS;
    futex_emulate(second_push);
    for (int i = 0; i < CONSUMERS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, consume_one, NULL), 0);
    until_rest();
    ck_assert_uint_eq(futex_asleep(), CONSUMERS);
    futex_hold(1); /* it takes a thread a while to wake up */
    ck_assert_int_eq(lfvec_push_u64(scene.v, 1), 0);
    until_rest();
    ck_assert_uint_eq(lfvec_size(scene.v), 0);
    ck_assert_uint_eq(futex_asleep(), 1);
    futex_emulate(NULL);
    ck_assert_int_eq(lfvec_push_u64(scene.v, 3), 0); /* the flag of the third is still up */
    for (int i = 0; i < CONSUMERS; i++)
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
    ck_assert_int_eq(lfvec_detach(scene.v), 0);
}
END_TEST

static uint32_t wakes_of_a_push(lfvec_t *v)
{
    const uint32_t before = futex_wakes();
    ck_assert_int_eq(lfvec_push_u64(v, 7), 0);
    return futex_wakes() - before;
}

/* Who does not sleep raises no flag. */
START_TEST(test_no_wait_no_wake)
{
    static const struct timespec no_time = {0, 0};
    lfvec_t *v = unit_make(NULL);
    uint64_t x;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(lfvec_pop_wait(v, &x, &no_time), -ETIMEDOUT);
        ck_assert_uint_eq(wakes_of_a_push(v), 0);
        ck_assert_int_eq(lfvec_pop_wait(v, &x, i ? &no_time : NULL), 0);
        ck_assert_uint_eq(wakes_of_a_push(v), 0);
        ck_assert_int_eq(lfvec_pop(v, &x), 0);
    }
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Who gave up, was killed, or was given its element has left the flag up: one call, and no more. */
START_TEST(test_stale_flag_costs_one_call)
{
    static const struct timespec moment = {0, MS};
    lfvec_t *v = unit_make(NULL);
    uint64_t x;
    ck_assert_int_eq(lfvec_pop_wait(v, &x, &moment), -ETIMEDOUT);
    ck_assert_uint_eq(wakes_of_a_push(v), 1);
    ck_assert_uint_eq(wakes_of_a_push(v), 0);
    ck_assert_int_eq(lfvec_clear(v), 0);
    const pid_t killed = start_waiter(v);
    kill(killed, SIGKILL);
    ck_assert_int_eq(end_of(killed), SIGKILL);
    ck_assert_uint_le(wakes_of_a_push(v), 1); /* it may not have come to sleep */
    ck_assert_uint_eq(wakes_of_a_push(v), 0);
    ck_assert_int_eq(lfvec_clear(v), 0);
    const pid_t served = start_waiter(v);
    ck_assert_int_eq(lfvec_push_u64(v, 42), 0);
    ck_assert_int_eq(end_of(served), 0);
    ck_assert_uint_le(wakes_of_a_push(v), 1);
    ck_assert_uint_eq(wakes_of_a_push(v), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *wait_suite(void)
{
    Suite *s = suite_create("wait");
    TCase *tc = unit_case(s, "wait", 30);
    tcase_add_test(tc, test_timeout);
    tcase_add_test(tc, test_every_element_wakes);
    tcase_add_test(tc, test_killed_waiter);
    tcase_add_test(tc, test_signals_do_not_end_the_wait);
    tcase_add_loop_test(tc, test_push_amid_a_wake, 0, 2);
    tcase_add_test(tc, test_no_wait_no_wake);
    tcase_add_test(tc, test_stale_flag_costs_one_call);
    return s;
}
