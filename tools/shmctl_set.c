/*
 * shmctl_set.c - set, cas and add: replace one element: by a value, if it has the one expected, or by the sum with another.
 */
#include "shmctl_elements.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct opt set_options[] = {
    VALUE_INPUT_OPTIONS,
    {0, NULL, NULL, NULL},
};

static const struct opt word_options[] = {
    FIELDS_OPTION,
    {0, NULL, NULL, NULL},
};

static const struct column sum_columns[] = {
    {"VALUE", COLUMN_TEXT, 0, "the sum, in the format chosen"},
    {"VERSION", COLUMN_NUMBER, COLUMN_DETAIL, "version of the vector that the addition made"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static int no_such(lfvec_t *v, uint64_t index)
{
    return complain(NO, lfvec_name(v), "there is no element %llu; it has %llu, counted from 0", (unsigned long long)index,
                    (unsigned long long)lfvec_size(v));
}

static int parsed(const struct value_input *input, const char *name, const char *text, void *elem)
{
    const char *fault = value_parse(input, text, elem);
    return fault ? complain(USAGE, name, "value \"%.60s\": %s; nothing was set", text, fault) : DONE;
}

/* ---- set ---- */

static int fill(const struct value_input *input, const char *name, const char *text, unsigned char *elem)
{
    size_t part;
    if (!input->from_stdin)
        return parsed(input, name, text, elem);
    if (value_read(&input->fields, elem, &part) == 1)
        return DONE;
    if (ferror(stdin))
        return complain(BLIND, name, "cannot read standard input: %s; nothing was set", strerror(errno));
    return complain(NO, name, "the input has %zu of the %u bytes of an element; nothing was set", part, input->fields.size);
}

static int set(const struct call *call, lfvec_t *v, uint64_t index, struct value_input *input)
{
    value_fit(input, call, v);
    unsigned char *elem = need(input->fields.size);
    int status = fill(input, lfvec_name(v), call->argv[1], elem);
    if (status == DONE) {
        const int error = lfvec_set(v, index, elem);
        status = error == -ERANGE ? no_such(v, index) : error ? failed(v, "set", error) : DONE;
    }
    free(elem);
    return status;
}

/* ---- words ---- */

static void words_only(const struct call *call, const lfvec_t *v)
{
    if (lfvec_elem_size(v) != 8)
        call_usage(call, "elements of %u bytes cannot be compared or added to in one step, those of 8 can; get and set do it in two",
                   lfvec_elem_size(v));
}

static const char *shown(const struct fields *fields, const uint64_t *word, char *room)
{
    char *to = room;
    for (int i = 0; i < fields->count; i++) {
        to = fields_put(to, fields, i, (const unsigned char *)word, fields->count == 1 ? RENDER_BARE : RENDER_CSV);
        *to++ = ',';
    }
    to[-1] = '\0';
    return room;
}

static int cas(const struct call *call, lfvec_t *v, uint64_t index, struct value_input *input)
{
    uint64_t expected, desired;
    words_only(call, v);
    value_fit(input, call, v);
    int status = parsed(input, lfvec_name(v), call->argv[1], &expected);
    if (status == DONE)
        status = parsed(input, lfvec_name(v), call->argv[2], &desired);
    if (status != DONE)
        return status;
    const int error = lfvec_cas_u64(v, index, &expected, desired);
    if (error == -ECANCELED) {
        char *room = need(fields_room(&input->fields));
        status = complain(NO, lfvec_name(v), "element %llu is %s, and not %s; nothing was set", (unsigned long long)index,
                          shown(&input->fields, &expected, room), call->argv[1]);
        free(room);
        return status;
    }
    return error == -ERANGE ? no_such(v, index) : error ? failed(v, "cas", error) : DONE;
}

static int add(const struct call *call, lfvec_t *v, uint64_t index, struct value_input *input)
{
    uint64_t delta, sum;
    struct rows rows;
    words_only(call, v);
    value_fit(input, call, v);
    if (input->fields.count != 1 || !strchr("uih", input->fields.of[0].kind))
        call_usage(call, "only integers can be added to; with --format decimal or signed, elements of 8 bytes are taken as such");
    int status = parsed(input, lfvec_name(v), call->argv[1], &delta);
    if (status != DONE)
        return status;
    const int error = lfvec_fetch_add_u64(v, index, delta, &sum);
    if (error)
        return error == -ERANGE ? no_such(v, index) : failed(v, "add", error);
    sum += delta;
    rows_open(&rows, call, &input->fields);
    rows_put(&rows, index, (const unsigned char *)&sum, lfvec_last_version());
    rows_close(&rows);
    return DONE;
}

/* ---- */

typedef int action(const struct call *call, lfvec_t *v, uint64_t index, struct value_input *input);

static int run(struct call *call, int operands, action *act)
{
    struct value_input input = {.hex = false};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        value_option(&input, call, key, optarg);
    operands -= input.from_stdin;
    const char *name = call_name(call, operands, operands);
    uint64_t index = call_number(call, "INDEX", call->argv[0], 0, UINT64_MAX);
    lfvec_t *v = open_sound(name, 0, &status);
    if (!v)
        return status;
    status = act(call, v, index, &input);
    lfvec_detach(v);
    return status;
}

static int run_set(struct call *call)
{
    return run(call, 2, set);
}

static int run_cas(struct call *call)
{
    return run(call, 3, cas);
}

static int run_add(struct call *call)
{
    return run(call, 2, add);
}

const struct command command_set = {
    .name = "set",
    .group = GROUP_ELEMENTS,
    .operands = "/NAME INDEX VALUE",
    .summary = "replace an element",
    .details = "Values are as for push.",
    .example = PROGRAM " set /jobs 0 43",
    .options = set_options,
    .style = REPORT_NONE,
    .run = run_set,
};

const struct command command_cas = {
    .name = "cas",
    .group = GROUP_ELEMENTS,
    .operands = "/NAME INDEX EXPECTED VALUE",
    .summary = "replace an element if it is the one expected",
    .details =
        "In one atomic step, for elements of 8 bytes. If it has another value, that is told, and the exit status is 1. Values are as\n"
        "for push.",
    .example = PROGRAM " cas /jobs 0 42 43",
    .options = word_options,
    .style = REPORT_NONE,
    .run = run_cas,
};

const struct command command_add = {
    .name = "add",
    .group = GROUP_ELEMENTS,
    .operands = "/NAME INDEX NUMBER",
    .summary = "add to an element and print the sum",
    .details = "In one atomic step, for integers of 8 bytes. Beyond 64 bits it goes on from 0. Negative numbers come after --.",
    .example = PROGRAM " add /jobs 0 1",
    .options = word_options,
    .columns = sum_columns,
    .style = REPORT_VALUES,
    .report = "elements",
    .run = run_add,
};
