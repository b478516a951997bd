/*
 * check_recover.c - recovery of a slot, from states made by hand: the last attempt decided both ways (R5), the replaced leaf freed once and
 * only once, spares that are none forgotten. And by processes that die: their slots, their elements. And what the reports say of a slot's
 * last attempt, which is decided in the same way.
 */
#include "suites.h"
#include "support.h"

#include "desc.h"
#include "participant.h"
#include "recover.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ME = 1, OTHER = 2, VERSION = 50 };

static struct segment s;
static struct shm_slot *slot;
static struct slab_set set;
static uint64_t old_ref, new_ref;
static struct lfvec_recovery tally;

static uint64_t take(uint64_t seq)
{
    uint64_t ref;
    struct leaf leaf;
    ck_assert_int_eq(slab_find(&s, &set, ME, &ref), 0);
    ck_assert_int_eq(slab_locate(&s, ref, &leaf), 0);
    leaf.meta->seq = seq;
    slab_take(&s, ref);
    return ref;
}

static void set_head(uint64_t version, uint32_t desc, uint32_t last)
{
    const struct head h = head_next((struct head){version - 1, 0}, 1, desc, last);
    s.control->head.version = h.version;
    s.control->head.packed = h.packed;
}

/* Slot ME has tried to replace the leaf of entry 0 at version VERSION, and died right after the compare-and-swap, whatever that said. */
static void set_up(void)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = 8;
    set = (struct slab_set){0};
    tally = (struct lfvec_recovery){0};
    ck_assert_int_eq(segment_open(&s, unit_name(), LFVEC_CREATE, &a), 0);
    ck_assert_int_eq(segment_extend(&s, &s.dir, 1), 0);
    slot = slot_at(&s, ME);
    old_ref = take(10);
    ck_assert_int_eq(directory_install(&s, 0, old_ref, 10), 0);
    new_ref = take(VERSION);
    slot->spare_ref[0] = new_ref;
    const struct desc_plan plan = {.first = 0, .count = 1, .entry = {{new_ref, old_ref}}};
    desc_write(&slot->desc[1], VERSION, &plan);
    slot->intent = VERSION << 1 | 1;
    slot->committed = 20;
}

static void tear_down(void)
{
    slab_set_drop(&set);
    segment_close(&s);
}

static void recover(void)
{
    ck_assert_int_eq(recover_slot(&s, ME, &tally), 0);
    ck_assert_uint_eq(slot->intent, 0);
}

static void expect_lost(void)
{
    recover();
    ck_assert_uint_eq(tally.ops_lost, 1);
    ck_assert_uint_eq(tally.ops_won, 0);
    ck_assert_uint_eq(tally.leaves_freed, 0);
    ck_assert_uint_eq(slot->spare_ref[0], new_ref); /* a spare again */
    ck_assert(slab_taken(&s, new_ref));
    ck_assert(slab_taken(&s, old_ref)); /* still in effect */
}

static void expect_won(void)
{
    recover();
    ck_assert_uint_eq(tally.ops_won, 1);
    ck_assert_uint_eq(tally.ops_lost, 0);
    ck_assert_uint_eq(tally.leaves_freed, 1);
    ck_assert_uint_eq(slot->spare_ref[0], 0); /* published */
    ck_assert(slab_taken(&s, new_ref));
    ck_assert(!slab_taken(&s, old_ref));
    ck_assert_uint_ge(slot->committed, VERSION);
}

START_TEST(test_lost_head_not_moved)
{
    set_head(VERSION - 1, 0, OTHER);
    expect_lost();
}
END_TEST

START_TEST(test_lost_head_taken_by_another)
{
    set_head(VERSION, 0, OTHER);
    expect_lost();
}
END_TEST

START_TEST(test_lost_older_win_of_ours_in_effect)
{
    set_head(VERSION - 1, ME * 2, ME);
    expect_lost();
    ck_assert_uint_eq(slot->committed, VERSION - 1);
}
END_TEST

START_TEST(test_lost_head_moved_on)
{
    set_head(VERSION + 30, 0, OTHER);
    expect_lost();
}
END_TEST

START_TEST(test_won_head_says)
{
    set_head(VERSION, ME * 2 + 1, ME);
    expect_won();
    ck_assert_uint_eq(slot->committed, VERSION);
}
END_TEST

START_TEST(test_won_record_says)
{
    set_head(VERSION + 30, OTHER * 2, OTHER);
    slot->committed = VERSION; /* R4: by whoever moved the head on */
    expect_won();
}
END_TEST

START_TEST(test_won_newer_record)
{
    set_head(VERSION + 30, OTHER * 2, OTHER);
    slot->committed = VERSION + 3;
    expect_won();
}
END_TEST

/* A recoverer was killed before it cleared the intent. */
START_TEST(test_again)
{
    set_head(VERSION, ME * 2 + 1, ME);
    expect_won();
    slot->intent = VERSION << 1 | 1;
    recover();
    ck_assert_uint_eq(tally.leaves_freed, 1);
    ck_assert(!slab_taken(&s, old_ref));
    recover(); /* at rest: nothing */
    ck_assert_uint_eq(tally.ops_won, 2);
    ck_assert_uint_eq(tally.leaves_freed, 1);
}
END_TEST

/* The dead freed it, and its owner took it again before recovery came: R1 gave it a newer seq. */
START_TEST(test_freed_and_taken_again)
{
    struct leaf leaf;
    set_head(VERSION + 1, OTHER * 2, OTHER);
    slot->committed = VERSION;
    ck_assert_int_eq(slab_locate(&s, old_ref, &leaf), 0);
    leaf.meta->seq = VERSION + 1;
    recover();
    ck_assert_uint_eq(tally.ops_won, 1);
    ck_assert_uint_eq(tally.leaves_freed, 0);
    ck_assert(slab_taken(&s, old_ref));
}
END_TEST

START_TEST(test_freed_by_the_dead)
{
    set_head(VERSION, ME * 2 + 1, ME);
    slab_free(&s, old_ref);
    recover();
    ck_assert_uint_eq(tally.leaves_freed, 0);
    ck_assert(!slab_taken(&s, old_ref));
}
END_TEST

START_TEST(test_nothing_replaced)
{
    const struct desc_plan plan = {.first = 1, .count = 1, .entry = {{new_ref, 0}}};
    desc_write(&slot->desc[1], VERSION, &plan);
    set_head(VERSION, ME * 2 + 1, ME);
    recover();
    ck_assert_uint_eq(tally.ops_won, 1);
    ck_assert_uint_eq(tally.leaves_freed, 0);
    ck_assert_uint_eq(slot->spare_ref[0], 0);
    ck_assert(slab_taken(&s, old_ref));
}
END_TEST

START_TEST(test_batch_is_one)
{
    struct desc_plan plan = {.first = 0, .count = 3};
    set_head(VERSION, ME * 2 + 1, ME);
    for (uint32_t i = 0; i < plan.count; i++) {
        plan.entry[i].leaf_ref = i ? take(VERSION) : new_ref;
        slot->spare_ref[i] = plan.entry[i].leaf_ref;
        plan.entry[i].old_ref = i ? take(11) : old_ref;
    }
    slot->spare_ref[3] = take(VERSION);
    desc_write(&slot->desc[1], VERSION, &plan);
    recover();
    ck_assert_uint_eq(tally.ops_won, 1);
    ck_assert_uint_eq(tally.leaves_freed, 3);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert(slot->spare_ref[i] == 0 && !slab_taken(&s, plan.entry[i].old_ref) && slab_taken(&s, plan.entry[i].leaf_ref));
    ck_assert_uint_ne(slot->spare_ref[3], 0); /* it was not published */
}
END_TEST

START_TEST(test_half_written_descriptor)
{
    set_head(VERSION - 1, 0, OTHER);
    slot->intent = 0;
    slot->desc[0].seq = 7;
    slot->desc[1].seq = 9;
    recover();
    ck_assert_uint_eq(slot->desc[0].seq, 8);
    ck_assert_uint_eq(slot->desc[1].seq, 10);
    ck_assert_uint_eq(tally.ops_won + tally.ops_lost, 0);
}
END_TEST

START_TEST(test_spares_that_are_none)
{
    set_head(VERSION - 1, 0, OTHER);
    const uint64_t spare = take(VERSION), free_leaf = take(VERSION);
    slab_free(&s, free_leaf);
    slot->spare_ref[1] = free_leaf; /* recorded, and not taken yet, or given back */
    slot->spare_ref[2] = spare;
    slot->spare_ref[3] = spare; /* was being moved */
    slot->spare_ref[SHM_DESC_LEAVES - 1] = new_ref;
    recover();
    for (uint32_t k = 0; k < SHM_DESC_LEAVES; k++)
        ck_assert_uint_eq(slot->spare_ref[k], k == 0 ? new_ref : k == 2 ? spare : 0);
}
END_TEST

/* ---- leases: the element is in the vector or in the lease, never in both, never in neither ------------------------------------------- */

static const struct {
    uint64_t lease, back, committed; /* before */
    uint64_t lease_then;             /* after */
    uint32_t returned;
} leases[] = {
    {0, 0, 90, 0, 0},
    {60 << 1, 0, 59, 0, 0},                /* the pop was tried, and lost */
    {60 << 1, 0, 60, 60 << 1 | 1, 0},      /* and won */
    {60 << 1 | 1, 0, 60, 60 << 1 | 1, 0},  /* held */
    {60 << 1 | 1, 0, 90, 60 << 1 | 1, 0},  /* held for long */
    {60 << 1 | 1, 91, 90, 60 << 1 | 1, 0}, /* the push back was tried, and lost */
    {60 << 1 | 1, 91, 91, 0, 1},           /* and won */
    {60 << 1 | 1, 91, 95, 0, 1},
    {0, 91, 95, 0, 0}, /* and put on record */
};

START_TEST(test_lease_decided)
{
    for (size_t i = 0; i < sizeof leases / sizeof *leases; i++) {
        set_head(leases[i].committed + 5, 0, OTHER);
        slot->intent = 0;
        slot->lease = leases[i].lease;
        slot->lease_return = leases[i].back;
        slot->committed = leases[i].committed;
        tally = (struct lfvec_recovery){0};
        for (int twice = 0; twice < 2; twice++) {
            recover();
            ck_assert_msg(slot->lease == leases[i].lease_then, "row %zu: %llu", i, (unsigned long long)slot->lease);
            ck_assert_uint_eq(slot->lease_return, 0);
        }
        ck_assert_uint_eq(tally.leases_returned, leases[i].returned);
    }
}
END_TEST

START_TEST(test_lease_won_by_head)
{
    set_head(60, 0, ME);
    slot->intent = 0;
    slot->lease = 60 << 1;
    recover();
    ck_assert_uint_eq(slot->lease, 60 << 1 | 1);
}
END_TEST

START_TEST(test_strip)
{
    set_head(VERSION - 1, 0, OTHER);
    slot->intent = 0;
    const uint64_t spare = take(VERSION);
    slot->spare_ref[7] = spare;
    recover_strip(&s, ME, &tally);
    ck_assert(tally.slabs_released == 0 && tally.spares_freed == 2);
    ck_assert(!slab_taken(&s, new_ref) && !slab_taken(&s, spare) && slab_taken(&s, old_ref));
    for (uint32_t k = 0; k < SHM_DESC_LEAVES; k++)
        ck_assert_uint_eq(slot->spare_ref[k], 0);
    slab_free(&s, old_ref);
    recover_strip(&s, ME, &tally);
    ck_assert_uint_eq(tally.slabs_released, 1); /* the slab is empty now */
    recover_strip(&s, ME, &tally);
    ck_assert(tally.slabs_released == 1 && tally.spares_freed == 2);
}
END_TEST

START_TEST(test_unheld)
{
    struct life hold;
    slab_free(&s, old_ref);
    set_head(VERSION - 1, 0, OTHER);
    recover_unheld(&s, ME); /* but for this one */
    ck_assert_uint_ne(slot->intent, 0);
    ck_assert_int_eq(slot_take(&s, ME, &hold), 0);
    recover_unheld(&s, OTHER); /* held */
    ck_assert_uint_ne(slot->intent, 0);
    slot_give_back(&s, ME, &hold);
    recover_unheld(&s, OTHER);
    ck_assert_uint_eq(slot->intent, 0);
    ck_assert_uint_eq(slab_word_state(slab_word(&s, 0)), SHM_SLAB_UNOWNED);
    ck_assert_int_eq(slot_take(&s, ME, &hold), 0); /* left as free as it was */
    slot_give_back(&s, ME, &hold);
}
END_TEST

START_TEST(test_damage)
{
    set_head(VERSION, ME * 2 + 1, ME);
    slot->desc[1].count = SHM_DESC_LEAVES + 1;
    ck_assert_int_eq(recover_slot(&s, ME, &tally), -EBADMSG);
    slot->desc[1].count = 1;
    slot->desc[1].entry[0].old_ref = leaf_ref_make(12345, 0);
    ck_assert_int_eq(recover_slot(&s, ME, &tally), -EBADMSG);
    ck_assert(slab_taken(&s, old_ref));
    slot->desc[1].entry[0].old_ref = old_ref;
    slot->spare_ref[4] = leaf_ref_make(1000, 1);
    ck_assert_int_eq(recover_slot(&s, ME, &tally), -EBADMSG);
    ck_assert_uint_eq(slot->spare_ref[4], leaf_ref_make(1000, 1)); /* what cannot be looked at is not touched */
    ck_assert_uint_eq(slot->intent, VERSION << 1 | 1);
    slot->spare_ref[4] = 0;
    recover();
    ck_assert(!slab_taken(&s, old_ref));
}
END_TEST

/* ---- by dying ------------------------------------------------------------------------------------------------------------------------ */

static void push_and_die(void *arg)
{
    unit_fill(arg, lfvec_size(arg), lfvec_size(arg) + 100);
    _exit(0); /* nobody gives the slot back */
}

START_TEST(test_dead_processes)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    lfvec_t *v = unit_make(NULL);
    for (uint64_t i = 0; i < 5; i++) {
        unit_in_child(push_and_die, v);
        ck_assert_uint_eq(unit_stat(v).slots_dead, 1);
        ck_assert_int_eq(lfvec_recover(v, &r), 0);
        ck_assert_uint_eq(r.slots_recovered, 1);
        ck_assert_uint_eq(r.slots_alive + r.slots_unknown, 0);
        ck_assert_int_eq(lfvec_recover(v, &r), 0);
        ck_assert_uint_eq(r.slots_recovered, 0);
        ck_assert_uint_eq(unit_stat(v).slots_free, 128);
        ck_assert_uint_eq(unit_stat(v).recoveries, i + 1);
        unit_sound(v);
    }
    unit_expect(v, 500);
    ck_assert_int_eq(lfvec_recover(v, NULL), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Nobody needs to call lfvec_recover(): the next one to take the slot does. */
START_TEST(test_inherited_without_asking)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = 1;
    lfvec_t *v = unit_make(&a);
    for (uint64_t i = 0; i < 5; i++)
        unit_in_child(push_and_die, v);
    unit_fill(v, 500, 600);
    ck_assert_uint_eq(unit_stat(v).recoveries, 5);
    ck_assert_uint_eq(unit_stat(v).slabs_owned, 1); /* the memory too */
    unit_expect(v, 600);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static pid_t start_holder(lfvec_t *v, int signal)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    const pid_t pid = check_fork();
    if (pid == 0) {
        ck_assert_int_eq(lfvec_push_u64(v, 0), 0);
        ck_assert_int_eq(write(ready[1], "x", 1), 1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    if (signal) {
        kill(pid, signal);
        ck_assert_int_eq(waitpid(pid, NULL, WUNTRACED), pid);
    }
    return pid;
}

static void end_holder(pid_t pid)
{
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(test_living_are_left_alone)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    lfvec_t *v = unit_make(NULL);
    const pid_t running = start_holder(v, 0), stopped = start_holder(v, SIGSTOP);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(r.slots_alive, 2);
    ck_assert_uint_eq(r.slots_recovered, 0);
    for (uint32_t i = 1; i <= 2; i++)
        ck_assert_int_eq(lfvec_recover_forced(v, i, &r), -EBUSY);
    ck_assert_int_eq(lfvec_recover_forced(v, 0, &r), -ERANGE);
    ck_assert_int_eq(lfvec_recover_forced(v, 129, &r), -ERANGE);
    end_holder(running);
    end_holder(stopped);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(r.slots_recovered, 2);
    ck_assert_uint_eq(lfvec_size(v), 2);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* As if in another pid namespace: only a person may say that it is gone. */
START_TEST(test_unknown_by_force_only)
{
    struct lfvec_recovery r;
    lfvec_t *v = unit_make(NULL);
    struct segment t;
    ck_assert_int_eq(segment_open(&t, lfvec_name(v), 0, NULL), 0);
    const pid_t pid = start_holder(v, 0);
    atomic_fetch_add(&slot_at(&t, 1)->pid_ns, 1);
    ck_assert_uint_eq(unit_stat(v).slots_unknown, 1);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(r.slots_unknown, 1);
    ck_assert_uint_eq(r.slots_recovered, 0);
    ck_assert_int_eq(lfvec_recover_slot(v, 1, &r), 0);
    ck_assert(r.slots_unknown == 1 && r.slots_recovered == 0);
    ck_assert_int_eq(lfvec_recover_forced(v, 1, &r), 0);
    ck_assert_uint_eq(r.slots_recovered, 1);
    ck_assert_uint_eq(unit_stat(v).slots_free, 128);
    end_holder(pid);
    unit_fill(v, 1, 100);
    unit_expect(v, 100);
    unit_sound(v);
    segment_close(&t);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Its thread has the mutex of slot 1, and the slot says that it is a dead one's: as while somebody recovers it. */
static pid_t start_passer(lfvec_t *v)
{
    const pid_t pid = start_holder(v, 0);
    struct segment t;
    ck_assert_int_eq(segment_open(&t, lfvec_name(v), 0, NULL), 0);
    atomic_store(&slot_at(&t, 1)->tid, 0x3ffffffe); /* no such thread */
    atomic_store(&slot_at(&t, 1)->pid, 0x3ffffffe);
    segment_close(&t);
    return pid;
}

START_TEST(test_force_leaves_those_in_passing)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    lfvec_t *v = unit_make(NULL);
    const pid_t pid = start_passer(v);
    ck_assert_uint_eq(unit_stat(v).slots_alive, 1); /* whoever has the mutex lives */
    ck_assert_int_eq(lfvec_recover_forced(v, 1, &r), -EBUSY);
    end_holder(pid);
    ck_assert_int_eq(lfvec_recover_forced(v, 1, &r), 0);
    ck_assert_uint_eq(unit_stat(v).slots_free, 128);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Free slots whose marks name a thread that does not exist, here or at all: lost, but by force. */
START_TEST(test_force_takes_from_nobody)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    struct lfvec_attr a;
    struct life hold;
    unit_attr(&a, 8);
    a.max_slots = 2;
    lfvec_t *v = unit_make(&a);
    struct segment *t = &v->seg;
    atomic_store(slot_mark_at(t, 1), 0x3ffffffe);
    atomic_store(slot_mark_at(t, 2), UINT64_MAX);
    for (uint32_t i = 1; i <= 2; i++) {
        ck_assert_int_eq(slot_take(t, i, &hold), -EBUSY);
        ck_assert_int_eq(lfvec_recover_forced(v, i, &r), 0);
    }
    unit_fill(v, 0, 10);
    ck_assert_uint_eq(unit_stat(v).slots_alive, 1);
    ck_assert_int_eq(lfvec_recover_forced(v, 1, &r), -EBUSY); /* one's own */
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- what the report says of the last attempt ----------------------------------------------------------------------------------------- */

static struct lfvec_participant look(lfvec_t *v, uint32_t i)
{
    struct lfvec_participant p;
    ck_assert_int_eq(lfvec_participant(v, i, &p), 0);
    return p;
}

static const struct {
    uint64_t word, head, committed;
    uint32_t last;
    uint32_t op, dead, alive; /* outcome, of a dead and of a live holder */
} attempts[] = {
    {0, 90, 90, ME, LFVEC_OP_NONE, LFVEC_OUTCOME_NONE, LFVEC_OUTCOME_NONE},
    {60 << 4 | LFVEC_OP_SET, 59, 20, OTHER, LFVEC_OP_SET, LFVEC_OUTCOME_LOST, LFVEC_OUTCOME_OPEN}, /* the head has not moved */
    {60 << 4 | LFVEC_OP_SET, 59, 59, ME, LFVEC_OP_SET, LFVEC_OUTCOME_LOST, LFVEC_OUTCOME_OPEN},
    {60 << 4 | LFVEC_OP_POP, 60, 20, ME, LFVEC_OP_POP, LFVEC_OUTCOME_WON, LFVEC_OUTCOME_WON},
    {60 << 4 | LFVEC_OP_POP, 60, 20, OTHER, LFVEC_OP_POP, LFVEC_OUTCOME_LOST, LFVEC_OUTCOME_LOST}, /* somebody else moved it */
    {60 << 4 | LFVEC_OP_TRIM, 75, 60, OTHER, LFVEC_OP_TRIM, LFVEC_OUTCOME_WON, LFVEC_OUTCOME_WON}, /* R4: recorded by who moved it on */
    {60 << 4 | LFVEC_OP_TRIM, 75, 59, OTHER, LFVEC_OP_TRIM, LFVEC_OUTCOME_LOST, LFVEC_OUTCOME_LOST},
    {60 << 4 | LFVEC_OP_RETURN, 75, 59, ME, LFVEC_OP_RETURN, LFVEC_OUTCOME_LOST, LFVEC_OUTCOME_LOST},
    {60 << 4 | 12, 75, 60, ME, LFVEC_OP_NONE, LFVEC_OUTCOME_NONE, LFVEC_OUTCOME_NONE}, /* no such kind */
    {60 << 4 | 15, 75, 60, ME, LFVEC_OP_NONE, LFVEC_OUTCOME_NONE, LFVEC_OUTCOME_NONE},
    {60 << 4, 75, 60, ME, LFVEC_OP_NONE, LFVEC_OUTCOME_NONE, LFVEC_OUTCOME_NONE},
    {LFVEC_OP_PUSH, 75, 60, ME, LFVEC_OP_NONE, LFVEC_OUTCOME_NONE, LFVEC_OUTCOME_NONE},                 /* no such version */
    {~UINT64_C(15) | LFVEC_OP_PUSH, 75, 60, ME, LFVEC_OP_PUSH, LFVEC_OUTCOME_LOST, LFVEC_OUTCOME_OPEN}, /* nor this, but who knows */
};

START_TEST(test_attempt_decided)
{
    lfvec_t *v = unit_open(s.name, LFVEC_RDONLY);
    slot_announce(&s, ME, false); /* as if it were held: the report goes by what is written down */
    const uint64_t alive_at = slot->alive_at;
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        set_head(attempts[i].head, 0, attempts[i].last);
        slot->attempt = attempts[i].word;
        slot->committed = attempts[i].committed;
        for (int dead = 0; dead < 2; dead++) {
            slot->alive_at = dead ? 1 : alive_at; /* we started later: another thread had our number */
            const struct lfvec_participant p = look(v, ME);
            ck_assert_uint_eq(p.state, dead ? LFVEC_SLOT_DEAD : LFVEC_SLOT_ALIVE);
            ck_assert_msg(p.outcome == (dead ? attempts[i].dead : attempts[i].alive), "row %zu: outcome %u", i, p.outcome);
            ck_assert_uint_eq(p.op, attempts[i].op);
            ck_assert_uint_eq(p.op_version, p.op ? attempts[i].word >> 4 : 0);
        }
    }
    slot_retire(&s, ME);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Recovery goes by intent and lease alone: nothing in the word sways it. */
START_TEST(test_attempt_sways_nothing)
{
    static const uint64_t words[] = {0, ~UINT64_C(0), (uint64_t)VERSION << 4 | LFVEC_OP_CLEAR, (uint64_t)(VERSION + 1) << 4 | LFVEC_OP_SET};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        set_head(VERSION - 1, 0, OTHER);
        slot->intent = VERSION << 1 | 1;
        slot->attempt = words[i];
        tally = (struct lfvec_recovery){0};
        expect_lost();
    }
    set_head(VERSION, ME * 2 + 1, ME);
    slot->intent = VERSION << 1 | 1;
    slot->attempt = (uint64_t)(VERSION + 7) << 4 | LFVEC_OP_POP;
    tally = (struct lfvec_recovery){0};
    expect_won();
}
END_TEST

static void expect_op(lfvec_t *v, uint32_t op, int64_t result)
{
    const struct lfvec_participant p = look(v, 1);
    ck_assert_int_ge(result, 0);
    ck_assert_uint_eq(p.op, op);
    ck_assert_uint_eq(p.outcome, LFVEC_OUTCOME_WON);
    ck_assert_uint_eq(p.op_version, unit_stat(v).version);
    ck_assert_uint_eq(p.op_version, p.last_version);
    ck_assert_uint_eq(p.in_flight, 0);
}

START_TEST(test_each_kind)
{
    uint64_t x[200] = {0}, expected = 1;
    const struct timespec second = {.tv_sec = 1};
    lfvec_t *v = unit_make(NULL);
    ck_assert_uint_eq(look(v, 1).op, LFVEC_OP_NONE);
    ck_assert_int_eq(lfvec_reserve(v, 10), 0); /* takes a slot, and tries nothing */
    ck_assert(look(v, 1).state == LFVEC_SLOT_ALIVE && look(v, 1).op == LFVEC_OP_NONE && look(v, 1).outcome == LFVEC_OUTCOME_NONE);
    ck_assert_int_eq(lfvec_pop_u64(v, x), -EAGAIN);
    ck_assert_uint_eq(look(v, 1).op, LFVEC_OP_NONE);
    for (int i = 0; i < 3; i++) /* slow at first, and then the fast path */
        expect_op(v, LFVEC_OP_PUSH, lfvec_push_u64(v, 1));
    expect_op(v, LFVEC_OP_POP, lfvec_pop_u64(v, x));
    expect_op(v, LFVEC_OP_SET, lfvec_set_u64(v, 0, 1));
    expect_op(v, LFVEC_OP_CAS, lfvec_cas_u64(v, 0, &expected, 2));
    ck_assert_int_eq(lfvec_cas_u64(v, 0, &expected, 3), -ECANCELED);
    expect_op(v, LFVEC_OP_CAS, 0); /* the one before: a refusal tries nothing */
    expect_op(v, LFVEC_OP_FETCH_ADD, lfvec_fetch_add_u64(v, 0, 1, NULL));
    expect_op(v, LFVEC_OP_POP, lfvec_pop_wait(v, x, &second));
    expect_op(v, LFVEC_OP_PUSH_N, lfvec_push_n(v, x, 200, NULL));
    expect_op(v, LFVEC_OP_POP_N, lfvec_pop_n(v, x, 200));
    expect_op(v, LFVEC_OP_TRIM, lfvec_trim(v));
    expect_op(v, LFVEC_OP_POP_LEASE, lfvec_pop_lease(v, x));
    ck_assert_int_eq(lfvec_ack(v), 0);
    expect_op(v, LFVEC_OP_CLEAR, lfvec_clear(v));
    ck_assert_int_eq(lfvec_push_u64(v, 9), 0);
    ck_assert_int_eq(lfvec_pop_lease(v, x), 0);
    lfvec_t *w = unit_open(lfvec_name(v), LFVEC_RDONLY);
    ck_assert_int_eq(lfvec_detach(v), 0);
    expect_op(w, LFVEC_OP_RETURN, 0); /* a free slot: what its last holder did */
    ck_assert_uint_eq(look(w, 1).state, LFVEC_SLOT_FREE);
    ck_assert_int_eq(lfvec_detach(w), 0);
}
END_TEST

/* Whoever takes a slot has tried nothing in it, whatever its former holder did. */
START_TEST(test_new_holder_new_record)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    lfvec_t *v = unit_make(NULL);
    unit_in_child(push_and_die, v);
    ck_assert(look(v, 1).op == LFVEC_OP_PUSH && look(v, 1).outcome == LFVEC_OUTCOME_WON && look(v, 1).op_version == 100);
    ck_assert_int_eq(lfvec_reserve(v, 1), 0);
    ck_assert(look(v, 1).state == LFVEC_SLOT_ALIVE && look(v, 1).op == LFVEC_OP_NONE && look(v, 1).last_version == 100);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- one slot at a time --------------------------------------------------------------------------------------------------------------- */

static void lease_and_die(void *arg)
{
    uint64_t x;
    ck_assert_int_eq(lfvec_set_u64(arg, 0, 0), 0); /* leaves of its own, in hand or in use */
    ck_assert_int_eq(lfvec_pop_lease(arg, &x), 0);
    _exit(0);
}

static bool did_nothing(const struct lfvec_recovery *r)
{
    static const struct lfvec_recovery nothing;
    return memcmp(r, &nothing, sizeof nothing) == 0;
}

START_TEST(test_one_slot)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 100); /* slot 1: ourselves */
    const pid_t alive = start_holder(v, 0), dead = start_holder(v, 0);
    end_holder(dead);
    unit_in_child(lease_and_die, v); /* takes slot 3, which the holder died in */
    const pid_t later = start_holder(v, 0);
    end_holder(later);
    ck_assert(look(v, 3).state == LFVEC_SLOT_DEAD && look(v, 3).op == LFVEC_OP_PUSH);
    ck_assert_int_eq(lfvec_recover_slot(v, 2, &r), 0);
    ck_assert(r.slots_alive == 1 && r.slots_recovered == 0);
    ck_assert_int_eq(lfvec_recover_slot(v, 1, &r), 0); /* our own */
    ck_assert_uint_eq(r.slots_alive, 1);
    ck_assert_int_eq(lfvec_recover_slot(v, 3, &r), 0);
    ck_assert(r.slots_recovered == 1 && r.slots_alive == 0);
    ck_assert_uint_eq(look(v, 3).state, LFVEC_SLOT_FREE);
    ck_assert_int_eq(lfvec_recover_slot(v, 3, &r), 0);
    ck_assert(did_nothing(&r));
    ck_assert_int_eq(lfvec_recover_slot(v, 128, NULL), 0);
    ck_assert_int_eq(lfvec_recover_slot(v, 0, &r), -ERANGE);
    ck_assert_int_eq(lfvec_recover_slot(v, 129, &r), -ERANGE);
    ck_assert_int_eq(lfvec_recover_slot(NULL, 1, &r), -EINVAL);
    lfvec_t *w = unit_open(lfvec_name(v), LFVEC_RDONLY);
    ck_assert_int_eq(lfvec_recover_slot(w, 1, &r), -EBADF);
    ck_assert_int_eq(lfvec_detach(w), 0);
    end_holder(alive);
    ck_assert_uint_eq(unit_stat(v).slots_dead, 1);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* What the dead had in hand goes back, and is counted; the other dead one stays as it is. */
START_TEST(test_one_slot_returns)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 10);
    const pid_t other = start_holder(v, 0); /* slot 2 */
    ck_assert_int_eq(lfvec_pop_u64(v, &(uint64_t){0}), 0);
    unit_in_child(lease_and_die, v); /* slot 3 */
    end_holder(other);
    const struct lfvec_participant p = look(v, 3);
    ck_assert(p.state == LFVEC_SLOT_DEAD && p.op == LFVEC_OP_POP_LEASE && p.outcome == LFVEC_OUTCOME_WON && p.leased);
    unit_expect(v, 9);
    ck_assert_int_eq(lfvec_recover_slot(v, 3, &r), 0);
    ck_assert(r.slots_recovered == 1 && r.leases_returned == 1);
    ck_assert(look(v, 3).op == LFVEC_OP_RETURN && look(v, 3).outcome == LFVEC_OUTCOME_WON);
    ck_assert_uint_eq(look(v, 2).state, LFVEC_SLOT_DEAD);
    unit_expect(v, 10);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_one_slot_without_room)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_attr a;
    struct lfvec_recovery r;
    uint64_t x;
    unit_attr(&a, 8);
    a.max_elems = 10;
    lfvec_t *v = unit_make(&a);
    unit_fill(v, 0, 10);
    unit_in_child(lease_and_die, v);
    unit_fill(v, 9, 10);
    ck_assert_int_eq(lfvec_recover_slot(v, 2, &r), -EOVERFLOW);
    ck_assert(r.slots_recovered == 1 && r.leases_returned == 0);
    ck_assert_int_eq(lfvec_pop_u64(v, &x), 0);
    ck_assert_int_eq(lfvec_recover_slot(v, 2, &r), 0); /* nobody holds it, and it owes an element */
    ck_assert(r.slots_recovered == 0 && r.leases_returned == 1);
    unit_expect(v, 10);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static void add_decisions(TCase *tc)
{
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_lost_head_not_moved);
    tcase_add_test(tc, test_lost_head_taken_by_another);
    tcase_add_test(tc, test_lost_older_win_of_ours_in_effect);
    tcase_add_test(tc, test_lost_head_moved_on);
    tcase_add_test(tc, test_won_head_says);
    tcase_add_test(tc, test_won_record_says);
    tcase_add_test(tc, test_won_newer_record);
    tcase_add_test(tc, test_again);
    tcase_add_test(tc, test_freed_and_taken_again);
    tcase_add_test(tc, test_freed_by_the_dead);
    tcase_add_test(tc, test_nothing_replaced);
    tcase_add_test(tc, test_batch_is_one);
    tcase_add_test(tc, test_half_written_descriptor);
    tcase_add_test(tc, test_spares_that_are_none);
    tcase_add_test(tc, test_lease_decided);
    tcase_add_test(tc, test_lease_won_by_head);
    tcase_add_test(tc, test_strip);
    tcase_add_test(tc, test_unheld);
    tcase_add_test(tc, test_damage);
    tcase_add_test(tc, test_attempt_decided);
    tcase_add_test(tc, test_attempt_sways_nothing);
}

Suite *recover_suite(void)
{
    Suite *suite = suite_create("recover");
    add_decisions(unit_case(suite, "decisions", 30));
    TCase *tc = unit_case(suite, "deaths", 30);
    tcase_add_test(tc, test_dead_processes);
    tcase_add_test(tc, test_inherited_without_asking);
    tcase_add_test(tc, test_living_are_left_alone);
    tcase_add_test(tc, test_unknown_by_force_only);
    tcase_add_test(tc, test_force_leaves_those_in_passing);
    tcase_add_test(tc, test_force_takes_from_nobody);
    TCase *reports = unit_case(suite, "reports", 30);
    tcase_add_test(reports, test_each_kind);
    tcase_add_test(reports, test_new_holder_new_record);
    tcase_add_test(reports, test_one_slot);
    tcase_add_test(reports, test_one_slot_returns);
    tcase_add_test(reports, test_one_slot_without_room);
    return suite;
}
