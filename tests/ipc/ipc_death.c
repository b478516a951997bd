/*
 * ipc_death.c - participants that are killed at any point: the next one takes their slot, what they were at is there entirely or not at
 * all, and the others notice nothing.
 */
#include "ipc.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { VICTIMS = 100, JOURNAL = 1 << 16, MODEL = 1 << 12, BATCH = 40 };

static lfvec_t *shared; /* opened by the parent; children inherit it */

/* ---- one victim after the other, with a journal ------------------------------------------------------------------------------------------ */

/* What the victim is about to do; it says so before, and that it is done after. Elements have 24 bytes, all derived from their value. */
enum did { DID_PUSH, DID_POP, DID_SET, DID_PUSH_N, DID_POP_N, DID_CLEAR, DID_LEASE, DID_TRIM, DIDS };

struct deed {
    uint32_t did, n;
    uint64_t index, value;
};

struct journal {
    _Atomic uint32_t said, done;
    struct deed deed[JOURNAL];
};
static struct journal *journal;
static uint64_t model[MODEL], model_size;

static void elem_make(uint64_t elem[3], uint64_t value)
{
    elem[0] = value;
    elem[1] = ~value;
    elem[2] = value * 5;
}

static void apply_push(uint64_t *to, uint64_t *size, const struct deed *d, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[(*size)++] = d->value + i;
}

/* The deed, if it took effect, on a plain array. */
static void apply(uint64_t *to, uint64_t *size, const struct deed *d)
{
    switch (d->did) {
    case DID_PUSH:
        apply_push(to, size, d, 1);
        break;
    case DID_PUSH_N:
        apply_push(to, size, d, d->n);
        break;
    case DID_POP:
        *size -= *size > 0;
        break;
    case DID_POP_N:
        *size -= d->n < *size ? d->n : *size;
        break;
    case DID_SET:
        if (d->index < *size)
            to[d->index] = d->value;
        break;
    case DID_CLEAR:
        *size = 0;
        break;
    default: /* trim changes nothing, and an element on lease comes back */
        break;
    }
}

static struct deed random_deed(uint64_t size, uint64_t value)
{
    static const uint8_t often[] = {DID_PUSH, DID_PUSH, DID_PUSH, DID_POP,    DID_POP,   DID_SET,   DID_SET,  DID_SET,
                                    DID_PUSH, DID_POP,  DID_POP,  DID_PUSH_N, DID_POP_N, DID_LEASE, DID_TRIM, DID_PUSH_N};
    struct deed d = {.did = often[ipc_random(sizeof often)], .n = 1 + (uint32_t)ipc_random(BATCH), .value = value};
    d.index = size ? ipc_random(size) : 0;
    if (d.did == DID_TRIM && ipc_random(8)) /* it takes long, and would be what nearly every victim dies at */
        d.did = ipc_random(4) ? DID_PUSH : DID_CLEAR;
    if (size > MODEL - 2 * BATCH)
        d.did = DID_POP_N;
    return d;
}

static void do_batch(const struct deed *d)
{
    uint64_t elem[BATCH][3];
    for (uint32_t i = 0; i < d->n; i++)
        elem_make(elem[i], d->value + i);
    if (d->did == DID_PUSH_N)
        CHILD_MUST(lfvec_push_n(shared, elem, d->n, NULL) == d->n);
    else
        CHILD_MUST(lfvec_pop_n(shared, elem, d->n) >= (int64_t)-EAGAIN);
}

/* Leases an element and never acknowledges it: the slot's next holder, or recovery, returns it. */
static _Noreturn void do_lease(void)
{
    uint64_t elem[3];
    const int err = lfvec_pop_lease(shared, elem);
    CHILD_MUST(err == 0 || err == -EAGAIN);
    for (;;) /* until the end comes */
        sched_yield();
}

static void do_deed(const struct deed *d)
{
    uint64_t elem[3];
    elem_make(elem, d->value);
    int err = 0;
    switch (d->did) {
    case DID_PUSH:
        err = lfvec_push(shared, elem, NULL);
        break;
    case DID_POP:
        err = lfvec_pop(shared, elem);
        break;
    case DID_SET:
        err = lfvec_set(shared, d->index, elem);
        break;
    case DID_CLEAR:
        err = lfvec_clear(shared);
        break;
    case DID_TRIM:
        err = lfvec_trim(shared);
        break;
    case DID_LEASE:
        do_lease();
    default:
        do_batch(d);
    }
    CHILD_MUST(err == 0 || err == -EAGAIN || err == -ERANGE);
}

static void victim(struct board *b, uint32_t me)
{
    (void)b;
    const uint32_t armed_at = (uint32_t)ipc_random(64), from = me * 1000;
    ipc_reseed(from);
    for (uint32_t k = 0; k < JOURNAL; k++) {
        if (k == armed_at)
            ipc_kill_self_after(ipc_random(200000));
        struct deed d = random_deed(model_size, (uint64_t)(me + 1) << 32 | k << 8);
        if (d.did == DID_LEASE && (k < armed_at || ipc_random(1024)))
            d.did = DID_POP; /* rarely, for it is the victim's last deed; and never if nobody would end it */
        journal->deed[k] = d;
        atomic_store(&journal->said, k + 1);
        do_deed(&d);
        atomic_store(&journal->done, k + 1);
        apply(model, &model_size, &d); /* its own copy, to know the size */
    }
    for (;;)
        sched_yield();
}

static bool holds(lfvec_t *v, const uint64_t *want, uint64_t size)
{
    uint64_t elem[3];
    if (lfvec_size(v) != size)
        return false;
    for (uint64_t i = 0; i < size; i++) {
        MUST(lfvec_get(v, i, elem) == 0);
        MUST(elem[1] == ~elem[0] && elem[2] == elem[0] * 5); /* never half of one */
        if (elem[0] != want[i])
            return false;
    }
    return true;
}

/* The model catches up with the journal; the vector holds that, or that and the last thing said. Returns whether it took effect. */
static bool compare_with_journal(lfvec_t *v)
{
    static uint64_t other[MODEL];
    const uint32_t done = atomic_load(&journal->done), said = atomic_load(&journal->said);
    MUST(said - done <= 1);
    for (uint32_t k = 0; k < done; k++)
        apply(model, &model_size, &journal->deed[k]);
    uint64_t size = model_size;
    memcpy(other, model, sizeof other);
    if (said > done)
        apply(other, &size, &journal->deed[done]);
    if (holds(v, model, model_size))
        return false;
    if (!holds(v, other, size))
        ck_abort_msg("neither the state before nor after the last operation (%u) is in the vector", journal->deed[done].did);
    memcpy(model, other, sizeof other);
    model_size = size;
    return true;
}

/* A leased element that the dead held is not in the vector until its slot is recovered. */
static bool recover_first(uint32_t round)
{
    const uint32_t done = atomic_load(&journal->done), said = atomic_load(&journal->said);
    return round % 2 || (said > done && journal->deed[done].did == DID_LEASE);
}

static void check_recovery(lfvec_t *v)
{
    struct lfvec_recovery r;
    MUST(lfvec_recover(v, &r) == 0);
    MUST(r.slots_recovered <= 1 && r.slots_alive == 0 && r.slots_unknown == 0 && r.ops_won + r.ops_lost <= 1 && r.leases_returned <= 1);
    MUST(lfvec_recover(v, &r) == 0);
    MUST(r.slots_recovered == 0 && r.ops_won + r.ops_lost == 0 && r.leases_returned == 0);
    MUST(ipc_slot(v, 1).state == LFVEC_SLOT_FREE && ipc_slot(v, 1).in_flight == 0);
}

START_TEST(killed_in_the_middle)
{
    struct lfvec_attr attr;
    uint32_t won = 0, lost = 0;
    ipc_attr(&attr, 24);
    attr.max_slots = 1; /* so that the next one takes over what the last one left */
    lfvec_t *v = shared = ipc_make(&attr);
    journal = mmap(NULL, sizeof *journal, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(journal != MAP_FAILED);
    for (uint32_t round = 0; round < VICTIMS; round++) {
        atomic_store(&journal->said, 0);
        atomic_store(&journal->done, 0);
        ipc_reap_killed(ipc_start(victim, NULL, round));
        ipc_sound(v); /* as the dead left it */
        if (recover_first(round))
            check_recovery(v);
        const bool in_flight = atomic_load(&journal->said) > atomic_load(&journal->done);
        const bool took_effect = compare_with_journal(v);
        won += took_effect;
        lost += in_flight && !took_effect;
        ipc_sound(v);
    }
    printf("killed in the middle: %u operations had taken effect, %u had not, %u victims were between two\n", won, lost,
           VICTIMS - won - lost);
    lfvec_detach(v);
}
END_TEST

/* ---- victims beside others ------------------------------------------------------------------------------------------------------------- */

static void bystander(struct board *b, uint32_t me)
{
    while (!atomic_load(&b->stop))
        CHILD_MUST(ipc_step(shared, b, me) == 0);
    CHILD_MUST(lfvec_detach(shared) == 0);
}

static void doomed(struct board *b, uint32_t me)
{
    for (uint64_t i = ipc_random(200); i; i--)
        CHILD_MUST(ipc_step(shared, b, me) == 0);
    ipc_kill_self_after(ipc_random(200000));
    for (;;)
        CHILD_MUST(ipc_step(shared, b, me) == 0);
}

/* What the dead was at counts as neither done nor not done; its number is not used again. */
static uint32_t bury(struct board *b, uint32_t me)
{
    const uint32_t at = atomic_exchange(&b->proc[me].in_flight, IPC_IDLE);
    if (at == IPC_PUSHING && atomic_load(&b->proc[me].pushed) < IPC_IDS)
        atomic_fetch_add(&b->proc[me].pushed, 1);
    return at != IPC_IDLE;
}

START_TEST(killed_beside_others)
{
    struct board *b = ipc_board();
    uint32_t doubtful = 0;
    lfvec_t *v = shared = ipc_make(NULL);
    const pid_t one = ipc_start(bystander, b, 1), other = ipc_start(bystander, b, 2);
    for (uint32_t round = 0; round < VICTIMS; round++) {
        ipc_reap_killed(ipc_start(doomed, b, 0));
        doubtful += bury(b, 0);
        if (round % 8 == 0)
            ipc_sound(v);
    }
    atomic_store(&b->stop, 1);
    ipc_reap(one);
    ipc_reap(other);
    ipc_sound(v);
    ck_assert_int_eq(lfvec_recover(v, NULL), 0);
    ipc_sound(v);
    ipc_settle(v, b, doubtful);
    lfvec_detach(v);
}
END_TEST

/* ---- a process with several threads ----------------------------------------------------------------------------------------------------- */

enum { THREADS = 4 };

static struct board *threads_board;

static void *thread_work(void *me)
{
    for (;;)
        CHILD_MUST(ipc_step(shared, threads_board, (uint32_t)(uintptr_t)me) == 0);
    return NULL;
}

static void many_threads(struct board *b, uint32_t me)
{
    pthread_t thread;
    (void)me;
    threads_board = b;
    for (uintptr_t t = 0; t < THREADS; t++)
        CHILD_MUST(pthread_create(&thread, NULL, thread_work, (void *)t) == 0);
    for (;;)
        pause();
}

START_TEST(process_with_threads_killed)
{
    struct board *b = ipc_board();
    struct lfvec_recovery r;
    struct lfvec_stat stat;
    uint32_t doubtful = 0;
    lfvec_t *v = shared = ipc_make(NULL);
    for (uint32_t round = 0; round < 15; round++) {
        uint64_t before[THREADS];
        for (uint32_t t = 0; t < THREADS; t++)
            before[t] = atomic_load(&b->proc[t].progress);
        const pid_t pid = ipc_start(many_threads, b, 0);
        for (uint32_t t = 0; t < THREADS; t++)
            ipc_until64(&b->proc[t].progress, before[t] + 20 + ipc_random(200));
        ipc_kill(pid);
        for (uint32_t t = 0; t < THREADS; t++)
            doubtful += bury(b, t);
        MUST(lfvec_stat(v, &stat) == 0 && stat.slots_dead == THREADS && stat.slots_alive == 0);
        ipc_sound(v);
        MUST(lfvec_recover(v, &r) == 0);
        MUST(r.slots_recovered == THREADS && r.slots_alive == 0 && r.slots_unknown == 0 && r.ops_won + r.ops_lost <= THREADS);
        ipc_sound(v);
    }
    ipc_settle(v, b, doubtful);
    lfvec_detach(v);
}
END_TEST

/* ---- waiting --------------------------------------------------------------------------------------------------------------------------- */

static void wait_for_ever(struct board *b, uint32_t me)
{
    uint64_t elem;
    for (;;) {
        CHILD_MUST(lfvec_pop_wait(shared, &elem, NULL) == 0);
        atomic_fetch_add(&b->proc[me].progress, 1);
    }
}

static uint64_t versions(lfvec_t *v)
{
    struct lfvec_stat stat;
    MUST(lfvec_stat(v, &stat) == 0);
    return stat.version;
}

static void push_and_be_killed(struct board *b, uint32_t me)
{
    CHILD_MUST(lfvec_set_u64(shared, 0, 0) == -ERANGE); /* takes its slot */
    ipc_kill_self_after(ipc_random(40000));
    for (uint64_t i = 0; i < 3; i++) {
        ipc_until64(&b->proc[1].progress, atomic_load(&b->proc[0].pushed)); /* the waiter is about to sleep */
        atomic_fetch_add(&b->proc[me].pushed, 1);
        CHILD_MUST(lfvec_push_u64(shared, i) == 0);
        atomic_store(&b->proc[0].pushed, atomic_load(&b->proc[0].pushed) + 1);
    }
    for (;;)
        sched_yield();
}

/* A pusher may die between its push and its wake: the waiter gets the element all the same. Its wait has no end, so it would hang here. */
START_TEST(waiter_of_killed_pushers)
{
    struct board *b = ipc_board();
    lfvec_t *v = shared = ipc_make(NULL);
    const pid_t waiter = ipc_start(wait_for_ever, b, 1);
    for (uint32_t round = 0; round < VICTIMS; round++) {
        ipc_reap_killed(ipc_start(push_and_be_killed, b, 2));
        while (lfvec_size(v))
            sched_yield();
        const uint64_t pushed = versions(v) / 2; /* every push was popped */
        ipc_until64(&b->proc[1].progress, pushed);
        atomic_store(&b->proc[0].pushed, pushed);
    }
    ipc_sound(v);
    ipc_kill(waiter);
    lfvec_detach(v);
}
END_TEST

/* Killed while they wait: their slots are the only thing to recover, and pushes and pops go on as if they had not been. */
START_TEST(killed_waiters)
{
    struct board *b = ipc_board();
    struct lfvec_recovery r;
    pid_t pid[4];
    uint64_t elem;
    lfvec_t *v = shared = ipc_make(NULL);
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t p = 0; p < 4; p++)
            pid[p] = ipc_start(wait_for_ever, b, p);
        for (uint64_t i = 0; i < 4 * round; i++) /* some wake up and wait again */
            ck_assert_int_eq(lfvec_push_u64(v, i), 0);
        for (uint32_t p = 0; p < 4; p++)
            ipc_kill(pid[p]);
        ipc_sound(v);
        MUST(lfvec_recover(v, &r) == 0 && r.slots_recovered <= 4 && r.slots_unknown == 0);
        while (lfvec_pop_u64(v, &elem) == 0)
            ;
        MUST(lfvec_push_u64(v, 7) == 0 && lfvec_pop_wait(v, &elem, NULL) == 0 && elem == 7);
        ipc_sound(v);
    }
    lfvec_detach(v);
}
END_TEST

/* ---- what recovery says ---------------------------------------------------------------------------------------------------------------- */

static void hold_on(struct board *b, uint32_t leases)
{
    uint64_t elem;
    CHILD_MUST(lfvec_push_u64(shared, 5) == 0);
    if (leases)
        CHILD_MUST(lfvec_pop_lease(shared, &elem) == 0);
    atomic_fetch_add(&b->ready, 1);
    for (;;)
        pause();
}

START_TEST(recovery_counts)
{
    struct board *b = ipc_board();
    struct lfvec_recovery r;
    pid_t pid[5]; /* two to die at rest, one with a lease, one to be stopped, one to live */
    lfvec_t *v = shared = ipc_make(NULL);
    for (uint32_t p = 0; p < 5; p++) {
        pid[p] = ipc_start(hold_on, b, p == 2);
        ipc_until(&b->ready, p + 1);
    }
    ck_assert_uint_eq(lfvec_size(v), 4);
    ck_assert_uint_eq(ipc_slot(v, ipc_slot_of(v, pid[2])).leased, 1);
    ipc_kill(pid[0]);
    ipc_kill(pid[1]);
    ipc_kill(pid[2]);
    ipc_stop(pid[3]);
    ipc_sound(v);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(r.slots_recovered, 3);
    ck_assert_uint_eq(r.slots_alive, 2);
    ck_assert_uint_eq(r.slots_unknown, 0);
    ck_assert_uint_eq(r.ops_won + r.ops_lost, 0);
    ck_assert_uint_eq(r.leases_returned, 1);
    ck_assert_uint_eq(lfvec_size(v), 5);
    ck_assert_int_eq(lfvec_recover(v, &r), 0);
    ck_assert_uint_eq(r.slots_recovered, 0);
    ck_assert_uint_eq(r.leases_returned, 0);
    ipc_sound(v);
    ipc_kill(pid[3]);
    ipc_kill(pid[4]);
    lfvec_detach(v);
}
END_TEST

/* ---- a lease that finds no room ----------------------------------------------------------------------------------------------------------- */

enum { FULL_LEAF = 512, FULL_ROUNDS = 200, FULL_STEP_NS = 400 };

static uint64_t push_all(lfvec_t *v, uint64_t n)
{
    uint64_t done = 0;
    while (done < n && lfvec_push_u64(v, done) == 0)
        done++;
    return done;
}

/* It fills its only slab, and all that there is; later it leases an element, and leaves. */
static void leaves_with_lease(struct board *b, uint32_t me)
{
    uint64_t x;
    lfvec_t *v = lfvec_open(lfvec_name(shared), 0, NULL);
    CHILD_MUST(v && lfvec_pop_lease(v, &x) == 0 && lfvec_ack(v) == 0);
    (void)push_all(v, UINT64_MAX);
    atomic_store(&b->ready, 1);
    ipc_until(&b->go, 1);
    CHILD_MUST(lfvec_pop_lease(v, &x) == 0);
    atomic_store(&b->ready, 2);
    ipc_until(&b->go, 2);
    ipc_kill_self_after((uint64_t)me * FULL_STEP_NS);
    lfvec_detach(v);
}

/* The push back finds no memory, trims what others left beyond the size, and tries again; killed anywhere there. How many elements there are. */
static void full_round(uint32_t round)
{
    struct lfvec_attr a;
    struct board *b = ipc_board();
    uint64_t x, leased = 0;
    lfvec_attr_init(&a);
    a.max_slots = 4;
    a.slab_bytes = 65536;
    a.leaf_bytes = FULL_LEAF * 8;
    a.max_elems = 100000;
    a.max_bytes = 3 * a.slab_bytes + 40000;
    shared = ipc_make(&a);
    MUST(push_all(shared, 1) == 1);
    const pid_t pid = ipc_start(leaves_with_lease, b, round);
    ipc_until(&b->ready, 1);
    (void)push_all(shared, 4 * FULL_LEAF);
    for (uint32_t i = 0; i < 3 * FULL_LEAF; i++)
        MUST(lfvec_pop_u64(shared, &x) == 0);
    atomic_store(&b->go, 1);
    ipc_until(&b->ready, 2);
    const uint64_t before = lfvec_size(shared);
    atomic_store(&b->go, 2);
    ipc_reap_killed(pid);
    const int err = lfvec_recover(shared, NULL);
    MUST(err == 0 || err == -ENOSPC || err == -EOVERFLOW); /* it may stay on lease, for want of room */
    for (uint32_t i = 1; i <= a.max_slots; i++)
        leased += ipc_slot(shared, i).leased;
    MUST(lfvec_size(shared) + leased == before + 1);
    ipc_sound(shared);
    lfvec_detach(shared);
    ipc_clean();
}

START_TEST(lease_without_room)
{
    for (uint32_t round = 1; round <= FULL_ROUNDS; round++)
        full_round(round);
}
END_TEST

Suite *ipc_death_suite(void)
{
    Suite *s = suite_create("death");
    TCase *t = tcase_create("death");
    tcase_set_timeout(t, IPC_TIMEOUT);
    tcase_add_test(t, killed_in_the_middle);
    tcase_add_test(t, killed_beside_others);
    tcase_add_test(t, process_with_threads_killed);
    tcase_add_test(t, waiter_of_killed_pushers);
    tcase_add_test(t, killed_waiters);
    tcase_add_test(t, recovery_counts);
    tcase_add_test(t, lease_without_room);
    suite_add_tcase(s, t);
    return s;
}
