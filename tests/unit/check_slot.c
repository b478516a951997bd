/* check_slot.c - slots: held through a robust mutex, one holder at a time; what is written down of the holder, and whether it lives. */
#include "suites.h"
#include "support.h"

#include "atomic16.h"
#include "slot.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct segment s;

static void set_up(void)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = 4;
    ck_assert_int_eq(segment_open(&s, unit_name(), LFVEC_CREATE, &a), 0);
}

static void tear_down(void)
{
    segment_close(&s);
}

START_TEST(test_numbers)
{
    ck_assert(!slot_exists(&s, 0));
    ck_assert(slot_exists(&s, 1));
    ck_assert(slot_exists(&s, 4));
    ck_assert(!slot_exists(&s, 5));
    ck_assert(!slot_exists(&s, UINT32_MAX));
    for (uint32_t i = 1; i <= 4; i++)
        ck_assert_uint_eq(slot_state(&s, i), LFVEC_SLOT_FREE);
}
END_TEST

static void find_busy(void *arg)
{
    ck_assert_int_eq(slot_trylock(&s, *(uint32_t *)arg), -EBUSY);
}

START_TEST(test_one_holder)
{
    uint32_t i = 2;
    ck_assert_int_eq(slot_trylock(&s, i), 0);
    ck_assert_int_eq(slot_trylock(&s, i), -EBUSY); /* not by the same thread either */
    unit_in_thread(find_busy, &i);
    unit_in_child(find_busy, &i);
    slot_unlock(&s, i);
    ck_assert_int_eq(slot_trylock(&s, i), 0);
    slot_unlock(&s, i);
}
END_TEST

static void lock_and_die(void *arg)
{
    ck_assert_int_eq(slot_trylock(&s, *(uint32_t *)arg), 0);
    slot_announce(&s, *(uint32_t *)arg, false);
    _exit(0);
}

START_TEST(test_dead_holder)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    uint32_t i = 3;
    unit_in_child(lock_and_die, &i);
    ck_assert_uint_eq(slot_state(&s, i), LFVEC_SLOT_DEAD);
    ck_assert_int_eq(slot_trylock(&s, i), -EOWNERDEAD); /* once */
    slot_unlock(&s, i);
    ck_assert_int_eq(slot_trylock(&s, i), 0); /* made consistent */
    slot_unlock(&s, i);
    unit_in_child(lock_and_die, &i); /* and it may happen again */
    ck_assert_int_eq(slot_trylock(&s, i), -EOWNERDEAD);
    slot_unlock(&s, i);
}
END_TEST

static void lock_only(void *arg)
{
    ck_assert_int_eq(slot_trylock(&s, *(uint32_t *)arg), 0);
}

START_TEST(test_dead_thread)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    uint32_t i = 1;
    unit_in_thread(lock_only, &i); /* a thread that ends with the mutex is a dead holder too */
    ck_assert_int_eq(slot_trylock(&s, i), -EOWNERDEAD);
    slot_unlock(&s, i);
}
END_TEST

START_TEST(test_announced)
{
    struct slot_look look;
    prctl(PR_SET_NAME, "some-name");
    ck_assert_int_eq(slot_trylock(&s, 1), 0);
    slot_announce(&s, 1, false);
    slot_look(&s, 1, &look);
    ck_assert(look.named && !look.passing);
    ck_assert_int_eq(look.id.pid, getpid());
    ck_assert_int_eq(look.id.tid, (int32_t)syscall(SYS_gettid));
    ck_assert_uint_ne(look.id.pid_ns, 0);
    ck_assert_uint_ne(look.id.alive_at, 0);
    ck_assert_uint_ne(look.id.time_ns, 0);
    ck_assert_uint_ne(look.id.stack, 0);
    ck_assert_str_eq((const char *)slot_at(&s, 1)->name, "some-name");
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_ALIVE);
    slot_retire(&s, 1);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_ALIVE); /* it has the mutex, and does not say any more who it is */
    slot_unlock(&s, 1);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_FREE);
}
END_TEST

/* Reused numbers, other namespaces, damage: dead only if certain. */
START_TEST(test_not_to_be_told)
{
    struct shm_slot *slot = slot_at(&s, 1);
    ck_assert_int_eq(slot_trylock(&s, 1), 0);
    slot_announce(&s, 1, false);
    atomic_fetch_add(&slot->pid_ns, 1);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_UNKNOWN);
    atomic_store(&slot->pid_ns, 0);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_UNKNOWN);
    slot_announce(&s, 1, false);
    atomic_store(&slot->pid, -5);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_UNKNOWN);
    slot_announce(&s, 1, false);
    atomic_store(&slot->alive_at, 1); /* the number is ours now, but we started later: it was somebody else's */
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_DEAD);
    atomic_store(&slot->alive_at, 0); /* not recorded: the number has to do */
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_ALIVE);
    slot_unlock(&s, 1);
}
END_TEST

START_TEST(test_stopped_is_alive)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    int status;
    const pid_t pid = check_fork();
    if (pid == 0) {
        ck_assert_int_eq(slot_trylock(&s, 1), 0);
        slot_announce(&s, 1, false);
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    ck_assert(WIFSTOPPED(status));
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_STOPPED);
    ck_assert_int_eq(slot_trylock(&s, 1), -EBUSY);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_DEAD); /* a zombie */
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_DEAD);
    ck_assert_int_eq(slot_trylock(&s, 1), -EOWNERDEAD);
    slot_unlock(&s, 1);
}
END_TEST

/* The holder cannot be told and a person says that it is gone: its slot is taken, whatever becomes of it. */
START_TEST(test_reset_mutex)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    int status, ready[2];
    char byte;
    uint32_t i = 2;
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t pid = check_fork();
    if (pid == 0) {
        ck_assert_int_eq(slot_trylock(&s, i), 0);
        ck_assert_int_eq(write(ready[1], "x", 1), 1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(slot_trylock(&s, i), -EBUSY);
    ck_assert_int_eq(slot_reset_mutex(&s, i), 0);
    ck_assert_int_eq(slot_trylock(&s, i), 0);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    unit_in_child(find_busy, &i); /* ours still */
    slot_unlock(&s, i);
    unit_in_child(lock_and_die, &i); /* robust and shared still */
    ck_assert_int_eq(slot_trylock(&s, i), -EOWNERDEAD);
    slot_unlock(&s, i);
}
END_TEST

/* Whatever stands in a free slot's mutex, trying it is survived. There are kinds on which the C library aborts. */
START_TEST(test_damaged_mutex)
{
    enum { WORDS = sizeof(pthread_mutex_t) / sizeof(uint32_t) };
    static const uint32_t odd[] = {0x20, 0x40, 0x41, 0xa0, 0xc0, 0xff, 0x100, 0x180, 0x200, 0x40000000, 0x7fffffff, UINT32_MAX};
    struct shm_slot *slot = slot_at(&s, 3);
    uint32_t good[WORDS], bad[WORDS], refused = 0;
    memcpy(good, &slot->life, sizeof good);
    for (unsigned int word = 0; word < WORDS; word++)
        for (unsigned int k = 0; k < 32 + sizeof odd / sizeof *odd; k++) {
            memcpy(bad, good, sizeof bad);
            bad[word] ^= k < 32 ? UINT32_C(1) << k : odd[k - 32];
            memcpy(&slot->life, bad, sizeof bad);
            const int got = slot_trylock(&s, 3);
            refused += got == -EBADMSG;
            MUST(slot_lockable(&s, 3) == (got != -EBADMSG));
            if (got == 0 || got == -EOWNERDEAD)
                slot_unlock(&s, 3);
            memcpy(&slot->life, good, sizeof good);
        }
    ck_assert_uint_eq(refused, 32 + sizeof odd / sizeof *odd); /* every other kind, and nothing but the kind */
    ck_assert_int_eq(slot_trylock(&s, 3), 0);
    slot_unlock(&s, 3);
}
END_TEST

#if defined(ATOMIC16_TSAN)
static const char *lacks_checked_links(void)
{
    return "under ThreadSanitizer mutexes are given back by the C library";
}
#else
static const char *lacks_checked_links(void)
{
    return unit_lacks_robust_locks();
}
#endif

/* The C library's links in a mutex that is held: wherever they lead, nothing is stored there, and the mapping is to stay. */
START_TEST(test_damaged_links)
{
    UNIT_NEEDS(lacks_checked_links);
    for (uint32_t i = 1; i <= 3; i++)
        ck_assert_int_eq(slot_trylock(&s, i), 0);
    pthread_mutex_t *m = &slot_at(&s, 2)->life;
    volatile uintptr_t *const next = (uintptr_t *)(void *)&m->__data.__list.__next, *const prev = next - 1;
    const uintptr_t sound = *next, wild[] = {0, 8, 0x1234567890, UINTPTR_MAX, UINTPTR_MAX - 7, (uintptr_t)next, (uintptr_t)&sound};
    for (uint32_t n = 0; n < sizeof wild / sizeof wild[0]; n++) {
        *next = wild[n];
        s.stuck = false;
        slot_unlock(&s, 2);
        ck_assert(s.stuck);
    }
    *next = sound;
    *prev = 0x1234567890; /* the list's way here is known without it */
    s.stuck = false;
    for (uint32_t i = 1; i <= 3; i++)
        slot_unlock(&s, i % 3 + 1); /* the one in the middle, the first, the last */
    ck_assert(!s.stuck);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_int_eq(slot_trylock(&s, i), 0);
        slot_unlock(&s, i);
    }
    ck_assert(!s.stuck);
}
END_TEST

/* Its word was spoilt, and somebody else could lock it, too: whoever is second to give it back leaves the other's list alone. */
static void lock_and_leave(void *arg)
{
    s.stuck = false;
    ck_assert_int_eq(slot_trylock(&s, *(uint32_t *)arg), 0);
    slot_unlock(&s, *(uint32_t *)arg);
    ck_assert(!s.stuck);
}

START_TEST(test_locked_twice)
{
    UNIT_NEEDS(lacks_checked_links);
    uint32_t i = 2;
    ck_assert_int_eq(slot_trylock(&s, i), 0);
    memset(&slot_at(&s, i)->life, 0, sizeof(int));
    unit_in_thread(lock_and_leave, &i);
    slot_unlock(&s, i);
    ck_assert(s.stuck);
    ck_assert_int_eq(slot_trylock(&s, 1), 0); /* the list goes on working */
    s.stuck = false;
    slot_unlock(&s, 1);
    ck_assert(!s.stuck);
    s.stuck = true; /* for tear_down: the mapping is still in our list */
}
END_TEST

Suite *slot_suite(void)
{
    Suite *suite = suite_create("slot");
    TCase *tc = unit_case(suite, "slot", 30);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_numbers);
    tcase_add_test(tc, test_one_holder);
    tcase_add_test(tc, test_dead_holder);
    tcase_add_test(tc, test_dead_thread);
    tcase_add_test(tc, test_announced);
    tcase_add_test(tc, test_not_to_be_told);
    tcase_add_test(tc, test_stopped_is_alive);
    tcase_add_test(tc, test_reset_mutex);
    tcase_add_test(tc, test_damaged_links);
    tcase_add_test(tc, test_locked_twice);
    tcase_add_test(tc, test_damaged_mutex);
    return suite;
}
