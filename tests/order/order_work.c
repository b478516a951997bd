/*
 * order_work.c - a worker process: random operations on the vector, each logged with its version, its result and when it was under way.
 *
 * To be held up in the middle of an operation, at any instruction, it sets itself a timer whose handler sleeps for a while.
 */
#include "order.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct worker {
    const struct run *run;
    const struct mix *mix;
    lfvec_t *v;
    struct record *r; /* being written */
    uint64_t rng, next_value;
    uint32_t me, elem_size, weights;
    bool leased;
    uint64_t lease; /* its value */
    unsigned char buffer[BATCH_ROOM * ELEM_ROOM];
};

/* ---- clock ----------------------------------------------------------------------------------------------------------------------------- */

static inline void fence(void)
{
#if defined(__x86_64__)
    __builtin_ia32_lfence();
#elif defined(__aarch64__)
    __asm__ __volatile__("dsb sy; isb" ::: "memory");
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t stamp_start(void)
{
    const uint64_t t = now();
    fence();
    return t;
}

uint64_t stamp_end(void)
{
    fence();
    return now();
}

/* ---- elements -------------------------------------------------------------------------------------------------------------------------- */

void elem_make(unsigned char *elem, uint32_t elem_size, uint64_t value)
{
    for (uint32_t i = 0; i < elem_size; i += 8) {
        const uint64_t word = i ? mix64(value + i) : value;
        memcpy(elem + i, &word, elem_size - i < 8 ? elem_size - i : 8);
    }
}

bool elem_read(const unsigned char *elem, uint32_t elem_size, uint64_t *value)
{
    unsigned char whole[ELEM_ROOM];
    *value = 0;
    memcpy(value, elem, elem_size < 8 ? elem_size : 8);
    elem_make(whole, elem_size, *value);
    return memcmp(whole, elem, elem_size) == 0;
}

/* ---- being held up --------------------------------------------------------------------------------------------------------------------- */

static timer_t stall_timer;
static uint32_t stall_us;
static uint64_t stall_rng;

static uint32_t stall_random(uint32_t below)
{
    stall_rng = stall_rng * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(stall_rng >> 33) % below;
}

/* On a busy machine a nap lasts as long as the others like: after a long one, we work for longer. */
static void stall_next(uint64_t slept)
{
    const uint64_t ns = 1000 + 2 * stall_random(stall_us * 1000) + slept / 2;
    const struct itimerspec in = {.it_value = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)}};
    timer_settime(stall_timer, 0, &in, NULL);
}

static void stall(int sig)
{
    const int saved = errno;
    const struct timespec nap = {.tv_nsec = 1000 * (long)stall_random(stall_random(16) ? 50 : 1000)};
    const uint64_t from = now();
    (void)sig;
    if (stall_random(2))       /* being away for a while, at any instruction, is the point; nothing is hoped to happen meanwhile */
        nanosleep(&nap, NULL); /* of a random length: the point itself */
    else
        sched_yield();
    stall_next(now() - from);
    errno = saved;
}

static void stall_start(const struct mix *mix, uint64_t seed)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct sigaction action = {.sa_handler = stall, .sa_flags = SA_RESTART};
    if (!mix->stall_us)
        return;
    stall_us = mix->stall_us;
    stall_rng = seed;
    prctl(PR_SET_TIMERSLACK, 1); /* naps as short as they are meant to be */
    sigaction(SIGUSR1, &action, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &stall_timer) == 0)
        stall_next(0);
}

/* ---- choices --------------------------------------------------------------------------------------------------------------------------- */

static uint32_t pick(struct worker *w, uint64_t below)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return (uint32_t)((w->rng >> 11) % below);
}

static uint64_t fresh_values(struct worker *w, uint32_t n)
{
    const uint64_t first = w->next_value;
    w->next_value += n;
    return first & value_mask(w->elem_size);
}

/* Near the top, where pushes and pops are, or anywhere, or just beyond. */
static uint32_t pick_index(struct worker *w)
{
    const uint64_t size = lfvec_size(w->v);
    const uint32_t kind = pick(w, 16);
    if (kind == 0 || size < 2)
        return (uint32_t)size + pick(w, 3);
    return kind < 9 ? (uint32_t)(size - 1 - pick(w, size < 6 ? size : 6)) : pick(w, size);
}

/* Pushes more than pops below the target, and the other way round above. */
static uint8_t pick_op(struct worker *w)
{
    uint32_t n = pick(w, w->weights);
    uint8_t op = 0;
    while (n >= w->mix->weight[op])
        n -= w->mix->weight[op++];
    const bool low = lfvec_size(w->v) < w->mix->target;
    if (((op == OP_POP || op == OP_POP_N || op == OP_LEASE) && low) || ((op == OP_PUSH || op == OP_PUSH_N) && !low))
        if (pick(w, 3) == 0)
            op = op == OP_POP || op == OP_LEASE ? OP_PUSH : op == OP_PUSH ? OP_POP : op == OP_POP_N ? OP_PUSH_N : OP_POP_N;
    return op == OP_LEASE && w->leased && pick(w, 2) ? OP_RELEASE : op;
}

/* ---- operations: each fills in the record but for version and stamps, and returns what the library said ---------------------------------- */

static int64_t do_push(struct worker *w)
{
    uint64_t index = 0;
    w->r->value = fresh_values(w, 1);
    elem_make(w->buffer, w->elem_size, w->r->value);
    const int err = lfvec_push(w->v, w->buffer, &index);
    w->r->index = (uint32_t)index;
    return err;
}

static int64_t do_pop(struct worker *w)
{
    const int err = lfvec_pop(w->v, w->buffer);
    if (!err)
        w->r->torn = !elem_read(w->buffer, w->elem_size, &w->r->value);
    return err;
}

static int64_t do_lease(struct worker *w)
{
    int err = w->leased ? lfvec_ack(w->v) : 0;
    w->leased = false;
    err = err ? err : lfvec_pop_lease(w->v, w->buffer);
    w->leased = !err;
    if (!err)
        w->r->torn = !elem_read(w->buffer, w->elem_size, &w->r->value);
    w->lease = w->r->value;
    return err;
}

static int64_t do_release(struct worker *w)
{
    w->r->value = w->lease;
    const int err = lfvec_release(w->v);
    w->leased = err != 0;
    return err;
}

static int64_t do_set(struct worker *w)
{
    w->r->index = pick_index(w);
    w->r->value = fresh_values(w, 1);
    elem_make(w->buffer, w->elem_size, w->r->value);
    return lfvec_set(w->v, w->r->index, w->buffer);
}

static int64_t do_clear(struct worker *w)
{
    return lfvec_clear(w->v);
}

static int64_t do_push_n(struct worker *w)
{
    uint64_t index = 0;
    const uint32_t n = 1 + pick(w, w->mix->batch);
    w->r->value = fresh_values(w, n);
    for (uint32_t i = 0; i < n; i++)
        elem_make(w->buffer + (size_t)i * w->elem_size, w->elem_size, (w->r->value + i) & value_mask(w->elem_size));
    const int64_t done = lfvec_push_n(w->v, w->buffer, n, &index);
    w->r->index = (uint32_t)index;
    w->r->n = done > 0 ? (uint16_t)done : 0;
    const bool all = done == n || (w->mix->bytes && done > 0) || (w->mix->most && done > 0 && index + (uint64_t)done == w->mix->most);
    return done < 0 ? done : all ? 0 : -ENOSPC;
}

static void digest_all(struct worker *w, uint32_t n)
{
    uint64_t value, sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        w->r->torn |= !elem_read(w->buffer + (size_t)i * w->elem_size, w->elem_size, &value);
        sum = digest(sum, value);
    }
    w->r->value = sum;
    w->r->n = (uint16_t)n;
}

static int64_t do_pop_n(struct worker *w)
{
    const int64_t done = lfvec_pop_n(w->v, w->buffer, 1 + pick(w, w->mix->batch));
    if (done > 0)
        digest_all(w, (uint32_t)done);
    return done < 0 ? done : 0;
}

static int64_t do_cas(struct worker *w)
{
    uint64_t expected = 0;
    w->r->index = pick_index(w);
    if (pick(w, 8) && lfvec_get(w->v, w->r->index, &expected) != 0)
        expected = 1;
    w->r->start = stamp_start(); /* the get above is not part of it */
    const int err = lfvec_cas_u64(w->v, w->r->index, &expected, expected + CAS_STEP);
    w->r->value = expected;
    return err;
}

static int64_t do_add(struct worker *w)
{
    w->r->index = pick_index(w);
    return lfvec_fetch_add_u64(w->v, w->r->index, ADD_STEP, &w->r->value);
}

/* The version of the head: that at which there is no element of this index. */
static uint64_t version_now(struct worker *w)
{
    unsigned char elem[ELEM_ROOM];
    return lfvec_get(w->v, UINT64_MAX, elem) == -ERANGE ? lfvec_last_version() : UINT64_MAX;
}

static int64_t do_trim(struct worker *w)
{
    const uint64_t before = version_now(w);
    const int err = lfvec_trim(w->v);
    w->r->reach = (uint32_t)(lfvec_last_version() - before);
    return err;
}

static int64_t do_get(struct worker *w)
{
    w->r->index = pick_index(w);
    const int err = lfvec_get(w->v, w->r->index, w->buffer);
    if (!err)
        w->r->torn = !elem_read(w->buffer, w->elem_size, &w->r->value);
    return err;
}

static int64_t do_snapshot(struct worker *w)
{
    uint64_t version = 0;
    const uint64_t size = lfvec_size(w->v);
    const uint32_t n = 1 + pick(w, size < 64 ? size + 1 : 64);
    w->r->index = n > size || pick(w, 2) ? (uint32_t)(n < size ? size - n : 0) : pick(w, size - n + 1);
    const int err = lfvec_snapshot(w->v, w->r->index, w->buffer, n, &version);
    if (!err)
        digest_all(w, n);
    return !err && version != lfvec_last_version() ? -EPROTO : err;
}

static int64_t do_size(struct worker *w)
{
    const uint64_t before = version_now(w);
    w->r->value = lfvec_size(w->v);
    const uint64_t after = version_now(w);
    w->r->version = before;
    w->r->reach = (uint32_t)(after - before);
    return 0;
}

static int64_t (*const doing[OPS])(struct worker *w) = {
    [OP_PUSH] = do_push,       [OP_POP] = do_pop,     [OP_SET] = do_set,           [OP_CLEAR] = do_clear, [OP_PUSH_N] = do_push_n,
    [OP_POP_N] = do_pop_n,     [OP_LEASE] = do_lease, [OP_CAS] = do_cas,           [OP_ADD] = do_add,     [OP_TRIM] = do_trim,
    [OP_RELEASE] = do_release, [OP_GET] = do_get,     [OP_SNAPSHOT] = do_snapshot, [OP_SIZE] = do_size,
};

/* What the answer makes of the operation; OPS: nothing to log; -1: an answer that must not be. */
static int judge(uint8_t op, int64_t err, const struct record *r)
{
    if (!err)
        return op == OP_TRIM && !r->reach ? OPS : op; /* a trim that found nothing to do */
    if (err == -EAGAIN && (op == OP_POP || op == OP_POP_N || op == OP_LEASE))
        return OP_EMPTY;
    if (err == -ERANGE && (op == OP_GET || op == OP_SET || op == OP_CAS || op == OP_ADD))
        return OP_BEYOND;
    if (err == -ECANCELED && op == OP_CAS)
        return OP_NOT;
    return op == OP_SNAPSHOT && (err == -ERANGE || err == -EAGAIN) ? OPS : -1;
}

/* -EOVERFLOW: at max_elems, that was the size at some version since; at max_bytes, memory was tidied up, at worst. */
static int refused(struct worker *w, uint64_t before)
{
    const uint64_t after = version_now(w);
    const bool full = w->mix->most;
    atomic_fetch_add_explicit(&w->run->shared->worker[w->me].refused, 1, memory_order_relaxed);
    *w->r = (struct record){.start = w->r->start, .version = full ? before : after, .reach = (uint32_t)(after - before)};
    w->r->value = w->mix->most;
    return full ? OP_SIZE : OP_REFUSED;
}

/* One operation; false if the library gave an answer that must not be. */
static bool step(struct worker *w, uint64_t *logged)
{
    const uint8_t op = pick_op(w);
    *w->r = (struct record){.start = stamp_start()};
    const bool bound = w->mix->most || w->mix->bytes;
    const uint64_t before = bound ? version_now(w) : 0;
    const int64_t err = doing[op](w);
    const int judged = bound && err == -EOVERFLOW ? refused(w, before) : judge(op, err, w->r);
    w->r->end = stamp_end();
    if (judged < 0) {
        atomic_store(&w->run->shared->worker[w->me].err_op, op);
        atomic_store(&w->run->shared->worker[w->me].err, (int32_t)err);
        return false;
    }
    if (judged == OPS)
        return true;
    w->r->op = (uint8_t)judged;
    if (judged != OP_SIZE && judged != OP_REFUSED)
        w->r->version = lfvec_last_version();
    if (w->mix->bytes && judged != OP_SIZE)
        w->r->reach = (uint32_t)(w->r->version - before);
    w->r++;
    ++*logged;
    return true;
}

static void wait_for_all(const struct run *run)
{
    atomic_fetch_add(&run->shared->ready, 1);
    while (!atomic_load(&run->shared->go))
        sched_yield();
}

_Noreturn void order_work(const struct run *run, uint32_t me)
{
    static struct worker w;
    uint64_t logged = 0;
    w = (struct worker){.run = run, .mix = run->mix, .r = run->log[me], .me = me, .elem_size = run->mix->elem_size};
    w.rng = mix64(run->seed + me) | 1;
    w.next_value = (uint64_t)(me + 1) << (w.elem_size < 8 ? 8 * w.elem_size - 4
                                                          : 40); /* the processes do not run out of their parts soon */
    for (uint32_t op = 0; op < OPS; op++)
        w.weights += run->mix->weight[op];
    w.v = lfvec_open(run->name, 0, NULL);
    wait_for_all(run);
    bool good = w.v != NULL;
    stall_start(run->mix, w.rng);
    while (good && logged < run->per_proc) {
        good = step(&w, &logged);
        atomic_store_explicit(&run->shared->worker[me].count, logged, memory_order_release);
    }
    signal(SIGUSR1, SIG_IGN);
    if (good && w.leased)
        good = lfvec_ack(w.v) == 0; /* or else it would go back */
    if (good)
        good = lfvec_detach(w.v) == 0;
    _exit(good ? 0 : 1);
}
