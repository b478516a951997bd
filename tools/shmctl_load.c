/*
 * shmctl_load.c - load: appends what dump printed, in any of its formats, from standard input or a file.
 *
 * Elements go in by batches, each of which is one atomic step. If a line makes no sense, those before it are in, and the message says how
 * many; a file that is read to its end first would have to fit into memory.
 */
#include "shmctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LOADED, FIRST, VERSION };

static const struct column columns[] = {
    [LOADED] = {"LOADED", COLUMN_NUMBER, 0, "elements appended"},
    [FIRST] = {"FIRST", COLUMN_NUMBER, 0, "index of the first of them; - = there was none"},
    [VERSION] = {"VERSION", COLUMN_NUMBER, 0, "version of the vector that the last of them made"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    {'f', "format", "FORMAT", "as for dump: decimal, signed, hex, bytes, string, raw, or fields: u64,i32,f64,s16; csv"},
    {'q', "quiet", NULL, "print nothing"},
    {0, NULL, NULL, NULL},
};

enum { CELLS_MOST = FIELDS_MOST + 2, NO_FIELD = -1 };

struct load {
    const struct call *call;
    lfvec_t *v;
    const char *name;
    struct fields fields;
    int cells;             /* in a line; 0 = no line seen yet */
    int field[CELLS_MOST]; /* that each cell is, or NO_FIELD */
    unsigned char *batch;
    size_t held, most;
    uint64_t loaded, first, line, bytes;
    size_t line_most; /* bytes that a line can have at most, if it makes sense */
    bool quiet;
    struct progress progress;
};

/* ---- into the vector ---- */

static int push_failed(const struct load *load, int error)
{
    char what[64];
    snprintf(what, sizeof what, "load, after %llu that are in", (unsigned long long)load->loaded);
    return failed(load->v, load->loaded ? what : "load", error);
}

/* A batch that is cut short is tried again for its rest: that has the error. */
static int push_batch(struct load *load)
{
    for (size_t done = 0; done < load->held;) {
        uint64_t first;
        int64_t n = lfvec_push_n(load->v, load->batch + done * load->fields.size, load->held - done, &first);
        if (n < 0)
            return push_failed(load, (int)n);
        if (load->loaded == 0)
            load->first = first;
        done += (size_t)n;
        load->loaded += (uint64_t)n;
    }
    load->held = 0;
    progress_step(&load->progress, load->progress.total ? load->bytes : load->loaded);
    return DONE;
}

static unsigned char *next_place(struct load *load)
{
    return load->batch + load->held * load->fields.size;
}

static int keep(struct load *load)
{
    return ++load->held == load->most ? push_batch(load) : DONE;
}

/* ---- lines ---- */

/* The remains of the batch go in first, so that the message has the right number. */
static int bad_line(struct load *load, const char *format, const char *detail, const char *fault)
{
    char what[240];
    int status = push_batch(load);
    if (status != DONE)
        return status;
    snprintf(what, sizeof what, format, detail, fault);
    return complain(USAGE, load->name, "line %llu of the input: %s; the %llu elements before it were loaded, mend it and load the rest",
                    (unsigned long long)load->line, what, (unsigned long long)load->loaded);
}

static int field_of(const struct load *load, const char *heading)
{
    if (strcmp(heading, "VALUE") == 0 && load->fields.count == 1)
        return 0;
    if (strncmp(heading, "FIELD", 5) == 0 && load->fields.count > 1)
        for (int i = 0, n = atoi(heading + 5); i < load->fields.count; i++)
            if (n == i + 1)
                return i;
    return NO_FIELD;
}

/* Headings say which cell is what. Without them there is nothing but the fields, perhaps behind an index. */
static bool learn(struct load *load, char *const *cell, const bool *quoted, int cells)
{
    bool heading = true;
    int fields = 0;
    for (int i = 0; i < cells; i++)
        heading = heading && !quoted[i] && fields_heading(cell[i]);
    load->cells = cells;
    for (int i = 0; i < cells; i++) {
        int plain = i - (cells - load->fields.count);
        load->field[i] = heading ? field_of(load, cell[i]) : plain < 0 ? NO_FIELD : plain;
        fields += load->field[i] != NO_FIELD;
    }
    if (fields != load->fields.count || (!heading && cells > load->fields.count + 1))
        load->cells = -1;
    return heading;
}

static int split(char *line, char **cell, bool *quoted)
{
    int cells = 0;
    for (bool is_quoted; cells <= CELLS_MOST; cells++) {
        char *next = fields_cell(&line, &is_quoted);
        if (!next)
            return cells;
        if (cells == CELLS_MOST)
            break;
        cell[cells] = next;
        quoted[cells] = is_quoted;
    }
    return CELLS_MOST + 1;
}

static int wrong_cells(struct load *load)
{
    char expected[80];
    if (load->fields.count == 1)
        return bad_line(load, "neither a value nor an index and a value%s%s", "", "");
    snprintf(expected, sizeof expected, "%d", load->fields.count);
    return bad_line(load, "not the %s fields of the format, alone or behind an index%s", expected, "");
}

static int take_cells(struct load *load, char *const *cell)
{
    unsigned char *elem = next_place(load);
    memset(elem, 0, load->fields.size);
    for (int i = 0; i < load->cells; i++) {
        if (load->field[i] == NO_FIELD)
            continue;
        const char *fault = fields_parse(&load->fields, load->field[i], cell[i], elem);
        if (fault)
            return bad_line(load, "\"%.60s\": %s", cell[i], fault);
    }
    return keep(load);
}

static int take_line(struct load *load, char *line, size_t length)
{
    char *cell[CELLS_MOST];
    bool quoted[CELLS_MOST];
    load->line++;
    if (line[length - 1] == '\0')
        return bad_line(load, "it has a zero byte, as a dump in --format raw has and no text%s%s", "", "");
    if (length == load->line_most)
        return bad_line(load, "it is longer than any element%s%s", "", "");
    line[length] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    int cells = split(line, cell, quoted);
    if (cells == 0)
        return DONE;
    if (load->cells == 0 && cells <= CELLS_MOST && learn(load, cell, quoted, cells) && load->cells > 0)
        return DONE;
    return cells == load->cells ? take_cells(load, cell) : wrong_cells(load);
}

/* Up to the end of the line, a zero byte, or as much as a line can have: input without an end must not fill the memory. 0 at the end. */
static size_t read_line(const struct load *load, char *line)
{
    size_t n = 0;
    for (int c = '\1'; c != '\n' && c != '\0' && n < load->line_most;) {
        c = getc_unlocked(stdin);
        if (c == EOF)
            break;
        line[n++] = (char)c;
    }
    return n;
}

/* A cell has up to 9 bytes for one of the element, a heading and a blank included, and in a table it is as wide as the widest. */
static int take_lines(struct load *load)
{
    load->line_most = 16 * load->fields.size + (size_t)64 * CELLS_MOST + 4096;
    char *line = need(load->line_most + 1);
    int status = DONE;
    for (size_t n; status == DONE && (n = read_line(load, line)) > 0;) {
        load->bytes += n;
        status = take_line(load, line, n);
    }
    free(line);
    return status;
}

/* ---- raw bytes ---- */

static int take_raw(struct load *load)
{
    const size_t size = load->fields.size;
    for (;;) {
        size_t n = fread(load->batch, 1, load->most * size, stdin), rest = n % size;
        load->bytes += n;
        load->held = n / size;
        int status = push_batch(load);
        if (status != DONE || n == load->most * size) {
            if (status != DONE)
                return status;
            continue;
        }
        if (rest && !ferror(stdin))
            return complain(NO, load->name,
                            "the input ends amid an element, with %zu of %zu bytes; that one was left out, %llu were loaded, see whether "
                            "it was cut off",
                            rest, size, (unsigned long long)load->loaded);
        return DONE;
    }
}

/* ---- */

static void show(const struct load *load)
{
    struct report report;
    report_open(&report, load->call);
    report_row(&report);
    report_number(&report, LOADED, load->loaded);
    if (load->loaded)
        report_number(&report, FIRST, load->first);
    else
        report_none(&report, FIRST);
    report_number(&report, VERSION, lfvec_last_version());
    report_close(&report);
}

static int take(struct load *load)
{
    int status = load->fields.raw ? take_raw(load) : take_lines(load);
    if (status == DONE && ferror(stdin))
        status = complain(BLIND, load->name, "cannot read the input: %s; %llu were loaded, name another file", strerror(errno),
                          (unsigned long long)load->loaded);
    if (status == DONE)
        status = push_batch(load);
    return status;
}

static uint64_t input_bytes(void)
{
    struct stat input;
    return fstat(STDIN_FILENO, &input) == 0 && S_ISREG(input.st_mode) ? (uint64_t)input.st_size : 0;
}

static int load_all(struct load *load)
{
    fields_fit(&load->fields, load->call, load->v);
    load->most = lfvec_batch_most(load->v);
    load->batch = need(load->most * load->fields.size);
    progress_open(&load->progress, "load", input_bytes());
    int status = take(load);
    progress_close(&load->progress);
    if (status == DONE && !load->quiet)
        show(load);
    free(load->batch);
    fields_free(&load->fields);
    return status;
}

static int open_input(const struct load *load)
{
    const char *file = load->call->argc ? load->call->argv[0] : "-";
    if (strcmp(file, "-") == 0 || freopen(file, "r", stdin))
        return DONE;
    return complain(BLIND, load->name, "cannot read %s: %s; nothing was loaded", file, strerror(errno));
}

static int run(struct call *call)
{
    struct load load = {.call = call};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;) {
        if (key == 'f')
            fields_option(&load.fields, call, optarg);
        else
            load.quiet = true;
    }
    load.name = call_name(call, 0, 1);
    load.v = open_sound(load.name, 0, &status);
    if (!load.v)
        return status;
    status = open_input(&load);
    if (status == DONE)
        status = load_all(&load);
    lfvec_detach(load.v);
    return status;
}

const struct command command_load = {
    .name = "load",
    .group = GROUP_ELEMENTS,
    .operands = "/NAME [FILE]",
    .summary = "append what dump printed",
    .details = "Reads FILE or standard input: lines as dump prints them, with or without headings and indexes, separated by blanks or\n"
               "commas, or with --format raw the bytes of elements. The same --format as for dump gives the same elements. The indexes\n"
               "are not looked at: elements are appended in the order of the input.",
    .example = PROGRAM " load --format csv,u64,f32 /points points.csv",
    .options = options,
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "load",
    .run = run,
};
