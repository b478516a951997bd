/*
 * element.h - copying elements in and out of leaves, in relaxed atomic words.
 *
 * A reader may copy a slot while its owner overwrites it; it finds out afterwards (the leaf's seq, dirty and stable) and drops the copy.
 * Atomic words keep that from being a data race. The words are the same for every access to a slot: one of 1, 2, 4 or 8 bytes if the
 * stride is that small, else 8-byte words, the last one padded.
 */
#ifndef LFVEC_ELEMENT_H
#define LFVEC_ELEMENT_H

#include "layout.h"

#include <string.h>

static inline unsigned char *element_at(const struct layout *l, unsigned char *leaf, uint32_t slot)
{
    return leaf + (size_t)slot * l->elem_stride;
}

static inline void element_store_words(unsigned char *at, const unsigned char *from, uint32_t bytes)
{
    shm_u64 *word = (shm_u64 *)at;
    uint64_t w;
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
    const shm_u64 *word = (const shm_u64 *)at;
    uint64_t w;
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

/* A run of n elements, packed in private memory. */
void element_store_run(const struct layout *l, unsigned char *at, const void *from, uint32_t n);
void element_load_run(const struct layout *l, void *to, const unsigned char *at, uint32_t n);
void element_load_run_down(const struct layout *l, void *to, const unsigned char *last, uint32_t n); /* from `last` downwards */

/* Copies the first n slots of a leaf to another; whole 8-byte words, which a leaf always is made of. */
static inline void element_copy(const struct layout *l, unsigned char *to, const unsigned char *from, uint32_t n)
{
    const size_t words = ((size_t)n * l->elem_stride + 7) / 8;
    for (size_t i = 0; i < words; i++) {
        const uint64_t w = atomic_load_explicit((const shm_u64 *)from + i, memory_order_relaxed);
        atomic_store_explicit((shm_u64 *)to + i, w, memory_order_relaxed);
    }
}

#endif
