/*
 * shmctl_set.c - set: replaces one element.
 */
#include "shmctl.h"

#include <errno.h>
#include <string.h>

static const struct opt options[] = {
    VALUE_INPUT_OPTIONS,
    {0, NULL, NULL, NULL},
};

static int fill(const struct value *value, const char *name, const char *text)
{
    size_t part;
    if (value->input == INPUT_STDIN && value_read(value, value->elem, &part) == 1)
        return DONE;
    if (value->input == INPUT_STDIN && ferror(stdin))
        return complain(BLIND, name, "cannot read standard input: %s; nothing was set", strerror(errno));
    if (value->input == INPUT_STDIN)
        return complain(NO, name, "the input has %zu of the %u bytes of an element; nothing was set", part, value->size);
    const char *fault = value_parse(value, text, value->elem);
    return fault ? complain(USAGE, name, "value \"%.60s\": %s; nothing was set", text, fault) : DONE;
}

static int store(lfvec_t *v, uint64_t index, const struct value *value)
{
    int error = lfvec_set(v, index, value->elem);
    if (error == -ERANGE)
        return complain(NO, lfvec_name(v), "there is no element %llu; it has %llu, counted from 0", (unsigned long long)index,
                        (unsigned long long)lfvec_size(v));
    return error ? failed(v, "set", error) : DONE;
}

static int set(const struct call *call, lfvec_t *v, uint64_t index, enum value_input input)
{
    struct value value;
    value_init(&value, call, v, VALUE_DEFAULT, input);
    int status = fill(&value, lfvec_name(v), call->argv[1]);
    if (status == DONE)
        status = store(v, index, &value);
    value_free(&value);
    return status;
}

static int run(struct call *call)
{
    enum value_input input = INPUT_NUMBER;
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        value_input_option(key, &input);
    int operands = input == INPUT_STDIN ? 1 : 2;
    const char *name = call_name(call, operands, operands);
    uint64_t index = call_number(call, "INDEX", call->argv[0], 0, UINT64_MAX);
    lfvec_t *v = open_sound(name, 0, &status);
    if (!v)
        return status;
    status = set(call, v, index, input);
    lfvec_detach(v);
    return status;
}

const struct command command_set = {
    .name = "set",
    .group = GROUP_ELEMENTS,
    .operands = "/NAME INDEX VALUE",
    .summary = "replace an element",
    .details = "Values are as for push.",
    .example = PROGRAM " set /jobs 0 43",
    .options = options,
    .style = REPORT_NONE,
    .run = run,
};
