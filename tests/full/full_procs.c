/*
 * full_procs.c - several processes and a /dev/shm of 4 MiB: readers and writers that come to a full vector, sets that copy leaves until there
 * is no room for copies, many that fill it at once, some that are killed at it.
 */
#include "full.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MIB = 1 << 20, SHM_BYTES = 4 * MIB, PROCS = 4 };

static const uint32_t sizes[] = {8, 24, 3000};
enum { SIZES = sizeof sizes / sizeof *sizes };

static lfvec_t *make(uint32_t elem_size, uint32_t slots)
{
    struct lfvec_attr a;
    unit_attr(&a, elem_size);
    a.max_slots = slots;
    full_name = unit_name();
    lfvec_t *v = lfvec_open(full_name, LFVEC_CREATE | LFVEC_EXCL, &a);
    MUST_MSG(v != NULL, "%s", lfvec_last_error());
    return v;
}

static uint64_t fill(lfvec_t *v)
{
    int err;
    const uint64_t n = full_push(v, 0, UINT64_MAX / 2, 0, &err);
    MUST_MSG(err == -ENOSPC, "%d", err);
    return n;
}

/* ---- who comes to a full one ----------------------------------------------------------------------------------------------------------- */

static int64_t may_not(uint64_t unused, uint64_t unused_too)
{
    unsigned char elem[FULL_ELEM_MOST] = {0};
    (void)unused;
    (void)unused_too;
    return lfvec_push(full_mine, elem, NULL) == -EBADF && lfvec_pop(full_mine, elem) == -EBADF ? 0 : -1;
}

START_TEST(come_to_a_full_one)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    lfvec_t *v = make(sizes[_i], 8);
    int err;
    const struct full_proc reader = full_start(), writer = full_start(), heir = full_start();
    const uint64_t n = fill(v), k = n / 3;
    MUST(full_do(&reader, full_attach, LFVEC_RDONLY, 0) == 0 && full_do(&writer, full_attach, 0, 0) == 0);
    MUST(full_do(&reader, full_reads, n, 0) == 0 && full_do(&reader, may_not, 0, 0) == 0);
    MUST(full_do(&writer, full_reads, n, 0) == 0);
    MUST(full_do(&writer, full_pushes, n, n + 1) == -ENOSPC);
    MUST(full_do(&writer, full_pops, n - k, n) == 0); /* needs no memory, whoever pushed them */
    full_expect(v, n - k);
    MUST(full_push(v, n - k, n, 0, &err) == n);
    full_again(v, n);
    MUST(full_do(&writer, full_pops, n - k, n) == 0);
    MUST(lfvec_detach(v) == 0);
    MUST(full_do(&heir, full_attach, 0, 0) == 0); /* whoever takes the slot has its memory */
    const int64_t end = full_do(&heir, full_pushes, n - k, n);
    MUST_MSG(end == (int64_t)n, "%lld of %llu", (long long)end, (unsigned long long)n);
    MUST(full_do(&heir, full_reads, n, 0) == 0 && full_do(&reader, full_reads, n, 0) == 0);
    MUST(full_do(&heir, full_detach, 0, 0) == 0 && full_do(&reader, full_detach, 0, 0) == 0 && full_do(&writer, full_detach, 0, 0) == 0);
    full_end(&reader);
    full_end(&writer);
    full_end(&heir);
    v = unit_open(full_name, 0);
    full_again(v, n);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* ---- set ------------------------------------------------------------------------------------------------------------------------------- */

/* Sets every element to what it will be with salt 1, until there is no room for one more leaf; how many were set. */
static int64_t set_all(uint64_t n, uint64_t salt)
{
    unsigned char elem[FULL_ELEM_MOST];
    for (uint64_t i = 0; i < n; i++) {
        full_elem(elem, lfvec_elem_size(full_mine), i, salt);
        const int err = lfvec_set(full_mine, i, elem);
        if (err) {
            MUST_MSG(err == -ENOSPC, "set: %d", err);
            return (int64_t)i;
        }
    }
    return (int64_t)n;
}

static void expect_set(lfvec_t *v, uint64_t set, uint64_t n)
{
    unsigned char elem[FULL_ELEM_MOST];
    MUST(lfvec_size(v) == n);
    for (uint64_t i = 0; i < n; i++)
        MUST_MSG(lfvec_get(v, i, elem) == 0 && full_is(elem, lfvec_elem_size(v), i, i < set), "element %llu", (unsigned long long)i);
    unit_sound(v);
}

/* A set moves a leaf to its maker's memory, and frees another's: who sets all that another one pushed needs no more than there is. */
START_TEST(set_to_the_brim)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    lfvec_t *v = make(sizes[_i], 8);
    int err;
    const struct full_proc setter = full_start();
    const uint64_t n = full_push(v, 0, 5 * MIB / 2 / sizes[_i], 0, &err);
    MUST(!err && full_do(&setter, full_attach, 0, 0) == 0);
    const int64_t set = full_do(&setter, set_all, n, 1);
    MUST_MSG((uint64_t)set == n, "%lld of %llu set", (long long)set, (unsigned long long)n);
    expect_set(v, n, n);
    MUST(full_do(&setter, set_all, n, 1) == set);
    full_mine = v;
    MUST(set_all(n, 1) == (int64_t)n);
    expect_set(v, n, n);
    MUST(set_all(n, 0) == (int64_t)n);
    full_expect(v, n);
    MUST(full_do(&setter, full_detach, 0, 0) == 0);
    full_end(&setter);
    full_again(v, n);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* ---- several at once ------------------------------------------------------------------------------------------------------------------- */

/* Elements are numbers: process << 32 | serial. All must be there once, in each process's own order. */
static int64_t push_own(uint64_t me, uint64_t from)
{
    for (uint64_t serial = from;; serial++) {
        const int err = lfvec_push_u64(full_mine, me << 32 | serial);
        if (err) {
            MUST_MSG(err == -ENOSPC, "%d", err);
            return (int64_t)serial;
        }
    }
}

static void expect_all_of(lfvec_t *v, const int64_t *pushed)
{
    uint64_t next[PROCS] = {0}, total = 0, x;
    for (int p = 0; p < PROCS; p++)
        total += (uint64_t)pushed[p];
    MUST(lfvec_size(v) == total);
    for (uint64_t i = 0; i < total; i++) {
        MUST(lfvec_get_u64(v, i, &x) == 0 && x >> 32 < PROCS);
        MUST((x & UINT32_MAX) == next[x >> 32]++);
    }
    unit_sound(v);
}

/* The last of its own were popped by all together: everybody counts what was taken, and the rest is what was there before. */
static int64_t pop_some(uint64_t k, uint64_t unused)
{
    uint64_t x;
    (void)unused;
    for (uint64_t i = 0; i < k; i++)
        MUST(lfvec_pop_u64(full_mine, &x) == 0);
    return 0;
}

static void cut_back(lfvec_t *v, int64_t *pushed)
{
    uint64_t x;
    memset(pushed, 0, PROCS * sizeof *pushed);
    for (uint64_t i = 0, n = lfvec_size(v); i < n; i++) {
        MUST(lfvec_get_u64(v, i, &x) == 0 && x >> 32 < PROCS);
        pushed[x >> 32]++;
    }
}

START_TEST(several_at_once)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    lfvec_t *v = make(8, 8);
    struct full_proc p[PROCS];
    int64_t pushed[PROCS] = {0};
    for (int i = 0; i < PROCS; i++)
        p[i] = full_start();
    for (int i = 0; i < PROCS; i++)
        MUST(full_do(&p[i], full_attach, 0, 0) == 0);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < PROCS; i++)
            full_begin(&p[i], push_own, (uint64_t)i, (uint64_t)pushed[i]);
        for (int i = 0; i < PROCS; i++)
            pushed[i] = full_result(&p[i]);
        expect_all_of(v, pushed);
        MUST(lfvec_size(v) > 2 * MIB / 8);
        const uint64_t before = lfvec_size(v);
        for (int i = 0; i < PROCS; i++)
            full_begin(&p[i], pop_some, before / 10, 0);
        for (int i = 0; i < PROCS; i++)
            MUST(full_result(&p[i]) == 0);
        MUST(lfvec_size(v) == before - PROCS * (before / 10));
        cut_back(v, pushed);
        expect_all_of(v, pushed);
    }
    for (int i = 0; i < PROCS; i++)
        full_end(&p[i]); /* without detaching: the process's end gives the slot back */
    MUST(lfvec_clear(v) == 0 && lfvec_trim(v) == 0);
    const uint64_t n = fill(v);
    MUST_MSG(n > 3 * MIB / 8, "%llu elements after all others have left", (unsigned long long)n);
    full_expect(v, n);
    full_again(v, n);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* ---- leases ---------------------------------------------------------------------------------------------------------------------------- */

static int64_t lease_last(uint64_t n, uint64_t unused)
{
    uint64_t x = 0;
    (void)unused;
    unit_fill(full_mine, 0, n);
    return lfvec_pop_lease(full_mine, &x) == 0 && x == n - 1 ? 0 : -1;
}

static int64_t try_lease(uint64_t n, uint64_t unused)
{
    uint64_t x;
    (void)unused;
    const int err = lfvec_pop_lease(full_mine, &x); /* wants a leaf for its copy */
    MUST_MSG(lfvec_size(full_mine) == (err ? n : n - 1), "pop_lease: %d, and %llu elements", err,
             (unsigned long long)lfvec_size(full_mine));
    return err;
}

/* Every number below n is there once, in whatever order. */
static void expect_each_once(lfvec_t *v, uint64_t n)
{
    uint64_t x;
    unsigned char *seen = calloc(n, 1);
    MUST_MSG(lfvec_size(v) == n, "%llu instead of %llu", (unsigned long long)lfvec_size(v), (unsigned long long)n);
    for (uint64_t i = 0; i < n; i++)
        MUST(lfvec_get_u64(v, i, &x) == 0 && x < n && !seen[x]++);
    free(seen);
}

/* Its holder died, and there is no room for it now: it stays in the lease until there is. */
START_TEST(leased_while_it_gets_full)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    FULL_SHM_OR_SKIP(SHM_BYTES);
    struct lfvec_recovery r;
    uint64_t n = 999, x;
    int err = 0;
    lfvec_t *v = make(8, 8);
    const struct full_proc p = full_start(), q = full_start();
    MUST(full_do(&p, full_attach, 0, 0) == 0 && full_do(&p, lease_last, 1000, 0) == 0);
    for (; !err; n += !err)
        err = lfvec_push_u64(v, n + 1);
    MUST(err == -ENOSPC && lfvec_size(v) == n);
    full_kill(&p);
    err = lfvec_recover(v, &r);
    MUST_MSG(err == 0 || err == -ENOSPC, "recover: %d", err);
    MUST(lfvec_size(v) == n + r.leases_returned && r.leases_returned == (err == 0));
    if (err) {
        MUST(lfvec_pop_u64(v, &x) == 0 && lfvec_recover(v, &r) == 0);
        MUST(lfvec_size(v) == n && lfvec_push_u64(v, x) == 0);
    }
    expect_each_once(v, n + 1);
    unit_sound(v);
    MUST(full_do(&q, full_attach, 0, 0) == 0);
    const int64_t leased = full_do(&q, try_lease, n + 1, 0);
    MUST_MSG(leased == 0 || leased == -ENOSPC, "pop_lease: %lld", (long long)leased);
    MUST(full_do(&q, full_detach, 0, 0) == 0); /* gives it back */
    expect_each_once(v, n + 1);
    unit_sound(v);
    full_end(&q);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* ---- killed at it ---------------------------------------------------------------------------------------------------------------------- */

static _Atomic uint64_t *steps;

/* Pushes 0, 1, 2 ... up to the brim and then goes on there for ever: what is popped is the last number, and what is pushed the next one. */
static int64_t work_at_the_brim(uint64_t unused, uint64_t unused_too)
{
    uint64_t n = lfvec_size(full_mine), x;
    (void)unused;
    (void)unused_too;
    for (;;) {
        int err = lfvec_push_u64(full_mine, n);
        MUST_MSG(err == 0 || err == -ENOSPC, "push: %d", err);
        n += !err;
        if (err) {
            err = lfvec_set_u64(full_mine, n / 2, n / 2);
            MUST_MSG(err == 0 || err == -ENOSPC, "set: %d", err);
            for (int i = 0; i < 100; i++, n--)
                MUST(lfvec_pop_u64(full_mine, &x) == 0 && x == n - 1);
            atomic_fetch_add(steps, 1);
        }
    }
    return 0;
}

START_TEST(killed_while_it_is_full)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    FULL_SHM_OR_SKIP(SHM_BYTES);
    struct unit_rng r = unit_random("killed while it is full", 1);
    lfvec_t *v = make(8, 2);
    steps = mmap(NULL, sizeof *steps, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(steps != MAP_FAILED);
    for (int round = 0; round < 30; round++) {
        const struct full_proc p = full_start();
        const uint64_t from = atomic_load(steps), to = from + 1 + unit_below(&r, 20);
        MUST(full_do(&p, full_attach, 0, 0) == 0);
        full_begin(&p, work_at_the_brim, 0, 0);
        while (atomic_load(steps) < to)
            sched_yield();
        full_kill(&p);
        unit_expect(v, lfvec_size(v)); /* 0 .. size-1, whatever it was doing */
        unit_sound(v);
        if (round % 3 == 0) {
            struct lfvec_recovery done;
            MUST(lfvec_recover(v, &done) == 0 && done.slots_recovered == 1 && done.slots_unknown == 0);
            unit_sound(v);
        }
    }
    const uint64_t size = lfvec_size(v);
    uint64_t x;
    for (uint64_t n = size; n > size / 2; n--)
        MUST(lfvec_pop_u64(v, &x) == 0 && x == n - 1);
    unit_fill(v, size / 2, size - 1000);
    unit_expect(v, size - 1000);
    unit_sound(v);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

Suite *full_procs_suite(void)
{
    Suite *s = suite_create("procs");
    TCase *t = unit_case(s, "procs", 120);
    tcase_add_loop_test(t, come_to_a_full_one, 0, SIZES);
    tcase_add_loop_test(t, set_to_the_brim, 0, SIZES);
    tcase_add_test(t, several_at_once);
    tcase_add_test(t, leased_while_it_gets_full);
    tcase_add_test(t, killed_while_it_is_full);
    return s;
}
