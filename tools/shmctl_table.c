/*
 * shmctl_table.c - reports: text tables, raw output, CSV and JSON, all made by libsmartcols. No other file prints a table.
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

enum { FIELD, VALUE, EXACT }; /* columns of an upright report */

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

static void checked(int error)
{
    if (error)
        out_of_memory(); /* the only way that libsmartcols' setters fail here */
}

static struct libscols_column *add_column(struct libscols_table *table, const char *name, bool right, int json_type)
{
    struct libscols_column *column = scols_table_new_column(table, name, 0, right ? SCOLS_FL_RIGHT : 0);
    if (!column)
        out_of_memory();
    checked(scols_column_set_json_type(column, json_type));
    checked(scols_column_set_safechars(column, "\\")); /* report_text() has seen to what is not to be shown */
    return column;
}

static void add_upright(struct report *report)
{
    add_column(report->table, "FIELD", false, SCOLS_JSON_STRING);
    add_column(report->table, "VALUE", false, SCOLS_JSON_STRING);
    add_column(report->table, "EXACT", false, SCOLS_JSON_STRING);
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
    static const int types[] = {
        [COLUMN_TEXT] = SCOLS_JSON_STRING,
        [COLUMN_NUMBER] = SCOLS_JSON_NUMBER,
        [COLUMN_BOOL] = SCOLS_JSON_BOOLEAN,
        [COLUMN_MAYBE] = SCOLS_JSON_NUMBER, /* printed as it is, so true, false, or null: the boolean of libsmartcols knows no null */
    };
    for (int i = 0; i < report->count; i++) {
        const struct column *column = &report->columns[report->shown[i]];
        add_column(report->table, column->name, column->kind == COLUMN_NUMBER && !report->values, types[column->kind]);
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
    checked(scols_table_set_name(report->table, name));
    scols_table_enable_json(report->table, call->json);
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

void report_open_list(struct report *report, const struct call *call, const struct column *columns, const char *list)
{
    report_open_with(report, call, columns, call->command->style, call->command->report, list);
}

void report_open(struct report *report, const struct call *call)
{
    report_open_as(report, call, call->command->columns, call->command->style, call->command->report);
}

void report_open_slots(struct report *report, const struct call *call)
{
    report_open_as(report, call, call->command->slots, REPORT_ROWS, "slots");
}

void report_csv(struct report *report)
{
    report->plain = report->raw = true;
    scols_table_enable_json(report->table, 0);
    scols_table_enable_raw(report->table, 1);
    checked(scols_table_set_column_separator(report->table, ","));
}

/* A column is as wide as its heading at least; only beyond that does libsmartcols need a hint, and the flag to take it at its word. */
void report_width(struct report *report, int column, int width)
{
    int place = report->place[column];
    if (place < 0 || report->upright || width <= (int)strlen(report->columns[column].name))
        return;
    struct libscols_column *cl = scols_table_get_column(report->table, (size_t)place);
    checked(scols_column_set_whint(cl, width));
    checked(scols_column_set_flags(cl, scols_column_get_flags(cl) | SCOLS_FL_STRICTWIDTH));
}

void report_as_number(struct report *report, int column)
{
    int place = report->place[column];
    if (place >= 0 && !report->upright)
        checked(scols_column_set_json_type(scols_table_get_column(report->table, (size_t)place), SCOLS_JSON_NUMBER));
}

void report_escaped(struct report *report, int column)
{
    report->escaped[column] = true;
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

/* JSON is UTF-8 by definition, names of files and of threads are not: a byte that belongs to no character becomes U+FFFD. */
static char *clean(const char *text)
{
    char *out = need(3 * strlen(text) + 1);
    char *to = out;
    uint32_t c;
    while (*text) {
        const size_t n = visible_decode(text, &c);
        memcpy(to, n ? text : "\xef\xbf\xbd", n ? n : 3);
        to += n ? n : 3;
        text += n ? n : 1;
    }
    return out;
}

/* Raw output has \xHH for whatever is not printable ASCII: that is libsmartcols' doing, and needs none of ours. */
void report_text(struct report *report, int column, const char *text)
{
    if (!report_shows(report, column))
        return;
    if (report->raw || report->escaped[column]) {
        report_set(report, column, text, text);
        return;
    }
    char *shown = report->call->json ? clean(text) : text_exact(text);
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

/* ---- printing it ---- */

/* A JSON document, whose strings have as \u what is not to be shown: the reader gets it, the terminal does not. */
static void put_json(FILE *out, const char *text)
{
    uint32_t c = 0;
    for (size_t n; *text; text += n ? n : 1) {
        n = visible_decode(text, &c);
        if (visible_length(text) || (n && c < ' ')) /* libsmartcols has dealt with those in strings; these are the layout's */
            fwrite(text, 1, n, out);
        else if (n && c > 0xffff)
            fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
        else if (n)
            fprintf(out, "\\u%04x", c);
    }
}

static char *json_text(const struct report *report)
{
    char *text = NULL, *shown = NULL;
    size_t size;
    checked(scols_print_table_to_string(report->table, &text));
    FILE *out = open_memstream(&shown, &size);
    if (!out)
        out_of_memory();
    put_json(out, text ? text : "");
    if (fclose(out) != 0)
        out_of_memory();
    free(text);
    return shown;
}

static void print(const struct report *report)
{
    if (!report->call->json) {
        scols_print_table(report->table);
        return;
    }
    char *text = json_text(report);
    fputs(text, stdout);
    free(text);
}

void report_flush(struct report *report)
{
    if (report->rows == 0 || report->upright || report->call->json)
        return;
    scols_print_table(report->table);
    scols_table_remove_lines(report->table);
    scols_table_enable_noheadings(report->table, 1); /* they have been printed */
    report->rows = 0;
}

/* Whether there is anything to print. */
static bool ready(struct report *report)
{
    if (report->upright && !report->raw_differs)
        checked(scols_column_set_flags(scols_table_get_column(report->table, EXACT), SCOLS_FL_HIDDEN));
    return report->count && (report->rows || report->call->json);
}

static void drop(struct report *report)
{
    scols_unref_table(report->table);
    report->table = NULL;
}

void report_close(struct report *report)
{
    if (ready(report))
        print(report);
    drop(report);
}

char *report_close_text(struct report *report)
{
    char *text = NULL;
    if (ready(report) && report->call->json)
        text = json_text(report);
    else if (ready(report))
        checked(scols_print_table_to_string(report->table, &text));
    drop(report);
    return text ? text : need(1);
}

/*
 * libsmartcols prints a table as a whole document, an object with one array, and has no way to put several into one. So the one object is
 * closed where the array of the last ends, and goes on where that of the next begins: what lies between is the braces of two documents.
 */
static void print_json_part(struct report *report, bool first, bool last)
{
    char *text = json_text(report);
    const char *begin = strchr(text, '{'), *end = strrchr(text, ']');
    if (!begin || !end)
        out_of_memory();
    begin = first ? text : begin + 1;
    end = last ? text + strlen(text) : end + 1;
    printf("%.*s%s", (int)(end - begin), begin, last ? "" : ",");
    free(text);
}

void report_close_all(struct report *const *reports, int count)
{
    int last = -1, before = 0;
    for (int i = 0; i < count; i++)
        last = ready(reports[i]) ? i : last;
    for (int i = 0; i <= last; i++) {
        if (!ready(reports[i]))
            continue;
        if (reports[i]->call->json) {
            print_json_part(reports[i], before == 0, i == last);
        } else {
            if (before)
                putchar('\n');
            scols_print_table(reports[i]->table);
        }
        before++;
    }
    for (int i = 0; i < count; i++)
        drop(reports[i]);
}

void report_close_both(struct report *first, struct report *second)
{
    report_close_all((struct report *[]){first, second}, 2);
}
