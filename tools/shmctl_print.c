/*
 * shmctl_print.c - reports on their way out: text tables and raw output by libsmartcols, JSON by ourselves, since libsmartcols' has null for
 * an empty string and one table a document.
 */
#include "shmctl.h"

#include <ctype.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON ---- */

static void put_cell(FILE *out, const struct column *column, const char *text)
{
    if (column->kind == COLUMN_BOOL)
        fputs(*text == '0' || *text == 'n' ? "false" : "true", out);
    else if (column->kind != COLUMN_TEXT)
        fputs(text, out); /* a number; or true or false, of what may be unknown */
    else {
        char *string = need(6 * strlen(text) + 16);
        fwrite(string, 1, (size_t)(json_string(string, text, strlen(text)) - string), out);
        free(string);
    }
}

static void put_key(FILE *out, const char *name)
{
    fputs("         \"", out);
    for (; *name; name++)
        fputc(tolower(*name), out);
    fputs("\": ", out);
}

static void put_line(FILE *out, const struct report *report, struct libscols_line *line, bool first)
{
    fputs(first ? "{\n" : ",{\n", out);
    for (int i = 0; i < report->count; i++) {
        const struct column *column = &report->columns[report->shown[i]];
        const char *text = scols_cell_get_data(scols_line_get_cell(line, (size_t)i));
        put_key(out, column->name);
        if (text)
            put_cell(out, column, text);
        else
            fputs("null", out);
        fputs(i + 1 < report->count ? ",\n" : "\n", out);
    }
    fputs("      }", out);
}

/* One array of the object that a document is. */
static void put_array(FILE *out, const struct report *report)
{
    struct libscols_iter *at = scols_new_iter(SCOLS_ITER_FORWARD);
    struct libscols_line *line;
    if (!at)
        out_of_memory();
    fprintf(out, "   \"%s\": [\n      ", report->name);
    for (bool first = true; scols_table_next_line(report->table, at, &line) == 0; first = false)
        put_line(out, report, line, first);
    fputs("\n   ]", out);
    scols_free_iter(at);
}

static void put_json(FILE *out, struct report *const *reports, int count)
{
    fputs("{\n", out);
    for (int i = 0; i < count; i++) {
        fputs(i ? ",\n" : "", out);
        put_array(out, reports[i]);
    }
    fputs("\n}\n", out);
}

/* ---- any ---- */

/* Whether there is anything to print. */
static bool ready(struct report *report)
{
    if (report->upright && !report->raw_differs) /* the column EXACT */
        report_checked(scols_column_set_flags(scols_table_get_column(report->table, REPORT_EXACT), SCOLS_FL_HIDDEN));
    return report->count && (report->rows || report->call->json);
}

static void drop(struct report *report)
{
    scols_unref_table(report->table);
    report->table = NULL;
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

void report_close_all(struct report *const *reports, int count)
{
    struct report *shown[REPORTS_MOST];
    int n = 0;
    for (int i = 0; i < count; i++)
        if (ready(reports[i]))
            shown[n++] = reports[i];
    if (n && shown[0]->call->json)
        put_json(stdout, shown, n);
    else
        for (int i = 0; i < n; i++) {
            if (i)
                putchar('\n');
            scols_print_table(shown[i]->table);
        }
    for (int i = 0; i < count; i++)
        drop(reports[i]);
}

void report_close(struct report *report)
{
    report_close_all(&report, 1);
}

void report_close_both(struct report *first, struct report *second)
{
    report_close_all((struct report *[]){first, second}, 2);
}

/* For the screen, which is never JSON. */
char *report_close_text(struct report *report)
{
    char *text = NULL;
    if (ready(report))
        report_checked(scols_print_table_to_string(report->table, &text));
    drop(report);
    return text ? text : need(1);
}
