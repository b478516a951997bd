/*
 * mutex.h - robust mutexes in memory that may be damaged.
 *
 * The C library acts on what it finds in a mutex: on its kind, and on the links of the thread's list of robust mutexes, which it keeps in the
 * mutexes themselves. Invariant: what could make it abort or store through a wild pointer is looked at before, and such a mutex is left alone.
 */
#ifndef LFVEC_MUTEX_H
#define LFVEC_MUTEX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

int mutex_make(pthread_mutex_t *m);           /* robust, process-shared; 0 or -ENOMEM */
bool mutex_is_ours(const pthread_mutex_t *m); /* its kind is that of mutex_make(), its owner possible: false means damage */
int mutex_trylock(pthread_mutex_t *m);        /* 0, -EOWNERDEAD (and ours), -EBUSY, -EBADMSG, or another error: spoilt */
int mutex_unlock(pthread_mutex_t *m); /* 0; -EBADMSG: damaged, or -EPERM: not ours any more; it must stay mapped, being in our list */

int32_t mutex_holder(const pthread_mutex_t *m);         /* the thread that has it locked, by its own number; 0 = none, or not to be told */
bool mutex_orphaned(const pthread_mutex_t *m);          /* its holder has died, the kernel says, and nobody has taken it since */
bool mutex_abandon(pthread_mutex_t *m, int32_t holder); /* what the kernel does when the holder dies; false if that does not hold it */

#endif
