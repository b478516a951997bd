/* nth.c - see nth.h. */
#include "nth.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local uint32_t asked, fails;
static _Atomic int64_t blocks;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
FILE *__real_fopen(const char *path, const char *mode);
int __real_pthread_setspecific(pthread_key_t key, const void *value);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);
FILE *__wrap_fopen(const char *path, const char *mode);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);

void nth_fail(uint32_t n)
{
    fails = n;
    asked = 0;
}

uint32_t nth_asked(void)
{
    return asked;
}

int64_t nth_blocks(void)
{
    return atomic_load(&blocks);
}

static int refused(void)
{
    if (++asked != fails)
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *given(void *block)
{
    if (block)
        atomic_fetch_add(&blocks, 1);
    return block;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : given(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refused() ? NULL : given(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (refused())
        return NULL;
    return old ? __real_realloc(old, size) : given(__real_realloc(old, size));
}

void __wrap_free(void *block)
{
    if (block)
        atomic_fetch_sub(&blocks, 1);
    __real_free(block);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return refused() ? NULL : __real_fopen(path, mode);
}

int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    return refused() ? ENOMEM : __real_pthread_setspecific(key, value);
}
