/*
 * shmctl_pop.c - pop: removes the last elements and prints them. Exit status 1 if there were fewer than asked for.
 *
 * Elements are printed in parts: if the output fails (full disk), at most a part is gone unseen, not all of them.
 */
#include "shmctl.h"

#include <errno.h>
#include <string.h>

enum { VALUE, VERSION };

static const struct column columns[] = {
    [VALUE] = {"VALUE", COLUMN_TEXT, 0, "the element, in the format chosen"},
    [VERSION] = {"VERSION", COLUMN_NUMBER, COLUMN_DETAIL, "version of the vector that the pop made"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    {'n', "count", "COUNT", "how many; default 1"},
    VALUE_FORMAT_OPTION,
    {0, NULL, NULL, NULL},
};

enum { PART = 64 };

struct pop {
    const struct call *call;
    lfvec_t *v;
    uint64_t count, done;
    enum value_format format;
    struct value value;
    struct report report;
};

static bool put(struct pop *pop)
{
    if (pop->value.format == VALUE_RAW)
        return fwrite(pop->value.elem, pop->value.size, 1, stdout) == 1;
    report_row(&pop->report);
    report_value(&pop->report, VALUE, &pop->value);
    report_number(&pop->report, VERSION, lfvec_last_version());
    if (pop->report.rows == PART)
        report_flush(&pop->report);
    return !ferror(stdout);
}

static int pop_elements(struct pop *pop)
{
    const char *name = lfvec_name(pop->v);
    for (; pop->done < pop->count; pop->done++) {
        int error = lfvec_pop(pop->v, pop->value.elem);
        if (error == -EAGAIN && pop->done == 0)
            return complain(NO, name, "empty; push something first");
        if (error == -EAGAIN)
            return complain(NO, name, "empty after %llu of %llu; push more first", (unsigned long long)pop->done,
                            (unsigned long long)pop->count);
        if (error)
            return failed(pop->v, "pop", error);
        if (!put(pop))
            return complain(BLIND, name, "cannot write what was popped: %s", strerror(errno));
    }
    return DONE;
}

static int pop_all(struct pop *pop)
{
    value_init(&pop->value, pop->call, pop->v, pop->format, INPUT_NUMBER);
    bool raw = pop->value.format == VALUE_RAW;
    if (!raw)
        report_open(&pop->report, pop->call);
    if (!raw && value_is_number(&pop->value))
        report_as_number(&pop->report, VALUE);
    int status = pop_elements(pop);
    if (!raw)
        report_close(&pop->report);
    value_free(&pop->value);
    return status;
}

static int run(struct call *call)
{
    struct pop pop = {.call = call, .count = 1};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;) {
        if (key == 'n')
            pop.count = call_number(call, "--count", optarg, 1, UINT64_MAX);
        else
            pop.format = value_format_option(call, optarg);
    }
    const char *name = call_name(call, 0, 0);
    pop.v = open_sound(name, 0, &status);
    if (!pop.v)
        return status;
    status = pop_all(&pop);
    lfvec_detach(pop.v);
    return status;
}

const struct command command_pop = {
    .name = "pop",
    .group = GROUP_ELEMENTS,
    .operands = "/NAME",
    .summary = "remove the last elements and print them, last first",
    .details = "Exit status 1 if there were fewer than asked for. The default format is decimal for 8 bytes, hex for others.",
    .example = PROGRAM " pop -n 3 /jobs",
    .options = options,
    .columns = columns,
    .style = REPORT_VALUES,
    .report = "elements",
    .run = run,
};
