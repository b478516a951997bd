/*
 * check_model.c - random operations of all kinds against a plain array. Several threads and two attachments take turns on one vector, one
 * at a time, so that leaves change owners and every result is known. Threads exit and are replaced on the way. Each mutation must make
 * exactly one version.
 */
#include "suites.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 3, ELEM_MOST = 65536, ROOM_MOST = 200000 };

static const struct shape {
    uint32_t leaf_bytes, slab_bytes;
} shapes[] = {{64, 65536}, {512, 262144}, {4096, 131072}, {65536, 262144}};

static const uint32_t elem_sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 16, 24, 64, 100, 512, 1000, 4096, 65536};
enum { SHAPES = sizeof shapes / sizeof *shapes, SIZES = sizeof elem_sizes / sizeof *elem_sizes };

struct model {
    lfvec_t *v[2]; /* two attachments of the same segment */
    lfvec_t *now;  /* the one in use */
    struct unit_rng rng;
    uint32_t elem_size;
    uint64_t version;
    unsigned char *elems; /* the plain array */
    uint64_t size, room;
    uint64_t leaf; /* elements of one */
    bool growing;
    int burst;            /* operations of one turn */
    uint32_t who;         /* whose turn */
    bool leased[THREADS]; /* through v[0] */
    unsigned char lease[THREADS][ELEM_MOST];
    unsigned char elem[ELEM_MOST], got[ELEM_MOST], *many; /* room for all of them */
};

static unsigned char *at(struct model *m, uint64_t i)
{
    return m->elems + i * m->elem_size;
}

static void mutated(struct model *m)
{
    m->version++;
    MUST(lfvec_last_version() == m->version);
    MUST(lfvec_size(m->now) == m->size);
}

static void do_push(struct model *m)
{
    uint64_t index = UINT64_MAX;
    if (m->size >= m->room)
        return;
    unit_bytes(&m->rng, m->elem, m->elem_size);
    MUST(lfvec_push(m->now, m->elem, unit_below(&m->rng, 2) ? &index : NULL) == 0);
    MUST(index == UINT64_MAX || index == m->size);
    memcpy(at(m, m->size++), m->elem, m->elem_size);
    mutated(m);
}

static void do_pop(struct model *m)
{
    if (!m->size) {
        MUST(lfvec_pop(m->now, m->got) == -EAGAIN);
        return;
    }
    MUST(lfvec_pop(m->now, m->got) == 0);
    MUST(memcmp(m->got, at(m, --m->size), m->elem_size) == 0);
    mutated(m);
}

/* An index that is most often below the size, and often near the end. */
static uint64_t some_index(struct model *m)
{
    const uint64_t n = m->size, near = unit_below(&m->rng, 8);
    if (!n || unit_below(&m->rng, 20) == 0)
        return n + near;
    return unit_below(&m->rng, 2) && near < n ? n - 1 - near : unit_below(&m->rng, n);
}

static void do_get(struct model *m)
{
    const uint64_t i = some_index(m);
    const int err = lfvec_get(m->now, i, m->got);
    MUST(err == (i < m->size ? 0 : -ERANGE));
    MUST(err || memcmp(m->got, at(m, i), m->elem_size) == 0);
}

static void do_set(struct model *m)
{
    const uint64_t i = some_index(m);
    unit_bytes(&m->rng, m->elem, m->elem_size);
    const int err = lfvec_set(m->now, i, m->elem);
    MUST(err == (i < m->size ? 0 : -ERANGE));
    if (err)
        return;
    memcpy(at(m, i), m->elem, m->elem_size);
    mutated(m);
}

/* ---- several at once ----------------------------------------------------------------------------------------------------------------- */

/* One version for each batch that a call is split into. */
static void mutated_by_batches(struct model *m, uint64_t n)
{
    const uint64_t most = lfvec_batch_most(m->now);
    m->version += (n + most - 1) / most;
    MUST(lfvec_size(m->now) == m->size);
    MUST(!n || lfvec_last_version() == m->version);
}

/* Mostly within a leaf or a few, at times more than one batch. */
static uint64_t some_count(struct model *m)
{
    const uint64_t most = unit_below(&m->rng, 20) ? 3 * m->leaf + 2 : 2 * lfvec_batch_most(m->now) + 2;
    return unit_below(&m->rng, most < m->room ? most : m->room);
}

static void do_push_n(struct model *m)
{
    uint64_t first = UINT64_MAX, n = some_count(m);
    const uint64_t left = m->size < m->room ? m->room - m->size : 0;
    n = n < left ? n : left;
    unit_bytes(&m->rng, at(m, m->size), n * m->elem_size);
    MUST(lfvec_push_n(m->now, at(m, m->size), n, &first) == (int64_t)n);
    MUST(first == (n ? m->size : UINT64_MAX));
    m->size += n;
    mutated_by_batches(m, n);
}

static void do_pop_n(struct model *m)
{
    const uint64_t asked = some_count(m), n = asked < m->size ? asked : m->size;
    const int64_t got = lfvec_pop_n(m->now, m->many, asked);
    MUST(got == (asked && !n ? -EAGAIN : (int64_t)n));
    for (uint64_t i = 0; i < n; i++) /* the last one first */
        MUST(memcmp(m->many + i * m->elem_size, at(m, m->size - 1 - i), m->elem_size) == 0);
    m->size -= n;
    mutated_by_batches(m, n);
}

static void do_get_n(struct model *m)
{
    const uint64_t first = some_index(m), asked = 1 + some_count(m), rest = first < m->size ? m->size - first : 0;
    const int64_t want = first >= m->size ? -ERANGE : (int64_t)(asked < rest ? asked : rest);
    MUST(lfvec_get_n(m->now, first, m->many, asked) == want);
    MUST(want < 0 || memcmp(m->many, at(m, first), (uint64_t)want * m->elem_size) == 0);
}

static void do_snapshot(struct model *m)
{
    uint64_t version = 0;
    const uint64_t first = some_index(m), n = some_count(m);
    const int err = lfvec_snapshot(m->now, first, m->many, n, &version);
    MUST(err == (first + n <= m->size ? 0 : -ERANGE));
    MUST(err || (version == m->version && memcmp(m->many, at(m, first), n * m->elem_size) == 0));
}

/* ---- the others ---------------------------------------------------------------------------------------------------------------------- */

static void do_cas(struct model *m)
{
    const uint64_t i = some_index(m), desired = unit_next(&m->rng);
    uint64_t present = 0, expected = unit_below(&m->rng, 2) ? 0 : desired;
    if (i < m->size)
        memcpy(&present, at(m, i), sizeof present);
    expected = expected ? desired : present;
    const uint64_t asked = expected;
    const int err = lfvec_cas_u64(m->now, i, &expected, desired);
    MUST(err == (i >= m->size ? -ERANGE : asked == present ? 0 : -ECANCELED));
    MUST(expected == (err == -ECANCELED ? present : asked));
    if (err)
        return;
    memcpy(at(m, i), &desired, sizeof desired);
    mutated(m);
}

static void do_fetch_add(struct model *m)
{
    const uint64_t i = some_index(m), delta = unit_next(&m->rng);
    uint64_t present = 0, old = 0;
    const int err = lfvec_fetch_add_u64(m->now, i, delta, &old);
    MUST(err == (i < m->size ? 0 : -ERANGE));
    if (err)
        return;
    memcpy(&present, at(m, i), sizeof present);
    MUST(old == present);
    present += delta;
    memcpy(at(m, i), &present, sizeof present);
    mutated(m);
}

static void do_number(struct model *m)
{
    uint64_t x = 0;
    if (m->elem_size == sizeof x)
        unit_below(&m->rng, 2) ? do_cas(m) : do_fetch_add(m);
    else
        MUST(lfvec_cas_u64(m->now, 0, &x, 0) == -EINVAL && lfvec_fetch_add_u64(m->now, 0, 1, &x) == -EINVAL);
}

/* At most one a thread: acknowledged sooner or later, or pushed back when the thread exits. */
static void do_lease(struct model *m)
{
    bool *leased = &m->leased[m->who];
    m->now = m->v[0];
    if (*leased && unit_below(&m->rng, 2)) {
        MUST(lfvec_ack(m->now) == 0);
        *leased = false;
        return;
    }
    const int err = lfvec_pop_lease(m->now, m->got);
    MUST(err == (*leased ? -EBUSY : m->size ? 0 : -EAGAIN));
    MUST(err != -EAGAIN || lfvec_last_version() == m->version);
    if (err)
        return;
    MUST(memcmp(m->got, at(m, --m->size), m->elem_size) == 0);
    memcpy(m->lease[m->who], m->got, m->elem_size);
    *leased = true;
    mutated(m);
}

static void returned(struct model *m, uint32_t who)
{
    if (!m->leased[who])
        return;
    memcpy(at(m, m->size++), m->lease[who], m->elem_size);
    m->leased[who] = false;
    m->version++;
}

/* As many versions as it takes. */
static void do_trim(struct model *m)
{
    MUST(lfvec_trim(m->now) == 0);
    m->version = unit_stat(m->now).version;
    MUST(lfvec_size(m->now) == m->size);
}

static void do_clear(struct model *m)
{
    MUST(lfvec_clear(m->now) == 0);
    m->size = 0;
    mutated(m);
}

static void do_reserve(struct model *m)
{
    const uint64_t n = unit_below(&m->rng, m->room + 1);
    MUST(lfvec_reserve(m->now, n) == 0);
    MUST(lfvec_capacity(m->now) >= n && lfvec_capacity(m->now) >= m->size);
    MUST(lfvec_size(m->now) == m->size);
}

/* Far enough to leave the leaf, the slab, and what the threads know of both. */
static void do_run(struct model *m)
{
    const bool push = unit_below(&m->rng, 2);
    for (uint64_t n = unit_below(&m->rng, 3 * m->leaf + 2); n--;)
        push ? do_push(m) : do_pop(m);
}

static void do_flip(struct model *m)
{
    m->growing = !m->growing;
}

static void do_wanted(struct model *m)
{
    m->growing ? do_push(m) : do_pop(m);
}

static void do_unwanted(struct model *m)
{
    m->growing ? do_pop(m) : do_push(m);
}

/* In a thousand. */
static const struct {
    uint32_t share;
    void (*op)(struct model *m);
} ops[] = {{350, do_wanted}, {130, do_unwanted}, {170, do_get},   {120, do_set},     {60, do_number},
           {40, do_push_n},  {40, do_pop_n},     {30, do_get_n},  {20, do_snapshot}, {30, do_lease},
           {3, do_flip},     {3, do_run},        {1, do_reserve}, {2, do_trim},      {1, do_clear}};

static void do_one(struct model *m)
{
    uint32_t dice = (uint32_t)unit_below(&m->rng, 1000), i = 0;
    while (dice >= ops[i].share)
        dice -= ops[i++].share;
    ops[i].op(m);
}

static void do_burst(void *arg)
{
    struct model *m = arg;
    for (int i = 0; i < m->burst; i++)
        do_one(m);
}

static void compare_all(struct model *m, lfvec_t *v)
{
    MUST(lfvec_size(v) == m->size);
    for (uint64_t i = 0; i < m->size; i++)
        MUST(lfvec_get(v, i, m->got) == 0 && memcmp(m->got, at(m, i), m->elem_size) == 0);
    MUST(lfvec_get(v, m->size, m->got) == -ERANGE);
}

static void play(struct model *m, int turns)
{
    struct unit_team *t = unit_team_new(THREADS);
    for (int turn = 0; turn < turns; turn++) {
        const uint32_t who = m->who = (uint32_t)unit_below(&m->rng, THREADS);
        m->now = m->v[unit_below(&m->rng, 4) == 0];
        m->burst = 1 + (int)unit_below(&m->rng, unit_below(&m->rng, 4) ? 8 : 100);
        unit_team_do(t, who, do_burst, m);
        if (unit_below(&m->rng, 50) == 0) {
            unit_team_replace(t, who);
            returned(m, who);
        }
        if (unit_below(&m->rng, 100) == 0)
            unit_sound(m->now);
    }
    unit_team_end(t);
    for (uint32_t i = 0; i < THREADS; i++)
        returned(m, i);
}

static struct model *model_new(uint32_t elem_size, const struct shape *shape, uint64_t salt)
{
    struct lfvec_attr a;
    struct model *m = calloc(1, sizeof *m);
    MUST(m != NULL);
    unit_attr(&a, elem_size);
    a.max_slots = 2 * THREADS;
    a.leaf_bytes = shape->leaf_bytes;
    a.slab_bytes = shape->slab_bytes < 2 * elem_size ? 2 * elem_size : shape->slab_bytes;
    m->rng = unit_random("model", salt);
    m->elem_size = elem_size;
    m->room = (UINT64_C(8) << 20) / elem_size < ROOM_MOST ? (UINT64_C(8) << 20) / elem_size : ROOM_MOST;
    m->elems = malloc((m->room + THREADS) * elem_size); /* what comes back from leases does not ask for room */
    m->many = malloc((m->room + 1) * elem_size);
    MUST(m->elems && m->many);
    m->growing = true;
    m->v[0] = unit_make(&a);
    m->leaf = unit_stat(m->v[0]).elems_per_leaf;
    m->v[1] = unit_open(lfvec_name(m->v[0]), 0);
    return m;
}

static void model_end(struct model *m)
{
    lfvec_t *ro = unit_open(lfvec_name(m->v[0]), LFVEC_RDONLY);
    const struct lfvec_stat st = unit_stat(ro);
    ck_assert_uint_eq(st.version, m->version);
    ck_assert_uint_eq(st.slots_free, st.max_slots); /* every thread has gone */
    ck_assert_uint_eq(st.recoveries, 0);
    ck_assert_uint_eq(st.cas_retries, 0); /* nobody interfered */
    for (int i = 0; i < 2; i++) {
        compare_all(m, m->v[i]);
        unit_sound(m->v[i]);
        ck_assert_int_eq(lfvec_detach(m->v[i]), 0);
    }
    compare_all(m, ro);
    unit_sound(ro);
    ck_assert_int_eq(lfvec_detach(ro), 0);
    free(m->elems);
    free(m->many);
    free(m);
}

START_TEST(test_model)
{
    const uint32_t elem_size = elem_sizes[_i / SHAPES];
    const struct shape *shape = &shapes[_i % SHAPES];
    printf("elem_size %u leaf_bytes %u slab_bytes %u: ", elem_size, shape->leaf_bytes, shape->slab_bytes);
    struct model *m = model_new(elem_size, shape, 1000 + (uint64_t)_i);
    play(m, elem_size > 4096 ? 250 : 1000);
    model_end(m);
}
END_TEST

Suite *model_suite(void)
{
    Suite *s = suite_create("model");
    TCase *tc = unit_case(s, "model", 60);
    tcase_add_loop_test(tc, test_model, 0, SIZES * SHAPES);
    return s;
}
