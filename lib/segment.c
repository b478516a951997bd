/*
 * segment.c - growth of a mapped segment. Several participants may grow it at once, and each may be
 * killed half-way: fallocate is idempotent, and an extent is announced only after its pages exist.
 */
#include "segment.h"

#include "calm.h"
#include "error.h"
#include "lfvec.h"
#include "numa.h"
#include "probe.h"
#include "shm.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/*
 * Bytes. Beyond this, doubling would waste more memory than the system
 * calls that it saves are worth.
 */
#define EXTENT_STEP_MOST (UINT64_C(4) << 20)

int segment_reaches(struct segment *s, uint64_t end)
{
    struct stat st;
    if (end > s->mapped)
        return end > s->l.max_bytes ? -EBADMSG : -ENOMEM;
    if (end <= atomic_load_explicit(&s->object_bytes, memory_order_relaxed))
        return 0;
    const int err = shm_object_stat(s->fd, &st);
    if (err)
        return err;
    shm_raise(&s->object_bytes, (uint64_t)st.st_size, memory_order_relaxed);
    return end <= (uint64_t)st.st_size ? 0 : -EBADMSG;
}

/*
 * The run is stored in granules, in one word, so that both ends belong together. Pages at its
 * borders are checked again. Above the run, one question to the kernel finds the next hole; below
 * it, only the pages in question are checked. So ascending checks look at each page once, and no
 * order of checks makes the kernel scan the object repeatedly.
 */
enum { GRANULE = 65536 };

static uint64_t run_first(uint64_t run)
{
    return (run >> 32) * GRANULE;
}

static uint64_t run_end(uint64_t run)
{
    return (run & UINT32_MAX) * GRANULE;
}

static uint64_t run_make(uint64_t first, uint64_t end)
{
    return (first + GRANULE - 1) / GRANULE << 32 | end / GRANULE;
}

static bool is_whole(struct segment *s, uint64_t off, uint64_t bytes)
{
    const uint64_t run = atomic_load_explicit(&s->whole, memory_order_relaxed), end = off + bytes;
    if (off >= run_first(run) && end <= run_end(run))
        return true;
    if (off < run_end(run))
        return shm_object_is_whole(s->fd, off, bytes);
    uint64_t hole = shm_object_hole(s->fd, off);
    hole = hole < s->l.max_bytes ? hole : s->l.max_bytes;
    if (hole > off)
        atomic_store_explicit(&s->whole, run_make(off, hole), memory_order_relaxed);
    return end <= hole;
}

int segment_no_space(const struct segment *s, uint64_t end, uint64_t bytes)
{
    struct rlimit limit;
    struct statvfs fs;
    /* Raising the limit by less would not help. */
    const uint64_t first = s->l.slabs_off + s->l.slab_bytes;
    const unsigned long long need = bytes, have = fstatvfs(s->fd, &fs) == 0 ? (unsigned long long)fs.f_bavail * fs.f_frsize : 0;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && end > limit.rlim_cur)
        return error_set(
            -ENOSPC,
            "%s: no space: the object would reach %llu bytes, most of them reserved and without memory, and this process may make "
            "files of %llu; raise that limit (ulimit -f)",
            s->name, (unsigned long long)(end > first ? end : first), (unsigned long long)limit.rlim_cur);
    if (have >= need)
        return error_set(-ENOSPC, "%s: no space: %llu bytes were refused, although %llu are free in /dev/shm; has this user a quota there?",
                         s->name, need, have);
    return error_set(-ENOSPC,
                     "%s: no space: %llu bytes needed, %llu free in /dev/shm; enlarge it (mount -o remount,size=SIZE /dev/shm; in Docker: "
                     "--shm-size=SIZE)",
                     s->name, need, have);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + 1;
}

/* The file system has room but the kernel refuses pages: a cgroup limit. */
static int refused(const struct segment *s, uint64_t bytes)
{
    return error_set(-ENOSPC,
                     "%s: no memory: the kernel refuses %llu bytes, although /dev/shm has room; raise the memory limit of this process's "
                     "cgroup (memory.max; in Docker: --memory=SIZE)",
                     s->name, (unsigned long long)bytes);
}

static int commit_failed(struct segment *s, uint64_t end, uint64_t bytes, int err)
{
    if (err == -ENOMEM) {
        atomic_store_explicit(&s->refused, now_ms(), memory_order_relaxed);
        return refused(s, bytes);
    }
    return err == -ENOSPC ? segment_no_space(s, end, bytes) : err;
}

/*
 * Populates all pages in one call where the kernel can (5.14), which costs less than page faults.
 * Then stores in each page: older kernels refuse the call, emulators accept it and do nothing, and
 * a page never stored in looks like a hole.
 */
void segment_populate(struct segment *s, uint64_t off, uint64_t bytes)
{
    unsigned char *const start = s->base + off / SHM_PAGE * SHM_PAGE, *const end = s->base + off + bytes;
    (void)madvise(start, (size_t)(end - start), MADV_POPULATE_WRITE);
    for (unsigned char *at = start; at < end; at += SHM_PAGE)
        atomic_fetch_or_explicit((volatile shm_u64 *)at, 0, memory_order_relaxed);
}

int segment_commit(struct segment *s, uint64_t off, uint64_t bytes)
{
    if (off + bytes > s->mapped)
        return off + bytes > s->l.max_bytes ? -EOVERFLOW : -ENOMEM;
    const int err = shm_object_commit(s->fd, off, bytes);
    if (err)
        return commit_failed(s, off + bytes, bytes, err);
    atomic_fetch_add_explicit(&s->control->grows, 1, memory_order_relaxed);
    PROBE(grow, off, bytes);
    segment_populate(s, off, bytes);
    return segment_reaches(s, off + bytes);
}

/*
 * Does not ask the kernel when there is known to be no room: fallocate would allocate what there is
 * and free it again. The room in a cgroup is not visible, so after a refusal there is no new try
 * for REFUSED_MS: each try would make the kernel look for pages to reclaim.
 */
enum { REFUSED_MS = 10 };

int segment_commit_own(struct segment *s, uint64_t off, uint64_t bytes)
{
    const uint64_t last = atomic_load_explicit(&s->refused, memory_order_relaxed);
    if (last && now_ms() - last < REFUSED_MS)
        return refused(s, bytes);
    if (shm_object_room(s->fd) < bytes)
        return segment_no_space(s, off + bytes, bytes);
    const int err = segment_commit(s, off, bytes);
    if (err)
        shm_object_discard(s->fd, off, bytes);
    return err;
}

/* Accepts a range with holes as zeros, and deducts it from what this attachment still accepts. */
static bool hole_believed(struct segment *s, uint64_t bytes)
{
    uint64_t left = atomic_load_explicit(&s->holes_left, memory_order_relaxed);
    do {
        if (left < bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&s->holes_left, &left, left - bytes, memory_order_relaxed, memory_order_relaxed));
    return true;
}

/*
 * A read-only attachment gives no hole memory: private pages of zeros stand for its pages. When one
 * of those gets memory, the object has more blocks than when the zeros were mapped, and
 * segment_refresh() maps the object again wherever it has data.
 */
static void *map_part(const struct segment *s, uint64_t off, uint64_t end, bool data)
{
    const int flags = data ? MAP_SHARED | MAP_NORESERVE : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    return mmap(s->base + off, end - off, PROT_READ, flags | MAP_FIXED, data ? s->fd : -1, data ? (off_t)off : 0);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Maps the object where it has data, and zeros, if wanted, where it has holes: `runs` of them at most. */
static int map_runs(const struct segment *s, uint64_t off, uint64_t end, bool zeros, uint32_t runs)
{
    for (uint64_t at = off; at < end && runs; runs--) {
        const uint64_t data = least(shm_object_data(s->fd, at), end);
        const uint64_t hole = data < end ? least(shm_object_hole(s->fd, data), end) : end;
        if (zeros && data > at && map_part(s, at, data, false) == MAP_FAILED)
            return -ENOMEM;
        if (hole > data && map_part(s, data, hole, true) == MAP_FAILED)
            return -ENOMEM;
        at = hole;
    }
    return 0;
}

static uint64_t blocks_of(const struct segment *s)
{
    struct stat st;
    return shm_object_stat(s->fd, &st) == 0 ? (uint64_t)st.st_blocks + 1 : 1;
}

/*
 * The holder is a few system calls away from giving this back. No signal handler runs meanwhile: one
 * that reads the segment would wait for its own thread, and one that jumps out would keep the flag.
 */
static void patching_begin(struct segment *s, struct calm *before)
{
    calm_begin(before);
    while (atomic_flag_test_and_set_explicit(&s->patching, memory_order_acquire)) /* SYNC: patching (acquire) */
        sched_yield();
}

static void patching_end(struct segment *s, const struct calm *before)
{
    atomic_flag_clear_explicit(&s->patching, memory_order_release); /* SYNC: patching (release) */
    calm_end(before);
}

/* Counts the blocks before it looks for holes: a page that gets memory in between changes the count. */
static int map_zeros(struct segment *s, uint64_t off, uint64_t bytes)
{
    const uint64_t first = off / SHM_PAGE * SHM_PAGE, end = (off + bytes + SHM_PAGE - 1) / SHM_PAGE * SHM_PAGE;
    uint64_t none = 0;
    struct calm before;
    patching_begin(s, &before);
    atomic_store_explicit(&s->words_at_once, 0, memory_order_relaxed);
    (void)atomic_compare_exchange_strong_explicit(&s->patched, &none, blocks_of(s), memory_order_relaxed, memory_order_relaxed);
    const int err = map_runs(s, first, end, true, UINT32_MAX);
    patching_end(s, &before);
    return err;
}

bool segment_refresh(struct segment *s)
{
    enum { RUNS_MOST = 65536 };
    const uint64_t now = blocks_of(s);
    if (now == atomic_load_explicit(&s->patched, memory_order_relaxed))
        return false;
    struct calm before;
    patching_begin(s, &before);
    atomic_store_explicit(&s->patched, now, memory_order_relaxed);
    (void)map_runs(s, 0, s->mapped, false, RUNS_MOST);
    patching_end(s, &before);
    return true;
}

/* The segment does not grow by it: it changes no byte. */
static int fill_holes(struct segment *s, uint64_t off, uint64_t bytes)
{
    const int err = shm_object_commit(s->fd, off, bytes);
    if (err)
        return commit_failed(s, off + bytes, bytes, err);
    segment_populate(s, off, bytes);
    return 0;
}

/*
 * cp leaves zeros out, so a copy has holes, and it must be possible to open one. In the caller's own
 * segments and root's, holes are therefore accepted as zeros, up to as many bytes as the object
 * occupied when it was opened, or all of them with LFVEC_FILL_HOLES. An attachment for writing fills
 * what it accepts, or a full file system could end it later. Filling stores unchanged words and never
 * frees memory, so it may run while others use the range.
 */
int segment_is_whole(struct segment *s, uint64_t off, uint64_t bytes)
{
    if (is_whole(s, off, bytes))
        return 0;
    if (s->read_only)
        return hole_believed(s, bytes) ? map_zeros(s, off, bytes) : -EBADMSG;
    if (shm_object_room(s->fd) < bytes)
        return s->fill ? segment_no_space(s, off + bytes, bytes) : -EBADMSG;
    return s->fill || hole_believed(s, bytes) ? fill_holes(s, off, bytes) : -EBADMSG;
}

void segment_believe_holes(struct segment *s, const struct stat *st)
{
    enum { LEAST = 1 << 20 }; /* for a small segment that is zeros for the most part */
    uint32_t owner;
    const bool trusted = shm_object_trusted(s->fd, &owner) == 0;
    atomic_store_explicit(&s->holes_left, trusted ? (uint64_t)st->st_blocks * 512 + LEAST : 0, memory_order_relaxed);
}

/*
 * Stores nothing in the segment. Trusts nothing in it either: new
 * memory is checked with the kernel.
 */
int segment_extend_known(struct segment *s, struct extent *e, uint64_t n)
{
    const uint64_t have = atomic_load_explicit(e->shared, memory_order_acquire); /* SYNC: extent (acquire) */
    if (have > e->max || n > have)
        return -EBADMSG;
    const uint64_t ready = atomic_load_explicit(&e->ready, memory_order_relaxed);
    if (have <= ready)
        return 0;
    int err = segment_reaches(s, e->off + have * e->unit);
    err = err ? err : segment_is_whole(s, e->off + ready * e->unit, (have - ready) * e->unit);
    if (err)
        return err;
    shm_raise(&e->ready, have, memory_order_relaxed);
    return 0;
}

/* The number of units after the next step: twice as many, at least n, in whole pages. */
static uint64_t extent_step(const struct extent *e, uint64_t have, uint64_t n)
{
    const uint64_t page = SHM_PAGE / e->unit, most = EXTENT_STEP_MOST / e->unit;
    uint64_t to = have + (have < most ? have : most);
    to = to < n ? n : to;
    to = (to + page - 1) / page * page;
    return to < e->max ? to : e->max;
}

/*
 * Commits memory for units [have, to). All participants read an extent, so its pages
 * are interleaved over the nodes.
 */
static int extent_commit(struct segment *s, const struct extent *e, uint64_t have, uint64_t to)
{
    const uint64_t off = e->off + have * e->unit, bytes = (to - have) * e->unit;
    /*
     * As in segment_commit_own(). But others may extend it at the same
     * time, so nothing is given back.
     */
    if (shm_object_room(s->fd) < bytes)
        return segment_no_space(s, off + bytes, bytes);
    if (off + bytes <= s->mapped)
        numa_place(s->base + off, bytes, LFVEC_NUMA_INTERLEAVE, s->nodes, 0);
    return segment_commit(s, off, bytes);
}

int segment_extend(struct segment *s, struct extent *e, uint64_t n)
{
    if (n > e->max)
        return -EOVERFLOW;
    const uint64_t have = atomic_load_explicit(e->shared, memory_order_acquire); /* SYNC: extent (acquire) */
    if (have > e->max)
        return -EBADMSG;
    if (have < n) {
        uint64_t to = extent_step(e, have, n);
        int err = extent_commit(s, e, have, to);
        if (err == -ENOSPC && to > n) { /* no room for a whole step: commit only what is needed */
            to = n;
            err = extent_commit(s, e, have, to);
        }
        if (!err)
            shm_raise(e->shared, to, memory_order_release);                 /* SYNC: extent (release): the pages exist */
        else if (atomic_load_explicit(e->shared, memory_order_acquire) < n) /* SYNC: extent (acquire): else another has done it */
            return err;
    }
    return segment_extend_known(s, e, n);
}

void segment_close(struct segment *s)
{
    if (s->base)
        munmap(s->base, s->mapped);
    if (s->fd >= 0)
        close(s->fd);
    free(s->slab_known);
    free(s->tally.count);
    s->slab_known = NULL;
    s->tally.count = NULL;
    s->base = NULL;
    s->fd = -1;
}
