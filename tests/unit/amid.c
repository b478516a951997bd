/* amid.c - see amid.h. slab_taken() is wrapped by the linker (--wrap). */
#include "amid.h"

#include "element.h"
#include "slab.h"

#include <stdlib.h>

static struct {
    lfvec_t *v; /* at work; NULL: no check is under way */
    amid_deed *const *deeds;
    void *memory; /* of the pass */
    uint32_t pass;
    enum amid_moment next;
    bool within; /* a deed */
} amid;

uint32_t amid_pass(void)
{
    return amid.pass;
}

int amid_check(lfvec_t *looks, lfvec_t *v, amid_deed *const deeds[AMID_MOMENTS], struct lfvec_audit *out)
{
    amid.v = v;
    amid.deeds = deeds;
    amid.pass = 0;
    amid.next = AMID_BEFORE;
    const int err = lfvec_check(looks, out);
    amid.v = NULL;
    return err;
}

static void act(enum amid_moment moment)
{
    amid.within = true;
    if (amid.deeds[moment])
        amid.deeds[moment](amid.v);
    amid.within = false;
}

bool __real_slab_taken(struct segment *s, uint64_t ref);
bool __wrap_slab_taken(struct segment *s, uint64_t ref);

bool __wrap_slab_taken(struct segment *s, uint64_t ref)
{
    if (amid.v && !amid.within && amid.next == AMID_LEAVES) {
        amid.next = AMID_AFTER;
        act(AMID_LEAVES);
    }
    return __real_slab_taken(s, ref);
}

#if defined(__GLIBC__) && !defined(ELEMENT_SANITIZED)
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

void *calloc(size_t n, size_t size)
{
    void *memory = __libc_calloc(n, size);
    if (amid.v && !amid.within) { /* once in each pass, and never else */
        amid.memory = memory;
        amid.next = AMID_LEAVES;
        amid.pass++;
        act(AMID_BEFORE);
    }
    return memory;
}

/* The pass has met a slab that is newer than it. */
void *realloc(void *memory, size_t size)
{
    void *more = __libc_realloc(memory, size);
    if (amid.v && !amid.within && memory && memory == amid.memory && more)
        amid.memory = more;
    return more;
}

void free(void *memory)
{
    if (amid.v && !amid.within && memory && memory == amid.memory) {
        amid.memory = NULL;
        act(AMID_AFTER);
    }
    __libc_free(memory);
}
#endif

/* By pointers: the compiler takes calloc() and free(), called by name, for functions that leave `amid` as it is. */
bool amid_possible(void)
{
    void *(*volatile take)(size_t n, size_t size) = calloc;
    void (*volatile give_back)(void *memory) = free;
    static amid_deed *const nothing[AMID_MOMENTS];
    amid.v = (lfvec_t *)&amid; /* nobody looks at it */
    amid.deeds = nothing;
    amid.pass = 0;
    give_back(take(1, 1));
    amid.v = NULL;
    return amid.pass == 1 && !amid.memory;
}
