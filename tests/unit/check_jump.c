/*
 * check_jump.c - a signal handler that jumps out of an operation (siglongjmp), after each instruction of it: the operation has taken effect or
 * not, and the thread goes on. The processor's trap flag makes the signals: SIGTRAP after each instruction.
 *
 * To get to an instruction takes as many signals as there are before it, so a sample is tried: LFVEC_JUMPS=all tries each.
 */
#include "suites.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define STEPS 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#undef STEPS
#endif
#endif

#ifdef STEPS
enum { LEAF = 8, MOST = 64, TRAP = 0x100 };

struct content {
    uint64_t n, elem[MOST];
};

static sigjmp_buf away;
static volatile uint64_t steps, jump_at;

/* Not where the library holds signals back: there, a handler of another signal would not run. */
static void stepped(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *c = context;
    (void)signal, (void)info;
    steps = steps + 1;
    if (steps >= jump_at && !sigismember(&c->uc_sigmask, SIGUSR1))
        siglongjmp(away, 1);
}

static void step_on(void)
{
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | TRAP);
}

static void step_off(void)
{
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~(unsigned long long)TRAP);
}

/* ---- operations ------------------------------------------------------------------------------------------------------------------------ */

static const uint64_t ten[10] = {500, 501, 502, 503, 504, 505, 506, 507, 508, 509};

static int do_push(lfvec_t *v)
{
    return lfvec_push_u64(v, 100);
}

static void did_push(struct content *c)
{
    c->elem[c->n++] = 100;
}

static int do_pop(lfvec_t *v)
{
    uint64_t x;
    return lfvec_pop_u64(v, &x);
}

static int do_pop_wait(lfvec_t *v)
{
    uint64_t x;
    return lfvec_pop_wait(v, &x, NULL);
}

static int do_pop_lease(lfvec_t *v)
{
    uint64_t x;
    return lfvec_pop_lease(v, &x);
}

static void did_pop(struct content *c)
{
    c->n--;
}

static int do_set(lfvec_t *v)
{
    return lfvec_set_u64(v, 3, 101);
}

static void did_set(struct content *c)
{
    c->elem[3] = 101;
}

static int do_add(lfvec_t *v)
{
    return lfvec_fetch_add_u64(v, 9, 1000, NULL);
}

static void did_add(struct content *c)
{
    c->elem[9] += 1000;
}

static int do_push_n(lfvec_t *v)
{
    return (int)lfvec_push_n(v, ten, 10, NULL) - 10;
}

static void did_push_n(struct content *c)
{
    memcpy(c->elem + c->n, ten, sizeof ten);
    c->n += 10;
}

static int do_pop_n(lfvec_t *v)
{
    uint64_t x[10];
    return (int)lfvec_pop_n(v, x, 10) - 10;
}

static void did_pop_n(struct content *c)
{
    c->n -= 10;
}

static int do_clear(lfvec_t *v)
{
    return lfvec_clear(v);
}

static void did_clear(struct content *c)
{
    c->n = 0;
}

static void did_release(struct content *c)
{
    c->n++;
}

static void did_nothing(struct content *c)
{
    (void)c;
}

enum { LEASED = 1 };

static const struct op {
    const char *name;
    int (*does)(lfvec_t *v);
    void (*did)(struct content *c);
    uint64_t n; /* elements before */
    bool ours;  /* pushed by this thread, and not by another */
    int before; /* LEASED: one more, on lease */
} ops[] = {
    {"push at hand", do_push, did_push, 12, true, 0},
    {"push to a new leaf", do_push, did_push, 16, true, 0},
    {"push to another's leaf", do_push, did_push, 12, false, 0},
    {"pop at hand", do_pop, did_pop, 12, true, 0},
    {"pop another's", do_pop, did_pop, 12, false, 0},
    {"pop_wait", do_pop_wait, did_pop, 12, false, 0},
    {"pop_lease", do_pop_lease, did_pop, 12, true, 0},
    {"pop_lease another's", do_pop_lease, did_pop, 12, false, 0},
    {"ack", lfvec_ack, did_nothing, 12, true, LEASED},
    {"release", lfvec_release, did_release, 12, true, LEASED},
    {"release to another's leaf", lfvec_release, did_release, 12, false, LEASED},
    {"set", do_set, did_set, 12, true, 0},
    {"set another's", do_set, did_set, 12, false, 0},
    {"fetch_add", do_add, did_add, 12, false, 0},
    {"push_n", do_push_n, did_push_n, 12, true, 0},
    {"push_n to another's leaf", do_push_n, did_push_n, 12, false, 0},
    {"pop_n", do_pop_n, did_pop_n, 12, false, 0},
    {"clear", do_clear, did_clear, 12, true, 0},
};

/* ---- before and after ------------------------------------------------------------------------------------------------------------------ */

struct filling {
    lfvec_t *v;
    uint64_t from, to;
};

static void fill(void *arg)
{
    const struct filling *f = arg;
    unit_fill(f->v, f->from, f->to);
}

static void fill_by(struct unit_team *t, bool ours, struct filling f)
{
    if (ours)
        fill(&f);
    else
        unit_team_do(t, 0, fill, &f);
}

static void pop_one(void *v)
{
    MUST(do_pop(v) == 0);
}

/* 0, 1, 2, ... in leaves of this thread or of another; leaves beyond the size, too. */
static struct content make_before(lfvec_t *v, struct unit_team *t, const struct op *op)
{
    struct content c = {.n = op->n};
    uint64_t x;
    MUST(lfvec_clear(v) == 0);
    fill_by(t, op->ours, (struct filling){v, 0, 30});
    MUST(lfvec_clear(v) == 0);
    fill_by(t, op->ours, (struct filling){v, 0, op->n + (op->before == LEASED)});
    if (op->before == LEASED)
        MUST(lfvec_pop_lease(v, &x) == 0);
    if (op->before == LEASED && !op->ours) { /* the other has the last word, so that the leaf and the descriptor are the other's */
        fill_by(t, false, (struct filling){v, op->n, op->n + 1});
        unit_team_do(t, 0, pop_one, v);
    }
    for (uint64_t i = 0; i < MOST; i++)
        c.elem[i] = i;
    return c;
}

static bool equal(lfvec_t *v, const struct content *c)
{
    uint64_t x;
    bool same = lfvec_size(v) == c->n;
    for (uint64_t i = 0; same && i < c->n; i++)
        same = lfvec_get_u64(v, i, &x) == 0 && x == c->elem[i];
    return same;
}

/* The thread goes on, by what is at hand and what is not. */
static void go_on(lfvec_t *v, struct content *c)
{
    uint64_t x;
    for (uint64_t i = 0; i < 3; i++) {
        MUST(lfvec_push_u64(v, 600 + i) == 0);
        c->elem[c->n++] = 600 + i;
    }
    MUST(lfvec_set_u64(v, c->n - 1, 700) == 0);
    MUST(lfvec_pop_u64(v, &x) == 0 && x == 700);
    MUST(lfvec_pop_u64(v, &x) == 0 && x == 601);
    c->n -= 2;
    for (uint64_t i = 0; i < LEAF + 1; i++) {
        MUST(lfvec_push_u64(v, 610 + i) == 0);
        c->elem[c->n++] = 610 + i;
    }
    MUST(equal(v, c));
}

/* An element that is on lease, whether the thread knows of it or not: it can be given back, once. */
static void settle_lease(lfvec_t *v, const struct op *op, bool took_effect, struct content *c)
{
    uint64_t x;
    const bool leasing = op->does == do_pop_lease, held = leasing ? took_effect : op->does == lfvec_release && !took_effect;
    if (!leasing && op->before != LEASED)
        return;
    if (op->does == lfvec_ack) { /* one store: nobody can say whether it was made */
        if (lfvec_ack(v) == 0)
            MUST(lfvec_ack(v) == -EINVAL);
        return;
    }
    MUST(!held || lfvec_pop_lease(v, &x) == -EBUSY);
    MUST(lfvec_release(v) == (held ? 0 : -EINVAL));
    MUST(lfvec_release(v) == -EINVAL);
    c->n += held;
    MUST(equal(v, c));
}

/* False: the operation was over before. */
static bool jump_out(lfvec_t *v, struct unit_team *t, const struct op *op, uint64_t at)
{
    struct content before = make_before(v, t, op), after = before;
    volatile bool jumped = true;
    volatile int result = 0;
    op->did(&after);
    steps = 0;
    jump_at = at;
    if (sigsetjmp(away, 1) == 0) {
        step_on();
        result = op->does(v);
        step_off();
        jumped = false;
    }
    MUST_MSG(result == 0, "%s: %d", op->name, result);
    const bool took_effect = equal(v, &after);
    MUST_MSG(took_effect || (jumped && equal(v, &before)), "%s, after %u instructions: neither done nor not done", op->name, (unsigned)at);
    settle_lease(v, op, took_effect, took_effect ? &after : &before);
    go_on(v, took_effect ? &after : &before);
    unit_sound(v);
    return jumped;
}

START_TEST(test_jump_after_each_instruction)
{
    const struct op *op = &ops[_i];
    struct sigaction step = {.sa_sigaction = stepped, .sa_flags = SA_SIGINFO}, old;
    struct unit_team *t = unit_team_new(1);
    struct lfvec_attr attr;
    struct unit_rng random = unit_random("jump", (uint64_t)_i);
    const char *jumps = getenv("LFVEC_JUMPS");
    const uint64_t most = jumps && !strcmp(jumps, "all") ? 1 : 50;
    uint64_t at = 1;
    unit_attr(&attr, 8);
    attr.leaf_bytes = LEAF * 8;
    lfvec_t *v = unit_make(&attr);
    MUST(sigaction(SIGTRAP, &step, &old) == 0);
    while (jump_out(v, t, op, at))
        at += at < 150 ? 1 : 1 + unit_below(&random, most); /* each of those of the fast paths */
    ck_assert_uint_gt(at, 10);
    MUST(sigaction(SIGTRAP, &old, NULL) == 0);
    unit_team_end(t);
    ck_assert_uint_eq(unit_stat(v).slots_alive, 1);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST
#else
START_TEST(test_jump_after_each_instruction)
{
    UNIT_SKIP("it takes x86-64's trap flag, and a library without instrumentation");
}
END_TEST
static const int ops[1] = {0};
#endif

/* ---- out of a wait --------------------------------------------------------------------------------------------------------------------- */

static sigjmp_buf awake;
static _Atomic uint32_t waiting;

static void wake_up(int signal)
{
    (void)signal;
    if (atomic_load(&waiting))
        siglongjmp(awake, 1);
}

/* As often as it takes: the first may come before there is a wait. */
static void *signal_it(void *thread)
{
    while (!atomic_load(&waiting))
        sched_yield();
    while (atomic_load(&waiting)) {
        (void)pthread_kill(*(pthread_t *)thread, SIGUSR1);
        sched_yield();
    }
    return NULL;
}

START_TEST(test_jump_out_of_wait)
{
    const struct sigaction action = {.sa_handler = wake_up};
    pthread_t self = pthread_self(), other;
    lfvec_t *v = unit_make(NULL);
    uint64_t x = 0;
    MUST(sigaction(SIGUSR1, &action, NULL) == 0);
    for (volatile uint32_t i = 0; i < 100; i++) {
        if (i % 2)
            MUST(lfvec_push_u64(v, 1) == 0 && lfvec_pop_lease(v, &x) == 0);
        if (sigsetjmp(awake, 1) == 0) {
            MUST(pthread_create(&other, NULL, signal_it, &self) == 0);
            atomic_store(&waiting, 1);
            MUST(lfvec_pop_wait(v, &x, NULL) == 0); /* for ever */
        }
        atomic_store(&waiting, 0);
        MUST(pthread_join(other, NULL) == 0);
        MUST(lfvec_ack(v) == (i % 2 ? 0 : -EINVAL)); /* what was on lease is so still */
        MUST(lfvec_push_u64(v, i) == 0 && lfvec_pop_u64(v, &x) == 0 && x == i);
    }
    unit_sound(v);
    ck_assert_uint_eq(unit_stat(v).slots_alive, 1);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *jump_suite(void)
{
    Suite *suite = suite_create("jump");
    TCase *tc = unit_case(suite, "jump", 240);
    tcase_add_loop_test(tc, test_jump_after_each_instruction, 0, sizeof ops / sizeof ops[0]);
    tcase_add_test(tc, test_jump_out_of_wait);
    return suite;
}
