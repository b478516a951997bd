/*
 * check_history.c - recovery of a slot with a history: what an older operation left in the dead one's buffer, and what others have done since with the
 * leaves that are named there. A leaf that recovery frees although it is in use is taken again, and the elements in it are overwritten: that is
 * what is looked for. tests/kill has the same histories, killed at every instruction.
 */
#include "suites.h"
#include "support.h"

#include "desc.h"
#include "join.h"
#include "slab.h"

#include <sys/wait.h>
#include <unistd.h>

enum { LEAF_ELEMS = 64, LEAVES = 4, DEAD = 2, FIRST = 10, AFTER_BATCH = 2 * LEAF_ELEMS + 12, TRIES = 1000 };

static lfvec_t *v;
static struct segment *s;

static void set_up(void)
{
    v = unit_make(NULL);
    s = &v->seg;
}

static void tear_down(void)
{
    ck_assert_int_eq(lfvec_detach(v), 0);
}

static struct shm_slot *dead(void)
{
    return slot_at(s, DEAD);
}

static uint64_t leaf_at(uint64_t d)
{
    struct desc_view view;
    uint64_t ref;
    MUST(desc_resolve(s, head_load(s->control), d, &view, &ref) == 0 && ref);
    return ref;
}

/* Each new leaf is a free one: had recovery freed one that is in use, that would be among them. */
static void expect_nothing_lost(void)
{
    const uint64_t n = lfvec_size(v);
    unit_fill(v, n, n + 100 * LEAF_ELEMS);
    unit_expect(v, n + 100 * LEAF_ELEMS);
    unit_sound(v);
}

/* A process that holds slot 2 does one thing after the other, and dies. */
struct deeds {
    void (*first)(void), (*second)(void);
    int go[2], done[2];
};

static void tell(const int pipe[2])
{
    MUST(write(pipe[1], "x", 1) == 1);
}

static void await(const int pipe[2])
{
    char byte;
    MUST(read(pipe[0], &byte, 1) == 1);
}

/* Returns after the first. */
static pid_t start(struct deeds *d)
{
    MUST(pipe(d->go) == 0 && pipe(d->done) == 0);
    const pid_t pid = check_fork();
    if (pid == 0) {
        d->first();
        tell(d->done);
        await(d->go);
        d->second();
        _exit(0); /* nobody gives the slot back */
    }
    await(d->done);
    return pid;
}

/* Lets it do the second, and die. */
static void go_on(const struct deeds *d, pid_t pid)
{
    int status;
    tell(d->go);
    MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Killed between the last leaf that it freed and the end of its intent, which is the next store: that store has not been. */
static void as_killed_before_its_end(uint32_t buffer)
{
    ck_assert_uint_eq(dead()->intent, 0);
    dead()->intent = dead()->desc[buffer].since << 1 | buffer;
}

static uint32_t newer_buffer(void)
{
    return dead()->desc[1].since > dead()->desc[0].since;
}

static void recover_and_tell(void *arg)
{
    struct lfvec_recovery r;
    MUST(lfvec_recover(v, &r) == 0 && write(*(int *)arg, &r, sizeof r) == sizeof r);
}

/* By a third process: the one that has taken the leaf does nothing meanwhile. */
static struct lfvec_recovery recover(void)
{
    struct lfvec_recovery r;
    int end[2];
    MUST(pipe(end) == 0);
    unit_in_child(recover_and_tell, &end[1]);
    MUST(read(end[0], &r, sizeof r) == sizeof r);
    ck_assert_uint_eq(r.slots_recovered, 1);
    ck_assert_uint_eq(r.ops_won, 1);
    return r;
}

/* ---- a longer list of leaves, of an older operation, behind the one that counts --------------------------------------------------------- */

static void push_batch(void)
{
    uint64_t x[AFTER_BATCH - FIRST];
    for (uint64_t i = FIRST; i < AFTER_BATCH; i++)
        x[i - FIRST] = i;
    MUST(lfvec_push_n(v, x, AFTER_BATCH - FIRST, NULL) == AFTER_BATCH - FIRST);
}

static void set_first(void)
{
    MUST(lfvec_set_u64(v, 1, 1) == 0);
}

/* Elements of the third leaf are set until that is the leaf which was the second one before the batch. */
static void take_again(uint64_t ref)
{
    for (uint32_t tries = 0; leaf_at(2) != ref; tries++) {
        MUST(tries < TRIES);
        MUST(lfvec_set_u64(v, AFTER_BATCH - 1, AFTER_BATCH - 1) == 0);
    }
}

START_TEST(test_older_batch_in_the_buffer)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct deeds d = {.first = push_batch, .second = set_first};
    uint64_t x;
    unit_fill(v, 0, LEAVES * LEAF_ELEMS);
    while (lfvec_size(v) > FIRST)
        MUST(lfvec_pop_u64(v, &x) == 0);
    const pid_t pid = start(&d);
    ck_assert_uint_eq(dead()->desc[0].count, 3);
    const uint64_t ref = dead()->desc[0].entry[1].old_ref;
    ck_assert(ref && !slab_taken(s, ref));
    take_again(ref);
    go_on(&d, pid);
    ck_assert_uint_eq(newer_buffer(), 0);
    ck_assert_uint_eq(dead()->desc[0].count, 1);
    ck_assert_uint_eq(dead()->desc[0].entry[1].old_ref, ref);
    as_killed_before_its_end(0);
    const struct lfvec_recovery r = recover();
    ck_assert_uint_eq(leaf_at(2), ref);
    expect_nothing_lost();
    ck_assert_uint_eq(r.leaves_freed, 0); /* the dead one had done it */
}
END_TEST

/* ---- the leaf that the dead one freed, taken at once ------------------------------------------------------------------------------------ */

static void nothing(void)
{
}

/* Takes leaves and gives them back, which makes no version, until it has that one. */
static void take_in_hand(uint64_t ref)
{
    struct participant *p;
    MUST(join_get(v, &p) == 0);
    participant_return_spares(p);
    for (uint32_t tries = 0; p->spares == 0 || p->spare[0] != ref; tries++) {
        MUST(tries < TRIES);
        participant_return_spares(p);
        MUST(participant_spares(p, 1) == 0);
    }
    (void)join_over(0);
}

START_TEST(test_taken_again_at_once)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct deeds d = {.first = set_first, .second = nothing};
    unit_fill(v, 0, 2 * LEAF_ELEMS);
    const pid_t pid = start(&d);
    go_on(&d, pid);
    const uint32_t buffer = newer_buffer();
    const uint64_t ref = dead()->desc[buffer].entry[0].old_ref, version = head_version(s->control);
    ck_assert_uint_eq(dead()->desc[buffer].since, version);
    ck_assert(ref && !slab_taken(s, ref));
    as_killed_before_its_end(buffer);
    take_in_hand(ref);
    ck_assert_uint_eq(head_version(s->control), version);
    const struct lfvec_recovery r = recover();
    expect_nothing_lost();
    ck_assert_uint_eq(r.leaves_freed, 0);
}
END_TEST

Suite *history_suite(void)
{
    Suite *suite = suite_create("history");
    TCase *tc = unit_case(suite, "history", 30);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_older_batch_in_the_buffer);
    tcase_add_test(tc, test_taken_again_at_once);
    return suite;
}
