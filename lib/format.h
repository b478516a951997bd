/*
 * format.h - every byte of the segment's shared format. No code.
 *
 * The map. The offsets of the middle part depend on the attributes: layout.c computes
 * them and the header records them.
 *
 *   0        +--------------------------------------------------------------+
 *            | shm_header      one page, immutable after creation, crc32    |
 *   4096     +--------------------------------------------------------------+
 *            | shm_control     head | wait line | extents, each 128 bytes   |
 *   8192     +--------------------------------------------------------------+
 *            | shm_slot[max_slots + 1]     slot 0 is never used             |
 *   slabtab  +--------------------------------------------------------------+
 *            | uint64_t[slabs_max]         slab table, committed on demand  |
 *   dir      +--------------------------------------------------------------+
 *            | shm_entry[dir_max]          directory, committed on demand   |
 *   slabs    +--------------------------------------------------------------+
 *            | slab 0 | slab 1 | ...       each claimed by one CAS          |
 *            +--------------------------------------------------------------+
 *
 *   a slab:  | bitmap | shm_leaf[leaves] | leaf 0 | leaf 1 | ...            |
 *
 * The first eighth of the leaves of the first slabs is held in reserve, one leaf for
 * each slot (slab_reserve_of()).
 *
 * The segment contains no pointers and no addresses.
 *
 * Invariant: no linked lists. Allocator state is words in arrays, and each transition is one
 * compare-and-swap, so a process that dies cannot leave a structure half-updated.
 */
#ifndef LFVEC_FORMAT_H
#define LFVEC_FORMAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SHM_MAGIC_READY UINT64_C(0x31305f434556464c)    /* "LFVEC_01", little-endian */
#define SHM_MAGIC_CREATING UINT64_C(0x3f3f5f434556464c) /* "LFVEC_??": in creation, or its creator died */
#define SHM_FORMAT_VERSION 2u
#define SHM_BYTE_ORDER 0x01020304u

#ifndef SHM_LINE
#define SHM_LINE 128 /* two cache lines: the adjacent-line prefetcher pairs them */
#endif

enum {
    SHM_PAGE = 4096,
    SHM_DESC_LEAVES = 22,   /* most leaves of one descriptor: bounds a batch */
    SHM_SLOTS_MAX = 2047,   /* 11 bits, so that slot * 2 + buffer fits 12 */
    SHM_LEAVES_MAX = 65535, /* most leaves of one slab: 16 bits of a leaf_ref */
    SHM_NAME_BYTES = 32,
    SHM_FORMAT_BYTES = 64, /* the text that describes the type of an element, with its NUL */
    SHM_LEASE_ROOM = 112,
    /* Bytes at the end of a page for the life marks of at most two slots (life.c). */
    SHM_LIFE_MARKS = 24,
    SHM_RESERVE = 8,  /* one leaf in so many of a slab is in reserve, until each slot has one */
    SHM_KIND_BITS = 4 /* kind of an attempt: LFVEC_OP_* of lfvec.h, which are part of the format */
};

typedef _Atomic uint64_t shm_u64;
typedef _Atomic uint32_t shm_u32;

/*
 * Feature masks. An unknown bit forbids writing (ro_compat), any use
 * (incompat), or nothing (compat).
 */
#define SHM_COMPAT_KNOWN UINT32_C(0)
#define SHM_RO_COMPAT_KNOWN UINT32_C(0)
#define SHM_INCOMPAT_SLAB_PAGES UINT32_C(1) /* slab_bytes is a whole number of pages, not a power of two */
#define SHM_INCOMPAT_KNOWN SHM_INCOMPAT_SLAB_PAGES

struct shm_header {
    shm_u64 magic; /* SHM_MAGIC_READY is stored last */
    uint32_t format_version;
    uint32_t byte_order;
    uint32_t feature_compat;
    uint32_t feature_incompat;
    uint32_t feature_ro_compat;
    uint32_t header_bytes; /* sizeof(struct shm_header) */
    uint32_t elem_size;
    uint32_t leaf_bytes;
    uint32_t slab_bytes;
    uint32_t max_slots;
    uint64_t elem_tag;
    uint64_t max_elems;
    uint64_t max_bytes; /* of the whole segment: the end of the last slab */
    uint32_t numa;
    uint32_t flags;
    uint64_t numa_nodes;
    uint32_t elem_shift;  /* a leaf holds 1 << elem_shift elements */
    uint32_t elem_stride; /* bytes from one element to the next in a leaf */
    uint32_t leaf_stride; /* bytes from one leaf to the next in a slab */
    uint32_t slab_leaves;
    uint64_t slots_off;
    uint64_t slabtab_off;
    uint64_t slabs_max;
    uint64_t dir_off;
    uint64_t dir_max;
    uint64_t slabs_off;
    uint8_t uuid[16];
    uint64_t created;                   /* seconds since the epoch */
    char elem_format[SHM_FORMAT_BYTES]; /* such as u64,f64,s16 (record.h); empty: not given */
    /*
     * From one slot to the next, half a page or whole pages: the slot, room for a leased element
     * that does not fit in it, and its life mark.
     */
    uint32_t slot_bytes;
    uint32_t crc32; /* of everything from format_version up to here */
};

/* The head, which every mutation replaces. { version:64 | size:40, desc:12, last:12 } */
struct shm_head {
    _Alignas(16) shm_u64 version;
    shm_u64 packed;
};

enum {
    SHM_WANT_WAKE = 1, /* a waiter may sleep until there is an element */
    SHM_WANT_TURN = 2, /* a participant lost its attempt and asks the winner to pause */
    /* The bits from here on count how often a waiter went to sleep: each time, the word differs. */
    SHM_WAITER = 4,
};

/* Shared state outside the head. Each group of 128 bytes has its lines to itself. */
struct shm_control {
    _Alignas(SHM_LINE) struct shm_head head;
    /* Blocking pop: changes when an element is pushed while a waiter may be asleep. */
    _Alignas(SHM_LINE) shm_u32 wait_futex;
    shm_u32 wanted; /* hints, SHM_WANT_*: what participants wait for */
    /* Directory entries that have memory; only grows. */
    _Alignas(SHM_LINE) shm_u64 dir_committed;
    shm_u64 slabtab_committed; /* slab table words that have memory; only grows */
    shm_u64 slabs_high;        /* all slabs ever claimed lie below this; only grows */
    /* Hint, tag:32 | slab:32: no slab below it is FREE. The tag counts how often it was lowered. */
    shm_u64 slabs_free;
    shm_u64 slabs_unowned; /* likewise, for UNOWNED */
    shm_u64 recoveries;
    shm_u64 grows;
};

/*
 * One leaf in a descriptor, published as entry dir_first + i. The winner frees the
 * leaf that it replaces, old_ref.
 */
struct shm_desc_entry {
    shm_u64 leaf_ref;
    shm_u64 old_ref;
};

/* Only its owner writes it, and only while the head does not name it (R3). seq is odd meanwhile. */
struct shm_desc {
    _Alignas(SHM_LINE) shm_u64 seq;
    shm_u64 since; /* the version that put it in effect */
    shm_u64 dir_first;
    shm_u64 count;
    struct shm_desc_entry entry[SHM_DESC_LEAVES];
};

struct shm_slot {
    /* A: read by helpers */
    struct shm_desc desc[2];
    /*
     * B: a version of this slot that has won. Newer ones may be missing, if nothing depends on
     * them. Raised by the participant that moves the head on (R4).
     */
    _Alignas(SHM_LINE) shm_u64 committed;
    /* C: the owner's state. Recovery reads it; only the reports read `attempt`. */
    /* version << 1 | buffer of the current attempt that publishes a descriptor; 0 = none (R5) */
    _Alignas(SHM_LINE) shm_u64 intent;
    /* version << 1 | held, of the pop that takes or took the leased element; 0 = none */
    shm_u64 lease;
    /*
     * slab + 1 in which the owner may be storing; 0 = none. All its other slabs may be taken (R6).
     */
    shm_u64 work;
    shm_u64 pushes, pops, sets, clears, cas_retries, helps;
    shm_u64 spare_ref[SHM_DESC_LEAVES]; /* leaves that the slot has allocated and not published */
    /* Version of the attempt to push the leased element back; 0 = none. */
    shm_u64 lease_return;
    /*
     * version << 4 | kind of its newest attempt to move the head; 0 = none by
     * this holder. For the reports only.
     */
    shm_u64 attempt;
    /* The leased element if it fits; otherwise it is stored behind the slot (slot_lease_room()). */
    unsigned char lease_room[SHM_LEASE_ROOM];
    /*
     * D: the holder. Valid only if `taking` equals the count in the life
     * mark, which each taking increments.
     */
    _Alignas(SHM_LINE) _Atomic int32_t pid; /* 0 = free; stored last when the slot is taken */
    _Atomic int32_t tid;
    _Atomic int32_t node;
    shm_u32 home;   /* NUMA node of its pages + 1, set at creation; 0 = chosen by the kernel */
    shm_u64 pid_ns; /* inode of the pid namespace */
    /*
     * When the thread wrote this, in clock ticks since boot. A thread with the same number
     * that started later is another one.
     */
    shm_u64 alive_at;
    shm_u64 since; /* seconds since the epoch */
    _Atomic char name[SHM_NAME_BYTES];
    shm_u32 taking;  /* count in the life mark when the holder wrote this */
    shm_u32 passing; /* 1: held only for recovery, or being given back: about to be free */
    shm_u64 time_ns; /* inode of the time namespace of alive_at */
    shm_u64 stack;   /* 12 bits of its stack's start address: they change on exec() */
};

/*
 * One directory entry: the leaf, and the version that put it here. Changed by 16-byte CAS
 * only; the stamp never decreases.
 */
struct shm_entry {
    _Alignas(16) shm_u64 leaf_ref;
    shm_u64 stamp;
};

/*
 * Slab table word: state:8 | node of its pages:8 | owner slot:16 | 0:16 | taker
 * slot:16. Every transition is one CAS.
 *
 *   FREE --claim--> CLAIMED --committed--> OWNED <--release/claim--> UNOWNED
 *
 * A CLAIMED slab has an owner, but may have no memory yet. From OWNED on the memory
 * stays. Only an OWNED slab can have a taker, which is about to become its owner; the
 * current owner may still refuse.
 */
enum { SHM_SLAB_FREE = 0, SHM_SLAB_CLAIMED = 1, SHM_SLAB_OWNED = 2, SHM_SLAB_UNOWNED = 3 };

/* The state of one leaf. Written only by the owner of its slab. Versions are the head's. */
struct shm_leaf {
    shm_u64 seq;    /* version from which the leaf has its present role */
    shm_u64 dirty;  /* head version when a used slot was last overwritten */
    shm_u32 used;   /* slots stored since seq */
    shm_u32 stable; /* slots below this were never overwritten since seq */
    shm_u64 reserved;
};

/*
 * A leaf_ref: (slab + 1) << 16 | leaf of that slab; 0 = none. 48 bits number more
 * slabs than any address space holds.
 */

#define SHM_ASSERT(what) _Static_assert(what, #what)
SHM_ASSERT(sizeof(struct shm_header) <= SHM_PAGE);
SHM_ASSERT(offsetof(struct shm_header, format_version) == 8);
SHM_ASSERT(offsetof(struct shm_header, crc32) == 244);
SHM_ASSERT(sizeof(struct shm_head) == 16);
SHM_ASSERT(sizeof(struct shm_desc_entry) == 16);
#if SHM_LINE == 128 /* any other value is an experiment (tests/bench/choices.sh), and another format */
SHM_ASSERT(sizeof(struct shm_control) == 3 * SHM_LINE);
SHM_ASSERT(sizeof(struct shm_desc) == 3 * SHM_LINE);
SHM_ASSERT(offsetof(struct shm_slot, committed) == 6 * SHM_LINE);
SHM_ASSERT(offsetof(struct shm_slot, intent) == 7 * SHM_LINE);
SHM_ASSERT(offsetof(struct shm_slot, pid) == 10 * SHM_LINE);
SHM_ASSERT(sizeof(struct shm_slot) == 11 * SHM_LINE);
#endif
SHM_ASSERT(sizeof(struct shm_slot) + SHM_LIFE_MARKS <= SHM_PAGE / 2);
SHM_ASSERT(sizeof(struct shm_entry) == 16);
SHM_ASSERT(sizeof(struct shm_leaf) == 32);
SHM_ASSERT(sizeof(shm_u64) == 8 && sizeof(shm_u32) == 4);
SHM_ASSERT(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2);

#endif
