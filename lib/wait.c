/*
 * wait.c - see wait.h.
 *
 * No wake-up is lost. A waiter reads the futex word, registers, looks for an element, and sleeps
 * only if the word is unchanged. A waker changes the word and wakes as many waiters as it has
 * pushed elements; the flag stays up. Only if fewer waiters were asleep does it lower the flag,
 * by a compare-and-swap from the value that it read before it changed the word: success means
 * that no waiter has registered since. A waiter that registered earlier is woken, or finds the
 * word changed and does not sleep. So while a waiter sleeps, the flag is up, wherever a waker
 * stops or dies. Such a waker withholds only the wake-ups for its own elements.
 * tests/model/wait.pml models this step by step.
 */
#include "wait.h"

#include "lease.h"
#include "probe.h"
#include "vector.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define WAIT_SLICE (NS_PER_S / 20)

static long futex(shm_u32 *word, int op, uint32_t value, const struct timespec *timeout)
{
    /* Not _PRIVATE: other processes wait here. */
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/*
 * Lowers the flag, because no waiter seems to be asleep. Fails if a waiter has registered since
 * `before`: the flag is that waiter's. A request for a turn does not make it fail.
 */
static void lower(struct shm_control *c, uint32_t before)
{
    uint32_t now = before;
    while ((now | SHM_WANT_TURN) == (before | SHM_WANT_TURN) &&
           !atomic_compare_exchange_weak_explicit(&c->wanted, &now, now & ~(uint32_t)SHM_WANT_WAKE, memory_order_seq_cst,
                                                  memory_order_relaxed))
        ;
}

void wait_wake_slow(struct shm_control *c, uint64_t pushed)
{
    const int saved = errno;
    const uint32_t most = pushed < INT_MAX ? (uint32_t)pushed : INT_MAX;
    const uint32_t before = atomic_load_explicit(&c->wanted, memory_order_seq_cst);
    atomic_fetch_add_explicit(&c->wait_futex, 1, memory_order_seq_cst);
    const long woken = futex(&c->wait_futex, FUTEX_WAKE, most, NULL);
    if (woken >= 0 && (uint64_t)woken < most)
        lower(c, before);
    errno = saved;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t deadline_of(const struct timespec *timeout)
{
    if (!timeout || timeout->tv_sec > INT64_MAX / NS_PER_S / 4)
        return INT64_MAX;
    return now_ns() + timeout->tv_sec * NS_PER_S + timeout->tv_nsec;
}

/*
 * A waiter that is cancelled in its sleep may have been woken as well. The element is still there,
 * so another waiter is woken for it.
 */
static void pass_on(void *control)
{
    wait_wake_slow(control, 1);
}

/*
 * Raises the flag and changes its word, so that a waker about to
 * lower the flag sees the new waiter.
 */
static void enlist(struct shm_control *c)
{
    uint32_t now = atomic_load_explicit(&c->wanted, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&c->wanted, &now, (now + SHM_WAITER) | SHM_WANT_WAKE, memory_order_seq_cst,
                                                  memory_order_relaxed))
        ; /* SYNC: wait-flag (release): before we look */
    atomic_thread_fence(memory_order_seq_cst);
}

/* Sleeps until the word is no longer `seen`, a slice is over, or the remaining time is. */
static void sleep_slice(struct shm_control *c, uint32_t seen, int64_t left)
{
    const struct timespec slice = {.tv_sec = 0, .tv_nsec = left < WAIT_SLICE ? left : WAIT_SLICE};
    /* Not a cancellation point: cancellation is late by one slice at most. */
    (void)futex(&c->wait_futex, FUTEX_WAIT, seen, &slice);
    pthread_cleanup_push(pass_on, c);
    pthread_testcancel();
    pthread_cleanup_pop(0);
}

/* An element that our own slot owes the vector counts like any other, and only we can return it. */
static int look(struct participant *p, void *elem)
{
    if (__builtin_expect(p->owes, 0))
        lease_retry(p);
    return vector_pop(p, elem);
}

int wait_pop(struct participant *p, void *elem, const struct timespec *timeout)
{
    struct shm_control *c = p->v->seg.control;
    const int saved = errno;
    const int64_t deadline = deadline_of(timeout);
    pthread_testcancel(); /* here and after each sleep, never while holding an element */
    int err = look(p, elem);
    while (err == -EAGAIN) {
        const int64_t left = deadline == INT64_MAX ? WAIT_SLICE : deadline - now_ns();
        if (left <= 0) {
            /*
             * A caller that does not sleep must not raise the flag: that would
             * cost the next push a system call.
             */
            err = -ETIMEDOUT;
            break;
        }
        const uint32_t seen = atomic_load_explicit(&c->wait_futex, memory_order_seq_cst);
        enlist(c);
        err = look(p, elem);
        if (err != -EAGAIN)
            break;
        PROBE(wait, p->v->seg.name, seen);
        sleep_slice(c, seen, left);
        err = look(p, elem);
    }
    errno = saved;
    return err;
}
