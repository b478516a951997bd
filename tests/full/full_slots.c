/*
 * full_slots.c - no slot left: with one holder that works, one that is stopped and one that is dead, exactly one more thread gets in. The
 * others read, and get in when somebody leaves.
 */
#include "full.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static int64_t push_one(uint64_t x, uint64_t unused)
{
    (void)unused;
    return lfvec_push_u64(full_mine, x);
}

static int64_t pop_one(uint64_t x, uint64_t unused)
{
    uint64_t popped = 0;
    (void)unused;
    const int err = lfvec_pop_u64(full_mine, &popped);
    return err ? err : popped == x ? 0 : -1;
}

/* What needs no slot. */
static int64_t looks(uint64_t n, uint64_t unused)
{
    struct lfvec_stat st;
    (void)unused;
    unit_expect(full_mine, n);
    unit_sound(full_mine);
    return lfvec_stat(full_mine, &st) == 0 && st.max_slots == 3 && st.slots_free == 0 ? 0 : -1;
}

static void stop(pid_t pid)
{
    int status;
    MUST(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
}

/* Killed, and a zombie until the end of the test: a zombie holds nothing. */
static void kill_to_zombie(pid_t pid)
{
    siginfo_t info;
    MUST(kill(pid, SIGKILL) == 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
}

static void expect_slots(lfvec_t *v, uint32_t alive, uint32_t stopped, uint32_t dead)
{
    struct lfvec_stat st;
    MUST(lfvec_stat(v, &st) == 0);
    MUST_MSG(st.slots_alive == alive && st.slots_stopped == stopped && st.slots_dead == dead && st.slots_unknown == 0,
             "%u alive, %u stopped, %u dead, %u unknown", st.slots_alive, st.slots_stopped, st.slots_dead, st.slots_unknown);
}

enum { LIVE, STOPPED, DEAD, FOURTH, FIFTH, PROCS };

START_TEST(live_stopped_and_dead_holders)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_attr a;
    struct full_proc p[PROCS];
    unit_attr(&a, 8);
    a.max_slots = 3;
    full_name = unit_name();
    lfvec_t *v = lfvec_open(full_name, LFVEC_CREATE, &a); /* takes no slot as long as it only looks */
    MUST_MSG(v != NULL, "%s", lfvec_last_error());
    for (int i = 0; i < PROCS; i++)
        p[i] = full_start();
    for (int i = 0; i < PROCS; i++)
        MUST(full_do(&p[i], full_attach, 0, 0) == 0);
    for (int i = LIVE; i <= DEAD; i++)
        MUST(full_do(&p[i], push_one, (uint64_t)i, 0) == 0);
    MUST(full_do(&p[FOURTH], push_one, 3, 0) == -EUSERS && full_do(&p[FIFTH], pop_one, 2, 0) == -EUSERS);
    stop(p[STOPPED].pid);
    MUST(full_do(&p[FOURTH], push_one, 3, 0) == -EUSERS); /* stopped is alive */
    kill_to_zombie(p[DEAD].pid);
    expect_slots(v, 1, 1, 1);
    MUST(full_do(&p[FOURTH], push_one, 3, 0) == 0); /* takes the dead one's */
    expect_slots(v, 2, 1, 0);
    MUST(full_do(&p[FIFTH], push_one, 4, 0) == -EUSERS && lfvec_push_u64(v, 4) == -EUSERS);
    MUST(lfvec_set_u64(v, 0, 9) == -EUSERS && lfvec_clear(v) == -EUSERS && lfvec_reserve(v, 9) == -EUSERS && lfvec_trim(v) == -EUSERS);
    MUST(full_do(&p[FIFTH], looks, 4, 0) == 0 && full_do(&p[LIVE], push_one, 4, 0) == 0);
    MUST(kill(p[STOPPED].pid, SIGCONT) == 0);
    MUST(full_do(&p[STOPPED], pop_one, 4, 0) == 0);
    MUST(full_do(&p[FIFTH], push_one, 4, 0) == -EUSERS);
    MUST(full_do(&p[STOPPED], full_detach, 0, 0) == 0);
    MUST(full_do(&p[FIFTH], push_one, 4, 0) == 0); /* the one that left made room */
    MUST(lfvec_push_u64(v, 5) == -EUSERS && full_do(&p[LIVE], looks, 5, 0) == 0);
    full_end(&p[LIVE]);
    MUST(lfvec_push_u64(v, 5) == 0);
    unit_expect(v, 6);
    unit_sound(v);
    full_end(&p[STOPPED]);
    full_kill(&p[DEAD]);
    full_end(&p[FOURTH]);
    full_end(&p[FIFTH]);
    expect_slots(v, 1, 0, 0);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* All three dead, one after the other, hundreds of times: slots never run out. */
START_TEST(the_dead_make_room)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = 3;
    full_name = unit_name();
    lfvec_t *v = lfvec_open(full_name, LFVEC_CREATE, &a);
    MUST_MSG(v != NULL, "%s", lfvec_last_error());
    for (uint64_t n = 0; n < 100; n++) {
        const struct full_proc p = full_start();
        MUST(full_do(&p, full_attach, 0, 0) == 0 && full_do(&p, push_one, n, 0) == 0);
        full_kill(&p);
        MUST(lfvec_size(v) == n + 1);
    }
    expect_slots(v, 0, 0, 1); /* each found its predecessor's before a fresh one */
    unit_expect(v, 100);
    unit_fill(v, 100, 200);
    unit_expect(v, 200);
    unit_sound(v);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

Suite *full_slots_suite(void)
{
    Suite *s = suite_create("slots");
    TCase *t = unit_case(s, "slots", 60);
    tcase_add_test(t, live_stopped_and_dead_holders);
    tcase_add_test(t, the_dead_make_room);
    return s;
}
