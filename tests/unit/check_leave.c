/*
 * check_leave.c - slots given back: by lfvec_leave(), by threads whose handle another has closed, in a sandbox, of thousands of segments, by
 * cancelled threads; and the one that cannot be given back, which is to be seen.
 */
#include "suites.h"
#include "support.h"

#include "atomic16.h"
#include "participant.h"
#include "slot.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint32_t held(lfvec_t *v)
{
    const struct lfvec_stat st = unit_stat(v);
    return st.max_slots - st.slots_free;
}

static lfvec_t *make_with_slots(uint32_t slots)
{
    struct lfvec_attr attr;
    unit_attr(&attr, 8);
    attr.max_slots = slots;
    return unit_make(&attr);
}

static void push_one(void *v)
{
    MUST(lfvec_push_u64(v, 1) == 0);
}

static void leave(void *v)
{
    MUST(lfvec_leave(v) == 0);
}

/* ---- leave ----------------------------------------------------------------------------------------------------------------------------- */

START_TEST(test_leave)
{
    struct unit_team *t = unit_team_new(2);
    lfvec_t *v = make_with_slots(1), *r = unit_open(lfvec_name(v), LFVEC_RDONLY);
    uint64_t x;
    ck_assert_int_eq(lfvec_leave(NULL), -EINVAL);
    ck_assert_int_eq(lfvec_leave(r), -EBADF);
    ck_assert_int_eq(lfvec_leave(v), 0); /* who has none */
    for (uint32_t i = 0; i < 20; i++) {
        unit_team_do(t, i % 2, push_one, v); /* there is one slot for both */
        ck_assert_uint_eq(held(v), 1);
        unit_team_do(t, i % 2, leave, v);
        ck_assert_uint_eq(held(v), 0);
    }
    ck_assert_int_eq(lfvec_pop_lease(v, &x), 0);
    ck_assert_uint_eq(lfvec_size(v), 19);
    ck_assert_int_eq(lfvec_leave(v), 0);
    ck_assert_uint_eq(lfvec_size(v), 20); /* what was on lease is back */
    ck_assert_int_eq(lfvec_ack(v), -EINVAL);
    ck_assert_int_eq(lfvec_leave(v), 0);
    for (uint64_t i = 0; i < 20; i++)
        ck_assert_int_eq(lfvec_pop_u64(v, &x), 0);
    unit_sound(v);
    unit_team_end(t);
    ck_assert_int_eq(lfvec_detach(r), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* A worker that lives on, beside a main thread that attaches and detaches: its slots in what is closed go back as it goes on. */
START_TEST(test_closed_handles)
{
    struct unit_team *t = unit_team_new(1);
    lfvec_t *v = make_with_slots(4), *w;
    const char *name = lfvec_name(v);
    push_one(v);
    for (uint32_t i = 0; i < 50; i++) {
        w = unit_open(name, 0);
        push_one(w);
        unit_team_do(t, 0, push_one, w);
        ck_assert_uint_eq(held(v), 3);
        ck_assert_int_eq(lfvec_detach(w), 0);
    }
    ck_assert_uint_eq(held(v), 2);
    ck_assert_uint_eq(unit_attachments(NULL), 2);
    w = unit_open(name, 0);
    unit_team_do(t, 0, leave, w); /* any call will do */
    ck_assert_uint_eq(held(v), 1);
    ck_assert_uint_eq(unit_attachments(NULL), 2);
    ck_assert_int_eq(lfvec_detach(w), 0);
    unit_team_end(t);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
    ck_assert_uint_eq(unit_mappings(NULL), 0);
}
END_TEST

/* ---- in a sandbox ---------------------------------------------------------------------------------------------------------------------- */

struct sandbox {
    const char *name;
    long first, second; /* system calls */
    int error;
};

/* What was attached before, and what is attached then. */
static void use_in_sandbox(void *arg)
{
    const struct sandbox *box = arg;
    lfvec_t *before = unit_open(box->name, 0);
    push_one(before);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)box->first, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)box->second, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)box->error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    for (uint32_t i = 0; i < 20; i++) {
        lfvec_t *v = unit_open(box->name, 0);
        push_one(v);
        unit_in_thread(push_one, v);
        MUST(lfvec_detach(v) == 0);
    }
    MUST(lfvec_detach(before) == 0);
    MUST(unit_mappings(NULL) == 1); /* the parent's, inherited */
}

START_TEST(test_sandbox)
{
    static const int errors[] = {EPERM, ENOSYS};
    UNIT_NEEDS(unit_lacks_robust_locks);
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
        UNIT_SKIP("no seccomp");
    lfvec_t *v = make_with_slots(4);
    struct sandbox box = {.name = lfvec_name(v), .first = SYS_process_vm_readv};
    for (uint32_t i = 0; i < 4; i++) {
        box.second = i / 2 ? SYS_get_robust_list : SYS_process_vm_readv;
        box.error = errors[i % 2];
        unit_in_child(use_in_sandbox, &box);
        ck_assert_uint_eq(held(v), 0);
    }
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- the list of robust mutexes -------------------------------------------------------------------------------------------------------- */

/* More than the kernel would go through, in the order of opening, which is from the end of the list. */
START_TEST(test_thousands)
{
    enum { MANY = 2100 };
    static lfvec_t *v[MANY];
    struct lfvec_attr attr;
    unit_attr(&attr, 8);
    attr.max_slots = 2;
    attr.max_bytes = 1 << 20;
    const char *name = unit_name();
    for (uint32_t i = 0; i < MANY; i++) {
        v[i] = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, &attr);
        MUST_MSG(v[i] != NULL, "%s", lfvec_last_error());
        push_one(v[i]);
        MUST(lfvec_unlink(name) == 0);
    }
    ck_assert_uint_eq(unit_attachments(NULL), MANY);
    ck_assert_uint_eq(unit_mappings(NULL), 2 * MANY);
    for (uint32_t i = 0; i < MANY; i++)
        MUST(lfvec_detach(v[i]) == 0);
    ck_assert_uint_eq(unit_mappings(NULL), 0);
}
END_TEST

static void lock_own(pthread_mutex_t *m, bool *locked)
{
    MUST(pthread_mutex_lock(m) == 0);
    *locked = true;
}

static void unlock_own(pthread_mutex_t *m, bool *locked)
{
    MUST(!*locked || pthread_mutex_unlock(m) == 0);
    *locked = false;
}

/* The program has robust mutexes of its own, which go in and out of the list between ours. */
START_TEST(test_among_others)
{
    enum { N = 7 };
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct unit_rng r = unit_random("among others", 0);
    pthread_mutex_t own[2 * N];
    bool locked[2 * N] = {false};
    pthread_mutexattr_t a;
    lfvec_t *v[N];
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    for (uint32_t i = 0; i < 2 * N; i++)
        pthread_mutex_init(&own[i], &a);
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < N; i++) {
            lock_own(&own[2 * i], &locked[2 * i]);
            if (unit_below(&r, 2))
                lock_own(&own[2 * i + 1], &locked[2 * i + 1]);
            v[i] = round ? v[i] : unit_make(NULL);
            push_one(v[i]);
        }
        for (uint32_t i = 0, at = (uint32_t)unit_below(&r, N); i < N; i++, at = (at + 3) % N) {
            if (unit_below(&r, 2))
                unlock_own(&own[2 * at], &locked[2 * at]);
            MUST(lfvec_leave(v[at]) == 0);
        }
        for (uint32_t i = 0; i < 2 * N; i++)
            unlock_own(&own[i], &locked[i]);
    }
    for (uint32_t i = 0; i < N; i++)
        MUST(held(v[i]) == 0 && lfvec_detach(v[i]) == 0);
    ck_assert_uint_eq(unit_mappings(NULL), 0);
}
END_TEST

/* ---- taken from its holder ------------------------------------------------------------------------------------------------------------- */

/* A neighbour forges the life mark, or force takes the slot: who leaves unmaps all the same, and what is another's stays another's. */
START_TEST(test_forged)
{
    static const uint64_t forged[] = {0, UINT64_MAX, 0x3ffffffe, FUTEX_OWNER_DIED};
    for (uint32_t n = 0; n < sizeof forged / sizeof forged[0]; n++) {
        lfvec_t *v = make_with_slots(2), *other = unit_open(lfvec_name(v), 0);
        push_one(v);
        atomic_store(slot_mark_at(&v->seg, 1), forged[n]);
        ck_assert_int_eq(lfvec_detach(v), 0);
        ck_assert_uint_eq(unit_attachments(NULL), 1);
        ck_assert_uint_eq(atomic_load(slot_mark_at(&other->seg, 1)), forged[n]);
        push_one(other);
        ck_assert_uint_eq(lfvec_size(other), 2);
        unit_sound(other);
        ck_assert_int_eq(lfvec_detach(other), 0);
        ck_assert_uint_eq(unit_mappings(NULL), 0);
    }
}
END_TEST

/* ---- cancelled threads ----------------------------------------------------------------------------------------------------------------- */

static pthread_barrier_t ready;

static uint32_t descriptors(void)
{
    uint32_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    MUST(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Waits at the barrier until it has been cancelled, and is no cancellation point itself. */
static void be_cancelled(void)
{
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&ready);
}

static void *detach_cancelled(void *v)
{
    push_one(v);
    be_cancelled();
    MUST(lfvec_detach(v) == 0);
    return NULL;
}

static void *open_cancelled(void *name)
{
    be_cancelled();
    lfvec_t *v = lfvec_open(name, 0, NULL);
    MUST(v != NULL);
    for (uint32_t i = 0; i < 20000; i++) /* which takes a slot, and more memory */
        push_one(v);
    MUST(lfvec_is_current(v) == 1);
    struct lfvec_stat st;
    MUST(lfvec_stat(v, &st) == 0 && st.slots_alive == 1);
    MUST(lfvec_recover(v, NULL) == 0);
    MUST(lfvec_check(v, NULL) == 0);
    MUST(lfvec_detach(v) == 0);
    return NULL;
}

static void *wait_cancelled(void *v)
{
    uint64_t x;
    push_one(v);
    be_cancelled();
    (void)lfvec_pop_wait(v, &x, NULL); /* there is an element */
    MUST(false);
    return NULL;
}

static _Atomic uint32_t asleep;

static void *sleep_cancelled(void *v)
{
    uint64_t x;
    MUST(lfvec_pop_lease(v, &x) == 0);
    atomic_store(&asleep, 1);
    (void)lfvec_pop_wait(v, &x, NULL); /* there is none */
    MUST(false);
    return NULL;
}

static void *result_of(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    void *result;
    pthread_barrier_init(&ready, NULL, 2);
    MUST(pthread_create(&thread, NULL, fn, arg) == 0);
    pthread_barrier_wait(&ready);
    MUST(pthread_cancel(thread) == 0);
    pthread_barrier_wait(&ready);
    MUST(pthread_join(thread, &result) == 0);
    pthread_barrier_destroy(&ready);
    return result;
}

START_TEST(test_cancelled)
{
    lfvec_t *v = unit_make(NULL);
    const uint32_t before = descriptors();
    for (uint32_t i = 0; i < 20; i++)
        MUST(result_of(detach_cancelled, unit_open(lfvec_name(v), 0)) == NULL);
    ck_assert_uint_eq(descriptors(), before);
    ck_assert_uint_eq(unit_attachments(NULL), 1);
    ck_assert_ptr_null(result_of(open_cancelled, (void *)(uintptr_t)lfvec_name(v)));
    ck_assert_uint_eq(descriptors(), before);
    ck_assert_uint_eq(lfvec_size(v), 20 + 20000);
    ck_assert_uint_eq(held(v), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_cancelled_wait)
{
    if (UNIT_SANITIZED)
        UNIT_SKIP("AddressSanitizer does not see that a cancelled thread's stack is unwound");
    lfvec_t *v = unit_make(NULL);
    pthread_t thread;
    void *result;
    ck_assert_ptr_eq(result_of(wait_cancelled, v), PTHREAD_CANCELED);
    ck_assert_uint_eq(lfvec_size(v), 1);
    ck_assert_uint_eq(held(v), 0);
    for (uint32_t i = 0; i < 20; i++) {
        atomic_store(&asleep, 0);
        ck_assert_int_eq(pthread_create(&thread, NULL, sleep_cancelled, v), 0);
        while (!atomic_load(&asleep))
            sched_yield();
        ck_assert_int_eq(pthread_cancel(thread), 0);
        ck_assert_int_eq(pthread_join(thread, &result), 0);
        ck_assert_ptr_eq(result, PTHREAD_CANCELED);
        ck_assert_uint_eq(lfvec_size(v), 1); /* its lease has come back */
        ck_assert_uint_eq(held(v), 0);
    }
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *leave_suite(void)
{
    Suite *suite = suite_create("leave");
    TCase *tc = unit_case(suite, "leave", 60);
    tcase_add_test(tc, test_leave);
    tcase_add_test(tc, test_closed_handles);
    tcase_add_test(tc, test_sandbox);
    tcase_add_test(tc, test_thousands);
    tcase_add_test(tc, test_among_others);
    tcase_add_test(tc, test_forged);
    tcase_add_test(tc, test_cancelled);
    tcase_add_test(tc, test_cancelled_wait);
    return suite;
}
