/* check_lease.c - elements popped on lease: they come back exactly once unless acknowledged, whatever becomes of who popped them. */
#include "suites.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t leased(lfvec_t *v, uint32_t slot)
{
    struct lfvec_participant p;
    ck_assert_int_eq(lfvec_participant(v, slot, &p), 0);
    return p.leased;
}

static void lease_last(void *arg)
{
    uint64_t x;
    const uint64_t last = lfvec_size(arg) - 1;
    ck_assert_int_eq(lfvec_pop_lease(arg, &x), 0);
    ck_assert_uint_eq(x, last);
    ck_assert_uint_eq(lfvec_size(arg), last);
}

static void lease_and_ack(void *arg)
{
    lease_last(arg);
    ck_assert_int_eq(lfvec_ack(arg), 0);
}

static void lease_and_die(void *arg)
{
    lease_last(arg);
    _exit(0);
}

static void ack_and_die(void *arg)
{
    lease_and_ack(arg);
    _exit(0);
}

static lfvec_t *make_ten(uint32_t max_slots)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = max_slots;
    lfvec_t *v = unit_make(&a);
    unit_fill(v, 0, 10);
    return v;
}

START_TEST(test_ack)
{
    uint64_t x;
    lfvec_t *v = make_ten(8);
    ck_assert_int_eq(lfvec_ack(v), -EINVAL);
    lease_last(v);
    ck_assert_uint_eq(leased(v, 1), 1);
    ck_assert_int_eq(lfvec_pop_lease(v, &x), -EBUSY);
    unit_fill(v, 9, 500); /* the lease does not hinder other operations */
    while (lfvec_size(v) > 9)
        ck_assert_int_eq(lfvec_pop_u64(v, &x), 0);
    ck_assert_int_eq(lfvec_ack(v), 0);
    ck_assert_uint_eq(leased(v, 1), 0);
    ck_assert_int_eq(lfvec_ack(v), -EINVAL);
    for (uint64_t n = 9; n--;)
        lease_and_ack(v);
    ck_assert_int_eq(lfvec_pop_lease(v, &x), -EAGAIN);
    ck_assert_int_eq(lfvec_ack(v), -EINVAL);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_exit_returns)
{
    lfvec_t *v = make_ten(8);
    for (int i = 0; i < 20; i++) {
        unit_in_thread(lease_last, v);
        unit_expect(v, 10);
        unit_in_child(lease_last, v);
        unit_expect(v, 10);
    }
    ck_assert_uint_eq(unit_stat(v).recoveries, 0);
    unit_sound(v);
    unit_in_thread(lease_and_ack, v);
    unit_in_child(lease_and_ack, v);
    unit_expect(v, 8);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_detach_returns)
{
    lfvec_t *v = make_ten(8), *w = unit_open(lfvec_name(v), 0);
    lease_last(w);
    unit_expect(v, 9);
    ck_assert_int_eq(lfvec_detach(w), 0);
    unit_expect(v, 10);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_death_returns_by_recovery)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    lfvec_t *v = make_ten(8);
    for (int i = 0; i < 5; i++) {
        unit_in_child(lease_and_die, v);
        unit_expect(v, 9);
        unit_sound(v); /* an element on lease is no fault */
        ck_assert_int_eq(lfvec_recover(v, &r), 0);
        ck_assert_uint_eq(r.leases_returned, 1);
        unit_expect(v, 10);
        ck_assert_int_eq(lfvec_recover(v, &r), 0);
        ck_assert_uint_eq(r.leases_returned, 0);
        unit_expect(v, 10);
        unit_sound(v);
    }
    unit_in_child(ack_and_die, v);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(r.slots_recovered, 1);
    ck_assert_uint_eq(r.leases_returned, 0);
    unit_expect(v, 9);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static void touch(void *arg)
{
    ck_assert_int_eq(lfvec_set_u64(arg, 0, 0), 0);
}

/* Whoever takes the slot of the dead pushes its element back first. */
START_TEST(test_death_returns_by_succession)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    lfvec_t *v = make_ten(2);
    for (int i = 0; i < 5; i++) {
        unit_in_child(lease_and_die, v);
        unit_expect(v, 9);
        unit_in_thread(touch, v); /* there is but one other slot */
        unit_expect(v, 10);
        unit_sound(v);
    }
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* When the vector has filled up meanwhile, the element stays on lease until there is room. */
START_TEST(test_full)
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
    unit_fill(v, 9, 10); /* its place is taken */
    ck_assert_int_eq(lfvec_recover(v, &r), -EOVERFLOW);
    ck_assert_uint_eq(r.leases_returned, 0);
    unit_expect(v, 10);
    unit_sound(v);
    ck_assert_int_eq(lfvec_pop_u64(v, &x), 0);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(r.leases_returned, 1);
    unit_expect(v, 10); /* it was a 9 as well */
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_sizes)
{
    static const uint32_t size[] = {1, 3, 8, 100, 1000, 65536};
    struct unit_rng r = unit_random("lease: sizes", 7);
    for (int i = 0; i < 6; i++) {
        static unsigned char in[65536], out[65536];
        struct lfvec_attr a;
        unit_attr(&a, size[i]);
        lfvec_t *v = unit_make(&a);
        unit_bytes(&r, in, size[i]);
        ck_assert_int_eq(lfvec_push(v, in, NULL), 0);
        ck_assert_int_eq(lfvec_pop_lease(v, out), 0);
        ck_assert_mem_eq(in, out, size[i]);
        lfvec_t *w = unit_open(lfvec_name(v), 0);
        ck_assert_int_eq(lfvec_detach(v), 0);
        memset(out, 0, size[i]);
        ck_assert_int_eq(lfvec_pop(w, out), 0);
        ck_assert_mem_eq(in, out, size[i]);
        unit_sound(w);
        ck_assert_int_eq(lfvec_detach(w), 0);
    }
}
END_TEST

/* ---- given back at once ---------------------------------------------------------------------------------------------------------------- */

START_TEST(test_release)
{
    uint64_t x;
    struct lfvec_participant p;
    lfvec_t *v = make_ten(8), *ro = unit_open(lfvec_name(v), LFVEC_RDONLY);
    ck_assert_int_eq(lfvec_release(ro), -EBADF);
    ck_assert_int_eq(lfvec_detach(ro), 0);
    ck_assert_int_eq(lfvec_release(v), -EINVAL);
    for (int i = 0; i < 200; i++) {
        lease_last(v);
        errno = 12345;
        ck_assert_int_eq(lfvec_release(v), 0);
        ck_assert_int_eq(errno, 12345);
        ck_assert_uint_eq(lfvec_last_version(), unit_stat(v).version); /* asked for, so it is told */
        ck_assert_uint_eq(leased(v, 1), 0);
        ck_assert_int_eq(lfvec_release(v), -EINVAL);
        ck_assert_int_eq(lfvec_ack(v), -EINVAL);
        unit_expect(v, 10);
    }
    ck_assert_int_eq(lfvec_participant(v, 1, &p), 0);
    ck_assert(p.op == LFVEC_OP_RETURN && p.outcome == LFVEC_OUTCOME_WON && p.op_version == unit_stat(v).version);
    lease_last(v);
    for (uint64_t i = 0; i < 90; i++)
        ck_assert_int_eq(lfvec_push_u64(v, 100 + i), 0);
    ck_assert_int_eq(lfvec_release(v), 0); /* it comes back at the end */
    ck_assert_int_eq(lfvec_pop_u64(v, &x), 0);
    ck_assert_uint_eq(x, 9);
    ck_assert_uint_eq(lfvec_size(v), 99);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static void release_and_die(void *arg)
{
    lease_last(arg);
    ck_assert_int_eq(lfvec_release(arg), 0);
    _exit(0);
}

START_TEST(test_release_and_death)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    lfvec_t *v = make_ten(8);
    unit_in_child(release_and_die, v);
    unit_expect(v, 10);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert(r.slots_recovered == 1 && r.leases_returned == 0);
    unit_expect(v, 10);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Two handles of one thread: each has a lease of its own, and the one at hand is not confused with the other. */
START_TEST(test_release_on_two_handles)
{
    uint64_t x;
    lfvec_t *v = make_ten(8), *w = make_ten(8);
    lease_last(v);
    ck_assert_int_eq(lfvec_release(w), -EINVAL);
    ck_assert_int_eq(lfvec_pop_u64(w, &x), 0);
    unit_fill(w, 9, 15); /* w is at hand */
    ck_assert_int_eq(lfvec_release(v), 0);
    ck_assert_uint_eq(lfvec_last_version(), unit_stat(v).version);
    unit_fill(w, 15, 20);
    unit_fill(v, 10, 20);
    unit_expect(v, 20);
    unit_expect(w, 20);
    unit_sound(v);
    unit_sound(w);
    ck_assert_int_eq(lfvec_detach(v), 0);
    ck_assert_int_eq(lfvec_detach(w), 0);
}
END_TEST

START_TEST(test_release_full)
{
    struct lfvec_attr a;
    uint64_t x;
    unit_attr(&a, 8);
    a.max_elems = 10;
    lfvec_t *v = unit_make(&a);
    unit_fill(v, 0, 10);
    lease_last(v);
    unit_fill(v, 9, 10);
    for (int twice = 0; twice < 2; twice++) {
        ck_assert_int_eq(lfvec_release(v), -EOVERFLOW);
        ck_assert_uint_eq(leased(v, 1), 1); /* it stays */
        ck_assert_int_eq(lfvec_pop_lease(v, &x), -EBUSY);
        unit_expect(v, 10);
    }
    ck_assert_int_eq(lfvec_pop_u64(v, &x), 0);
    unit_expect(v, 9); /* a lease of one's own does not go back by itself */
    ck_assert_int_eq(lfvec_release(v), 0);
    unit_expect(v, 10);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- owed: of a slot whose former holder's lease found no room ---------------------------------------------------------------------------- */

static const struct timespec no_time = {0, 0};
static uint64_t got; /* by take_*() */

static int64_t take_pop(lfvec_t *v)
{
    return lfvec_pop_u64(v, &got) + 1;
}

static int64_t take_pop_n(lfvec_t *v)
{
    return lfvec_pop_n(v, &got, 1);
}

static int64_t take_pop_wait(lfvec_t *v)
{
    return lfvec_pop_wait(v, &got, &no_time) + 1;
}

static int64_t take_pop_lease(lfvec_t *v)
{
    const int err = lfvec_pop_lease(v, &got);
    return err ? err : lfvec_ack(v) + 1;
}

static int64_t do_reserve(lfvec_t *v)
{
    return lfvec_reserve(v, 1) + 1;
}

static int64_t do_trim(lfvec_t *v)
{
    return lfvec_trim(v) + 1;
}

static int64_t do_clear(lfvec_t *v)
{
    return lfvec_clear(v) + 1;
}

struct owing {
    lfvec_t *v;
    int64_t (*call)(lfvec_t *v);
};

/* A slot owes an element 99 to a full vector of ten. */
static lfvec_t *make_owing(void)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_elems = 10;
    a.max_slots = 2;
    lfvec_t *v = unit_make(&a);
    unit_fill(v, 0, 9);
    ck_assert_int_eq(lfvec_push_u64(v, 99), 0);
    return v;
}

static void lease_99_and_die(void *arg)
{
    uint64_t x;
    ck_assert_int_eq(lfvec_pop_lease(arg, &x), 0);
    ck_assert_uint_eq(x, 99);
    _exit(0);
}

static void take_the_slot(lfvec_t *v)
{
    ck_assert_int_eq(lfvec_set_u64(v, 0, 0), 0);
    ck_assert_uint_eq(leased(v, 2), 1);
}

/* The room is made by the thread that owes. It goes back behind the operation, which lfvec_last_version() is about all the same. */
static void makes_room(void *arg)
{
    const struct owing *o = arg;
    uint64_t x;
    take_the_slot(o->v);
    ck_assert_int_eq(lfvec_ack(o->v), -EINVAL); /* it is not this thread's */
    ck_assert_int_eq(lfvec_release(o->v), -EINVAL);
    const uint64_t before = unit_stat(o->v).version;
    ck_assert_int_eq(o->call(o->v), 1);
    ck_assert_uint_eq(lfvec_last_version(), before + 1);
    ck_assert_uint_eq(unit_stat(o->v).version, before + 2);
    ck_assert_uint_eq(leased(o->v, 2), 0);
    ck_assert_int_eq(lfvec_get_u64(o->v, lfvec_size(o->v) - 1, &x), 0);
    ck_assert_uint_eq(x, 99);
}

START_TEST(test_owed_when_room_is_made)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    static int64_t (*const calls[])(lfvec_t * v) = {take_pop, take_pop_n, take_pop_wait, do_clear};
    for (int i = 0; i < 4; i++) {
        struct owing o = {make_owing(), calls[i]};
        unit_in_child(lease_99_and_die, o.v);
        unit_fill(o.v, 9, 10);
        unit_in_thread(makes_room, &o);
        ck_assert_uint_eq(lfvec_size(o.v), calls[i] == do_clear ? 1 : 10);
        unit_sound(o.v);
        ck_assert_int_eq(lfvec_detach(o.v), 0);
    }
}
END_TEST

static void take_the_slot_of(void *arg)
{
    take_the_slot(((struct owing *)arg)->v);
}

static void finds_room(void *arg)
{
    const struct owing *o = arg;
    got = 0;
    ck_assert_int_eq(o->call(o->v), 1);
    ck_assert_uint_eq(leased(o->v, 2), 0);
}

/*
 * The room is made by somebody else, who empties the vector: what is owed is the one element that there is. A pop that did not find it would
 * say that there is none, and a pop that waits would wait for ever.
 */
START_TEST(test_owed_when_others_made_room)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    static int64_t (*const calls[])(lfvec_t * v) = {take_pop, take_pop_n, take_pop_wait, take_pop_lease, do_reserve, do_trim};
    for (int i = 0; i < 6; i++) {
        struct owing o = {make_owing(), calls[i]};
        struct unit_team *t = unit_team_new(1);
        unit_in_child(lease_99_and_die, o.v);
        unit_fill(o.v, 9, 10);
        unit_team_do(t, 0, take_the_slot_of, &o);
        ck_assert_int_eq(lfvec_clear(o.v), 0);
        unit_team_do(t, 0, finds_room, &o);
        ck_assert_uint_eq(got, i < 4 ? 99 : 0);
        ck_assert_uint_eq(lfvec_size(o.v), i < 4 ? 0 : 1);
        unit_sound(o.v);
        unit_team_end(t);
        ck_assert_int_eq(lfvec_detach(o.v), 0);
    }
}
END_TEST

/* Nor does lfvec_last_version() tell of what a thread returns for the dead, or as it takes a slot over. */
START_TEST(test_owed_by_the_dead)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    lfvec_t *v = make_ten(8);
    uint64_t x;
    ck_assert_int_eq(lfvec_get_u64(v, 0, &x), 0);
    unit_in_child(lease_and_die, v);
    const uint64_t before = lfvec_last_version();
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(r.leases_returned, 1);
    ck_assert_uint_eq(lfvec_last_version(), before);
    unit_expect(v, 10);
    unit_fill(v, 10, 12); /* by the fast path, which keeps its version in the cursor */
    unit_in_child(lease_and_die, v);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(lfvec_last_version() + 2, unit_stat(v).version); /* the lease, and its return */
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static int64_t do_ack(lfvec_t *v)
{
    return lfvec_ack(v);
}

static void takes_what_is_owed(void *arg)
{
    const struct owing *o = arg;
    const uint64_t size = lfvec_size(o->v);
    uint64_t x = 0;
    take_the_slot(o->v);
    ck_assert_int_eq(lfvec_pop_lease(o->v, &x), 0);
    ck_assert_uint_eq(x, 99);
    ck_assert_uint_eq(lfvec_size(o->v), size);
    ck_assert_int_eq(lfvec_pop_lease(o->v, &x), -EBUSY);
    if (o->call)
        ck_assert_int_eq(o->call(o->v), 0);
}

/* In a full vector, what a dead consumer had on lease goes to the next who leases in its slot: else no consumer could begin to empty it. */
START_TEST(test_owed_is_leased)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    static int64_t (*const after[])(lfvec_t *) = {do_ack, NULL}; /* NULL: its thread exits, and cannot give it back either */
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        struct owing o = {make_owing(), after[i]};
        uint64_t x;
        unit_in_child(lease_99_and_die, o.v);
        unit_fill(o.v, 9, 10);
        unit_in_thread(takes_what_is_owed, &o);
        ck_assert_uint_eq(lfvec_size(o.v), 10);
        ck_assert_uint_eq(leased(o.v, 2), !after[i]);
        ck_assert_int_eq(lfvec_pop_u64(o.v, &x), 0);
        ck_assert_int_eq(lfvec_recover(o.v, NULL), 0);
        ck_assert_uint_eq(lfvec_size(o.v), after[i] ? 9 : 10);
        unit_sound(o.v);
        ck_assert_int_eq(lfvec_detach(o.v), 0);
    }
}
END_TEST

static const uint32_t full_sizes[] = {1, 8, 24, 112, 113, 512, 4096};

/* Full by bytes: no leaf is to be had any more. The elements are those of one pattern, so that none of them needs a memory of the test's. */
static lfvec_t *make_full(uint32_t elem_size, unsigned char *elem)
{
    struct lfvec_attr a;
    unit_attr(&a, elem_size);
    a.max_slots = 4;
    a.max_bytes = 1 << 20;
    lfvec_t *v = unit_make(&a);
    memset(elem, 'a', elem_size);
    while (lfvec_push(v, elem, NULL) == 0)
        ;
    ck_assert_int_eq(lfvec_push(v, elem, NULL), -EOVERFLOW);
    return v;
}

struct consumer {
    lfvec_t *v;
    uint32_t elem_size;
    unsigned char elem[4096];
};

static void lease_one(struct consumer *c)
{
    const uint64_t size = lfvec_size(c->v);
    memset(c->elem, 0, c->elem_size);
    MUST(lfvec_pop_lease(c->v, c->elem) == 0);
    for (uint32_t i = 0; i < c->elem_size; i++)
        MUST(c->elem[i] == 'a');
    MUST(lfvec_size(c->v) == size - 1);
}

static void lease_all(void *arg)
{
    struct consumer *c = arg;
    while (lfvec_size(c->v)) {
        lease_one(c);
        MUST(lfvec_ack(c->v) == 0);
    }
    ck_assert_int_eq(lfvec_pop_lease(c->v, c->elem), -EAGAIN);
}

/* A consumer that only leases empties a vector that is full by bytes: to take a lease needs no memory. */
START_TEST(test_full_is_emptied)
{
    for (size_t i = 0; i < sizeof full_sizes / sizeof *full_sizes; i++) {
        struct consumer c = {.elem_size = full_sizes[i]};
        c.v = make_full(c.elem_size, c.elem);
        unit_in_thread(lease_all, &c);
        ck_assert_int_eq(lfvec_push(c.v, c.elem, NULL), 0);
        unit_sound(c.v);
        ck_assert_int_eq(lfvec_detach(c.v), 0);
    }
}
END_TEST

static void lease_it(void *arg)
{
    lease_one(arg);
}

static void release_it(void *arg)
{
    const struct consumer *c = arg;
    const uint64_t size = lfvec_size(c->v);
    ck_assert_int_eq(lfvec_release(c->v), 0);
    ck_assert_uint_eq(lfvec_size(c->v), size + 1);
}

static void lease_full_and_die(void *arg)
{
    lease_one(arg);
    _exit(0);
}

/* Nor has its way back, after others have filled the room that it left: released, or returned by recovery. Again and again. */
START_TEST(test_full_takes_back)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    for (size_t i = 0; i < sizeof full_sizes / sizeof *full_sizes; i++) {
        struct lfvec_recovery r;
        struct consumer c = {.elem_size = full_sizes[i]};
        c.v = make_full(c.elem_size, c.elem);
        struct unit_team *t = unit_team_new(1);
        for (int again = 0; again < 3; again++) {
            unit_team_do(t, 0, lease_it, &c);
            while (lfvec_push(c.v, c.elem, NULL) == 0)
                ;
            unit_team_do(t, 0, release_it, &c);
        }
        unit_team_end(t);
        const uint64_t size = lfvec_size(c.v);
        unit_in_child(lease_full_and_die, &c);
        (void)lfvec_push(c.v, c.elem, NULL);
        ck_assert_int_eq(lfvec_recover(c.v, &r), 0);
        ck_assert_uint_eq(r.leases_returned, 1);
        ck_assert_uint_ge(lfvec_size(c.v), size);
        unit_sound(c.v);
        ck_assert_int_eq(lfvec_detach(c.v), 0);
    }
}
END_TEST

/* Where there is nothing to be leased, no leaf is kept for it. */
START_TEST(test_empty_takes_nothing)
{
    struct lfvec_audit before, after;
    uint64_t x;
    lfvec_t *v = unit_make(NULL);
    ck_assert_int_eq(lfvec_set_u64(v, 0, 1), -ERANGE); /* joins */
    ck_assert_int_eq(lfvec_check(v, &before), 0);
    ck_assert_int_eq(lfvec_pop_lease(v, &x), -EAGAIN);
    ck_assert_int_eq(lfvec_check(v, &after), 0);
    ck_assert_uint_eq(after.leaves_held, before.leaves_held);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *lease_suite(void)
{
    Suite *s = suite_create("lease");
    TCase *tc = unit_case(s, "lease", 30);
    tcase_add_test(tc, test_ack);
    tcase_add_test(tc, test_exit_returns);
    tcase_add_test(tc, test_detach_returns);
    tcase_add_test(tc, test_death_returns_by_recovery);
    tcase_add_test(tc, test_death_returns_by_succession);
    tcase_add_test(tc, test_full);
    tcase_add_test(tc, test_full_is_emptied);
    tcase_add_test(tc, test_full_takes_back);
    tcase_add_test(tc, test_owed_is_leased);
    tcase_add_test(tc, test_empty_takes_nothing);
    tcase_add_test(tc, test_sizes);
    tcase_add_test(tc, test_release);
    tcase_add_test(tc, test_release_and_death);
    tcase_add_test(tc, test_release_on_two_handles);
    tcase_add_test(tc, test_release_full);
    tcase_add_test(tc, test_owed_when_room_is_made);
    tcase_add_test(tc, test_owed_when_others_made_room);
    tcase_add_test(tc, test_owed_by_the_dead);
    return s;
}
