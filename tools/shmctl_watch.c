/*
 * shmctl_watch.c - watch: a live view of one segment: what happens in a second, the history of its size, and who does it.
 *
 * Everything is the difference of two looks, which the library takes read-only. A get stores nothing in shared memory, so nobody can count
 * gets; the place where they would be says so. A slot's counters go on from one holder to the next, so a rate is that of the slot.
 */
#include "shmctl.h"
#include "shmctl_screen.h"

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

enum sort { BY_ALL, BY_PUSH, BY_POP, BY_SET, BY_RETRY, BY_SLOT, SORTS };

static const char *const sort_names[SORTS] = {"all", "push", "pop", "set", "retry", "slot"};

/* What happened: of one slot between two looks, or of all. */
struct rates {
    uint64_t push, pop, set, retry, help;
};

struct look {
    uint64_t at; /* ns */
    struct lfvec_stat st;
    struct lfvec_participant *slots; /* max_slots of them, from [0] */
};

struct row {
    const struct lfvec_participant *p;
    struct rates rates;
};

enum { HISTORY = 512 };

struct watch {
    const struct call *call;
    lfvec_t *v;
    uint64_t interval;
    enum sort sort;
    bool once, reverse, paused;
    struct look former, last;
    struct row *rows;
    uint32_t count, top;
    uint64_t history[HISTORY]; /* of sizes, a ring */
    uint64_t seen;
};

static int look(struct watch *watch, struct look *look)
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

static struct rates rates_of_all(const struct lfvec_stat *a, const struct lfvec_stat *b)
{
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

static void sort_rows(struct watch *watch)
{
    watch->count = 0;
    for (uint32_t i = 0; i < watch->last.st.max_slots; i++)
        if (watch->last.slots[i].state != LFVEC_SLOT_FREE)
            watch->rows[watch->count++] = (struct row){.p = &watch->last.slots[i],
                                                       .rates = rates_of(&watch->former.slots[i], &watch->last.slots[i])};
    qsort_r(watch->rows, watch->count, sizeof *watch->rows, by_weight, watch);
}

static double per_second(const struct watch *watch, uint64_t count)
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
    report_rate(report, P_PUSH, per_second(watch, row->rates.push));
    report_rate(report, P_POP, per_second(watch, row->rates.pop));
    report_rate(report, P_SET, per_second(watch, row->rates.set));
    report_rate(report, P_RETRY, per_second(watch, row->rates.retry));
    report_rate(report, P_HELP, per_second(watch, row->rates.help));
    report_bool(report, P_LEASED, p->leased);
}

static void open_rows(const struct watch *watch, struct report *report)
{
    report_open_slots(report, watch->call);
    for (uint32_t i = 0; i < watch->count; i++)
        show_row(watch, report, &watch->rows[i]);
}

/* ---- --once ---- */

static void show_totals(const struct watch *watch, struct report *report)
{
    const struct lfvec_stat *st = &watch->last.st;
    struct rates all = rates_of_all(&watch->former.st, st);
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
    report_rate(report, PUSHES, per_second(watch, all.push));
    report_rate(report, POPS, per_second(watch, all.pop));
    report_none(report, GETS);
    report_rate(report, SETS, per_second(watch, all.set));
    report_rate(report, RETRIES, per_second(watch, all.retry));
    report_rate(report, HELPS, per_second(watch, all.help));
}

static int watch_once(struct watch *watch)
{
    struct report report, slots;
    struct pace pace;
    pace_begin(&pace, watch->interval);
    while (pace_rest(&pace, -1))
        continue;
    int status = look(watch, &watch->last);
    if (status != DONE)
        return status;
    sort_rows(watch);
    report_open(&report, watch->call);
    show_totals(watch, &report);
    open_rows(watch, &slots);
    report_close_both(&report, &slots);
    return DONE;
}

/* ---- the screen ---- */

static void draw_title(const struct watch *watch)
{
    char line[1200], seconds[24], *name = text_exact(lfvec_name(watch->v));
    const char *note = lfvec_is_current(watch->v) == 0 ? "   REMOVED, or replaced by another segment" : watch->paused ? "   PAUSED" : "";
    text_seconds(seconds, sizeof seconds, watch->interval);
    snprintf(line, sizeof line, " %s   every %s s   by %s%s%s", name, seconds, sort_names[watch->sort],
             watch->reverse ? ", least first" : "", note);
    screen_line(line, SCREEN_TITLE);
    free(name);
}

static void draw_figures(const struct watch *watch)
{
    const struct lfvec_stat *st = &watch->last.st;
    struct rates all = rates_of_all(&watch->former.st, st);
    char line[240], used[16], left[16], rate[5][24];
    const uint64_t counts[5] = {all.push, all.pop, all.set, all.retry, all.help};
    for (int i = 0; i < 5; i++)
        text_rate(rate[i], sizeof rate[i], per_second(watch, counts[i]));
    snprintf(line, sizeof line, "push %s/s  pop %s/s  get not counted  set %s/s  retries %s/s  helps %s/s", rate[0], rate[1], rate[2],
             rate[3], rate[4]);
    screen_line(line, SCREEN_HEADING);
    snprintf(line, sizeof line, "elements %llu, room for %llu   memory %s, %s free   version %llu", (unsigned long long)st->size,
             (unsigned long long)st->capacity, text_bytes(used, sizeof used, st->bytes_committed),
             text_bytes(left, sizeof left, st->bytes_free), (unsigned long long)st->version);
    screen_line(line, SCREEN_PLAIN);
    snprintf(line, sizeof line, "participants %u alive, %u stopped, %u dead, %u unknown; %u slots free", st->slots_alive, st->slots_stopped,
             st->slots_dead, st->slots_unknown, st->slots_free);
    screen_line(line, SCREEN_PLAIN);
}

static void remember(struct watch *watch)
{
    watch->history[watch->seen++ % HISTORY] = watch->last.st.size;
}

/* The newest sizes on the right, the least at the bottom and the most at the top. */
static void draw_history(const struct watch *watch)
{
    static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const letters[] = {"_", ".", "-", "=", "+", "*", "%", "#"};
    char line[4 * HISTORY], *to = line;
    uint64_t count = watch->seen < HISTORY ? watch->seen : HISTORY, least = UINT64_MAX, most = 0;
    count = count < (uint64_t)screen_columns() ? count : (uint64_t)screen_columns();
    for (uint64_t i = watch->seen - count; i < watch->seen; i++) {
        uint64_t size = watch->history[i % HISTORY];
        least = size < least ? size : least;
        most = size > most ? size : most;
    }
    snprintf(line, sizeof line, "size of the last %llu looks: %llu to %llu", (unsigned long long)count, (unsigned long long)least,
             (unsigned long long)most);
    screen_line(line, SCREEN_PLAIN);
    for (uint64_t i = watch->seen - count; i < watch->seen; i++) {
        uint64_t above = watch->history[i % HISTORY] - least, range = most - least;
        int level = range ? (int)((double)above * 7 / (double)range + 0.5) : 3;
        to = stpcpy(to, screen_draws_blocks() ? blocks[level] : letters[level]);
    }
    *to = '\0';
    screen_line(line, SCREEN_PLAIN);
}

static void scroll_within(struct watch *watch, uint32_t room)
{
    uint32_t most = watch->count > room ? watch->count - room : 0;
    watch->top = watch->top < most ? watch->top : most;
}

/* The table as it is printed elsewhere, line by line: its heading, and as many rows as there is room for. */
static void draw_rows(struct watch *watch)
{
    struct report report;
    int room = screen_room();
    open_rows(watch, &report);
    char *text = report_close_text(&report), *rest = text;
    scroll_within(watch, room > 1 ? (uint32_t)room - 1 : 1);
    for (uint32_t i = 0; rest && *rest && room > 0; i++) {
        char *line = strsep(&rest, "\n");
        if (i > 0 && i <= watch->top)
            continue;
        screen_line(line, i ? SCREEN_PLAIN : SCREEN_HEADING);
        room--;
    }
    free(text);
}

static void draw(struct watch *watch)
{
    screen_begin();
    draw_title(watch);
    draw_figures(watch);
    draw_history(watch);
    screen_line("", SCREEN_PLAIN);
    draw_rows(watch);
    screen_end(" q quit  p pause  s sort  r reverse  + - interval  up down scroll");
}

static void change_interval(struct watch *watch, bool longer)
{
    const uint64_t ms = 1000000;
    uint64_t interval = longer ? watch->interval * 2 : watch->interval / 2;
    if (interval >= 20 * ms && interval <= 3600000 * ms)
        watch->interval = interval;
}

/* False: the end. */
static bool obey(struct watch *watch, int key)
{
    switch (key) {
    case 'p':
        watch->paused = !watch->paused;
        break;
    case 's':
        watch->sort = (watch->sort + 1) % SORTS;
        watch->top = 0;
        break;
    case 'r':
        watch->reverse = !watch->reverse;
        watch->top = 0;
        break;
    case '+':
    case '-':
        change_interval(watch, key == '+');
        break;
    case 'j':
        watch->top++;
        break;
    case 'k':
        watch->top -= watch->top > 0;
        break;
    case ' ':
        watch->top += 10;
        break;
    case 'b':
        watch->top -= watch->top < 10 ? watch->top : 10;
        break;
    case 'q':
    case SCREEN_END:
        return false;
    default:
        break;
    }
    return true;
}

static int look_again(struct watch *watch)
{
    struct look oldest = watch->former;
    watch->former = watch->last;
    watch->last = oldest;
    int status = look(watch, &watch->last);
    if (status == DONE)
        remember(watch);
    return status;
}

static int watch_keys(struct watch *watch)
{
    for (;;) {
        uint64_t next = watch->last.at + watch->interval;
        sort_rows(watch);
        draw(watch);
        int key = screen_key(watch->paused ? UINT64_MAX : next);
        if (!obey(watch, key))
            return DONE;
        int status = !watch->paused && clock_now() >= watch->last.at + watch->interval ? look_again(watch) : DONE;
        if (status != DONE)
            return status;
    }
}

static int watch_screen(struct watch *watch)
{
    int status = look(watch, &watch->last);
    if (status != DONE)
        return status;
    if (!screen_open())
        return complain(BLIND, lfvec_name(watch->v),
                        "the terminal \"%s\" is not known here, or cannot place its cursor; set TERM, or use --once", getenv("TERM") ?: "");
    remember(watch);
    status = watch_keys(watch);
    screen_close();
    return status;
}

/* ---- the command line ---- */

static enum sort sort_option(const struct call *call, const char *text)
{
    for (int i = 0; i < SORTS; i++)
        if (strcmp(text, sort_names[i]) == 0)
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
    int status = look(watch, &watch->former);
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
