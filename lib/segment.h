/*
 * segment.h - one process's mapping of a segment: the private copy of the layout, which parts of
 * the object are known to have memory, and growth.
 *
 * Invariants: every number read from shared memory is checked against the private layout
 * before an address is computed from it. Whatever the segment says, no page is touched before
 * it is known to have memory: segment_is_whole() asks the kernel for holes. So reading a
 * segment that others can write commits no memory, and a full file system causes no SIGBUS. A
 * participant that commits memory stores into it before announcing it, because a page that was
 * only allocated looks like a hole.
 */
#ifndef LFVEC_SEGMENT_H
#define LFVEC_SEGMENT_H

#include "format.h"
#include "layout.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* An array in the segment whose memory is committed on demand, front to back. */
struct extent {
    uint64_t off;    /* of the first unit */
    uint32_t unit;   /* bytes */
    uint64_t max;    /* units reserved */
    shm_u64 *shared; /* units that have memory */
    shm_u64 ready;   /* private: how many of those we have verified */
};

/* How many slabs each slot owns, as of one pass over the slab table (stat.c). Private. */
struct slab_tally {
    atomic_flag busy; /* one thread uses it; others count by themselves */
    uint32_t slot;    /* the slot asked about last */
    uint64_t at;      /* when it was made, in ms */
    uint32_t *count;  /* by slot; NULL: not made yet */
};

struct segment {
    unsigned char *base;
    struct shm_control *control;
    struct layout l;
    uint64_t mapped; /* bytes; less than l.max_bytes if RLIMIT_AS allowed no more */
    int fd;
    bool read_only;
    bool fill;             /* LFVEC_FILL_HOLES: allocate memory that should be there and is not */
    shm_u32 words_at_once; /* private: elements of 8 bytes, and zeros stand for no hole: lfvec_get() may take its fast path */
    dev_t dev;
    ino_t ino;
    shm_u64 patched;      /* private: 1 + blocks of the object when zeros were mapped for its holes; 0 = none were */
    atomic_flag patching; /* private: held while they are mapped */
    shm_u64 holes_left;   /* private: bytes of holes that may still be accepted as zeros */
    shm_u64 object_bytes; /* private: last known size of the object, which never shrinks */
    shm_u64 whole;        /* private: start and end of the last run found without holes (segment.c) */
    struct extent dir, slabtab;
    shm_u64 *slab_known; /* private bitmap: slabs seen to have memory */
    shm_u64 refused;     /* private: when the kernel last refused pages, in ms; 0 = never */
    struct slab_tally tally;
    uint32_t numa, flags;
    uint64_t numa_nodes; /* as requested */
    uint64_t nodes;      /* nodes to place pages on; 0: no choice */
    uint64_t elem_tag;
    char elem_format[SHM_FORMAT_BYTES];
    char name[256];
};

/* create.c: opens or creates, maps and checks. Returns 0, or a negative errno with a sentence. */
int segment_open(struct segment *s, const char *name, int flags, const struct lfvec_attr *attr);
/*
 * Checks a header by itself. Returns 0, -EBADMSG or -EPROTONOSUPPORT, with a
 * sentence that names the field.
 */
int segment_check_header(const struct shm_header *h, uint64_t object_bytes, const char *name, bool read_only, struct layout *l);

void segment_close(struct segment *s);

/*
 * True if both the object and our mapping reach `end`. Asks the kernel only if
 * they did not at the last call.
 */
int segment_reaches(struct segment *s, uint64_t end);

/*
 * Returns 0 if all pages of the range have memory, may get it by being used, or have
 * just got it (LFVEC_FILL_HOLES). Otherwise -EBADMSG, or when filling, -ENOSPC and the
 * other errors of segment_commit().
 */
int segment_is_whole(struct segment *s, uint64_t off, uint64_t bytes);

/*
 * For a read-only attachment in which zeros stand for holes: returns true if the object has gained
 * memory since, after mapping it again wherever it has data. What was read since the last call may
 * then be stale and must be read again.
 */
bool segment_refresh(struct segment *s);
/*
 * Sets how many bytes of holes are accepted as zeros, from the state
 * of the object when it is opened.
 */
void segment_believe_holes(struct segment *s, const struct stat *st);

/*
 * Makes units below n usable. Returns 0, -EOVERFLOW beyond the maximum, -ENOSPC, -ENOMEM
 * beyond our mapping, or -EBADMSG.
 */
int segment_extend(struct segment *s, struct extent *e, uint64_t n);
/*
 * As segment_extend(), but stores nothing and fails with -EBADMSG if no
 * participant has extended it yet.
 */
int segment_extend_known(struct segment *s, struct extent *e, uint64_t n);

/*
 * Maps the pages of a range that has memory, for writing: stores one
 * word of each page back unchanged.
 */
void segment_populate(struct segment *s, uint64_t off, uint64_t bytes);

/*
 * Gives a range memory and maps its pages. -ENOSPC comes with a sentence, also when the kernel
 * refuses pages (a cgroup's memory.max). segment_commit_own() is for a range that only the caller
 * stores into: it gives back what it cannot complete, and does not try where there is no room.
 */
int segment_commit(struct segment *s, uint64_t off, uint64_t bytes);
int segment_commit_own(struct segment *s, uint64_t off, uint64_t bytes);
/*
 * Returns -ENOSPC, with a sentence on what was lacking for `bytes` of memory
 * in a range that ends at `end`.
 */
int segment_no_space(const struct segment *s, uint64_t end, uint64_t bytes);

static inline bool extent_covers(const struct extent *e, uint64_t i)
{
    return i < atomic_load_explicit(&e->ready, memory_order_relaxed);
}

/* Raises *word to at least n; never lowers a value that another process stored. */
static inline void shm_raise(shm_u64 *word, uint64_t n, memory_order order)
{
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    while (old < n && !atomic_compare_exchange_weak_explicit(word, &old, n, order, memory_order_relaxed))
        ;
}

#endif
