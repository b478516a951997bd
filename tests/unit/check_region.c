/* check_region.c - lfvec_region() and lfvec_region_pages(): the parts of a segment, without gaps, and the pages of what has memory. */
#include "suites.h"
#include "support.h"

#include <errno.h>
#include <string.h>

struct tally {
    uint64_t regions, end, committed, leaves_used, of_kind[LFVEC_REGION_SLAB + 1], owned;
};

/* Everything is where it belongs: one region after the other, kinds in their order. */
static struct tally walk(lfvec_t *v)
{
    struct lfvec_region r;
    struct lfvec_pages p;
    struct tally t = {0};
    uint32_t kind = LFVEC_REGION_HEADER;
    int err;
    for (; (err = lfvec_region(v, t.regions, &r)) == 0; t.regions++) {
        MUST(r.kind >= kind && r.kind <= LFVEC_REGION_SLAB);
        MUST(r.offset == t.end && r.committed <= r.bytes && r.bytes && r.offset % 4096 == 0);
        MUST(r.kind == LFVEC_REGION_SLAB || (!r.owner && !r.leaves));
        MUST(r.leaves_used <= r.leaves && r.node >= -1);
        MUST(r.kind != LFVEC_REGION_SLAB || (r.first == t.of_kind[LFVEC_REGION_SLAB] && r.count == 1)); /* which slab it is */
        MUST(lfvec_region_pages(v, t.regions, &p) == 0);
        MUST(p.pages * 4096 == r.committed);
        uint64_t told = p.unknown;
        for (int n = 0; n < LFVEC_NODES; n++)
            told += p.on[n];
        MUST(told == p.pages && p.misplaced <= p.pages);
        kind = r.kind;
        t.end = r.offset + r.bytes;
        t.committed += r.committed;
        t.leaves_used += r.leaves_used;
        t.of_kind[kind]++;
        t.owned += r.owner == 1;
    }
    MUST(err == -ERANGE && lfvec_region_pages(v, t.regions, &p) == -ERANGE);
    return t;
}

START_TEST(test_regions)
{
    struct lfvec_attr a;
    struct lfvec_stat st;
    unit_attr(&a, 8);
    a.slab_bytes = 65536;
    lfvec_t *v = unit_make(&a);
    struct tally t = walk(v);
    ck_assert(t.of_kind[LFVEC_REGION_HEADER] == 1 && t.of_kind[LFVEC_REGION_SLAB] == 1);
    unit_fill(v, 0, 100000);
    t = walk(v);
    st = unit_stat(v);
    ck_assert(t.of_kind[LFVEC_REGION_SLOTS] == 1 || t.of_kind[LFVEC_REGION_SLOTS] == a.max_slots);
    ck_assert(t.of_kind[LFVEC_REGION_SLABTAB] == 1 && t.of_kind[LFVEC_REGION_DIRECTORY] == 1);
    ck_assert_uint_eq(t.of_kind[LFVEC_REGION_SLAB], st.slabs_owned + st.slabs_unowned);
    ck_assert_uint_eq(t.owned, st.slabs_owned);
    ck_assert_uint_eq(t.leaves_used, st.leaves_used);
    ck_assert_uint_eq(t.committed, st.bytes_committed);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Looking changes nothing, and is allowed to those who may only read. */
START_TEST(test_read_only)
{
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 5000);
    const uint64_t committed = unit_stat(v).bytes_committed;
    lfvec_t *r = unit_open(lfvec_name(v), LFVEC_RDONLY);
    const struct tally a = walk(v), b = walk(r);
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert_uint_eq(unit_stat(v).bytes_committed, committed);
    ck_assert_int_eq(lfvec_detach(r), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_bad_arguments)
{
    struct lfvec_region r;
    struct lfvec_pages p;
    lfvec_t *v = unit_make(NULL);
    ck_assert_int_eq(lfvec_region(NULL, 0, &r), -EINVAL);
    ck_assert_int_eq(lfvec_region(v, 0, NULL), -EINVAL);
    ck_assert_int_eq(lfvec_region_pages(NULL, 0, &p), -EINVAL);
    ck_assert_int_eq(lfvec_region_pages(v, 0, NULL), -EINVAL);
    ck_assert_int_eq(lfvec_region(v, UINT64_MAX, &r), -ERANGE);
    ck_assert_int_eq(lfvec_region_pages(v, UINT64_MAX, &p), -ERANGE);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *region_suite(void)
{
    Suite *suite = suite_create("region");
    TCase *tc = unit_case(suite, "regions", 60);
    tcase_add_test(tc, test_regions);
    tcase_add_test(tc, test_read_only);
    tcase_add_test(tc, test_bad_arguments);
    return suite;
}
