/*
 * aim.h - attackers that aim: processes that store chosen values in chosen fields of a segment, through a mapping of their own, while victims
 * use it. tests/hostile/hostile.c changes bits at random; here each attacker knows what it forges, and what it hopes for.
 *
 *   aim.c         options, the table of attackers, the report
 *   aim_round.c   a round: segment, victims, attacker, and the one that watches, stops and forges
 *   aim_judge.c   what is asserted: how processes end, time, memory, canaries, what a terminal gets
 *   aim_victim.c  processes of several threads that use the segment
 *   aim_tool.c    lfvec-shmctl as a victim
 *   aim_forge.c   the attacker's mapping: offsets, values worth forging, stores
 *   aim_life.c aim_slot.c aim_slab.c aim_leaf.c aim_head.c aim_file.c    the attacks, by what they forge
 */
#ifndef LFVEC_TESTS_AIM_H
#define LFVEC_TESTS_AIM_H

#include "format.h"
#include "hostile.h"

#include <sys/types.h>

#if defined(__has_feature)
#define AIM_CLANG_SANITIZES __has_feature(address_sanitizer)
#else
#define AIM_CLANG_SANITIZES 0
#endif
#if defined(__SANITIZE_ADDRESS__) || AIM_CLANG_SANITIZES
enum { AIM_SANITIZED = 1 };
#else
enum { AIM_SANITIZED = 0 };
#endif

enum {
    THREADS = 3,           /* of a worker */
    CALLERS = THREADS + 1, /* and its main thread, or the child that it has forked */
    VICTIMS = 5,           /* at one time */
    SECOND_SIZE = 64,      /* elements of the second segment, which are their own indexes */
    CANARY_BYTES = SHM_PAGE,
    MAPPINGS_MOST = 32,
    HANG_MS = 5000 * (AIM_SANITIZED ? 3 : 1)
};

/* ---- what is shared by all processes of a run, and what all of them have at the same address -------------------------------------------- */

/* A thread of a victim, in a call or not. */
struct caller {
    _Atomic int64_t since;   /* ns; 0 = in none */
    _Atomic int64_t stopped; /* of the victim's, when the call began */
    _Atomic int32_t tid;
    _Atomic uint64_t calls;
};

/* Memory of a victim that no call of lfvec may touch. Forked processes have it where their parent mapped it, so attackers know the addresses. */
enum canary { CANARY_HEAP, CANARY_PRIVATE, CANARY_SHARED, CANARY_SHARED_RO, CANARIES };

struct victim {
    struct board hand; /* of hostile_ops.c: which operation each is at */
    struct caller caller[CALLERS];
    _Atomic int64_t stopped; /* ns, in all */
    unsigned char *canary[CANARIES];
};

/* To show that each assertion can fail, a victim does by itself what an attacker would have it do. */
enum {
    CONTROL_NONE,
    CONTROL_SIGNAL,
    CONTROL_HANG,
    CONTROL_CANARY,
    CONTROL_SECOND,
    CONTROL_OBJECT,
    CONTROL_MEMORY,
    CONTROL_TERMINAL,
    CONTROLS
};

struct aim_board {
    struct victim victim[VICTIMS];
    _Atomic uint32_t closing; /* the round is over: each victim finishes its call, detaches and looks at its canaries */
    _Atomic uint32_t over;    /* and so do attackers */
    _Atomic uint64_t stores;
    _Atomic int64_t longest;               /* ns: of all calls that came back */
    const char *attacker, *longest_beside; /* whose round it is; and was then */
    uint32_t longest_call;
    uint32_t control; /* CONTROL_*: what is wrong on purpose */
};

extern struct aim_board *aim_board;

int64_t aim_now(void); /* ns */

/* ---- attackers --------------------------------------------------------------------------------------------------------------------------- */

/* The attacker's view of a segment; see aim_forge.c. */
struct forge {
    unsigned char *base;
    int fd;
    const char *name;
    struct shm_header h; /* as it was */
    uint64_t mapped;
    struct rng rng;
    uint32_t slots;     /* that attacks choose from: the first ones, which victims have */
    pid_t pid[VICTIMS]; /* so that their mappings can be looked up */
    uint64_t lead[VICTIMS * CANARIES], mapping[MAPPINGS_MOST];
    uint32_t leads, mappings;
    uint64_t *has_data; /* pages that have memory: a store must not be what commits it */
    uint64_t turn;
};

enum world {
    WORLD_SMALL, /* 8 MiB, 6 slots */
    WORLD_LARGE, /* 1,000,000 elements */
    WORLD_MANY   /* 2,047 slots, as many slabs as an address space holds */
};

/* Sets of victims, WORKERS a process of three threads each. */
enum {
    WORK = 1,   /* push, pop, lease, set, snapshot, check, recover, reserve, ... */
    COME = 2,   /* the same, by threads that attach and detach, fork, and die */
    LOOK = 4,   /* read-only attachments, that come and go */
    TOOL = 8,   /* lfvec-shmctl */
    SHOWN = 16, /* whose output goes to a terminal, and must not reach it raw */
    SNAP = 32,  /* snapshots of all of it */
    SLEEP = 64, /* waits for elements that seldom come */
    GROW = 128, /* reserves all there is */
    ALL = WORK | COME | LOOK | TOOL
};

/* What the object may occupy at the end. */
enum bound {
    BOUND_MAX,   /* twice max_bytes */
    BOUND_BEFORE /* twice what it did before: all victims only look */
};

struct attacker {
    const char *name, *forges;
    void (*attack)(struct forge *f); /* one to some stores; called in a loop */
    uint32_t victims;
    enum world world;
    enum bound bound;
};

extern const struct attacker aim_attackers[];
extern const uint32_t aim_attackers_count;

/* aim_forge.c */
void forge_open(struct forge *f, const char *name, uint64_t seed, uint32_t slots);
void forge_aim(struct forge *f, uint32_t victim); /* looks up where it has mapped what; VICTIMS: where all have */
void forge_close(struct forge *f);
uint64_t forge_64(struct forge *f, uint64_t off);
void forge_put_64(struct forge *f, uint64_t off, uint64_t value); /* nothing happens where the object has no memory */
void forge_put_32(struct forge *f, uint64_t off, uint32_t value);
uint64_t forge_any(struct forge *f);     /* 0, all ones, bounds, small numbers, random ones */
uint64_t forge_lead(struct forge *f);    /* an address in a canary */
uint64_t forge_mapping(struct forge *f); /* of the segment in a victim, to write or read-only; 0 = not known */
uint64_t forge_ref(struct forge *f);     /* a leaf reference: good, of another, beyond, of the reserve, of no memory */
uint64_t forge_slot(struct forge *f);    /* offset of one of the slots */
uint64_t forge_control(uint64_t field);  /* offset of a field of struct shm_control */
uint64_t forge_slab(struct forge *f);    /* offset of a slab that has memory */
uint64_t forge_meta(struct forge *f);    /* offset of a struct shm_leaf */
uint32_t forge_leaves(const struct forge *f);
uint64_t forge_leaf(struct forge *f);        /* the number of a leaf in its slab, mostly one of the first */
uint64_t forge_bytes(const struct forge *f); /* of the object */

typedef void attack_fn(struct forge *f);
attack_fn attack_life_bytes, attack_life_tid, attack_life_links, attack_life_free;                             /* aim_life.c */
attack_fn attack_who, attack_taking, attack_intent, attack_lease, attack_spares, attack_work, attack_counters; /* aim_slot.c */
attack_fn attack_desc_count, attack_desc_seq, attack_desc_refs;
attack_fn attack_slab_states, attack_slab_owners, attack_slab_reset, attack_slab_beyond, attack_hints; /* aim_slab.c */
attack_fn attack_extents, attack_holes, attack_dir_refs, attack_dir_stamps, attack_many;
attack_fn attack_leaf_seq, attack_leaf_dirty, attack_leaf_used, attack_bitmaps, attack_elements, attack_last_leaf;    /* aim_leaf.c */
attack_fn attack_head_size, attack_head_desc, attack_head_last, attack_version, attack_version_end, attack_head_torn; /* aim_head.c */
attack_fn attack_sleepers, attack_wakes;
attack_fn attack_header, attack_header_crc, attack_magic, attack_longer, attack_file_lease, attack_fifo, attack_names,
    attack_names_c1; /* aim_file.c */

/* ---- victims ----------------------------------------------------------------------------------------------------------------------------- */

void aim_victim(const char *name, const char *second, uint32_t me, uint32_t kind, uint64_t bytes, uint64_t seed) __attribute__((noreturn));
void aim_call_begins(struct victim *v, uint32_t caller);
void aim_call_ends(struct victim *v, uint32_t caller);

/* lfvec-shmctl: started, and what it said. A terminal is its output, so that it does what it does for people. */
struct tool {
    int terminal;
    uint32_t command;
    char said[1 << 14];
    size_t length;
};
pid_t tool_start(struct tool *t, const char *name, struct rng *rng);
void tool_listen(struct tool *t);                               /* takes what it has written so far */
const char *tool_judge(struct tool *t, int status, bool shown); /* NULL, or what is wrong */
const char *tool_command(uint32_t command);
bool tool_is_there(void);

/* ---- the round --------------------------------------------------------------------------------------------------------------------------- */

struct aim_round {
    const struct attacker *attacker;
    uint64_t seed, choices, number; /* choices: what the seed makes of this round */
    double seconds;
    bool stop; /* the victims are stopped while it forges; otherwise it forges as fast as it can */
    char name[64], second[64];
    uint64_t max_bytes, bytes_before;
    int faults;
};

void aim_canaries_new(void);            /* once, before the first fork */
int aim_run_round(struct aim_round *r); /* how many faults */

/* aim_judge.c; faults are printed with all that it takes to see them again */
void aim_fault(struct aim_round *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void aim_fill_canaries(uint32_t victim);
void aim_fill_thread(uint32_t victim, uint32_t thread, int32_t tid);
bool aim_canaries_are_whole(uint32_t victim);
void aim_judge_memory(struct aim_round *r, pid_t pid, uint64_t private_most);
void aim_judge_object(struct aim_round *r);
void aim_judge_second(struct aim_round *r);

#endif
