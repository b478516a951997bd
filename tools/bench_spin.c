/*
 * bench_spin.c - the peer `spin`: an array under a spin lock (test, and test-and-set), inlined: the cheapest lock there is while nobody
 * waits. A holder that dies hangs everybody; one that is preempted makes everybody spin.
 */
#include "bench.h"
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

enum {
    SPINS = 1000 /* looks at a taken lock before the processor is given up: with more workers than CPUs the holder may need it */
};

typedef _Atomic uint32_t spin_lock_t;

static int spin_init(spin_lock_t *lock)
{
    atomic_init(lock, 0);
    return 0;
}

static inline void spin_pause(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("isb");
#endif
}

static void spin_wait(spin_lock_t *lock)
{
    for (unsigned spins = 1; atomic_load_explicit(lock, memory_order_relaxed); spins++) {
        if (spins % SPINS == 0)
            sched_yield();
        spin_pause();
    }
}

static inline void spin_lock(spin_lock_t *lock)
{
    while (atomic_exchange_explicit(lock, 1, memory_order_acquire)) /* SYNC: bench-spin (acquire) */
        spin_wait(lock);
}

static inline void spin_unlock(spin_lock_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release); /* SYNC: bench-spin (release) */
}

#define BENCH_PEER spin
#define BENCH_WHAT "array under a spin lock"
#include "bench_locked.h"
