/*
 * check_leaf.c - elements in leaves: copied whole at every stride; and the bargain between a writer's marks and a reader's validation, each
 * rule by itself: what was overwritten or has a new role is not taken for what it was (R2), and what stayed put is not refused.
 */
#include "suites.h"
#include "support.h"

#include "leaf.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 64 };

static struct segment s; /* only its layout is looked at */
static struct shm_leaf meta;
static _Alignas(64) unsigned char data[SLOTS * 8];
static struct leaf leaf = {.meta = &meta, .data = data};

static struct head at(uint64_t version)
{
    return (struct head){version, 0};
}

/* Its role began at version 10, with `used` slots. */
static void set_up(void)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    ck_assert_int_eq(layout_compute(&s.l, &a, false, UINT64_MAX), 0);
    memset(data, 0, sizeof data);
    leaf_prepare(&s, &leaf, at(9), NULL, 0, 20);
}

START_TEST(test_role)
{
    ck_assert_uint_eq(meta.seq, 10);
    ck_assert_uint_eq(meta.used, 20);
    ck_assert(!leaf_valid(&leaf, 0, 1, at(9))); /* an older head meant its former role */
    ck_assert(leaf_valid(&leaf, 0, 1, at(10)));
    ck_assert(leaf_valid(&leaf, SLOTS - 1, 1, at(UINT64_MAX)));
    leaf_mark(&leaf, 3, 1, at(15));
    leaf_prepare(&s, &leaf, at(30), NULL, 0, 0); /* freed, and taken again */
    ck_assert(!leaf_valid(&leaf, 5, 1, at(30)));
    ck_assert(leaf_valid(&leaf, 3, 1, at(31))); /* with fresh marks */
}
END_TEST

START_TEST(test_first_use_marks_nothing)
{
    leaf_mark(&leaf, 20, 1, at(12));
    leaf_mark(&leaf, 21, 5, at(13));
    ck_assert_uint_eq(meta.used, 26);
    ck_assert_uint_eq(meta.dirty, 0);
    for (uint32_t i = 0; i < SLOTS; i++)
        ck_assert(leaf_valid(&leaf, i, 1, at(10)));
}
END_TEST

START_TEST(test_overwritten)
{
    leaf_mark(&leaf, 15, 1, at(40));
    ck_assert_uint_eq(meta.used, 20);
    for (uint64_t version = 10; version < 50; version++)
        for (uint32_t i = 0; i < SLOTS; i++)
            MUST(leaf_valid(&leaf, i, 1, at(version)) == (i < 15 || version >= 40)); /* lower slots stayed put */
    ck_assert(leaf_valid(&leaf, 0, 15, at(39)));
    ck_assert(!leaf_valid(&leaf, 0, 16, at(39))); /* a run is as good as its last slot */
    ck_assert(leaf_valid(&leaf, 0, 16, at(40)));
}
END_TEST

START_TEST(test_overwritten_again)
{
    leaf_mark(&leaf, 15, 1, at(40));
    leaf_mark(&leaf, 18, 1, at(45)); /* further up: the lower mark stands */
    ck_assert(leaf_valid(&leaf, 14, 1, at(10)));
    ck_assert(!leaf_valid(&leaf, 15, 1, at(44)));
    leaf_mark(&leaf, 2, 1, at(50));
    ck_assert(leaf_valid(&leaf, 1, 1, at(10)));
    ck_assert(!leaf_valid(&leaf, 2, 1, at(49)));
    ck_assert(leaf_valid(&leaf, 2, 1, at(50)));
    ck_assert_uint_eq(meta.used, 20);
    leaf_mark(&leaf, 19, 10, at(60)); /* the first of them was used before */
    ck_assert_uint_eq(meta.used, 29);
    ck_assert_uint_eq(meta.dirty, 60);
}
END_TEST

START_TEST(test_copied)
{
    static _Alignas(64) unsigned char other[SLOTS * 8];
    struct shm_leaf other_meta;
    const struct leaf to = {.meta = &other_meta, .data = other};
    for (uint64_t i = 0; i < SLOTS; i++)
        leaf_store(&s, &leaf, (uint32_t)i, &(uint64_t){i * 1000});
    memset(other, 0xff, sizeof other);
    leaf_prepare(&s, &to, at(20), &leaf, 30, 31);
    for (uint64_t i = 0, x; i < SLOTS; i++) {
        leaf_load(&s, &to, (uint32_t)i, &x);
        MUST(x == (i < 30 ? i * 1000 : UINT64_MAX));
    }
    ck_assert_uint_eq(other_meta.used, 31);
}
END_TEST

/* ---- elements of every size ---------------------------------------------------------------------------------------------------------- */

static void store_and_load(const struct layout *l, unsigned char *slots, uint32_t n, struct unit_rng *r)
{
    unsigned char *want = malloc((size_t)n * l->elem_size), *got = malloc((size_t)n * l->elem_size);
    unit_bytes(r, want, (size_t)n * l->elem_size);
    for (uint32_t i = n; i--;) /* from the top: a store that reaches too far spoils its neighbour */
        element_store(l, element_at(l, slots, i), want + (size_t)i * l->elem_size);
    for (uint32_t i = 0; i < n; i++)
        element_load(l, element_at(l, slots, i), got + (size_t)i * l->elem_size);
    MUST(memcmp(got, want, (size_t)n * l->elem_size) == 0);
    memset(got, 0, (size_t)n * l->elem_size);
    element_load_run(l, got, slots, n);
    MUST(memcmp(got, want, (size_t)n * l->elem_size) == 0);
    unit_bytes(r, want, (size_t)n * l->elem_size);
    element_store_run(l, slots, want, n);
    for (uint32_t i = 0; i < n; i++)
        element_load(l, element_at(l, slots, i), got + (size_t)(n - 1 - i) * l->elem_size);
    element_load_run_down(l, want, element_at(l, slots, n - 1), n);
    MUST(memcmp(got, want, (size_t)n * l->elem_size) == 0);
    free(want);
    free(got);
}

START_TEST(test_element_sizes)
{
    struct unit_rng r = unit_random("leaf: elements", 8);
    for (uint32_t size = 1; size <= 130; size++) {
        struct lfvec_attr a;
        struct layout l;
        unit_attr(&a, size);
        ck_assert_int_eq(layout_compute(&l, &a, false, UINT64_MAX), 0);
        unsigned char *slots = aligned_alloc(64, l.leaf_stride + 64);
        memset(slots + l.leaf_stride, 0x5a, 64);
        for (uint32_t n = 1; n <= l.elem_mask + 1; n++)
            store_and_load(&l, slots, n, &r);
        for (int i = 0; i < 64; i++)
            MUST(slots[l.leaf_stride + (uint32_t)i] == 0x5a);
        free(slots);
    }
}
END_TEST

Suite *leaf_suite(void)
{
    Suite *suite = suite_create("leaf");
    TCase *tc = unit_case(suite, "leaf", 30);
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, test_role);
    tcase_add_test(tc, test_first_use_marks_nothing);
    tcase_add_test(tc, test_overwritten);
    tcase_add_test(tc, test_overwritten_again);
    tcase_add_test(tc, test_copied);
    tcase_add_test(tc, test_element_sizes);
    return suite;
}
