/*
 * check_parties.c - what takes two: memory that one has reserved and another fills, or that two have emptied and a third may use; attempts lost to
 * another, and writes completed for it, as the reports count them; a descriptor that another has forged.
 */
#include "suites.h"
#include "support.h"

#include "attempt.h"
#include "join.h"
#include "leaf.h"

#include <stdlib.h>

enum { ELEM = 4096 };

static lfvec_t *v;

static lfvec_t *make(uint32_t elem_size, uint64_t max_bytes)
{
    struct lfvec_attr a;
    unit_attr(&a, elem_size);
    a.max_slots = 8;
    a.max_bytes = max_bytes ? max_bytes : a.max_bytes;
    return unit_make(&a);
}

static int push(lfvec_t *to, uint64_t x)
{
    uint64_t elem[ELEM / 8] = {x};
    return lfvec_push(to, elem, NULL);
}

static void expect(lfvec_t *from, uint64_t n)
{
    uint64_t elem[ELEM / 8];
    ck_assert_uint_eq(lfvec_size(from), n);
    for (uint64_t i = 0; i < n; i++)
        MUST(lfvec_get(from, i, elem) == 0 && elem[0] == i);
    unit_sound(from);
}

/* ---- reserved by one, filled by another -------------------------------------------------------------------------------------------------- */

enum { SLABS = 600, PAGE_OF_TABLE = 512 };

struct filler {
    lfvec_t *w;
    uint64_t n;
};

/* Has come before there was more than one page of the slab table, and asks for nothing from then on. */
static void come(void *arg)
{
    const struct filler *f = arg;
    MUST(push(f->w, 0) == 0);
}

static void fill(void *arg)
{
    const struct filler *f = arg;
    for (uint64_t i = 1; i < f->n; i++)
        MUST(push(f->w, i) == 0);
}

/* All of it serves the other, also what lies beyond the first page of the slab table. */
START_TEST(test_filled_by_another)
{
    v = make(ELEM, 0);
    struct filler f = {.w = unit_open(lfvec_name(v), 0)};
    struct unit_team *t = unit_team_new(1);
    unit_team_do(t, 0, come, &f);
    f.n = SLABS * unit_stat(v).leaves_total; /* of one slab so far */
    RETURNS(0, lfvec_reserve(v, f.n));
    const struct lfvec_stat before = unit_stat(v);
    ck_assert_uint_gt(before.slabs_owned + before.slabs_unowned, PAGE_OF_TABLE);
    unit_team_do(t, 0, fill, &f);
    const struct lfvec_stat then = unit_stat(v);
    ck_assert_msg(then.grows == before.grows && then.bytes_committed == before.bytes_committed,
                  "what was reserved was there, and the segment has grown %d times, by %lld bytes", (int)(then.grows - before.grows),
                  (long long)(then.bytes_committed - before.bytes_committed));
    expect(f.w, f.n);
    expect(v, f.n);
    unit_team_end(t);
    RETURNS(0, lfvec_detach(f.w));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- emptied by two, for a third ---------------------------------------------------------------------------------------------------------- */

enum { SOME = 150 };

static void push_some(void *unused)
{
    (void)unused;
    for (uint64_t i = 0; i < SOME; i++)
        MUST(push(v, lfvec_size(v)) == 0);
}

static void push_rest(void *unused)
{
    (void)unused;
    while (push(v, lfvec_size(v)) == 0)
        ;
}

static void pop_all(void *unused)
{
    uint64_t elem[ELEM / 8];
    (void)unused;
    while (lfvec_pop(v, elem) == 0)
        ;
}

/*
 * There is no more memory than the two have, each with a slab that it works in. What a third is told that it can have, it can have, and no more:
 * who plans by it would otherwise refuse work that there is room for.
 */
START_TEST(test_capacity_of_two)
{
    v = make(ELEM, 2 << 20);
    struct unit_team *t = unit_team_new(2);
    unit_team_do(t, 0, push_some, NULL);
    unit_team_do(t, 1, push_rest, NULL);
    const uint64_t full = lfvec_size(v);
    ck_assert_uint_gt(full, 2 * SOME);
    ck_assert_uint_eq(lfvec_capacity(v), full);
    unit_team_do(t, (uint32_t)_i, pop_all, NULL);
    const struct lfvec_stat empty = unit_stat(v);
    const uint64_t slab = empty.leaves_total / (empty.slabs_owned + empty.slabs_unowned);
    ck_assert_uint_ge(empty.capacity, full - 2 * slab);
    RETURNS(0, lfvec_reserve(v, empty.capacity));
    push_rest(NULL);
    const struct lfvec_stat then = unit_stat(v);
    ck_assert_msg(then.size == empty.capacity, "a capacity of %llu elements, and %llu were pushed", (unsigned long long)empty.capacity,
                  (unsigned long long)then.size);
    ck_assert_uint_eq(then.grows, empty.grows);
    expect(v, then.size);
    unit_team_end(t);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- lost to another, done for another ----------------------------------------------------------------------------------------------------- */

enum { LOSSES = 5, HELPS = 3 };

static struct unit_team *team;

static void set_first(void *unused)
{
    (void)unused;
    RETURNS(0, lfvec_set_u64(v, 0, 0));
}

/* Another's descriptor is in effect, for another leaf: it is completed before it is replaced. */
static void set_others(void *unused)
{
    for (uint32_t i = 0; i < HELPS; i++) {
        unit_team_do(team, 0, set_first, unused);
        RETURNS(0, lfvec_set_u64(v, 1000, 1000));
    }
    RETURNS(0, lfvec_set_u64(v, 1500, 1500)); /* what was its own is no help */
}

/* Between the load of the head and the compare-and-swap, another wins. */
static int lose_some(struct participant *p, struct head h, void *arg)
{
    uint32_t *losses = arg;
    struct head next;
    if ((*losses)++ < LOSSES)
        unit_team_do(team, 0, set_first, NULL);
    return attempt_keep(p, h, head_size(h), &next);
}

static void lose(void *unused)
{
    struct participant *p;
    uint32_t losses = 0;
    (void)unused;
    MUST(join_get(v, &p) == 0);
    MUST(join_over(attempt_until(p, LFVEC_OP_POP, lose_some, &losses)) == 0);
    MUST(losses == LOSSES + 1);
}

static void expect_counts(uint32_t slot, uint64_t retries, uint64_t helps)
{
    struct lfvec_participant p;
    RETURNS(0, lfvec_participant(v, slot, &p));
    ck_assert_msg(p.cas_retries == retries && p.helps == helps, "slot %u: %llu attempts lost of %llu, %llu helps of %llu", slot,
                  (unsigned long long)p.cas_retries, (unsigned long long)retries, (unsigned long long)p.helps, (unsigned long long)helps);
}

START_TEST(test_retries_and_helps)
{
    v = make(8, 0);
    team = unit_team_new(1);
    struct unit_team *second = unit_team_new(1);
    unit_fill(v, 0, 2000);
    unit_team_do(team, 0, set_first, NULL); /* slot 2 */
    const struct lfvec_stat before = unit_stat(v);
    unit_team_do(second, 0, lose, NULL); /* slot 3 */
    expect_counts(3, LOSSES, 0);
    struct lfvec_stat then = unit_stat(v);
    ck_assert_uint_eq(then.cas_retries - before.cas_retries, LOSSES);
    ck_assert_uint_eq(then.helps, before.helps); /* who moves the head and publishes nothing has nothing to complete */
    unit_team_do(second, 0, set_others, NULL);
    expect_counts(3, LOSSES, HELPS);
    struct lfvec_participant first;
    RETURNS(0, lfvec_participant(v, 2, &first));
    then = unit_stat(v);
    ck_assert_uint_eq(then.cas_retries - before.cas_retries, LOSSES);
    ck_assert_uint_eq(then.helps - before.helps, HELPS + HELPS - 1); /* the first helped the other but for its first time */
    unit_expect(v, 2000);
    unit_sound(v);
    unit_team_end(second);
    unit_team_end(team);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- forged by another ---------------------------------------------------------------------------------------------------------------------- */

static const uint64_t counts[] = {SHM_DESC_LEAVES + 1, 2 * SHM_DESC_LEAVES, 1000, UINT64_C(1) << 20, UINT64_C(1) << 63, UINT64_MAX};
enum { COUNTS = sizeof counts / sizeof *counts, MANY = 10000 };

static void read_in_vain(lfvec_t *from, uint64_t *all)
{
    struct lfvec_audit audit;
    uint64_t x;
    RETURNS(-EBADMSG, lfvec_snapshot(from, 0, all, 10, NULL)); /* what the descriptor covers */
    RETURNS(-EBADMSG, lfvec_snapshot(from, 0, all, MANY, NULL));
    RETURNS(-EBADMSG, lfvec_snapshot(from, MANY - 10, all, 10, NULL));
    RETURNS(-EBADMSG, lfvec_get_n(from, 0, all, MANY));
    RETURNS(-EBADMSG, lfvec_get_u64(from, (uint64_t)SHM_DESC_LEAVES << from->seg.l.elem_shift,
                                    &x)); /* the first that it cannot cover, and claims to */
    RETURNS(-EBADMSG, lfvec_check(from, &audit));
    MUST_MSG(audit.fault && audit.message[0], "%u: %s", audit.fault, audit.message);
    RETURNS(0, lfvec_snapshot(from, 0, all, 0, NULL)); /* of nothing, nothing can be wrong */
}

/* The descriptor in effect claims more entries than there can be: a clean refusal from all that read by it, and nothing beyond it is touched. */
START_TEST(test_forged_count)
{
    uint64_t x, *all = malloc(MANY * sizeof *all);
    v = make(8, 0);
    unit_fill(v, 0, MANY);
    RETURNS(0, lfvec_set_u64(v, 0, 0)); /* the descriptor is of entry 0 */
    const uint32_t id = head_desc(head_load(v->seg.control));
    shm_u64 *count = &slot_at(&v->seg, id >> 1)->desc[id & 1].count;
    const uint64_t was = atomic_exchange(count, counts[_i]);
    ck_assert_uint_eq(was, 1);
    lfvec_t *ro = unit_open(lfvec_name(v), LFVEC_RDONLY);
    read_in_vain(v, all);
    read_in_vain(ro, all);
    RETURNS(-EBADMSG, lfvec_set_u64(v, 0, 1));
    RETURNS(-EBADMSG, lfvec_set_u64(v, MANY - 1, 1));
    atomic_store(count, was);
    RETURNS(0, lfvec_get_u64(ro, 0, &x));
    RETURNS(0, lfvec_snapshot(ro, 0, all, MANY, NULL));
    unit_expect(v, MANY);
    unit_sound(v);
    free(all);
    RETURNS(0, lfvec_detach(ro));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

Suite *parties_suite(void)
{
    Suite *s = suite_create("parties");
    TCase *tc = unit_case(s, "parties", 60);
    tcase_add_test(tc, test_filled_by_another);
    tcase_add_loop_test(tc, test_capacity_of_two, 0, 2);
    tcase_add_test(tc, test_retries_and_helps);
    tcase_add_loop_test(tc, test_forged_count, 0, COUNTS);
    return s;
}
