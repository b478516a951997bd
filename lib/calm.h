/*
 * calm.h - sections in which no signal handler runs and the thread is not cancelled.
 *
 * They enclose code that holds a mutex of this process, allocates memory, or takes or gives
 * back a slot. A handler that jumped out of such code would leave a state that cannot be
 * repaired. Signals that the thread's own faults raise stay unblocked: if they were
 * blocked, they would end the process.
 */
#ifndef LFVEC_CALM_H
#define LFVEC_CALM_H

#include <pthread.h>
#include <signal.h>

struct calm {
    sigset_t signals;
    int cancel;
};

static inline void calm_begin(struct calm *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t all;
    (void)sigfillset(&all);
    for (unsigned int i = 0; i < sizeof faults / sizeof faults[0]; i++)
        (void)sigdelset(&all, faults[i]);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before->signals);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before->cancel);
}

static inline void calm_end(const struct calm *before)
{
    (void)pthread_setcancelstate(before->cancel, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before->signals, NULL);
}

#endif
