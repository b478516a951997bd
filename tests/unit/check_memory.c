/*
 * check_memory.c - no private memory: every public function, with its n-th request for some refused, for n = 1, 2, ... until it needs no more. It
 * says so, or does without; no element is lost, no memory, and the next call succeeds.
 */
#include "holdings.h"
#include "nth.h"
#include "suites.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { DEAD = 5, EACH = 10, OWN = 1000, VALUES = OWN + DEAD * EACH, NTH_MOST = 100 };

static const char *name;
static lfvec_t *w; /* the handle that the function is called with */
static uint64_t x, many[VALUES];
static uint32_t asked; /* requests of the function */

/* ---- the functions: each leaves the vector with the same elements ------------------------------------------------------------------------ */

/* It is over: what puts its element back has all the memory that it wants. */
static int64_t over(int64_t result)
{
    asked = nth_asked();
    nth_fail(0);
    return result;
}

static int64_t push(void)
{
    uint64_t y = 0;
    const int64_t err = over(lfvec_push_u64(w, VALUES));
    MUST(err || (lfvec_pop_u64(w, &y) == 0 && y == VALUES));
    return err;
}

static int64_t push_n(void)
{
    const uint64_t two[2] = {VALUES, VALUES};
    uint64_t back[2];
    const int64_t n = over(lfvec_push_n(w, two, 2, NULL));
    MUST(n < 0 || (n == 2 && lfvec_pop_n(w, back, 2) == 2 && back[1] == VALUES));
    return n < 0 ? n : 0;
}

static int64_t push_n_parts(void)
{
    struct lfvec_part part[1];
    const int64_t n = over(lfvec_push_n_parts(w, &x, 1, part, 1));
    MUST(n < 0 || lfvec_pop_u64(w, &x) == 0);
    return n < 0 ? n : 0;
}

static int64_t give_back(int64_t err)
{
    (void)over(0);
    MUST(err || lfvec_push_u64(w, x) == 0);
    return err;
}

static int64_t pop(void)
{
    return give_back(lfvec_pop(w, &x));
}

static int64_t pop_n(void)
{
    const int64_t n = lfvec_pop_n(w, &x, 1);
    return give_back(n < 0 ? n : 0);
}

static int64_t pop_wait(void)
{
    return give_back(lfvec_pop_wait(w, &x, NULL));
}

static int64_t pop_lease(void)
{
    const int64_t err = over(lfvec_pop_lease(w, &x));
    MUST(err || lfvec_release(w) == 0);
    return err;
}

static int64_t release(void)
{
    return lfvec_pop_lease(w, &x) == 0 ? lfvec_release(w) : 0;
}

static int64_t set(void)
{
    RETURNS(0, lfvec_get_u64(w, 3, &x));
    return lfvec_set_u64(w, 3, x);
}

static int64_t cas(void)
{
    RETURNS(0, lfvec_get_u64(w, 3, &x));
    return lfvec_cas_u64(w, 3, &x, x);
}

static int64_t fetch_add(void)
{
    return lfvec_fetch_add_u64(w, 3, 0, NULL);
}

static int64_t get(void)
{
    return lfvec_get_u64(w, 3, &x);
}

static int64_t get_n(void)
{
    return lfvec_get_n(w, 0, many, OWN) == OWN ? 0 : -EIO;
}

static int64_t snapshot(void)
{
    return lfvec_snapshot(w, 0, many, OWN, NULL);
}

static int64_t size_and_capacity(void)
{
    return lfvec_size(w) >= OWN && lfvec_capacity(w) >= OWN ? 0 : -EIO;
}

static int64_t reserve(void)
{
    return lfvec_reserve(w, 20000);
}

static int64_t trim(void)
{
    return lfvec_trim(w);
}

static int64_t clear(void)
{
    const int64_t err = over(lfvec_clear(w));
    for (uint64_t i = 0; !err && i < OWN; i++)
        MUST(lfvec_push_u64(w, i) == 0);
    return err;
}

static int64_t recover(void)
{
    return lfvec_recover(w, NULL);
}

static int64_t recover_slot(void)
{
    return lfvec_recover_slot(w, 2, NULL);
}

static int64_t recover_forced(void)
{
    const int err = lfvec_recover_forced(w, 3, NULL);
    return err == -EBUSY ? 0 : err;
}

static int64_t check(void)
{
    struct lfvec_audit a;
    const int err = lfvec_check(w, &a);
    MUST_MSG(!a.fault, "%s", a.message);
    return err;
}

static int64_t stat(void)
{
    struct lfvec_stat st;
    return lfvec_stat(w, &st);
}

static int64_t participant(void)
{
    struct lfvec_participant p;
    int err = 0;
    for (uint32_t i = 1; i <= DEAD && !err; i++)
        err = lfvec_participant(w, i, &p);
    return err;
}

static int64_t region(void)
{
    struct lfvec_region r;
    struct lfvec_pages pages;
    const int err = lfvec_region(w, 1, &r);
    return err ? err : lfvec_region_pages(w, 1, &pages);
}

static int64_t look(void)
{
    return lfvec_is_current(w) == 1 && lfvec_elem_size(w) == 8 && lfvec_batch_most(w) && lfvec_name(w)[0] ? 0 : -EIO;
}

static int64_t leave(void)
{
    const int err = lfvec_pop_lease(w, &x);
    return err ? err : lfvec_leave(w);
}

static int64_t open_and_detach(void)
{
    lfvec_t *more = lfvec_open(name, 0, NULL);
    const int err = more ? 0 : -errno;
    MUST_MSG(more || *lfvec_last_error(), "no sentence");
    MUST(!more || (lfvec_push_u64(more, VALUES) == -ENOMEM || lfvec_pop_u64(more, &x) == 0));
    return more ? lfvec_detach(more) : err;
}

static int64_t create(void)
{
    char other[80];
    snprintf(other, sizeof other, "%s-b", name);
    lfvec_t *more = lfvec_open(other, LFVEC_CREATE | LFVEC_EXCL, NULL);
    const int err = more ? 0 : -errno;
    const int unlinked = lfvec_unlink(other);
    MUST(unlinked == 0 || (err && unlinked == -ENOENT));
    return more ? lfvec_detach(more) : err;
}

/* The table of attachments has to grow. */
static int64_t open_many(void)
{
    enum { SOME = 20 };
    lfvec_t *more[SOME];
    int n = 0, err = 0;
    while (n < SOME && (more[n] = lfvec_attach(name)))
        n++;
    err = n < SOME ? -errno : 0;
    while (n)
        MUST(lfvec_detach(more[--n]) == 0);
    return err;
}

enum { NEVER_FAILS = 0, MAY_FAIL = 1, INHERITS = 3 }; /* or may fail, and is tried among the dead as well */

static const struct call {
    const char *what;
    int64_t (*fn)(void);
    int may;
} calls[] = {
    {"push", push, INHERITS},
    {"push_n", push_n, MAY_FAIL},
    {"push_n_parts", push_n_parts, MAY_FAIL},
    {"pop", pop, INHERITS},
    {"pop_n", pop_n, MAY_FAIL},
    {"pop_wait", pop_wait, MAY_FAIL},
    {"pop_lease", pop_lease, INHERITS},
    {"release", release, MAY_FAIL},
    {"set", set, INHERITS},
    {"cas_u64", cas, MAY_FAIL},
    {"fetch_add_u64", fetch_add, MAY_FAIL},
    {"reserve", reserve, INHERITS},
    {"trim", trim, INHERITS},
    {"clear", clear, MAY_FAIL},
    {"recover", recover, INHERITS},
    {"recover_slot", recover_slot, INHERITS},
    {"recover_forced", recover_forced, INHERITS},
    {"check", check, MAY_FAIL},
    {"open", open_and_detach, MAY_FAIL},
    {"open, to create", create, MAY_FAIL},
    {"attach, many times", open_many, MAY_FAIL},
    {"leave", leave, INHERITS}, /* its pop */
    {"get", get, NEVER_FAILS},
    {"get_n", get_n, NEVER_FAILS},
    {"snapshot", snapshot, NEVER_FAILS},
    {"size, capacity", size_and_capacity, NEVER_FAILS},
    {"stat", stat, NEVER_FAILS},
    {"participant", participant, NEVER_FAILS},
    {"region", region, NEVER_FAILS},
    {"is_current, name, ...", look, NEVER_FAILS},
};
enum { CALLS = sizeof calls / sizeof *calls };

/* ---- each of them, in a thread that has done nothing yet ---------------------------------------------------------------------------------- */

struct attempt {
    const struct call *call;
    uint32_t n;
    bool reached; /* there was an n-th request */
};

static void attempt(void *arg)
{
    struct attempt *a = arg;
    nth_fail(a->n);
    asked = 0;
    const int64_t got = a->call->fn();
    if (!asked)
        (void)over(0);
    a->reached = asked >= a->n;
    MUST_MSG(got == 0 || (got == -ENOMEM && a->reached && a->call->may), "%s without its memory no. %u: %s", a->call->what, a->n,
             strerror((int)-got));
    const int64_t again = a->call->fn();
    MUST_MSG(again == 0, "%s, the next time: %s", a->call->what, strerror((int)-again));
}

/* Elements of its own, of which it has one on lease. */
static void push_and_die(void *which)
{
    lfvec_t *v = unit_open(name, 0);
    const uint64_t first = OWN + (uint64_t)(uintptr_t)which * EACH;
    unit_fill(v, first, first + EACH);
    MUST(lfvec_pop_lease(v, &x) == 0);
    kill(getpid(), SIGKILL);
}

static lfvec_t *make(void)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = DEAD + 3;
    lfvec_t *v = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, &a);
    MUST_MSG(v, "%s", lfvec_last_error());
    unit_fill(v, 0, OWN);
    return v;
}

static void kill_some(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        MUST(unit_child_status(push_and_die, (void *)(uintptr_t)i) == SIGKILL);
}

/* Every one of `n` elements is there once. */
static void expect_each_once(lfvec_t *v, uint64_t n, const struct attempt *a)
{
    bool seen[VALUES] = {false};
    MUST_MSG(lfvec_size(v) == n, "%s without its memory no. %u: %llu elements of %llu", a->call->what, a->n,
             (unsigned long long)lfvec_size(v), (unsigned long long)n);
    for (uint64_t i = 0; i < n; i++) {
        MUST(lfvec_get_u64(v, i, &x) == 0 && x < VALUES && !seen[x]);
        seen[x] = true;
    }
    unit_sound(v);
}

/* false: it has no n-th request, so that was all. */
static bool without_its_nth(struct attempt *a, uint64_t dead)
{
    lfvec_t *v = make();
    kill_some(dead);
    const struct holdings before = holdings_now(NULL, NULL);
    const int64_t blocks = nth_blocks();
    w = unit_open(name, 0);
    unit_in_thread(attempt, a);
    RETURNS(0, lfvec_detach(w));
    MUST_MSG(nth_blocks() == blocks, "%s without its memory no. %u: %lld blocks are not freed", a->call->what, a->n,
             (long long)(nth_blocks() - blocks));
    const struct holdings then = holdings_now(NULL, NULL);
    holdings_same(&before, &then, a->call->what);
    RETURNS(0, lfvec_recover(v, NULL));
    expect_each_once(v, OWN + dead * EACH, a);
    RETURNS(0, lfvec_detach(v));
    RETURNS(0, lfvec_unlink(name));
    return a->reached;
}

static void without_each(const struct call *call, uint64_t dead)
{
    struct attempt a = {.call = call, .n = 1};
    name = unit_name();
    while (without_its_nth(&a, dead))
        MUST(a.n++ < NTH_MOST);
}

START_TEST(test_without_each)
{
    without_each(&calls[_i], 0);
}
END_TEST

/* Where dead participants have left something to take over. */
START_TEST(test_without_each_among_the_dead)
{
    UNIT_NEEDS(unit_lacks_robust_locks);
    if (calls[_i].may == INHERITS)
        without_each(&calls[_i], DEAD);
}
END_TEST

Suite *memory_suite(void)
{
    Suite *s = suite_create("memory");
    TCase *tc = unit_case(s, "memory", 60);
    tcase_add_loop_test(tc, test_without_each, 0, CALLS);
    tcase_add_loop_test(tc, test_without_each_among_the_dead, 0, CALLS);
    return s;
}
