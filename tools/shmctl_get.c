/*
 * shmctl_get.c - get: prints elements by their indexes. Exit status 1 if one of them is beyond the size.
 */
#include "shmctl_elements.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static const struct column columns[] = {
    {"INDEX", COLUMN_NUMBER, COLUMN_DETAIL, "index of the element"},
    {"VALUE", COLUMN_TEXT, 0, "the element, in the format chosen; of several fields, the columns FIELD1, FIELD2, ..."},
    {"VERSION", COLUMN_NUMBER, COLUMN_DETAIL, "a version of the vector at which it was current"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    FIELDS_OPTION,
    {0, NULL, NULL, NULL},
};

static int get_one(struct rows *rows, lfvec_t *v, unsigned char *elem, uint64_t index)
{
    int error = lfvec_get(v, index, elem);
    if (error == -ERANGE && judge_state(v) != DONE)
        return NO;
    if (error == -ERANGE)
        return complain(NO, lfvec_name(v), "there is no element %llu; it has %llu, counted from 0", (unsigned long long)index,
                        (unsigned long long)lfvec_size(v));
    if (error)
        return failed(v, "get", error);
    rows_put(rows, index, elem, lfvec_last_version());
    return DONE;
}

static int get_all(const struct call *call, lfvec_t *v, struct fields *fields)
{
    struct rows rows;
    int status = DONE;
    fields_fit(fields, call, v);
    fields_refuse_terminal(fields, call);
    unsigned char *elem = need(fields->size);
    rows_open(&rows, call, fields);
    for (int i = 0; status == DONE && i < call->argc; i++)
        status = get_one(&rows, v, elem, call_number(call, "INDEX", call->argv[i], 0, UINT64_MAX));
    rows_close(&rows);
    free(elem);
    return status;
}

static int run(struct call *call)
{
    struct fields fields = {.count = 0};
    int status = DONE;
    while (call_next(call))
        fields_option(&fields, call, optarg);
    const char *name = call_name(call, 1, INT_MAX);
    lfvec_t *v = open_segment(name, LFVEC_RDONLY, &status);
    if (!v)
        return status;
    status = get_all(call, v, &fields);
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
    .details = "The default format is that of the segment; if it has none, decimal for elements of 8 bytes, hex for others.",
    .example = PROGRAM " get /jobs 0 1",
    .options = options,
    .columns = columns,
    .style = REPORT_VALUES,
    .report = "elements",
    .run = run,
};
