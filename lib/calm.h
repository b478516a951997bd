/*
 * calm.h - stretches that no signal handler interrupts, and in which the thread is not cancelled.
 *
 * Where a mutex of this process is held, memory is allocated, or a slot changes hands, a handler that jumps away would leave what nobody can
 * put right. What the thread itself brings about by a fault is let through: held back, it would end the process.
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
