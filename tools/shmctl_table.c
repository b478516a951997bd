/*
 * shmctl_table.c - reports as libsmartcols' tables: which columns, and what is in them. shmctl_print.c prints them; no other file knows
 * libsmartcols.
 *
 * A report is rows of the command's columns. An upright one (REPORT_FIELDS, in text) is turned: a line a field, the value as people
 * read it beside the value as programs do, where they differ.
 */
#include "shmctl.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIELD, VALUE, EXACT = REPORT_EXACT }; /* columns of an upright report */

/* ---- which columns ---- */

static int find_column(const struct column *columns, const char *name, size_t length)
{
    for (int i = 0; columns && columns[i].name; i++)
        if (strlen(columns[i].name) == length && strncasecmp(columns[i].name, name, length) == 0)
            return i;
    return -1;
}

const char *report_bad_column(const struct command *command, const char *list)
{
    static char bad[64];
    for (const char *at = list + (*list == '+');; at++) {
        size_t length = strcspn(at, ",");
        if (find_column(command->columns, at, length) < 0 && find_column(command->parts, at, length) < 0 &&
            find_column(command->slots, at, length) < 0) {
            snprintf(bad, sizeof bad, "%.*s", (int)(length < 60 ? length : 60), at);
            return bad;
        }
        at += length;
        if (!*at)
            return NULL;
    }
}

char *report_known_columns(const struct command *command, char *buf, size_t size)
{
    const struct column *const lists[] = {command->columns, command->parts, command->slots};
    size_t at = 0;
    *buf = '\0';
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (const struct column *column = lists[i]; column && column->name && at < size; column++)
            at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", column->name);
    return buf;
}

static void show(struct report *report, int column)
{
    if (column < 0 || report->place[column] >= 0)
        return;
    report->place[column] = report->count;
    report->shown[report->count++] = column;
}

static void choose_columns(struct report *report, const char *list)
{
    for (int i = 0; i < MAX_COLUMNS; i++)
        report->place[i] = -1;
    if (!list || *list == '+')
        for (int i = 0; report->columns[i].name; i++)
            if (!(report->columns[i].flags & (report->call->json ? COLUMN_ASKED : COLUMN_ASKED | COLUMN_DETAIL)))
                show(report, i);
    if (!list)
        return;
    for (const char *at = list + (*list == '+');; at++) {
        size_t length = strcspn(at, ",");
        show(report, find_column(report->columns, at, length));
        at += length;
        if (!*at)
            return;
    }
}

bool report_shows(const struct report *report, int column)
{
    return report->place[column] >= 0;
}

/* ---- making one ---- */

#define checked report_checked

void report_checked(int error)
{
    if (error)
        out_of_memory(); /* the only way that libsmartcols' setters fail here */
}

static void add_column(struct libscols_table *table, const char *name, bool right)
{
    struct libscols_column *column = scols_table_new_column(table, name, 0, right ? SCOLS_FL_RIGHT : 0);
    if (!column)
        out_of_memory();
    checked(scols_column_set_safechars(column, "\\")); /* report_text() has seen to what is not to be shown */
}

static void add_upright(struct report *report)
{
    add_column(report->table, "FIELD", false);
    add_column(report->table, "VALUE", false);
    add_column(report->table, "EXACT", false);
    for (int i = 0; i < report->count; i++) {
        struct libscols_line *line = scols_table_new_line(report->table, NULL);
        if (!line)
            out_of_memory();
        checked(scols_line_set_data(line, FIELD, report->columns[report->shown[i]].name));
        report->fields[report->shown[i]] = line;
    }
}

static void add_columns(struct report *report)
{
    for (int i = 0; i < report->count; i++) {
        const struct column *column = &report->columns[report->shown[i]];
        add_column(report->table, column->name, column->kind == COLUMN_NUMBER && !report->values);
    }
}

void report_open_with(struct report *report, const struct call *call, const struct column *columns, enum report_style style,
                      const char *name, const char *list)
{
    memset(report, 0, sizeof *report);
    report->call = call;
    report->columns = columns;
    report->plain = call->json || call->raw || call->bytes;
    report->raw = call->raw;
    report->upright = style == REPORT_FIELDS && !call->json && !call->raw;
    report->values = style == REPORT_VALUES && !list;
    report->table = scols_new_table();
    if (!report->table)
        out_of_memory();
    choose_columns(report, list);
    report->name = name;
    scols_table_enable_raw(report->table, call->raw);
    scols_table_enable_noheadings(report->table, call->noheadings || report->values);
    if (report->upright)
        add_upright(report);
    else
        add_columns(report);
}

void report_open_as(struct report *report, const struct call *call, const struct column *columns, enum report_style style, const char *name)
{
    const bool own = columns == call->command->columns || columns == call->command->slots;
    report_open_with(report, call, columns, style, name, own ? call->columns : NULL); /* -o names the command's own */
}

void report_open(struct report *report, const struct call *call)
{
    report_open_as(report, call, call->command->columns, call->command->style, call->command->report);
}

void report_open_slots(struct report *report, const struct call *call)
{
    report_open_as(report, call, call->command->slots, REPORT_ROWS, "slots");
}

/* ---- filling it ---- */

void report_row(struct report *report)
{
    report->rows++;
    if (report->upright)
        return;
    report->line = scols_table_new_line(report->table, NULL);
    if (!report->line)
        out_of_memory();
}

static void set_field(struct report *report, int column, const char *people, const char *program)
{
    bool differs = strcmp(people, program) != 0 && report->columns[column].kind != COLUMN_BOOL;
    checked(scols_line_set_data(report->fields[column], VALUE, differs && report->call->bytes ? program : people));
    checked(scols_line_set_data(report->fields[column], EXACT, differs ? program : NULL));
    report->raw_differs |= differs && !report->call->bytes;
}

void report_set(struct report *report, int column, const char *people, const char *program)
{
    if (!report_shows(report, column))
        return;
    if (report->upright)
        set_field(report, column, people, program);
    else
        checked(scols_line_set_data(report->line, (size_t)report->place[column], report->plain ? program : people));
}

/* Raw output has \xHH for whatever is not printable ASCII: that is libsmartcols' doing, and needs none of ours. Nor has JSON, when it is printed. */
void report_text(struct report *report, int column, const char *text)
{
    if (!report_shows(report, column))
        return;
    if (report->raw || report->call->json) {
        report_set(report, column, text, text);
        return;
    }
    char *shown = text_exact(text);
    report_set(report, column, shown, shown);
    free(shown);
}

void report_number(struct report *report, int column, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    report_set(report, column, text, text);
}

void report_signed(struct report *report, int column, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, number);
    report_set(report, column, text, text);
}

void report_bytes(struct report *report, int column, uint64_t bytes)
{
    char people[16], program[24];
    snprintf(program, sizeof program, "%" PRIu64, bytes);
    report_set(report, column, text_bytes(people, sizeof people, bytes), program);
}

void report_time(struct report *report, int column, uint64_t seconds)
{
    char people[32], program[24];
    snprintf(program, sizeof program, "%" PRIu64, seconds);
    report_set(report, column, text_time(people, sizeof people, seconds), program);
}

void report_rate(struct report *report, int column, double per_second)
{
    char people[24], program[32];
    snprintf(program, sizeof program, "%.1f", per_second);
    report_set(report, column, text_rate(people, sizeof people, per_second), program);
}

void report_seconds(struct report *report, int column, uint64_t ns)
{
    char text[24];
    text_seconds(text, sizeof text, ns);
    report_set(report, column, text, text);
}

void report_hex(struct report *report, int column, uint64_t number)
{
    char people[24], program[24];
    snprintf(program, sizeof program, "%" PRIu64, number);
    snprintf(people, sizeof people, "0x%" PRIx64, number);
    report_set(report, column, number ? people : program, program);
}

void report_bool(struct report *report, int column, bool yes)
{
    report_set(report, column, yes ? "yes" : "no", yes ? "1" : "0");
}

void report_maybe(struct report *report, int column, bool yes)
{
    if (report->call->json)
        report_set(report, column, yes ? "yes" : "no", yes ? "true" : "false");
    else
        report_bool(report, column, yes);
}

void report_none(struct report *report, int column)
{
    if (!report->call->json) /* where an empty cell is null */
        report_set(report, column, "-", "-");
}
