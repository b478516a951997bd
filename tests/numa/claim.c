/* claim.c - claims, and the table of those on placement; see numa.h. */
#include "numa.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MOST = 512 };

struct row {
    char scene[48], region[40];
    struct asked asked;
    struct spread all;
    uint64_t misplaced;
};

static struct row table[ROWS_MOST];
static uint32_t rows;
static char scene[48];
static bool all_hold = true;

void claim_scene(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(scene, sizeof scene, format, ap);
    va_end(ap);
}

bool claim_that(bool so, const char *format, ...)
{
    va_list ap;
    printf("%s - %s: ", so ? "ok" : "not ok", scene);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    all_hold &= so;
    return so;
}

bool claims_hold(void)
{
    return all_hold;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------------ */

void claim_region(struct asked asked, const char *format, ...)
{
    va_list ap;
    rows += rows < ROWS_MOST;
    struct row *r = &table[rows - 1];
    memset(r, 0, sizeof *r);
    r->asked = asked;
    memcpy(r->scene, scene, sizeof scene);
    va_start(ap, format);
    vsnprintf(r->region, sizeof r->region, format, ap);
    va_end(ap);
}

static uint64_t more(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Pages of one range that would have to go elsewhere. */
static uint64_t misplaced(const struct spread *at, const struct asked *asked)
{
    const uint64_t nodes = (uint64_t)__builtin_popcountll(asked->nodes), each = at->pages / nodes;
    uint64_t outside = at->nowhere, above = 0, below = 0;
    for (uint32_t n = 0; n < NODES_MOST; n++) {
        if (!(asked->nodes >> n & 1)) {
            outside += at->on[n];
            continue;
        }
        above += more(at->on[n], each + (at->pages % nodes != 0));
        below += more(each, at->on[n]);
    }
    if (!asked->interleaved)
        return outside;
    return outside + above > below ? outside + above : below;
}

uint64_t claim_misplaced(const struct segment *s, uint64_t off, uint64_t bytes, struct asked asked)
{
    struct spread at;
    look_at(s, off, bytes, &at);
    return misplaced(&at, &asked);
}

void claim_range(const struct segment *s, uint64_t off, uint64_t bytes)
{
    struct row *r = &table[rows - 1];
    struct spread at;
    look_at(s, off, bytes, &at);
    r->misplaced += misplaced(&at, &r->asked);
    r->all.pages += at.pages;
    r->all.nowhere += at.nowhere;
    for (uint32_t n = 0; n < NODES_MOST; n++)
        r->all.on[n] += at.on[n];
}

static const char *asked_text(const struct asked *asked, char *text, size_t room)
{
    size_t at = (size_t)snprintf(text, room, "%s", asked->interleaved ? "interleaved over" : "on");
    for (uint32_t n = 0, any = 0; n < NODES_MOST; n++)
        if (asked->nodes >> n & 1 && at < room)
            at += (size_t)snprintf(text + at, room - at, any++ ? ",%u" : " %u", n);
    return text;
}

void claim_judge(void)
{
    const struct row *r = &table[rows - 1];
    char text[64];
    claim_that(r->all.pages && !r->misplaced, "%s: %llu of %llu pages %s", r->region, (unsigned long long)more(r->all.pages, r->misplaced),
               (unsigned long long)r->all.pages, asked_text(&r->asked, text, sizeof text));
}

static void print_row(const struct row *r)
{
    char text[64];
    printf("%-32s %-35s %6llu", r->scene, r->region, (unsigned long long)r->all.pages);
    for (uint32_t n = 0; n < machine.nodes; n++)
        printf(" %7llu", (unsigned long long)r->all.on[n]);
    printf(" %10llu  %s\n", (unsigned long long)r->misplaced, asked_text(&r->asked, text, sizeof text));
}

/* The last line is for numa.sh to add up. */
void claim_table(void)
{
    uint64_t pages = 0, wrong = 0;
    printf("\n%-32s %-35s %6s", "policy, scene", "region", "pages");
    for (uint32_t n = 0; n < machine.nodes; n++)
        printf("  node %u", n);
    printf(" %10s  %s\n", "misplaced", "asked");
    for (uint32_t i = 0; i < rows; i++) {
        print_row(&table[i]);
        pages += table[i].all.pages;
        wrong += table[i].misplaced;
    }
    printf("\ntable: %u rows, %llu pages, %llu misplaced\n", rows, (unsigned long long)pages, (unsigned long long)wrong);
}
