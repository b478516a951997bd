/* check_slab.c - slabs and leaves: found, taken, freed, located; slabs claimed, released, inherited. Nothing is ever handed out twice. */
#include "suites.h"
#include "support.h"

#include "slab.h"

#include <stdlib.h>
#include <string.h>

enum { ME = 1, OTHER = 2, SLOTS = 3 };

static struct segment s;

static void open_segment(uint64_t max_bytes)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_bytes = max_bytes;
    a.max_slots = SLOTS;
    ck_assert_int_eq(segment_open(&s, unit_name(), LFVEC_CREATE, &a), 0);
}

static void set_up(void)
{
    open_segment(64 << 20);
}

static void tear_down(void)
{
    segment_close(&s);
}

static bool is_owned(uint64_t ref, uint32_t slot)
{
    const uint64_t word = slab_word(&s, leaf_ref_slab(ref));
    return slab_word_state(word) == SHM_SLAB_OWNED && slab_word_owner(word) == slot;
}

static uint64_t take_one(struct slab_set *set, uint32_t me)
{
    uint64_t ref = 0;
    const int err = slab_find(&s, set, me, &ref);
    MUST_MSG(err == 0, "slab_find: %s", strerror(-err));
    MUST(!slab_taken(&s, ref) && is_owned(ref, me) && slab_works_in(&s, me, leaf_ref_slab(ref)) && !slab_is_reserve(&s, ref));
    slab_take(&s, ref);
    MUST(slab_taken(&s, ref));
    return ref;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

START_TEST(test_leaves_are_distinct)
{
    struct slab_set mine = {0}, others = {0};
    const uint32_t n = 3 * s.l.slab_leaves - SLOTS; /* the first slab has those that are in reserve */
    uint64_t *ref = malloc(2 * n * sizeof *ref);
    for (uint32_t i = 0; i < n; i++) {
        ref[2 * i] = take_one(&mine, ME);
        ref[2 * i + 1] = take_one(&others, OTHER);
    }
    ck_assert_uint_eq(mine.count, 3); /* no slab is claimed while there is room */
    ck_assert_uint_eq(others.count, 3);
    qsort(ref, 2 * n, sizeof *ref, compare);
    for (uint32_t i = 1; i < 2 * n; i++)
        MUST(ref[i] != ref[i - 1]);
    free(ref);
    slab_set_drop(&mine);
    slab_set_drop(&others);
}
END_TEST

START_TEST(test_leaves_do_not_overlap)
{
    struct slab_set set = {0};
    struct leaf a, b = {0};
    const uint64_t first = take_one(&set, ME);
    ck_assert_int_eq(slab_locate(&s, first, &a), 0);
    for (uint32_t i = 1; i < slab_leaves(&s, 0); i++) {
        const uint64_t ref = take_one(&set, ME);
        MUST(slab_locate(&s, ref, &b) == 0);
        MUST(b.data == a.data + (size_t)i * s.l.leaf_stride && b.meta == a.meta + i);
        MUST((uintptr_t)b.data % 64 == 0);
    }
    const unsigned char *slab = slab_base(&s, leaf_ref_slab(first));
    ck_assert((unsigned char *)a.meta >= slab + s.l.slab_words * 8);
    ck_assert((unsigned char *)(b.meta + 1) <= a.data);
    ck_assert(b.data + s.l.leaf_stride <= slab + s.l.slab_bytes);
    slab_set_drop(&set);
}
END_TEST

START_TEST(test_freed_leaf_comes_back)
{
    struct slab_set set = {0};
    uint64_t *ref = malloc(s.l.slab_leaves * sizeof *ref);
    for (uint32_t i = 0; i < slab_leaves(&s, 0); i++)
        ref[i] = take_one(&set, ME);
    const uint64_t slab = leaf_ref_slab(ref[0]);
    ck_assert_uint_eq(slab_count_free(&s, slab), 0);
    const uint64_t middle = ref[slab_leaves(&s, 0) / 2];
    slab_free(&s, middle);
    slab_free(&s, middle); /* clearing a clear bit changes nothing */
    ck_assert_uint_eq(slab_count_free(&s, slab), 1);
    ck_assert_uint_eq(take_one(&set, ME), middle);
    ck_assert_uint_eq(set.count, 1);
    free(ref);
    slab_set_drop(&set);
}
END_TEST

/* Others take their turn first, but no other slab is claimed for that. */
START_TEST(test_freed_leaf_rests)
{
    struct slab_set set = {0};
    const uint64_t first = take_one(&set, ME);
    slab_free(&s, first);
    for (uint32_t i = 1; i < LEAF_TURNS && i < s.l.slab_leaves; i++) {
        const uint64_t next = take_one(&set, ME);
        MUST(next != first);
        slab_free(&s, next);
    }
    ck_assert_uint_eq(take_one(&set, ME), first);
    ck_assert_uint_eq(set.count, 1);
    slab_set_drop(&set);
}
END_TEST

START_TEST(test_bad_references)
{
    struct slab_set set = {0};
    struct leaf leaf;
    const uint64_t ref = take_one(&set, ME);
    const uint64_t bad[] = {0,
                            1,
                            0xffff,
                            leaf_ref_make(0, s.l.slab_leaves),
                            leaf_ref_make(0, 0xffff),
                            leaf_ref_make(1, 0), /* never claimed */
                            leaf_ref_make(s.l.slabs_max - 1, 0),
                            leaf_ref_make(s.l.slabs_max, 0),
                            leaf_ref_make(UINT64_C(1) << 47, 0),
                            UINT64_MAX};
    ck_assert_uint_eq(leaf_ref_slab(ref), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(slab_locate(&s, bad[i], &leaf) == -EBADMSG, "0x%llx", (unsigned long long)bad[i]);
    slab_set_drop(&set);
}
END_TEST

START_TEST(test_release_and_claim)
{
    struct slab_set mine = {0}, others = {0};
    const uint64_t kept = take_one(&mine, ME);
    uint64_t full = 0;
    for (uint32_t i = 0; i < slab_leaves(&s, 0); i++)
        full = take_one(&mine, ME);
    ck_assert_uint_eq(mine.count, 2);
    slab_free(&s, full); /* the only one of the second slab */
    const uint64_t grows = atomic_load(&s.control->grows);
    ck_assert_uint_eq(slab_release_empty(&s, ME), 1);
    ck_assert_uint_eq(slab_word_state(slab_word(&s, leaf_ref_slab(full))), SHM_SLAB_UNOWNED);
    ck_assert(is_owned(kept, ME)); /* one leaf in use keeps its slab */
    ck_assert(!is_owned(full, ME));
    ck_assert_uint_eq(leaf_ref_slab(take_one(&others, OTHER)), leaf_ref_slab(full));
    ck_assert_uint_eq(atomic_load(&s.control->grows), grows); /* no memory was needed */
    ck_assert_uint_eq(slab_release_empty(&s, ME), 0);
    ck_assert_uint_eq(slab_release_empty(&s, 3), 0);
    slab_set_drop(&mine);
    slab_set_drop(&others);
}
END_TEST

START_TEST(test_inherited_set)
{
    struct slab_set mine = {0}, others = {0}, heir = {0};
    for (uint32_t i = 0; i <= 2 * s.l.slab_leaves; i++)
        (void)take_one(&mine, ME);
    (void)take_one(&others, OTHER);
    ck_assert_int_eq(slab_set_load(&s, &heir, ME), 0);
    ck_assert_uint_eq(heir.count, 3);
    for (uint32_t i = 0; i < heir.count; i++)
        ck_assert_uint_eq(slab_word_owner(slab_word(&s, heir.slab[i])), ME);
    (void)take_one(&heir, ME); /* the third has room */
    ck_assert_uint_eq(heir.count, 3);
    slab_set_drop(&mine);
    slab_set_drop(&others);
    slab_set_drop(&heir);
}
END_TEST

/* Its maker died between the two steps of a claim. */
START_TEST(test_half_made_claim)
{
    struct slab_set first = {0}, heir = {0};
    (void)take_one(&first, ME);
    shm_u64 *word = (shm_u64 *)(s.base + s.l.slabtab_off) + 1;
    const uint64_t mine = slab_word(&s, 0);
    atomic_store(word, (mine & (UINT64_MAX >> 8)) | (uint64_t)SHM_SLAB_CLAIMED << 56);
    atomic_store(&s.control->slabs_high, 2);
    ck_assert_int_eq(slab_set_load(&s, &heir, ME), 0);
    ck_assert_uint_eq(heir.count, 2);
    ck_assert_uint_eq(slab_word_state(slab_word(&s, 1)), SHM_SLAB_OWNED);
    ck_assert_uint_eq(slab_word_owner(slab_word(&s, 1)), ME);
    ck_assert_uint_eq(slab_count_free(&s, 1), s.l.slab_leaves);
    slab_set_drop(&first);
    slab_set_drop(&heir);
}
END_TEST

START_TEST(test_reserved_slab_is_nobodys)
{
    struct slab_set set = {0};
    ck_assert_int_eq(slab_reserve(&s, ME, 1), 0);
    ck_assert_uint_eq(slab_word_state(slab_word(&s, 0)), SHM_SLAB_UNOWNED);
    const uint64_t grows = atomic_load(&s.control->grows);
    (void)take_one(&set, OTHER);
    ck_assert_uint_eq(atomic_load(&s.control->grows), grows);
    ck_assert_uint_eq(slab_word_owner(slab_word(&s, 0)), OTHER);
    slab_set_drop(&set);
}
END_TEST

START_TEST(test_used_up)
{
    struct slab_set set = {0};
    uint64_t ref = 0, last = 0;
    uint64_t n = 0;
    int err;
    segment_close(&s);
    open_segment(1 << 20);
    for (; (err = slab_find(&s, &set, ME, &ref)) == 0; n++)
        slab_take(&s, last = ref);
    ck_assert_int_eq(err, -EOVERFLOW);
    ck_assert_uint_eq(n, s.l.slabs_max * s.l.slab_leaves - SLOTS); /* every leaf of every slab but those in reserve */
    ck_assert_int_eq(slab_find(&s, &set, ME, &ref), -EOVERFLOW);
    slab_free(&s, leaf_ref_make(0, 3)); /* far from where it last looked */
    ck_assert_uint_eq(take_one(&set, ME), leaf_ref_make(0, 3));
    slab_free(&s, last);
    ck_assert_uint_eq(take_one(&set, ME), last);
    slab_set_drop(&set);
}
END_TEST

static uint64_t hint(const shm_u64 *word)
{
    return *word & UINT32_MAX;
}

/* A claim begins where there is something to find, at any number of slabs; what became free below is found all the same. */
START_TEST(test_hints)
{
    struct slab_set mine = {0}, others = {0};
    uint64_t ref = 0;
    for (uint64_t n = 0; n < 40 * (uint64_t)s.l.slab_leaves; n++)
        ref = take_one(&mine, ME);
    const uint64_t slabs = leaf_ref_slab(ref) + 1;
    ck_assert_uint_ge(slabs, 40);
    ck_assert_uint_eq(hint(&s.control->slabs_free), slabs);
    ck_assert_uint_ge(hint(&s.control->slabs_unowned), 1);
    for (uint32_t i = 0; i < s.l.slab_leaves; i++)
        slab_free(&s, leaf_ref_make(7, i));
    ck_assert_uint_eq(slab_release_empty(&s, ME), 1);
    ck_assert_uint_eq(hint(&s.control->slabs_unowned), 7);
    ck_assert_uint_eq(leaf_ref_slab(take_one(&others, OTHER)), 7);
    ck_assert_uint_ge(hint(&s.control->slabs_unowned), 8);
    /* one that its maker did not live to tell of */
    for (uint32_t i = 0; i < s.l.slab_leaves; i++)
        slab_free(&s, leaf_ref_make(9, i));
    ck_assert_uint_eq(slab_release_empty(&s, ME), 1);
    s.control->slabs_unowned += 20;
    slab_set_drop(&others);
    ck_assert_uint_ne(leaf_ref_slab(take_one(&others, OTHER)), 9);
    slab_rewind_hints(&s);
    slab_set_drop(&others);
    ck_assert_uint_eq(leaf_ref_slab(take_one(&others, OTHER)), 9);
    s.control->slabs_free = UINT64_MAX; /* damage: nothing is found, and nothing is done */
    s.control->slabs_unowned = UINT64_MAX;
    slab_set_drop(&others);
    ck_assert_int_eq(slab_find(&s, &others, OTHER, &ref), -EOVERFLOW);
    slab_rewind_hints(&s);
    ck_assert_int_eq(slab_find(&s, &others, OTHER, &ref), 0);
    slab_set_drop(&mine);
    slab_set_drop(&others);
}
END_TEST

/* R6, step by step: who may enter, who may take, at each stage of the other. */
START_TEST(test_taking_over)
{
    struct slab_set mine = {0}, others = {0};
    uint64_t word, late;
    const uint64_t ref = take_one(&mine, ME), slab = leaf_ref_slab(ref);
    ck_assert(!slab_offer(&s, OTHER, slab, &word)); /* its owner works there */
    ck_assert_uint_eq(slab_word_taker(slab_word(&s, slab)), 0);
    slab_leave(&s, ME);
    ck_assert(!slab_offer(&s, ME, slab, &word)); /* nobody takes his own */
    ck_assert(slab_offer(&s, OTHER, slab, &word));
    ck_assert_uint_eq(slab_word_taker(slab_word(&s, slab)), OTHER);
    ck_assert(is_owned(ref, ME));
    ck_assert(slab_enter(&s, ME, slab)); /* the owner comes back: the taker fails */
    ck_assert_uint_eq(slab_word_taker(slab_word(&s, slab)), 0);
    ck_assert(!slab_take_over(&s, OTHER, slab, word));
    ck_assert(is_owned(ref, ME));
    slab_leave(&s, ME);
    ck_assert(slab_offer(&s, OTHER, slab, &late));
    ck_assert(slab_offer(&s, 3, slab, &word)); /* a second taker */
    ck_assert(!slab_take_over(&s, OTHER, slab, late));
    ck_assert(slab_take_over(&s, 3, slab, word));
    ck_assert(is_owned(ref, 3) && slab_works_in(&s, 3, slab));
    ck_assert(!slab_enter(&s, ME, slab)); /* the owner of old */
    ck_assert(slab_taken(&s, ref));
    uint64_t next;
    ck_assert_int_eq(slab_find(&s, &mine, ME, &next), 0);
    ck_assert_uint_ne(leaf_ref_slab(next), slab); /* it is not in the set any more */
    slab_set_drop(&mine);
    slab_set_drop(&others);
}
END_TEST

/* A second attachment learns of slabs that the first one made. */
START_TEST(test_learnt)
{
    struct slab_set set = {0};
    struct segment t;
    struct leaf leaf;
    ck_assert_int_eq(segment_open(&t, s.name, 0, NULL), 0);
    const uint64_t ref = take_one(&set, ME);
    ck_assert(!slab_known(&t, leaf_ref_slab(ref)));
    ck_assert_int_eq(slab_locate(&t, ref, &leaf), 0);
    ck_assert(slab_known(&t, leaf_ref_slab(ref)));
    ck_assert(slab_taken(&t, ref));
    slab_free(&t, ref); /* whoever replaces a leaf frees it */
    ck_assert(!slab_taken(&s, ref));
    slab_set_drop(&set);
    segment_close(&t);
}
END_TEST

Suite *slab_suite(void)
{
    Suite *suite = suite_create("slab");
    TCase *tc = unit_case(suite, "slab", 30);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_leaves_are_distinct);
    tcase_add_test(tc, test_leaves_do_not_overlap);
    tcase_add_test(tc, test_freed_leaf_comes_back);
    tcase_add_test(tc, test_freed_leaf_rests);
    tcase_add_test(tc, test_bad_references);
    tcase_add_test(tc, test_release_and_claim);
    tcase_add_test(tc, test_inherited_set);
    tcase_add_test(tc, test_half_made_claim);
    tcase_add_test(tc, test_reserved_slab_is_nobodys);
    tcase_add_test(tc, test_used_up);
    tcase_add_test(tc, test_hints);
    tcase_add_test(tc, test_taking_over);
    tcase_add_test(tc, test_learnt);
    return suite;
}
