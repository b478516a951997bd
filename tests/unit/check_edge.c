/*
 * check_edge.c - the last of its kind: of a quota, of the entries of the directory. What is there is found and goes on; what comes next makes
 * room, or is refused and takes nothing.
 */
#include "holdings.h"
#include "sandbox.h"
#include "suites.h"

#include <sys/syscall.h>

/* ---- a quota -------------------------------------------------------------------------------------------------------------------------------- */

/* What the kernel answers to a user whose quota is used up (mount -o usrquota), from its own boundary, though there is room. */
static void push_without_quota(void *arg)
{
    lfvec_t *v = unit_open(arg, 0);
    unit_fill(v, 0, 1000);
    sandbox_refuse(SYS_fallocate, EDQUOT);
    const uint64_t n = holdings_fill_until(v, -ENOSPC);
    MUST_MSG(strstr(lfvec_last_error(), "quota"), "%s", lfvec_last_error());
    holdings_go_on_full(v, n, -ENOSPC);
    REFUSES(v, -ENOSPC, lfvec_reserve(v, n + 100000));
    MUST_MSG(strstr(lfvec_last_error(), "quota") && strstr(lfvec_last_error(), arg), "%s", lfvec_last_error());
    open_fails(ENOSPC, unit_name(), LFVEC_CREATE, NULL);
    MUST_MSG(strstr(lfvec_last_error(), "quota"), "%s", lfvec_last_error());
    RETURNS(0, lfvec_detach(v));
}

START_TEST(test_edquot)
{
    UNIT_NEEDS(sandbox_lacks);
    lfvec_t *v = unit_make(NULL);
    unit_in_child(push_without_quota, (void *)lfvec_name(v));
    const uint64_t n = lfvec_size(v);
    unit_fill(v, n, n + 20000); /* another user's is not used up */
    unit_expect(v, n + 20000);
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* Of which nothing is left for the first page of an object. */
static void create_without_quota(void *arg)
{
    sandbox_refuse(SYS_pwrite64, EDQUOT);
    open_fails(ENOSPC, arg, LFVEC_CREATE, NULL);
    MUST_MSG(strstr(lfvec_last_error(), "quota"), "%s", lfvec_last_error());
}

START_TEST(test_edquot_at_creation)
{
    UNIT_NEEDS(sandbox_lacks);
    unit_in_child(create_without_quota, (void *)unit_name());
}
END_TEST

/* ---- a directory that ends just there ------------------------------------------------------------------------------------------------------- */

enum { ENTRIES = 4096 / 16 }; /* of one page of the directory */

/* The last element has the last entry that has memory: all that is there is found, by others as well, and the next one makes room, or is refused. */
static void ends_just_there(lfvec_t *v, uint64_t n, bool refused)
{
    uint64_t x = 0;
    lfvec_t *w = unit_open(lfvec_name(v), 0), *ro = unit_open(lfvec_name(v), LFVEC_RDONLY);
    RETURNS(0, lfvec_get_u64(ro, n - 1, &x)); /* who comes new, and asks for that one first */
    ck_assert_uint_eq(x, n - 1);
    unit_expect(w, n);
    unit_expect(ro, n);
    unit_sound(w);
    unit_sound(ro);
    REFUSES(ro, -ERANGE, lfvec_get_u64(ro, n, &x));
    REFUSES(v, -ERANGE, lfvec_set_u64(v, n, 0));
    RETURNS(0, lfvec_set_u64(v, n - 1, n - 1));
    RETURNS(0, lfvec_trim(v));
    if (refused)
        holdings_go_on_full(v, n, -ENOSPC);
    else
        unit_fill(v, n, n + 1);
    unit_expect(ro, refused ? n : n + 1);
    unit_sound(w);
    RETURNS(0, lfvec_detach(ro));
    RETURNS(0, lfvec_detach(w));
}

static uint64_t entries_with_memory(lfvec_t *v)
{
    struct lfvec_region r;
    uint64_t i = 0;
    do
        RETURNS(0, lfvec_region(v, i++, &r));
    while (r.kind != LFVEC_REGION_DIRECTORY);
    return r.count;
}

static void fill_directory(void *arg)
{
    lfvec_t *v = unit_open(arg, 0);
    for (uint64_t entries = ENTRIES; entries <= 4 * ENTRIES; entries *= 2) {
        const uint64_t n = entries * unit_stat(v).elems_per_leaf;
        unit_fill(v, lfvec_size(v), n);
        ck_assert_uint_eq(entries_with_memory(v), entries);
        ends_just_there(v, n, false);
        ck_assert_uint_eq(entries_with_memory(v), 2 * entries);
    }
    RETURNS(0, lfvec_detach(v));
}

START_TEST(test_directory_ends_there)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.leaf_bytes = 64;
    lfvec_t *v = unit_make(&a);
    unit_in_child(fill_directory, (void *)lfvec_name(v));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* And no page to be had for the next entries, although slabs have leaves. */
static void fill_directory_in_full(void *arg)
{
    lfvec_t *v = unit_open(arg, 0);
    const uint64_t n = ENTRIES * unit_stat(v).elems_per_leaf;
    RETURNS(0, lfvec_reserve(v, n));
    unit_fill(v, 0, n);
    ck_assert_uint_eq(entries_with_memory(v), ENTRIES);
    sandbox_refuse(SYS_fallocate, ENOSPC);
    ends_just_there(v, n, true);
    ck_assert_uint_eq(entries_with_memory(v), ENTRIES);
    RETURNS(0, lfvec_detach(v));
}

START_TEST(test_directory_ends_for_good)
{
    struct lfvec_attr a;
    UNIT_NEEDS(sandbox_lacks);
    unit_attr(&a, 8);
    a.leaf_bytes = 64;
    lfvec_t *v = unit_make(&a);
    unit_in_child(fill_directory_in_full, (void *)lfvec_name(v));
    unit_fill(v, lfvec_size(v), lfvec_size(v) + 1); /* whom the kernel lets, goes on */
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

Suite *edge_suite(void)
{
    Suite *s = suite_create("edge");
    TCase *tc = unit_case(s, "edge", 60);
    tcase_add_test(tc, test_edquot);
    tcase_add_test(tc, test_edquot_at_creation);
    tcase_add_test(tc, test_directory_ends_there);
    tcase_add_test(tc, test_directory_ends_for_good);
    return s;
}
