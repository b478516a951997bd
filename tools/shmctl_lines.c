/*
 * shmctl_lines.c - elements from lines as dump prints them: cells that end with blanks or a comma, or are in quotes. A quote in a cell is two,
 * or an escape.
 */
#include "shmctl_elements.h"

#include <string.h>

static char *quoted_cell(char **at)
{
    char *from = *at + 1, *to = from, *cell = from;
    for (; *from && (*from != '"' || from[1] == '"'); *to++ = *from++)
        from += *from == '"';
    *at = *from ? from + 1 : NULL;
    *to = '\0';
    return cell;
}

/* The next cell of a line, in place and without its quotes, or NULL. *at becomes NULL if quotes are not closed. */
static char *next_cell(char **at, bool *quoted)
{
    char *cell = *at + strspn(*at, " \t");
    *at = cell;
    *quoted = *cell == '"';
    if (!*cell)
        return NULL;
    if (*quoted)
        cell = quoted_cell(at);
    else
        *at += strcspn(*at, " \t,");
    if (!*at)
        return NULL;
    char *end = *at;
    *at += strspn(*at, " \t");
    *at += **at == ',';
    if (!*quoted)
        *end = '\0';
    return cell;
}

/* How many cells; CELLS_MOST + 1 if there are more, -1 if quotes are not closed. */
static int split(char *line, struct cell *cell)
{
    int cells = 0;
    for (bool quoted; cells <= CELLS_MOST; cells++) {
        char *next = next_cell(&line, &quoted);
        if (!next)
            return line ? cells : -1;
        if (cells < CELLS_MOST)
            cell[cells] = (struct cell){next, strlen(next), quoted};
    }
    return CELLS_MOST + 1;
}

static int take_line(struct input *input, char *line, size_t length)
{
    struct cell cell[CELLS_MOST];
    if (memchr(line, '\0', length))
        return input_bad(input, "it has a zero byte, as a dump in --format raw has and no text");
    line[length] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    const int cells = *line == '#' ? 0 : split(line, cell);
    if (cells < 0)
        return input_bad(input, "its quotes are not closed");
    return cells ? input_cells(input, cell, cells, PARSE_ESCAPES) : DONE;
}

/* Input without an end must neither fill the memory nor run without end. */
int lines_run(struct input *input)
{
    const size_t most = input_line_most(input);
    size_t seen = 0;
    for (bool more = true; more || input->at < input->end;) {
        char *line = input->buf + input->at, *end = memchr(line + seen, '\n', input->end - input->at - seen);
        const size_t have = input->end - input->at;
        if (!end && more && have <= most && !memchr(line + seen, '\0', have - seen)) {
            seen = have;
            more = input_fill(input);
            continue;
        }
        const size_t length = end ? (size_t)(end - line) : have;
        input->line++;
        if (!end && more && have > most)
            return memchr(line, '\0', length) ? take_line(input, line, length) : input_bad(input, "it is longer than any element");
        if (length && take_line(input, line, length) != DONE)
            return input->status;
        input->at += length + (end != NULL);
        seen = 0;
    }
    return DONE;
}
