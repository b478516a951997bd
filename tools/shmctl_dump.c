/*
 * shmctl_dump.c - dump: a range of elements, as a table, CSV or raw bytes; with --follow also what is pushed from then on.
 *
 * Each element is one that the vector had during the dump; the dump as a whole is no snapshot. Elements go out in parts, so that a dump
 * of any size needs little memory; only JSON has to be whole. What is printed, load takes.
 */
#include "shmctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX, VALUE, VERSION };

static const struct column columns[] = {
    [INDEX] = {"INDEX", COLUMN_NUMBER, 0, "index of the element"},
    [VALUE] = {"VALUE", COLUMN_TEXT, 0, "the element, in the format chosen; of several fields, the columns FIELD1, FIELD2, ..."},
    [VERSION] = {"VERSION", COLUMN_NUMBER, COLUMN_ASKED, "a version of the vector at which it was current"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    {'s', "from", "INDEX", "first element; default 0"},
    {'c', "count", "COUNT", "most elements to print; default all from there"},
    {'n', "last", "COUNT", "the last COUNT elements instead"},
    {'f', "format", "FORMAT", "decimal, signed, hex, bytes, string, raw, or fields: u64,i32,f64,s16; csv or csv,FORMAT"},
    {'F', "follow", NULL, "go on with what is pushed, until interrupted or the segment is removed"},
    {0, NULL, NULL, NULL},
};

enum { PART = 4096, BATCH_BYTES = 65536 };

struct dump {
    struct call *call;
    lfvec_t *v;
    uint64_t from, count, last;
    bool follow;
    struct fields fields;
    struct column columns[FIELDS_MOST + 3]; /* of several fields */
    unsigned char *batch;                   /* of elements read by one call */
    uint64_t most;                          /* that fit there */
    struct report report;
    struct progress progress;
};

/* ---- its columns ---- */

static int field_column(int i)
{
    return VALUE + i;
}

static int version_column(const struct dump *dump)
{
    return VALUE + dump->fields.count;
}

static void name_columns(struct dump *dump)
{
    static char names[FIELDS_MOST][20];
    for (int i = 0; i < dump->fields.count; i++) {
        snprintf(names[i], sizeof names[i], "FIELD%d", i + 1);
        bool number = fields_number(&dump->fields, i);
        dump->columns[field_column(i)] = (struct column){names[i], number ? COLUMN_NUMBER : COLUMN_TEXT, 0, NULL};
    }
    if (dump->fields.count == 1)
        dump->columns[VALUE] = columns[VALUE];
    dump->columns[INDEX] = columns[INDEX];
    dump->columns[version_column(dump)] = columns[VERSION];
}

/* -o with the names of all fields for VALUE. */
static char *widen(const struct dump *dump, const char *list)
{
    char *wide = need(strlen(list) * sizeof "FIELD00," * FIELDS_MOST + 1), *to = wide;
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",+");
        if (n == strlen(columns[VALUE].name) && strncasecmp(at, columns[VALUE].name, n) == 0)
            for (int i = 0; i < dump->fields.count; i++)
                to += sprintf(to, "%s%s", i ? "," : "", dump->columns[field_column(i)].name);
        else
            to = mempcpy(to, at, n);
        at += n;
        while (*at == ',' || *at == '+')
            *to++ = *at++;
    }
    return wide;
}

static int digits(uint64_t number)
{
    int n = 1;
    while (number /= 10)
        n++;
    return n;
}

/* A report that is printed in parts has to know widths beforehand. */
static void set_widths(struct dump *dump)
{
    bool parts = dump->follow || dump->count > PART;
    report_width(&dump->report, INDEX, digits(dump->follow ? 99999999 : dump->from + dump->count));
    for (int i = 0; parts && i < dump->fields.count && dump->fields.count > 1; i++)
        report_width(&dump->report, field_column(i), fields_width(&dump->fields, i));
}

static void open_report(struct dump *dump)
{
    const char *list = dump->call->columns;
    name_columns(dump);
    char *wide = list ? widen(dump, list) : NULL;
    report_open_list(&dump->report, dump->call, dump->columns, wide);
    free(wide);
    if (dump->fields.csv)
        report_csv(&dump->report);
    else
        set_widths(dump);
    if (dump->fields.count == 1 && fields_number(&dump->fields, 0))
        report_as_number(&dump->report, VALUE);
    for (int i = 0; i < dump->fields.count; i++)
        report_escaped(&dump->report, field_column(i));
}

/* ---- elements ---- */

static int cannot_write(const struct dump *dump)
{
    return complain(BLIND, lfvec_name(dump->v), "cannot write the dump: %s; make room, or send it elsewhere", strerror(errno));
}

/* JSON has no infinity, and nothing that is no number. */
static void put_field(struct dump *dump, int i, const unsigned char *elem)
{
    struct report *report = &dump->report;
    const bool json = dump->call->json;
    if (!report_shows(report, field_column(i)))
        return;
    const char *text = fields_text(&dump->fields, i, elem, json);
    if (json && fields_number(&dump->fields, i) && strpbrk(text, "in"))
        report_none(report, field_column(i));
    else
        report_set(report, field_column(i), text, text);
}

static void put_row(struct dump *dump, uint64_t index, const unsigned char *elem)
{
    report_row(&dump->report);
    report_number(&dump->report, INDEX, index);
    for (int i = 0; i < dump->fields.count; i++)
        put_field(dump, i, elem);
    report_number(&dump->report, version_column(dump), lfvec_last_version());
    if (dump->report.rows == PART)
        report_flush(&dump->report);
}

static bool put_batch(struct dump *dump, uint64_t index, uint64_t count)
{
    const size_t size = dump->fields.size;
    if (dump->fields.raw)
        return fwrite(dump->batch, size, count, stdout) == count;
    for (uint64_t i = 0; i < count && !ferror(stdout); i++)
        put_row(dump, index + i, dump->batch + i * size);
    return !ferror(stdout);
}

static void open_batch(struct dump *dump)
{
    const uint64_t fit = BATCH_BYTES / dump->fields.size; /* one at least: an element has no more bytes */
    dump->most = fit < PART ? fit : PART;
    dump->batch = need(dump->most * dump->fields.size);
}

/*
 * To ask for each element, or for each leaf, is to take the line of the head from the writers each time, and slows them: a snapshot asks once.
 * If there is none to be had, or the vector has shrunk, what remains is as many as there are, and of one version (the column VERSION) only if
 * it is one element. Returns how many were read, or a negative errno.
 */
static int64_t read_batch(struct dump *dump, uint64_t first, uint64_t count)
{
    const bool versions = !dump->fields.raw && report_shows(&dump->report, version_column(dump));
    const int error = lfvec_snapshot(dump->v, first, dump->batch, count, NULL);
    if (error != -EAGAIN && error != -ERANGE)
        return error ? error : (int64_t)count;
    return lfvec_get_n(dump->v, first, dump->batch, versions ? 1 : count);
}

/* The vector may shrink while it is dumped: then the dump ends where the vector does. *next becomes the index that is to be printed next. */
static int put_elements(struct dump *dump, uint64_t *next, uint64_t end)
{
    for (uint64_t from = *next; *next < end;) {
        const uint64_t left = end - *next;
        const int64_t n = read_batch(dump, *next, left < dump->most ? left : dump->most);
        if (n == -ERANGE)
            return DONE;
        if (n < 0)
            return failed(dump->v, "dump", (int)n);
        if (!put_batch(dump, *next, (uint64_t)n))
            return cannot_write(dump);
        *next += (uint64_t)n;
        progress_step(&dump->progress, *next - from);
    }
    return DONE;
}

/* ---- --follow ---- */

static bool sent(struct dump *dump)
{
    if (!dump->fields.raw)
        report_flush(&dump->report);
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* If the vector has shrunk, what is pushed next has an index that was printed before. Ends when nobody reads, or the name is gone. */
static int follow(struct dump *dump, uint64_t next)
{
    struct pace pace;
    int status = DONE;
    pace_begin(&pace, UINT64_MAX);
    for (bool reader = true; reader && status == DONE;) {
        uint64_t size = lfvec_size(dump->v), before = next;
        next = next < size ? next : size;
        bool gone = size == before && lfvec_is_current(dump->v) == 0;
        status = put_elements(dump, &next, size);
        if (status == DONE && !sent(dump))
            return cannot_write(dump);
        if (gone && lfvec_size(dump->v) == next) {
            remark(lfvec_name(dump->v), "removed or replaced by another segment; nobody can follow it any more");
            return status;
        }
        if (next != before)
            pace_again(&pace);
        reader = pace_rest(&pace, STDOUT_FILENO);
    }
    return status;
}

/* ---- */

static int put(struct dump *dump)
{
    uint64_t next = dump->from;
    if (!dump->fields.raw)
        open_report(dump);
    open_batch(dump);
    progress_open(&dump->progress, "dump", dump->count);
    if (isatty(STDOUT_FILENO) || dump->follow)
        progress_never(&dump->progress); /* the elements themselves show how it goes */
    int status = put_elements(dump, &next, dump->from + dump->count);
    progress_close(&dump->progress);
    if (status == DONE && dump->follow)
        status = follow(dump, next);
    if (!dump->fields.raw)
        report_close(&dump->report);
    free(dump->batch);
    return status;
}

static int dump_range(struct dump *dump)
{
    uint64_t size = lfvec_size(dump->v);
    if (dump->last != UINT64_MAX)
        dump->from = size > dump->last ? size - dump->last : 0;
    if (dump->from > size)
        return complain(NO, lfvec_name(dump->v), "--from %llu is beyond its %llu elements; begin below that",
                        (unsigned long long)dump->from, (unsigned long long)size);
    if (dump->count > size - dump->from)
        dump->count = size - dump->from;
    fields_fit(&dump->fields, dump->call, dump->v);
    if (dump->fields.raw && isatty(STDOUT_FILENO))
        call_usage(dump->call, "raw bytes do not belong on a terminal, redirect the output or use --format hex");
    int status = put(dump);
    fields_free(&dump->fields);
    return status;
}

static void set_option(struct dump *dump, int key, const char *arg)
{
    if (key == 's')
        dump->from = call_number(dump->call, "--from", arg, 0, UINT64_MAX);
    else if (key == 'c')
        dump->count = call_number(dump->call, "--count", arg, 0, UINT64_MAX);
    else if (key == 'n')
        dump->last = call_number(dump->call, "--last", arg, 0, UINT64_MAX - 1);
    else if (key == 'F')
        dump->follow = true;
    else
        fields_option(&dump->fields, dump->call, arg);
}

static void check_options(const struct dump *dump)
{
    const bool counted = dump->count != UINT64_MAX;
    if (dump->call->json && (dump->fields.csv || dump->fields.raw))
        call_usage(dump->call, "--json and --format %s exclude each other", dump->fields.csv ? "csv" : "raw");
    if (dump->follow && (dump->call->json || counted))
        call_usage(dump->call, "--follow does not end, so it goes with neither --json nor --count");
    if (dump->last != UINT64_MAX && (dump->from || counted))
        call_usage(dump->call, "--last goes with neither --from nor --count");
}

static int run(struct call *call)
{
    struct dump dump = {.call = call, .count = UINT64_MAX, .last = UINT64_MAX};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        set_option(&dump, key, optarg);
    check_options(&dump);
    const char *name = call_name(call, 0, 0);
    dump.v = open_segment(name, LFVEC_RDONLY, &status);
    if (!dump.v)
        return status;
    status = dump_range(&dump);
    if (status == DONE)
        status = judge_state(dump.v);
    lfvec_detach(dump.v);
    return status;
}

const struct command command_dump = {
    .name = "dump",
    .group = GROUP_LOOK,
    .operands = "/NAME",
    .summary = "print a range of elements",
    .details = "The default format is decimal for elements of 8 bytes, hex for others. Types of fields: u8 to u64 and i8 to i64, in hex\n"
               "h8 to h64, floats f32 and f64, N bytes as a string sN or in hex xN; they lie as in a C struct, or without gaps if only\n"
               "that has the size of the elements. load takes what is printed, except JSON, which is made in memory as a whole.",
    .example = PROGRAM " dump --from 1000 --count 20 --format csv,u32,f32 /points",
    .options = options,
    .columns = columns,
    .style = REPORT_ROWS,
    .report = "elements",
    .run = run,
};
