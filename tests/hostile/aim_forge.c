/* aim_forge.c - the attacker's own mapping of the segment, where everything lies, and values that are worth forging. */
#include "aim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void forge_open(struct forge *f, const char *name, uint64_t seed, uint32_t slots)
{
    memset(f, 0, sizeof *f);
    f->name = name;
    f->rng.state = seed;
    f->fd = shm_open(name, O_RDWR, 0);
    if (f->fd < 0 || pread(f->fd, &f->h, sizeof f->h, 0) != (ssize_t)sizeof f->h)
        abort();
    f->mapped = f->h.max_bytes;
    f->slots = slots < f->h.max_slots ? slots : f->h.max_slots;
    f->base = mmap(NULL, f->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, f->fd, 0);
    f->has_data = calloc(f->mapped / SHM_PAGE / 64 + 1, sizeof(uint64_t));
    if (f->base == MAP_FAILED || !f->has_data)
        abort();
}

void forge_close(struct forge *f)
{
    munmap(f->base, f->mapped);
    free(f->has_data);
    close(f->fd);
}

/* Where a victim has mapped the segment, once or several times. */
static void look_up(struct forge *f, pid_t pid)
{
    char path[64], line[512];
    uint64_t from, to, offset;
    snprintf(path, sizeof path, "/proc/%ld/maps", (long)pid);
    FILE *maps = fopen(path, "r");
    while (maps && fgets(line, sizeof line, maps) && f->mappings < MAPPINGS_MOST)
        if (strstr(line, f->name) && sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &from, &to, &offset) == 3 && offset == 0)
            f->mapping[f->mappings++] = from;
    if (maps)
        fclose(maps);
}

static void aim_at_canaries(struct forge *f, uint32_t victim)
{
    for (uint32_t c = 0; c < CANARIES; c++)
        f->lead[f->leads++] = (uint64_t)(uintptr_t)aim_board->victim[victim].canary[c];
}

void forge_aim(struct forge *f, uint32_t victim)
{
    f->leads = f->mappings = 0;
    for (uint32_t v = 0; v < VICTIMS; v++)
        if ((victim == v || victim == VICTIMS) && f->pid[v]) {
            aim_at_canaries(f, v);
            look_up(f, f->pid[v]);
        }
}

static bool has_data(struct forge *f, uint64_t off)
{
    const uint64_t page = off / SHM_PAGE;
    if (off >= f->mapped)
        return false;
    if (f->has_data[page / 64] >> page % 64 & 1)
        return true;
    if (lseek(f->fd, (off_t)off, SEEK_DATA) != (off_t)off)
        return false;
    f->has_data[page / 64] |= UINT64_C(1) << page % 64;
    return true;
}

uint64_t forge_64(struct forge *f, uint64_t off)
{
    return has_data(f, off) ? atomic_load_explicit((shm_u64 *)(f->base + off), memory_order_relaxed) : 0;
}

void forge_put_64(struct forge *f, uint64_t off, uint64_t value)
{
    if (!has_data(f, off))
        return;
    atomic_store_explicit((shm_u64 *)(f->base + off), value, memory_order_relaxed);
    atomic_fetch_add_explicit(&aim_board->stores, 1, memory_order_relaxed);
}

void forge_put_32(struct forge *f, uint64_t off, uint32_t value)
{
    if (!has_data(f, off))
        return;
    atomic_store_explicit((shm_u32 *)(f->base + off), value, memory_order_relaxed);
    atomic_fetch_add_explicit(&aim_board->stores, 1, memory_order_relaxed);
}

uint64_t forge_any(struct forge *f)
{
    static const uint64_t special[] = {
        UINT64_MAX, INT64_MAX, UINT64_C(1) << 63, UINT32_MAX,           UINT64_C(1) << 32, INT32_MAX,           UINT64_C(1) << 40, 65535,
        65536,      65537,     UINT64_MAX - 1,    UINT64_C(0xff) << 56, SHM_DESC_LEAVES,   SHM_DESC_LEAVES + 1, SHM_SLOTS_MAX};
    switch (rng_below(&f->rng, 4)) {
    case 0:
        return rng_below(&f->rng, 70);
    case 1:
        return rng_next(&f->rng);
    case 2:
        return rng_next(&f->rng) >> rng_below(&f->rng, 64);
    default:
        return special[rng_below(&f->rng, sizeof special / sizeof *special)];
    }
}

uint64_t forge_lead(struct forge *f)
{
    if (!f->leads)
        return 0;
    const uint64_t at = f->lead[rng_below(&f->rng, f->leads)] + 8 * rng_below(&f->rng, CANARY_BYTES / 8);
    return at + (rng_below(&f->rng, 8) == 0); /* the lowest bit of a link has a meaning */
}

uint64_t forge_mapping(struct forge *f)
{
    return f->mappings ? f->mapping[rng_below(&f->rng, f->mappings)] : 0;
}

uint64_t forge_bytes(const struct forge *f)
{
    struct stat st;
    return fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static uint64_t slabs_there(const struct forge *f)
{
    const uint64_t bytes = forge_bytes(f), most = f->h.max_bytes < bytes ? f->h.max_bytes : bytes;
    return most < f->h.slabs_off + f->h.slab_bytes ? 1 : (most - f->h.slabs_off) / f->h.slab_bytes;
}

uint32_t forge_leaves(const struct forge *f)
{
    return f->h.slab_leaves;
}

uint64_t forge_leaf(struct forge *f)
{
    return rng_below(&f->rng, 2) ? rng_below(&f->rng, f->h.slab_leaves) : rng_below(&f->rng, 8);
}

uint64_t forge_ref(struct forge *f)
{
    uint64_t slab = rng_below(&f->rng, slabs_there(f)), leaf = forge_leaf(f);
    switch (rng_below(&f->rng, 8)) {
    case 0:
        return forge_any(f);
    case 1:
        slab = f->h.slabs_max - rng_below(&f->rng, 3);
        break;
    case 2:
        leaf = f->h.slab_leaves - 1 + rng_below(&f->rng, 3);
        break;
    case 3:
        slab = slabs_there(f) + rng_below(&f->rng, 4);
        break;
    case 4:
        return 0;
    default:
        break;
    }
    return (slab + 1) << 16 | leaf;
}

uint64_t forge_slot(struct forge *f)
{
    return f->h.slots_off + (1 + rng_below(&f->rng, f->slots)) * f->h.slot_bytes;
}

uint64_t forge_control(uint64_t field)
{
    return SHM_PAGE + field;
}

uint64_t forge_slab(struct forge *f)
{
    return f->h.slabs_off + rng_below(&f->rng, slabs_there(f)) * f->h.slab_bytes;
}

uint64_t forge_meta(struct forge *f)
{
    const uint64_t bitmap = ((f->h.slab_leaves + 63) / 64 * 8 + 63) / 64 * 64;
    return forge_slab(f) + bitmap + forge_leaf(f) * sizeof(struct shm_leaf);
}
