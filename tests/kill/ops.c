/*
 * ops.c - the table of operations. A row says who does what before (furnish: the test process; prepare: the victim; meanwhile: the test
 * process again), what the victim is stepped through, and what that does to the contents. To test another operation, add a row.
 */
#include "kill.h"

#include "desc.h"
#include "participant.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { PUSHED = 999, SET = 555, RIVAL = 333, HEIR = 888, BATCH = 20 };

static void must(bool well)
{
    if (!well)
        abort();
}

/* ---- furnishing ------------------------------------------------------------------------------------------------------------------------ */

static void push_some(lfvec_t *v, uint32_t n)
{
    for (uint64_t i = 0; i < n; i++)
        must(lfvec_push_u64(v, 100 + i) == 0);
}

static void pop_some(lfvec_t *v, uint32_t n)
{
    uint64_t x;
    for (uint32_t i = 0; i < n; i++)
        must(lfvec_pop_u64(v, &x) == 0);
}

static void join(lfvec_t *v)
{
    must(lfvec_set_u64(v, MODEL_MOST, 0) == -ERANGE);
}

static void push_1(lfvec_t *v)
{
    push_some(v, 1);
}

static void push_3(lfvec_t *v)
{
    push_some(v, 3);
}

static void push_8(lfvec_t *v)
{
    push_some(v, 8);
}

static void push_9(lfvec_t *v)
{
    push_some(v, 9);
}

static void push_12(lfvec_t *v)
{
    push_some(v, 12);
}

static void push_1_pop_1(lfvec_t *v)
{
    push_some(v, 1);
    pop_some(v, 1);
}

static void push_6_pop_3(lfvec_t *v)
{
    push_some(v, 6);
    pop_some(v, 3);
}

static void push_12_pop_12(lfvec_t *v)
{
    push_some(v, 12);
    pop_some(v, 12);
}

static void push_25_pop_22(lfvec_t *v)
{
    push_some(v, 25);
    pop_some(v, 22);
}

static void push_40_pop_35(lfvec_t *v)
{
    push_some(v, 40);
    pop_some(v, 35);
}

/* ---- histories of leaves: what was freed is in use again before anybody recovers who freed it ------------------------------------------- */

static uint64_t batch[BATCH] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
enum { TRIES = 1000, THIRD = 2 };

static void push_batch(lfvec_t *v)
{
    must(lfvec_push_n(v, batch, BATCH, NULL) == BATCH);
}

static uint64_t leaf_of(lfvec_t *v, uint64_t d)
{
    struct desc_view view;
    uint64_t ref = 0;
    must(desc_resolve(&v->seg, head_load(v->seg.control), d, &view, &ref) == 0);
    return ref;
}

/*
 * The victim's batch has replaced leaves of the test process. The second of these comes to hold the elements of the third entry; the victim's buffer,
 * which it will use again for one leaf, still has it among those replaced.
 */
static void take_what_a_batch_freed(lfvec_t *v)
{
    const struct shm_desc *d = &slot_at(&v->seg, SURVIVOR + 1)->desc[0];
    const uint64_t ref = atomic_load(&d->entry[1].old_ref), i = THIRD * ELEMS_OF_LEAF;
    uint64_t x;
    must(atomic_load(&d->count) == THIRD + 1 && ref && lfvec_get_u64(v, i, &x) == 0);
    for (uint32_t tries = 0; leaf_of(v, THIRD) != ref; tries++)
        must(tries < TRIES && lfvec_set_u64(v, i, x) == 0);
}

/* Takes leaves and gives them back, which makes no version, until that one is in hand. */
static void take_in_hand(struct participant *p, uint64_t ref)
{
    participant_return_spares(p);
    must(participant_spares(p, 1) == 0);
    for (uint32_t tries = 0; p->spare[0] != ref; tries++) {
        participant_return_spares(p);
        must(tries < TRIES && participant_spares(p, 1) == 0);
    }
}

/* The leaf that the victim has replaced, and freed before it was killed, if it came to that: nobody has told yet that it has. */
static void take_what_was_freed(lfvec_t *v)
{
    const struct shm_slot *slot = slot_at(&v->seg, SURVIVOR + 1);
    const uint64_t intent = atomic_load(&slot->intent), ref = atomic_load(&slot->desc[intent & 1].entry[0].old_ref);
    struct leaf leaf;
    if (intent && ref && slab_locate(&v->seg, ref, &leaf) == 0 && !slab_taken(&v->seg, ref))
        take_in_hand(thread_state.p, ref);
}

static void push_12_pop_12_trim(lfvec_t *v)
{
    push_12_pop_12(v);
    must(lfvec_trim(v) == 0);
}

static void set_first(lfvec_t *v)
{
    must(lfvec_set_u64(v, 0, 444) == 0);
}

/* The test process owns every slab, and works in the one that has no elements. */
static void own_all(lfvec_t *v)
{
    stage_own_all(v);
}

/* Likewise, but works in the one that has the elements. */
static void own_all_and_set(lfvec_t *v)
{
    stage_own_all(v);
    must(slab_enter(&v->seg, thread_state.p->me, 0));
    set_first(v);
}

/* As many elements as fill the first page of the directory. */
static void push_page(lfvec_t *v)
{
    push_some(v, SHM_PAGE / sizeof(struct shm_entry) * ELEMS_OF_LEAF);
}

/* As many as fill a slab. */
static void push_slab(lfvec_t *v)
{
    push_some(v, v->seg.l.slab_leaves * ELEMS_OF_LEAF);
}

static void reserve_and_push_3(lfvec_t *v)
{
    must(lfvec_reserve(v, FEW_ELEMS) == 0);
    push_some(v, 3);
}

static void lease(lfvec_t *v)
{
    uint64_t x;
    push_some(v, 3);
    must(lfvec_push_u64(v, LEASED) == 0 && lfvec_pop_lease(v, &x) == 0 && x == LEASED);
}

static void push_leasable(lfvec_t *v)
{
    push_some(v, 3);
    must(lfvec_push_u64(v, LEASED) == 0);
}

static void lease_ack_push_leasable(lfvec_t *v)
{
    lease(v);
    must(lfvec_ack(v) == 0 && lfvec_push_u64(v, LEASED) == 0);
}

/* A waiter that died waiting leaves its flag up: the next push makes a call for nothing. A loser that died asking: it pauses for nothing. */
static void wait_and_die(lfvec_t *v)
{
    atomic_store_explicit(&v->seg.control->wanted, SHM_WANT_WAKE | SHM_WANT_TURN, memory_order_relaxed);
}

static void *guest(void *v)
{
    push_some(v, 12);
    return NULL;
}

/* Somebody took the victim's slot before it, and left it in an orderly way, with slabs that hold elements. */
static void guest_12(lfvec_t *v)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, guest, v) == 0);
    must(pthread_join(thread, NULL) == 0);
}

/* ---- what the victim is stepped through ------------------------------------------------------------------------------------------------ */

#define RUN(name, expression)                                                                                                              \
    static int name(lfvec_t *v, const char *segment)                                                                                       \
    {                                                                                                                                      \
        uint64_t x = 0;                                                                                                                    \
        (void)v;                                                                                                                           \
        (void)segment;                                                                                                                     \
        (void)x;                                                                                                                           \
        return (expression) ? 0 : 1;                                                                                                       \
    }

static const struct timespec moment = {.tv_sec = 0}; /* sleeping would depend on the speed of stepping */
static struct lfvec_attr attr;

RUN(run_push, lfvec_push_u64(v, PUSHED) == 0)
RUN(run_pop, lfvec_pop_u64(v, &x) == 0)
RUN(run_get, lfvec_get_u64(v, 2, &x) == 0)
RUN(run_set, lfvec_set_u64(v, 1, SET) == 0)
RUN(run_cas, lfvec_cas_u64(v, 1, (x = 101, &x), SET) == 0)
RUN(run_add, lfvec_fetch_add_u64(v, 1, SET, &x) == 0)
RUN(run_push_n, lfvec_push_n(v, batch, BATCH, NULL) == BATCH)
RUN(run_push_3, lfvec_push_n(v, batch, 3, NULL) == 3)
RUN(run_pop_n, lfvec_pop_n(v, batch, BATCH) == BATCH)
RUN(run_snapshot, lfvec_snapshot(v, 1, batch, 10, NULL) == 0)
RUN(run_pop_wait, lfvec_pop_wait(v, &x, &moment) == 0)
RUN(run_time_out, lfvec_pop_wait(v, &x, &moment) == -ETIMEDOUT)
RUN(run_lease, lfvec_pop_lease(v, &x) == 0)
RUN(run_ack, lfvec_ack(v) == 0)
RUN(run_release, lfvec_release(v) == 0)
RUN(run_clear, lfvec_clear(v) == 0)
RUN(run_trim, lfvec_trim(v) == 0)
RUN(run_reserve, lfvec_reserve(v, 6000) == 0)
RUN(run_detach, lfvec_detach(v) == 0)
RUN(run_recover, lfvec_recover(v, NULL) == 0)
RUN(run_inherit, lfvec_push_u64(v, HEIR) == 0)
RUN(run_create, (stage_attr(&attr, FEW_ELEMS), lfvec_open(segment, LFVEC_CREATE, &attr)) != NULL)
RUN(run_open, lfvec_open(segment, 0, NULL) != NULL)
RUN(run_open_rdonly, lfvec_open(segment, LFVEC_RDONLY, NULL) != NULL)

/* ---- what that does to the contents ---------------------------------------------------------------------------------------------------- */

static void model_pushed(struct model *m)
{
    model_push(m, PUSHED);
}

static void model_heir(struct model *m)
{
    model_push(m, HEIR);
}

static void model_leased(struct model *m)
{
    model_push(m, LEASED);
}

static void model_pop(struct model *m)
{
    m->n -= m->n != 0;
}

static void model_set(struct model *m)
{
    m->elem[1] = SET;
}

static void model_add(struct model *m)
{
    m->elem[1] += SET;
}

static void model_push_n(struct model *m)
{
    for (uint32_t i = 0; i < BATCH; i++)
        model_push(m, batch[i]);
}

static void model_push_3(struct model *m)
{
    for (uint32_t i = 0; i < 3; i++)
        model_push(m, batch[i]);
}

static void model_pop_n(struct model *m)
{
    m->n -= m->n < BATCH ? m->n : BATCH;
}

static void model_clear(struct model *m)
{
    m->n = 0;
}

/* ---- rivals: the test process gets in just before the victim's compare-and-swap -------------------------------------------------------- */

static void rival_push(lfvec_t *v)
{
    must(lfvec_push_u64(v, RIVAL) == 0);
}

static void rival_push_model(struct model *m)
{
    model_push(m, RIVAL);
}

static void rival_leasable(lfvec_t *v)
{
    must(lfvec_push_u64(v, LEASED) == 0);
}

static void rival_set(lfvec_t *v)
{
    must(lfvec_set_u64(v, 0, RIVAL) == 0);
}

static void rival_set_model(struct model *m)
{
    m->elem[0] = RIVAL;
}

static void rival_pop(lfvec_t *v)
{
    pop_some(v, 1);
}

/* Takes the leaf of entry 0 away from the victim and gives the place of the descriptor in effect to another entry. */
static void rival_churn(lfvec_t *v)
{
    rival_set(v);
    push_some(v, 9);
    pop_some(v, 9);
}

/* ---- the tables ------------------------------------------------------------------------------------------------------------------------ */

/* The longest ones first, so that the workers end together. */
const struct op ops[] = {
    {"create", .run = run_create, .flags = OP_CREATES | OP_OWN_TEXT},
    {"attach", .furnish = push_12, .run = run_open, .flags = OP_OPENS | OP_OWN_TEXT},
    {"attach, read-only", .furnish = push_12, .run = run_open_rdonly, .flags = OP_OPENS | OP_OWN_TEXT},
    {"push", .prepare = push_3, .run = run_push, .model = model_pushed},
    {"push, new leaf", .prepare = push_8, .run = run_push, .model = model_pushed},
    {"push, new leaf, helping", .prepare = push_1_pop_1, .meanwhile = push_8, .run = run_push, .model = model_pushed},
    {"push, copy on write", .furnish = push_3, .prepare = push_1_pop_1, .meanwhile = push_1, .run = run_push, .model = model_pushed},
    {"push, used slot", .prepare = push_6_pop_3, .run = run_push, .model = model_pushed},
    {"push, in place, publishing", .prepare = push_9, .meanwhile = set_first, .run = run_push, .model = model_pushed},
    {"push, first of all", .prepare = join, .run = run_push, .model = model_pushed},
    {"push, slab claim", .furnish = push_3, .prepare = join, .run = run_push, .model = model_pushed},
    {"push, unowned slab", .furnish = reserve_and_push_3, .prepare = join, .run = run_push, .model = model_pushed},
    {"push, second slab", .prepare = push_slab, .run = run_push, .model = model_pushed, .flags = OP_LARGE},
    {"push, directory grows", .furnish = push_page, .prepare = set_first, .run = run_push, .model = model_pushed, .flags = OP_LARGE},
    {"push, waking", .furnish = wait_and_die, .prepare = push_3, .run = run_push, .model = model_pushed},
    {"first use, push", .furnish = push_3, .run = run_push, .model = model_pushed, .flags = OP_OWN_TEXT},
    {"first use, pop", .furnish = push_3, .run = run_pop, .model = model_pop, .flags = OP_OWN_TEXT},
    {"first use, inherited slabs", .furnish = guest_12, .run = run_push, .model = model_pushed, .flags = OP_OWN_TEXT},
    {"pop", .prepare = push_3, .run = run_pop, .model = model_pop},
    {"pop, another's leaf", .furnish = push_3, .prepare = join, .run = run_pop, .model = model_pop},
    {"pop, last of a leaf", .prepare = push_9, .run = run_pop, .model = model_pop},
    {"pop, last of all", .prepare = push_1, .run = run_pop, .model = model_pop},
    {"get", .prepare = push_12, .run = run_get},
    {"set", .prepare = push_3, .run = run_set, .model = model_set},
    {"set, another's leaf", .furnish = push_12, .prepare = push_1_pop_1, .run = run_set, .model = model_set},
    {"set, an older batch in the buffer", .furnish = push_25_pop_22, .prepare = push_batch, .meanwhile = take_what_a_batch_freed,
     .run = run_set, .model = model_set},
    {"set, what it freed is taken at once", .furnish = push_3, .prepare = push_1_pop_1, .meanwhile = set_first, .run = run_set,
     .model = model_set, .after = take_what_was_freed},
    {"cas_u64", .prepare = push_12, .run = run_cas, .model = model_set},
    {"fetch_add_u64", .prepare = push_12, .run = run_add, .model = model_add},
    {"push_n, in a leaf", .prepare = push_3, .run = run_push_3, .model = model_push_3},
    {"push_n, several leaves", .furnish = push_3, .prepare = push_1_pop_1, .run = run_push_n, .model = model_push_n},
    {"push_n, used leaves", .prepare = push_25_pop_22, .run = run_push_n, .model = model_push_n},
    {"push_n, first of all", .prepare = join, .run = run_push_n, .model = model_push_n},
    {"push, taking over the last leaf", .furnish = push_3, .prepare = join, .meanwhile = own_all, .run = run_push, .model = model_pushed,
     .flags = OP_TIGHT},
    {"push, taking over a free leaf", .furnish = push_3, .prepare = join, .meanwhile = own_all_and_set, .run = run_push,
     .model = model_pushed, .flags = OP_TIGHT},
    {"set, taking over", .furnish = push_3, .prepare = join, .meanwhile = own_all, .run = run_set, .model = model_set, .flags = OP_TIGHT},
    {"push_n, taking over", .furnish = push_3, .prepare = join, .meanwhile = own_all, .run = run_push_n, .model = model_push_n,
     .flags = OP_TIGHT},
    {"pop_n", .furnish = push_12, .prepare = push_12, .run = run_pop_n, .model = model_pop_n},
    {"snapshot", .prepare = push_12, .run = run_snapshot},
    {"pop_wait", .prepare = push_3, .run = run_pop_wait, .model = model_pop},
    {"pop_wait, timed out", .prepare = join, .run = run_time_out, .model = model_pop},
    {"pop_lease", .prepare = push_leasable, .run = run_lease, .model = model_pop, .flags = OP_LEASE_AFTER},
    {"pop_lease, again", .prepare = lease_ack_push_leasable, .run = run_lease, .model = model_pop, .flags = OP_LEASE_AFTER},
    {"ack", .prepare = lease, .run = run_ack, .flags = OP_LEASE_BEFORE | OP_LEASE_ENDS},
    {"release", .prepare = lease, .run = run_release, .model = model_leased, .flags = OP_LEASE_BEFORE},
    {"push, leased", .prepare = lease, .run = run_push, .model = model_pushed, .flags = OP_LEASE_BEFORE | OP_LEASE_AFTER},
    {"clear", .prepare = push_12, .run = run_clear, .model = model_clear},
    {"trim", .prepare = push_40_pop_35, .run = run_trim, .flags = OP_STEPS},
    {"trim, another's leaves", .furnish = push_40_pop_35, .prepare = join, .run = run_trim, .flags = OP_STEPS},
    {"reserve", .prepare = join, .run = run_reserve, .flags = OP_OWN_TEXT | OP_LARGE},
    {"detach", .prepare = push_6_pop_3, .run = run_detach, .flags = OP_OWN_TEXT},
    {"detach, empty slabs", .prepare = push_12_pop_12_trim, .run = run_detach, .flags = OP_OWN_TEXT},
    {"detach, leased", .prepare = lease, .run = run_detach, .model = model_leased, .flags = OP_OWN_TEXT | OP_LEASE_BEFORE},
    {"recover, nothing to do", .prepare = push_3, .run = run_recover, .flags = OP_OWN_TEXT},
    {"push, beaten", .prepare = push_3, .run = run_push, .model = model_pushed, .rival_cas = 1, .rival = rival_push,
     .rival_model = rival_push_model},
    {"push, new leaf, beaten", .prepare = push_8, .run = run_push, .model = model_pushed, .rival_cas = 2, .rival = rival_push,
     .rival_model = rival_push_model},
    {"push, new leaf, beaten by set", .prepare = push_8, .run = run_push, .model = model_pushed, .rival_cas = 2, .rival = rival_set,
     .rival_model = rival_set_model},
    {"push, new leaf, late helper", .prepare = push_1_pop_1, .meanwhile = push_8, .run = run_push, .model = model_pushed, .rival_cas = 1,
     .rival = rival_churn, .rival_model = rival_set_model},
    {"push, copy on write, beaten", .furnish = push_3, .prepare = join, .run = run_push, .model = model_pushed, .rival_cas = 1,
     .rival = rival_pop, .rival_model = model_pop},
    {"pop, beaten", .prepare = push_3, .run = run_pop, .model = model_pop, .rival_cas = 1, .rival = rival_push,
     .rival_model = rival_push_model},
    {"set, beaten", .prepare = push_3, .run = run_set, .model = model_set, .rival_cas = 1, .rival = rival_set,
     .rival_model = rival_set_model},
    {"push_n, beaten", .furnish = push_3, .prepare = push_1_pop_1, .run = run_push_n, .model = model_push_n, .rival_cas = 1,
     .rival = rival_push, .rival_model = rival_push_model},
    {"pop_lease, beaten", .prepare = push_leasable, .run = run_lease, .model = model_pop, .flags = OP_LEASE_AFTER, .rival_cas = 1,
     .rival = rival_leasable, .rival_model = model_leased},
    {"release, beaten", .prepare = lease, .run = run_release, .model = model_leased, .flags = OP_LEASE_BEFORE, .rival_cas = 1,
     .rival = rival_push, .rival_model = rival_push_model},
    {"clear, beaten", .prepare = push_12, .run = run_clear, .model = model_clear, .rival_cas = 1, .rival = rival_set,
     .rival_model = rival_set_model},
    {"trim, beaten", .prepare = push_40_pop_35, .run = run_trim, .flags = OP_STEPS, .rival_cas = 1, .rival = rival_push,
     .rival_model = rival_push_model},
    {"detach, leased, beaten", .prepare = lease, .run = run_detach, .model = model_leased, .flags = OP_OWN_TEXT | OP_LEASE_BEFORE,
     .rival_cas = 1, .rival = rival_push, .rival_model = rival_push_model},
};
const uint32_t ops_count = sizeof ops / sizeof ops[0];

const struct op second_ops[] = {
    {"recover", .run = run_recover, .flags = OP_OWN_TEXT},
    {"heir", .run = run_inherit, .model = model_heir, .flags = OP_OWN_TEXT},
    {"create", .run = run_create, .flags = OP_CREATES | OP_OWN_TEXT},
};
const uint32_t second_ops_count = 2;

const struct op *op_second(const struct op *first, uint32_t which)
{
    if (first->flags & OP_CREATES)
        return which ? NULL : &second_ops[2];
    return first->flags & OP_OPENS ? NULL : &second_ops[which];
}
