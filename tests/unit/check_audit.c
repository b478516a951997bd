/*
 * check_audit.c - lfvec_check() while a segment grows in the middle of a pass (amid.h): a sound one is never called damaged, and a damaged one is.
 * What faults there are: check_oracle.c.
 */
#include "amid.h"
#include "suites.h"
#include "support.h"

#include "join.h"
#include "slab.h"

#include <stdlib.h>

static lfvec_t *at_work;

static void grow(lfvec_t *v)
{
    unsigned char elem[4096] = {0};
    const uint64_t high = slab_high(&v->seg);
    while (slab_high(&v->seg) == high)
        MUST(lfvec_push(v, elem, NULL) == 0);
}

/* A new slab, and a leaf of it in our hands. */
static void grow_and_hold(lfvec_t *v)
{
    struct participant *p;
    grow(v);
    MUST(join_get(v, &p) == 0);
    MUST(participant_spares(p, 1) == 0);
}

static amid_deed *const growth[AMID_MOMENTS] = {[AMID_BEFORE] = grow_and_hold};

static void spend(lfvec_t *v)
{
    unsigned char elem[4096] = {0};
    MUST(lfvec_push(v, elem, NULL) == 0);
}

static lfvec_t *make(void)
{
    struct lfvec_attr a;
    unit_attr(&a, 4096);
    a.slab_bytes = 65536;
    a.max_bytes = 64 << 20;
    return unit_make(&a);
}

/* Each pass meets a slab that is new, and before it comes to the slots, one of them has a leaf of a slab that is newer still. */
START_TEST(test_slot_refers_to_what_is_newer)
{
    struct lfvec_audit audit;
    at_work = make();
    grow(at_work);
    lfvec_t *looks = unit_open(lfvec_name(at_work), LFVEC_RDONLY);
    grow_and_hold(at_work);
    const int err = amid_check(looks, at_work, growth, &audit);
    ck_assert_msg(err == 0, "%d: %s", err, audit.message);
    ck_assert_str_eq(audit.message, "");
    if (!amid_possible())
        UNIT_SKIP("calloc() is the C library's or the sanitizer's own here");
    spend(at_work);
    unit_sound(looks);
    unit_sound(at_work);
    ck_assert_int_eq(lfvec_detach(looks), 0);
    ck_assert_int_eq(lfvec_detach(at_work), 0);
}
END_TEST

/* A reference that leads nowhere is one whatever else goes on: no head stands still here. */
START_TEST(test_damage_is_found_amid_growth)
{
    struct lfvec_audit audit;
    at_work = make();
    grow(at_work);
    lfvec_t *looks = unit_open(lfvec_name(at_work), LFVEC_RDONLY);
    grow_and_hold(at_work);
    const uint64_t nowhere = leaf_ref_make(at_work->seg.l.slabs_max - 1, 0);
    if (_i == 0)
        atomic_store(&slot_at(&at_work->seg, at_work->seg.l.max_slots)->spare_ref[0], nowhere);
    else
        atomic_store(&directory_entry(&at_work->seg, 0)->leaf_ref, nowhere);
    const int err = amid_check(looks, at_work, growth, &audit);
    ck_assert_int_eq(err, -EBADMSG);
    ck_assert_uint_eq(audit.fault, _i ? LFVEC_FAULT_DIRECTORY : LFVEC_FAULT_SLOT);
    ck_assert_int_eq(lfvec_detach(looks), 0);
    ck_assert_int_eq(lfvec_detach(at_work), 0);
}
END_TEST

/* A leaf that nothing refers to, and whatever else happens, is found once it is quiet. */
START_TEST(test_leak)
{
    struct lfvec_audit audit;
    struct participant *p;
    lfvec_t *v = make();
    grow(v);
    unit_sound(v);
    ck_assert_int_eq(join_get(v, &p), 0);
    ck_assert_int_eq(participant_spares(p, 1), 0);
    const uint64_t ref = p->spare[0];
    unit_sound(v);
    atomic_store(&p->slot->spare_ref[0], 0);
    ck_assert_int_eq(lfvec_check(v, &audit), -EBADMSG);
    ck_assert_uint_eq(audit.fault, LFVEC_FAULT_LEAK);
    ck_assert_uint_eq(audit.where, ref);
    ck_assert_uint_eq(audit.leaves_lost, 1);
    ck_assert_uint_eq(audit.conclusive, 1);
    atomic_store(&p->slot->spare_ref[3], ref);
    unit_sound(v);
    atomic_store(&p->slot->spare_ref[3], 0);
    atomic_store(&p->slot->spare_ref[0], ref);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *audit_suite(void)
{
    Suite *s = suite_create("audit");
    TCase *tc = unit_case(s, "audit", 60);
    tcase_add_test(tc, test_slot_refers_to_what_is_newer);
    tcase_add_loop_test(tc, test_damage_is_found_amid_growth, 0, 2);
    tcase_add_test(tc, test_leak);
    return s;
}
