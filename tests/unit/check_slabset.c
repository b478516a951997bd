/*
 * check_slabset.c - no private memory to remember one more slab by: the push says so, the slab stays for all to have, and no try takes another one.
 */
#include "holdings.h"
#include "nth.h"
#include "suites.h"

enum { ELEM = 4096, ROOM = 16, TRIES = 100 }; /* slabs that are remembered before there has to be more memory */

static lfvec_t *v;
static uint64_t pushed;

static int push(void)
{
    uint64_t elem[ELEM / 8] = {pushed};
    const int err = lfvec_push(v, elem, NULL);
    pushed += !err;
    return err;
}

static void expect_all(void)
{
    uint64_t elem[ELEM / 8];
    ck_assert_uint_eq(lfvec_size(v), pushed);
    for (uint64_t i = 0; i < pushed; i++)
        MUST(lfvec_get(v, i, elem) == 0 && elem[0] == i);
    unit_sound(v);
}

static void make(uint64_t max_bytes)
{
    struct lfvec_attr a;
    unit_attr(&a, ELEM);
    a.max_bytes = max_bytes;
    a.max_slots = 4;
    v = unit_make(&a);
    pushed = 0;
}

/* As long as its first request for memory fails, a push that makes one says so, and changes nothing. */
static int push_without(void)
{
    nth_fail(1);
    const int err = push();
    const bool asked = nth_asked() > 0;
    nth_fail(0);
    MUST_MSG(asked ? err == -ENOMEM : err == 0, "push, which asked for %s: %s", asked ? "memory" : "none", strerror(-err));
    return err;
}

START_TEST(test_one_more_slab)
{
    make(0);
    MUST(push() == 0);
    while (push_without() == 0)
        ;
    const struct lfvec_stat once = unit_stat(v);
    ck_assert_uint_eq(once.slabs_owned, ROOM);
    for (int i = 0; i < TRIES; i++)
        MUST(push_without() == -ENOMEM);
    const struct lfvec_stat then = unit_stat(v);
    ck_assert_msg(then.bytes_committed == once.bytes_committed, "%d refused pushes took %llu bytes of /dev/shm", TRIES,
                  (unsigned long long)(then.bytes_committed - once.bytes_committed));
    ck_assert_uint_eq(then.slabs_owned + then.slabs_unowned, once.slabs_owned + once.slabs_unowned);
    ck_assert_uint_eq(then.slabs_owned, ROOM); /* the one more is for all to have */
    expect_all();
    MUST(push() == 0);
    ck_assert_uint_eq(unit_stat(v).bytes_committed, then.bytes_committed);
    expect_all();
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* Of another, who has emptied them, and works in one of them. */
static void fill_and_empty(void *unused)
{
    unsigned char elem[ELEM] = {0};
    (void)unused;
    while (lfvec_push(v, elem, NULL) == 0)
        ;
    while (lfvec_pop(v, elem) == 0)
        ;
}

/* Slabs that are taken over: the one that is taken is ours, remembered or not, and no element is lost; with memory, all of them can be had. */
START_TEST(test_one_more_that_was_anothers)
{
    int err = 0;
    make(4 << 20);
    struct unit_team *t = unit_team_new(1);
    unit_team_do(t, 0, fill_and_empty, NULL);
    const uint64_t most = lfvec_capacity(v);
    ck_assert_uint_gt(most, (ROOM + 4) * 10);
    for (uint64_t n = 1; err != -EOVERFLOW; n++) {
        nth_fail(1);
        err = push();
        MUST_MSG(!err || err == -EOVERFLOW || (err == -ENOMEM && nth_asked() > 0), "push: %s", strerror(-err));
        nth_fail(0);
        if (err == -ENOMEM)
            err = push();
    }
    MUST_MSG(pushed + ROOM >= most, "%llu of %llu", (unsigned long long)pushed, (unsigned long long)most);
    expect_all();
    unit_team_end(t);
    expect_all();
    RETURNS(0, lfvec_detach(v));
}
END_TEST

Suite *slabset_suite(void)
{
    Suite *s = suite_create("slabset");
    TCase *tc = unit_case(s, "slabset", 60);
    tcase_add_test(tc, test_one_more_slab);
    tcase_add_test(tc, test_one_more_that_was_anothers);
    return s;
}
