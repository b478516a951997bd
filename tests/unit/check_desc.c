/*
 * check_desc.c - descriptors. A reader takes one only if it is whole and not newer than its head; complete_write carries it into the
 * directory, where stamps never go down and a late helper does nothing; R4 puts a win on record.
 */
#include "suites.h"
#include "support.h"

#include "desc.h"

#include <string.h>

static struct segment s;
static struct shm_desc *buffer; /* slot 1, buffer 0: descriptor 2 */

enum { DESC = 2 };

static void set_up(void)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = 8;
    ck_assert_int_eq(segment_open(&s, unit_name(), LFVEC_CREATE, &a), 0);
    ck_assert_int_eq(segment_extend(&s, &s.dir, 64), 0);
    buffer = &slot_at(&s, 1)->desc[0];
}

static void tear_down(void)
{
    segment_close(&s);
}

static struct head head_at(uint64_t version, uint32_t desc, uint32_t last)
{
    return head_next((struct head){version - 1, 0}, 100, desc, last);
}

static void write_one(uint64_t since, uint64_t d, uint64_t ref)
{
    const struct desc_plan plan = {.first = d, .count = 1, .entry = {{ref, 0}}};
    desc_write(buffer, since, &plan);
}

static void expect_entry(uint64_t d, uint64_t ref, uint64_t stamp)
{
    MUST_MSG(directory_entry(&s, d)->leaf_ref == ref && directory_entry(&s, d)->stamp == stamp, "entry %llu is {%llu, %llu}",
             (unsigned long long)d, (unsigned long long)directory_entry(&s, d)->leaf_ref,
             (unsigned long long)directory_entry(&s, d)->stamp);
}

START_TEST(test_written_as_planned)
{
    struct desc_plan plan = {.first = 7, .count = SHM_DESC_LEAVES};
    struct desc_view v;
    for (uint32_t i = 0; i < plan.count; i++)
        plan.entry[i].leaf_ref = 100 + i, plan.entry[i].old_ref = 200 + i;
    desc_write(buffer, 5, &plan);
    ck_assert_uint_eq(buffer->seq, 2); /* 0 -> 1 while being written -> 2 */
    ck_assert_int_eq(desc_view(&s, head_at(5, DESC, 1), &v), 0);
    ck_assert(desc_unchanged(&v, head_at(5, DESC, 1)));
    ck_assert_uint_eq(v.since, 5);
    for (uint64_t d = 0; d < 100; d++)
        MUST(desc_covers(&v, d) == (d >= 7 && d < 7 + SHM_DESC_LEAVES));
    for (uint32_t i = 0; i < plan.count; i++)
        MUST(buffer->entry[i].leaf_ref == 100 + i && buffer->entry[i].old_ref == 200 + i);
    write_one(6, 1, 1);
    ck_assert_uint_eq(buffer->seq, 4);
}
END_TEST

START_TEST(test_no_descriptor)
{
    struct desc_view v;
    uint64_t ref = 1;
    ck_assert_int_eq(desc_view(&s, head_at(3, 0, 0), &v), 0);
    ck_assert(desc_unchanged(&v, head_at(3, 0, 0)));
    ck_assert(!desc_covers(&v, 0));
    ck_assert_int_eq(desc_resolve(&s, head_at(3, 0, 0), 4, &v, &ref), 0);
    ck_assert_uint_eq(ref, 0);
    ck_assert_int_eq(desc_complete_write(&s, head_at(3, 0, 0), &v), 0);
}
END_TEST

START_TEST(test_reader_validation)
{
    struct desc_view v;
    uint64_t ref = 0;
    write_one(5, 3, 77);
    ck_assert_int_eq(desc_resolve(&s, head_at(5, DESC, 1), 3, &v, &ref), 0);
    ck_assert_uint_eq(ref, 77);
    ck_assert_int_eq(desc_resolve(&s, head_at(9, DESC, 1), 3, &v, &ref), 0);           /* pops kept it in effect */
    ck_assert_int_eq(desc_resolve(&s, head_at(4, DESC, 1), 3, &v, &ref), DESC_RELOAD); /* newer than the reader's head */
    buffer->seq++;
    ck_assert_int_eq(desc_resolve(&s, head_at(5, DESC, 1), 3, &v, &ref), DESC_RELOAD); /* being written */
    buffer->seq++;
    ck_assert_int_eq(desc_view(&s, head_at(5, DESC, 1), &v), 0);
    write_one(5, 3, 78);
    ck_assert(!desc_unchanged(&v, head_at(5, DESC, 1))); /* rewritten, the same since */
}
END_TEST

START_TEST(test_resolve_prefers_descriptor)
{
    struct desc_view v;
    uint64_t ref = 0;
    ck_assert_int_eq(directory_install(&s, 3, 40, 2), 0);
    ck_assert_int_eq(directory_install(&s, 4, 41, 2), 0);
    write_one(5, 3, 77);
    ck_assert_int_eq(desc_resolve(&s, head_at(5, DESC, 1), 3, &v, &ref), 0);
    ck_assert_uint_eq(ref, 77);
    ck_assert_int_eq(desc_resolve(&s, head_at(5, DESC, 1), 4, &v, &ref), 0);
    ck_assert_uint_eq(ref, 41);
    ck_assert_int_eq(desc_resolve(&s, head_at(5, 0, 1), 3, &v, &ref), 0);
    ck_assert_uint_eq(ref, 40);
}
END_TEST

START_TEST(test_damage)
{
    struct desc_view v;
    uint64_t ref;
    ck_assert_int_eq(desc_view(&s, head_at(5, 1, 1), &v), -EBADMSG);  /* slot 0 */
    ck_assert_int_eq(desc_view(&s, head_at(5, 18, 1), &v), -EBADMSG); /* slot 9 of 8 */
    ck_assert_int_eq(desc_view(&s, head_at(5, 4095, 1), &v), -EBADMSG);
    write_one(5, 3, 77);
    buffer->count = SHM_DESC_LEAVES + 1;
    ck_assert_int_eq(desc_resolve(&s, head_at(5, DESC, 1), 3, &v, &ref), -EBADMSG);
    ck_assert_int_eq(desc_complete_write(&s, head_at(5, DESC, 1), &v), -EBADMSG);
    buffer->count = UINT64_MAX;
    ck_assert_int_eq(desc_view(&s, head_at(5, DESC, 1), &v), 0);
    ck_assert_int_eq(desc_complete_write(&s, head_at(5, DESC, 1), &v), -EBADMSG);
    buffer->count = 2;
    const uint64_t first[] = {s.l.dir_max - 1, s.l.dir_max, UINT64_MAX - 1, UINT64_MAX, UINT64_C(1) << 60};
    for (int i = 0; i < 5; i++) {
        buffer->dir_first = first[i];
        ck_assert_int_eq(desc_view(&s, head_at(5, DESC, 1), &v), 0);
        ck_assert_int_eq(desc_complete_write(&s, head_at(5, DESC, 1), &v), -EBADMSG);
    }
    buffer->dir_first = atomic_load(s.dir.shared); /* not committed */
    ck_assert_int_eq(desc_view(&s, head_at(5, DESC, 1), &v), 0);
    ck_assert_int_eq(desc_complete_write(&s, head_at(5, DESC, 1), &v), -EBADMSG);
}
END_TEST

START_TEST(test_complete_write)
{
    struct desc_plan plan = {.first = 2, .count = 3, .entry = {{10, 0}, {11, 0}, {12, 0}}};
    struct desc_view v;
    desc_write(buffer, 5, &plan);
    ck_assert_int_eq(desc_view(&s, head_at(6, DESC, 1), &v), 0);
    for (int times = 0; times < 3; times++) { /* anybody, any number of times */
        ck_assert_int_eq(desc_complete_write(&s, head_at(6, DESC, 1), &v), 0);
        for (uint64_t d = 0; d < 8; d++)
            expect_entry(d, d >= 2 && d < 5 ? 8 + d : 0, d >= 2 && d < 5 ? 5 : 0);
    }
}
END_TEST

START_TEST(test_stamps_never_go_down)
{
    static const struct {
        uint64_t since, ref, then_ref, then_stamp;
    } step[] = {{5, 50, 50, 5}, {4, 40, 50, 5}, {5, 51, 50, 5}, {6, 60, 60, 6}, {1, 10, 60, 6}, {9, 0, 0, 9}, {8, 80, 0, 9}};
    for (int i = 0; i < 7; i++) {
        ck_assert_int_eq(directory_install(&s, 3, step[i].ref, step[i].since), 0);
        expect_entry(3, step[i].then_ref, step[i].then_stamp);
    }
    ck_assert_int_eq(directory_install(&s, atomic_load(s.dir.shared), 1, 1), -EBADMSG); /* no memory there */
}
END_TEST

/*
 * The classic defect: a helper is stalled with an old descriptor in hand, pops and pushes go on, the place holds what it held then. The
 * helper must change nothing, whether its buffer was written anew or not.
 */
START_TEST(test_late_helper)
{
    struct desc_view late;
    write_one(5, 3, 77);
    ck_assert_int_eq(desc_view(&s, head_at(5, DESC, 1), &late), 0);
    ck_assert_int_eq(directory_install(&s, 3, 77, 5), 0);
    ck_assert_int_eq(directory_install(&s, 3, 88, 9), 0);
    ck_assert_int_eq(desc_complete_write(&s, head_at(5, DESC, 1), &late), 0); /* the buffer is as it was: the stamp forbids */
    expect_entry(3, 88, 9);
    ck_assert_int_eq(directory_install(&s, 3, 0, 10), 0); /* as before the first push */
    ck_assert_int_eq(desc_complete_write(&s, head_at(5, DESC, 1), &late), 0);
    expect_entry(3, 0, 10);
    write_one(20, 4, 99); /* the buffer serves another version: the sequence forbids */
    ck_assert_int_eq(desc_complete_write(&s, head_at(5, DESC, 1), &late), DESC_RELOAD);
    expect_entry(3, 0, 10);
    expect_entry(4, 0, 0);
}
END_TEST

START_TEST(test_record_last)
{
    shm_u64 *committed = &slot_at(&s, 2)->committed;
    ck_assert_int_eq(desc_record_last(&s, head_at(5, 0, 2), 1), 0);
    ck_assert_uint_eq(*committed, 5);
    ck_assert_int_eq(desc_record_last(&s, head_at(3, 0, 2), 1), 0);
    ck_assert_uint_eq(*committed, 5); /* never lowered */
    ck_assert_int_eq(desc_record_last(&s, head_at(8, 0, 2), 2), 0);
    ck_assert_uint_eq(*committed, 5); /* one's own win is one's own to record */
    ck_assert_int_eq(desc_record_last(&s, head_at(8, 0, 0), 1), 0);
    ck_assert_int_eq(desc_record_last(&s, head_at(8, 0, 9), 1), -EBADMSG);
    for (uint32_t i = 0; i <= 8; i++)
        ck_assert_uint_eq(slot_at(&s, i)->committed, i == 2 ? 5 : 0);
}
END_TEST

START_TEST(test_retry_is_bounded)
{
    struct retry r = {0};
    int err = 0;
    uint32_t n = 0;
    for (; !err; n++)
        err = retry_reload(&r, head_at(7, 0, 0));
    ck_assert_int_eq(err, -EBADMSG);
    ck_assert_uint_eq(n, RETRY_MOST + 1);
    for (uint64_t v = 8; v < 8 + 3 * RETRY_MOST; v++)
        MUST(retry_reload(&r, head_at(v, 0, 0)) == 0); /* a moved head is no reason to give up */
}
END_TEST

/* R3: a participant never stores into the descriptor that the head names, not in an attempt that loses either. */
START_TEST(test_in_effect_is_not_rewritten)
{
    lfvec_t *v = unit_open(s.name, 0);
    uint64_t x;
    for (uint64_t i = 0; i < 500; i++) {
        const struct head before = head_load(s.control);
        const uint32_t id = head_desc(before);
        const uint64_t seq = id ? atomic_load(&slot_at(&s, id >> 1)->desc[id & 1].seq) : 0;
        MUST(lfvec_push_u64(v, i) == 0);
        MUST(i % 7 || lfvec_set_u64(v, i, i) == 0);
        MUST(i % 11 || (lfvec_pop_u64(v, &x) == 0 && lfvec_push_u64(v, x) == 0));
        const bool twice = i % 7 == 0; /* published twice: the first buffer may serve again */
        MUST(!id || twice || atomic_load(&slot_at(&s, id >> 1)->desc[id & 1].seq) == seq);
    }
    unit_expect(v, 500);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *desc_suite(void)
{
    Suite *suite = suite_create("desc");
    TCase *tc = unit_case(suite, "desc", 30);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_written_as_planned);
    tcase_add_test(tc, test_no_descriptor);
    tcase_add_test(tc, test_reader_validation);
    tcase_add_test(tc, test_resolve_prefers_descriptor);
    tcase_add_test(tc, test_damage);
    tcase_add_test(tc, test_complete_write);
    tcase_add_test(tc, test_stamps_never_go_down);
    tcase_add_test(tc, test_late_helper);
    tcase_add_test(tc, test_record_last);
    tcase_add_test(tc, test_retry_is_bounded);
    tcase_add_test(tc, test_in_effect_is_not_rewritten);
    return suite;
}
