/*
 * check_slot.c - slots: held by a life mark, one holder at a time; what is written down of the holder, and whether it lives; what a forged
 * mark does, and what a reader learns.
 */
#include "suites.h"
#include "support.h"

#include "slot.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct segment s;
static struct life hold[5];

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

static int take(uint32_t i)
{
    return slot_take(&s, i, &hold[i]);
}

static void give_back(uint32_t i)
{
    slot_give_back(&s, i, &hold[i]);
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
    struct life own;
    ck_assert_int_eq(slot_take(&s, *(uint32_t *)arg, &own), -EBUSY);
}

START_TEST(test_one_holder)
{
    uint32_t i = 2;
    ck_assert_int_eq(take(i), 0);
    find_busy(&i); /* not by the same thread either */
    unit_in_thread(find_busy, &i);
    unit_in_child(find_busy, &i);
    give_back(i);
    ck_assert_int_eq(take(i), 0);
    give_back(i);
}
END_TEST

static void lock_and_die(void *arg)
{
    ck_assert_int_eq(take(*(uint32_t *)arg), 0);
    slot_announce(&s, *(uint32_t *)arg, false);
    _exit(0);
}

START_TEST(test_dead_holder)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    uint32_t i = 3;
    unit_in_child(lock_and_die, &i);
    ck_assert_uint_eq(slot_state(&s, i), LFVEC_SLOT_DEAD);
    ck_assert_int_eq(take(i), -EOWNERDEAD); /* once */
    give_back(i);
    ck_assert_int_eq(take(i), 0); /* clean again */
    give_back(i);
    unit_in_child(lock_and_die, &i); /* and it may happen again */
    ck_assert_int_eq(take(i), -EOWNERDEAD);
    give_back(i);
}
END_TEST

static void lock_only(void *arg)
{
    ck_assert_int_eq(take(*(uint32_t *)arg), 0);
}

START_TEST(test_dead_thread)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    uint32_t i = 1;
    unit_in_thread(lock_only, &i); /* a thread that ends with it is a dead holder too */
    ck_assert_int_eq(take(i), -EOWNERDEAD);
    give_back(i);
}
END_TEST

START_TEST(test_announced)
{
    struct slot_look look;
    prctl(PR_SET_NAME, "some-name");
    ck_assert_int_eq(take(1), 0);
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
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_ALIVE); /* it holds the mark, and does not say any more who it is */
    give_back(1);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_FREE);
}
END_TEST

/* Reused numbers, other namespaces, damage: dead only if certain. */
START_TEST(test_not_to_be_told)
{
    struct shm_slot *slot = slot_at(&s, 1);
    ck_assert_int_eq(take(1), 0);
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
    give_back(1);
}
END_TEST

START_TEST(test_stopped_is_alive)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    int status;
    const pid_t pid = check_fork();
    if (pid == 0) {
        ck_assert_int_eq(take(1), 0);
        slot_announce(&s, 1, false);
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    ck_assert(WIFSTOPPED(status));
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_STOPPED);
    ck_assert_int_eq(take(1), -EBUSY);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_DEAD); /* a zombie */
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_uint_eq(slot_state(&s, 1), LFVEC_SLOT_DEAD);
    ck_assert_int_eq(take(1), -EOWNERDEAD);
    give_back(1);
}
END_TEST

/* The holder cannot be told and a person says that it is gone: its slot is taken, whatever becomes of it. */
START_TEST(test_taken_from_another)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    int status, ready[2];
    char byte;
    uint32_t i = 2;
    struct slot_look look;
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t pid = check_fork();
    if (pid == 0) {
        ck_assert_int_eq(take(i), 0);
        ck_assert_int_eq(write(ready[1], "x", 1), 1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(take(i), -EBUSY);
    slot_look(&s, i, &look);
    ck_assert_int_eq(look.mark.holder, pid);
    ck_assert_int_eq(slot_take_from(&s, i, &look, &hold[i]), -EOWNERDEAD);
    ck_assert_int_eq(slot_take_from(&s, i, &look, &hold[0]), -EBUSY); /* it is another taking now */
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    unit_in_child(find_busy, &i); /* ours still */
    give_back(i);
    unit_in_child(lock_and_die, &i);
    ck_assert_int_eq(take(i), -EOWNERDEAD);
    give_back(i);
}
END_TEST

/* ---- forged ---------------------------------------------------------------------------------------------------------------------------- */

static shm_u64 *mark(uint32_t i)
{
    return slot_mark_at(&s, i);
}

/* Whatever stands in a mark that no thread holds: it can be taken unless it names a holder, and what was in it does not outlive the taking. */
START_TEST(test_any_mark)
{
    static const uint32_t odd[] = {0, 1, FUTEX_OWNER_DIED, FUTEX_WAITERS, FUTEX_OWNER_DIED | FUTEX_WAITERS, UINT32_MAX, FUTEX_TID_MASK};
    enum { ODD = sizeof odd / sizeof *odd };
    for (uint32_t k = 0; k < 64 + ODD * ODD; k++) {
        const uint64_t raw = k < 64 ? UINT64_C(1) << k : (uint64_t)odd[(k - 64) / ODD] << 32 | odd[(k - 64) % ODD];
        atomic_store(mark(3), raw);
        const int got = take(3);
        MUST((raw & FUTEX_TID_MASK) ? got == -EBUSY : got == (raw & FUTEX_OWNER_DIED ? -EOWNERDEAD : 0));
        if (got == -EBUSY) {
            MUST(atomic_load(mark(3)) == raw);
            continue;
        }
        MUST(slot_mark(&s, 3).holder == (int32_t)syscall(SYS_gettid) && slot_mark(&s, 3).taking == (uint32_t)(raw >> 32) + 1);
        give_back(3);
        MUST((uint32_t)atomic_load(mark(3)) == 0);
    }
}
END_TEST

/* A held mark is written over: what its holder gives back is not its own any more, and stays; its list goes on working. */
START_TEST(test_forged_while_held)
{
    static const uint64_t forged[] = {0, 1, FUTEX_OWNER_DIED, 0x3ffffffe, UINT64_MAX, UINT64_C(7) << 32};
    for (uint32_t n = 0; n < sizeof forged / sizeof forged[0]; n++) {
        for (uint32_t i = 1; i <= 3; i++)
            ck_assert_int_eq(take(i), 0);
        atomic_store(mark(2), forged[n]);
        for (uint32_t i = 1; i <= 3; i++)
            give_back(i % 3 + 1); /* the one in the middle, the first, the last */
        ck_assert_uint_eq(atomic_load(mark(2)), forged[n]);
        atomic_store(mark(2), 0);
    }
}
END_TEST

static void take_and_leave(void *arg)
{
    struct life own;
    ck_assert_int_eq(slot_take(&s, *(uint32_t *)arg, &own), 0);
    slot_give_back(&s, *(uint32_t *)arg, &own);
}

static void take_three(void *ready)
{
    for (uint32_t i = 1; i <= 3; i++)
        ck_assert_int_eq(take(i), 0);
    for (uint32_t b = 0; b < s.l.slot_bytes; b++)
        ((unsigned char *)slot_at(&s, 2))[b] = (unsigned char)(b * 7 + 1); /* which is before the marks of its page */
    atomic_store(mark(2), UINT64_MAX);
    *(bool *)ready = true;
    _exit(0);
}

/* Its mark was forged, so that two threads hold it: each gives back what it took, and leaves the other's list alone. */
START_TEST(test_taken_twice)
{
    uint32_t i = 2;
    ck_assert_int_eq(take(i), 0);
    atomic_store(mark(i), 0);
    unit_in_thread(take_and_leave, &i);
    give_back(i);
    unit_in_thread(take_and_leave, &i);
    ck_assert_int_eq(take(1), 0); /* the list goes on working */
    give_back(1);
}
END_TEST

/* What a neighbour does to one slot keeps the kernel from no other of the same thread. */
START_TEST(test_others_are_marked)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    bool ready = false;
    unit_in_child(take_three, &ready);
    ck_assert_int_eq(take(1), -EOWNERDEAD);
    ck_assert_int_eq(take(3), -EOWNERDEAD);
    give_back(3);
    give_back(1);
}
END_TEST

/* ---- what a reader learns -------------------------------------------------------------------------------------------------------------- */

struct place {
    uint64_t from, to;
};

static uint32_t own_places(struct place *at, uint32_t most)
{
    char line[512];
    uint32_t n = 0;
    FILE *f = fopen("/proc/self/maps", "re");
    while (f && n < most && fgets(line, sizeof line, f))
        n += sscanf(line, "%lx-%lx", &at[n].from, &at[n].to) == 2;
    if (f)
        fclose(f);
    return n;
}

/* No word of a slot, at whatever byte it begins, is an address in its holder's process: those lie high, where no count and no number reaches. */
#define LOWEST (UINT64_C(1) << 40)
START_TEST(test_no_address)
{
    static struct place at[4096];
    if (UNIT_SANITIZED)
        UNIT_SKIP("a sanitizer has mapped nearly every address");
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_int_eq(take(i), 0);
        slot_announce(&s, i, false);
    }
    const uint32_t places = own_places(at, 4096);
    ck_assert_uint_gt(places, 5);
    const unsigned char *first = (const unsigned char *)slot_at(&s, 0), *end = s.base + s.l.slabtab_off;
    for (const unsigned char *b = first; b + sizeof(uint64_t) <= end; b++) {
        uint64_t word;
        memcpy(&word, b, sizeof word);
        for (uint32_t n = 0; n < places; n++)
            MUST_MSG(word < LOWEST || word < at[n].from || word >= at[n].to, "%llx at byte %ld", (unsigned long long)word,
                     (long)(b - first));
    }
    for (uint32_t i = 1; i <= 3; i++)
        give_back(i);
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
    tcase_add_test(tc, test_taken_from_another);
    tcase_add_test(tc, test_any_mark);
    tcase_add_test(tc, test_forged_while_held);
    tcase_add_test(tc, test_taken_twice);
    tcase_add_test(tc, test_others_are_marked);
    tcase_add_test(tc, test_no_address);
    return suite;
}
