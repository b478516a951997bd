/*
 * bench_table.c - owns how things are said: tables and JSON, complaints, the line of progress.
 */
#include "bench.h"
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool line_stands; /* on the terminal: a line of progress */

static void clear_line(void)
{
    if (line_stands)
        fputs("\r\033[K", stderr);
    line_stands = false;
}

void bench_complain(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    clear_line();
    fputs(PROGRAM ": ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void bench_progress(const char *format, ...)
{
    va_list args;
    clear_line();
    if (!format || !isatty(STDERR_FILENO))
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    line_stands = true;
}

/* A column without the key is not in the JSON, and those after it move up: so such columns come last. */
struct libscols_table *bench_table(const char *name, const struct bench_column *columns, bool json)
{
    struct libscols_table *table = scols_new_table();
    if (!table)
        return NULL;
    scols_table_set_name(table, name);
    scols_table_enable_json(table, json);
    for (; columns->heading; columns++) {
        const char *heading = json ? columns->key : columns->heading;
        if (!heading)
            continue;
        struct libscols_column *column = scols_table_new_column(table, heading, 0, columns->text ? 0 : SCOLS_FL_RIGHT);
        if (!column) {
            scols_unref_table(table);
            return NULL;
        }
        scols_column_set_json_type(column, columns->text ? SCOLS_JSON_STRING : SCOLS_JSON_NUMBER);
    }
    return table;
}

int bench_set(struct libscols_line *line, unsigned column, int digits, double value)
{
    char text[64];
    snprintf(text, sizeof text, "%.*f", digits, value);
    return scols_line_set_data(line, column, text);
}

/* libsmartcols puts the array into an object under the table's name; ours is the array alone. An empty one it leaves out. */
static int print_array(FILE *out, struct libscols_table *table)
{
    char *text = NULL;
    int rc = scols_print_table_to_string(table, &text);
    char *first = rc == 0 && text ? strchr(text, '[') : NULL, *last = first ? strrchr(text, ']') : NULL;
    if (last)
        fprintf(out, "%.*s\n", (int)(last - first + 1), first);
    free(text);
    return last ? 0 : -1;
}

static int print_text(FILE *out, struct libscols_table *table)
{
    scols_table_set_stream(table, out);
    return scols_print_table(table);
}

int bench_print(FILE *out, struct libscols_table *table, bool json)
{
    const int rc = !table ? -1 : json ? print_array(out, table) : print_text(out, table);
    scols_unref_table(table);
    return rc == 0 && fflush(out) == 0 ? 0 : -1;
}
