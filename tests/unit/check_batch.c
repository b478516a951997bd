/*
 * check_batch.c - many elements in one step: batches are there entirely or not at all, long calls are split, full memory cuts them short;
 * snapshots are of one version.
 */
#include "suites.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_most)
{
    static const struct {
        uint32_t elem_size, leaf_bytes;
        uint64_t most;
    } row[] = {{8, 512, LFVEC_BATCH_MAX}, {8, 64, 21 * 8 + 1}, {100, 512, 21 * 4 + 1}, {1000, 512, 22}, {1, 65536, LFVEC_BATCH_MAX}};
    for (int i = 0; i < 5; i++) {
        struct lfvec_attr a;
        unit_attr(&a, row[i].elem_size);
        a.leaf_bytes = row[i].leaf_bytes;
        a.slab_bytes = 262144;
        lfvec_t *v = unit_make(&a);
        ck_assert_uint_eq(lfvec_batch_most(v), row[i].most);
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
    ck_assert_uint_eq(lfvec_batch_most(NULL), 0);
}
END_TEST

/* One version each, wherever in a leaf it begins. */
START_TEST(test_one_step_each)
{
    for (uint32_t leaf = 64; leaf <= 4096; leaf *= 8) {
        struct lfvec_attr a;
        unit_attr(&a, 8);
        a.leaf_bytes = leaf;
        lfvec_t *v = unit_make(&a);
        const uint64_t most = lfvec_batch_most(v);
        uint64_t *x = calloc(most, sizeof *x), first, n = 0;
        for (uint64_t i = 0; i < 2 * leaf / 8 + 2; i++) {
            for (uint64_t k = 0; k < most; k++)
                x[k] = n + k;
            MUST(lfvec_push_n(v, x, most, &first) == (int64_t)most && first == n);
            MUST(lfvec_last_version() == 3 * i + 1);
            MUST(lfvec_pop_n(v, x, most) == (int64_t)most && x[0] == n + most - 1 && x[most - 1] == n);
            MUST(lfvec_last_version() == 3 * i + 2);
            MUST(lfvec_push_u64(v, n++) == 0); /* one further on in the leaf */
        }
        unit_expect(v, n);
        unit_sound(v);
        free(x);
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
}
END_TEST

/* One part a step; as many steps as there is room to tell of, and no more than are said to be needed. */
START_TEST(test_parts)
{
    struct lfvec_attr a;
    struct lfvec_part part[10];
    unit_attr(&a, 8);
    a.leaf_bytes = 64;
    lfvec_t *v = unit_make(&a);
    const uint64_t most = lfvec_batch_most(v);
    uint64_t *x = calloc(8 * most, sizeof *x), size = 0;
    for (uint64_t room = 1; room <= 9; room++)
        for (uint64_t n = 1; n <= 8 * most; n += most / 2) {
            const uint64_t steps = (n + most - 1) / most < room ? (n + most - 1) / most : room, version = unit_stat(v).version;
            const uint64_t pushed = n < steps * most ? n : steps * most;
            memset(part, 0xff, sizeof part);
            for (uint64_t i = 0; i < n; i++)
                x[i] = size + i;
            MUST(lfvec_push_n_parts(v, x, n, part, room) == (int64_t)pushed);
            MUST(unit_stat(v).version == version + steps && lfvec_last_version() == version + steps);
            for (uint64_t k = 0; k < steps; k++) {
                MUST(part[k].first == size && part[k].count == (k + 1 < steps ? most : pushed - k * most));
                size += part[k].count;
            }
            MUST(part[steps].first == UINT64_MAX && part[steps].count == UINT64_MAX);
        }
    unit_expect(v, size);
    free(x);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_parts_at_the_limit)
{
    struct lfvec_attr a;
    struct lfvec_part part[5] = {{7, 7}, {7, 7}, {7, 7}, {7, 7}, {7, 7}};
    static uint64_t x[5000];
    unit_attr(&a, 8);
    a.max_elems = 2500;
    lfvec_t *v = unit_make(&a);
    ck_assert_int_eq(lfvec_push_n_parts(v, x, 5000, part, 5), 2500); /* of the last batch, what fits */
    ck_assert(part[0].first == 0 && part[0].count == 1024 && part[1].first == 1024 && part[1].count == 1024);
    ck_assert(part[2].first == 2048 && part[2].count == 452 && part[3].first == 7 && part[3].count == 7);
    ck_assert_int_eq(lfvec_push_n_parts(v, x, 5000, part, 5), -EOVERFLOW);
    ck_assert_uint_eq(part[0].count, 1024);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_nothing_is_nothing)
{
    uint64_t x = 5, first = 77;
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 3);
    ck_assert_int_eq(lfvec_push_n(v, NULL, 0, &first), 0);
    ck_assert_uint_eq(first, 77);
    ck_assert_int_eq(lfvec_pop_n(v, NULL, 0), 0);
    ck_assert_int_eq(lfvec_get_n(v, 0, NULL, 0), 0);
    ck_assert_int_eq(lfvec_snapshot(v, 3, NULL, 0, NULL), 0);
    ck_assert_uint_eq(unit_stat(v).version, 3);
    ck_assert_int_eq(lfvec_clear(v), 0);
    ck_assert_int_eq(lfvec_pop_n(v, &x, 1), -EAGAIN);
    ck_assert_int_eq(lfvec_get_n(v, 0, &x, 1), -ERANGE);
    ck_assert_int_eq(lfvec_snapshot(v, 0, &x, 1, NULL), -ERANGE);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_ranges)
{
    uint64_t x[300], version;
    lfvec_t *v = unit_make(NULL);
    static const uint64_t far[] = {200, 201, UINT64_C(1) << 40, UINT64_MAX};
    unit_fill(v, 0, 200);
    ck_assert_int_eq(lfvec_get_n(v, 150, x, 300), 50); /* as many as there are */
    ck_assert(x[0] == 150 && x[49] == 199);
    ck_assert_int_eq(lfvec_snapshot(v, 150, x, 50, &version), 0);
    ck_assert_uint_eq(version, 200);
    ck_assert_int_eq(lfvec_snapshot(v, 150, x, 51, &version), -ERANGE); /* all or nothing */
    ck_assert_int_eq(lfvec_snapshot(v, UINT64_MAX, x, 2, &version), -ERANGE);
    ck_assert_int_eq(lfvec_snapshot(v, 2, x, SIZE_MAX, &version), -ERANGE);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(lfvec_get_n(v, far[i], x, 1), -ERANGE);
    ck_assert_int_eq(lfvec_pop_n(v, x, 300), 200);
    ck_assert(x[0] == 199 && x[199] == 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* More leaves than a snapshot looks up at a time, the last ones by the descriptor in effect. */
START_TEST(test_long_snapshots)
{
    enum { MANY = 100000 };
    lfvec_t *v = unit_make(NULL);
    uint64_t *x = calloc(MANY, sizeof *x), version;
    unit_fill(v, 0, MANY - 2000);
    for (uint64_t i = MANY - 2000; i < MANY; i++)
        x[i] = i;
    ck_assert_int_eq(lfvec_push_n(v, x + MANY - 2000, 2000, NULL), 2000);
    static const uint64_t first[] = {0, 1, 511, 512, 40000, MANY - 1000, MANY - 1};
    for (int i = 0; i < 7; i++) {
        memset(x, 0, MANY * sizeof *x);
        ck_assert_int_eq(lfvec_snapshot(v, first[i], x, MANY - first[i], &version), 0);
        for (uint64_t k = first[i]; k < MANY; k++)
            MUST(x[k - first[i]] == k);
    }
    free(x);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Pushes batches until one falls short; returns how many elements there are then. */
static uint64_t fill_in_batches(lfvec_t *v, uint64_t batch, int64_t full)
{
    uint64_t *x = calloc(batch, sizeof *x), n = lfvec_size(v);
    int64_t got;
    do {
        for (uint64_t k = 0; k < batch; k++)
            x[k] = n + k;
        got = lfvec_push_n(v, x, batch, NULL);
        n += got > 0 ? (uint64_t)got : 0;
        MUST(lfvec_size(v) == n);
    } while (got == (int64_t)batch);
    MUST(got >= 0 || got == full);
    while (got >= 0) /* it may have given up a little early; in the end it says why */
        if ((got = lfvec_push_n(v, &n, 1, NULL)) == 1)
            n++;
    MUST(got == full);
    free(x);
    return n;
}

START_TEST(test_full)
{
    static const uint64_t batch[] = {1, 7, 100, 5000};
    for (int i = 0; i < 4; i++)
        for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
            struct lfvec_attr a;
            unit_attr(&a, 8);
            if (by_bytes)
                a.max_bytes = 1 << 20;
            else
                a.max_elems = 12345;
            lfvec_t *v = unit_make(&a);
            const uint64_t n = fill_in_batches(v, batch[i], -EOVERFLOW);
            ck_assert(by_bytes ? n > 50000 : n == 12345);
            unit_expect(v, n);
            unit_sound(v);
            uint64_t x[200];
            ck_assert_int_eq(lfvec_pop_n(v, x, 200), 200);
            ck_assert_uint_eq(fill_in_batches(v, batch[i], -EOVERFLOW), n);
            unit_expect(v, n);
            unit_sound(v);
            ck_assert_int_eq(lfvec_detach(v), 0);
        }
}
END_TEST

/* ---- all or nothing, beside others --------------------------------------------------------------------------------------------------- */

enum { GROUP = 100, ROUNDS = 3000, GROUPS_MOST = 20 };

struct group_run {
    lfvec_t *v;
    struct unit_rng rng;
    _Atomic uint32_t *writers;
    uint64_t seen;
};

static bool one_group(const uint64_t *x)
{
    for (int i = 1; i < GROUP; i++)
        if (x[i] != x[0])
            return false;
    return true;
}

static void *write_groups(void *arg)
{
    struct group_run *w = arg;
    uint64_t x[GROUP];
    for (int i = 0; i < ROUNDS; i++)
        if (lfvec_size(w->v) < (GROUPS_MOST - 2) * GROUP && unit_below(&w->rng, 2)) {
            const uint64_t value = unit_next(&w->rng);
            for (int k = 0; k < GROUP; k++)
                x[k] = value;
            MUST(lfvec_push_n(w->v, x, GROUP, NULL) == GROUP);
        } else {
            const int64_t got = lfvec_pop_n(w->v, x, GROUP);
            MUST(got == -EAGAIN || (got == GROUP && one_group(x)));
        }
    atomic_fetch_sub(w->writers, 1);
    return NULL;
}

static void *read_groups(void *arg)
{
    struct group_run *r = arg;
    uint64_t x[GROUPS_MOST * GROUP];
    while (atomic_load(r->writers)) {
        const uint64_t n = lfvec_size(r->v);
        MUST(n % GROUP == 0);
        const int err = lfvec_snapshot(r->v, 0, x, n, NULL);
        MUST(err == 0 || err == -ERANGE || err == -EAGAIN);
        for (uint64_t i = 0; !err && i < n; i += GROUP)
            MUST(one_group(x + i));
        r->seen += !err;
    }
    return NULL;
}

START_TEST(test_all_or_nothing)
{
    struct group_run run[4];
    pthread_t thread[4];
    _Atomic uint32_t writers = 2;
    const struct unit_rng rng = unit_random("batch: all or nothing", 6);
    lfvec_t *v = unit_make(NULL);
    for (uint32_t i = 0; i < 4; i++) {
        run[i] = (struct group_run){.v = v, .rng = {rng.state + i}, .writers = &writers};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, i < 2 ? write_groups : read_groups, &run[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    ck_assert_uint_eq(lfvec_size(v) % GROUP, 0);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *batch_suite(void)
{
    Suite *s = suite_create("batch");
    TCase *tc = unit_case(s, "batch", 60);
    tcase_add_test(tc, test_most);
    tcase_add_test(tc, test_one_step_each);
    tcase_add_test(tc, test_parts);
    tcase_add_test(tc, test_parts_at_the_limit);
    tcase_add_test(tc, test_nothing_is_nothing);
    tcase_add_test(tc, test_ranges);
    tcase_add_test(tc, test_long_snapshots);
    tcase_add_test(tc, test_full);
    tcase_add_test(tc, test_all_or_nothing);
    return s;
}
