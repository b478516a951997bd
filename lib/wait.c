/*
 * wait.c - see wait.h.
 *
 * No lost wake-up. A waiter reads the futex word, registers, looks for an element, and sleeps only if the word is still what it read. A waker
 * changes the word and wakes as many as it has pushed elements; the flag stays up. Only if fewer than that were asleep does it lower the flag,
 * by a compare-and-swap from what it read before it changed the word: then no waiter has registered since. Who registered before is woken, or
 * finds another word and does not sleep. So a sleeper has the flag up, wherever a waker stops or dies: all that such a waker holds back is
 * the wake for its own elements. tests/model/wait.pml is this, step by step.
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

/* No waiter is asleep, it seems. Fails if a waiter has registered since `before`, whose flag this is then. Who asks for a turn is no obstacle. */
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

/* Cancelled in our sleep, we may have been woken as well: the element is there still, and for another to take. */
static void pass_on(void *control)
{
    wait_wake_slow(control, 1);
}

/* Raises the flag, and changes the word that it is in: who lowers it sees that a waiter has come. */
static void enlist(struct shm_control *c)
{
    uint32_t now = atomic_load_explicit(&c->wanted, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&c->wanted, &now, (now + SHM_WAITER) | SHM_WANT_WAKE, memory_order_seq_cst,
                                                  memory_order_relaxed))
        ; /* SYNC: wait-flag (release): before we look */
    atomic_thread_fence(memory_order_seq_cst);
}

/* Until the word is not `seen` any more, or a slice or the time that is left is over. */
static void sleep_slice(struct shm_control *c, uint32_t seen, int64_t left)
{
    const struct timespec slice = {.tv_sec = 0, .tv_nsec = left < WAIT_SLICE ? left : WAIT_SLICE};
    (void)futex(&c->wait_futex, FUTEX_WAIT, seen, &slice); /* no cancellation point, so it is one a slice late, at most */
    pthread_cleanup_push(pass_on, c);
    pthread_testcancel();
    pthread_cleanup_pop(0);
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
        const int64_t left = deadline == INT64_MAX ? WAIT_SLICE : deadline - now_ns();
        if (left <= 0) {
            err = -ETIMEDOUT; /* who does not sleep raises no flag: it would cost the next push a system call */
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
