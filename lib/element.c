/* element.c - elements of 1 to 4 bytes (one atomic access of the stride), and runs of elements. */
#include "element.h"

void element_store_small(const struct layout *l, unsigned char *at, const void *from)
{
    uint32_t w = 0;
    memcpy(&w, from, l->elem_size);
    if (l->elem_stride == 4)
        atomic_store_explicit((shm_u32 *)at, w, memory_order_relaxed);
    else if (l->elem_stride == 2)
        atomic_store_explicit((_Atomic uint16_t *)at, (uint16_t)w, memory_order_relaxed);
    else
        atomic_store_explicit((_Atomic uint8_t *)at, (uint8_t)w, memory_order_relaxed);
}

void element_load_small(const struct layout *l, const unsigned char *at, void *to)
{
    uint32_t w;
    if (l->elem_stride == 4)
        w = atomic_load_explicit((const shm_u32 *)at, memory_order_relaxed);
    else if (l->elem_stride == 2)
        w = atomic_load_explicit((const _Atomic uint16_t *)at, memory_order_relaxed);
    else
        w = atomic_load_explicit((const _Atomic uint8_t *)at, memory_order_relaxed);
    memcpy(to, &w, l->elem_size);
}

/* Without padding between them, elements are one run of words. */
static bool packed(const struct layout *l)
{
    return l->elem_stride == l->elem_size && l->elem_size >= 8;
}

void element_store_run(const struct layout *l, unsigned char *at, const void *from, uint32_t n)
{
    const unsigned char *next = from;
    if (packed(l)) {
        element_store_words(at, from, n * l->elem_size);
        return;
    }
    for (uint32_t i = 0; i < n; i++, next += l->elem_size)
        element_store(l, at + (size_t)i * l->elem_stride, next);
}

void element_load_run(const struct layout *l, void *to, const unsigned char *at, uint32_t n)
{
    unsigned char *next = to;
    if (packed(l)) {
        element_load_words(to, at, n * l->elem_size);
        return;
    }
    for (uint32_t i = 0; i < n; i++, next += l->elem_size)
        element_load(l, at + (size_t)i * l->elem_stride, next);
}

void element_load_run_down(const struct layout *l, void *to, const unsigned char *last, uint32_t n)
{
    unsigned char *next = to;
    if (l->elem_size == 8) {
        for (uint32_t i = 0; i < n; i++, next += 8)
            element_load_words(next, last - (size_t)i * 8, 8);
        return;
    }
    for (uint32_t i = 0; i < n; i++, next += l->elem_size)
        element_load(l, last - (size_t)i * l->elem_stride, next);
}
