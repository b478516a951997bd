/*
 * shmctl_map.h - what map draws, and the two that draw it: shmctl_draw.c on a terminal, shmctl_svg.c as SVG.
 *
 * A cell stands for one slab, or for several that lie side by side where there are more than fit. It has three signs, which say the same in
 * both pictures and need no colour: a letter for the owner, a sign for the node, and how much of it is used.
 */
#ifndef LFVEC_SHMCTL_MAP_H
#define LFVEC_SHMCTL_MAP_H

#include "shmctl.h"

/* Instead of the number of a node. */
enum { NODE_UNTOLD = -1, NODE_SPREAD = -2 };

enum { LETTERS = 26 };

/* Instead of a letter. */
enum { OWNER_NONE = '-', OWNER_OTHER = '*', OWNER_NO_MEMORY = '.' };

struct map_slab {
    uint32_t owner; /* slot; 0 = nobody */
    int32_t node;
    uint64_t leaves, used; /* leaves 0: it has no memory */
};

/* A slot that owns slabs, or all that own some and have no letter. */
struct map_owner {
    uint32_t slot;
    char letter;
    struct lfvec_participant p;
    uint64_t slabs, leaves, used;
};

struct map_part {
    uint64_t bytes, pages, on[LFVEC_NODES], untold;
};

struct map {
    char *name;
    struct lfvec_stat st;
    struct map_part parts[PLACE_PARTS];
    struct map_slab *slabs;
    uint64_t count, room;                 /* of slabs */
    struct map_owner owners[LETTERS + 1]; /* in the order of their slots; the last one, if any, is OWNER_OTHER */
    int owner_count;
    char *letters; /* of slots */
};

struct cell {
    uint64_t first, count, present; /* slabs; present: that have memory */
    char owner;                     /* in lower case: of more of them than any other, not of all */
    int32_t node;
    uint64_t leaves, used;
};

/* The cells for `count` slabs from `first` on, as one. */
void map_cell(const struct map *map, uint64_t first, uint64_t count, struct cell *cell);

/* How many slabs a cell must stand for if there is room for so many cells: 1, 2, 5, 10, 20, ... */
uint64_t map_scale(const struct map *map, uint64_t cells);

char map_node(int32_t node);                    /* its sign */
int map_level(const struct cell *c, int steps); /* of steps, rounded up: 0 only if nothing is used */
unsigned map_percent(uint64_t leaves, uint64_t used);
uint64_t map_nodes(const struct map *map); /* mask of those that something lies on */
uint64_t map_most(const struct map *map);  /* bytes of the largest part */
bool map_spread(const struct map *map);    /* whether there is NODE_SPREAD, NODE_UNTOLD in it */
bool map_untold(const struct map *map);

/* Sentences that both pictures have. Each writes into buf and returns it. */
char *map_title(char *buf, size_t size, const struct map *map);
char *map_placement(char *buf, size_t size, const struct map *map);
char *map_slabs(char *buf, size_t size, const struct map *map, uint64_t scale);
char *map_owner(char *buf, size_t size, const struct map_owner *owner);
char *map_part(char *buf, size_t size, const struct map_part *part); /* "3M on node 0", "3M: 2M on node 0, 1M on node 1" */

void draw(const struct map *map, int width, bool colour);
void svg(const struct map *map, FILE *out);

#endif
