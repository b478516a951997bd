/*
 * ipc_life.c - how slots are taken and given back while nobody is killed: threads that exit, fork, exec, processes that are stopped, and
 * what happens when there are more who want one than there are slots.
 */
#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static lfvec_t *shared; /* opened by the parent; children inherit it */

static lfvec_t *make_with_slots(uint32_t slots)
{
    struct lfvec_attr attr;
    ipc_attr(&attr, 8);
    attr.max_slots = slots;
    return shared = ipc_make(&attr);
}

static struct lfvec_recovery recovered(lfvec_t *v)
{
    struct lfvec_recovery r;
    MUST(lfvec_recover(v, &r) == 0);
    return r;
}

static struct lfvec_stat stat_of(lfvec_t *v)
{
    struct lfvec_stat stat;
    MUST(lfvec_stat(v, &stat) == 0);
    return stat;
}

/* ---- threads --------------------------------------------------------------------------------------------------------------------------- */

static void *push_once(void *elem)
{
    return (void *)(intptr_t)lfvec_push_u64(shared, (uint64_t)(uintptr_t)elem);
}

static int in_thread(uint64_t elem)
{
    pthread_t thread;
    void *result;
    MUST(pthread_create(&thread, NULL, push_once, (void *)(uintptr_t)elem) == 0);
    MUST(pthread_join(thread, &result) == 0);
    return (int)(intptr_t)result;
}

START_TEST(thread_exit_gives_the_slot_back)
{
    lfvec_t *v = make_with_slots(2);
    ck_assert_int_eq(lfvec_push_u64(v, 0), 0);
    for (uint64_t i = 1; i <= 300; i++)
        MUST(in_thread(i) == 0);
    ck_assert_uint_eq(lfvec_size(v), 301);
    ck_assert_uint_eq(stat_of(v).slots_alive, 1);
    ck_assert_uint_eq(stat_of(v).slots_free, 1);
    ck_assert_uint_eq(recovered(v).slots_recovered, 0);
    ipc_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static pthread_barrier_t barrier;

static void *hold_until_told(void *unused)
{
    (void)unused;
    const int err = lfvec_push_u64(shared, 1);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return (void *)(intptr_t)err;
}

START_TEST(more_threads_than_slots)
{
    pthread_t thread[3];
    void *result;
    lfvec_t *v = make_with_slots(3);
    pthread_barrier_init(&barrier, NULL, 4);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, hold_until_told, NULL), 0);
    pthread_barrier_wait(&barrier);
    ck_assert_int_eq(lfvec_push_u64(v, 2), -EUSERS);
    uint64_t elem = 0;
    ck_assert_int_eq(lfvec_get_u64(v, 0, &elem), 0); /* reading takes no slot */
    ck_assert_uint_eq(recovered(v).slots_alive, 3);
    pthread_barrier_wait(&barrier);
    for (uint32_t i = 0; i < 3; i++) {
        pthread_join(thread[i], &result);
        ck_assert_ptr_eq(result, NULL);
    }
    ck_assert_int_eq(lfvec_push_u64(v, 2), 0);
    ck_assert_uint_eq(lfvec_size(v), 4);
    ipc_sound(v);
    lfvec_detach(v);
}
END_TEST

/* ---- fork ------------------------------------------------------------------------------------------------------------------------------ */

static void grandchild(struct board *b, uint32_t me)
{
    CHILD_MUST(ipc_slot_of(shared, getpid()) == 0);
    for (uint32_t i = 0; i < 500; i++)
        CHILD_MUST(ipc_step(shared, b, me) == 0);
    CHILD_MUST(ipc_slot_of(shared, getpid()) != 0 && ipc_slot_of(shared, getpid()) != ipc_slot_of(shared, getppid()));
    exit(0); /* the process's end gives its slot back */
}

static void child(struct board *b, uint32_t me)
{
    CHILD_MUST(ipc_slot_of(shared, getpid()) == 0);
    for (uint32_t i = 0; i < 500; i++)
        CHILD_MUST(ipc_step(shared, b, me) == 0);
    const uint32_t mine = ipc_slot_of(shared, getpid());
    CHILD_MUST(mine && mine != ipc_slot_of(shared, getppid()));
    const pid_t pid = fork();
    CHILD_MUST(pid >= 0);
    if (pid == 0)
        grandchild(b, me + 4);
    int status = -1;
    CHILD_MUST(waitpid(pid, &status, 0) == pid && status == 0);
    CHILD_MUST(ipc_slot_of(shared, getpid()) == mine);
    CHILD_MUST(lfvec_detach(shared) == 0);
    _exit(0);
}

START_TEST(forked_children_take_slots_of_their_own)
{
    struct board *b = ipc_board();
    pid_t pid[3];
    lfvec_t *v = make_with_slots(7);
    ck_assert_int_eq(ipc_step(v, b, 0), 0);
    ck_assert_int_eq(lfvec_pop_n(v, (uint64_t[8]){0}, 0), 0);
    const uint64_t first = ipc_elem(3, 0);
    atomic_store(&b->proc[3].pushed, 1);
    ck_assert_int_eq(lfvec_push_u64(v, first), 0);
    const uint32_t mine = ipc_slot_of(v, getpid());
    ck_assert_uint_ne(mine, 0);
    for (uint32_t p = 0; p < 3; p++)
        pid[p] = ipc_start(child, b, p + 1 == 3 ? 7 - 4 : p + 1);
    for (uint32_t i = 0; i < 500; i++)
        MUST(ipc_step(v, b, 0) == 0);
    for (uint32_t p = 0; p < 3; p++)
        ipc_reap(pid[p]);
    ck_assert_uint_eq(ipc_slot_of(v, getpid()), mine);
    ck_assert_uint_eq(stat_of(v).slots_alive, 1);
    ck_assert_uint_eq(stat_of(v).slots_free, 6);
    ipc_sound(v);
    ipc_settle(v, b, 0);
    lfvec_detach(v);
}
END_TEST

static _Atomic bool enough;

static void *keep_going(void *board)
{
    int err = 0;
    while (!err && !atomic_load(&enough))
        err = ipc_step(shared, board, 1);
    return (void *)(intptr_t)err;
}

static void one_step(struct board *b, uint32_t me)
{
    for (uint32_t i = 0; i < 20; i++)
        CHILD_MUST(ipc_step(shared, b, me) == 0);
    _exit(0); /* without a word: its slot is for recovery */
}

START_TEST(fork_beside_working_threads)
{
    struct board *b = ipc_board();
    pthread_t thread;
    void *result;
    uint64_t before = 0;
    lfvec_t *v = make_with_slots(4);
    ck_assert_int_eq(pthread_create(&thread, NULL, keep_going, b), 0);
    for (uint32_t i = 0; i < 50; i++) {
        ipc_until64(&b->proc[1].progress, before + 1); /* it is at work, anywhere */
        ipc_reap(ipc_start(one_step, b, 2));
        before = atomic_load(&b->proc[1].progress);
        MUST(ipc_step(v, b, 0) == 0);
    }
    atomic_store(&enough, true);
    pthread_join(thread, &result);
    ck_assert_ptr_eq(result, NULL);
    (void)recovered(v);
    ck_assert_uint_eq(stat_of(v).slots_alive, 1);
    ck_assert_uint_eq(stat_of(v).slots_free, 3);
    ipc_sound(v);
    ipc_settle(v, b, 0);
    lfvec_detach(v);
}
END_TEST

/* ---- exec ------------------------------------------------------------------------------------------------------------------------------ */

static int to_exec[2], exec_seen[2];

/* Becomes another program, which knows nothing of lfvec, and lives until its input ends. */
static void exec_away(struct board *b, uint32_t me)
{
    uint64_t elem;
    (void)b;
    for (uint64_t i = 0; i < 20; i++)
        CHILD_MUST(lfvec_push_u64(shared, i) == 0);
    CHILD_MUST(lfvec_set_u64(shared, 3, 33) == 0);
    if (me == 1)
        CHILD_MUST(lfvec_pop_lease(shared, &elem) == 0 && elem == 19);
    CHILD_MUST(dup2(to_exec[0], 0) == 0 && close(to_exec[1]) == 0);
    execlp("cat", "cat", (char *)NULL);
    _exit(98);
}

static void exec_and_recover(uint32_t lease)
{
    char nothing;
    lfvec_t *v = make_with_slots(1);
    MUST(pipe2(to_exec, 0) == 0 && pipe2(exec_seen, O_CLOEXEC) == 0);
    const pid_t pid = ipc_start(exec_away, NULL, lease);
    close(exec_seen[1]);
    close(to_exec[0]);
    MUST(read(exec_seen[0], &nothing, 1) == 0); /* closed by the exec */
    ipc_sound(v);
    MUST(ipc_slot(v, 1).state == LFVEC_SLOT_DEAD); /* though a process of that number lives: the kernel has marked it */
    if (lease) {
        const struct lfvec_recovery r = recovered(v);
        MUST(r.slots_recovered == 1 && r.slots_alive == 0 && r.slots_unknown == 0 && r.leases_returned == 1);
        MUST(lfvec_size(v) == 20 && ipc_slot(v, 1).state == LFVEC_SLOT_FREE);
    }
    MUST(lfvec_push_u64(v, 20) == 0); /* takes the one slot */
    MUST(ipc_slot_of(v, getpid()) == 1);
    for (uint64_t i = 0, elem; i <= 20; i++)
        MUST(lfvec_get_u64(v, i, &elem) == 0 && elem == (i == 3 ? 33 : i));
    ipc_sound(v);
    close(to_exec[1]);
    ipc_reap(pid);
    close(exec_seen[0]);
    lfvec_detach(v);
}

START_TEST(exec_leaves_the_slot_recoverable)
{
    exec_and_recover(0);
    exec_and_recover(1);
}
END_TEST

/* ---- stopped --------------------------------------------------------------------------------------------------------------------------- */

static void work_until_stopped(struct board *b, uint32_t me)
{
    while (!atomic_load(&b->stop))
        CHILD_MUST(ipc_step(shared, b, me) == 0);
    CHILD_MUST(lfvec_detach(shared) == 0);
}

/* Everything goes on beside a process that is stopped wherever it was. */
static void beside_the_stopped(lfvec_t *v, struct board *b, uint32_t slot)
{
    const pid_t pid = ipc_slot(v, slot).pid;
    for (uint32_t i = 0; i < 500; i++)
        MUST(ipc_step(v, b, 0) == 0);
    MUST(ipc_slot(v, slot).state == LFVEC_SLOT_STOPPED);
    const struct lfvec_recovery r = recovered(v);
    MUST(r.slots_recovered == 0 && r.slots_alive == 2 && r.slots_unknown == 0 && r.ops_won == 0 && r.ops_lost == 0);
    MUST(lfvec_recover_forced(v, slot, NULL) == -EBUSY);
    MUST(ipc_slot(v, slot).pid == pid);
    ipc_sound(v);
}

START_TEST(stopped_is_alive_and_blocks_nobody)
{
    struct board *b = ipc_board();
    lfvec_t *v = make_with_slots(2);
    const pid_t pid = ipc_start(work_until_stopped, b, 1);
    for (uint32_t i = 0; i < 60; i++) {
        ipc_until64(&b->proc[1].progress, atomic_load(&b->proc[1].progress) + 1 + ipc_random(100));
        ipc_stop(pid);
        beside_the_stopped(v, b, ipc_slot_of(v, pid));
        ipc_continue(pid);
    }
    atomic_store(&b->stop, 1);
    ipc_reap(pid);
    ck_assert_uint_eq(recovered(v).slots_recovered, 0);
    ipc_sound(v);
    ipc_settle(v, b, 0);
    lfvec_detach(v);
}
END_TEST

/* ---- no slot left ---------------------------------------------------------------------------------------------------------------------- */

static void hold_a_slot(struct board *b, uint32_t me)
{
    CHILD_MUST(lfvec_push_u64(shared, me) == 0);
    atomic_fetch_add(&b->ready, 1);
    for (;;)
        pause();
}

static void *push_in_vain(void *unused)
{
    uint8_t elem[4096] = {0};
    (void)unused;
    while (!atomic_load(&enough))
        (void)lfvec_push(shared, elem, NULL);
    return NULL;
}

static void *pop_and_push(void *result)
{
    uint8_t elem[4096] = {0};
    *(int *)result = lfvec_pop(shared, elem);
    return *(int *)result ? NULL : (void *)(intptr_t)lfvec_push(shared, elem, NULL);
}

/* Whoever finds no memory looks into the slots that nobody holds. Such a slot is free all the same. */
START_TEST(slots_held_in_passing_are_free)
{
    struct lfvec_attr attr;
    uint8_t elem[4096] = {0};
    pthread_t vain, thread;
    int result;
    ipc_attr(&attr, sizeof elem);
    attr.max_slots = 3;
    attr.max_bytes = UINT64_C(4) << 20;
    lfvec_t *v = shared = ipc_make(&attr);
    while ((result = lfvec_push(v, elem, NULL)) == 0)
        ;
    ck_assert_int_eq(result, -EOVERFLOW);
    atomic_store(&enough, false);
    ck_assert_int_eq(pthread_create(&vain, NULL, push_in_vain, NULL), 0);
    while (stat_of(v).slots_alive < 2)
        sched_yield();
    for (uint32_t i = 0; i < 300; i++) {
        MUST(pthread_create(&thread, NULL, pop_and_push, &result) == 0 && pthread_join(thread, NULL) == 0);
        MUST(result != -EUSERS);
    }
    atomic_store(&enough, true);
    pthread_join(vain, NULL);
    ipc_sound(v);
    lfvec_detach(v);
}
END_TEST

/* SIGKILLed, but not yet reaped: a zombie holds nothing any more. */
static void kill_to_zombie(pid_t pid)
{
    siginfo_t info;
    MUST(kill(pid, SIGKILL) == 0);
    MUST(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
}

START_TEST(only_dead_holders_make_room)
{
    struct board *b = ipc_board();
    pid_t pid[3];
    lfvec_t *v = make_with_slots(3);
    for (uint32_t p = 0; p < 3; p++) {
        pid[p] = ipc_start(hold_a_slot, b, p);
        ipc_until(&b->ready, p + 1);
    }
    ck_assert_int_eq(lfvec_push_u64(v, 9), -EUSERS);
    ipc_stop(pid[1]);
    ck_assert_int_eq(lfvec_push_u64(v, 9), -EUSERS);
    ck_assert_uint_eq(stat_of(v).slots_alive, 2);
    ck_assert_uint_eq(stat_of(v).slots_stopped, 1);
    ck_assert_uint_eq(recovered(v).slots_alive, 3);
    const uint32_t slot = ipc_slot_of(v, pid[2]);
    kill_to_zombie(pid[2]);
    ck_assert_uint_eq(ipc_slot(v, slot).state, LFVEC_SLOT_DEAD);
    ck_assert_uint_eq(stat_of(v).slots_dead, 1);
    ck_assert_int_eq(lfvec_push_u64(v, 9), 0);
    ck_assert_uint_eq(ipc_slot_of(v, getpid()), slot);
    ck_assert_uint_eq(stat_of(v).recoveries, 1);
    ck_assert_uint_eq(stat_of(v).slots_stopped, 1);
    ipc_reap_killed(pid[2]);
    ipc_kill(pid[0]);
    ipc_kill(pid[1]); /* stopped ones die too */
    ck_assert_uint_eq(recovered(v).slots_recovered, 2);
    ck_assert_uint_eq(lfvec_size(v), 4);
    ipc_sound(v);
    lfvec_detach(v);
}
END_TEST

Suite *ipc_life_suite(void)
{
    Suite *s = suite_create("life");
    TCase *t = tcase_create("life");
    tcase_set_timeout(t, IPC_TIMEOUT);
    tcase_add_test(t, thread_exit_gives_the_slot_back);
    tcase_add_test(t, more_threads_than_slots);
    tcase_add_test(t, forked_children_take_slots_of_their_own);
    tcase_add_test(t, fork_beside_working_threads);
    tcase_add_test(t, exec_leaves_the_slot_recoverable);
    tcase_add_test(t, stopped_is_alive_and_blocks_nobody);
    tcase_add_test(t, slots_held_in_passing_are_free);
    tcase_add_test(t, only_dead_holders_make_room);
    suite_add_tcase(s, t);
    return s;
}
