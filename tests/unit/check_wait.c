/* check_wait.c - lfvec_pop_wait(): waits for an element and no longer than it was told, and every element wakes somebody. */
#include "suites.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
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

Suite *wait_suite(void)
{
    Suite *s = suite_create("wait");
    TCase *tc = unit_case(s, "wait", 30);
    tcase_add_test(tc, test_timeout);
    tcase_add_test(tc, test_every_element_wakes);
    tcase_add_test(tc, test_killed_waiter);
    tcase_add_test(tc, test_signals_do_not_end_the_wait);
    return s;
}
