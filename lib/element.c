/* element.c - elements of 1 to 4 bytes: one atomic access of the stride. */
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
