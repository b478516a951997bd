/*
 * bench_mutex.c - the peer `mutex`: an array under a plain process-shared mutex. A holder that dies hangs everybody.
 */
#include <errno.h>
#include <pthread.h>

typedef pthread_mutex_t mutex_lock_t;

static int mutex_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;
    int rc = pthread_mutexattr_init(&attr);
    if (rc == 0)
        rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    if (rc == 0)
        rc = pthread_mutex_init(lock, &attr);
    return -rc;
}

static inline void mutex_lock(pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
}

static inline void mutex_unlock(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
}

#define BENCH_PEER mutex
#define BENCH_WHAT "array under a plain process-shared mutex"
#include "bench_locked.h"
