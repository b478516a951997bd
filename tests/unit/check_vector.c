/*
 * check_vector.c - the vector as its users see it: operations, threads and processes that come and go, several attachments, read-only ones,
 * names that are unlinked and replaced, reserve, and how much memory it all takes.
 */
#include "suites.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct lfvec_participant participant(lfvec_t *v, uint32_t slot)
{
    struct lfvec_participant p;
    ck_assert_int_eq(lfvec_participant(v, slot, &p), 0);
    return p;
}

static uint32_t held(lfvec_t *v)
{
    const struct lfvec_stat st = unit_stat(v);
    return st.max_slots - st.slots_free;
}

/* ---- operations ---------------------------------------------------------------------------------------------------------------------- */

/* The first slab has its memory at creation, unless slabs are large: then at the first push. */
START_TEST(test_first_slab)
{
    static const uint32_t slab_bytes[] = {65536, 1 << 20, 2 << 20};
    static const bool reserved[] = {true, true, false};
    for (int i = 0; i < 3; i++) {
        struct lfvec_attr a;
        unit_attr(&a, 8);
        a.slab_bytes = slab_bytes[i];
        lfvec_t *v = unit_make(&a);
        const struct lfvec_stat empty = unit_stat(v);
        ck_assert_uint_eq(empty.slabs_unowned, reserved[i]);
        ck_assert(reserved[i] ? lfvec_capacity(v) > 64 : lfvec_capacity(v) == 0);
        unit_fill(v, 0, 64);
        const struct lfvec_stat used = unit_stat(v);
        ck_assert(used.slabs_owned == 1 && used.slabs_unowned == 0);
        ck_assert_int_eq(used.bytes_committed == empty.bytes_committed && used.grows == empty.grows, reserved[i]);
        unit_sound(v);
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
}
END_TEST

/* What is committed is used, however large or small slabs are beside their leaves; what they came to can be seen, by everybody alike. */
START_TEST(test_slab_bytes)
{
    static const struct {
        uint32_t elem, leaf, slab, is, leaves;
    } row[] = {
        {8, 512, 262144, 262144, 481},                                       /* the default, to the byte */
        {8, 512, 1 << 26, 35655680, 65528},                                  /* as many leaves as can be told apart, or a few less */
        {8, 64, 1 << 26, 6295552, 65493},   {65536, 512, 262144, 200704, 3}, /* a remainder that holds no leaf is not committed */
        {8, 65536, 131072, 69632, 1},
    };
    static unsigned char elem[65536];
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct lfvec_attr a;
        unit_attr(&a, row[i].elem);
        a.leaf_bytes = row[i].leaf, a.slab_bytes = row[i].slab;
        lfvec_t *v = unit_make(&a), *w = unit_open(lfvec_name(v), 0);
        for (uint64_t n = 0; n <= 3 * unit_stat(v).elems_per_leaf; n++)
            MUST(lfvec_push(v, elem, NULL) == 0);
        const struct lfvec_stat st = unit_stat(w);
        MUST_MSG(st.slab_bytes == row[i].is, "row %zu: slabs of %u bytes", i, st.slab_bytes);
        MUST(st.leaves_used >= 4 && st.leaves_total == (st.slabs_owned + st.slabs_unowned) * row[i].leaves);
        unit_sound(w);
        ck_assert_int_eq(lfvec_detach(w), 0);
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
}
END_TEST

START_TEST(test_operations)
{
    uint64_t index = 99, x = 0;
    lfvec_t *v = unit_make(NULL);
    ck_assert_uint_eq(lfvec_size(v), 0);
    for (uint64_t i = 0; i < 200; i++) {
        const uint64_t value = i + 1000;
        ck_assert_int_eq(lfvec_push(v, &value, &index), 0);
        ck_assert_uint_eq(index, i);
        ck_assert_uint_eq(lfvec_size(v), i + 1);
    }
    ck_assert_int_eq(lfvec_set_u64(v, 150, 7), 0);
    for (uint64_t i = 0; i < 200; i++) {
        ck_assert_int_eq(lfvec_get_u64(v, i, &x), 0);
        ck_assert_uint_eq(x, i == 150 ? 7 : i + 1000);
    }
    for (uint64_t i = 200; i-- > 100;) {
        ck_assert_int_eq(lfvec_pop_u64(v, &x), 0);
        ck_assert_uint_eq(x, i == 150 ? 7 : i + 1000);
    }
    ck_assert_int_eq(lfvec_clear(v), 0);
    ck_assert_uint_eq(lfvec_size(v), 0);
    ck_assert_int_eq(lfvec_pop_u64(v, &x), -EAGAIN);
    ck_assert_int_eq(lfvec_clear(v), 0);
    unit_fill(v, 0, 100);
    unit_expect(v, 100);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_versions)
{
    uint64_t x;
    lfvec_t *v = unit_make(NULL);
    ck_assert_uint_eq(unit_stat(v).version, 0);
    ck_assert_int_eq(lfvec_push_u64(v, 1), 0);
    ck_assert_uint_eq(lfvec_last_version(), 1);
    ck_assert_int_eq(lfvec_push_u64(v, 2), 0);
    ck_assert_uint_eq(lfvec_last_version(), 2);
    ck_assert_int_eq(lfvec_set_u64(v, 0, 3), 0);
    ck_assert_uint_eq(lfvec_last_version(), 3);
    ck_assert_int_eq(lfvec_get_u64(v, 0, &x), 0);
    ck_assert_uint_eq(lfvec_last_version(), 3);
    ck_assert_int_eq(lfvec_pop_u64(v, &x), 0);
    ck_assert_uint_eq(lfvec_last_version(), 4);
    ck_assert_int_eq(lfvec_clear(v), 0);
    ck_assert_uint_eq(lfvec_last_version(), 5);
    ck_assert_int_eq(lfvec_set_u64(v, 0, 3), -ERANGE);
    ck_assert_int_eq(lfvec_pop_u64(v, &x), -EAGAIN);
    ck_assert_uint_eq(unit_stat(v).version, 5); /* what fails makes no version */
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_sized)
{
    unsigned char e[24] = {1};
    uint64_t x = 1;
    struct lfvec_attr a;
    unit_attr(&a, 24);
    lfvec_t *v = unit_make(&a);
    ck_assert_uint_eq(lfvec_elem_size(v), 24);
    ck_assert_int_eq(lfvec_push_u64(v, 1), -EINVAL);
    ck_assert_int_eq(lfvec_push_sized(v, e, 24, NULL), 0);
    ck_assert_int_eq(lfvec_pop_u64(v, &x), -EINVAL);
    ck_assert_int_eq(lfvec_get_u64(v, 0, &x), -EINVAL);
    ck_assert_int_eq(lfvec_set_u64(v, 0, x), -EINVAL);
    ck_assert_int_eq(lfvec_get_sized(v, 0, e, 23), -EINVAL);
    ck_assert_int_eq(lfvec_get_sized(v, 0, e, 24), 0);
    ck_assert_int_eq(lfvec_set_sized(v, 0, e, 24), 0);
    ck_assert_int_eq(lfvec_pop_sized(v, e, 24), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Only elem_size bytes of the caller's buffers are touched, whatever the stride. */
START_TEST(test_buffers_are_not_overrun)
{
    for (uint32_t size = 1; size <= 33; size++) {
        unsigned char in[64], out[64], want[64];
        struct lfvec_attr a;
        unit_attr(&a, size);
        lfvec_t *v = unit_make(&a);
        memset(in, 0xa5, sizeof in);
        memset(want, 0x11, sizeof want);
        memcpy(want, in, size);
        for (int i = 0; i < 3; i++)
            MUST(lfvec_push(v, in, NULL) == 0);
        memset(out, 0x11, sizeof out);
        MUST(lfvec_get(v, 1, out) == 0 && memcmp(out, want, sizeof out) == 0);
        memset(out, 0x11, sizeof out);
        MUST(lfvec_pop(v, out) == 0 && memcmp(out, want, sizeof out) == 0);
        MUST(lfvec_detach(v) == 0);
    }
}
END_TEST

START_TEST(test_stat)
{
    uint64_t x;
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 1000);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(lfvec_pop_u64(v, &x), 0);
    ck_assert_int_eq(lfvec_set_u64(v, 3, 3), 0);
    ck_assert_int_eq(lfvec_clear(v), 0);
    const struct lfvec_stat st = unit_stat(v);
    ck_assert_uint_eq(st.pushes, 1000);
    ck_assert_uint_eq(st.pops, 10);
    ck_assert_uint_eq(st.sets, 1);
    ck_assert_uint_eq(st.clears, 1);
    ck_assert_uint_eq(st.version, 1012);
    ck_assert_uint_eq(st.size, 0);
    ck_assert_uint_eq(st.elem_size, 8);
    ck_assert_uint_eq(st.elems_per_leaf, 64);
    ck_assert_uint_eq(st.slots_alive, 1);
    ck_assert_uint_eq(st.slots_free + 1, st.max_slots);
    ck_assert_uint_eq(st.mode, 0600);
    ck_assert_uint_eq(st.uid, geteuid());
    ck_assert_uint_gt(st.bytes_committed, 0);
    ck_assert_uint_le(st.bytes_committed, st.max_bytes);
    ck_assert_uint_ge(st.leaves_used, 16);
    ck_assert_uint_le(st.leaves_used, 18);
    ck_assert_uint_ge(st.created, 1600000000);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_participant)
{
    lfvec_t *v = unit_make(NULL);
    struct lfvec_participant p = participant(v, 1);
    ck_assert_uint_eq(p.state, LFVEC_SLOT_FREE);
    ck_assert_int_eq(p.pid, 0);
    prctl(PR_SET_NAME, "pusher");
    unit_fill(v, 0, 10);
    p = participant(v, 1);
    ck_assert_uint_eq(p.slot, 1);
    ck_assert_uint_eq(p.state, LFVEC_SLOT_ALIVE);
    ck_assert_int_eq(p.pid, getpid());
    ck_assert_int_eq(p.tid, (int32_t)syscall(SYS_gettid));
    ck_assert_str_eq(p.name, "pusher");
    ck_assert_uint_eq(p.pushes, 10);
    ck_assert_uint_eq(p.last_version, 10);
    ck_assert_uint_eq(p.in_flight, 0);
    ck_assert_uint_eq(p.slabs, 1);
    ck_assert_int_eq(lfvec_participant(v, 0, &p), -ERANGE);
    ck_assert_int_eq(lfvec_participant(v, 129, &p), -ERANGE);
    ck_assert_int_eq(lfvec_participant(v, 1, NULL), -EINVAL);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- leaves change owners ------------------------------------------------------------------------------------------------------------ */

static void push_hundred(void *arg)
{
    unit_fill(arg, lfvec_size(arg), lfvec_size(arg) + 100);
}

static void pop_fifty(void *arg)
{
    uint64_t x;
    for (uint64_t n = lfvec_size(arg), i = 0; i < 50; i++)
        MUST(lfvec_pop_u64(arg, &x) == 0 && x == --n);
}

static void set_first(void *arg)
{
    MUST(lfvec_set_u64(arg, 0, 0) == 0);
}

START_TEST(test_leaf_copied_and_freed)
{
    struct unit_team *t = unit_team_new(2);
    lfvec_t *v = unit_make(NULL);
    for (uint32_t i = 0; i < 40; i++) {
        unit_team_do(t, i % 2, push_hundred, v);
        unit_team_do(t, (i + 1) % 2, pop_fifty, v);
        unit_team_do(t, i % 2, set_first, v);
        unit_sound(v);
    }
    unit_expect(v, 2000);
    const struct lfvec_stat st = unit_stat(v);
    ck_assert_uint_le(st.leaves_used, 2000 / 64 + 1 + 2 + 2); /* live, a few idle, two spares: what was replaced is free */
    unit_team_end(t);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* An owner that sleeps on a leaf that others replaced long ago finds its place again. */
START_TEST(test_stale_cursor)
{
    struct unit_team *t = unit_team_new(2);
    lfvec_t *v = unit_make(NULL);
    unit_team_do(t, 0, push_hundred, v); /* 0..99 */
    unit_team_do(t, 1, pop_fifty, v);
    unit_team_do(t, 1, push_hundred, v); /* 50..149 */
    unit_team_do(t, 1, pop_fifty, v);    /* size 100, as the other left it */
    unit_team_do(t, 0, push_hundred, v);
    unit_team_do(t, 0, pop_fifty, v);
    unit_expect(v, 150);
    unit_team_do(t, 1, set_first, v);
    unit_team_do(t, 0, push_hundred, v);
    unit_expect(v, 250);
    unit_team_end(t);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- threads ------------------------------------------------------------------------------------------------------------------------- */

START_TEST(test_thread_exit_gives_slot_back)
{
    struct unit_team *t = unit_team_new(3);
    lfvec_t *v = unit_make(NULL);
    for (uint32_t i = 0; i < 3; i++) {
        unit_team_do(t, i, push_hundred, v);
        ck_assert_uint_eq(participant(v, i + 1).state, LFVEC_SLOT_ALIVE);
    }
    unit_team_replace(t, 1);
    ck_assert_uint_eq(participant(v, 1).state, LFVEC_SLOT_ALIVE);
    ck_assert_uint_eq(participant(v, 2).state, LFVEC_SLOT_FREE);
    ck_assert_uint_eq(participant(v, 2).spares, 0);
    ck_assert_uint_eq(participant(v, 2).in_flight, 0);
    ck_assert_uint_eq(participant(v, 3).state, LFVEC_SLOT_ALIVE);
    unit_team_do(t, 1, push_hundred, v);
    ck_assert_uint_eq(participant(v, 2).state, LFVEC_SLOT_ALIVE); /* taken again */
    unit_team_end(t);
    ck_assert_uint_eq(held(v), 0);
    ck_assert_uint_eq(unit_stat(v).recoveries, 0); /* nobody died */
    unit_expect(v, 400);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_threads_over_time)
{
    lfvec_t *v = unit_make(NULL);
    uint64_t warm = 0;
    for (int i = 0; i < 300; i++) {
        struct unit_team *t = unit_team_new(2);
        unit_team_do(t, 0, push_hundred, v);
        unit_team_do(t, 1, pop_fifty, v);
        unit_team_do(t, 1, set_first, v);
        unit_team_do(t, 0, pop_fifty, v);
        unit_team_end(t);
        ck_assert_uint_eq(held(v), 0);
        if (i == 10)
            warm = unit_stat(v).bytes_committed;
    }
    ck_assert_uint_eq(lfvec_size(v), 0);
    ck_assert_uint_eq(unit_stat(v).bytes_committed, warm);
    for (uint32_t i = 3; i <= 128; i++)
        ck_assert_int_eq(participant(v, i).pushes == 0 && participant(v, i).last_version == 0, 1);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

struct mutator {
    lfvec_t *v;
    struct unit_rng rng;
    uint64_t done;
    int64_t balance; /* elements pushed less elements popped */
    uint64_t sum;    /* of the values pushed less those popped, modulo 2^64 */
};

static void *mutate(void *arg)
{
    struct mutator *m = arg;
    for (int i = 0; i < 20000; i++) {
        uint64_t x = unit_next(&m->rng);
        if (x & 1) {
            MUST(lfvec_push_u64(m->v, x) == 0);
            m->done++, m->balance++, m->sum += x;
        } else {
            const int err = lfvec_pop_u64(m->v, &x);
            MUST(err == 0 || err == -EAGAIN);
            if (!err)
                m->done++, m->balance--, m->sum -= x;
        }
    }
    return NULL;
}

START_TEST(test_nothing_lost_nothing_twice)
{
    struct mutator m[4], all = {0};
    pthread_t thread[4];
    const struct unit_rng rng = unit_random("vector: nothing lost", 4);
    lfvec_t *v = unit_make(NULL);
    for (int i = 0; i < 4; i++) {
        m[i] = (struct mutator){.v = v, .rng = {rng.state + (uint64_t)i}};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, mutate, &m[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        all.done += m[i].done, all.balance += m[i].balance, all.sum += m[i].sum;
    }
    ck_assert_int_eq((int64_t)lfvec_size(v), all.balance);
    ck_assert_uint_eq(unit_stat(v).version, all.done); /* one version each */
    for (uint64_t i = 0, x; i < lfvec_size(v); i++) {
        ck_assert_int_eq(lfvec_get_u64(v, i, &x), 0);
        all.sum -= x;
    }
    ck_assert_uint_eq(all.sum, 0);
    ck_assert_uint_eq(held(v), 0);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* An element of eight words that tells its index and is the same in each: a torn or foreign one shows. */
struct telling {
    uint64_t word[8];
};

struct telling_run {
    lfvec_t *v;
    struct unit_rng rng;
    _Atomic uint32_t *running;
    uint64_t seen;
};

static struct telling telling(uint64_t index, uint64_t salt)
{
    struct telling e;
    for (int i = 0; i < 8; i++)
        e.word[i] = salt << 16 | index;
    return e;
}

static bool tells(const struct telling *e, uint64_t index)
{
    for (int i = 1; i < 8; i++)
        if (e->word[i] != e->word[0])
            return false;
    return (e->word[0] & 0xffff) == index;
}

enum { TELLING_LOW = 100, TELLING_HIGH = 140 };

/* One writer pushes and pops between two marks, so that indices are known; the other sets below the lower mark. */
static void *write_top(void *arg)
{
    struct telling_run *w = arg;
    for (uint64_t i = 0; i < 60000; i++) {
        const uint64_t n = lfvec_size(w->v);
        struct telling e = telling(n, i);
        if (n == TELLING_LOW || (n < TELLING_HIGH && unit_below(&w->rng, 2)))
            MUST(lfvec_push(w->v, &e, NULL) == 0);
        else
            MUST(lfvec_pop(w->v, &e) == 0 && tells(&e, n - 1));
    }
    atomic_fetch_sub(w->running, 1);
    return NULL;
}

static void *write_low(void *arg)
{
    struct telling_run *w = arg;
    for (uint64_t i = 0; i < 20000; i++) {
        const uint64_t index = unit_below(&w->rng, TELLING_LOW);
        const struct telling e = telling(index, i);
        MUST(lfvec_set(w->v, index, &e) == 0);
    }
    atomic_fetch_sub(w->running, 1);
    return NULL;
}

static void *read_all(void *arg)
{
    struct telling_run *r = arg;
    while (atomic_load(r->running) || r->seen < 1000) {
        struct telling e;
        const uint64_t index = unit_below(&r->rng, TELLING_HIGH);
        const int err = lfvec_get(r->v, index, &e);
        MUST(err == 0 || (err == -ERANGE && index >= TELLING_LOW));
        MUST(err || tells(&e, index));
        r->seen += !err;
    }
    return NULL;
}

START_TEST(test_readers_see_whole_elements)
{
    static void *(*const body[])(void *) = {write_top, write_low, read_all, read_all};
    struct telling_run run[4];
    pthread_t thread[4];
    _Atomic uint32_t running = 2;
    struct lfvec_attr a;
    const struct unit_rng rng = unit_random("vector: whole elements", 5);
    unit_attr(&a, sizeof(struct telling));
    lfvec_t *v = unit_make(&a), *ro = unit_open(lfvec_name(v), LFVEC_RDONLY);
    for (uint64_t i = 0; i < TELLING_LOW; i++) {
        const struct telling e = telling(i, 0);
        ck_assert_int_eq(lfvec_push(v, &e, NULL), 0);
    }
    for (uint32_t i = 0; i < 4; i++) {
        run[i] = (struct telling_run){.v = i == 3 ? ro : v, .rng = {rng.state + i}, .running = &running};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, body[i], &run[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    unit_sound(ro);
    ck_assert_int_eq(lfvec_detach(ro), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- processes ----------------------------------------------------------------------------------------------------------------------- */

static void child_takes_own_slot(void *arg)
{
    lfvec_t *v = arg;
    ck_assert_int_eq(participant(v, 1).pid, getppid());
    ck_assert_uint_eq(held(v), 1); /* none yet */
    unit_fill(v, 100, 200);
    ck_assert_int_eq(participant(v, 1).pid, getppid());
    ck_assert_uint_eq(participant(v, 1).pushes, 100);
    ck_assert_int_eq(participant(v, 2).pid, getpid());
    ck_assert_uint_eq(participant(v, 2).pushes, 100);
    unit_expect(v, 200);
    ck_assert_int_eq(lfvec_detach(v), 0);
}

START_TEST(test_fork)
{
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 100);
    unit_in_child(child_takes_own_slot, v);
    ck_assert_uint_eq(participant(v, 1).state, LFVEC_SLOT_ALIVE);
    ck_assert_uint_eq(participant(v, 2).state, LFVEC_SLOT_FREE);
    unit_fill(v, 200, 300);
    ck_assert_uint_eq(participant(v, 1).pushes, 200); /* the same slot as before */
    ck_assert_uint_eq(held(v), 1);
    unit_expect(v, 300);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static void leave_quietly(void *arg)
{
    (void)arg; /* inherits the attachment, uses nothing, and exits as any program does */
}

static void fork_again(void *arg)
{
    push_hundred(arg);
    unit_in_child(push_hundred, arg);
    push_hundred(arg);
}

START_TEST(test_fork_variants)
{
    struct unit_team *t = unit_team_new(1);
    lfvec_t *v = unit_make(NULL);
    push_hundred(v);
    unit_team_do(t, 0, push_hundred, v);
    unit_in_child(leave_quietly, v);
    ck_assert_uint_eq(held(v), 2);
    unit_in_child(fork_again, v); /* while another thread of the parent holds a slot */
    ck_assert_uint_eq(held(v), 2);
    push_hundred(v);
    unit_team_do(t, 0, push_hundred, v);
    unit_expect(v, 700);
    unit_team_end(t);
    ck_assert_uint_eq(held(v), 1);
    ck_assert_uint_eq(unit_stat(v).recoveries, 0);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static void attach_and_exit(void *arg)
{
    unit_fill(unit_open(arg, 0), 0, 10); /* exit(3) follows, no detach */
}

static void attach_and_vanish(void *arg)
{
    unit_fill(unit_open(arg, 0), 10, 20);
    _exit(0);
}

static void exit_beside_thread(void *arg)
{
    struct unit_team *t = unit_team_new(1);
    lfvec_t *v = unit_open(arg, 0);
    unit_fill(v, 20, 30);
    unit_team_do(t, 0, push_hundred, v); /* still there at exit */
}

START_TEST(test_exit_without_detach)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    struct lfvec_recovery r;
    lfvec_t *v = unit_make(NULL);
    void *name = (void *)lfvec_name(v);
    unit_in_child(attach_and_exit, name);
    ck_assert_uint_eq(held(v), 0);
    unit_in_child(attach_and_vanish, name);
    ck_assert_uint_eq(unit_stat(v).slots_dead, 1);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(r.slots_recovered, 1);
    unit_in_child(exit_beside_thread, name);
    ck_assert_uint_eq(held(v), unit_stat(v).slots_dead);
    ck_assert_int_eq(lfvec_recover(v, NULL), 0);
    ck_assert_uint_eq(held(v), 0);
    unit_expect(v, 130);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- attachments --------------------------------------------------------------------------------------------------------------------- */

START_TEST(test_detach_beside_threads)
{
    struct unit_team *t = unit_team_new(3);
    lfvec_t *v = unit_make(NULL), *other;
    char *name = strdup(lfvec_name(v));
    for (uint32_t i = 0; i < 3; i++)
        unit_team_do(t, i, push_hundred, v);
    push_hundred(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
    ck_assert_uint_eq(unit_attachments(name), 1); /* three slots of it are held */
    other = unit_open(name, 0);
    ck_assert_uint_eq(held(other), 3);
    unit_team_do(t, 1, push_hundred, other); /* it drops the slot of the handle that is closed, and takes one of this */
    ck_assert_uint_eq(held(other), 3);
    ck_assert_uint_eq(unit_attachments(name), 2);
    unit_team_end(t);
    ck_assert_uint_eq(unit_attachments(name), 1);
    ck_assert_uint_eq(held(other), 0);
    unit_expect(other, 500);
    unit_sound(other);
    ck_assert_int_eq(lfvec_detach(other), 0);
    ck_assert_uint_eq(unit_mappings(name), 0);
    free(name);
}
END_TEST

START_TEST(test_two_attachments)
{
    lfvec_t *v = unit_make(NULL), *w = unit_open(lfvec_name(v), 0);
    uint64_t x;
    ck_assert_uint_eq(unit_attachments(lfvec_name(v)), 2);
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert_int_eq(lfvec_push_u64(i % 3 ? v : w, i), 0);
    ck_assert_uint_eq(held(v), 2); /* one slot each, though one thread */
    unit_expect(v, 1000);
    unit_expect(w, 1000);
    for (uint64_t i = 1000; i-- > 500;) {
        ck_assert_int_eq(lfvec_pop_u64(i % 5 ? v : w, &x), 0);
        ck_assert_uint_eq(x, i);
    }
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
    ck_assert_uint_eq(held(w), 1);
    unit_fill(w, 500, 600);
    unit_expect(w, 600);
    unit_sound(w);
    ck_assert_int_eq(lfvec_detach(w), 0);
}
END_TEST

START_TEST(test_many_attachments_over_time)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_bytes = 1 << 26; /* each is mapped whole, which an emulator takes its time for */
    lfvec_t *v = unit_make(&a);
    for (uint64_t i = 0; i < 500; i++) {
        lfvec_t *w = unit_open(lfvec_name(v), 0);
        unit_fill(w, i, i + 1);
        ck_assert_int_eq(lfvec_detach(w), 0);
    }
    ck_assert_uint_eq(held(v), 0);
    ck_assert_uint_eq(unit_attachments(lfvec_name(v)), 1);
    unit_expect(v, 500);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_is_current)
{
    lfvec_t *v = unit_make(NULL), *replaced;
    char *name = strdup(lfvec_name(v));
    ck_assert_int_eq(lfvec_is_current(v), 1);
    ck_assert_int_eq(lfvec_unlink(name), 0);
    ck_assert_int_eq(lfvec_is_current(v), 0);
    ck_assert_int_eq(lfvec_unlink(name), -ENOENT);
    unit_fill(v, 0, 10); /* it lives on */
    replaced = lfvec_attach(name);
    ck_assert_ptr_nonnull(replaced);
    ck_assert_uint_eq(lfvec_size(replaced), 0);
    ck_assert_int_eq(lfvec_is_current(v), 0);
    ck_assert_int_eq(lfvec_is_current(replaced), 1);
    unit_expect(v, 10);
    ck_assert_int_eq(lfvec_detach(v), 0);
    ck_assert_int_eq(lfvec_detach(replaced), 0);
    free(name);
}
END_TEST

START_TEST(test_mode)
{
    static const uint32_t mode[] = {0600, 0660, 0666, 0644};
    umask(077);
    for (int i = 0; i < 4; i++) {
        struct lfvec_attr a;
        unit_attr(&a, 8);
        a.mode = mode[i];
        lfvec_t *v = unit_make(&a);
        ck_assert_uint_eq(unit_stat(v).mode, mode[i]);
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
}
END_TEST

START_TEST(test_read_only)
{
    lfvec_t *v = unit_make(NULL), *ro = unit_open(lfvec_name(v), LFVEC_RDONLY);
    uint64_t x;
    ck_assert_uint_eq(lfvec_size(ro), 0);
    ck_assert_int_eq(lfvec_get_u64(ro, 0, &x), -ERANGE);
    for (uint64_t i = 0; i < 5000; i++) { /* it follows as the segment grows */
        ck_assert_int_eq(lfvec_push_u64(v, i), 0);
        ck_assert_int_eq(lfvec_get_u64(ro, i, &x), 0);
        ck_assert_uint_eq(x, i);
    }
    unit_expect(ro, 5000);
    unit_sound(ro);
    ck_assert_uint_eq(unit_stat(ro).read_only, 1);
    ck_assert_uint_eq(unit_stat(v).read_only, 0);
    ck_assert_uint_eq(unit_stat(ro).size, 5000);
    ck_assert_uint_ge(lfvec_capacity(ro), 5000);
    ck_assert_int_eq(lfvec_is_current(ro), 1);
    ck_assert_uint_eq(participant(ro, 1).state, LFVEC_SLOT_ALIVE);
    ck_assert_uint_eq(held(ro), 1);
    ck_assert_int_eq(lfvec_detach(ro), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_flags)
{
    for (uint32_t flags = 0; flags <= (LFVEC_HUGEPAGES | LFVEC_PREFAULT); flags++) {
        struct lfvec_attr a;
        lfvec_attr_init(&a);
        a.flags = flags;
        lfvec_t *v = unit_make(&a);
        ck_assert_uint_eq(unit_stat(v).flags, flags);
        unit_fill(v, 0, 1);
        const struct lfvec_stat st = unit_stat(v);
        ck_assert_uint_eq(st.slab_bytes, flags & LFVEC_HUGEPAGES ? 2 << 20 : a.slab_bytes);
        if (flags & LFVEC_PREFAULT) /* all of the first slab, though one element was stored */
            ck_assert_uint_ge(st.bytes_mapped, st.slab_bytes);
        ck_assert((flags != 0) == (st.bytes_mapped != 0));
        ck_assert_uint_le(st.bytes_huge, flags & LFVEC_HUGEPAGES ? st.bytes_mapped : 0);
        unit_fill(v, 1, 100000);
        unit_expect(v, 100000);
        unit_sound(v);
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
}
END_TEST

START_TEST(test_numa_policies)
{
    for (uint32_t policy = LFVEC_NUMA_LOCAL; policy <= LFVEC_NUMA_BIND; policy++) {
        struct lfvec_attr a;
        unit_attr(&a, 8);
        a.numa = policy;
        a.numa_nodes = policy == LFVEC_NUMA_BIND;
        lfvec_t *v = unit_make(&a);
        ck_assert_uint_eq(unit_stat(v).numa, policy);
        ck_assert_uint_eq(unit_stat(v).numa_nodes, a.numa_nodes);
        unit_fill(v, 0, 10000);
        unit_expect(v, 10000);
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
}
END_TEST

/* ---- memory -------------------------------------------------------------------------------------------------------------------------- */

/* After reserve(n), pushing up to n elements commits nothing. */
static void reserve_and_fill(lfvec_t *v, uint64_t n)
{
    ck_assert_int_eq(lfvec_reserve(v, n), 0);
    const struct lfvec_stat before = unit_stat(v);
    ck_assert_uint_ge(lfvec_capacity(v), n);
    ck_assert_uint_eq(before.capacity, lfvec_capacity(v));
    unit_fill(v, lfvec_size(v), n);
    ck_assert_uint_eq(unit_stat(v).grows, before.grows);
    ck_assert_uint_eq(unit_stat(v).bytes_committed, before.bytes_committed);
}

START_TEST(test_reserve)
{
    struct unit_team *t = unit_team_new(1);
    lfvec_t *v = unit_make(NULL);
    ck_assert_int_eq(lfvec_reserve(v, 0), 0);
    ck_assert_uint_ge(lfvec_capacity(v), lfvec_size(v));
    reserve_and_fill(v, 1);
    reserve_and_fill(v, 100000);
    ck_assert_int_eq(lfvec_reserve(v, 10), 0); /* does not shrink */
    ck_assert_uint_ge(lfvec_capacity(v), 100000);
    unit_team_do(t, 0, pop_fifty, v);
    unit_team_do(t, 0, push_hundred, v); /* the last leaves are another's */
    reserve_and_fill(v, 250001);
    unit_expect(v, 250001);
    unit_sound(v);
    unit_team_end(t);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_capacity_is_at_least_the_size)
{
    lfvec_t *v = unit_make(NULL), *ro = unit_open(lfvec_name(v), LFVEC_RDONLY);
    for (uint64_t i = 0; i < 20000; i++) {
        ck_assert_int_eq(lfvec_push_u64(v, i), 0);
        MUST(lfvec_capacity(v) >= i + 1 && lfvec_capacity(ro) >= i + 1);
    }
    ck_assert_int_eq(lfvec_detach(ro), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_bytes_per_element)
{
    enum { N = 10000000 };
    lfvec_t *v = lfvec_attach(unit_name());
    ck_assert_ptr_nonnull(v);
    if (unit_stat(v).bytes_free < UINT64_C(12) * N)
        UNIT_SKIP("less than 120 MB free in /dev/shm");
    unit_fill(v, 0, N);
    const struct lfvec_stat st = unit_stat(v);
    ck_assert_double_lt((double)st.bytes_committed / N, 9.5);
    ck_assert_uint_eq(st.size, N);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/*
 * As many leaves are freed as are taken, so memory must not grow beyond a fraction of what is live. The sets sweep over the upper part of
 * the vector: whoever looks for free leaves near the start only, or near the end only, finds none.
 */
static void sweep(lfvec_t *v, uint64_t from, uint64_t to, int times)
{
    while (times--)
        for (uint64_t i = from; i < to; i += 64)
            MUST(lfvec_set_u64(v, i, i) == 0);
}

START_TEST(test_sets_do_not_eat_memory)
{
    enum { N = 500000 };
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, N);
    const uint64_t before = unit_stat(v).bytes_committed;
    sweep(v, N / 2, N, 10);
    sweep(v, 0, N / 2, 10);
    sweep(v, 0, N, 10);
    const struct lfvec_stat st = unit_stat(v);
    ck_assert_msg(st.bytes_committed < 2 * before, "%llu bytes before, %llu after; %llu of %llu leaves used", (unsigned long long)before,
                  (unsigned long long)st.bytes_committed, (unsigned long long)st.leaves_used, (unsigned long long)st.leaves_total);
    unit_expect(v, N);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static void refill(void *arg)
{
    uint64_t x;
    while (lfvec_pop_u64(arg, &x) == 0)
        ;
    unit_fill(arg, 0, 50000);
}

/* Elements go, others come, whoever pushes them. */
START_TEST(test_refills_do_not_eat_memory)
{
    struct unit_team *t = unit_team_new(2);
    lfvec_t *v = unit_make(NULL);
    uint64_t before = 0;
    for (uint32_t i = 0; i < 12; i++) {
        unit_team_do(t, i % 2, refill, v);
        if (i == 3)
            before = unit_stat(v).bytes_committed;
    }
    ck_assert_uint_le(unit_stat(v).bytes_committed, before + before / 4);
    ck_assert_uint_lt(unit_stat(v).bytes_committed, 3 * 50000 * 9); /* at worst two owners' worth */
    unit_expect(v, 50000);
    unit_team_end(t);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static uint64_t idle_leaves(lfvec_t *v)
{
    struct lfvec_audit a;
    ck_assert_int_eq(lfvec_check(v, &a), 0);
    return a.leaves_idle;
}

START_TEST(test_trim)
{
    struct unit_team *t = unit_team_new(2);
    lfvec_t *v = unit_make(NULL);
    for (int i = 0; i < 20; i++)
        unit_team_do(t, (uint32_t)i % 2, push_hundred, v);
    ck_assert_int_eq(lfvec_trim(v), 0);
    unit_expect(v, 2000); /* what is in use stays */
    for (int i = 0; i < 30; i++)
        unit_team_do(t, (uint32_t)i % 2, pop_fifty, v);
    ck_assert_uint_ge(idle_leaves(v), 20);
    const uint64_t before = unit_stat(v).leaves_used;
    ck_assert_int_eq(lfvec_trim(v), 0);
    ck_assert_uint_eq(idle_leaves(v), 0);
    ck_assert_uint_le(unit_stat(v).leaves_used + 20, before);
    unit_expect(v, 500);
    ck_assert_int_eq(lfvec_trim(v), 0); /* nothing to do */
    for (int i = 0; i < 20; i++)
        unit_team_do(t, (uint32_t)i % 2, push_hundred, v);
    unit_expect(v, 2500);
    ck_assert_int_eq(lfvec_clear(v), 0);
    ck_assert_int_eq(lfvec_trim(v), 0);
    ck_assert_uint_eq(idle_leaves(v), 0);
    unit_team_do(t, 0, push_hundred, v);
    unit_team_do(t, 1, push_hundred, v);
    unit_expect(v, 200);
    unit_team_end(t);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* -------------------------------------------------------------------------------------------------------------------------------------- */

static void add_operations(TCase *tc)
{
    tcase_add_test(tc, test_first_slab);
    tcase_add_test(tc, test_slab_bytes);
    tcase_add_test(tc, test_operations);
    tcase_add_test(tc, test_versions);
    tcase_add_test(tc, test_sized);
    tcase_add_test(tc, test_buffers_are_not_overrun);
    tcase_add_test(tc, test_stat);
    tcase_add_test(tc, test_participant);
    tcase_add_test(tc, test_leaf_copied_and_freed);
    tcase_add_test(tc, test_stale_cursor);
}

static void add_participants(TCase *tc)
{
    tcase_add_test(tc, test_thread_exit_gives_slot_back);
    tcase_add_test(tc, test_threads_over_time);
    tcase_add_test(tc, test_nothing_lost_nothing_twice);
    tcase_add_test(tc, test_readers_see_whole_elements);
    tcase_add_test(tc, test_fork);
    tcase_add_test(tc, test_fork_variants);
    tcase_add_test(tc, test_exit_without_detach);
}

static void add_attachments(TCase *tc)
{
    tcase_add_test(tc, test_detach_beside_threads);
    tcase_add_test(tc, test_two_attachments);
    tcase_add_test(tc, test_many_attachments_over_time);
    tcase_add_test(tc, test_is_current);
    tcase_add_test(tc, test_mode);
    tcase_add_test(tc, test_read_only);
    tcase_add_test(tc, test_flags);
    tcase_add_test(tc, test_numa_policies);
}

static void fill_and_empty(void *arg)
{
    uint64_t x;
    while (lfvec_push_u64(arg, 7) == 0)
        ;
    while (lfvec_pop_u64(arg, &x) == 0)
        ;
}

/*
 * Memory that another thread, alive and at rest, has filled and emptied: it is taken with the slab, and the head moves before anything is stored
 * there. When there is none, each further push is refused without a version, and changes nothing.
 */
START_TEST(test_memory_of_another)
{
    struct lfvec_attr a;
    uint64_t n = 1;
    unit_attr(&a, 8);
    a.slab_bytes = 65536;
    a.max_bytes = 1 << 20;
    a.max_slots = 8;
    lfvec_t *v = unit_make(&a);
    struct unit_team *t = unit_team_new(1);
    unit_team_do(t, 0, fill_and_empty, v);
    const uint64_t before = unit_stat(v).version, slab = (uint64_t)unit_stat(v).slab_bytes / 8;
    ck_assert_uint_gt(lfvec_capacity(v), 4 * slab);
    const uint64_t least = lfvec_capacity(v);
    ck_assert_int_eq(lfvec_push_u64(v, 0), 0);
    ck_assert_uint_eq(unit_stat(v).version, before + 2);
    for (; lfvec_push_u64(v, n) == 0; n++)
        ;
    ck_assert_uint_ge(n, least);
    unit_expect(v, n);
    (void)lfvec_push_u64(v, n);
    const uint64_t full = unit_stat(v).version;
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(lfvec_push_u64(v, n), -EOVERFLOW);
    ck_assert_uint_eq(unit_stat(v).version, full);
    unit_team_end(t); /* its thread exits, and keeps nothing */
    ck_assert_int_eq(lfvec_push_u64(v, n), 0);
    unit_expect(v, n + 1);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static void add_memory(TCase *tc)
{
    tcase_add_test(tc, test_memory_of_another);
    tcase_add_test(tc, test_reserve);
    tcase_add_test(tc, test_capacity_is_at_least_the_size);
    tcase_add_test(tc, test_bytes_per_element);
    tcase_add_test(tc, test_sets_do_not_eat_memory);
    tcase_add_test(tc, test_refills_do_not_eat_memory);
    tcase_add_test(tc, test_trim);
}

Suite *vector_suite(void)
{
    Suite *s = suite_create("vector");
    add_operations(unit_case(s, "operations", 60));
    add_participants(unit_case(s, "participants", 60));
    add_attachments(unit_case(s, "attachments", 60));
    add_memory(unit_case(s, "memory", 60));
    return s;
}
