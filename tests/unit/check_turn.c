/* check_turn.c - asking for a turn: nobody waits for ever, nothing stays raised, and whoever wins gives it. */
#include "suites.h"
#include "support.h"

#include "participant.h"
#include "turn.h"

#include <pthread.h>

static void *give_turns(void *arg)
{
    struct shm_control *c = arg;
    while (!(atomic_load(&c->wanted) & SHM_WANT_WAKE))
        turn_give(c);
    return NULL;
}

/* Nobody answers: the flag is lowered by its raiser, and what else was raised stays. Somebody does: it is lowered as well. */
START_TEST(test_asked)
{
    struct shm_control c = {0};
    pthread_t giver;
    atomic_store(&c.wanted, SHM_WANT_WAKE);
    turn_ask(&c);
    ck_assert_uint_eq(atomic_load(&c.wanted), SHM_WANT_WAKE);
    turn_give(&c);
    ck_assert_uint_eq(atomic_load(&c.wanted), SHM_WANT_WAKE);
    atomic_store(&c.wanted, SHM_WANT_WAKE | SHM_WANT_TURN); /* by somebody who was killed */
    turn_give(&c);
    ck_assert_uint_eq(atomic_load(&c.wanted), SHM_WANT_WAKE);
    atomic_store(&c.wanted, 0);
    ck_assert_int_eq(pthread_create(&giver, NULL, give_turns, &c), 0);
    for (int i = 0; i < 1000; i++)
        turn_ask(&c);
    ck_assert_uint_eq(atomic_load(&c.wanted), 0);
    atomic_store(&c.wanted, SHM_WANT_WAKE);
    ck_assert_int_eq(pthread_join(giver, NULL), 0);
}
END_TEST

/* Somebody asks. Is it answered by `op`? */
#define GIVEN_BY(v, op) (atomic_fetch_or(&(v)->seg.control->wanted, SHM_WANT_TURN), (void)(op), !turn_wanted((v)->seg.control))

/*
 * Whatever wins gives the turn, pushes on the fast path (from the second one on), too, and pops at the end of a leaf. Whatever changes nothing
 * does not.
 */
START_TEST(test_given)
{
    static const uint32_t size[] = {8, 16, 5};
    struct lfvec_attr a;
    unsigned char x[64] = {0};
    unit_attr(&a, size[_i]);
    lfvec_t *v = unit_make(&a);
    for (int i = 0; i < 4; i++)
        ck_assert(GIVEN_BY(v, lfvec_push(v, x, NULL)));
    ck_assert_int_eq(lfvec_clear(v), 0);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(lfvec_push(v, x, NULL), 0);
    int given = 0;
    for (int i = 0; i < 1000; i++)
        given += GIVEN_BY(v, lfvec_pop(v, x));
    ck_assert_int_ge(given, 5);
    ck_assert(GIVEN_BY(v, lfvec_push_n(v, x, 4, NULL)) && GIVEN_BY(v, lfvec_pop_n(v, x, 2)));
    ck_assert(GIVEN_BY(v, lfvec_set(v, 0, x)));
    ck_assert(!GIVEN_BY(v, lfvec_get(v, 0, x)) && !GIVEN_BY(v, lfvec_set(v, 2, x)));
    ck_assert(GIVEN_BY(v, lfvec_clear(v)) && !GIVEN_BY(v, lfvec_pop(v, x)));
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *turn_suite(void)
{
    Suite *s = suite_create("turn");
    TCase *tc = unit_case(s, "turn", 30);
    tcase_add_test(tc, test_asked);
    tcase_add_loop_test(tc, test_given, 0, 3);
    return s;
}
