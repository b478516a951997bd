/*
 * element.h - copies elements into and out of leaves, in relaxed atomic words.
 *
 * A reader may copy a slot while its owner overwrites it. It detects that afterwards from the
 * leaf's seq, dirty and stable, and discards the copy. Atomic words keep the overlap from being a
 * data race. All accesses to a slot use the same words: one of 1, 2, 4 or 8 bytes if the stride is
 * that small, otherwise 8-byte words, the last one padded.
 */
#ifndef LFVEC_ELEMENT_H
#define LFVEC_ELEMENT_H

#include "layout.h"

#include <string.h>

static inline unsigned char *element_at(const struct layout *l, unsigned char *leaf, uint32_t slot)
{
    return leaf + (size_t)slot * l->elem_stride;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ELEMENT_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ELEMENT_SANITIZED 1
#endif

/*
 * Copies as many pairs of words as fit in `bytes` and returns the number of bytes copied. This
 * is inline assembly because the C language has no such access. It need not be atomic as a
 * whole: each word is, and the order between words does not matter. Sanitizers cannot see
 * inline assembly, so they get the variant that copies nothing, as do other processors; the
 * caller then copies word by word.
 */
#if defined(__x86_64__) && !defined(ELEMENT_SANITIZED)
static inline void element_pair(unsigned char *to, const unsigned char *from)
{
    typedef long long pair __attribute__((vector_size(16), aligned(1), may_alias));
    pair p;
    __asm__ __volatile__("movdqu %1, %0" : "=x"(p) : "m"(*(const pair *)from));
    __asm__ __volatile__("movdqu %1, %0" : "=m"(*(pair *)to) : "x"(p));
}

static inline uint32_t element_pairs(unsigned char *to, const unsigned char *from, uint32_t bytes)
{
    const size_t end = bytes / 16 * 16;
    size_t i = 0;
    if (!end)
        return 0;
    /*
     * Without this, gcc warns that an 8-byte object is too small for a
     * loop that would not be entered.
     */
    __asm__("" : "+r"(to), "+r"(from));
    for (; i + 64 <= end; i += 64) {
        element_pair(to + i, from + i);
        element_pair(to + i + 16, from + i + 16);
        element_pair(to + i + 32, from + i + 32);
        element_pair(to + i + 48, from + i + 48);
    }
    for (; i < end; i += 16)
        element_pair(to + i, from + i);
    return (uint32_t)end;
}
#else
static inline uint32_t element_pairs(unsigned char *to, const unsigned char *from, uint32_t bytes)
{
    (void)to, (void)from, (void)bytes;
    return 0;
}
#endif

static inline void element_store_words(unsigned char *at, const unsigned char *from, uint32_t bytes)
{
    const uint32_t done = element_pairs(at, from, bytes);
    shm_u64 *word = (shm_u64 *)(at + done);
    uint64_t w;
    from += done;
    bytes -= done;
    for (uint32_t n = bytes / 8; n; n--, from += sizeof w) {
        memcpy(&w, from, sizeof w);
        atomic_store_explicit(word++, w, memory_order_relaxed);
    }
    if (bytes % 8) {
        w = 0;
        memcpy(&w, from, bytes % 8);
        atomic_store_explicit(word, w, memory_order_relaxed);
    }
}

static inline void element_load_words(unsigned char *to, const unsigned char *at, uint32_t bytes)
{
    const uint32_t done = element_pairs(to, at, bytes);
    const shm_u64 *word = (const shm_u64 *)(at + done);
    uint64_t w;
    to += done;
    bytes -= done;
    for (uint32_t n = bytes / 8; n; n--, to += sizeof w) {
        w = atomic_load_explicit(word++, memory_order_relaxed);
        memcpy(to, &w, sizeof w);
    }
    if (bytes % 8) {
        w = atomic_load_explicit(word, memory_order_relaxed);
        memcpy(to, &w, bytes % 8);
    }
}

void element_store_small(const struct layout *l, unsigned char *at, const void *from);
void element_load_small(const struct layout *l, const unsigned char *at, void *to);

static inline void element_store(const struct layout *l, unsigned char *at, const void *from)
{
    if (l->elem_size == 8)
        element_store_words(at, from, 8);
    else if (l->elem_stride >= 8)
        element_store_words(at, from, l->elem_size);
    else
        element_store_small(l, at, from);
}

static inline void element_load(const struct layout *l, const unsigned char *at, void *to)
{
    if (l->elem_size == 8)
        element_load_words(to, at, 8);
    else if (l->elem_stride >= 8)
        element_load_words(to, at, l->elem_size);
    else
        element_load_small(l, at, to);
}

/* A run of n elements. They are contiguous in private memory. */
void element_store_run(const struct layout *l, unsigned char *at, const void *from, uint32_t n);
void element_load_run(const struct layout *l, void *to, const unsigned char *at, uint32_t n);
/* Slots from `last` downwards. */
void element_load_run_down(const struct layout *l, void *to, const unsigned char *last, uint32_t n);

/*
 * Copies the first n slots of a leaf to another, in whole 8-byte words: the
 * size of a leaf is a multiple of 8.
 */
static inline void element_copy(const struct layout *l, unsigned char *to, const unsigned char *from, uint32_t n)
{
    const uint32_t words = (uint32_t)(((size_t)n * l->elem_stride + 7) / 8);
    for (uint32_t i = element_pairs(to, from, words * 8) / 8; i < words; i++) {
        const uint64_t w = atomic_load_explicit((const shm_u64 *)from + i, memory_order_relaxed);
        atomic_store_explicit((shm_u64 *)to + i, w, memory_order_relaxed);
    }
}

#endif
