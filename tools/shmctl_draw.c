/*
 * shmctl_draw.c - the map on a terminal: for each part a bar made of the signs of its nodes, and for the slabs three lines below each other,
 * owner, node and use, a column a cell. Colour only repeats what the signs say.
 */
#include "shmctl_map.h"
#include "shmctl_screen.h"

#include <string.h>

enum { MARGIN = 20, BANDS = 8, LEVELS = 8, TEXT = 512 };

static const char *const blocks[] = {"\u00b7", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
static const char *const shades[] = {"_", ".", ":", "-", "=", "+", "*", "#", "@"};

struct pen {
    const struct map *map;
    int width;
    bool colour;
    const char *const *levels; /* LEVELS + 1 of them */
    int now;                   /* colour of the pen, 0 = none */
};

/* ---- colour ---- */

/* Neighbours in these differ on dark and on light ground; 0 is for what has no colour. */
static int owner_colour(char owner)
{
    static const int colours[] = {34, 32, 35, 36, 33, 31, 94, 92, 95, 96, 93, 91};
    const char letter = (char)(owner >= 'a' ? owner - 'a' + 'A' : owner);
    return letter >= 'A' && letter <= 'Z' ? colours[(letter - 'A') % 12] : 0;
}

static int node_colour(int32_t node)
{
    static const int colours[] = {34, 33, 32, 35, 36, 31, 94, 93};
    return node < 0 ? 0 : colours[node % 8];
}

static void take(struct pen *pen, int colour)
{
    if (pen->colour && colour != pen->now)
        printf("\033[%dm", colour);
    pen->now = colour;
}

static void end_line(struct pen *pen)
{
    take(pen, 0);
    putchar('\n');
}

/* ---- parts ---- */

static uint64_t nodes_of(const struct map_part *part)
{
    uint64_t n = 0;
    for (int node = 0; node < LFVEC_NODES; node++)
        n += part->on[node] != 0;
    return n;
}

/* At least a sign for each node. */
static void bar(struct pen *pen, const struct map_part *part)
{
    const uint64_t room = (uint64_t)(pen->width - MARGIN), most = map_most(pen->map), to_scale = (part->bytes * room + most - 1) / most;
    const uint64_t nodes = nodes_of(part), length = to_scale > nodes ? to_scale : nodes;
    uint64_t pages = 0, drawn = 0;
    for (int32_t node = 0; node < LFVEC_NODES; node++) {
        pages += part->on[node];
        for (const uint64_t end = part->pages ? (pages * length + part->pages - 1) / part->pages : 0; drawn < end; drawn++) {
            take(pen, node_colour(node));
            putchar(map_node(node));
        }
    }
    take(pen, 0);
    for (; drawn < length; drawn++)
        putchar(map_node(NODE_UNTOLD));
    end_line(pen);
}

static void draw_parts(struct pen *pen)
{
    char text[16];
    text_bytes(text, sizeof text, (map_most(pen->map) + (uint64_t)(pen->width - MARGIN) - 1) / (uint64_t)(pen->width - MARGIN));
    printf("\nparts, by memory and node; %s to a sign\n", text);
    for (uint32_t kind = 1; kind < PLACE_PARTS; kind++) {
        printf("  %-10s %6s ", place_part(kind), text_bytes(text, sizeof text, pen->map->parts[kind].bytes));
        bar(pen, &pen->map->parts[kind]);
    }
}

/* ---- slabs ---- */

static void put_owner(struct pen *pen, const struct cell *c)
{
    take(pen, owner_colour(c->owner));
    putchar(c->owner);
}

static void put_node(struct pen *pen, const struct cell *c)
{
    take(pen, node_colour(c->node));
    putchar(c->present ? map_node(c->node) : ' ');
}

static void put_use(struct pen *pen, const struct cell *c)
{
    take(pen, node_colour(c->node));
    fputs(c->present ? pen->levels[map_level(c, LEVELS)] : " ", stdout);
}

static void track(struct pen *pen, const char *label, const char *what, uint64_t first, uint64_t scale,
                  void (*put)(struct pen *, const struct cell *))
{
    struct cell cell;
    uint64_t at = first;
    printf("%12s %-6s ", label, what);
    for (int column = MARGIN; column < pen->width && at < pen->map->count; column++, at += scale) {
        map_cell(pen->map, at, scale, &cell);
        put(pen, &cell);
    }
    end_line(pen);
}

static void draw_slabs(struct pen *pen)
{
    const uint64_t columns = (uint64_t)(pen->width - MARGIN), scale = map_scale(pen->map, columns * BANDS);
    char text[TEXT];
    printf("\n%s\n", map_slabs(text, sizeof text, pen->map, scale));
    for (uint64_t first = 0; first < pen->map->count; first += columns * scale) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)first);
        if (first)
            putchar('\n');
        track(pen, text, "owner", first, scale, put_owner);
        track(pen, "", "node", first, scale, put_node);
        track(pen, "", "used", first, scale, put_use);
    }
}

/* ---- legend ---- */

static void draw_owners(struct pen *pen)
{
    char text[TEXT];
    for (int i = 0; i < pen->map->owner_count; i++) {
        const struct map_owner *owner = &pen->map->owners[i];
        fputs("  ", stdout);
        take(pen, owner_colour(owner->letter));
        putchar(owner->letter);
        take(pen, 0);
        printf("  %s\n", map_owner(text, sizeof text, owner));
    }
    if (pen->map->count)
        puts("  -  owned by nobody, for anybody to take   .  no memory\n"
             "  a small letter: more of the cell is this owner's than anybody's, not all of it");
}

static void draw_nodes(struct pen *pen)
{
    const uint64_t nodes = map_nodes(pen->map);
    fputs(nodes ? "  node " : "  node", stdout);
    for (int32_t node = 0; node < LFVEC_NODES; node++) {
        if (!(nodes >> node & 1))
            continue;
        take(pen, node_colour(node));
        putchar(map_node(node));
    }
    take(pen, 0);
    printf(": its number%s%s%s\n", nodes >> 10 ? ", from 10 on a letter" : "", map_spread(pen->map) ? "   ~  spread over several" : "",
           map_untold(pen->map) ? "   ?  the kernel does not tell" : "");
}

static void draw_legend(struct pen *pen)
{
    puts("\nlegend");
    draw_owners(pen);
    draw_nodes(pen);
    if (!pen->map->count)
        return;
    printf("  used %s no leaf   ", pen->levels[0]);
    for (int level = 1; level <= LEVELS; level++)
        fputs(pen->levels[level], stdout);
    puts(" up to each eighth of them, up to all");
}

void draw(const struct map *map, int width, bool colour)
{
    struct pen pen = {.map = map, .width = width, .colour = colour, .levels = screen_draws_blocks() ? blocks : shades};
    char text[TEXT];
    puts(map_title(text, sizeof text, map));
    puts(map_placement(text, sizeof text, map));
    draw_parts(&pen);
    draw_slabs(&pen);
    draw_legend(&pen);
}
