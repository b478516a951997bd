/*
 * check_bounds.c - what one damaged or forged word may cost others: no call does more work, or takes more memory, than what the segment has
 * to offer. Times are of the processor, and far above what the work takes, and below what it took before it was bounded.
 */
#include "suites.h"
#include "support.h"

#include "leaf.h"
#include "participant.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- one damaged leaf ------------------------------------------------------------------------------------------------------------------ */

static struct leaf leaf_of(lfvec_t *v, uint64_t index)
{
    struct leaf leaf;
    uint64_t ref;
    struct desc_view in_effect;
    MUST(desc_resolve(&v->seg, head_load(v->seg.control), leaf_entry_of(&v->seg, index), &in_effect, &ref) == 0);
    MUST(slab_locate(&v->seg, ref, &leaf) == 0);
    return leaf;
}

/* The first leaf, which is copied last: all of the others are copied each time that it is looked at. */
START_TEST(test_snapshot_of_a_damaged_leaf)
{
    enum { MANY = 1000000 };
    static const struct {
        uint64_t above;
        bool dirty;
    } damage[] = {{1, false}, {2, false}, {UINT64_C(1) << 40, false}, {1, true}, {UINT64_C(1) << 40, true}};
    uint64_t x;
    lfvec_t *v = unit_make(NULL);
    uint64_t *all = malloc(MANY * sizeof *all);
    unit_fill(v, 0, MANY);
    const struct leaf leaf = leaf_of(v, 0);
    shm_u64 *word[] = {&leaf.meta->seq, &leaf.meta->dirty};
    const uint32_t stable = atomic_exchange(&leaf.meta->stable, 0); /* so that dirty counts */
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        const uint64_t was = atomic_exchange(word[damage[i].dirty], MANY + damage[i].above);
        const double before = cpu_seconds();
        RETURNS(-EBADMSG, lfvec_snapshot(v, 0, all, MANY, NULL));
        RETURNS(-EBADMSG, lfvec_get_n(v, 0, all, 10));
        RETURNS(-EBADMSG, lfvec_get_u64(v, 0, &x));
        ck_assert_double_lt(cpu_seconds() - before, 2);
        atomic_store(word[damage[i].dirty], was);
    }
    atomic_store(&leaf.meta->stable, stable);
    RETURNS(0, lfvec_snapshot(v, 0, all, MANY, NULL));
    free(all);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static _Atomic bool enough;

static void *come_and_go(void *arg)
{
    uint64_t x;
    while (!atomic_load(&enough))
        MUST(lfvec_push_u64(arg, 1) == 0 && lfvec_pop_u64(arg, &x) == 0);
    MUST(lfvec_leave(arg) == 0);
    return NULL;
}

/* Likewise beside one who moves the head all the time: no head explains it, so none is waited for. */
START_TEST(test_damaged_leaf_beside_a_writer)
{
    enum { MANY = 300000 };
    pthread_t writer;
    lfvec_t *v = unit_make(NULL);
    uint64_t *all = malloc(MANY * sizeof *all), x;
    unit_fill(v, 0, MANY);
    const struct leaf leaf = leaf_of(v, 0);
    ck_assert_int_eq(pthread_create(&writer, NULL, come_and_go, v), 0);
    const uint64_t was = atomic_exchange(&leaf.meta->seq, UINT64_C(1) << 60);
    const double before = cpu_seconds();
    RETURNS(-EBADMSG, lfvec_snapshot(v, 0, all, MANY, NULL));
    RETURNS(-EBADMSG, lfvec_get_u64(v, 0, &x));
    ck_assert_double_lt(cpu_seconds() - before, 0.1);
    atomic_store(&leaf.meta->seq, was);
    RETURNS(0, lfvec_snapshot(v, 0, all, MANY, NULL));
    atomic_store(&enough, true);
    ck_assert_int_eq(pthread_join(writer, NULL), 0);
    free(all);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *bounds_suite(void)
{
    Suite *s = suite_create("bounds");
    TCase *tc = unit_case(s, "leaves", 120);
    tcase_add_test(tc, test_snapshot_of_a_damaged_leaf);
    tcase_add_test(tc, test_damaged_leaf_beside_a_writer);
    suite_add_tcase(s, tc);
    return s;
}
