/*
 * shmctl_input.c - elements from standard input, in any of the kinds of file that dump writes: where it begins, what its columns are, and what is
 * said of a line that makes no sense. How lines and records are found is for shmctl_lines.c, shmctl_csv.c and shmctl_jsonl.c.
 *
 * A column is an index only under a heading that says so, or if the command line does: a number in front is a value like any other.
 */
#include "shmctl_elements.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 65536 };

/* ---- bytes ---- */

bool input_fill(struct input *input)
{
    if (input->at) {
        memmove(input->buf, input->buf + input->at, input->end - input->at);
        input->end -= input->at;
        input->at = 0;
    }
    if (input->end == input->room) {
        input->room = 2 * input->room;
        input->buf = realloc(input->buf, input->room + 1);
        if (!input->buf)
            out_of_memory();
    }
    const size_t n = fread(input->buf + input->end, 1, input->room - input->end, stdin);
    input->end += n;
    input->bytes += n;
    return n > 0;
}

/* A cell has up to 12 bytes for one of the element, a heading and a blank included, and in a table it is as wide as the widest. */
size_t input_line_most(const struct input *input)
{
    return 16 * (size_t)input->fields.size + (size_t)64 * CELLS_MOST + 4096;
}

static bool begins(const struct input *input, const char *text)
{
    const size_t n = strlen(text);
    return input->end - input->at >= n && memcmp(input->buf + input->at, text, n) == 0;
}

static int take_header(struct input *input)
{
    const char *end;
    while (!(end = memmem(input->buf, input->end, HEADER_END, strlen(HEADER_END))) && input->end < HEADER_MOST)
        if (!input_fill(input))
            break;
    if (!end)
        return complain(USAGE, input->name, "the header of the input has no end; nothing was loaded, see whether it was cut off");
    const size_t n = (size_t)(end - input->buf);
    char *text = need(n + 1);
    memcpy(text, input->buf, n);
    for (size_t i = 0; i < n; i++)
        input->line += text[i] == '\n';
    input->line++;
    input->at = n + strlen(HEADER_END);
    const char *bad = header_parse(&input->header, text);
    const int status = bad ? complain(USAGE, input->name, "the header of the input makes no sense: %s; nothing was loaded", bad) : DONE;
    free(text);
    return status;
}

int input_open(struct input *input)
{
    input->room = CHUNK;
    input->buf = need(input->room + 1);
    while (input->end < strlen(HEADER_BEGIN) && input_fill(input))
        ;
    if (begins(input, HEADER_BEGIN))
        return take_header(input);
    if (begins(input, "\xef\xbb\xbf"))
        input->at = 3; /* the mark that some put before UTF-8; of raw bytes, input_run() takes it back */
    return DONE;
}

void input_close(struct input *input)
{
    free(input->buf);
    free(input->elem);
}

/* ---- lines that make no sense ---- */

/* What waits goes in first, so that the message has the right number. */
int input_bad(struct input *input, const char *format, ...)
{
    char *what = NULL;
    va_list ap;
    va_start(ap, format);
    if (vasprintf(&what, format, ap) < 0)
        out_of_memory();
    va_end(ap);
    const uint64_t done = input->done(input->context);
    if (input->status == DONE)
        input->status = complain(USAGE, input->name,
                                 "line %llu of the input: %s; the %llu elements before it were loaded, mend it and load the rest",
                                 (unsigned long long)input->line, what, (unsigned long long)done);
    free(what);
    return input->status;
}

/* ---- columns ---- */

static int field_of(const struct input *input, const char *heading)
{
    if (strcmp(heading, "VALUE") == 0 && input->fields.count == 1)
        return 0;
    if (strncmp(heading, "FIELD", 5) == 0 && input->fields.count > 1)
        for (int i = 0, n = atoi(heading + 5); i < input->fields.count; i++)
            if (n == i + 1)
                return i;
    return NO_FIELD;
}

static bool is_heading(const struct input *input, const struct cell *cell, int cells)
{
    bool heading = !input->noheadings;
    for (int i = 0; i < cells; i++)
        heading = heading && !cell[i].quoted && fields_heading(cell[i].text);
    return heading;
}

/* Headings say which cell is what. Without them there is nothing but the fields, behind an index if there is said to be one. */
static bool learn(struct input *input, const struct cell *cell, int cells)
{
    const bool heading = is_heading(input, cell, cells);
    const int before = input->indexed ? 1 : 0;
    int fields = 0;
    for (int i = 0; i < cells; i++) {
        input->field[i] = heading ? field_of(input, cell[i].text) : i < before ? NO_FIELD : i - before;
        fields += input->field[i] != NO_FIELD;
    }
    input->cells = fields == input->fields.count ? cells : -1;
    return heading;
}

static int wrong_cells(struct input *input, int cells)
{
    const int count = input->fields.count;
    if (input->cells > 0)
        return input_bad(input, "%s%d value%s, and the lines before it had %d", cells > CELLS_MOST ? "more than " : "",
                         cells > CELLS_MOST ? CELLS_MOST : cells, cells == 1 ? "" : "s", input->cells);
    return input_bad(input, "%d value%s, and an element has %d%s", cells, cells == 1 ? "" : "s", count,
                     input->indexed || cells != count + 1 ? "" : " (if the first one is an index, say --index)");
}

/* "1, 2": in CSV blanks belong to a string, and not to a number. */
static void trim(const struct record_field *field, struct cell *cell)
{
    if (field->kind == 's')
        return;
    const size_t before = strspn(cell->text, " \t");
    cell->text += before;
    cell->length -= before;
    while (cell->length && strchr(" \t", cell->text[cell->length - 1]))
        cell->text[--cell->length] = '\0';
}

static int take_cells(struct input *input, struct cell *cell, enum parse how)
{
    memset(input->elem, 0, input->fields.size);
    for (int i = 0; i < input->cells; i++) {
        if (input->field[i] == NO_FIELD)
            continue;
        if (how == PARSE_EXACT)
            trim(&input->fields.of[input->field[i]], &cell[i]);
        const char *fault = fields_parse(&input->fields, input->field[i], cell[i].text, cell[i].length, how, input->elem);
        if (fault)
            return input_bad(input, "\"%.60s\": %s", cell[i].text, fault);
    }
    return input->status = input->take(input->context, input->elem);
}

int input_cells(struct input *input, struct cell *cell, int cells, enum parse how)
{
    if (input->cells == 0 && cells <= CELLS_MOST && learn(input, cell, cells) && input->cells > 0)
        return DONE;
    return cells == input->cells ? take_cells(input, cell, how) : wrong_cells(input, cells);
}

/* ---- raw bytes ---- */

static int raw_run(struct input *input)
{
    const size_t size = input->fields.size;
    if (!input->header.present)
        input->at = 0;
    do
        for (; input->end - input->at >= size; input->at += size) {
            memcpy(input->elem, input->buf + input->at, size);
            if ((input->status = input->take(input->context, input->elem)) != DONE)
                return input->status;
        }
    while (input_fill(input));
    const size_t rest = input->end - input->at;
    if (!rest || ferror(stdin))
        return DONE;
    const uint64_t done = input->done(input->context);
    return input->status != DONE ? input->status
                                 : complain(NO, input->name,
                                            "the input ends amid an element, with %zu of %zu bytes; that one was left out, %llu were "
                                            "loaded, see whether it was cut off",
                                            rest, size, (unsigned long long)done);
}

/* ---- */

int input_run(struct input *input)
{
    static int (*const readers[])(struct input *) = {
        [FILE_TEXT] = lines_run, [FILE_RAW] = raw_run, [FILE_CSV] = csv_run, [FILE_JSONL] = jsonl_run};
    input->elem = need(input->fields.size);
    const int status = readers[input->fields.kind](input);
    if (status != DONE || !ferror(stdin))
        return status;
    const int error = errno;
    return complain(BLIND, input->name, "cannot read the input: %s; %llu were loaded, name another file", strerror(error),
                    (unsigned long long)input->done(input->context));
}
