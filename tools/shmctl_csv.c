/*
 * shmctl_csv.c - elements from CSV as RFC 4180 has it, read by libcsv: quoted cells with line breaks, commas and doubled quotes in them. Blanks
 * belong to a string, and not to a number. Strictly: a quote where none can be, or one that is not closed, is refused.
 */
#include "shmctl_elements.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

struct record {
    struct input *input;
    struct cell cell[CELLS_MOST];
    int cells;
    char *room; /* of the cells */
    size_t used, most;
    uint64_t breaks; /* in quotes */
};

static int no_space(unsigned char c)
{
    (void)c;
    return 0;
}

static void take_cell(void *text, size_t length, void *context)
{
    struct record *record = context;
    if (record->used + length + 1 > record->most)
        record->cells = CELLS_MOST + 1; /* too long to make sense */
    if (record->cells >= CELLS_MOST) {
        record->cells = CELLS_MOST + 1;
        return;
    }
    char *to = record->room + record->used;
    if (length)
        memcpy(to, text, length);
    to[length] = '\0';
    for (const char *at = to; (at = memchr(at, '\n', (size_t)(to + length - at))); at++)
        record->breaks++;
    record->cell[record->cells++] = (struct cell){to, length, false};
    record->used += length + 1;
}

/* Once for every carriage return and line feed outside quotes, so that lines can be counted; an empty line has no cell. */
static void take_record(int end, void *context)
{
    struct record *record = context;
    struct input *input = record->input;
    if (input->status == DONE && record->cells) {
        input->line++;
        (void)input_cells(input, record->cell, record->cells, PARSE_EXACT);
        input->line--;
    }
    input->line += (end == '\n') + record->breaks;
    record->cells = 0;
    record->used = record->breaks = 0;
}

static int bad_csv(struct input *input, const struct csv_parser *parser)
{
    input->line++;
    if (csv_error((struct csv_parser *)parser) != CSV_EPARSE)
        out_of_memory();
    return input_bad(input,
                     "a quote in a cell that does not begin with one, or something behind the one that ends it; in quotes, a quote is two");
}

/* A cell without an end must not fill the memory. */
static int parse_all(struct record *record, struct csv_parser *parser)
{
    struct input *input = record->input;
    do {
        const size_t n = input->end - input->at;
        const size_t done = csv_parse(parser, input->buf + input->at, n, take_cell, take_record, record);
        input->at += n;
        if (input->status != DONE)
            return input->status;
        if (done != n)
            return bad_csv(input, parser);
        if (csv_get_buffer_size(parser) > record->most) {
            input->line++;
            return input_bad(input, "it is longer than any element; is a quote not closed?");
        }
    } while (input_fill(input));
    if (csv_fini(parser, take_cell, take_record, record) == 0)
        return input->status;
    input->line++;
    return input_bad(input, "the input ends in a cell whose quotes are not closed");
}

int csv_run(struct input *input)
{
    struct csv_parser parser;
    struct record record = {.input = input, .most = input_line_most(input)};
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0)
        out_of_memory();
    csv_set_space_func(&parser, no_space);
    record.room = need(record.most);
    const int status = parse_all(&record, &parser);
    free(record.room);
    csv_free(&parser);
    return status;
}

/* ---- a value of the command line ---- */

static void ignore_record(int end, void *context)
{
    (void)end;
    (void)context;
}

int csv_split(const char *text, char *room, struct cell *cell)
{
    struct csv_parser parser;
    struct record record = {.room = room, .most = strlen(text) + CELLS_MOST};
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        out_of_memory();
    csv_set_space_func(&parser, no_space);
    const bool whole = csv_parse(&parser, text, strlen(text), take_cell, ignore_record, &record) == strlen(text) &&
                       csv_fini(&parser, take_cell, ignore_record, &record) == 0;
    csv_free(&parser);
    memcpy(cell, record.cell, sizeof record.cell);
    return whole ? record.cells : -1;
}
