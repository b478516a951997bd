/*
 * check_bounds.c - what one damaged or forged word may cost others: no call does more work, or takes more memory, than what the segment has
 * to offer. The work is told in pieces of other work, far above what it takes, and below what it took before it was bounded.
 */
#include "suites.h"
#include "support.h"

#include "leaf.h"
#include "participant.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A piece of work that is known, and how often it would fit into what was done since; so slow machines and sanitizers make no difference. */
static double piece, since;

static void work_begins(void)
{
    since = cpu_seconds();
}

static void piece_ends(void)
{
    piece = cpu_seconds() - since;
}

static double pieces(void)
{
    return (cpu_seconds() - since) / piece;
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

static void sound_snapshot(lfvec_t *v, uint64_t *all, size_t n)
{
    work_begins();
    RETURNS(0, lfvec_snapshot(v, 0, all, n, NULL));
    piece_ends();
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
    sound_snapshot(v, all, MANY);
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        const uint64_t was = atomic_exchange(word[damage[i].dirty], MANY + damage[i].above);
        work_begins();
        RETURNS(-EBADMSG, lfvec_snapshot(v, 0, all, MANY, NULL));
        RETURNS(-EBADMSG, lfvec_get_n(v, 0, all, 10));
        RETURNS(-EBADMSG, lfvec_get_u64(v, 0, &x));
        ck_assert_double_lt(pieces(), 100); /* some copies, and not ten thousand */
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
    sound_snapshot(v, all, MANY);
    ck_assert_int_eq(pthread_create(&writer, NULL, come_and_go, v), 0);
    const uint64_t was = atomic_exchange(&leaf.meta->seq, UINT64_C(1) << 60);
    work_begins();
    RETURNS(-EBADMSG, lfvec_snapshot(v, 0, all, MANY, NULL));
    RETURNS(-EBADMSG, lfvec_get_u64(v, 0, &x));
    ck_assert_double_lt(pieces(), 100);
    atomic_store(&leaf.meta->seq, was);
    RETURNS(0, lfvec_snapshot(v, 0, all, MANY, NULL));
    atomic_store(&enough, true);
    ck_assert_int_eq(pthread_join(writer, NULL), 0);
    free(all);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* ---- many slots, many slabs ------------------------------------------------------------------------------------------------------------ */

enum { SLOTS = 2047, SLABS = 1000000, NO_STATE = 7 };
#define WIDE_BYTES (UINT64_C(1) << 37)

static uint64_t slab_word_of(uint64_t state, uint64_t owner)
{
    return state << 56 | owner << 32;
}

static shm_u64 *slab_words(lfvec_t *v)
{
    return (shm_u64 *)(v->seg.base + v->seg.l.slabtab_off);
}

static const char *lacks_addresses(void)
{
    void *at = mmap(NULL, WIDE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return "there are no 128 GiB of addresses here";
    munmap(at, WIDE_BYTES);
    return NULL;
}

/* A slab table of a million words, the writing of which is a piece. Each slot has its share of them; `last`: what the last one of each share is. */
static lfvec_t *make_wide(uint64_t state, uint64_t last)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = SLOTS;
    a.slab_bytes = 65536;
    a.max_elems = UINT64_C(1) << 36;
    a.max_bytes = WIDE_BYTES;
    lfvec_t *v = unit_make(&a);
    MUST(v->seg.l.slabs_max > SLABS && segment_extend(&v->seg, &v->seg.slabtab, SLABS) == 0);
    work_begins();
    for (uint64_t i = 1; i < SLABS; i++)
        atomic_store(&slab_words(v)[i], slab_word_of(i < SLABS - SLOTS ? state : last, 1 + i % SLOTS));
    piece_ends();
    atomic_store(&v->seg.control->slabs_high, SLABS);
    return v;
}

/* Nobody lives in them, and each is to be recovered. */
static void die_in_all(lfvec_t *v)
{
    for (uint32_t i = 1; i <= SLOTS; i++)
        atomic_store(&slot_at(&v->seg, i)->pid, 1);
}

START_TEST(test_participants_of_a_wide_segment)
{
    UNIT_NEEDS(lacks_addresses);
    struct lfvec_participant p;
    lfvec_t *v = make_wide(NO_STATE, NO_STATE);
    work_begins();
    uint64_t slabs = 0;
    for (uint32_t i = 1; lfvec_participant(v, i, &p) == 0; i++)
        slabs += p.slabs;
    ck_assert_double_lt(pieces(), 50);
    ck_assert_uint_eq(slabs, SLABS - 1);
    RETURNS(0, lfvec_participant(v, 5, &p));
    atomic_store(&slab_words(v)[5], 0);
    slabs = p.slabs;
    RETURNS(0, lfvec_participant(v, 5, &p)); /* the same slot is counted again */
    ck_assert_uint_ge(p.slabs, slabs - 1);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_recovery_of_a_wide_segment)
{
    UNIT_NEEDS(lacks_addresses);
    struct lfvec_recovery did;
    lfvec_t *v = make_wide(NO_STATE, NO_STATE);
    die_in_all(v);
    work_begins();
    RETURNS(0, lfvec_recover(v, &did));
    ck_assert_double_lt(pieces(), 100);
    ck_assert_uint_eq(did.slots_recovered, SLOTS);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* No slot can be had, which is found out at the end of its slabs; and one is held by somebody who has not said who it is. */
START_TEST(test_first_mutation_of_a_wide_segment)
{
    UNIT_NEEDS(lacks_addresses);
    lfvec_t *v = make_wide(NO_STATE, SHM_SLAB_OWNED);
    if (_i)
        atomic_store((shm_u32 *)slot_mark_at(&v->seg, SLOTS), (uint32_t)getppid());
    work_begins();
    RETURNS(-EBADMSG, lfvec_push_u64(v, 1));
    ck_assert_double_lt(pieces(), 800);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Slabs that are said to have memory, and lie within the object: each would be a question to the kernel, for each slab that is claimed. */
START_TEST(test_claims_of_a_wide_segment)
{
    UNIT_NEEDS(lacks_addresses);
    enum { STRANGER = 65533 };
    struct lfvec_stat st;
    if (geteuid() != 0)
        UNIT_SKIP("root alone can make a segment a stranger's; in one's own, holes are believed");
    lfvec_t *v = make_wide(_i ? SHM_SLAB_OWNED : SHM_SLAB_UNOWNED, SHM_SLAB_FREE);
    for (uint64_t i = 0; _i && i < SLABS; i += SLOTS) /* the first slot has none */
        atomic_store(&slab_words(v)[i], 0);
    MUST(ftruncate(v->seg.fd, (off_t)(v->seg.l.slabs_off + SLABS * v->seg.l.slab_bytes)) == 0);
    MUST(fchown(v->seg.fd, STRANGER, STRANGER) == 0);
    work_begins();
    unit_fill(v, 0, 100000);
    unit_expect(v, 100000);
    (void)lfvec_stat(v, &st);
    ck_assert_double_lt(pieces(), 100);
    ck_assert_uint_lt(st.bytes_committed, 64 << 20);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static lfvec_t *reserving;

static void reset_words(int unused)
{
    const uint64_t ready = atomic_load(&reserving->seg.slabtab.ready);
    (void)unused;
    for (uint64_t i = 1; i < ready; i++)
        atomic_store(&slab_words(reserving)[i], 0);
    atomic_store(&reserving->seg.control->slabs_free, 0);
}

/* What is reserved is gone by the time that it is counted. By a signal, so that it is so however busy this machine is. */
START_TEST(test_reserve_in_vain)
{
    const struct itimerval often = {.it_interval.tv_usec = 200, .it_value.tv_usec = 200}, never = {.it_value.tv_usec = 0};
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_bytes = 64 << 20;
    lfvec_t *v = reserving = unit_make(&a);
    unit_fill(v, 0, 1);
    ck_assert_int_eq(segment_extend(&v->seg, &v->seg.slabtab, 500), 0);
    signal(SIGALRM, reset_words);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
    ck_assert_int_eq(lfvec_reserve(v, 1000000), -EBADMSG);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
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
    tc = unit_case(s, "wide", 120);
    tcase_add_test(tc, test_participants_of_a_wide_segment);
    tcase_add_test(tc, test_recovery_of_a_wide_segment);
    tcase_add_loop_test(tc, test_first_mutation_of_a_wide_segment, 0, 2);
    tcase_add_loop_test(tc, test_claims_of_a_wide_segment, 0, 2);
    tcase_add_test(tc, test_reserve_in_vain);
    suite_add_tcase(s, tc);
    return s;
}
