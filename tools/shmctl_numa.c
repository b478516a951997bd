/*
 * shmctl_numa.c - numa: which policy was asked for and whether it is in force, and where the pages of each part of a segment lie, as the
 * kernel tells.
 *
 * Three reports: the policy, a row a part, a row a slot. The last two have a column for each node that there is something to say about, so
 * their columns are made for each call, like those of dump.
 */
#include "shmctl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- columns ---- */

enum { NAME, POLICY, NODES, IN_FORCE, WHY, PLACED_ON, TOTAL_PAGES, TOTAL_MISPLACED };

static const struct column columns[] = {
    [NAME] = {"NAME", COLUMN_TEXT, 0, "name of the segment"},
    [POLICY] = {"POLICY", COLUMN_TEXT, 0, "asked for at its creation: local, interleave or bind"},
    [NODES] = {"NODES", COLUMN_TEXT, 0, "nodes asked for"},
    [IN_FORCE] = {"IN_FORCE", COLUMN_BOOL, 0, "whether this process can apply it"},
    [WHY] = {"WHY", COLUMN_TEXT, 0, "why it is, or is not"},
    [PLACED_ON] = {"PLACED_ON", COLUMN_TEXT, 0, "nodes that pages are placed on; - = as the kernel likes"},
    [TOTAL_PAGES] = {"TOTAL_PAGES", COLUMN_NUMBER, 0, "pages of 4K that have memory"},
    [TOTAL_MISPLACED] = {"TOTAL_MISPLACED", COLUMN_NUMBER, 0, "of them on none of the nodes asked for; - = none was asked for"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

enum { PART, COUNT, HELD, ASKED, PAGES, ON, UNTOLD, MISPLACED };

static const struct column part_columns[] = {
    [PART] = {"PART", COLUMN_TEXT, 0, "header (with the head), slots, slab-table, directory or slabs"},
    [COUNT] = {"COUNT", COLUMN_NUMBER, 0, "how many slots, slabs that have memory, or entries that have"},
    [HELD] = {"HELD", COLUMN_TEXT, 0, "policy that the kernel holds for it; - = none"},
    [ASKED] = {"ASKED", COLUMN_TEXT, 0, "nodes of that"},
    [PAGES] = {"PAGES", COLUMN_NUMBER, 0, "pages of 4K that have memory"},
    [ON] = {"ON", COLUMN_NUMBER, 0, "pages on each node: the columns NODE0, NODE1, ..."},
    [UNTOLD] = {"UNTOLD", COLUMN_NUMBER, 0, "pages whose node the kernel does not tell"},
    [MISPLACED] = {"MISPLACED", COLUMN_NUMBER, 0, "pages on none of the nodes asked for; - = none was asked for"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

enum { SLOT, PID, COMMAND, STATE, RUNS_ON, HOME, LIES_ON, SLABS, SLABS_ON, SLABS_MISPLACED };

static const struct column slot_columns[] = {
    [SLOT] = {"SLOT", COLUMN_NUMBER, 0, "number of the slot; 0 stands for the slabs that nobody owns"},
    [PID] = {"PID", COLUMN_NUMBER, 0, "process, as numbered in its own pid namespace"},
    [COMMAND] = {"COMMAND", COLUMN_TEXT, 0, "name of the thread"},
    [STATE] = {"STATE", COLUMN_TEXT, 0, "alive, stopped, dead, unknown, or free"},
    [RUNS_ON] = {"RUNS_ON", COLUMN_NUMBER, 0, "node that the thread ran on when it last took a slab, or the slot"},
    [HOME] = {"HOME", COLUMN_NUMBER, 0, "node asked for the slot's own page; - = slots share pages"},
    [LIES_ON] = {"LIES_ON", COLUMN_NUMBER, 0, "node where that page is"},
    [SLABS] = {"SLABS", COLUMN_NUMBER, 0, "slabs that it owns"},
    [SLABS_ON] = {"SLABS_ON", COLUMN_NUMBER, 0, "their pages on each node: the columns SLABS_NODE0, SLABS_NODE1, ..."},
    [SLABS_MISPLACED] = {"SLABS_MISPLACED", COLUMN_NUMBER, 0, "their pages on none of the nodes asked for"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

/* ---- what was seen ---- */

/* Of several regions. */
struct sum {
    uint64_t count, pages, on[LFVEC_NODES], untold, misplaced, asked;
    uint32_t policy;
};

struct slot {
    struct sum slabs;
    int32_t home, lies_on; /* -1 = none */
};

struct numa {
    const struct call *call;
    lfvec_t *v;
    struct lfvec_stat st;
    struct sum all, parts[PLACE_PARTS];
    struct slot *slots;            /* 0..max_slots */
    int nodes[LFVEC_NODES], count; /* that have a column */
};

static void add(struct sum *sum, const struct lfvec_region *region, const struct lfvec_pages *pages, uint64_t count)
{
    sum->count += count;
    sum->pages += pages->pages;
    sum->untold += pages->unknown;
    sum->misplaced += pages->misplaced;
    sum->asked |= region->nodes;
    if (region->nodes)
        sum->policy = region->policy;
    for (int node = 0; node < LFVEC_NODES; node++)
        sum->on[node] += pages->on[node];
}

static int32_t only_node(const struct lfvec_pages *pages)
{
    for (int32_t node = 0; node < LFVEC_NODES; node++)
        if (pages->pages && pages->on[node] == pages->pages)
            return node;
    return -1;
}

static void visit(void *context, const struct lfvec_region *region, const struct lfvec_pages *pages)
{
    struct numa *numa = context;
    const bool slab = region->kind == LFVEC_REGION_SLAB;
    const uint64_t count = slab ? region->committed != 0 : region->kind == LFVEC_REGION_HEADER ? 1 : region->count;
    add(&numa->all, region, pages, count);
    add(&numa->parts[region->kind], region, pages, count);
    if (slab && count && region->owner <= numa->st.max_slots)
        add(&numa->slots[region->owner].slabs, region, pages, count);
    if (region->kind == LFVEC_REGION_SLOTS && region->count == 1 && region->bytes % 4096 == 0 && region->first <= numa->st.max_slots) {
        numa->slots[region->first].home = region->node;
        numa->slots[region->first].lies_on = only_node(pages);
    }
}

/* Those that pages lie on, and those that they should. */
static void choose_nodes(struct numa *numa)
{
    for (int node = 0; node < LFVEC_NODES; node++)
        if (numa->all.on[node] || (numa->st.numa_placed | numa->all.asked) >> node & 1)
            numa->nodes[numa->count++] = node;
}

/* ---- reports with a column a node ---- */

struct sheet {
    const struct numa *numa;
    int on; /* the column that becomes one a node */
    struct column columns[MAX_COLUMNS];
    char names[LFVEC_NODES][20];
    struct report report;
};

static int place(const struct sheet *sheet, int column)
{
    return column <= sheet->on ? column : column + sheet->numa->count - 1;
}

static void make_columns(struct sheet *sheet, const struct column *from, const char *prefix)
{
    for (int i = 0; from[i].name; i++)
        sheet->columns[place(sheet, i)] = from[i];
    for (int i = 0; i < sheet->numa->count; i++) {
        snprintf(sheet->names[i], sizeof sheet->names[i], "%s%d", prefix, sheet->numa->nodes[i]);
        sheet->columns[sheet->on + i] = (struct column){sheet->names[i], COLUMN_NUMBER, 0, NULL};
    }
}

/* -o with the names of all nodes' columns for the one that stands for them. */
static char *widen(const struct sheet *sheet, const char *list, const char *name)
{
    char *wide = need(strlen(list) * sizeof sheet->names + 1), *to = wide;
    for (const char *at = list; *at; at += strspn(at, ",+")) {
        size_t n = strcspn(at, ",+");
        if (n == strlen(name) && strncasecmp(at, name, n) == 0)
            for (int i = 0; i < sheet->numa->count; i++)
                to += sprintf(to, "%s%s", i ? "," : "", sheet->names[i]);
        else
            to = mempcpy(to, at, n);
        at += n;
        to = mempcpy(to, at, strspn(at, ",+"));
    }
    return wide;
}

static void open_sheet(struct sheet *sheet, const struct numa *numa, const struct column *from, int on, const char *prefix,
                       const char *name)
{
    const char *list = numa->call->columns;
    memset(sheet, 0, sizeof *sheet);
    sheet->numa = numa;
    sheet->on = on;
    make_columns(sheet, from, prefix);
    char *wide = list ? widen(sheet, list, from[on].name) : NULL;
    report_open_with(&sheet->report, numa->call, sheet->columns, REPORT_ROWS, name, wide);
    free(wide);
}

static void put_number(struct sheet *sheet, int column, bool known, uint64_t number)
{
    if (known)
        report_number(&sheet->report, place(sheet, column), number);
    else
        report_none(&sheet->report, place(sheet, column));
}

static void put_nodes(struct sheet *sheet, const struct sum *sum)
{
    for (int i = 0; i < sheet->numa->count; i++)
        report_number(&sheet->report, sheet->on + i, sum->on[sheet->numa->nodes[i]]);
}

/* ---- what is shown ---- */

static void show_policy(const struct numa *numa, struct report *report)
{
    const struct lfvec_stat *st = &numa->st;
    char text[160];
    report_open(report, numa->call);
    report_row(report);
    report_text(report, NAME, lfvec_name(numa->v));
    report_text(report, POLICY, place_policy(st->numa));
    report_text(report, NODES, place_nodes(text, sizeof text, st->numa_nodes, "all"));
    report_bool(report, IN_FORCE, st->numa_in_force);
    report_text(report, WHY, place_why(st->numa_why));
    if (st->numa_placed)
        report_text(report, PLACED_ON, place_nodes(text, sizeof text, st->numa_placed, ""));
    else
        report_none(report, PLACED_ON);
    report_number(report, TOTAL_PAGES, numa->all.pages);
    if (numa->all.asked)
        report_number(report, TOTAL_MISPLACED, numa->all.misplaced);
    else
        report_none(report, TOTAL_MISPLACED);
}

static void show_part(struct sheet *sheet, uint32_t kind)
{
    const struct sum *sum = &sheet->numa->parts[kind];
    char text[160];
    report_row(&sheet->report);
    report_text(&sheet->report, PART, place_part(kind));
    report_number(&sheet->report, COUNT, sum->count);
    if (sum->asked) {
        report_text(&sheet->report, HELD, place_policy(sum->policy));
        report_text(&sheet->report, ASKED, place_nodes(text, sizeof text, sum->asked, ""));
    } else {
        report_none(&sheet->report, HELD);
        report_none(&sheet->report, ASKED);
    }
    report_number(&sheet->report, PAGES, sum->pages);
    put_nodes(sheet, sum);
    put_number(sheet, UNTOLD, true, sum->untold);
    put_number(sheet, MISPLACED, sum->asked, sum->misplaced);
}

static void show_holder(struct sheet *sheet, const struct lfvec_participant *p)
{
    struct report *report = &sheet->report;
    const bool held = p->state != LFVEC_SLOT_FREE;
    if (held) {
        report_signed(report, PID, p->pid);
        report_text(report, COMMAND, p->name);
    } else {
        report_none(report, PID);
        report_none(report, COMMAND);
    }
    if (p->slot)
        report_text(report, STATE, text_state(p->state));
    else
        report_none(report, STATE);
    put_number(sheet, RUNS_ON, held && p->node >= 0, (uint64_t)p->node);
}

static void show_slot(struct sheet *sheet, uint32_t slot)
{
    const struct slot *of = &sheet->numa->slots[slot];
    struct lfvec_participant p = {.state = LFVEC_SLOT_FREE};
    if (slot && slots_look(sheet->numa->v, slot, &p) != 0)
        return;
    if (p.state == LFVEC_SLOT_FREE && !of->slabs.count)
        return;
    report_row(&sheet->report);
    report_number(&sheet->report, SLOT, slot);
    show_holder(sheet, &p);
    put_number(sheet, HOME, of->home >= 0, (uint64_t)of->home);
    put_number(sheet, LIES_ON, of->lies_on >= 0, (uint64_t)of->lies_on);
    put_number(sheet, SLABS, true, of->slabs.count);
    put_nodes(sheet, &of->slabs);
    put_number(sheet, SLABS_MISPLACED, of->slabs.asked, of->slabs.misplaced);
}

static void show(const struct numa *numa)
{
    struct report policy;
    struct sheet *sheets = need(2 * sizeof *sheets);
    show_policy(numa, &policy);
    open_sheet(&sheets[0], numa, part_columns, ON, "NODE", "parts");
    for (uint32_t kind = 1; kind < PLACE_PARTS; kind++)
        show_part(&sheets[0], kind);
    open_sheet(&sheets[1], numa, slot_columns, SLABS_ON, "SLABS_NODE", "slots");
    for (uint32_t slot = 0; slot <= numa->st.max_slots; slot++)
        show_slot(&sheets[1], slot);
    report_close_all((struct report *[]){&policy, &sheets[0].report, &sheets[1].report}, 3);
    free(sheets);
}

static int look(struct numa *numa)
{
    int status = look_at(numa->v, &numa->st);
    if (status != DONE)
        return status;
    numa->slots = need((numa->st.max_slots + 1) * sizeof *numa->slots);
    for (uint32_t slot = 0; slot <= numa->st.max_slots; slot++)
        numa->slots[slot].home = numa->slots[slot].lies_on = -1;
    status = place_round(numa->v, visit, numa);
    choose_nodes(numa);
    return status;
}

static int run(struct call *call)
{
    struct numa numa = {.call = call};
    int status = DONE;
    call_next(call);
    const char *name = call_name(call, 0, 0);
    numa.v = open_sound(name, LFVEC_RDONLY, &status);
    if (!numa.v)
        return status;
    status = look(&numa);
    if (status == DONE)
        show(&numa);
    free(numa.slots);
    lfvec_detach(numa.v);
    return status;
}

const struct command command_numa = {
    .name = "numa",
    .group = GROUP_LOOK,
    .operands = "/NAME",
    .summary = "tell where its pages lie, and where they should",
    .details = "Pages are asked for one by one, so on a large segment it takes a while. On a machine of one node it says so.",
    .example = PROGRAM " numa -o PART,ON,MISPLACED /jobs",
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "placement",
    .parts = part_columns,
    .slots = slot_columns,
    .run = run,
};
