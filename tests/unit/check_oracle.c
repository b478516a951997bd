/*
 * check_oracle.c - lfvec_check() is what every other test trusts. Each fault that it can report is forged here, and has to be reported as what it
 * is: the fault, where, the sentence. What an operation leaves behind that is stopped half-way has to be called sound, and be counted. Then the
 * same with others at work: what is a fault whatever moves is reported all the same, and the rest waits for a pass in which nothing moved.
 */
#include "amid.h"
#include "oracle.h"
#include "suites.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_fault(const char *what, const struct lfvec_audit *a, int err)
{
    ck_assert_msg(err == -EBADMSG && a->fault == sc.fault && a->where == sc.where && !strcmp(a->message, sc.message),
                  "%s: %d, fault %u at 0x%llx: '%s'; expected fault %u at 0x%llx: '%s'", what, err, a->fault, (ull)a->where, a->message,
                  sc.fault, (ull)sc.where, sc.message);
}

static void expect_none(const char *what, const struct lfvec_audit *a, int err)
{
    ck_assert_msg(err == 0 && a->fault == LFVEC_FAULT_NONE && !a->message[0] && !a->leaves_lost,
                  "%s: %d, fault %u at 0x%llx: '%s', %llu lost", what, err, a->fault, (ull)a->where, a->message, (ull)a->leaves_lost);
}

/* By who has known the segment since before, writing and read-only. Nothing moves: two passes find it, and the rest is not needed. */
static void forge(const char *name)
{
    forgery_of(name)->forge();
}

START_TEST(test_forged)
{
    const struct forgery *f = &forgeries[_i];
    f->forge();
    lfvec_t *const by[] = {sc.looks, sc.v};
    for (int i = 0; i < 2; i++) {
        struct lfvec_audit a;
        const int err = lfvec_check(by[i], &a);
        expect_fault(f->name, &a, err);
        ck_assert_msg(a.passes == 2 && a.conclusive == 1 && a.leaves_lost == f->lost, "%s: %u passes, conclusive %u, %llu lost", f->name,
                      a.passes, a.conclusive, (ull)a.leaves_lost);
        RETURNS(-EBADMSG, lfvec_check(by[i], NULL));
    }
}
END_TEST

/* Each fault of the interface is in the table. */
START_TEST(test_each_fault_is_forged)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < forgery_count; i++) {
        forgeries[i].forge();
        seen |= UINT32_C(1) << sc.fault;
        heal();
    }
    for (uint32_t fault = LFVEC_FAULT_HEADER; fault <= LFVEC_FAULT_SLOT; fault++)
        ck_assert_msg(seen >> fault & 1, "fault %u", fault);
}
END_TEST

/* Of several faults, the first that is looked at; leaves are looked at in their order. All that are lost are counted. */
START_TEST(test_first_stands)
{
    const uint64_t last = free_leaf();
    struct lfvec_audit a;
    forge("leak: the last leaf of a slab");
    forge("free: a live leaf");
    ck_assert_uint_lt(sc.where, last);
    int err = lfvec_check(sc.looks, &a);
    expect_fault("a free leaf and a leak", &a, err);
    heal();
    toggle(last);
    forge("leak: a spare that is not recorded");
    err = lfvec_check(sc.looks, &a);
    expect_fault("two leaks", &a, err);
    ck_assert_uint_eq(a.leaves_lost, 2);
    forge("slot: committed beyond the head");
    forge("range: slabs_high");
    err = lfvec_check(sc.looks, &a);
    expect_fault("the control page, a slot, two leaks", &a, err);
    ck_assert_uint_eq(a.leaves_lost, 0);
}
END_TEST

/* ---- what is none --------------------------------------------------------------------------------------------------------------------- */

static void nothing(void)
{
}

static void stop_before_taking(void) /* between the record and the bit */
{
    poke(&slot(ME)->spare_ref[1], free_leaf());
}

static void stop_in_moving(void)
{
    poke(&slot(ME)->spare_ref[SHM_DESC_LEAVES - 1], sc.spare);
}

/* After the win, and before the spare is no spare any more, and what was replaced is free. */
static void stop_after_winning(void)
{
    const uint64_t old = free_leaf();
    struct shm_desc *d = fly(ME, head_desc(head_now()) & 1, 1);
    toggle(old);
    poke(&d->entry[0].old_ref, old);
    poke(&slot(ME)->spare_ref[1], leaf_at(0));
}

static void stop_after_freeing(void)
{
    poke(&fly(ME, head_desc(head_now()) & 1, 1)->entry[0].old_ref, free_leaf());
}

/* An attempt of as many leaves as there may be: the last counts. */
static void stop_in_batch(void)
{
    struct shm_desc *d = fly(ME, !(head_desc(head_now()) & 1), SHM_DESC_LEAVES);
    const uint64_t ref = free_leaf();
    for (uint32_t k = 0; k < SHM_DESC_LEAVES; k++) {
        poke(&d->entry[k].leaf_ref, 0);
        poke(&d->entry[k].old_ref, 0);
    }
    toggle(ref);
    toggle(ref - 1);
    poke(&d->entry[SHM_DESC_LEAVES - 1].leaf_ref, ref);
    poke(&d->entry[SHM_DESC_LEAVES - 1].old_ref, ref - 1);
}

static void stop_in_writing(void)
{
    struct shm_desc *d = &slot(ME)->desc[!(head_desc(head_now()) & 1)];
    poke(&d->seq, atomic_load(&d->seq) + 1);
    poke(&d->since, version() + 1);
    poke(&d->count, UINT64_MAX);
}

static void stop_in_claiming(void)
{
    poke(&sc.s->control->slabs_high, 8);
    poke(slab_at(7), slab_word_of(SHM_SLAB_CLAIMED, SLOTS));
}

static void stop_in_taking_over(void)
{
    poke(slab_at(0), atomic_load(slab_at(0)) | SLOTS);
}

static void made_just_now(void)
{
    poke(stamp(1), version());
    poke(&located(leaf_at(2)).meta->seq, version());
    poke(&slot(4)->committed, version());
}

static void trimmed(void)
{
    for (uint64_t d = LIVE; d < ENTRIES; d++) {
        toggle(leaf_at(d));
        poke(entry(d), 0);
    }
}

/* What the directory says of an entry that the descriptor in effect covers is past. */
static void not_installed(void)
{
    poke(entry(0), 0);
    poke(stamp(0), 0);
}

static const struct {
    const char *name;
    void (*forge)(void);
    int idle, held, taken; /* leaves that are idle, held by slots, in use; less one, or more, than in the scene */
} sound[] = {
    {"nothing", nothing, 0, 0, 0},
    {"a leaf that is recorded and not taken", stop_before_taking, 0, 0, 0},
    {"a spare that is recorded twice", stop_in_moving, 0, 0, 0},
    {"an attempt that has won, and not paid", stop_after_winning, 0, 1, 1},
    {"an attempt that has won, and freed", stop_after_freeing, 0, 0, 0},
    {"an attempt of as many leaves as there may be", stop_in_batch, 0, 2, 2},
    {"a descriptor half written", stop_in_writing, 0, 0, 0},
    {"a slab claimed, and without memory", stop_in_claiming, 0, 0, 0},
    {"a slab that is about to be taken over", stop_in_taking_over, 0, 0, 0},
    {"all of it of the head's own version", made_just_now, 0, 0, 0},
    {"no leaves beyond the size", trimmed, LIVE - ENTRIES, 0, LIVE - ENTRIES},
    {"a descriptor that is not in the directory yet", not_installed, 0, 0, 0},
};
enum { SOUND = sizeof sound / sizeof *sound };

START_TEST(test_sound)
{
    const uint64_t leaves = sc.s->l.slab_leaves, taken = (uint64_t)(ENTRIES + 1 + sound[_i].taken);
    struct lfvec_audit a;
    sound[_i].forge();
    const int err = lfvec_check(sc.looks, &a);
    expect_none(sound[_i].name, &a, err);
    ck_assert_msg(a.passes == 1 && a.conclusive == 1, "%s: %u passes, conclusive %u", sound[_i].name, a.passes, a.conclusive);
    ck_assert_uint_eq(a.version, version());
    ck_assert_uint_eq(a.elements, lfvec_size(sc.v));
    ck_assert_uint_eq(a.leaves_live, LIVE);
    ck_assert_uint_eq(a.leaves_idle, (uint64_t)(ENTRIES - LIVE + sound[_i].idle));
    ck_assert_uint_eq(a.leaves_held, (uint64_t)(1 + sound[_i].held));
    ck_assert_uint_eq(a.leaves_free, leaves - taken);
}
END_TEST

/* ---- while others are at work --------------------------------------------------------------------------------------------------------- */

static struct {
    const struct forgery *f;
    uint32_t from, to; /* forged in the middle of this pass, and healed in the middle of that */
    uint32_t moves;    /* the first passes, so many, in which the head moves */
} plan;

/* A version that changes nothing, as who takes a slab over makes one; and the record of it. */
static void move_head(void)
{
    const struct head h = head_now();
    MUST(head_cas(sc.s->control, h, head_next(h, head_size(h), head_desc(h), ME)));
    atomic_store(&slot(ME)->committed, h.version + 1);
}

static void move_as_planned(lfvec_t *v)
{
    (void)v;
    if (amid_pass() <= plan.moves)
        move_head();
}

static void do_as_planned(lfvec_t *v)
{
    move_as_planned(v);
    if (amid_pass() == plan.from)
        plan.f->forge();
    if (amid_pass() == plan.to)
        heal();
}

static void check_amid(enum amid_moment moment, amid_deed *deed, struct lfvec_audit *a, int *err)
{
    amid_deed *deeds[AMID_MOMENTS] = {NULL};
    deeds[moment] = deed;
    *err = amid_check(sc.looks, sc.v, deeds, a);
}

static void expect_passes(const char *what, const struct lfvec_audit *a, uint32_t passes, bool conclusive)
{
    ck_assert_msg(a->passes == passes && a->conclusive == conclusive && amid_pass() == passes,
                  "%s: %u passes, conclusive %u; expected %u, %u", what, a->passes, a->conclusive, passes, conclusive);
}

static bool begins_with(const struct forgery *f, const char *what)
{
    return !strncmp(f->name, what, strlen(what));
}

/*
 * What is forged in the middle of a pass is seen by that pass, if it looks there later. Header and control page, and how many slabs there are, it has
 * looked at before: then the next pass sees it, if the head moved in the first, so that there is a next one.
 */
static void plan_to_be_seen_once(const struct forgery *f)
{
    const bool slab = begins_with(f, "slab"), later = slab || f->kind == HEAD || begins_with(f, "header") || begins_with(f, "range");
    plan.f = f;
    plan.from = 1;
    plan.to = slab ? 3 : 2;
    plan.moves = later;
}

/* Some make another segment, or a slab, which is nothing for the middle of a pass. */
static bool can_be_seen_once(const struct forgery *f)
{
    return !begins_with(f, "header: of") && strcmp(f->name, "head: size beyond the directory") != 0 &&
           strcmp(f->name, "leak: in a slab that nobody owns") != 0;
}

/* What one pass sees, and the next does not, is not reported. */
START_TEST(test_seen_once)
{
    struct lfvec_audit a;
    int err;
    for (const struct forgery *f = forgeries; f < forgeries + forgery_count; f++) {
        if (!can_be_seen_once(f))
            continue;
        plan_to_be_seen_once(f);
        check_amid(AMID_BEFORE, do_as_planned, &a, &err);
        expect_none(f->name, &a, err);
        expect_passes(f->name, &a, plan.moves + 2, true);
        ck_assert_uint_eq(sc.undone, 0);
    }
}
END_TEST

/* In each pass another fault, or the same at another place. */
static void forge_in_turn(lfvec_t *v)
{
    static const char *const turns[] = {"free: a live leaf", "free: a leaf of the descriptor", "twice: live and spare", NULL,
                                        "free: a leaf of the descriptor"};
    const uint32_t turn = amid_pass() - 1;
    (void)v;
    heal();
    if (turn == 3)
        poke(&slot(2)->spare_ref[0], leaf_at(0)); /* live and spare, as before; and free, as after that */
    else if (turn < sizeof turns / sizeof *turns)
        forge(turns[turn]);
}

START_TEST(test_two_passes_must_agree)
{
    struct lfvec_audit a;
    int err;
    check_amid(AMID_BEFORE, forge_in_turn, &a, &err);
    expect_none("faults that come and go", &a, err);
    expect_passes("faults that come and go", &a, 6, true);
}
END_TEST

/* Of two passes that see it, one is of a head that moved before the end of it: the first, or the second. */
static void move_in_first(lfvec_t *v)
{
    (void)v;
    if (amid_pass() == 1)
        move_head();
}

static void move_in_second(lfvec_t *v)
{
    (void)v;
    if (amid_pass() == 2)
        move_head();
}

START_TEST(test_both_passes_must_count)
{
    amid_deed *const deeds[AMID_MOMENTS] = {[AMID_BEFORE] = do_as_planned, [AMID_AFTER] = _i ? move_in_second : move_in_first};
    struct lfvec_audit a;
    plan.to = 3;
    for (const struct forgery *f = forgeries; f < forgeries + forgery_count; f++) {
        if (f->kind != STILL)
            continue;
        f->forge();
        const int err = amid_check(sc.looks, sc.v, deeds, &a);
        expect_none(f->name, &a, err);
        expect_passes(f->name, &a, 3, true);
    }
}
END_TEST

/*
 * The head moves in each pass, early or after all that is looked at: what cannot be whatever moves is reported; of the rest nothing is said, and that
 * nothing could be said.
 */
static void forged_beside_work(enum amid_moment moment)
{
    struct lfvec_audit a;
    int err;
    plan.moves = UINT32_MAX;
    for (const struct forgery *f = forgeries; f < forgeries + forgery_count; f++) {
        if (f->kind == HEAD)
            continue;
        f->forge();
        check_amid(moment, move_as_planned, &a, &err);
        if (f->kind == SURE)
            expect_fault(f->name, &a, err);
        else
            expect_none(f->name, &a, err);
        expect_passes(f->name, &a, f->kind == SURE ? 2 : PASSES_MOST, false);
        heal();
    }
}

START_TEST(test_forged_beside_work)
{
    forged_beside_work(_i ? AMID_AFTER : AMID_BEFORE);
}
END_TEST

/* What is passed over since the head has moved hides nothing that is a fault all the same. */
START_TEST(test_sure_behind_still)
{
    struct lfvec_audit a;
    int err;
    plan.moves = UINT32_MAX;
    forge("twice: by two entries");
    forge("directory: no such leaf, last entry");
    check_amid(AMID_BEFORE, move_as_planned, &a, &err);
    expect_fault("twice, and no such leaf", &a, err);
    heal();
    forge("directory: no such leaf, by the descriptor");
    forge("directory: descriptor being written"); /* it is out of effect, so what it has is nobody's */
    check_amid(AMID_BEFORE, move_as_planned, &a, &err);
    expect_none("a descriptor that is being written", &a, err);
}
END_TEST

/* Once nothing moves any more, two passes find it. */
START_TEST(test_forged_before_rest)
{
    struct lfvec_audit a;
    int err;
    plan.moves = 5;
    for (const struct forgery *f = forgeries; f < forgeries + forgery_count; f++) {
        if (f->kind != STILL)
            continue;
        f->forge();
        check_amid(AMID_BEFORE, move_as_planned, &a, &err);
        expect_fault(f->name, &a, err);
        expect_passes(f->name, &a, plan.moves + 2, true);
        ck_assert_uint_eq(a.leaves_lost, f->lost);
        heal();
    }
}
END_TEST

/* It is inconclusive if the head moved in all passes, and not before. */
START_TEST(test_busy)
{
    struct lfvec_audit a;
    int err;
    for (plan.moves = 0; plan.moves <= PASSES_MOST; plan.moves++) {
        const bool rest = plan.moves < PASSES_MOST;
        check_amid((enum amid_moment)_i, move_as_planned, &a, &err);
        expect_none("a busy vector", &a, err);
        expect_passes("a busy vector", &a, plan.moves + rest, rest);
        ck_assert_uint_eq(a.version, version() - !rest); /* of the last pass, which began before the last move */
    }
}
END_TEST

/* A leaf is taken when the slots have been looked at, and before the leaves are; and is given back before the next pass. No version is made. */
static void give_back(lfvec_t *v)
{
    (void)v;
    participant_return_spares(sc.p);
}

static void take(lfvec_t *v)
{
    (void)v;
    MUST(participant_spares(sc.p, 1) == 0);
}

/* Likewise by an attempt under way rather than by a record of spares; always the same leaf. */
static void heal_flight(lfvec_t *v)
{
    (void)v;
    heal();
}

static void take_for_flight(lfvec_t *v)
{
    const uint64_t ref = free_leaf();
    (void)v;
    toggle(ref);
    poke(&fly(3, 1, 2)->entry[1].old_ref, ref);
}

/* The same leaf in each pass, although leaves take turns. */
static void take_same(lfvec_t *v)
{
    take(v);
    for (uint32_t tries = 0; sc.p->spare[0] != sc.spare; tries++) {
        MUST(tries < 1000);
        give_back(v);
        take(v);
    }
}

START_TEST(test_taken_behind_us)
{
    static amid_deed *const deeds[][AMID_MOMENTS] = {
        {give_back, take, NULL}, {give_back, take_same, NULL}, {heal_flight, take_for_flight, NULL}};
    struct lfvec_audit a;
    const uint64_t before = version();
    const int err = amid_check(sc.looks, sc.v, deeds[_i], &a);
    expect_none("a leaf that was taken behind us", &a, err);
    expect_passes("a leaf that was taken behind us", &a, PASSES_MOST, false);
    ck_assert_uint_eq(version(), before);
}
END_TEST

/* A slab that was not there when the pass began is met by a slot's reference: nothing is known of its leaves until then. */
static void hide_slab(lfvec_t *v)
{
    atomic_store(&v->seg.control->slabs_high, 1);
}

static void show_slab(lfvec_t *v)
{
    atomic_store(&v->seg.control->slabs_high, 2);
}

START_TEST(test_slab_met_later)
{
    amid_deed *const deeds[AMID_MOMENTS] = {[AMID_BEFORE] = show_slab, [AMID_AFTER] = hide_slab};
    struct lfvec_audit a;
    const uint64_t ref = leaf_ref_make(1, 9);
    MUST(slab_reserve(sc.s, ME, 1) == 0 && slab_high(sc.s) == 2);
    toggle(ref);
    poke(&slot(2)->spare_ref[0], ref);
    hide_slab(sc.v);
    const int err = amid_check(sc.looks, sc.v, deeds, &a);
    show_slab(sc.v);
    expect_none("a slab that is met later", &a, err);
    expect_passes("a slab that is met later", &a, 1, true);
    ck_assert_uint_eq(a.leaves_held, 2);
    ck_assert_uint_eq(a.leaves_free, 2 * sc.s->l.slab_leaves - (ENTRIES + 2));
}
END_TEST

START_TEST(test_no_middle)
{
    UNIT_SKIP("calloc() is the C library's, the sanitizer's or valgrind's own here");
}
END_TEST

/* ---- beside real processes ------------------------------------------------------------------------------------------------------------ */

static pid_t start(void (*work)(lfvec_t *v, struct participant *p))
{
    struct participant *p;
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t pid = check_fork();
    if (pid == 0) {
        lfvec_t *v = unit_open(lfvec_name(sc.v), 0);
        MUST(join_get(v, &p) == 0 && join_over(0) == 0 && write(ready[1], "x", 1) == 1);
        for (;;)
            work(v, p);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void stop(pid_t pid)
{
    MUST(kill(pid, SIGSTOP) == 0 && waitpid(pid, NULL, WUNTRACED) == pid);
}

static void end(pid_t pid)
{
    struct lfvec_recovery r;
    MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    ck_assert_int_eq(lfvec_recover(sc.v, &r), 0);
}

static void check_once(struct lfvec_audit *a, const char *when)
{
    const int err = lfvec_check(sc.looks, a);
    expect_none(when, a, err);
}

/* Each in a version of its own, and with leaves that are taken and freed. */
static void mutate(lfvec_t *v, struct participant *p)
{
    uint64_t x;
    (void)p;
    for (uint64_t i = 0; i < LEAF_ELEMS; i++)
        MUST(lfvec_set_u64(v, i, i) == 0 && lfvec_push_u64(v, i) == 0 && lfvec_pop_u64(v, &x) == 0);
}

/* Leaves are taken and given back without a new version: 20 of them are between record and bit one after the other. */
static void take_and_return(lfvec_t *v, struct participant *p)
{
    (void)v;
    MUST(participant_spares(p, 20) == 0);
    participant_return_spares(p);
}

/* A process that died is counted, and is no fault. */
START_TEST(test_dead_are_counted)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_audit a;
    const pid_t pid = start(take_and_return);
    check_once(&a, "beside a process");
    ck_assert_uint_eq(a.slots_dead, 0);
    MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    check_once(&a, "after a death");
    ck_assert_uint_eq(a.slots_dead, 1);
    ck_assert_int_eq(lfvec_recover(sc.v, NULL), 0);
}
END_TEST

/* More than one pass is needed sooner or later; never is a fault seen. With the process stopped, wherever that is, one pass is enough. */
START_TEST(test_beside_mutations)
{
    struct lfvec_audit a = {.passes = 1};
    const pid_t pid = start(mutate);
    while (a.passes == 1)
        check_once(&a, "beside a process at work");
    for (int i = 0; i < 100; i++) {
        stop(pid);
        check_once(&a, "beside a stopped process");
        ck_assert_msg(a.passes == 1 && a.conclusive == 1, "stopped: %u passes, conclusive %u", a.passes, a.conclusive);
        MUST(kill(pid, SIGCONT) == 0);
        check_once(&a, "beside a process at work");
    }
    end(pid);
}
END_TEST

START_TEST(test_beside_spares)
{
    struct lfvec_audit a;
    const pid_t pid = start(take_and_return);
    for (int i = 0; i < 2000; i++) {
        check_once(&a, "beside a process that takes leaves");
        if (i % 20)
            continue;
        stop(pid);
        check_once(&a, "beside a process stopped in taking leaves");
        ck_assert_msg(a.passes == 1 && a.conclusive == 1, "stopped: %u passes, conclusive %u", a.passes, a.conclusive);
        MUST(kill(pid, SIGCONT) == 0);
    }
    end(pid);
}
END_TEST

Suite *oracle_suite(void)
{
    Suite *s = suite_create("oracle");
    TCase *tc = unit_case(s, "oracle", 60);
    tcase_add_checked_fixture(tc, scene_set_up, scene_tear_down);
    tcase_add_loop_test(tc, test_forged, 0, (int)forgery_count);
    tcase_add_test(tc, test_each_fault_is_forged);
    tcase_add_test(tc, test_first_stands);
    tcase_add_loop_test(tc, test_sound, 0, SOUND);
    tcase_add_test(tc, test_dead_are_counted);
    tcase_add_test(tc, test_beside_mutations);
    tcase_add_test(tc, test_beside_spares);
    if (!amid_possible()) {
        tcase_add_test(tc, test_no_middle);
        return s;
    }
    tcase_add_test(tc, test_seen_once);
    tcase_add_test(tc, test_two_passes_must_agree);
    tcase_add_loop_test(tc, test_both_passes_must_count, 0, 2);
    tcase_add_loop_test(tc, test_forged_beside_work, 0, 2);
    tcase_add_test(tc, test_sure_behind_still);
    tcase_add_test(tc, test_forged_before_rest);
    tcase_add_loop_test(tc, test_busy, AMID_BEFORE, AMID_MOMENTS);
    tcase_add_loop_test(tc, test_taken_behind_us, 0, 3);
    tcase_add_test(tc, test_slab_met_later);
    return s;
}
