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
    tcase_add_test(tc, test_sizes);
    return s;
}
