/* check_layout.c - attributes and layout: ranges, what lies where, nothing overlaps, the header says the same as the layout. */
#include "suites.h"
#include "support.h"

#include "error.h"
#include "layout.h"
#include "slot.h"

#include <errno.h>
#include <string.h>

static int attr_check(struct lfvec_attr a)
{
    return layout_attr_check(&a, "/some-segment");
}

START_TEST(test_attr_ranges)
{
    static const struct {
        uint32_t elem, slots, leaf, slab, mode, numa, flags;
        int err;
    } row[] = {
        {8, 128, 512, 262144, 0600, 0, 0, 0},           {1, 1, 64, 65536, 0, 2, 3, 0},
        {65536, 2047, 65536, 1 << 26, 07777, 1, 0, 0},  {0, 128, 512, 262144, 0600, 0, 0, -EINVAL},
        {65537, 128, 512, 262144, 0600, 0, 0, -EINVAL}, {8, 2048, 512, 262144, 0600, 0, 0, -EINVAL},
        {8, 128, 32, 262144, 0600, 0, 0, -EINVAL},      {8, 128, 500, 262144, 0600, 0, 0, -EINVAL},
        {8, 128, 131072, 262144, 0600, 0, 0, -EINVAL},  {8, 128, 512, 32768, 0600, 0, 0, -EINVAL},
        {8, 128, 512, 262145, 0600, 0, 0, -EINVAL},     {8, 128, 512, 1 << 27, 0600, 0, 0, -EINVAL},
        {8, 128, 65536, 65536, 0600, 0, 0, -EINVAL},    {65536, 128, 512, 65536, 0600, 0, 0, -EINVAL},
        {8, 128, 512, 262144, 010000, 0, 0, -EINVAL},   {8, 128, 512, 262144, 0600, 3, 0, -EINVAL},
        {8, 128, 512, 262144, 0600, 0, 4, -EINVAL},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct lfvec_attr a;
        lfvec_attr_init(&a);
        a.elem_size = row[i].elem, a.max_slots = row[i].slots, a.leaf_bytes = row[i].leaf, a.slab_bytes = row[i].slab;
        a.mode = row[i].mode, a.numa = row[i].numa, a.flags = row[i].flags;
        error_clear();
        ck_assert_msg(attr_check(a) == row[i].err, "row %zu: %s", i, error_text());
        ck_assert(!row[i].err || strstr(error_text(), "/some-segment"));
    }
}
END_TEST

START_TEST(test_attr_defaults)
{
    struct lfvec_attr a, filled;
    lfvec_attr_init(&a);
    ck_assert_uint_eq(a.struct_size, sizeof a);
    ck_assert_uint_eq(a.elem_size, 8);
    ck_assert_uint_eq(a.max_elems, UINT64_C(1) << 32);
    ck_assert_uint_eq(a.max_slots, 128);
    ck_assert_uint_eq(a.leaf_bytes, 512);
    ck_assert_uint_eq(a.slab_bytes, 262144);
    ck_assert_uint_eq(a.mode, 0600);
    filled = a;
    filled.max_elems = filled.max_bytes = 0;
    filled.max_slots = filled.leaf_bytes = filled.slab_bytes = 0;
    ck_assert_int_eq(layout_attr_check(&filled, "/x"), 0); /* zero means the default */
    ck_assert_uint_eq(filled.max_elems, a.max_elems);
    ck_assert_uint_eq(filled.max_slots, a.max_slots);
    ck_assert_uint_eq(filled.leaf_bytes, a.leaf_bytes);
    ck_assert_uint_eq(filled.slab_bytes, a.slab_bytes);
    ck_assert_uint_ne(filled.max_bytes, 0);
    a.struct_size--;
    ck_assert_int_eq(attr_check(a), -EINVAL);
}
END_TEST

START_TEST(test_attr_max_elems)
{
    struct lfvec_attr a;
    lfvec_attr_init(&a);
    a.max_elems = (UINT64_C(1) << 40) - 1;
    ck_assert_int_eq(attr_check(a), 0);
    a.max_elems++;
    ck_assert_int_eq(attr_check(a), -EINVAL);
}
END_TEST

static void check_elements(const struct layout *l, const struct lfvec_attr *a)
{
    MUST(l->elem_size == a->elem_size && l->elem_stride >= l->elem_size);
    MUST(l->elem_stride == 1 || l->elem_stride == 2 || l->elem_stride == 4 || l->elem_stride % 8 == 0);
    MUST(l->elem_stride < 2 * l->elem_size || l->elem_stride == 8);
    MUST(l->elem_mask == (UINT32_C(1) << l->elem_shift) - 1);
    const uint64_t used = (uint64_t)l->elem_stride << l->elem_shift;
    MUST(used <= a->leaf_bytes || l->elem_shift == 0);
    MUST(used * 2 > a->leaf_bytes); /* as many as fit */
    MUST(l->leaf_stride >= used && l->leaf_stride < used + 64 && l->leaf_stride % 64 == 0);
}

static void check_slab(const struct layout *l)
{
    MUST(l->slab_leaves >= 1 && l->slab_leaves <= SHM_LEAVES_MAX);
    MUST(l->slab_words == (l->slab_leaves + 63) / 64 && l->slab_words * 8 <= l->meta_off);
    MUST(l->meta_off + l->slab_leaves * sizeof(struct shm_leaf) <= l->data_off && l->data_off % 64 == 0);
    MUST(l->data_off + (uint64_t)l->slab_leaves * l->leaf_stride <= l->slab_bytes);
}

static void check_regions(const struct layout *l, const struct lfvec_attr *a)
{
    MUST(l->slots_off >= SHM_PAGE + sizeof(struct shm_control));
    MUST(l->slabtab_off >= l->slots_off + (l->max_slots + 1) * l->slot_bytes && l->slabtab_off % SHM_PAGE == 0);
    MUST(l->dir_off >= l->slabtab_off + l->slabs_max * 8 && l->dir_off % SHM_PAGE == 0);
    MUST(l->slabs_off >= l->dir_off + l->dir_max * sizeof(struct shm_entry) && l->slabs_off % SHM_PAGE == 0);
    MUST(!(a->flags & LFVEC_HUGEPAGES) || l->slabs_off % (2 << 20) == 0);
    MUST(l->slabs_max >= 1 && l->max_bytes == l->slabs_off + l->slabs_max * l->slab_bytes && l->max_bytes <= a->max_bytes);
}

static void check_round_trip(const struct layout *l, const struct lfvec_attr *a)
{
    struct shm_header h;
    struct layout back;
    memset(&h, 0, sizeof h);
    memset(&back, 0, sizeof back);
    layout_to_header(l, &h);
    h.flags = a->flags;
    const char *field = layout_from_header(&back, &h);
    MUST_MSG(!field, "%s", field);
    MUST(memcmp(&back, l, sizeof back) == 0);
}

/* Each slot's life mark has its eight bytes to itself, at the end of a page. */
static void check_marks(const struct layout *l)
{
    const struct segment s = {.l = *l};
    for (uint32_t i = 0; i < 5; i++) {
        const uint64_t mark = slot_mark_off(&s, i), slot = l->slots_off + (uint64_t)i * l->slot_bytes;
        const uint64_t room = l->elem_stride > SHM_LEASE_ROOM ? l->elem_stride : 0;
        MUST(mark % SHM_PAGE >= SHM_PAGE - SHM_LIFE_MARKS && mark % sizeof(uint64_t) == 0);
        MUST(mark >= slot + sizeof(struct shm_slot) + room && mark < slot + l->slot_bytes + SHM_PAGE);
        MUST(l->slot_bytes >= sizeof(struct shm_slot) + room + SHM_LIFE_MARKS);
        MUST(slot_mark_off(&s, i + 1) != mark && slot_mark_off(&s, i + 1) < l->slabtab_off);
    }
}

static void check_layout(uint32_t elem_size, uint32_t leaf_bytes, uint32_t slab_bytes, uint64_t max_bytes, uint32_t flags)
{
    struct lfvec_attr a;
    struct layout l;
    lfvec_attr_init(&a);
    a.elem_size = elem_size, a.leaf_bytes = leaf_bytes, a.slab_bytes = slab_bytes, a.max_bytes = max_bytes, a.flags = flags;
    if (attr_check(a) != 0)
        return; /* slabs too small for such leaves or elements */
    memset(&l, 0, sizeof l);
    const int err = layout_compute(&l, &a, false, UINT64_MAX);
    MUST(err == 0 || (err == -EOVERFLOW && max_bytes < UINT64_C(1) << 30));
    if (err)
        return;
    check_elements(&l, &a);
    check_slab(&l);
    check_regions(&l, &a);
    check_round_trip(&l, &a);
    check_marks(&l);
    if (layout_compute(&l, &a, true, UINT64_MAX) == 0) {
        MUST(l.slot_bytes % SHM_PAGE == 0 && l.slot_bytes - sizeof(struct shm_slot) < l.elem_stride + UINT64_C(2) * SHM_PAGE);
        check_regions(&l, &a);
        check_round_trip(&l, &a);
        check_marks(&l);
    }
}

START_TEST(test_layouts)
{
    static const uint32_t elem[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 24, 63, 64, 65, 100, 512, 1000, 4096, 32767, 32768, 65535, 65536};
    static const uint64_t bytes[] = {1 << 18, 1 << 20, 1 << 22, UINT64_C(1) << 30, UINT64_C(1) << 40};
    for (size_t e = 0; e < sizeof elem / sizeof *elem; e++)
        for (uint32_t leaf = 64; leaf <= 65536; leaf *= 4)
            for (uint32_t slab = 65536; slab <= 1 << 26; slab *= 4)
                for (size_t b = 0; b < sizeof bytes / sizeof *bytes; b++)
                    for (uint32_t flags = 0; flags <= LFVEC_HUGEPAGES; flags++)
                        check_layout(elem[e], leaf, slab, bytes[b], flags);
}
END_TEST

/* Bytes of a slab that leaves fill: their elements, what is known of each, and a bit. */
static uint64_t filled(const struct layout *l)
{
    return (uint64_t)l->slab_leaves * (l->leaf_stride + sizeof(struct shm_leaf)) + l->slab_leaves / 8;
}

/*
 * All of a slab is committed, so little of it may be of no use. A page holds what is rounded up; where slabs are of huge pages, that is one of
 * them at most, and a tenth of the slab. Asking for the next power of two, as one who copies lfvec_stat() would, is asking for the same.
 */
static void well_used(uint32_t elem_size, uint32_t leaf_bytes, uint32_t slab_bytes, uint32_t flags)
{
    struct lfvec_attr a;
    struct layout l, again;
    lfvec_attr_init(&a);
    a.elem_size = elem_size, a.leaf_bytes = leaf_bytes, a.slab_bytes = slab_bytes, a.flags = flags, a.max_bytes = UINT64_C(1) << 40;
    const bool refused = slab_bytes < 2 * leaf_bytes || slab_bytes < 2 * elem_size;
    MUST(layout_attr_check(&a, "/x") == (refused ? -EINVAL : 0));
    if (refused)
        return;
    memset(&l, 0, sizeof l), memset(&again, 0, sizeof again);
    MUST(layout_compute(&l, &a, false, UINT64_MAX) == 0);
    const uint64_t page = flags & LFVEC_HUGEPAGES ? 2 << 20 : 4096, wasted = l.slab_bytes - filled(&l);
    MUST(l.slab_bytes <= a.slab_bytes && l.slab_bytes % page == 0);
    MUST_MSG(wasted < 4096 + 256 || wasted * 10 < l.slab_bytes, "elem %u leaf %u slab %u flags %u: %llu of %llu bytes are of no use",
             elem_size, leaf_bytes, slab_bytes, flags, (unsigned long long)wasted, (unsigned long long)l.slab_bytes);
    MUST(wasted * 8 < l.slab_bytes);
    for (a.slab_bytes = 65536; a.slab_bytes < l.slab_bytes;)
        a.slab_bytes *= 2;
    MUST(layout_compute(&again, &a, false, UINT64_MAX) == 0 && again.slab_bytes == l.slab_bytes && again.slab_leaves == l.slab_leaves);
}

START_TEST(test_slabs_are_well_used)
{
    static const uint32_t elem[] = {1, 3, 8, 24, 63, 100, 1000, 4096, 11000, 20000, 32704, 32768, 40000, 65536};
    for (size_t e = 0; e < sizeof elem / sizeof *elem; e++)
        for (uint32_t leaf = 64; leaf <= 65536; leaf *= 2)
            for (uint32_t slab = 65536; slab <= 1 << 26; slab *= 2)
                for (uint32_t flags = 0; flags <= LFVEC_HUGEPAGES; flags++)
                    well_used(elem[e], leaf, slab, flags);
}
END_TEST

START_TEST(test_every_element_has_a_leaf)
{
    struct lfvec_attr a;
    struct layout l;
    lfvec_attr_init(&a);
    a.max_bytes = UINT64_C(1) << 46;
    for (a.max_elems = 1; a.max_elems < UINT64_C(1) << 34; a.max_elems = a.max_elems * 3 + 1) {
        ck_assert_int_eq(layout_compute(&l, &a, false, UINT64_MAX), 0);
        ck_assert_uint_ge(l.dir_max << l.elem_shift, a.max_elems);
        ck_assert_uint_ge(l.slabs_max * l.slab_leaves, l.dir_max);
    }
}
END_TEST

START_TEST(test_too_small)
{
    struct lfvec_attr a;
    struct layout l;
    lfvec_attr_init(&a);
    ck_assert_int_eq(layout_compute(&l, &a, false, 0), -EOVERFLOW);
    ck_assert_int_eq(layout_compute(&l, &a, false, 4096), -EOVERFLOW);
    for (a.max_bytes = 1; a.max_bytes < 5 << 17; a.max_bytes += 4096)
        if (layout_compute(&l, &a, false, UINT64_MAX) == 0)
            break;
    ck_assert_uint_lt(a.max_bytes, 5 << 17); /* 640 KiB are enough for 128 slots and one default slab */
    ck_assert_uint_le(l.max_bytes, a.max_bytes);
}
END_TEST

Suite *layout_suite(void)
{
    Suite *s = suite_create("layout");
    TCase *tc = unit_case(s, "layout", 30);
    tcase_add_test(tc, test_attr_ranges);
    tcase_add_test(tc, test_attr_defaults);
    tcase_add_test(tc, test_attr_max_elems);
    tcase_add_test(tc, test_layouts);
    tcase_add_test(tc, test_slabs_are_well_used);
    tcase_add_test(tc, test_every_element_has_a_leaf);
    tcase_add_test(tc, test_too_small);
    return s;
}
