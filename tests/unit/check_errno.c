/*
 * check_errno.c - every error that the operations promise, provoked; errno left alone by what returns an error; that the vector goes on
 * working afterwards with nothing lost (G4), and that a refusal leaves nothing behind. Opening: check_errno_open.c. What has no room:
 * check_errno_full.c.
 */
#include "holdings.h"
#include "suites.h"

#include <errno.h>

/* What may be NULL, and other arguments that may not be what they are. */
START_TEST(test_einval_arguments)
{
    uint64_t x = 0;
    lfvec_t *v = unit_make(NULL);
    lfvec_attr_init(NULL);
    RETURNS(0, lfvec_push(v, &x, NULL));
    RETURNS(1, lfvec_push_n(v, &x, 1, NULL));
    RETURNS(0, lfvec_push_n(v, NULL, 0, NULL));
    RETURNS(0, lfvec_pop_n(v, NULL, 0));
    RETURNS(0, lfvec_get_n(v, 0, NULL, 0));
    RETURNS(0, lfvec_get_n(v, 2, NULL, 0)); /* no element is asked for beyond the size */
    RETURNS(0, lfvec_snapshot(v, 0, NULL, 0, NULL));
    RETURNS(0, lfvec_fetch_add_u64(v, 0, 1, NULL));
    RETURNS(0, lfvec_recover(v, NULL));
    RETURNS(0, lfvec_recover_slot(v, 1, NULL));
    REFUSES(v, -EBUSY, lfvec_recover_forced(v, 1, NULL));
    RETURNS(0, lfvec_check(v, NULL));
    REFUSES(v, -EINVAL, lfvec_push_n(v, &x, SIZE_MAX, NULL));
    REFUSES(v, -EINVAL, lfvec_pop_n(v, &x, SIZE_MAX));
    REFUSES(v, -EINVAL, lfvec_get_n(v, 0, &x, SIZE_MAX));
    REFUSES(v, -ERANGE, lfvec_snapshot(v, 0, &x, SIZE_MAX, NULL));
    REFUSES(v, -EINVAL, lfvec_push_sized(v, &x, 4, NULL));
    REFUSES(v, -EINVAL, lfvec_pop_sized(v, &x, 16));
    REFUSES(v, -EINVAL, lfvec_get_sized(v, 0, &x, 0));
    REFUSES(v, -EINVAL, lfvec_set_sized(v, 0, &x, 7));
    REFUSES(v, -EINVAL, lfvec_ack(v)); /* no lease */
    REFUSES(v, -EINVAL, lfvec_release(v));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- operations ---------------------------------------------------------------------------------------------------------------------- */

START_TEST(test_ebadf)
{
    uint64_t x = 5;
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 10);
    lfvec_t *ro = unit_open(lfvec_name(v), LFVEC_RDONLY);
    REFUSES(ro, -EBADF, lfvec_push(ro, &x, NULL));
    REFUSES(ro, -EBADF, lfvec_pop(ro, &x));
    REFUSES(ro, -EBADF, lfvec_set(ro, 0, &x));
    REFUSES(ro, -EBADF, lfvec_clear(ro));
    REFUSES(ro, -EBADF, lfvec_trim(ro));
    REFUSES(ro, -EBADF, lfvec_push_n(ro, &x, 1, NULL));
    REFUSES(ro, -EBADF, lfvec_pop_n(ro, &x, 1));
    REFUSES(ro, -EBADF, lfvec_pop_wait(ro, &x, NULL));
    REFUSES(ro, -EBADF, lfvec_pop_lease(ro, &x));
    REFUSES(ro, -EBADF, lfvec_ack(ro));
    REFUSES(ro, -EBADF, lfvec_release(ro));
    REFUSES(ro, -EBADF, lfvec_cas_u64(ro, 0, &x, 1));
    REFUSES(ro, -EBADF, lfvec_fetch_add_u64(ro, 0, 1, NULL));
    REFUSES(ro, -EBADF, lfvec_reserve(ro, 1000));
    REFUSES(ro, -EBADF, lfvec_recover(ro, NULL));
    REFUSES(ro, -EBADF, lfvec_recover_slot(ro, 1, NULL));
    REFUSES(ro, -EBADF, lfvec_recover_forced(ro, 1, NULL));
    REFUSES(ro, -EBADF, lfvec_leave(ro));
    RETURNS(0, lfvec_push_u64(v, 10)); /* the other attachment of the same thread is not confused */
    RETURNS(0, lfvec_pop_u64(v, &x));
    REFUSES(ro, -EBADF, lfvec_push(ro, &x, NULL));
    unit_expect(ro, 10);
    RETURNS(0, lfvec_detach(ro));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_ecanceled)
{
    uint64_t x = 5, old = 0;
    struct lfvec_attr a;
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 10);
    REFUSES(v, -ECANCELED, (x = 5, lfvec_cas_u64(v, 7, &x, 1)));
    ck_assert_uint_eq(x, 7); /* what it is */
    RETURNS(0, lfvec_cas_u64(v, 7, &x, 100));
    ck_assert_uint_eq(x, 7);
    RETURNS(0, lfvec_fetch_add_u64(v, 7, (uint64_t)-93, &old));
    ck_assert_uint_eq(old, 100);
    RETURNS(0, lfvec_fetch_add_u64(v, 7, 0, NULL));
    REFUSES(v, -ERANGE, lfvec_cas_u64(v, 10, &x, 100));
    REFUSES(v, -ERANGE, lfvec_fetch_add_u64(v, 10, 1, &old));
    unit_expect(v, 10);
    RETURNS(0, lfvec_detach(v));
    unit_attr(&a, 16);
    v = unit_make(&a);
    REFUSES(v, -EINVAL, lfvec_cas_u64(v, 0, &x, 1)); /* not numbers of 8 bytes */
    REFUSES(v, -EINVAL, lfvec_fetch_add_u64(v, 0, 1, NULL));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_erange_eagain)
{
    uint64_t x = 5;
    static const uint64_t beyond[] = {10, 11, 64, UINT64_C(1) << 40, UINT64_C(1) << 63, UINT64_MAX};
    lfvec_t *v = unit_make(NULL);
    RETURNS(-EAGAIN, lfvec_pop_u64(v, &x)); /* takes a slot */
    REFUSES(v, -EAGAIN, lfvec_pop_u64(v, &x));
    REFUSES(v, -EAGAIN, lfvec_pop_n(v, &x, 1));
    REFUSES(v, -EAGAIN, lfvec_pop_lease(v, &x));
    REFUSES(v, -ETIMEDOUT, lfvec_pop_wait(v, &x, &(struct timespec){0, 0}));
    REFUSES(v, -ERANGE, lfvec_get_n(v, 0, &x, 1));
    REFUSES(v, -ERANGE, lfvec_snapshot(v, 0, &x, 1, NULL));
    REFUSES(v, -ERANGE, lfvec_get_u64(v, 0, &x));
    REFUSES(v, -ERANGE, lfvec_set_u64(v, 0, x));
    unit_fill(v, 0, 10);
    for (int i = 0; i < 6; i++) {
        REFUSES(v, -ERANGE, lfvec_get_u64(v, beyond[i], &x));
        REFUSES(v, -ERANGE, lfvec_set_u64(v, beyond[i], x));
    }
    ck_assert_uint_eq(x, 5);
    unit_expect(v, 10);
    RETURNS(0, lfvec_clear(v));
    REFUSES(v, -EAGAIN, lfvec_pop_u64(v, &x));
    REFUSES(v, -ERANGE, lfvec_get_u64(v, 0, &x));
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

static void push_ten(void *arg)
{
    unit_fill(arg, lfvec_size(arg), lfvec_size(arg) + 10);
}

static void find_no_slot(void *arg)
{
    uint64_t x = 0;
    REFUSES(arg, -EUSERS, lfvec_push_u64(arg, 1));
    REFUSES(arg, -EUSERS, lfvec_pop_u64(arg, &x));
    REFUSES(arg, -EUSERS, lfvec_set_u64(arg, 0, 1));
    REFUSES(arg, -EUSERS, lfvec_push_n(arg, &x, 1, NULL));
    REFUSES(arg, -EUSERS, lfvec_pop_n(arg, &x, 1));
    REFUSES(arg, -EUSERS, lfvec_pop_wait(arg, &x, NULL));
    REFUSES(arg, -EUSERS, lfvec_pop_lease(arg, &x));
    REFUSES(arg, -EUSERS, lfvec_cas_u64(arg, 0, &x, 1));
    REFUSES(arg, -EUSERS, lfvec_fetch_add_u64(arg, 0, 1, NULL));
    REFUSES(arg, -EUSERS, lfvec_clear(arg));
    REFUSES(arg, -EUSERS, lfvec_trim(arg));
    REFUSES(arg, -EUSERS, lfvec_reserve(arg, 10));
    RETURNS(0, lfvec_get_u64(arg, 7, &x)); /* needs none */
    ck_assert_uint_eq(x, 7);
    ck_assert_uint_eq(lfvec_size(arg), 30);
    RETURNS(0, lfvec_check(arg, NULL));
}

START_TEST(test_eusers)
{
    struct unit_team *t = unit_team_new(4);
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = 3;
    lfvec_t *v = unit_make(&a);
    for (uint32_t i = 0; i < 3; i++)
        unit_team_do(t, i, push_ten, v);
    unit_team_do(t, 3, find_no_slot, v);
    unit_in_child(find_no_slot, v);
    unit_team_replace(t, 1); /* gives one back */
    unit_team_do(t, 3, push_ten, v);
    unit_expect(v, 40);
    unit_sound(v);
    unit_team_end(t);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- what succeeds ---------------------------------------------------------------------------------------------------------------------- */

enum { ROWS = 500 };

/* Everything that there is, in an order after which the vector is as it was. */
static void everything(lfvec_t *v)
{
    static uint64_t many[ROWS];
    struct lfvec_audit audit;
    struct lfvec_region region;
    struct lfvec_pages pages;
    struct lfvec_participant participant;
    struct lfvec_part part[1];
    uint64_t x = 3;
    lfvec_t *w = unit_open(lfvec_name(v), 0), *ro = unit_open(lfvec_name(v), LFVEC_RDONLY);
    RETURNS(0, lfvec_push_u64(w, 1));
    RETURNS(0, lfvec_pop_lease(w, &x)); /* goes back by detach */
    RETURNS(0, lfvec_get_u64(ro, 7, &x));
    RETURNS(0, lfvec_detach(ro));
    RETURNS(0, lfvec_detach(w));
    RETURNS(0, lfvec_pop(v, &x));
    RETURNS(ROWS, lfvec_push_n(v, many, ROWS, NULL));
    RETURNS(1, lfvec_push_n_parts(v, many, 1, part, 1));
    RETURNS(ROWS, lfvec_get_n(v, 0, many, ROWS));
    RETURNS(0, lfvec_snapshot(v, 0, many, ROWS, NULL));
    RETURNS(0, lfvec_set_u64(v, 3, 3));
    RETURNS(0, (x = 3, lfvec_cas_u64(v, 3, &x, 3)));
    RETURNS(0, lfvec_fetch_add_u64(v, 3, 0, &x));
    RETURNS(0, lfvec_pop_lease(v, &x));
    RETURNS(0, lfvec_release(v));
    RETURNS(0, lfvec_pop_lease(v, &x));
    RETURNS(0, lfvec_ack(v));
    RETURNS(0, lfvec_pop_wait(v, &x, NULL));
    RETURNS(ROWS - 1, lfvec_pop_n(v, many, ROWS - 1));
    RETURNS(0, lfvec_reserve(v, 20000));
    RETURNS(0, lfvec_trim(v));
    RETURNS(0, lfvec_recover(v, NULL));
    RETURNS(0, lfvec_recover_slot(v, 1, NULL));
    RETURNS(0, lfvec_check(v, &audit));
    RETURNS(0, lfvec_participant(v, 1, &participant));
    RETURNS(0, lfvec_region(v, 0, &region));
    RETURNS(0, lfvec_region_pages(v, 0, &pages));
    RETURNS(1, lfvec_is_current(v));
    RETURNS(0, lfvec_leave(v));
    RETURNS(0, lfvec_push_u64(v, 1));
    RETURNS(0, lfvec_pop_u64(v, &x));
}

static void everything_once(void *v)
{
    everything(v);
}

/* A service that runs for months: a hundred days are like one, and so are those of a hundred threads. */
START_TEST(test_a_hundred_of_everything)
{
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 10000);
    for (int i = 0; i < 3; i++) {
        everything(v);
        unit_in_thread(everything_once, v);
    }
    const struct holdings before = holdings_now(v, NULL);
    for (int i = 0; i < HOLDINGS_CALLS; i++)
        everything(v);
    const struct holdings then = holdings_now(v, NULL);
    holdings_kept(&before, &then, "everything, a hundred times");
    for (int i = 0; i < HOLDINGS_CALLS; i++)
        unit_in_thread(everything_once, v);
    const struct holdings last = holdings_now(v, NULL);
    holdings_same(&then, &last, "everything, in a hundred threads");
    unit_expect(v, 10000);
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

Suite *errno_suite(void)
{
    Suite *s = suite_create("errno");
    TCase *tc = unit_case(s, "errno", 60);
    tcase_add_test(tc, test_einval_arguments);
    tcase_add_test(tc, test_ebadf);
    tcase_add_test(tc, test_ecanceled);
    tcase_add_test(tc, test_erange_eagain);
    tcase_add_test(tc, test_eusers);
    tcase_add_test(tc, test_a_hundred_of_everything);
    return s;
}
