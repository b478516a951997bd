/*
 * shmctl_watch.c - watch: a live view of one segment: what happens in a second, the history of its size, and who does it.
 *
 * Everything is the difference of two looks, which the library takes read-only. A get stores nothing in shared memory, so nobody can count
 * gets; the place where they would be says so. A slot's counters go on from one holder to the next, so a rate is that of the slot.
 */
#include "shmctl_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns ---- */

enum { NAME, SECONDS, SIZE, CAPACITY, MEMORY, VERSION, ALIVE, DEAD, UNKNOWN, PUSHES, POPS, GETS, SETS, RETRIES, HELPS };

static const struct column columns[] = {
    [NAME] = {"NAME", COLUMN_TEXT, 0, "name of the segment"},
    [SECONDS] = {"SECONDS", COLUMN_NUMBER, 0, "between the two looks"},
    [SIZE] = {"SIZE", COLUMN_NUMBER, 0, "elements"},
    [CAPACITY] = {"CAPACITY", COLUMN_NUMBER, 0, "elements that fit without more memory"},
    [MEMORY] = {"MEMORY", COLUMN_NUMBER, 0, "memory that it occupies"},
    [VERSION] = {"VERSION", COLUMN_NUMBER, 0, "mutations so far"},
    [ALIVE] = {"ALIVE", COLUMN_NUMBER, 0, "live participants, stopped ones included"},
    [DEAD] = {"DEAD", COLUMN_NUMBER, 0, "dead participants, not yet recovered"},
    [UNKNOWN] = {"UNKNOWN", COLUMN_NUMBER, 0, "participants that cannot be judged"},
    [PUSHES] = {"PUSHES_S", COLUMN_NUMBER, 0, "elements pushed in a second"},
    [POPS] = {"POPS_S", COLUMN_NUMBER, 0, "elements popped in a second"},
    [GETS] = {"GETS_S", COLUMN_NUMBER, 0, "always unknown: a get stores nothing in shared memory, so none is counted"},
    [SETS] = {"SETS_S", COLUMN_NUMBER, 0, "elements replaced in a second"},
    [RETRIES] = {"RETRIES_S", COLUMN_NUMBER, 0, "attempts in a second that were lost to another participant"},
    [HELPS] = {"HELPS_S", COLUMN_NUMBER, 0, "operations of others completed in a second"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

enum { P_SLOT, P_PID, P_COMMAND, P_STATE, P_NODE, P_PUSH, P_POP, P_SET, P_RETRY, P_HELP, P_LEASED };

static const struct column slot_columns[] = {
    [P_SLOT] = {"SLOT", COLUMN_NUMBER, 0, "number of the slot"},
    [P_PID] = {"PID", COLUMN_NUMBER, 0, "process, as numbered in its own pid namespace"},
    [P_COMMAND] = {"COMMAND", COLUMN_TEXT, 0, "name of the thread"},
    [P_STATE] = {"STATE", COLUMN_TEXT, 0, "alive, stopped, dead, or unknown"},
    [P_NODE] = {"NODE", COLUMN_NUMBER, COLUMN_DETAIL, "NUMA node that it started on; -1 = unknown"},
    [P_PUSH] = {"PUSH_S", COLUMN_NUMBER, 0, "elements that it pushed in a second"},
    [P_POP] = {"POP_S", COLUMN_NUMBER, 0, "elements that it popped"},
    [P_SET] = {"SET_S", COLUMN_NUMBER, 0, "elements that it replaced"},
    [P_RETRY] = {"RETRY_S", COLUMN_NUMBER, 0, "attempts that it lost to another"},
    [P_HELP] = {"HELP_S", COLUMN_NUMBER, 0, "operations of others that it completed"},
    [P_LEASED] = {"LEASED", COLUMN_BOOL, COLUMN_DETAIL, "whether it holds an element that it has not acknowledged"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

enum { ONCE = LONG_ONLY, SORT };

static const struct opt options[] = {
    {'i', "interval", "SECONDS", "between two looks; default 1; 0.5 and 250ms are understood, 20ms at least"},
    {ONCE, "once", NULL, "no screen: look twice, print the rates in between, end"},
    {SORT, "sort", "KEY", "participants by all, push, pop, set, retry or slot; default all: push, pop and set"},
    {0, NULL, NULL, NULL},
};

/* ---- looks ---- */

const char *const watch_sorts[SORTS] = {"all", "push", "pop", "set", "retry", "slot"};

int watch_look(struct watch *watch, struct look *look)
{
    int status = look_at(watch->v, &look->st);
    if (status != DONE)
        return status;
    look->at = clock_now();
    if (!look->slots)
        look->slots = need(look->st.max_slots * sizeof *look->slots);
    for (uint32_t slot = 1; slot <= look->st.max_slots; slot++)
        if (slots_look(watch->v, slot, &look->slots[slot - 1]))
            memset(&look->slots[slot - 1], 0, sizeof *look->slots);
    return DONE;
}

static uint64_t since(uint64_t before, uint64_t now)
{
    return now > before ? now - before : 0;
}

static struct rates rates_of(const struct lfvec_participant *a, const struct lfvec_participant *b)
{
    return (struct rates){since(a->pushes, b->pushes), since(a->pops, b->pops), since(a->sets, b->sets),
                          since(a->cas_retries, b->cas_retries), since(a->helps, b->helps)};
}

struct rates watch_totals(const struct watch *watch)
{
    const struct lfvec_stat *a = &watch->former.st, *b = &watch->last.st;
    return (struct rates){since(a->pushes, b->pushes), since(a->pops, b->pops), since(a->sets, b->sets),
                          since(a->cas_retries, b->cas_retries), since(a->helps, b->helps)};
}

/* ---- who did it ---- */

static uint64_t weight(const struct row *row, enum sort sort)
{
    const struct rates *r = &row->rates;
    const uint64_t weights[SORTS] = {
        [BY_ALL] = r->push + r->pop + r->set,
        [BY_PUSH] = r->push,
        [BY_POP] = r->pop,
        [BY_SET] = r->set,
        [BY_RETRY] = r->retry,
        [BY_SLOT] = 0,
    };
    return weights[sort];
}

static int by_weight(const void *a, const void *b, void *context)
{
    const struct row *left = a, *right = b;
    const struct watch *watch = context;
    uint64_t x = weight(left, watch->sort), y = weight(right, watch->sort);
    int order = x != y ? (x > y ? -1 : 1) : left->p->slot < right->p->slot ? -1 : 1;
    return watch->reverse ? -order : order;
}

void watch_sort(struct watch *watch)
{
    watch->count = 0;
    for (uint32_t i = 0; i < watch->last.st.max_slots; i++)
        if (watch->last.slots[i].state != LFVEC_SLOT_FREE)
            watch->rows[watch->count++] = (struct row){.p = &watch->last.slots[i],
                                                       .rates = rates_of(&watch->former.slots[i], &watch->last.slots[i])};
    qsort_r(watch->rows, watch->count, sizeof *watch->rows, by_weight, watch);
}

double watch_per_second(const struct watch *watch, uint64_t count)
{
    uint64_t ns = since(watch->former.at, watch->last.at);
    return ns ? (double)count * 1e9 / (double)ns : 0;
}

static void show_row(const struct watch *watch, struct report *report, const struct row *row)
{
    const struct lfvec_participant *p = row->p;
    report_row(report);
    report_number(report, P_SLOT, p->slot);
    report_signed(report, P_PID, p->pid);
    report_text(report, P_COMMAND, p->name);
    report_text(report, P_STATE, text_state(p->state));
    report_signed(report, P_NODE, p->node);
    report_rate(report, P_PUSH, watch_per_second(watch, row->rates.push));
    report_rate(report, P_POP, watch_per_second(watch, row->rates.pop));
    report_rate(report, P_SET, watch_per_second(watch, row->rates.set));
    report_rate(report, P_RETRY, watch_per_second(watch, row->rates.retry));
    report_rate(report, P_HELP, watch_per_second(watch, row->rates.help));
    report_bool(report, P_LEASED, p->leased);
}

void watch_open_rows(const struct watch *watch, struct report *report)
{
    report_open_slots(report, watch->call);
    for (uint32_t i = 0; i < watch->count; i++)
        show_row(watch, report, &watch->rows[i]);
}

/* ---- --once ---- */

static void show_totals(const struct watch *watch, struct report *report)
{
    const struct lfvec_stat *st = &watch->last.st;
    struct rates all = watch_totals(watch);
    report_row(report);
    report_text(report, NAME, lfvec_name(watch->v));
    report_seconds(report, SECONDS, since(watch->former.at, watch->last.at));
    report_number(report, SIZE, st->size);
    report_number(report, CAPACITY, st->capacity);
    report_bytes(report, MEMORY, st->bytes_committed);
    report_number(report, VERSION, st->version);
    report_number(report, ALIVE, st->slots_alive + st->slots_stopped);
    report_number(report, DEAD, st->slots_dead);
    report_number(report, UNKNOWN, st->slots_unknown);
    report_rate(report, PUSHES, watch_per_second(watch, all.push));
    report_rate(report, POPS, watch_per_second(watch, all.pop));
    report_none(report, GETS);
    report_rate(report, SETS, watch_per_second(watch, all.set));
    report_rate(report, RETRIES, watch_per_second(watch, all.retry));
    report_rate(report, HELPS, watch_per_second(watch, all.help));
}

static int watch_once(struct watch *watch)
{
    struct report report, slots;
    struct pace pace;
    pace_begin(&pace, watch->interval);
    while (pace_rest(&pace, -1))
        continue;
    int status = watch_look(watch, &watch->last);
    if (status != DONE)
        return status;
    watch_sort(watch);
    report_open(&report, watch->call);
    show_totals(watch, &report);
    watch_open_rows(watch, &slots);
    report_close_both(&report, &slots);
    return DONE;
}

/* ---- the command line ---- */

static enum sort sort_option(const struct call *call, const char *text)
{
    for (int i = 0; i < SORTS; i++)
        if (strcmp(text, watch_sorts[i]) == 0)
            return (enum sort)i;
    call_usage(call, "--sort: \"%s\" is not all, push, pop, set, retry or slot", text);
}

static void set_option(struct watch *watch, int key, const char *arg)
{
    if (key == ONCE)
        watch->once = true;
    else if (key == SORT)
        watch->sort = sort_option(watch->call, arg);
    else
        watch->interval = call_seconds(watch->call, "--interval", arg);
    if (watch->interval < 20000000)
        call_usage(watch->call, "--interval: %s is less than 20ms, which would be work rather than watching", arg);
}

static int watch_segment(struct watch *watch)
{
    int status = watch_look(watch, &watch->former);
    if (status != DONE)
        return status;
    watch->rows = need(watch->former.st.max_slots * sizeof *watch->rows);
    status = watch->once ? watch_once(watch) : watch_screen(watch);
    free(watch->rows);
    return status;
}

static int run(struct call *call)
{
    struct watch watch = {.call = call, .interval = 1000000000};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        set_option(&watch, key, optarg);
    const char *name = call_name(call, 0, 0);
    if (!watch.once && (call->json || call->raw))
        call_usage(call, "the screen is for people; --json and --raw go with --once");
    if (!watch.once && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
        call_usage(call, "there is no terminal to draw on; use --once, with --interval if you like");
    watch.v = open_sound(name, LFVEC_RDONLY, &status);
    if (!watch.v)
        return status;
    status = watch_segment(&watch);
    free(watch.former.slots);
    free(watch.last.slots);
    lfvec_detach(watch.v);
    return status;
}

const struct command command_watch = {
    .name = "watch",
    .group = GROUP_LOOK,
    .operands = "/NAME",
    .summary = "watch it live: rates, size, and who does what",
    .details = "Keys: q quits, p pauses, s sorts by the next rate, r reverses, + and - change the interval, arrows and space scroll.\n"
               "Gets are not counted: they store nothing in shared memory.",
    .example = PROGRAM " watch --once --interval 5 --json /jobs",
    .options = options,
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "rates",
    .slots = slot_columns,
    .run = run,
};
