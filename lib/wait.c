/*
 * wait.c - see wait.h.
 *
 * No lost wake-up: a waiter reads the futex word, raises the flag, looks for an element, and sleeps only if the word is still what it
 * read. A waker lowers the flag, changes the word, wakes. If the waiter raised the flag after the waker lowered it, the flag stands for
 * the next push; if before, the word has changed since the waiter read it, and it does not sleep.
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
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0); /* not _PRIVATE: other processes wait here */
}

void wait_wake_slow(struct shm_control *c, uint64_t pushed)
{
    const int saved = errno;
    atomic_fetch_and_explicit(&c->wanted, ~(uint32_t)SHM_WANT_WAKE, memory_order_seq_cst); /* before the word changes */
    atomic_fetch_add_explicit(&c->wait_futex, 1, memory_order_seq_cst);
    const long woken = futex(&c->wait_futex, FUTEX_WAKE, pushed < INT_MAX ? (uint32_t)pushed : INT_MAX, NULL);
    if (woken > 0) /* there may be more; if not, the next push finds out */
        atomic_fetch_or_explicit(&c->wanted, SHM_WANT_WAKE, memory_order_relaxed);
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

/* Cancelled in our sleep, we may have been woken as well: the element is there still, and for another to take. */
static void pass_on(void *control)
{
    wait_wake_slow(control, 1);
}

/* Until the word is not `seen` any more, a slice is over, or the deadline is there. -ETIMEDOUT for the last. */
static int sleep_slice(struct shm_control *c, uint32_t seen, int64_t deadline)
{
    const int64_t left = deadline == INT64_MAX ? WAIT_SLICE : deadline - now_ns();
    if (left <= 0)
        return -ETIMEDOUT;
    const struct timespec slice = {.tv_sec = 0, .tv_nsec = left < WAIT_SLICE ? left : WAIT_SLICE};
    (void)futex(&c->wait_futex, FUTEX_WAIT, seen, &slice); /* no cancellation point, so it is one a slice late, at most */
    pthread_cleanup_push(pass_on, c);
    pthread_testcancel();
    pthread_cleanup_pop(0);
    return 0;
}

/* What our own slot owes the vector is an element like another, and nobody else returns it. */
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
    pthread_testcancel(); /* here, and after each sleep; never with an element in hand */
    int err = look(p, elem);
    while (err == -EAGAIN) {
        const uint32_t seen = atomic_load_explicit(&c->wait_futex, memory_order_seq_cst);
        atomic_fetch_or_explicit(&c->wanted, SHM_WANT_WAKE, memory_order_release); /* SYNC: wait-flag (release): before we look */
        atomic_thread_fence(memory_order_seq_cst);
        err = look(p, elem);
        if (err != -EAGAIN)
            break;
        PROBE(wait, p->v->seg.name, seen);
        if (sleep_slice(c, seen, deadline) != 0)
            err = -ETIMEDOUT;
    }
    errno = saved;
    return err;
}
