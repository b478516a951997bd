/*
 * segment.h - one process's mapping of a segment: the private copy of the layout, what of the object is known to have memory, growth.
 *
 * Invariant: no address is made of a number read from shared memory before the number was checked against the private layout, and no page
 * is touched before it is known to have memory, whatever the segment says: the kernel is asked for holes (segment_is_whole()). So who looks at a
 * stranger's segment commits nothing, and a full file system is no SIGBUS. Who commits memory stores in it before announcing it, since a page that was only
 * allocated looks like a hole.
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
    uint64_t off;    /* of its first unit */
    uint32_t unit;   /* bytes */
    uint64_t max;    /* units reserved */
    shm_u64 *shared; /* units that have memory */
    shm_u64 ready;   /* private: what we have verified of that */
};

/* How many slabs each slot has, as of one pass over the slab table (stat.c). Private. */
struct slab_tally {
    atomic_flag busy; /* one thread uses it; others count for themselves */
    uint32_t slot;    /* that was asked about last */
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
    bool fill; /* LFVEC_FILL_HOLES: what should have memory and has none gets it */
    dev_t dev;
    ino_t ino;
    shm_u64 holes_left;   /* private: bytes of parts with holes that are still believed */
    shm_u64 object_bytes; /* private: size of the object as last seen; it never shrinks */
    shm_u64 whole;        /* private: a run without holes, as last found: where it begins, and where it ends (segment.c) */
    struct extent dir, slabtab;
    shm_u64 *slab_known; /* private bits: slabs seen to have memory */
    shm_u64 refused;     /* private: when the kernel last refused pages, in ms; 0 = never */
    struct slab_tally tally;
    uint32_t numa, flags;
    uint64_t numa_nodes; /* as asked for */
    uint64_t nodes;      /* nodes to place pages on; 0: there is nothing to choose */
    uint64_t elem_tag;
    char elem_format[SHM_FORMAT_BYTES];
    char name[256];
};

/* create.c: opens or creates, maps, checks. 0 or a negative errno and a sentence. */
int segment_open(struct segment *s, const char *name, int flags, const struct lfvec_attr *attr);
/* Checks a header by itself: 0, -EBADMSG or -EPROTONOSUPPORT, with a sentence that names the field. */
int segment_check_header(const struct shm_header *h, uint64_t object_bytes, const char *name, bool read_only, struct layout *l);

void segment_close(struct segment *s);

/* True if the object reaches at least to `end`, and our mapping too. Asks the kernel only when it did not the last time. */
int segment_reaches(struct segment *s, uint64_t end);

/*
 * 0 if all pages of a part of the object have memory, or may get it by being used, or have got it now (LFVEC_FILL_HOLES); -EBADMSG;
 * to fill: -ENOSPC, and others of segment_commit().
 */
int segment_is_whole(struct segment *s, uint64_t off, uint64_t bytes);
/* How much of that is believed of an object, as it is when it is opened. */
void segment_believe_holes(struct segment *s, const struct stat *st);

/* Makes units below n usable: 0, -EOVERFLOW beyond the maximum, -ENOSPC, -ENOMEM beyond our mapping, -EBADMSG. */
int segment_extend(struct segment *s, struct extent *e, uint64_t n);
/* As segment_extend(), but only if somebody has done it: -EBADMSG if not. Stores nothing. */
int segment_extend_known(struct segment *s, struct extent *e, uint64_t n);

/* Maps pages of a part that has memory, for writing, and stores in each: a word's own value. */
void segment_populate(struct segment *s, uint64_t off, uint64_t bytes);

/*
 * Gives a part of the mapping memory, populated. -ENOSPC leaves a sentence, also if the kernel refuses pages (a cgroup's memory.max).
 * segment_commit_own(): of a part that nobody else stores in: what cannot be completed is given back, and where there is no room it is not tried.
 */
int segment_commit(struct segment *s, uint64_t off, uint64_t bytes);
int segment_commit_own(struct segment *s, uint64_t off, uint64_t bytes);
/* -ENOSPC, and the sentence on what was lacking for `bytes` of memory in a part of the object that ends at `end`. */
int segment_no_space(const struct segment *s, uint64_t end, uint64_t bytes);

static inline bool extent_covers(const struct extent *e, uint64_t i)
{
    return i < atomic_load_explicit(&e->ready, memory_order_relaxed);
}

/* Raises *word to n: what others stored is never lowered. */
static inline void shm_raise(shm_u64 *word, uint64_t n, memory_order order)
{
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    while (old < n && !atomic_compare_exchange_weak_explicit(word, &old, n, order, memory_order_relaxed))
        ;
}

#endif
