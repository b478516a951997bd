/*
 * shmctl_push.c - push: appends elements given on the command line or on standard input, and prints their indexes.
 *
 * Every value of the command line is parsed before the first is pushed: a mistake in the last one pushes nothing. Where the indexes cannot be
 * written, it ends, and says how many elements are in.
 */
#include "shmctl_elements.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const struct column columns[] = {
    {"INDEX", COLUMN_NUMBER, 0, "index that the element got"},
    {"VERSION", COLUMN_NUMBER, COLUMN_DETAIL, "version of the vector that the push made"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

enum { CREATE = LONG_ONLY };

static const struct opt options[] = {
    VALUE_INPUT_OPTIONS,
    {CREATE, "create", NULL, "create the segment if there is none: elements of 8 bytes, or as --format has them"},
    {'q', "quiet", NULL, "print no indexes"},
    {0, NULL, NULL, NULL},
};

enum { PART = 1024 };

struct push {
    struct call *call;
    lfvec_t *v;
    struct value_input input;
    bool quiet, create;
    struct rows rows;
    uint64_t done;
};

/* A caller that pushed several must learn how many of them are in. */
static int push_failed(const struct push *push, int error)
{
    char what[64];
    snprintf(what, sizeof what, "push, after %llu that succeeded", (unsigned long long)push->done);
    return failed(push->v, push->done ? what : "push", error);
}

static int written_so_far(struct push *push)
{
    rows_flush(&push->rows);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return DONE;
    return complain(BLIND, lfvec_name(push->v), "%llu were pushed, but not all indexes could be written: %s; do not push these again",
                    (unsigned long long)push->done, strerror(errno));
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
    rows_put(&push->rows, index, elem, lfvec_last_version());
    return push->done % PART ? DONE : written_so_far(push);
}

static unsigned char *parse_all(const struct push *push)
{
    size_t size = push->input.fields.size, count = (size_t)push->call->argc;
    unsigned char *elems = need(size * count);
    for (size_t i = 0; i < count; i++) {
        const char *text = push->call->argv[i];
        const char *fault = value_parse(&push->input, text, elems + i * size);
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
        status = push_one(push, elems + (size_t)i * push->input.fields.size);
    free(elems);
    return status;
}

static int take(void *context, const unsigned char *elem)
{
    return push_one(context, elem);
}

static uint64_t done(void *context)
{
    return ((struct push *)context)->done;
}

/* Raw bytes: those of a dump, with its header, or of any other program. */
static int push_stdin(struct push *push)
{
    struct input input = {.name = lfvec_name(push->v), .fields = push->input.fields, .take = take, .done = done, .context = push};
    input.fields.kind = FILE_RAW;
    int status = input_open(&input);
    if (status == DONE)
        status = header_check(&input.header, push->v);
    if (status == DONE)
        status = input_run(&input);
    input_close(&input);
    return status;
}

static int push_all(struct push *push)
{
    signal(SIGPIPE, SIG_IGN); /* to say what was pushed, if nobody reads where */
    value_fit(&push->input, push->call, push->v);
    rows_open(&push->rows, push->call, NULL);
    int status = push->input.from_stdin ? push_stdin(push) : push_operands(push);
    rows_close(&push->rows);
    if (status == DONE && !push->quiet)
        status = written_so_far(push);
    return status;
}

static lfvec_t *open_or_create(const struct push *push, const char *name, int *status)
{
    struct lfvec_attr attr;
    if (!push->create)
        return open_sound(name, 0, status);
    lfvec_attr_init(&attr);
    strcpy(attr.elem_format, fields_elem_format(&push->input.fields));
    attr.elem_size = create_elem_size(attr.elem_format);
    return create_or_open(name, &attr, status);
}

static int run(struct call *call)
{
    struct push push = {.call = call};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;) {
        push.quiet |= key == 'q';
        push.create |= key == CREATE;
        (void)value_option(&push.input, call, key, optarg);
    }
    bool from_stdin = push.input.from_stdin;
    const char *name = call_name(call, from_stdin ? 0 : 1, from_stdin ? 0 : INT_MAX);
    push.v = open_or_create(&push, name, &status);
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
               "Of a segment with a format of its own, or with --format, it is what that says: several fields have commas in between and\n"
               "quotes as in CSV. Negative numbers come after --.",
    .example = PROGRAM " push /jobs 42 0x2a",
    .options = options,
    .columns = columns,
    .style = REPORT_VALUES,
    .report = "elements",
    .run = run,
};
