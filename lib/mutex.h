/*
 * mutex.h - robust mutexes in memory that may be damaged.
 *
 * The C library acts on what it finds in a mutex: on its kind, and on the links of the thread's list of robust mutexes, which it keeps in the
 * mutexes themselves. Invariant: what could make it abort or store through a wild pointer is looked at before, and such a mutex is left alone.
 */
#ifndef LFVEC_MUTEX_H
#define LFVEC_MUTEX_H

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

int mutex_make(pthread_mutex_t *m);           /* robust, process-shared; 0 or -ENOMEM */
bool mutex_is_ours(const pthread_mutex_t *m); /* its kind is that of mutex_make(), its owner possible: false means damage */
int mutex_trylock(pthread_mutex_t *m);        /* 0, -EOWNERDEAD (and ours), -EBUSY, -EBADMSG, or another error: spoilt */
int mutex_unlock(pthread_mutex_t *m); /* 0; -EBADMSG: damaged, or -EPERM: not ours any more; it must stay mapped, being in our list */

/* What the kernel is told of a mutex, and how often it was taken: both of one moment. */
struct mutex_lock {
    uint64_t raw;
    int32_t holder;  /* the thread that has it locked, by its own number in its own pid namespace; 0 = none, or not to be told */
    bool orphaned;   /* its holder has died, the kernel says, and nobody has taken it since */
    uint32_t taking; /* goes up by one with each taking, in the same step: tells those of threads with equal numbers apart */
};

/*
 * The kernel's word: the holder's number, with FUTEX_OWNER_DIED or FUTEX_WAITERS. The C library's count comes right after it, is of use to it
 * in mutexes of another kind alone, and counts the takings here.
 */
union mutex_words {
    uint64_t raw;
    struct {
        int32_t futex;
        uint32_t taking;
    };
};

static inline _Atomic uint64_t *mutex_words(const pthread_mutex_t *m)
{
    return (_Atomic uint64_t *)(uintptr_t)m;
}

#if defined(__GLIBC__)
static inline uint64_t mutex_raw(const pthread_mutex_t *m)
{
    return atomic_load_explicit(mutex_words(m), memory_order_acquire); /* SYNC: slot-taking (acquire) */
}
#else
static inline uint64_t mutex_raw(const pthread_mutex_t *m)
{
    (void)m;
    return 0; /* nothing is known of other libraries' mutexes */
}
#endif

static inline struct mutex_lock mutex_look(const pthread_mutex_t *m)
{
    const union mutex_words is = {.raw = mutex_raw(m)};
    const int32_t holder = is.futex & FUTEX_TID_MASK;
    return (struct mutex_lock){is.raw, holder, !holder && is.futex & FUTEX_OWNER_DIED, is.taking};
}

int32_t mutex_holder(const pthread_mutex_t *m); /* mutex_look().holder */

/* What the kernel does when the holder dies, if it is still the taking that was seen. */
bool mutex_abandon(pthread_mutex_t *m, const struct mutex_lock *seen);

#endif
