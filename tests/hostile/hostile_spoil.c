/*
 * hostile_spoil.c - changes bits, bytes and words of a segment through a mapping of its own. Only what the object has pages for is changed:
 * a hole would get a page by it, which is not damage. Nothing is left out: life marks that are held are changed like everything else.
 */
#include "hostile.h"

#include "format.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEPT = 4, TRIES = 50 };
#define NOWHERE UINT64_MAX

struct change {
    uint64_t off, was;
};

struct spoiler {
    int fd;
    unsigned char *base;
    uint64_t mapped;
    struct shm_header h; /* as it was when the segment was whole */
    const struct variant *variant;
    struct rng rng;
    struct change kept[KEPT]; /* to be put right */
    uint32_t next;
};

struct span {
    uint64_t off, len;
};

struct spoiler *spoiler_new(const char *name, const struct variant *variant, uint64_t seed)
{
    static struct spoiler only; /* one at a time; children of this process have a copy */
    struct spoiler *s = &only;
    memset(s, 0, sizeof *s);
    s->fd = shm_open(name, O_RDWR, 0);
    if (s->fd < 0 || pread(s->fd, &s->h, sizeof s->h, 0) != (ssize_t)sizeof s->h)
        abort();
    s->mapped = s->h.max_bytes;
    s->base = mmap(NULL, s->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, s->fd, 0);
    if (s->base == MAP_FAILED)
        abort();
    s->variant = variant;
    s->rng.state = seed;
    return s;
}

void spoiler_free(struct spoiler *s)
{
    munmap(s->base, s->mapped);
    close(s->fd);
}

static uint64_t slab_head_bytes(const struct shm_header *h)
{
    const uint64_t bitmap = ((h->slab_leaves + 63) / 64 * 8 + 63) / 64 * 64;
    return bitmap + h->slab_leaves * sizeof(struct shm_leaf);
}

/* A part of one slab that exists; empty if none does. */
static struct span slab_part(struct spoiler *s, bool head)
{
    struct stat st;
    if (fstat(s->fd, &st) != 0 || (uint64_t)st.st_size < s->h.slabs_off + s->h.slab_bytes)
        return (struct span){0, 0};
    const uint64_t slab = rng_below(&s->rng, ((uint64_t)st.st_size - s->h.slabs_off) / s->h.slab_bytes);
    const uint64_t off = s->h.slabs_off + slab * s->h.slab_bytes, split = slab_head_bytes(&s->h);
    return head ? (struct span){off, split} : (struct span){off + split, s->h.slab_bytes - split};
}

static struct span any_life_mark(struct spoiler *s)
{
    const uint64_t slot = 1 + rng_below(&s->rng, s->h.max_slots);
    const uint64_t end = ((slot + 1) * s->h.slot_bytes + SHM_PAGE - 1) / SHM_PAGE * SHM_PAGE;
    return (struct span){s->h.slots_off + end - SHM_LIFE_MARKS, SHM_LIFE_MARKS};
}

/* Half of the changes to slots go to what decides: the first words of a descriptor, intents and leases. Their many leaves get the rest. */
static struct span slots_part(struct spoiler *s)
{
    static const struct span decides[] = {
        {offsetof(struct shm_slot, desc[0]), 32}, {offsetof(struct shm_slot, desc[1]), 32},   {offsetof(struct shm_slot, committed), 8},
        {offsetof(struct shm_slot, intent), 24},  {offsetof(struct shm_slot, spare_ref), 32}, {offsetof(struct shm_slot, lease_return), 16},
        {offsetof(struct shm_slot, pid), 16},
    };
    if (rng_below(&s->rng, 2))
        return (struct span){s->h.slots_off, (s->h.max_slots + UINT64_C(1)) * s->h.slot_bytes};
    const struct span part = decides[rng_below(&s->rng, sizeof decides / sizeof *decides)];
    const uint64_t slot = 1 + rng_below(&s->rng, s->h.max_slots);
    return (struct span){s->h.slots_off + (uint64_t)slot * s->h.slot_bytes + part.off, part.len};
}

static struct span area_span(struct spoiler *s, enum area area)
{
    switch (area) {
    case AREA_HEADER:
        return (struct span){0, sizeof s->h};
    case AREA_CONTROL:
        return (struct span){SHM_PAGE, sizeof(struct shm_control)};
    case AREA_SLOTS:
        return slots_part(s);
    case AREA_SLABTAB: /* the words that are in use lie at the front */
        return (struct span){s->h.slabtab_off, rng_below(&s->rng, 4) ? 256 : SHM_PAGE};
    case AREA_DIRECTORY:
        return (struct span){s->h.dir_off, rng_below(&s->rng, 4) ? 2 * SHM_PAGE : s->h.slabs_off - s->h.dir_off};
    case AREA_MUTEXES:
        return any_life_mark(s);
    default:
        return slab_part(s, area == AREA_SLAB_HEADS);
    }
}

static enum area any_area(struct spoiler *s)
{
    uint32_t sum = 0, at;
    for (int i = 0; i < AREAS; i++)
        sum += s->variant->weight[i];
    at = (uint32_t)rng_below(&s->rng, sum);
    enum area area = AREA_HEADER;
    while (at >= s->variant->weight[area])
        at -= s->variant->weight[area++];
    return area;
}

/* The offset of a word that may be changed. */
static uint64_t any_word(struct spoiler *s)
{
    for (int i = 0; i < TRIES; i++) {
        const struct span span = area_span(s, any_area(s));
        if (span.len < 8)
            continue;
        const uint64_t off = span.off / 8 * 8 + rng_below(&s->rng, span.len / 8) * 8;
        if (lseek(s->fd, (off_t)off, SEEK_DATA) != (off_t)off)
            continue;
        return off;
    }
    return NOWHERE;
}

static shm_u64 *word_at(const struct spoiler *s, uint64_t off)
{
    return (shm_u64 *)(s->base + off);
}

/* Numbers that mean something somewhere: bounds of indexes, table words, states of life marks. */
static uint64_t small_or_special(struct spoiler *s)
{
    static const uint64_t special[] = {0,
                                       UINT64_MAX,
                                       UINT64_C(1) << 63,
                                       INT64_MAX,
                                       UINT32_MAX,
                                       UINT64_C(1) << 32,
                                       1u << 31,
                                       1 << 16,
                                       65535,
                                       4095,
                                       UINT64_C(0xff) << 40,
                                       0x10000,
                                       0x10001,
                                       22,
                                       23,
                                       0x20000,
                                       UINT64_C(3) << 56,
                                       UINT64_C(2) << 56 | UINT64_C(1) << 32,
                                       0x40000001,
                                       0x40,
                                       0xc0,
                                       0xa0,
                                       0x180,
                                       0x100};
    return rng_below(&s->rng, 2) ? rng_below(&s->rng, 70) : special[rng_below(&s->rng, sizeof special / sizeof *special)];
}

static uint64_t changed(struct spoiler *s, uint64_t was)
{
    uint64_t half;
    switch (rng_below(&s->rng, 8)) {
    case 0:
        return was ^ UINT64_C(1) << rng_below(&s->rng, 64);
    case 1:
        return was ^ (1 + rng_below(&s->rng, 255)) << 8 * rng_below(&s->rng, 8);
    case 2:
        half = (uint32_t)rng_next(&s->rng);
        return rng_below(&s->rng, 2) ? (was & UINT32_MAX) | half << 32 : (was >> 32 << 32) | half;
    case 3:
        return rng_next(&s->rng);
    case 4:
        return was + 1;
    case 5:
        return was - 1;
    default:
        return small_or_special(s);
    }
}

/* What was changed KEPT changes ago becomes what it was: on a segment that goes on living, other damage can do harm. */
static void keep(struct spoiler *s, uint64_t off, uint64_t was)
{
    if (!s->variant->transient)
        return;
    struct change *c = &s->kept[s->next++ % KEPT];
    if (s->next > KEPT)
        atomic_store_explicit(word_at(s, c->off), c->was, memory_order_relaxed);
    *c = (struct change){off, was};
}

void spoiler_flip(struct spoiler *s)
{
    const uint64_t off = any_word(s), other = any_word(s);
    if (off == NOWHERE)
        return;
    const uint64_t was = atomic_load_explicit(word_at(s, off), memory_order_relaxed);
    if (other != NOWHERE && rng_below(&s->rng, 6) == 0) { /* exchanged with another word, or a copy of it */
        const uint64_t to = atomic_load_explicit(word_at(s, other), memory_order_relaxed);
        if (rng_below(&s->rng, 2)) {
            keep(s, other, to);
            atomic_store_explicit(word_at(s, other), was, memory_order_relaxed);
        }
        atomic_store_explicit(word_at(s, off), to, memory_order_relaxed);
    } else {
        atomic_store_explicit(word_at(s, off), changed(s, was), memory_order_relaxed);
    }
    keep(s, off, was);
}
