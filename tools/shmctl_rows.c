/*
 * shmctl_rows.c - rows of elements to standard output: as a table, in words for programs, as CSV, as JSON or JSON Lines, or as bytes.
 *
 * A row is written when it is put, so any number of them takes the memory of one. Only a table has to know how wide its columns are: it holds
 * back the rows until it is flushed or told that there are many, and then takes the widest that there can be. What is held is bounded by
 * the caller.
 *
 * Rows come by the hundred million, and libsmartcols, which prints every other report, holds a table as a whole: so it is not used here.
 */
#include "shmctl_elements.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

enum { HEAD_ROOM = 64 }; /* of a line, for each column: its name, and a number */

/* ---- which columns ---- */

static void add_column(struct rows *rows, const char *name, int what)
{
    const bool number = what < 0 || (rows->fields->count > 1 && fields_number(rows->fields, what));
    for (int i = 0; i < rows->columns; i++)
        if (rows->column[i].what == what)
            return;
    rows->column[rows->columns++] = (struct row_column){name, what, (int)strlen(name), number};
}

static const char *field_name(int i)
{
    static char names[RECORD_MOST][20];
    snprintf(names[i], sizeof names[i], "FIELD%d", i + 1);
    return names[i];
}

static void add_fields(struct rows *rows)
{
    const int count = rows->fields->count;
    for (int i = 0; i < count; i++)
        add_column(rows, count == 1 ? "VALUE" : field_name(i), i);
}

/* VALUE is all fields. */
static void add_named(struct rows *rows, const char *name)
{
    if (strcasecmp(name, "INDEX") == 0)
        add_column(rows, "INDEX", ROW_INDEX);
    else if (strcasecmp(name, "VERSION") == 0)
        add_column(rows, "VERSION", ROW_VERSION);
    else
        add_fields(rows);
}

/* -o names columns of the command, and +NAMES adds to the usual ones. */
static void choose_columns(struct rows *rows)
{
    const char *list = rows->call->columns;
    const struct column *usual = rows->call->command->columns;
    const unsigned hidden = rows->call->json ? COLUMN_ASKED : COLUMN_ASKED | COLUMN_DETAIL;
    if (!list || *list == '+')
        for (; usual->name; usual++)
            if (!(usual->flags & hidden))
                add_named(rows, usual->name);
    for (const char *at = list ? list + (*list == '+') : NULL; at && *at;) {
        char name[16];
        const size_t n = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        add_named(rows, name);
        at += n + (at[n] == ',');
    }
}

bool rows_show(const struct rows *rows, int what)
{
    for (int i = 0; i < rows->columns; i++)
        if (rows->column[i].what == what)
            return true;
    return false;
}

/* ---- tables ---- */

static int width_of(const char *text)
{
    int width = 0;
    for (uint32_t c; *text;) {
        const size_t n = visible_decode(text, &c);
        const int columns = n > 1 ? wcwidth((wchar_t)c) : 1;
        width += columns > 0 ? columns : 1;
        text += n ? n : 1;
    }
    return width;
}

static void put_blanks(int n)
{
    static const char blanks[] = "                                ";
    for (const int most = sizeof blanks - 1; n > 0; n -= most)
        fwrite_unlocked(blanks, 1, (size_t)(n < most ? n : most), stdout);
}

static void put_padded(const struct rows *rows, int i, const char *text, size_t length)
{
    const struct row_column *column = &rows->column[i];
    const bool last = i + 1 == rows->columns, ascii = column->what < 0 || rows->fields->of[column->what].kind != 's';
    const int gap = last && !column->right ? 0 : column->width - (ascii ? (int)length : width_of(text));
    if (column->right)
        put_blanks(gap);
    fwrite_unlocked(text, 1, length, stdout);
    if (!column->right)
        put_blanks(gap);
    putchar_unlocked(last ? '\n' : ' ');
}

static void put_headings(struct rows *rows)
{
    const char between = rows->style == ROWS_CSV ? ',' : ' ';
    for (int i = 0; rows->headings && i < rows->columns; i++)
        if (rows->style == ROWS_TABLE)
            put_padded(rows, i, rows->column[i].name, strlen(rows->column[i].name));
        else
            printf("%s%c", rows->column[i].name, i + 1 < rows->columns ? between : '\n');
    rows->headings = false;
}

static void hold(struct rows *rows, const char *cell, size_t length)
{
    if (rows->used + length > rows->room) {
        rows->room = 2 * (rows->used + length);
        rows->held = realloc(rows->held, rows->room);
        if (!rows->held)
            out_of_memory();
    }
    memcpy(rows->held + rows->used, cell, length);
    rows->used += length;
}

static void put_held(struct rows *rows)
{
    const char *at = rows->held;
    put_headings(rows);
    for (; rows->waiting; rows->waiting--)
        for (int i = 0; i < rows->columns; i++) {
            const size_t length = strlen(at);
            put_padded(rows, i, at, length);
            at += length + 1;
        }
    rows->used = 0;
    rows->fixed = true;
}

static void put_table_cell(struct rows *rows, int i, char *cell, char *end)
{
    *end = '\0';
    if (rows->fixed) {
        put_padded(rows, i, cell, (size_t)(end - cell));
        return;
    }
    const int width = width_of(cell);
    rows->column[i].width = width > rows->column[i].width ? width : rows->column[i].width;
    hold(rows, cell, (size_t)(end - cell) + 1);
}

/* ---- rows ---- */

static char *cell_put(const struct rows *rows, char *to, int what, uint64_t index, const unsigned char *elem, uint64_t version)
{
    return what >= 0 ? fields_put(to, rows->fields, what, elem, rows->how) : number_put(to, what == ROW_INDEX ? index : version);
}

static char *key_put(const struct rows *rows, char *to, int i)
{
    if (rows->style == ROWS_JSON)
        to = mempcpy(to, "\n         ", 10);
    *to++ = '"';
    for (const char *name = rows->column[i].name; *name; name++)
        *to++ = (char)tolower(*name);
    to = mempcpy(to, "\": ", 2);
    if (rows->style == ROWS_JSON)
        *to++ = ' ';
    return to;
}

static void put_object(struct rows *rows, uint64_t index, const unsigned char *elem, uint64_t version)
{
    char *to = rows->line;
    if (rows->style == ROWS_JSON && rows->rows)
        *to++ = ',';
    *to++ = '{';
    for (int i = 0; i < rows->columns; i++) {
        if (i)
            *to++ = ',';
        to = key_put(rows, to, i);
        to = cell_put(rows, to, rows->column[i].what, index, elem, version);
    }
    to = rows->style == ROWS_JSON ? mempcpy(to, "\n      }", 8) : mempcpy(to, "}\n", 2);
    fwrite_unlocked(rows->line, 1, (size_t)(to - rows->line), stdout);
}

static void put_words(struct rows *rows, uint64_t index, const unsigned char *elem, uint64_t version)
{
    const char between = rows->style == ROWS_CSV ? ',' : ' ';
    char *to = rows->line;
    put_headings(rows);
    for (int i = 0; i < rows->columns; i++) {
        to = cell_put(rows, to, rows->column[i].what, index, elem, version);
        *to++ = i + 1 < rows->columns ? between : '\n';
    }
    fwrite_unlocked(rows->line, 1, (size_t)(to - rows->line), stdout);
}

void rows_put(struct rows *rows, uint64_t index, const unsigned char *elem, uint64_t version)
{
    switch (rows->style) {
    case ROWS_RAW:
        fwrite_unlocked(elem, 1, rows->fields->size, stdout);
        break;
    case ROWS_TABLE:
        for (int i = 0; i < rows->columns; i++)
            put_table_cell(rows, i, rows->line, cell_put(rows, rows->line, rows->column[i].what, index, elem, version));
        rows->waiting += !rows->fixed;
        break;
    case ROWS_JSON:
    case ROWS_JSONL:
        put_object(rows, index, elem, version);
        break;
    default:
        put_words(rows, index, elem, version);
        break;
    }
    rows->rows++;
}

/* ---- from the first to the last ---- */

static void choose_style(struct rows *rows)
{
    const struct call *call = rows->call;
    const bool values = call->command->style == REPORT_VALUES && !call->columns;
    const enum file_kind kind = rows->fields->kind;
    rows->style = kind == FILE_RAW      ? ROWS_RAW
                  : call->json          ? ROWS_JSON
                  : kind == FILE_CSV    ? ROWS_CSV
                  : kind == FILE_JSONL  ? ROWS_JSONL
                  : call->raw || values ? ROWS_PLAIN
                                        : ROWS_TABLE;
    rows->headings = !call->noheadings && !values && (rows->style == ROWS_TABLE || rows->style == ROWS_PLAIN || rows->style == ROWS_CSV);
    rows->how = rows->style == ROWS_CSV                                 ? RENDER_CSV
                : rows->style == ROWS_JSON || rows->style == ROWS_JSONL ? RENDER_JSON
                : call->raw                                             ? RENDER_WORD
                : values && rows->fields->count == 1                    ? RENDER_BARE
                                                                        : RENDER_TEXT;
}

void rows_open(struct rows *rows, const struct call *call, const struct fields *fields)
{
    static const struct fields none;
    *rows = (struct rows){.call = call, .fields = fields ? fields : &none};
    choose_columns(rows);
    choose_style(rows);
    rows->line = need(fields_room(rows->fields) + (size_t)HEAD_ROOM * ((size_t)rows->columns + 2));
    if (rows->style == ROWS_JSON)
        printf("{\n   \"%s\": [\n      ", call->command->report);
    else if (rows->style == ROWS_CSV)
        put_headings(rows);
}

static int digits(uint64_t number)
{
    char text[20];
    return (int)(number_put(text, number) - text);
}

void rows_fix(struct rows *rows, uint64_t last_index)
{
    if (rows->style != ROWS_TABLE || rows->fixed)
        return;
    for (int i = 0; i < rows->columns; i++) {
        struct row_column *column = &rows->column[i];
        const bool alone = column->what == 0 && rows->fields->count == 1;
        const int width = column->what == ROW_INDEX     ? digits(last_index)
                          : column->what >= 0 && !alone ? fields_width(rows->fields, column->what)
                                                        : 0;
        column->width = width > column->width ? width : column->width;
    }
    rows->fixed = true;
    put_headings(rows);
}

void rows_flush(struct rows *rows)
{
    if (rows->style == ROWS_TABLE && rows->rows)
        put_held(rows);
}

void rows_close(struct rows *rows)
{
    rows_flush(rows);
    if (rows->style == ROWS_JSON)
        fputs("\n   ]\n}\n", stdout);
    free(rows->line);
    free(rows->held);
}
