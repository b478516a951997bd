/*
 * atomic16.h - compare-and-swap of 16 bytes, as an instruction. Never a call into libatomic, whose
 * lock would be private to one process.
 *
 * There is no 16-byte load. head_load() reads the head as two halves between two equal versions. A
 * directory entry is read by halves, and a torn combination makes the following CAS fail.
 */
#ifndef LFVEC_ATOMIC16_H
#define LFVEC_ATOMIC16_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pair {
    uint64_t lo, hi;
};

/*
 * Under ThreadSanitizer the builtin would be a call into its runtime, whose lock is private to one
 * process. The instruction stays, and these annotations give the sanitizer its memory order.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ATOMIC16_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define ATOMIC16_TSAN 1
#endif
#ifdef ATOMIC16_TSAN
#include <sanitizer/tsan_interface.h>
#define ATOMIC16_RELEASE(at) __tsan_release(at)
#define ATOMIC16_ACQUIRE(at) __tsan_acquire(at)
#else
#define ATOMIC16_RELEASE(at) ((void)0)
#define ATOMIC16_ACQUIRE(at) ((void)0)
#endif

/*
 * Replaces *at (16-byte aligned) by `to` if it equals `from`. A full barrier on success
 * and on failure, in both versions.
 *
 * The instruction needs rbx. Listing rbx as clobbered would make the function save it to
 * the stack, and the locked instruction would wait for that store. So rbx is saved in
 * another register for the duration. The operands: `at` must not be in rbx, so it is in rsi
 * or rdi; each of the others may be.
 */
#if defined(__x86_64__)
static inline bool atomic16_cas(void *at, struct pair from, struct pair to)
{
    bool won;
    uint64_t rbx;
    ATOMIC16_RELEASE(at);
    __asm__ __volatile__("movq %%rbx, %[rbx]\n\tmovq %[lo], %%rbx\n\tlock cmpxchg16b (%[at])\n\tmovq %[rbx], %%rbx"
                         : "=@ccz"(won), "+&a"(from.lo), "+&d"(from.hi), [rbx] "=&r"(rbx)
                         : [lo] "r"(to.lo), "c"(to.hi), [at] "SD"(at)
                         : "memory");
    ATOMIC16_ACQUIRE(at);
    return won;
}
#else
static inline bool atomic16_cas(void *at, struct pair from, struct pair to)
{
    const unsigned __int128 old = (unsigned __int128)from.hi << 64 | from.lo;
    const unsigned __int128 new = (unsigned __int128)to.hi << 64 | to.lo;
    const bool won = __sync_bool_compare_and_swap((unsigned __int128 *)at, old, new);
    /* ldaxp/stlxp let a later load pass the store; a full barrier does not. */
    atomic_thread_fence(memory_order_seq_cst);
    return won;
}
#endif

#endif
