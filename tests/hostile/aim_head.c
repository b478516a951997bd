/* aim_head.c - attacks on the control page: the head's fields, its two halves, and the words for those who wait. */
#include "aim.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VERSION forge_control(offsetof(struct shm_control, head.version))
#define PACKED forge_control(offsetof(struct shm_control, head.packed))
#define SIZE_MASK ((UINT64_C(1) << 40) - 1)

void attack_head_size(struct forge *f)
{
    static const uint64_t wide[] = {0, 1, SIZE_MASK, SIZE_MASK - 1};
    const uint64_t packed = forge_64(f, PACKED);
    uint64_t size = rng_below(&f->rng, 2) ? rng_below(&f->rng, f->h.max_elems + 2) : (packed & SIZE_MASK) + rng_below(&f->rng, 200) - 100;
    if (rng_below(&f->rng, 6) == 0)
        size = wide[rng_below(&f->rng, 4)];
    forge_put_64(f, PACKED, (packed & ~SIZE_MASK) | (size & SIZE_MASK));
}

void attack_head_desc(struct forge *f)
{
    const uint64_t packed = forge_64(f, PACKED),
                   desc = rng_below(&f->rng, 2) ? rng_below(&f->rng, 2 * f->slots + 4) : rng_below(&f->rng, 4096);
    forge_put_64(f, PACKED, (packed & ~(UINT64_C(0xfff) << 40)) | desc << 40);
}

void attack_head_last(struct forge *f)
{
    const uint64_t packed = forge_64(f, PACKED), last = rng_below(&f->rng, 2) ? rng_below(&f->rng, f->slots + 2) : rng_below(&f->rng, 4096);
    forge_put_64(f, PACKED, (packed & ~(UINT64_C(0xfff) << 52)) | last << 52);
}

/* Back and forth, by a little or far. */
void attack_version(struct forge *f)
{
    const uint64_t version = forge_64(f, VERSION);
    forge_put_64(f, VERSION, rng_below(&f->rng, 4) ? version + rng_below(&f->rng, 9) - 4 : forge_any(f));
}

/* Next to the last one: after it comes 0, which nothing has made. */
void attack_version_end(struct forge *f)
{
    forge_put_64(f, VERSION, UINT64_MAX - rng_below(&f->rng, 4));
}

/* The two halves never belong together for long. */
void attack_head_torn(struct forge *f)
{
    const uint64_t packed = forge_64(f, PACKED), version = forge_64(f, VERSION);
    forge_put_64(f, VERSION, version + 1);
    forge_put_64(f, PACKED, packed ^ UINT64_C(1) << rng_below(&f->rng, 6));
    if (rng_below(&f->rng, 2))
        forge_put_64(f, PACKED, packed);
}

/* ---- those who wait ---------------------------------------------------------------------------------------------------------------------- */

/* The word that sleepers sleep on changes all the time. */
void attack_sleepers(struct forge *f)
{
    const uint64_t word = forge_control(offsetof(struct shm_control, wait_futex));
    forge_put_32(f, word, rng_below(&f->rng, 8) ? (uint32_t)forge_64(f, word) + 1 : (uint32_t)forge_any(f));
}

/* The bits by which a push makes a system call, or pauses, are always up; and all who sleep are woken. */
void attack_wakes(struct forge *f)
{
    const uint64_t word = forge_control(offsetof(struct shm_control, wait_futex)),
                   wanted = forge_control(offsetof(struct shm_control, wanted));
    forge_put_32(f, wanted,
                 rng_below(&f->rng, 4) ? SHM_WANT_WAKE | SHM_WANT_TURN | (uint32_t)f->turn++ * SHM_WAITER : (uint32_t)forge_any(f));
    if (f->turn % 16 == 0)
        (void)syscall(SYS_futex, f->base + word, FUTEX_WAKE, 1000, NULL, NULL, 0);
}
