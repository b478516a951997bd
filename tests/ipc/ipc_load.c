/* ipc_load.c - many processes at once on one vector: no element is lost or there twice, nobody starves, waiters are woken. */
#include "ipc.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

enum { WORKERS = 4, STEPS = 30000, FLOOR = 16, ENOUGH = 32 };

static const char *shared_name;

/* ---- push, pop, change ----------------------------------------------------------------------------------------------------------------- */

static void work(struct board *b, uint32_t me)
{
    lfvec_t *v = lfvec_open(shared_name, 0, NULL);
    CHILD_MUST(v != NULL);
    atomic_fetch_add(&b->ready, 1);
    ipc_until(&b->go, 1);
    for (uint32_t i = 0; i < STEPS; i++)
        CHILD_MUST(ipc_step(v, b, me) == 0);
    CHILD_MUST(lfvec_detach(v) == 0);
}

START_TEST(elements_are_conserved)
{
    struct board *b = ipc_board();
    lfvec_t *v = ipc_make(NULL);
    pid_t pid[WORKERS];
    struct lfvec_stat stat;
    uint64_t pushed = 0;
    shared_name = lfvec_name(v);
    for (uint32_t p = 0; p < WORKERS; p++)
        pid[p] = ipc_start(work, b, p);
    ipc_until(&b->ready, WORKERS);
    atomic_store(&b->go, 1);
    for (uint32_t p = 0; p < WORKERS; p++)
        ipc_reap(pid[p]);
    ipc_sound(v);
    ck_assert_int_eq(lfvec_stat(v, &stat), 0);
    for (uint32_t p = 0; p < WORKERS; p++)
        pushed += atomic_load(&b->proc[p].pushed);
    ck_assert_uint_eq(stat.pushes, pushed);
    ck_assert_uint_eq(stat.pushes - stat.pops, lfvec_size(v));
    ck_assert_uint_eq(stat.version, stat.pushes + stat.pops + stat.sets);
    ck_assert_uint_eq(stat.slots_free, 8);
    ipc_settle(v, b, 0);
    ipc_sound(v);
    lfvec_detach(v);
}
END_TEST

/* ---- set and get ----------------------------------------------------------------------------------------------------------------------- */

/*
 * The first FLOOR elements stay: nobody pops while there are not clearly more. They say at which index they belong; whoever sets one says
 * what it was before by its count, which only grows at each index for each setter.
 */
static void floor_elem(uint64_t elem[3], uint64_t index, uint64_t setter, uint64_t count)
{
    elem[0] = index << 56 | setter << 48 | count;
    elem[1] = ~elem[0];
    elem[2] = elem[0] * 3;
}

static void floor_check(const uint64_t elem[3], uint64_t index, uint64_t last[FLOOR][WORKERS + 1])
{
    const uint64_t setter = elem[0] >> 48 & 0xff, count = elem[0] & 0xffffffff;
    CHILD_MUST(elem[1] == ~elem[0] && elem[2] == elem[0] * 3);
    CHILD_MUST(elem[0] >> 56 == index);
    CHILD_MUST(setter <= WORKERS && last[index][setter] <= count);
    last[index][setter] = count;
}

static void set_and_get(struct board *b, uint32_t me)
{
    uint64_t last[FLOOR][WORKERS + 1], elem[3];
    lfvec_t *v = lfvec_open(shared_name, 0, NULL);
    memset(last, 0, sizeof last);
    CHILD_MUST(v != NULL);
    atomic_fetch_add(&b->ready, 1);
    ipc_until(&b->go, 1);
    for (uint32_t i = 1; i <= STEPS; i++) {
        const uint64_t index = ipc_random(FLOOR);
        CHILD_MUST(lfvec_get(v, index, elem) == 0);
        floor_check(elem, index, last);
        floor_elem(elem, i % 2 ? index : UINT64_C(255), me + 1, i);
        if (i % 2)
            CHILD_MUST(lfvec_set(v, index, elem) == 0);
        else if (i % 4)
            CHILD_MUST(lfvec_push(v, elem, NULL) == 0);
        else if (lfvec_size(v) > ENOUGH)
            CHILD_MUST(lfvec_pop(v, elem) == 0 && elem[0] >> 56 == 255 && elem[1] == ~elem[0]);
    }
    CHILD_MUST(lfvec_detach(v) == 0);
}

START_TEST(what_is_set_is_got)
{
    struct board *b = ipc_board();
    struct lfvec_attr attr;
    uint64_t elem[3];
    pid_t pid[WORKERS];
    ipc_attr(&attr, sizeof elem);
    lfvec_t *v = ipc_make(&attr);
    shared_name = lfvec_name(v);
    for (uint64_t i = 0; i < FLOOR; i++) {
        floor_elem(elem, i, 0, 0);
        ck_assert_int_eq(lfvec_push(v, elem, NULL), 0);
    }
    for (uint32_t p = 0; p < WORKERS; p++)
        pid[p] = ipc_start(set_and_get, b, p);
    ipc_until(&b->ready, WORKERS);
    atomic_store(&b->go, 1);
    for (uint32_t p = 0; p < WORKERS; p++)
        ipc_reap(pid[p]);
    ipc_sound(v);
    lfvec_detach(v);
}
END_TEST

/* ---- waiting --------------------------------------------------------------------------------------------------------------------------- */

enum { TURNS = 300 };

static void consume(struct board *b, uint32_t me)
{
    uint64_t elem;
    lfvec_t *v = lfvec_open(shared_name, 0, NULL);
    CHILD_MUST(v != NULL);
    for (uint32_t i = 0; i < TURNS; i++) {
        CHILD_MUST(lfvec_pop_wait(v, &elem, NULL) == 0);
        ipc_see(b, elem);
        atomic_fetch_add(&b->proc[me].progress, 1);
    }
    CHILD_MUST(lfvec_detach(v) == 0);
}

START_TEST(waiters_are_woken)
{
    struct board *b = ipc_board();
    lfvec_t *v = ipc_make(NULL);
    shared_name = lfvec_name(v);
    const pid_t one = ipc_start(consume, b, 1), other = ipc_start(consume, b, 2);
    for (uint64_t i = 0; i < 2 * TURNS; i++) {
        atomic_store(&b->proc[0].pushed, i + 1);
        ck_assert_int_eq(lfvec_push_u64(v, ipc_elem(0, i)), 0);
        while (i % 3 == 0 && atomic_load(&b->proc[1].progress) + atomic_load(&b->proc[2].progress) < i)
            sched_yield(); /* so that they come to wait for the next */
    }
    ipc_reap(one);
    ipc_reap(other);
    ck_assert_uint_eq(lfvec_size(v), 0);
    ipc_settle(v, b, 0);
    lfvec_detach(v);
}
END_TEST

/* ---- snapshots ------------------------------------------------------------------------------------------------------------------------- */

enum { SNAPSHOTS = 2000, SNAPSHOT_ELEMS = 1000, SPARE_ELEMS = 24 };

/* At full speed: both push and pop at the end, and one changes elements anywhere, too. */
static void disturb(struct board *b, uint32_t me)
{
    uint64_t x;
    lfvec_t *v = lfvec_open(shared_name, 0, NULL);
    CHILD_MUST(v != NULL);
    for (uint64_t i = 1; !atomic_load_explicit(&b->stop, memory_order_relaxed); i++) {
        CHILD_MUST(lfvec_push_u64(v, i) == 0 && lfvec_pop_u64(v, &x) == 0);
        if (me == 1) /* and something changes in the range itself */
            CHILD_MUST(lfvec_fetch_add_u64(v, ipc_random(SNAPSHOT_ELEMS), 1, NULL) == 0);
        atomic_store_explicit(&b->proc[me].progress, i, memory_order_relaxed);
    }
    CHILD_MUST(lfvec_detach(v) == 0);
}

/* What is added only grows: so does each element, and the sum of a later snapshot. And nearly all of them succeed. */
static uint32_t take_snapshots(lfvec_t *v, struct board *b)
{
    static uint64_t elem[SNAPSHOT_ELEMS];
    uint64_t last_sum = 0, last_version = 0, version;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < SNAPSHOTS; i++) {
        const uint64_t moved = atomic_load(&b->proc[0].progress) + atomic_load(&b->proc[1].progress);
        const int err = lfvec_snapshot(v, 0, elem, SNAPSHOT_ELEMS, &version);
        uint64_t sum = 0;
        MUST(err == 0 || err == -EAGAIN);
        for (uint32_t k = 0; k < SNAPSHOT_ELEMS; k++)
            sum += elem[k];
        MUST(err || (sum >= last_sum && version >= last_version));
        last_sum = err ? last_sum : sum;
        last_version = err ? last_version : version;
        taken += err == 0;
        while (atomic_load(&b->proc[0].progress) + atomic_load(&b->proc[1].progress) == moved)
            sched_yield(); /* on one processor they get their turn, too */
    }
    return taken;
}

START_TEST(snapshots_beside_writers)
{
    struct board *b = ipc_board();
    struct lfvec_attr attr;
    lfvec_attr_init(&attr);
    attr.max_bytes = UINT64_C(1) << 30;
    lfvec_t *v = ipc_make(&attr);
    shared_name = lfvec_name(v);
    for (uint64_t i = 0; i < SNAPSHOT_ELEMS + SPARE_ELEMS; i++)
        ck_assert_int_eq(lfvec_push_u64(v, 0), 0);
    const pid_t one = ipc_start(disturb, b, 0), other = ipc_start(disturb, b, 1);
    ipc_until64(&b->proc[0].progress, 1000);
    ipc_until64(&b->proc[1].progress, 1000);
    const uint32_t taken = take_snapshots(v, b);
    atomic_store(&b->stop, 1);
    ipc_reap(one);
    ipc_reap(other);
    printf("snapshots beside two writers: %u of %d succeeded\n", taken, SNAPSHOTS);
    ck_assert_uint_ge(taken, SNAPSHOTS * 99 / 100);
    ipc_sound(v);
    lfvec_detach(v);
}
END_TEST

/* ---- parts ------------------------------------------------------------------------------------------------------------------------------ */

enum { PARTS = 8, CALLS = 200, CALLS_MOST = 2000 };

/* What the elements of a part are, whatever others pushed before and after it. */
static void part_check(lfvec_t *v, const struct lfvec_part *part, const uint64_t *elem)
{
    uint64_t got[LFVEC_BATCH_MAX];
    CHILD_MUST(part->count <= LFVEC_BATCH_MAX && lfvec_get_n(v, part->first, got, part->count) == (int64_t)part->count);
    CHILD_MUST(memcmp(got, elem, part->count * sizeof *got) == 0);
}

/* Long calls; more of them as long as none was split around the elements of others, which cell[0] counts. */
static void push_parts(struct board *b, uint32_t me)
{
    static uint64_t elem[PARTS * LFVEC_BATCH_MAX];
    struct lfvec_part part[PARTS];
    uint64_t serial = 0;
    lfvec_t *v = lfvec_open(shared_name, 0, NULL);
    CHILD_MUST(v != NULL);
    const uint64_t n = (PARTS - 1) * lfvec_batch_most(v) + 3;
    atomic_fetch_add(&b->ready, 1);
    ipc_until(&b->go, 1);
    for (uint32_t i = 0; i < CALLS || (i < CALLS_MOST && !atomic_load(&b->cell[0])); i++) {
        uint64_t done = 0;
        for (uint64_t k = 0; k < n; k++)
            elem[k] = ipc_elem(me, serial++);
        CHILD_MUST(lfvec_push_n_parts(v, elem, n, part, PARTS) == (int64_t)n);
        for (uint32_t k = 0; k < PARTS; done += part[k++].count) {
            if (k && part[k].first != part[k - 1].first + part[k - 1].count)
                atomic_fetch_add(&b->cell[0], 1);
            part_check(v, &part[k], elem + done);
        }
        CHILD_MUST(done == n);
    }
    atomic_store(&b->proc[me].pushed, serial);
    CHILD_MUST(lfvec_detach(v) == 0);
}

START_TEST(parts_are_where_it_says)
{
    struct board *b = ipc_board();
    lfvec_t *v = ipc_make(NULL);
    pid_t pid[WORKERS];
    uint64_t pushed = 0;
    shared_name = lfvec_name(v);
    for (uint32_t p = 0; p < WORKERS; p++)
        pid[p] = ipc_start(push_parts, b, p);
    ipc_until(&b->ready, WORKERS);
    atomic_store(&b->go, 1);
    for (uint32_t p = 0; p < WORKERS; p++) {
        ipc_reap(pid[p]);
        pushed += atomic_load(&b->proc[p].pushed);
    }
    printf("of %llu elements in parts of up to %llu: %llu parts began behind those of others\n", (unsigned long long)pushed,
           (unsigned long long)lfvec_batch_most(v), (unsigned long long)atomic_load(&b->cell[0]));
    ck_assert_uint_eq(lfvec_size(v), pushed);
    ipc_sound(v);
    lfvec_detach(v);
}
END_TEST

Suite *ipc_load_suite(void)
{
    Suite *s = suite_create("load");
    TCase *t = tcase_create("load");
    tcase_set_timeout(t, IPC_TIMEOUT);
    tcase_add_test(t, elements_are_conserved);
    tcase_add_test(t, what_is_set_is_got);
    tcase_add_test(t, waiters_are_woken);
    tcase_add_test(t, snapshots_beside_writers);
    tcase_add_test(t, parts_are_where_it_says);
    suite_add_tcase(s, t);
    return s;
}
