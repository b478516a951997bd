/*
 * shmctl_map.c - map: the segment drawn, on the terminal or as SVG: its parts by size and node, its slabs by owner, node and use.
 *
 * Looks first, into struct map, and draws then; what is drawn was true of each slab at some moment during the look.
 */
#include "shmctl_map.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* ---- looking ---- */

/* Where nearly all of it lies. */
static int32_t main_node(const struct lfvec_pages *pages)
{
    if (!pages->pages || pages->unknown * 2 > pages->pages)
        return NODE_UNTOLD;
    for (int32_t node = 0; node < LFVEC_NODES; node++)
        if (pages->on[node] * 8 >= pages->pages * 7)
            return node;
    return NODE_SPREAD;
}

static void add_slab(struct map *map, const struct lfvec_region *region, const struct lfvec_pages *pages)
{
    if (map->count == map->room) {
        map->room = map->room ? 2 * map->room : 256;
        map->slabs = reallocarray(map->slabs, map->room, sizeof *map->slabs);
        if (!map->slabs)
            out_of_memory();
    }
    map->slabs[map->count++] = (struct map_slab){
        .owner = region->owner <= map->st.max_slots ? region->owner : 0,
        .node = main_node(pages),
        .leaves = region->committed ? region->leaves : 0,
        .used = region->leaves_used < region->leaves ? region->leaves_used : region->leaves,
    };
}

static void visit(void *context, const struct lfvec_region *region, const struct lfvec_pages *pages)
{
    struct map *map = context;
    struct map_part *part = &map->parts[region->kind];
    part->bytes += region->committed;
    part->pages += pages->pages;
    part->untold += pages->unknown;
    for (int node = 0; node < LFVEC_NODES; node++)
        part->on[node] += pages->on[node];
    if (region->kind == LFVEC_REGION_SLAB)
        add_slab(map, region, pages);
}

/* ---- owners ---- */

static void count_slab(struct map_owner *owner, const struct map_slab *slab)
{
    owner->slabs++;
    owner->leaves += slab->leaves;
    owner->used += slab->used;
}

static int by_slabs(const void *a, const void *b)
{
    const struct map_owner *left = a, *right = b;
    return left->slabs != right->slabs ? (left->slabs > right->slabs ? -1 : 1) : left->slot < right->slot ? -1 : 1;
}

static int by_slot(const void *a, const void *b)
{
    const struct map_owner *left = a, *right = b;
    return left->slot < right->slot ? -1 : left->slot > right->slot;
}

/* Those with the most slabs get letters, in the order of their slots. */
static void name_owners(struct map *map, lfvec_t *v, struct map_owner *all, int count)
{
    int named = count < LETTERS ? count : LETTERS;
    qsort(all, (size_t)count, sizeof *all, by_slabs);
    qsort(all, (size_t)named, sizeof *all, by_slot);
    for (int i = 0; i < count; i++) {
        struct map_owner *owner = &map->owners[i < named ? i : named];
        owner->slot = all[i].slot;
        owner->slabs += all[i].slabs;
        owner->leaves += all[i].leaves;
        owner->used += all[i].used;
        owner->letter = i < named ? (char)('A' + i) : OWNER_OTHER;
        map->letters[all[i].slot] = owner->letter;
        if (i < named && slots_look(v, owner->slot, &owner->p) != 0)
            memset(&owner->p, 0, sizeof owner->p);
    }
    map->owner_count = count > named ? named + 1 : named;
}

static void find_owners(struct map *map, lfvec_t *v)
{
    struct map_owner *all = need((map->st.max_slots + 1) * sizeof *all);
    int count = 0;
    for (uint64_t i = 0; i < map->count; i++)
        if (map->slabs[i].owner)
            count_slab(&all[map->slabs[i].owner], &map->slabs[i]);
    for (uint32_t slot = 1; slot <= map->st.max_slots; slot++) {
        if (!all[slot].slabs)
            continue;
        all[slot].slot = slot;
        all[count++] = all[slot];
    }
    map->letters = need(map->st.max_slots + 1);
    map->letters[0] = OWNER_NONE;
    name_owners(map, v, all, count);
    free(all);
}

/* ---- cells ---- */

/* The index of the largest, or -1 if all are 0. */
static int largest(const uint64_t *counts, int n)
{
    int best = -1;
    for (int i = 0; i < n; i++)
        if (counts[i] && (best < 0 || counts[i] > counts[best]))
            best = i;
    return best;
}

static char cell_owner(const struct map *map, const struct cell *c)
{
    uint64_t counts[128] = {0};
    for (uint64_t i = c->first; i < c->first + c->count; i++)
        if (map->slabs[i].leaves)
            counts[(unsigned char)map->letters[map->slabs[i].owner]]++;
    int letter = largest(counts, 128);
    if (letter < 0)
        return OWNER_NO_MEMORY;
    return (char)(counts[letter] < c->present ? tolower(letter) : letter);
}

static int32_t cell_node(const struct map *map, const struct cell *c)
{
    uint64_t counts[LFVEC_NODES + 2] = {0}; /* NODE_SPREAD comes first */
    for (uint64_t i = c->first; i < c->first + c->count; i++)
        if (map->slabs[i].leaves)
            counts[map->slabs[i].node - NODE_SPREAD]++;
    int most = largest(counts, LFVEC_NODES + 2);
    return most < 0 ? NODE_UNTOLD : counts[most] * 8 >= c->present * 7 ? most + NODE_SPREAD : NODE_SPREAD;
}

void map_cell(const struct map *map, uint64_t first, uint64_t count, struct cell *cell)
{
    memset(cell, 0, sizeof *cell);
    cell->first = first;
    cell->count = count < map->count - first ? count : map->count - first;
    for (uint64_t i = first; i < first + cell->count; i++) {
        cell->present += map->slabs[i].leaves != 0;
        cell->leaves += map->slabs[i].leaves;
        cell->used += map->slabs[i].used;
    }
    cell->owner = cell_owner(map, cell);
    cell->node = cell_node(map, cell);
}

uint64_t map_scale(const struct map *map, uint64_t cells)
{
    static const unsigned steps[] = {1, 2, 5};
    for (uint64_t ten = 1;; ten *= 10)
        for (int i = 0; i < 3; i++)
            if (ten * steps[i] * cells >= map->count)
                return ten * steps[i];
}

/* ---- signs ---- */

char map_node(int32_t node)
{
    static const char signs[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (node == NODE_UNTOLD)
        return '?';
    return node >= 0 && node < (int32_t)sizeof signs - 1 ? signs[node] : node == NODE_SPREAD ? '~' : '+';
}

int map_level(const struct cell *c, int steps)
{
    return c->leaves ? (int)((c->used * (uint64_t)steps + c->leaves - 1) / c->leaves) : 0;
}

unsigned map_percent(uint64_t leaves, uint64_t used)
{
    return leaves ? (unsigned)((used * 100 + leaves / 2) / leaves) : 0;
}

uint64_t map_nodes(const struct map *map)
{
    uint64_t nodes = 0;
    for (int kind = 1; kind < PLACE_PARTS; kind++)
        for (int node = 0; node < LFVEC_NODES; node++)
            nodes |= (uint64_t)(map->parts[kind].on[node] != 0) << node;
    return nodes;
}

uint64_t map_most(const struct map *map)
{
    uint64_t most = 1;
    for (int kind = 1; kind < PLACE_PARTS; kind++)
        most = map->parts[kind].bytes > most ? map->parts[kind].bytes : most;
    return most;
}

bool map_spread(const struct map *map)
{
    return map_nodes(map) & (map_nodes(map) - 1);
}

bool map_untold(const struct map *map)
{
    for (int kind = 1; kind < PLACE_PARTS; kind++)
        if (map->parts[kind].untold)
            return true;
    return false;
}

/* ---- sentences ---- */

char *map_title(char *buf, size_t size, const struct map *map)
{
    char memory[16], elem[16];
    text_bytes(memory, sizeof memory, map->st.bytes_committed);
    text_bytes(elem, sizeof elem, map->st.elem_size);
    snprintf(buf, size, "%s: %llu elements of %s; memory %s; %u%% of its leaves in use", map->name, (unsigned long long)map->st.size, elem,
             memory, map_percent(map->st.leaves_total, map->st.leaves_used));
    return buf;
}

char *map_placement(char *buf, size_t size, const struct map *map)
{
    char nodes[160];
    snprintf(buf, size, "placement: %s, nodes %s, %s: %s", place_policy(map->st.numa),
             place_nodes(nodes, sizeof nodes, map->st.numa_nodes, "all"), map->st.numa_in_force ? "in force" : "not in force",
             place_why(map->st.numa_why));
    return buf;
}

char *map_slabs(char *buf, size_t size, const struct map *map, uint64_t scale)
{
    char bytes[16];
    text_bytes(bytes, sizeof bytes, map->st.slab_bytes);
    if (!map->count)
        snprintf(buf, size, "slabs: none yet");
    else if (scale == 1)
        snprintf(buf, size, "slabs: %llu of %s, each a cell", (unsigned long long)map->count, bytes);
    else
        snprintf(buf, size, "slabs: %llu of %s, %llu to a cell", (unsigned long long)map->count, bytes, (unsigned long long)scale);
    return buf;
}

char *map_owner(char *buf, size_t size, const struct map_owner *owner)
{
    const struct lfvec_participant *p = &owner->p;
    const unsigned percent = map_percent(owner->leaves, owner->used);
    const unsigned long long slabs = owner->slabs;
    const char *s = slabs == 1 ? "" : "s";
    if (owner->letter == OWNER_OTHER)
        snprintf(buf, size, "other slots: %llu slab%s, %u%% used", slabs, s, percent);
    else if (p->state == LFVEC_SLOT_FREE)
        snprintf(buf, size, "slot %u, held by nobody: %llu slab%s, %u%% used", owner->slot, slabs, s, percent);
    else if (p->node < 0)
        snprintf(buf, size, "slot %u, %s (%s %d): %llu slab%s, %u%% used", owner->slot, p->name, text_state(p->state), p->pid, slabs, s,
                 percent);
    else
        snprintf(buf, size, "slot %u, %s (%s %d, on node %d): %llu slab%s, %u%% used", owner->slot, p->name, text_state(p->state), p->pid,
                 p->node, slabs, s, percent);
    return buf;
}

char *map_part(char *buf, size_t size, const struct map_part *part)
{
    char bytes[16], list[160];
    uint64_t nodes = 0;
    for (int node = 0; node < LFVEC_NODES; node++)
        nodes |= (uint64_t)(part->on[node] != 0) << node;
    const int count = __builtin_popcountll(nodes);
    size_t at = (size_t)snprintf(buf, size, "%s", text_bytes(bytes, sizeof bytes, part->bytes));
    if (count == 1 || count > 4) {
        at += (size_t)snprintf(buf + at, size - at, " on node%s %s", count > 1 ? "s" : "", place_nodes(list, sizeof list, nodes, ""));
        nodes = 0;
    }
    for (int node = 0; node < LFVEC_NODES && at < size; node++)
        if (nodes >> node & 1)
            at += (size_t)snprintf(buf + at, size - at, "%s%s on node %d", nodes & ((UINT64_C(1) << node) - 1) ? ", " : ": ",
                                   text_bytes(bytes, sizeof bytes, part->on[node] * 4096), node);
    if (part->untold && at < size)
        snprintf(buf + at, size - at, "; of %s the kernel does not tell", text_bytes(bytes, sizeof bytes, part->untold * 4096));
    return buf;
}

/* ---- the command line ---- */

enum { COLOR = LONG_ONLY, SVG };

static const struct opt options[] = {
    {COLOR, "color", "WHEN", "auto, always or never; default auto: on a terminal, unless NO_COLOR is set"},
    {'w', "width", "COLUMNS", "draw so wide, 40 to 1000; default the terminal's width, or 80"},
    {SVG, "svg", "FILE", "write FILE as SVG instead; - is standard output"},
    {0, NULL, NULL, NULL},
};

struct wish {
    const char *color, *svg;
    int width; /* 0: the terminal's */
};

static bool wants_color(const char *when)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    return isatty(STDOUT_FILENO) && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}

static int terminal_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    uint64_t width = 0;
    if (!(columns && parse_number(columns, &width)) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    return width < 40 ? (width ? 40 : 80) : width > 1000 ? 1000 : (int)width;
}

static void set_option(struct wish *wish, const struct call *call, int key, const char *arg)
{
    if (key == 'w')
        wish->width = (int)call_number(call, "--width", arg, 40, 1000);
    else if (key == SVG)
        wish->svg = arg;
    else
        wish->color = arg;
    if (strcmp(wish->color, "auto") != 0 && strcmp(wish->color, "always") != 0 && strcmp(wish->color, "never") != 0)
        call_usage(call, "--color: \"%s\" is not auto, always or never", wish->color);
}

/* ---- putting it ---- */

static int put_svg(const struct map *map, const char *name)
{
    struct file file;
    const int status = file_open(&file, name, "--svg");
    if (status != DONE)
        return status;
    svg(map, file.out);
    return file_close(&file);
}

static int look(struct map *map, lfvec_t *v)
{
    map->name = text_exact(lfvec_name(v));
    int status = look_at(v, &map->st);
    if (status == DONE)
        status = place_round(v, visit, map);
    if (status == DONE)
        find_owners(map, v);
    return status;
}

static int run(struct call *call)
{
    struct wish wish = {.color = "auto"};
    struct map map = {.count = 0};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        set_option(&wish, call, key, optarg);
    const char *name = call_name(call, 0, 0);
    lfvec_t *v = open_sound(name, LFVEC_RDONLY, &status);
    if (!v)
        return status;
    status = look(&map, v);
    if (status == DONE && wish.svg)
        status = put_svg(&map, wish.svg);
    else if (status == DONE)
        draw(&map, wish.width ? wish.width : terminal_width(), wants_color(wish.color));
    free(map.name);
    free(map.slabs);
    free(map.letters);
    lfvec_detach(v);
    return status;
}

const struct command command_map = {
    .name = "map",
    .group = GROUP_LOOK,
    .operands = "/NAME",
    .summary = "draw it: its parts, its slabs by owner, node and use",
    .details = "Where there are more slabs than fit, a cell stands for several. The legend is below the picture.\n"
               "Pages are asked for one by one, so on a large segment it takes a while.",
    .example = PROGRAM " map --svg jobs.svg /jobs",
    .options = options,
    .style = REPORT_NONE,
    .run = run,
};
