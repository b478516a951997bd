/*
 * shmctl_dump.c - dump: a range of elements, as a table, CSV or raw bytes.
 *
 * Each element is one that the vector had during the dump; the dump as a whole is no snapshot. Elements go out in parts, so that a dump
 * of any size needs little memory; only JSON has to be whole.
 */
#include "shmctl.h"

#include <errno.h>
#include <string.h>

enum { INDEX, VALUE, VERSION };

static const struct column columns[] = {
    [INDEX] = {"INDEX", COLUMN_NUMBER, 0, "index of the element"},
    [VALUE] = {"VALUE", COLUMN_TEXT, 0, "the element, in the format chosen"},
    [VERSION] = {"VERSION", COLUMN_NUMBER, COLUMN_ASKED, "a version of the vector at which it was current"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    {'s', "from", "INDEX", "first element; default 0"},
    {'c', "count", "COUNT", "most elements to print; default all from there"},
    {'f', "format", "FORMAT", "decimal, signed, hex, bytes, string, csv or raw"},
    {0, NULL, NULL, NULL},
};

enum { PART = 4096 };

struct dump {
    const struct call *call;
    lfvec_t *v;
    uint64_t from, count;
    enum value_format format;
    bool csv;
    struct value value;
    struct report report;
};

static int put_raw(struct dump *dump)
{
    if (fwrite(dump->value.elem, dump->value.size, 1, stdout) == 1)
        return DONE;
    return complain(BLIND, lfvec_name(dump->v), "cannot write the dump: %s", strerror(errno));
}

static int put_row(struct dump *dump, uint64_t index)
{
    struct report *report = &dump->report;
    report_row(report);
    report_number(report, INDEX, index);
    report_value(report, VALUE, &dump->value);
    report_number(report, VERSION, lfvec_last_version());
    if (report->rows == PART)
        report_flush(report);
    return ferror(stdout) ? BLIND : DONE;
}

/* The vector may shrink while it is dumped: then the dump ends where the vector does. */
static int put_elements(struct dump *dump)
{
    for (uint64_t i = 0; i < dump->count; i++) {
        int error = lfvec_get(dump->v, dump->from + i, dump->value.elem);
        if (error == -ERANGE)
            return DONE;
        if (error)
            return failed(dump->v, "dump", error);
        int status = dump->value.format == VALUE_RAW ? put_raw(dump) : put_row(dump, dump->from + i);
        if (status != DONE)
            return status;
    }
    return DONE;
}

static int digits(uint64_t number)
{
    int n = 1;
    while (number /= 10)
        n++;
    return n;
}

static void open_report(struct dump *dump)
{
    report_open(&dump->report, dump->call);
    if (dump->csv)
        report_csv(&dump->report);
    else
        report_width(&dump->report, INDEX, digits(dump->from + dump->count));
    if (value_is_number(&dump->value))
        report_as_number(&dump->report, VALUE);
}

static int put(struct dump *dump)
{
    value_init(&dump->value, dump->call, dump->v, dump->format, INPUT_NUMBER);
    bool raw = dump->value.format == VALUE_RAW;
    if (!raw)
        open_report(dump);
    int status = put_elements(dump);
    if (!raw)
        report_close(&dump->report);
    value_free(&dump->value);
    return status;
}

static int dump_range(struct dump *dump)
{
    uint64_t size = lfvec_size(dump->v);
    if (dump->from > size)
        return complain(NO, lfvec_name(dump->v), "--from %llu is beyond its %llu elements; begin below that",
                        (unsigned long long)dump->from, (unsigned long long)size);
    if (dump->count > size - dump->from)
        dump->count = size - dump->from;
    return put(dump);
}

static void set_format(struct dump *dump, const char *text)
{
    dump->csv = strcmp(text, "csv") == 0;
    dump->format = dump->csv ? VALUE_DEFAULT : value_format_option(dump->call, text);
}

static void set_option(struct dump *dump, int key, const char *arg)
{
    if (key == 's')
        dump->from = call_number(dump->call, "--from", arg, 0, UINT64_MAX);
    else if (key == 'c')
        dump->count = call_number(dump->call, "--count", arg, 0, UINT64_MAX);
    else
        set_format(dump, arg);
}

static int run(struct call *call)
{
    struct dump dump = {.call = call, .count = UINT64_MAX};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        set_option(&dump, key, optarg);
    if (call->json && (dump.csv || dump.format == VALUE_RAW))
        call_usage(call, "--json and --format %s exclude each other", dump.csv ? "csv" : "raw");
    const char *name = call_name(call, 0, 0);
    dump.v = open_segment(name, LFVEC_RDONLY, &status);
    if (!dump.v)
        return status;
    status = dump_range(&dump);
    lfvec_detach(dump.v);
    return status;
}

const struct command command_dump = {
    .name = "dump",
    .group = GROUP_LOOK,
    .operands = "/NAME",
    .summary = "print a range of elements",
    .details = "The default format is decimal for elements of 8 bytes, hex for others. JSON is made in memory as a whole.",
    .example = PROGRAM " dump --from 1000 --count 20 --format csv /jobs",
    .options = options,
    .columns = columns,
    .style = REPORT_ROWS,
    .report = "elements",
    .run = run,
};
