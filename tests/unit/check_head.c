/* check_head.c - the head as a value, its load and its compare-and-swap: packing, versions, never torn, no update lost. */
#include "suites.h"
#include "support.h"

#include "backoff.h"
#include "head.h"

#include <pthread.h>

START_TEST(test_packing)
{
    static const uint64_t size[] = {0, 1, 63, UINT32_MAX, HEAD_SIZE_MASK};
    static const uint32_t twelve[] = {0, 1, 2, 4095};
    for (unsigned int s = 0; s < 5; s++)
        for (unsigned int d = 0; d < 4; d++)
            for (unsigned int l = 0; l < 4; l++) {
                const struct head h = head_next((struct head){41, UINT64_MAX}, size[s], twelve[d], twelve[l]);
                MUST(h.version == 42 && head_size(h) == size[s]);
                MUST(head_desc(h) == twelve[d] && head_last(h) == twelve[l]);
            }
}
END_TEST

START_TEST(test_cas)
{
    struct shm_control c = {0};
    const struct head empty = head_load(&c);
    ck_assert_uint_eq(empty.version, 0);
    ck_assert_uint_eq(head_size(empty), 0);
    const struct head one = head_next(empty, 1, 2, 1);
    ck_assert(head_cas(&c, empty, one));
    ck_assert(!head_cas(&c, empty, head_next(empty, 7, 7, 7))); /* stale */
    struct head other = one;
    other.packed ^= 1; /* same version, other contents: cannot be, and must not win */
    ck_assert(!head_cas(&c, other, head_next(other, 9, 9, 9)));
    const struct head now = head_load(&c);
    ck_assert_uint_eq(now.version, 1);
    ck_assert_uint_eq(now.packed, one.packed);
}
END_TEST

/* Contents follow from the version, so a torn load shows. */
static struct head expected_after(struct head h)
{
    const uint64_t v = h.version + 1;
    return head_next(h, v * 3 & HEAD_SIZE_MASK, (uint32_t)(v * 5) & 0xfff, (uint32_t)(v * 7) & 0xfff);
}

enum { WINS = 300000, THREADS = 3 };

static struct head load_whole(struct shm_control *c)
{
    const struct head h = head_load(c);
    const struct head before = {h.version - 1, 0};
    MUST(!h.version || h.packed == expected_after(before).packed);
    return h;
}

static void *win(void *arg)
{
    for (int won = 0; won < WINS;) {
        const struct head h = load_whole(arg);
        won += head_cas(arg, h, expected_after(h));
    }
    return NULL;
}

static void *look(void *arg)
{
    while (load_whole(arg).version < (THREADS - 1) * WINS)
        ;
    return NULL;
}

START_TEST(test_concurrent)
{
    struct shm_control c = {0};
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, i ? win : look, &c), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    ck_assert_uint_eq(head_load(&c).version, (THREADS - 1) * WINS); /* no win was lost */
}
END_TEST

/* Twice as many pauses as long as the head moves as in a burst, half as many when it does not; more if the winner is far. */
START_TEST(test_backoff)
{
    struct backoff b = {0};
    ck_assert_uint_eq(backoff_pauses(&b, false), BACKOFF_FIRST);
    for (uint32_t n = BACKOFF_FIRST; n < BACKOFF_LAST; n *= 2) {
        ck_assert_uint_eq(backoff_pauses(&b, false), n);
        ck_assert_uint_eq(backoff_pauses(&b, true), n * BACKOFF_FAR);
        backoff_learn(&b, n, n / BACKOFF_BURST);
    }
    backoff_learn(&b, BACKOFF_LAST, UINT64_MAX / BACKOFF_BURST);
    ck_assert_uint_eq(backoff_pauses(&b, false), BACKOFF_LAST);
    for (uint32_t n = BACKOFF_LAST; n > BACKOFF_FIRST; n /= 2) {
        ck_assert_uint_eq(backoff_pauses(&b, false), n);
        backoff_learn(&b, n, n / BACKOFF_BURST - 1);
    }
    backoff_learn(&b, BACKOFF_FIRST, 0);
    ck_assert_uint_eq(backoff_pauses(&b, false), BACKOFF_FIRST);
}
END_TEST

Suite *head_suite(void)
{
    Suite *s = suite_create("head");
    TCase *tc = unit_case(s, "head", 30);
    tcase_add_test(tc, test_packing);
    tcase_add_test(tc, test_cas);
    tcase_add_test(tc, test_concurrent);
    tcase_add_test(tc, test_backoff);
    return s;
}
