/*
 * shmctl_push.c - push: appends elements given on the command line or on standard input, and prints their indexes.
 *
 * Every value of the command line is parsed before the first is pushed: a mistake in the last one pushes nothing.
 */
#include "shmctl.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX, VERSION };

static const struct column columns[] = {
    [INDEX] = {"INDEX", COLUMN_NUMBER, 0, "index that the element got"},
    [VERSION] = {"VERSION", COLUMN_NUMBER, COLUMN_DETAIL, "version of the vector that the push made"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    VALUE_INPUT_OPTIONS,
    {'q', "quiet", NULL, "print no indexes"},
    {0, NULL, NULL, NULL},
};

enum { PART = 1024 };

struct push {
    struct call *call;
    lfvec_t *v;
    enum value_input input;
    bool quiet;
    struct value value;
    struct report report;
    uint64_t done;
};

/* Whoever pushed several must learn how many of them are in. */
static int push_failed(const struct push *push, int error)
{
    char what[64];
    snprintf(what, sizeof what, "push, after %llu that succeeded", (unsigned long long)push->done);
    return failed(push->v, push->done ? what : "push", error);
}

static int push_one(struct push *push, const unsigned char *elem)
{
    uint64_t index;
    int error = lfvec_push(push->v, elem, &index);
    if (error)
        return push_failed(push, error);
    push->done++;
    if (push->quiet)
        return DONE;
    report_row(&push->report);
    report_number(&push->report, INDEX, index);
    report_number(&push->report, VERSION, lfvec_last_version());
    if (push->report.rows == PART)
        report_flush(&push->report);
    return DONE;
}

static unsigned char *parse_all(const struct push *push)
{
    size_t size = push->value.size, count = (size_t)push->call->argc;
    unsigned char *elems = need(size * count);
    for (size_t i = 0; i < count; i++) {
        const char *text = push->call->argv[i];
        const char *fault = value_parse(&push->value, text, elems + i * size);
        if (!fault)
            continue;
        complain(USAGE, lfvec_name(push->v), "value \"%.60s\": %s; nothing was pushed", text, fault);
        free(elems);
        return NULL;
    }
    return elems;
}

static int push_operands(struct push *push)
{
    unsigned char *elems = parse_all(push);
    int status = elems ? DONE : USAGE;
    for (int i = 0; status == DONE && i < push->call->argc; i++)
        status = push_one(push, elems + (size_t)i * push->value.size);
    free(elems);
    return status;
}

static int push_stdin(struct push *push)
{
    const char *name = lfvec_name(push->v);
    for (;;) {
        size_t part;
        int got = value_read(&push->value, push->value.elem, &part);
        if (got == 0)
            return DONE;
        if (got < 0 && ferror(stdin))
            return complain(BLIND, name, "cannot read standard input: %s; %llu were pushed", strerror(errno),
                            (unsigned long long)push->done);
        if (got < 0)
            return complain(NO, name, "the input ends amid an element, with %zu of %u bytes; that one was left out, %llu were pushed", part,
                            push->value.size, (unsigned long long)push->done);
        int status = push_one(push, push->value.elem);
        if (status != DONE)
            return status;
    }
}

static int push_all(struct push *push)
{
    value_init(&push->value, push->call, push->v, VALUE_DEFAULT, push->input);
    report_open(&push->report, push->call);
    int status = push->input == INPUT_STDIN ? push_stdin(push) : push_operands(push);
    report_close(&push->report);
    value_free(&push->value);
    return status;
}

static int run(struct call *call)
{
    struct push push = {.call = call, .input = INPUT_NUMBER};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        if (!value_input_option(key, &push.input))
            push.quiet = true;
    bool from_stdin = push.input == INPUT_STDIN;
    const char *name = call_name(call, from_stdin ? 0 : 1, from_stdin ? 0 : INT_MAX);
    push.v = open_sound(name, 0, &status);
    if (!push.v)
        return status;
    status = push_all(&push);
    lfvec_detach(push.v);
    return status;
}

const struct command command_push = {
    .name = "push",
    .group = GROUP_ELEMENTS,
    .operands = "/NAME VALUE...",
    .summary = "append elements and print their indexes",
    .details = "A value is a number, decimal or hex after 0x, for elements of 1, 2, 4 or 8 bytes; others take --hex, --string or --stdin.\n"
               "Negative numbers come after --.",
    .example = PROGRAM " push /jobs 42 0x2a",
    .options = options,
    .columns = columns,
    .style = REPORT_VALUES,
    .report = "elements",
    .run = run,
};
