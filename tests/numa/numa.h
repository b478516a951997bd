/*
 * numa.h - where pages lie: a test for a machine with several memory nodes. numa.sh emulates such machines. What the files share:
 *
 *   boot.c    process 1 of an emulated machine: mounts, runs the test, powers off
 *   actor.c   processes pinned to a node that do as they are told, one order at a time
 *   look.c    the nodes of this machine, and which of them each page lies on, as the kernel says
 *   claim.c   what is claimed and whether it is so; the table of ranges, where they were asked to be and where they are
 *   scene.c   what the actors play, and what must be true of it
 *   show.c    lfvec-shmctl, if it is there: what it says of the segment
 *   numa.c    which scenes, under which policy, on which machine
 */
#ifndef NUMA_TEST_H
#define NUMA_TEST_H

#include "lfvec.h"
#include "segment.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define NUMA_NAME "/lfvec-test-numa"

enum { NODES_MOST = 8 };

/* ---- boot.c ---------------------------------------------------------------------------------------------------------------------------- */

_Noreturn void boot(char **argv); /* in process 1: runs the program again as process 2, and ends the machine with it */

/* ---- look.c ---------------------------------------------------------------------------------------------------------------------------- */

/* This machine. Masks of nodes. */
struct machine {
    uint32_t nodes;
    uint64_t memory, cpus; /* those that have any */
};

extern struct machine machine;

/* Pages of a range by node. */
struct spread {
    uint64_t pages, on[NODES_MOST], nowhere;
};

void look_round(void);                                                                   /* fills in `machine` */
void look_at(const struct segment *s, uint64_t off, uint64_t bytes, struct spread *out); /* changes no placement: every page is there */

/* ---- claim.c --------------------------------------------------------------------------------------------------------------------------- */

/* Where pages were asked to be. */
struct asked {
    uint64_t nodes;   /* nowhere else */
    bool interleaved; /* and as many on each of them, give or take one */
};

void claim_scene(const char *format, ...) __attribute__((format(printf, 1, 2))); /* what follows belongs to this scene */
bool claim_that(bool so, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A row of the table: claim_region(), then claim_range() for each range of it, then claim_judge(). A region without a page is a fault. */
void claim_region(struct asked asked, const char *format, ...) __attribute__((format(printf, 2, 3)));
void claim_range(const struct segment *s, uint64_t off, uint64_t bytes);
void claim_judge(void);
uint64_t claim_misplaced(const struct segment *s, uint64_t off, uint64_t bytes, struct asked asked); /* pages; adds no row */
void claim_table(void);                                                                              /* prints it */
bool claims_hold(void);                                                                              /* all of them */

/* ---- actor.c --------------------------------------------------------------------------------------------------------------------------- */

enum verb { MAKE, OPEN, PUSH, POP, CLEAR, TRIM, RESERVE, CHURN, MOVE, LEAVE };

struct actor {
    pid_t pid;
    int fd;       /* orders go out, results come back */
    int32_t node; /* that it is pinned to */
};

void actor_start(struct actor *a, int32_t node);
void actor_make(struct actor *a, const struct lfvec_attr *attr);
/* Does it n times, or for n elements, or on node n; CHURN: until it is killed. Not to succeed is a fault. LEAVE ends it. */
void actor_do(struct actor *a, enum verb verb, uint64_t n);
void actor_kill(struct actor *a); /* SIGKILL, and it is gone */

/* ---- show.c ---------------------------------------------------------------------------------------------------------------------------- */

bool show_can(void);
void show_run(const char *title, char *const argv[]); /* ends with a claim that its status is 0 */

/* ---- scene.c --------------------------------------------------------------------------------------------------------------------------- */

struct plan {
    void (*play)(const struct plan *);
    uint32_t policy; /* LFVEC_NUMA_* */
    uint64_t nodes;  /* its mask, as in lfvec_attr */
    int32_t here;    /* the node that the segment is made on */
    int32_t there;   /* the other one of the scene */
};

void scene_work(const struct plan *p);     /* a process on each node pushes and pops */
void scene_defaults(const struct plan *p); /* the same with leaves, slabs and slots of the usual size */
void scene_inherit(const struct plan *p);  /* the only slot's holder is killed; its heir is on another node */
void scene_move(const struct plan *p);     /* a thread goes to another node, and comes back */
void scene_slots(const struct plan *p);    /* slots are given back, left by the dead, and taken again */
void scene_give(const struct plan *p);     /* slabs are given back, and memory is taken on another node */
void scene_reserve(const struct plan *p);  /* much memory at once: a long directory, and more than a page of the slab table */
void scene_show(const struct plan *p);     /* something of everything, for lfvec-shmctl to tell and to draw */

#endif
