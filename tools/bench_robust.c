/*
 * bench_robust.c - the peer `robust`: an array under a robust process-shared mutex, the one lock of POSIX that survives its holder.
 */
#include <errno.h>
#include <pthread.h>

typedef pthread_mutex_t robust_lock_t;

static int robust_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;
    int rc = pthread_mutexattr_init(&attr);
    if (rc == 0)
        rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    if (rc == 0)
        rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    if (rc == 0)
        rc = pthread_mutex_init(lock, &attr);
    return -rc;
}

/* One word under the lock is always valid; so the heir has nothing to repair. */
static inline void robust_lock(pthread_mutex_t *lock)
{
    if (pthread_mutex_lock(lock) == EOWNERDEAD)
        pthread_mutex_consistent(lock);
}

static inline void robust_unlock(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
}

#define BENCH_PEER robust
#define BENCH_WHAT "array under a robust process-shared mutex"
#include "bench_locked.h"
