/*
 * check_null.c - NULL for each pointer that a public function takes, in a thread that has used no vector and in threads that have one of any
 * shape at hand: -EINVAL or the documented answer, and nothing changed. tests/lint/exports.sh sees to it that no function is forgotten here.
 *
 * What a thread has at hand is compared with the handle that it is given; so also a handle whose memory was another one's before.
 */
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

enum { ELEM_MOST = 24, ELEMS = 20 };

/* A size of each way through the fast paths: words, pairs, whole words, bytes. */
static const uint32_t sizes[] = {8, 16, 24, 3};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* ---- every function, every pointer ----------------------------------------------------------------------------------------------------- */

static void no_handle_to_change(void *buffer, uint64_t *x)
{
    struct lfvec_part part;
    RETURNS(-EINVAL, lfvec_push(NULL, buffer, NULL));
    RETURNS(-EINVAL, lfvec_push(NULL, buffer, x));
    RETURNS(-EINVAL, lfvec_push_word(NULL, 1));
    RETURNS(-EINVAL, lfvec_push_u64(NULL, 1));
    RETURNS(-EINVAL, lfvec_pop(NULL, buffer));
    RETURNS(-EINVAL, lfvec_pop_word(NULL, x));
    RETURNS(-EINVAL, lfvec_pop_u64(NULL, x));
    RETURNS(-EINVAL, lfvec_set(NULL, 0, buffer));
    RETURNS(-EINVAL, lfvec_set_u64(NULL, 0, 1));
    for (unsigned int i = 0; i < SIZES; i++) {
        RETURNS(-EINVAL, lfvec_push_sized(NULL, buffer, sizes[i], x));
        RETURNS(-EINVAL, lfvec_pop_sized(NULL, buffer, sizes[i]));
        RETURNS(-EINVAL, lfvec_set_sized(NULL, 0, buffer, sizes[i]));
    }
    RETURNS(-EINVAL, lfvec_push_n(NULL, buffer, 1, x));
    RETURNS(-EINVAL, lfvec_push_n(NULL, NULL, 0, NULL));
    RETURNS(-EINVAL, lfvec_push_n_parts(NULL, buffer, 1, &part, 1));
    RETURNS(-EINVAL, lfvec_push_n_parts(NULL, NULL, 0, NULL, 0));
    RETURNS(-EINVAL, lfvec_pop_n(NULL, buffer, 1));
    RETURNS(-EINVAL, lfvec_pop_n(NULL, NULL, 0));
    RETURNS(-EINVAL, lfvec_pop_wait(NULL, buffer, NULL));
    RETURNS(-EINVAL, lfvec_pop_lease(NULL, buffer));
    RETURNS(-EINVAL, lfvec_ack(NULL));
    RETURNS(-EINVAL, lfvec_release(NULL));
    RETURNS(-EINVAL, lfvec_cas_u64(NULL, 0, x, 1));
    RETURNS(-EINVAL, lfvec_fetch_add_u64(NULL, 0, 1, x));
    RETURNS(-EINVAL, lfvec_leave(NULL));
    RETURNS(-EINVAL, lfvec_reserve(NULL, 1));
    RETURNS(-EINVAL, lfvec_trim(NULL));
    RETURNS(-EINVAL, lfvec_clear(NULL));
}

static void no_handle_to_read(void *buffer, uint64_t *x)
{
    RETURNS(-EINVAL, lfvec_get(NULL, 0, buffer));
    RETURNS(-EINVAL, lfvec_get_u64(NULL, 0, x));
    for (unsigned int i = 0; i < SIZES; i++)
        RETURNS(-EINVAL, lfvec_get_sized(NULL, 0, buffer, sizes[i]));
    RETURNS(-EINVAL, lfvec_get_n(NULL, 0, buffer, 1));
    RETURNS(-EINVAL, lfvec_get_n(NULL, 0, NULL, 0));
    RETURNS(-EINVAL, lfvec_snapshot(NULL, 0, buffer, 1, x));
    RETURNS(-EINVAL, lfvec_snapshot(NULL, 0, NULL, 0, NULL));
    RETURNS(0, lfvec_size(NULL));
    RETURNS(0, lfvec_capacity(NULL));
    RETURNS(0, lfvec_batch_most(NULL));
    RETURNS(0, lfvec_elem_size(NULL));
    ck_assert_str_eq(lfvec_name(NULL), "");
}

/* What needs no vector, or is about one as a whole. */
static void no_handle_otherwise(void)
{
    struct lfvec_recovery r;
    struct lfvec_audit a;
    struct lfvec_stat st;
    struct lfvec_participant p;
    struct lfvec_region region;
    struct lfvec_pages pages;
    lfvec_attr_init(NULL);
    ck_assert(!lfvec_attach(NULL) && errno == EINVAL);
    ck_assert(!lfvec_open(NULL, LFVEC_CREATE, NULL) && errno == EINVAL);
    RETURNS(-EINVAL, lfvec_unlink(NULL));
    RETURNS(-EINVAL, lfvec_detach(NULL));
    RETURNS(-EINVAL, lfvec_is_current(NULL));
    RETURNS(-EINVAL, lfvec_recover(NULL, &r));
    RETURNS(-EINVAL, lfvec_recover(NULL, NULL));
    RETURNS(-EINVAL, lfvec_recover_slot(NULL, 1, &r));
    RETURNS(-EINVAL, lfvec_recover_slot(NULL, 1, NULL));
    RETURNS(-EINVAL, lfvec_recover_forced(NULL, 1, &r));
    RETURNS(-EINVAL, lfvec_recover_forced(NULL, 1, NULL));
    RETURNS(-EINVAL, lfvec_check(NULL, &a));
    RETURNS(-EINVAL, lfvec_check(NULL, NULL));
    RETURNS(-EINVAL, lfvec_stat(NULL, &st));
    RETURNS(-EINVAL, lfvec_participant(NULL, 1, &p));
    RETURNS(-EINVAL, lfvec_region(NULL, 0, &region));
    RETURNS(-EINVAL, lfvec_region_pages(NULL, 0, &pages));
}

static void no_buffer(lfvec_t *v)
{
    const uint32_t size = lfvec_elem_size(v);
    uint64_t x = 0;
    struct lfvec_part part;
    RETURNS(-EINVAL, lfvec_push(v, NULL, NULL));
    RETURNS(-EINVAL, lfvec_push(v, NULL, &x));
    RETURNS(-EINVAL, lfvec_push_sized(v, NULL, size, NULL));
    RETURNS(-EINVAL, lfvec_pop(v, NULL));
    RETURNS(-EINVAL, lfvec_pop_sized(v, NULL, size));
    RETURNS(-EINVAL, lfvec_pop_word(v, NULL));
    RETURNS(-EINVAL, lfvec_pop_u64(v, NULL));
    RETURNS(-EINVAL, lfvec_get(v, 0, NULL));
    RETURNS(-EINVAL, lfvec_get_sized(v, 0, NULL, size));
    RETURNS(-EINVAL, lfvec_get_u64(v, 0, NULL));
    RETURNS(-EINVAL, lfvec_set(v, 0, NULL));
    RETURNS(-EINVAL, lfvec_set_sized(v, 0, NULL, size));
    RETURNS(-EINVAL, lfvec_push_n(v, NULL, 1, NULL));
    RETURNS(-EINVAL, lfvec_push_n_parts(v, NULL, 1, &part, 1));
    RETURNS(-EINVAL, lfvec_push_n_parts(v, &x, 1, NULL, 1));
    RETURNS(-EINVAL, lfvec_push_n_parts(v, &x, 1, &part, 0));
    RETURNS(-EINVAL, lfvec_pop_n(v, NULL, 1));
    RETURNS(-EINVAL, lfvec_get_n(v, 0, NULL, 1));
    RETURNS(-EINVAL, lfvec_snapshot(v, 0, NULL, 1, &x));
    RETURNS(-EINVAL, lfvec_pop_wait(v, NULL, NULL));
    RETURNS(-EINVAL, lfvec_pop_lease(v, NULL));
    RETURNS(-EINVAL, lfvec_cas_u64(v, 0, NULL, 1));
    RETURNS(-EINVAL, lfvec_stat(v, NULL));
    RETURNS(-EINVAL, lfvec_participant(v, 1, NULL));
    RETURNS(-EINVAL, lfvec_region(v, 0, NULL));
    RETURNS(-EINVAL, lfvec_region_pages(v, 0, NULL));
}

/* NULL where lfvec.h says that it may be. Pops what it pushes. */
static void may_be_null(lfvec_t *v)
{
    unsigned char e[ELEM_MOST] = {0};
    const uint32_t size = lfvec_elem_size(v);
    RETURNS(0, lfvec_push(v, e, NULL));
    RETURNS(0, lfvec_push_sized(v, e, size, NULL));
    RETURNS(1, lfvec_push_n(v, e, 1, NULL));
    RETURNS(0, lfvec_push_n(v, NULL, 0, NULL));
    RETURNS(0, lfvec_push_n_parts(v, NULL, 0, NULL, 0));
    RETURNS(0, lfvec_snapshot(v, 0, e, 1, NULL));
    RETURNS(0, lfvec_snapshot(v, 0, NULL, 0, NULL));
    RETURNS(0, lfvec_get_n(v, 0, NULL, 0));
    RETURNS(0, lfvec_pop_n(v, NULL, 0));
    RETURNS(0, lfvec_pop_wait(v, e, NULL));
    RETURNS(0, lfvec_pop(v, e));
    RETURNS(0, lfvec_pop(v, e));
    RETURNS(size == 8 ? 0 : -EINVAL, lfvec_fetch_add_u64(v, 0, 0, NULL));
    RETURNS(0, lfvec_recover(v, NULL));
    RETURNS(0, lfvec_recover_slot(v, 1, NULL));
    RETURNS(-EBUSY, lfvec_recover_forced(v, 1, NULL));
    RETURNS(0, lfvec_check(v, NULL));
}

/* ---- nothing changes ------------------------------------------------------------------------------------------------------------------- */

static void no_handle(void)
{
    unsigned char buffer[ELEM_MOST], before[ELEM_MOST];
    uint64_t x = 12345;
    memset(buffer, 0xa5, sizeof buffer);
    memcpy(before, buffer, sizeof before);
    no_handle_to_change(buffer, &x);
    no_handle_to_read(buffer, &x);
    no_handle_otherwise();
    MUST(memcmp(buffer, before, sizeof before) == 0 && x == 12345);
}

static void element(unsigned char *e, uint64_t i)
{
    for (unsigned int at = 0; at < ELEM_MOST; at++)
        e[at] = (unsigned char)(i * 7 + at);
}

static void push_some(lfvec_t *v, uint64_t from, uint64_t to)
{
    unsigned char e[ELEM_MOST];
    for (uint64_t i = from; i < to; i++) {
        element(e, i);
        MUST(lfvec_push(v, e, NULL) == 0);
    }
}

static void expect_some(lfvec_t *v, uint64_t n)
{
    unsigned char e[ELEM_MOST], got[ELEM_MOST];
    MUST(lfvec_size(v) == n);
    for (uint64_t i = 0; i < n; i++) {
        element(e, i);
        MUST(lfvec_get(v, i, got) == 0 && memcmp(e, got, lfvec_elem_size(v)) == 0);
    }
}

static lfvec_t *make(uint32_t size)
{
    struct lfvec_attr a;
    unit_attr(&a, size);
    a.max_slots = 16;
    return unit_make(&a);
}

/* With this vector at hand, however its thread last used it. */
static void nothing_changes(lfvec_t *v, void (*use)(lfvec_t *v, unsigned char *e))
{
    unsigned char e[ELEM_MOST];
    element(e, ELEMS - 1);
    use(v, e);
    const uint64_t version = unit_stat(v).version;
    no_handle();
    use(v, e);
    const uint64_t used = unit_stat(v).version;
    no_buffer(v);
    ck_assert_uint_eq(unit_stat(v).version, used);
    ck_assert_uint_ge(used, version);
    expect_some(v, ELEMS);
}

static void use_get(lfvec_t *v, unsigned char *e)
{
    MUST(lfvec_get(v, ELEMS - 1, e) == 0);
}

static void use_push(lfvec_t *v, unsigned char *e)
{
    MUST(lfvec_pop(v, e) == 0 && lfvec_push(v, e, NULL) == 0);
}

static void use_pop(lfvec_t *v, unsigned char *e)
{
    MUST(lfvec_push(v, e, NULL) == 0 && lfvec_pop(v, e) == 0);
}

static void use_set(lfvec_t *v, unsigned char *e)
{
    MUST(lfvec_set(v, ELEMS - 1, e) == 0);
}

static void use_batch(lfvec_t *v, unsigned char *e)
{
    MUST(lfvec_pop_n(v, e, 1) == 1 && lfvec_push_n(v, e, 1, NULL) == 1);
}

static void try_all(void *arg)
{
    lfvec_t *v = arg;
    no_handle(); /* before its first use of it, here */
    nothing_changes(v, use_get);
    nothing_changes(v, use_push);
    nothing_changes(v, use_pop);
    nothing_changes(v, use_set);
    nothing_changes(v, use_batch);
    may_be_null(v);
    expect_some(v, ELEMS);
}

START_TEST(test_before_any_vector)
{
    no_handle();
}
END_TEST

/* In a thread whose first vector this is; in one that has had others; and in a child. */
START_TEST(test_vector_at_hand)
{
    lfvec_t *v = make(sizes[_i]);
    no_handle();
    no_buffer(v);
    push_some(v, 0, ELEMS);
    try_all(v);
    for (unsigned int other = 0; other < SIZES; other++) {
        lfvec_t *w = make(sizes[other]);
        push_some(w, 0, ELEMS);
        try_all(w);
        try_all(v);
        ck_assert_int_eq(lfvec_detach(w), 0);
        no_handle();
    }
    unit_in_thread(try_all, v);
    unit_in_child(try_all, v);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
    no_handle();
}
END_TEST

/* ---- a handle where another one was ---------------------------------------------------------------------------------------------------- */

/* Each new handle is used as itself, whatever was at its address. *again: how many had the address of `old`. */
static void use_new_ones(const void *old, uint32_t *again)
{
    for (unsigned int i = 0; i < SIZES; i++) {
        lfvec_t *v = make(sizes[i]);
        *again += (const void *)v == old;
        ck_assert_uint_eq(lfvec_elem_size(v), sizes[i]);
        push_some(v, 0, ELEMS);
        expect_some(v, ELEMS);
        unit_sound(v);
        ck_assert_int_eq(lfvec_unlink(lfvec_name(v)), 0); /* a child's are for the child to remove */
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
}

/* The thread that had it at hand detaches it, at hand or behind another one, and opens others. */
START_TEST(test_reused_by_one_thread)
{
    uint32_t again = 0;
    for (int behind = 0; behind < 2; behind++) {
        lfvec_t *v = make(sizes[_i]), *other = make(8);
        push_some(v, 0, ELEMS);
        if (behind)
            push_some(other, 0, ELEMS);
        ck_assert_int_eq(lfvec_detach(v), 0);
        no_handle();
        use_new_ones(v, &again);
        no_handle();
        ck_assert_int_eq(lfvec_detach(other), 0);
    }
    printf("%u new handles where the last one was\n", again); /* as the allocator likes */
}
END_TEST

static void detach(void *v)
{
    ck_assert_int_eq(lfvec_detach(v), 0);
}

static void detach_and_use_new_ones(void *v)
{
    uint32_t again = 0;
    detach(v);
    use_new_ones(v, &again);
}

/* Another thread detaches: the memory stays its participant's until that is gone, so no new handle is there. Then a child, which has none. */
START_TEST(test_reused_beside_a_thread)
{
    uint32_t again = 0;
    lfvec_t *v = make(sizes[_i]);
    push_some(v, 0, ELEMS);
    unit_in_child(detach_and_use_new_ones, v);
    expect_some(v, ELEMS);
    unit_in_thread(detach, v);
    use_new_ones(v, &again);
    ck_assert_uint_eq(again, 0);
    no_handle();
}
END_TEST

static void push_all(void *v)
{
    push_some(v, 0, ELEMS);
}

/* A thread that outlives the handle exits, and its memory is another's. */
START_TEST(test_reused_after_a_thread)
{
    uint32_t again = 0;
    struct unit_team *t = unit_team_new(2);
    lfvec_t *v = make(sizes[_i]);
    unit_team_do(t, 0, push_all, v);
    ck_assert_int_eq(lfvec_detach(v), 0);
    use_new_ones(v, &again);
    ck_assert_uint_eq(again, 0);
    unit_team_replace(t, 0);
    lfvec_t *w = make(16);
    unit_team_do(t, 0, push_all, w);
    expect_some(w, ELEMS);
    unit_team_end(t);
    ck_assert_int_eq(lfvec_detach(w), 0);
}
END_TEST

Suite *null_suite(void)
{
    Suite *s = suite_create("null");
    TCase *tc = unit_case(s, "null", 60);
    tcase_add_test(tc, test_before_any_vector);
    tcase_add_loop_test(tc, test_vector_at_hand, 0, SIZES);
    tcase_add_loop_test(tc, test_reused_by_one_thread, 0, SIZES);
    tcase_add_loop_test(tc, test_reused_beside_a_thread, 0, SIZES);
    tcase_add_loop_test(tc, test_reused_after_a_thread, 0, SIZES);
    return s;
}
