/*
 * shmctl_svg.c - the map as SVG: the parts as bars, the slabs as boxes with the owner's letter, filled from below as far as they are used, in
 * the colour of the node, whose sign stands below the letter. What a box stands for is said by the tip that browsers show on it.
 *
 * Whatever comes from the segment goes through put_text(), so the document is well-formed XML whatever it is.
 */
#include "shmctl_map.h"

#include <inttypes.h>
#include <string.h>

enum {
    WIDTH = 960,
    EDGE = 24,
    LINE = 20,
    BAR = 400,    /* length of the longest */
    BAR_AT = 120, /* from the edge */
    BOX = 22,
    BOX_HIGH = 36,
    COLUMNS = 40,
    ROWS = 20,
    LABEL = 912 - COLUMNS * BOX, /* numbers of slabs, left of the boxes */
    TEXT = 512
};

/* Distinct for the colour-blind (Okabe and Ito), and light enough for black letters. */
static const char *const colours[] = {"#56b4e9", "#e69f00", "#2fb58b", "#cc79a7", "#f0e442", "#e8743b", "#8fa8d8", "#b3a26b"};

static const char *node_colour(int32_t node)
{
    return node < 0 ? "#bbbbbb" : colours[node % 8];
}

/* ---- text ---- */

/* What is visible is also what XML may have. Names were made visible before; here nothing else passes, whatever it is. */
static void put_text(FILE *out, const char *text)
{
    while (*text) {
        const size_t n = visible_length(text);
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
            fprintf(out, "&#%d;", *text);
        else if (n)
            fwrite(text, 1, n, out);
        else
            fputc('?', out);
        text += n ? n : 1;
    }
}

static int put_line(FILE *out, int y, const char *class, const char *text)
{
    fprintf(out, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, EDGE, y);
    put_text(out, text);
    fputs("</text>\n", out);
    return y + LINE;
}

static void put_tip(FILE *out, const char *text)
{
    fputs("<title>", out);
    put_text(out, text);
    fputs("</title>", out);
}

/* ---- parts ---- */

/* `pages` of the part's, after `before` of them. */
static void put_piece(FILE *out, const struct map_part *part, uint64_t before, uint64_t pages, int32_t node, int y, double scale)
{
    const double from = EDGE + BAR_AT + (double)before * scale / (double)part->pages, length = (double)pages * scale / (double)part->pages;
    if (!pages)
        return;
    fprintf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"14\" fill=\"%s\"/>\n", from, y - 12, length < 2 ? 2 : length,
            node_colour(node));
    if (length >= 12)
        fprintf(out, "<text class=\"sign\" x=\"%.1f\" y=\"%d\">%c</text>\n", from + length / 2, y - 1, map_node(node));
}

static void put_bar(FILE *out, const struct map *map, const struct map_part *part, int y)
{
    const double scale = (double)part->bytes * BAR / (double)map_most(map);
    uint64_t pages = 0;
    for (int32_t node = 0; node < LFVEC_NODES; node++) {
        put_piece(out, part, pages, part->on[node], node, y, scale);
        pages += part->on[node];
    }
    put_piece(out, part, pages, part->untold, NODE_UNTOLD, y, scale);
}

static int put_parts(FILE *out, const struct map *map, int y)
{
    char text[TEXT];
    y = put_line(out, y, "head", "parts, by memory and node");
    for (uint32_t kind = 1; kind < PLACE_PARTS; kind++) {
        const struct map_part *part = &map->parts[kind];
        const double end = (double)part->bytes * BAR / (double)map_most(map);
        put_bar(out, map, part, y);
        fprintf(out, "<text class=\"small\" x=\"%.1f\" y=\"%d\">", EDGE + BAR_AT + end + 8, y);
        put_text(out, map_part(text, sizeof text, part));
        fputs("</text>\n", out);
        y = put_line(out, y, "text", place_part(kind));
    }
    return y + LINE / 2;
}

/* ---- slabs ---- */

static void tell_cell(char *text, size_t size, const struct map *map, const struct cell *c)
{
    const bool several = c->count > 1;
    size_t at = (size_t)snprintf(text, size, several ? "slabs %" PRIu64 " to %" PRIu64 : "slab %" PRIu64, c->first,
                                 c->first + c->count - 1);
    const uint32_t owner = map->slabs[c->first].owner;
    if (!c->present)
        snprintf(text + at, size - at, ": no memory");
    else if (several)
        snprintf(text + at, size - at, ": owner %c, node %c, %u%% used", c->owner, map_node(c->node), map_percent(c->leaves, c->used));
    else if (owner)
        snprintf(text + at, size - at, ": slot %u, node %c, %u%% used", owner, map_node(c->node), map_percent(c->leaves, c->used));
    else
        snprintf(text + at, size - at, ": owned by nobody, node %c, %u%% used", map_node(c->node), map_percent(c->leaves, c->used));
}

static void put_box(FILE *out, const struct cell *c, int x, int y, const char *tip)
{
    const int fill = c->leaves ? (int)(c->used * BOX_HIGH / c->leaves) : 0;
    fputs("<g>", out);
    put_tip(out, tip);
    fprintf(out, "<rect class=\"box\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", x, y, BOX, BOX_HIGH);
    if (c->present) {
        fprintf(out, "<rect class=\"tint\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>", x, y, BOX, BOX_HIGH,
                node_colour(c->node));
        fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>", x + 1, y + BOX_HIGH - fill, BOX - 2, fill,
                node_colour(c->node));
        fprintf(out, "<text class=\"owner\" x=\"%d\" y=\"%d\">%c</text>", x + BOX / 2, y + 16, c->owner);
        fprintf(out, "<text class=\"sign\" x=\"%d\" y=\"%d\">%c</text>", x + BOX / 2, y + 31, map_node(c->node));
    }
    fputs("</g>\n", out);
}

static int put_slabs(FILE *out, const struct map *map, int y)
{
    const uint64_t scale = map_scale(map, COLUMNS * ROWS);
    char text[TEXT];
    struct cell cell;
    y = put_line(out, y, "head", map_slabs(text, sizeof text, map, scale)) - LINE / 2;
    for (uint64_t first = 0; first < map->count; first += COLUMNS * scale, y += BOX_HIGH + 4) {
        fprintf(out, "<text class=\"number\" x=\"%d\" y=\"%d\">%" PRIu64 "</text>\n", EDGE + LABEL - 6, y + 16, first);
        for (uint64_t i = 0; i < COLUMNS && first + i * scale < map->count; i++) {
            map_cell(map, first + i * scale, scale, &cell);
            tell_cell(text, sizeof text, map, &cell);
            put_box(out, &cell, EDGE + LABEL + (int)i * BOX, y, text);
        }
    }
    return y + LINE + LINE / 2;
}

/* ---- legend ---- */

static int put_owners(FILE *out, const struct map *map, int y)
{
    char text[TEXT + 5];
    for (int i = 0; i < map->owner_count; i++) {
        text[0] = map->owners[i].letter;
        memcpy(text + 1, " = ", 3);
        map_owner(text + 4, sizeof text - 4, &map->owners[i]);
        y = put_line(out, y, "text", text);
    }
    if (!map->count)
        return y;
    y = put_line(out, y, "text", "-  owned by nobody, for anybody to take;  an empty box: no memory");
    return put_line(out, y, "text", "a small letter: more of the box is this owner's than anybody's, not all of it");
}

static int put_nodes(FILE *out, const struct map *map, int y)
{
    const uint64_t nodes = map_nodes(map);
    int x = EDGE;
    for (int32_t node = NODE_SPREAD; node < LFVEC_NODES; node++) {
        char text[40];
        if (node == NODE_SPREAD ? !map_spread(map) : node == NODE_UNTOLD ? !map_untold(map) : !(nodes >> node & 1))
            continue;
        snprintf(text, sizeof text, "node %d", node);
        if (x > WIDTH - 180) {
            x = EDGE;
            y += LINE;
        }
        fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"16\" height=\"14\" fill=\"%s\"/>", x, y - 12, node_colour(node));
        fprintf(out, "<text class=\"sign\" x=\"%d\" y=\"%d\">%c</text>", x + 8, y - 1, map_node(node));
        fprintf(out, "<text class=\"text\" x=\"%d\" y=\"%d\">%s</text>\n", x + 22, y,
                node == NODE_SPREAD   ? "spread over several nodes"
                : node == NODE_UNTOLD ? "the kernel does not tell"
                                      : text);
        x += node < 0 ? 200 : 84;
    }
    return y + LINE;
}

static int put_legend(FILE *out, const struct map *map, int y)
{
    y = put_line(out, y, "head", "legend");
    y = put_owners(out, map, y);
    y = put_nodes(out, map, y);
    return put_line(out, y, "text",
                    "A box is filled from below as far as its leaves are in use. Letter: owner; sign below it, and colour: node.");
}

/* ---- the document ---- */

static const char style[] = "<style>text{font-family:sans-serif;font-size:13px;fill:#111}"
                            ".title{font-size:17px;font-weight:bold}.head{font-weight:bold}.small{font-size:12px}"
                            ".owner{font-size:13px;font-weight:bold;text-anchor:middle}.sign{font-size:11px;text-anchor:middle}"
                            ".number{font-size:11px;text-anchor:end}.box{fill:#fff;stroke:#777}.tint{fill-opacity:.2}</style>\n";

static int lines_of_legend(const struct map *map)
{
    return map->owner_count + 5 + __builtin_popcountll(map_nodes(map)) / 8;
}

static int height(const struct map *map)
{
    const uint64_t cells = map->count ? (map->count - 1) / map_scale(map, COLUMNS * ROWS) + 1 : 0;
    return EDGE + (4 + PLACE_PARTS + 3 + lines_of_legend(map)) * LINE + (int)((cells + COLUMNS - 1) / COLUMNS) * (BOX_HIGH + 4);
}

void svg(const struct map *map, FILE *out)
{
    char text[TEXT];
    const int high = height(map);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", WIDTH, high,
            WIDTH, high);
    put_tip(out, map_title(text, sizeof text, map));
    fputs("\n<desc>Map of an lfvec segment, drawn by lfvec-shmctl map: its parts, and its slabs by owner, node and use.</desc>\n", out);
    fputs(style, out);
    fprintf(out, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", WIDTH, high);
    int y = put_line(out, EDGE + LINE / 2, "title", map_title(text, sizeof text, map));
    y = put_line(out, y, "text", map_placement(text, sizeof text, map)) + LINE / 2;
    y = put_parts(out, map, y);
    y = put_slabs(out, map, y);
    put_legend(out, map, y);
    fputs("</svg>\n", out);
}
