/*
 * shmctl_get.c - get: prints elements by their indexes. Exit status 1 if one of them is beyond the size.
 */
#include "shmctl.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { INDEX, VALUE, VERSION };

static const struct column columns[] = {
    [INDEX] = {"INDEX", COLUMN_NUMBER, COLUMN_DETAIL, "index of the element"},
    [VALUE] = {"VALUE", COLUMN_TEXT, 0, "the element, in the format chosen"},
    [VERSION] = {"VERSION", COLUMN_NUMBER, COLUMN_DETAIL, "a version of the vector at which it was current"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    VALUE_FORMAT_OPTION,
    {0, NULL, NULL, NULL},
};

static int get_one(struct report *report, lfvec_t *v, const struct value *value, uint64_t index)
{
    int error = lfvec_get(v, index, value->elem);
    if (error == -ERANGE && judge_state(v) != DONE)
        return NO;
    if (error == -ERANGE)
        return complain(NO, lfvec_name(v), "there is no element %llu; it has %llu, counted from 0", (unsigned long long)index,
                        (unsigned long long)lfvec_size(v));
    if (error)
        return failed(v, "get", error);
    if (value->format == VALUE_RAW)
        return fwrite(value->elem, value->size, 1, stdout) == 1 ? DONE : BLIND;
    report_row(report);
    report_number(report, INDEX, index);
    report_value(report, VALUE, value);
    report_number(report, VERSION, lfvec_last_version());
    return DONE;
}

static int get_all(const struct call *call, lfvec_t *v, enum value_format format)
{
    struct value value;
    struct report report;
    int status = DONE;
    value_init(&value, call, v, format, INPUT_NUMBER);
    bool raw = value.format == VALUE_RAW;
    if (!raw)
        report_open(&report, call);
    if (!raw && value_is_number(&value))
        report_as_number(&report, VALUE);
    for (int i = 0; status == DONE && i < call->argc; i++)
        status = get_one(&report, v, &value, call_number(call, "INDEX", call->argv[i], 0, UINT64_MAX));
    if (!raw)
        report_close(&report);
    value_free(&value);
    return status;
}

static int run(struct call *call)
{
    enum value_format format = VALUE_DEFAULT;
    int status = DONE;
    while (call_next(call))
        format = value_format_option(call, optarg);
    const char *name = call_name(call, 1, INT_MAX);
    lfvec_t *v = open_segment(name, LFVEC_RDONLY, &status);
    if (!v)
        return status;
    status = get_all(call, v, format);
    if (status == DONE)
        status = judge_state(v);
    lfvec_detach(v);
    return status;
}

const struct command command_get = {
    .name = "get",
    .group = GROUP_ELEMENTS,
    .operands = "/NAME INDEX...",
    .summary = "print elements by their indexes",
    .details = "The default format is decimal for elements of 8 bytes, hex for others.",
    .example = PROGRAM " get /jobs 0 1",
    .options = options,
    .columns = columns,
    .style = REPORT_VALUES,
    .report = "elements",
    .run = run,
};
