/*
 * check_parties.c - what takes two: memory that one has reserved and another fills, or that two have emptied and a third may use; attempts lost to
 * another, and writes completed for it, as the reports count them; a descriptor that another has forged.
 */
#include "suites.h"
#include "support.h"

#include "attempt.h"
#include "join.h"
#include "leaf.h"

#include <stdlib.h>

enum { ELEM = 4096 };

static lfvec_t *v;

static lfvec_t *make(uint32_t elem_size, uint64_t max_bytes)
{
    struct lfvec_attr a;
    unit_attr(&a, elem_size);
    a.max_slots = 8;
    a.max_bytes = max_bytes ? max_bytes : a.max_bytes;
    return unit_make(&a);
}

static int push(lfvec_t *to, uint64_t x)
{
    uint64_t elem[ELEM / 8] = {x};
    return lfvec_push(to, elem, NULL);
}

static void expect(lfvec_t *from, uint64_t n)
{
    uint64_t elem[ELEM / 8];
    ck_assert_uint_eq(lfvec_size(from), n);
    for (uint64_t i = 0; i < n; i++)
        MUST(lfvec_get(from, i, elem) == 0 && elem[0] == i);
    unit_sound(from);
}

/* ---- reserved by one, filled by another -------------------------------------------------------------------------------------------------- */

enum { SLABS = 600, PAGE_OF_TABLE = 512 };

struct filler {
    lfvec_t *w; /* opened before there was more than one page of the slab table */
    uint64_t n;
};

static void fill(void *arg)
{
    const struct filler *f = arg;
    for (uint64_t i = lfvec_size(f->w); i < f->n; i++)
        MUST(push(f->w, i) == 0);
    expect(f->w, f->n);
    RETURNS(0, lfvec_detach(f->w));
}

/* All of it serves the other, also what lies beyond the first page of the slab table. */
START_TEST(test_filled_by_another)
{
    v = make(ELEM, 0);
    struct filler f = {.w = unit_open(lfvec_name(v), 0)};
    MUST(push(f.w, 0) == 0 && push(v, 1) == 0);
    const uint64_t per_slab = unit_stat(v).leaves_total;
    f.n = SLABS * per_slab;
    RETURNS(0, lfvec_reserve(v, f.n));
    const struct lfvec_stat before = unit_stat(v);
    ck_assert_uint_gt(before.slabs_owned + before.slabs_unowned, PAGE_OF_TABLE);
    ck_assert_uint_ge(lfvec_capacity(f.w), f.n);
    unit_in_child(fill, &f);
    const struct lfvec_stat then = unit_stat(v);
    ck_assert_msg(then.grows == before.grows && then.bytes_committed == before.bytes_committed,
                  "what was reserved was there, and the segment has grown %d times, by %lld bytes", (int)(then.grows - before.grows),
                  (long long)(then.bytes_committed - before.bytes_committed));
    expect(v, f.n);
    RETURNS(0, lfvec_detach(f.w));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- emptied by two, for a third ---------------------------------------------------------------------------------------------------------- */

static void push_some(void *unused)
{
    (void)unused;
    for (uint64_t i = 0; i < 150; i++)
        MUST(push(v, lfvec_size(v)) == 0);
}

static void pop_some(void *unused)
{
    uint64_t elem[ELEM / 8];
    (void)unused;
    for (uint64_t i = 0; i < 150; i++)
        MUST(lfvec_pop(v, elem) == 0);
}

START_TEST(test_capacity_of_two)
{
    int err = 0;
    v = make(ELEM, 2 << 20);
    struct unit_team *t = unit_team_new(2);
    unit_team_do(t, 0, push_some, NULL);
    unit_team_do(t, 1, push_some, NULL);
    for (;;) {
    printf("capacity %llu size %llu\n", (unsigned long long)lfvec_capacity(v), (unsigned long long)lfvec_size(v));
    if (!lfvec_size(v)) break;
    unit_team_do(t, _i, pop_some, NULL);
    }
    struct lfvec_stat st = unit_stat(v);
    printf("capacity %llu total %llu used %llu slabs %llu %llu of %llu\n", (unsigned long long)st.capacity, (unsigned long long)st.leaves_total,
           (unsigned long long)st.leaves_used, (unsigned long long)st.slabs_owned, (unsigned long long)st.slabs_unowned, (unsigned long long)st.slabs_max);
    while (!err) {
        uint64_t c = lfvec_capacity(v);
        err = push(v, lfvec_size(v));
        if (lfvec_capacity(v) != c || err)
            printf("%llu: %llu %d\n", (unsigned long long)lfvec_size(v), (unsigned long long)lfvec_capacity(v), err);
    }
    unit_team_end(t);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

Suite *parties_suite(void)
{
    Suite *s = suite_create("parties");
    TCase *tc = unit_case(s, "parties", 60);
    tcase_add_test(tc, test_filled_by_another);
    tcase_add_loop_test(tc, test_capacity_of_two, 0, 2);
    return s;
}
