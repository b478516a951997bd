/*
 * shmctl_dump.c - dump: a range of elements, as a table, CSV, JSON or raw bytes; with --follow also what is pushed from then on.
 *
 * Each element is one that the vector had during the dump; the dump as a whole is no snapshot. Elements go out one by one, so that a dump of
 * any size needs little memory. What is printed, load takes.
 */
#include "shmctl_elements.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct column columns[] = {
    {"INDEX", COLUMN_NUMBER, 0, "index of the element"},
    {"VALUE", COLUMN_TEXT, 0, "the element, in the format chosen; of several fields, the columns FIELD1, FIELD2, ..."},
    {"VERSION", COLUMN_NUMBER, COLUMN_ASKED, "a version of the vector at which it was current"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    {'s', "from", "INDEX", "first element; default 0"},
    {'c', "count", "COUNT", "most elements to print; default all from there"},
    {'n', "last", "COUNT", "the last COUNT elements instead"},
    FIELDS_OPTION,
    {'H', "header", NULL,
     "say first, in lines that begin with #, what load --create needs; with raw it is so anyway, but for --noheadings"},
    {'F', "follow", NULL, "go on with what is pushed, until interrupted or the segment is removed"},
    {0, NULL, NULL, NULL},
};

enum { PART = 4096, BATCH_BYTES = 65536, OUTPUT_BYTES = 65536 };

struct dump {
    struct call *call;
    lfvec_t *v;
    uint64_t from, count, last;
    bool follow, header;
    struct fields fields;
    unsigned char *batch; /* of elements read by one call */
    uint64_t most;        /* that fit there */
    struct rows rows;
    struct progress progress;
};

/* ---- elements ---- */

static int cannot_write(const struct dump *dump)
{
    return complain(BLIND, lfvec_name(dump->v), "cannot write the dump: %s; make room, or send it elsewhere", strerror(errno));
}

static bool put_batch(struct dump *dump, uint64_t index, uint64_t count)
{
    const size_t size = dump->fields.size;
    const uint64_t version = lfvec_last_version();
    for (uint64_t i = 0; i < count; i++)
        rows_put(&dump->rows, index + i, dump->batch + i * size, version);
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
    const bool versions = rows_show(&dump->rows, ROW_VERSION);
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
    rows_flush(&dump->rows);
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

/* Of elements that go elsewhere than to stdio's usual 4 KiB at a time, most of the cost would be system calls. */
static void open_output(struct dump *dump)
{
    static char room[OUTPUT_BYTES];
    if (!isatty(STDOUT_FILENO) && !dump->follow)
        setvbuf(stdout, room, _IOFBF, sizeof room);
    rows_open(&dump->rows, dump->call, &dump->fields);
    if (dump->follow)
        rows_fix(&dump->rows, 99999999);
    else if (dump->count > PART)
        rows_fix(&dump->rows, dump->from + dump->count);
}

static int put_header(struct dump *dump)
{
    struct lfvec_stat st;
    const bool wanted = dump->header || (dump->fields.kind == FILE_RAW && !dump->call->noheadings);
    const int status = wanted ? look_at(dump->v, &st) : DONE;
    if (wanted && status == DONE)
        header_put(&st, &dump->fields);
    return status;
}

static int put(struct dump *dump)
{
    uint64_t next = dump->from;
    int status = put_header(dump);
    if (status != DONE)
        return status;
    open_output(dump);
    open_batch(dump);
    progress_open(&dump->progress, "dump", dump->count);
    if (isatty(STDOUT_FILENO) || dump->follow)
        progress_never(&dump->progress); /* the elements themselves show how it goes */
    status = put_elements(dump, &next, dump->from + dump->count);
    progress_close(&dump->progress);
    if (status == DONE && dump->follow)
        status = follow(dump, next);
    rows_close(&dump->rows);
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
    fields_refuse_terminal(&dump->fields, dump->call);
    return put(dump);
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
    else if (key == 'H')
        dump->header = true;
    else
        fields_option(&dump->fields, dump->call, arg);
}

static void check_options(const struct dump *dump)
{
    const bool counted = dump->count != UINT64_MAX;
    if (dump->call->json && dump->fields.kind != FILE_TEXT)
        call_usage(dump->call, "--json and --format %s exclude each other", dump->fields.option);
    if (dump->call->json && dump->header)
        call_usage(dump->call, "--json has no --header; --format jsonl has");
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
    .details =
        "The default format is that of the segment; if it has none, decimal for elements of 8 bytes, hex for others. Types of fields:\n"
        "u8 to u64 and i8 to i64, in hex h8 to h64, floats f32 and f64, N bytes as a string sN or in hex xN; they lie as in a C struct,\n"
        "or without gaps if only that has the size of the elements. csv is CSV as RFC 4180 has it, jsonl a JSON object a line. load\n"
        "takes what is printed, except --json.",
    .example = PROGRAM " dump --from 1000 --count 20 --format csv,u32,f32 /points",
    .options = options,
    .columns = columns,
    .style = REPORT_ROWS,
    .report = "elements",
    .run = run,
};
