/*
 * shmctl_load.c - load: appends what dump printed, in any of its formats, from standard input or a file.
 *
 * Elements go in by batches, each of which is one atomic step. If a line makes no sense, those before it are in, and the message says how
 * many; a file that is read to its end first would have to fit into memory.
 */
#include "shmctl_elements.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LOADED, FIRST, VERSION };

static const struct column columns[] = {
    [LOADED] = {"LOADED", COLUMN_NUMBER, 0, "elements appended"},
    [FIRST] = {"FIRST", COLUMN_NUMBER, 0, "index of the first of them; - = there was none"},
    [VERSION] = {"VERSION", COLUMN_NUMBER, 0, "version of the vector that the last of them made"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

enum { CREATE = LONG_ONLY };

static const struct opt options[] = {
    {'f', "format", "FORMAT",
     "as for dump: decimal, signed, hex, bytes, string, raw, or fields: u64,i32,f64,s16; csv or jsonl, alone or before one of these"},
    {'i', "index", NULL, "the first column is an index, and is left out; under a heading INDEX it is so anyway"},
    {CREATE, "create", NULL, "create the segment if there is none: as the header of the dump has it, or of elements of the format"},
    {'q', "quiet", NULL, "print nothing"},
    {0, NULL, NULL, NULL},
};

struct load {
    const struct call *call;
    lfvec_t *v;
    const char *name;
    struct input input;
    unsigned char *batch;
    size_t size, held, most;
    uint64_t loaded, first;
    bool quiet, create;
    struct progress progress;
};

/* ---- into the vector ---- */

static int push_failed(const struct load *load, int error)
{
    char what[64];
    snprintf(what, sizeof what, "load, after %llu that are in", (unsigned long long)load->loaded);
    return failed(load->v, load->loaded ? what : "load", error);
}

/* A batch that is cut short is tried again for its rest: that has the error. */
static int push_batch(struct load *load)
{
    const size_t held = load->held;
    load->held = 0; /* whatever comes of it, it is not tried again */
    for (size_t done = 0; done < held;) {
        uint64_t first;
        int64_t n = lfvec_push_n(load->v, load->batch + done * load->size, held - done, &first);
        if (n < 0)
            return load->input.status = push_failed(load, (int)n);
        if (load->loaded == 0)
            load->first = first;
        done += (size_t)n;
        load->loaded += (uint64_t)n;
    }
    progress_step(&load->progress, load->progress.total ? load->input.bytes : load->loaded);
    return DONE;
}

static int keep(void *context, const unsigned char *elem)
{
    struct load *load = context;
    memcpy(load->batch + load->held * load->size, elem, load->size);
    return ++load->held == load->most ? push_batch(load) : DONE;
}

static uint64_t loaded(void *context)
{
    struct load *load = context;
    (void)push_batch(load);
    return load->loaded;
}

/* ---- */

static int show(const struct load *load)
{
    struct report report;
    report_open(&report, load->call);
    report_row(&report);
    report_number(&report, LOADED, load->loaded);
    if (load->loaded)
        report_number(&report, FIRST, load->first);
    else
        report_none(&report, FIRST);
    report_number(&report, VERSION, lfvec_last_version());
    report_close(&report);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return DONE;
    return complain(BLIND, load->name, "%llu were loaded, and that could not be written: %s; do not load them again",
                    (unsigned long long)load->loaded, strerror(errno));
}

static uint64_t input_bytes(void)
{
    struct stat input;
    return fstat(STDIN_FILENO, &input) == 0 && S_ISREG(input.st_mode) ? (uint64_t)input.st_size : 0;
}

static int load_all(struct load *load)
{
    struct fields *fields = &load->input.fields;
    fields_fit(fields, load->call, load->v);
    load->size = fields->size;
    load->most = lfvec_batch_most(load->v);
    load->batch = need(load->most * load->size);
    progress_open(&load->progress, "load", input_bytes());
    int status = input_run(&load->input);
    if (status == DONE)
        status = push_batch(load);
    progress_close(&load->progress);
    if (status == DONE && !load->quiet)
        status = show(load);
    free(load->batch);
    return status;
}

static int open_input(struct load *load)
{
    const char *file = load->call->argc ? load->call->argv[0] : "-";
    if (strcmp(file, "-") != 0 && !freopen(file, "r", stdin))
        return complain(BLIND, load->name, "cannot read %s: %s; nothing was loaded", file, strerror(errno));
    const int status = input_open(&load->input);
    if (status == DONE && *load->input.header.format && !load->input.fields.option)
        fields_option(&load->input.fields, load->call, load->input.header.format);
    return status;
}

/*
 * Without a header and without a format, the input is what dump prints of elements of 8 bytes, the
 * default of lfvec: larger ones are printed in a way that does not load as numbers.
 */
static lfvec_t *create(const struct load *load, int *status)
{
    const struct fields *fields = &load->input.fields;
    struct lfvec_attr attr = load->input.header.attr;
    if (!load->input.header.present) {
        const bool number = !fields->name || strcmp(fields->name, "decimal") == 0 || strcmp(fields->name, "signed") == 0;
        if (!fields->count && !number)
            call_usage(load->call,
                       "--create: the input does not say what its elements are; print it by dump --header, or give the fields by --format");
        lfvec_attr_init(&attr);
        strcpy(attr.elem_format, fields_elem_format(fields));
        attr.elem_size = fields->count ? fields_elem_size(fields) : 8;
    }
    return create_or_open(load->name, &attr, status);
}

static int open_and_load(struct load *load)
{
    int status = DONE;
    if (!load->create && !(load->v = open_sound(load->name, 0, &status)))
        return status;
    status = open_input(load);
    if (status == DONE && load->create)
        load->v = create(load, &status);
    if (status == DONE)
        status = header_check(&load->input.header, load->v);
    if (status == DONE)
        status = load_all(load);
    input_close(&load->input);
    lfvec_detach(load->v);
    return status;
}

static void set_option(struct load *load, int key, const char *arg)
{
    if (key == 'f')
        fields_option(&load->input.fields, load->call, arg);
    else if (key == 'i')
        load->input.indexed = true;
    else if (key == CREATE)
        load->create = true;
    else
        load->quiet = true;
}

static int run(struct call *call)
{
    struct load load = {.call = call};
    for (int key; (key = call_next(call)) != 0;)
        set_option(&load, key, optarg);
    load.name = call_name(call, 0, 1);
    signal(SIGPIPE, SIG_IGN); /* to say what was loaded, if nobody reads that */
    load.input.name = load.name;
    load.input.take = keep;
    load.input.done = loaded;
    load.input.context = &load;
    load.input.noheadings = call->noheadings;
    return open_and_load(&load);
}

const struct command command_load = {
    .name = "load",
    .group = GROUP_ELEMENTS,
    .operands = "/NAME [FILE]",
    .summary = "append what dump printed",
    .details =
        "Reads FILE or standard input: lines as dump prints them, separated by blanks or commas; with --format csv CSV as RFC 4180 has\n"
        "it, jsonl a JSON value a line, raw the bytes of elements. The same --format as for dump gives the same elements; from a dump\n"
        "with a header, none need be given. A column is an index only under that heading, or with --index; with --noheadings the\n"
        "first line is an element, whatever is in it. Indexes are not looked at: elements are appended in the order of the input.",
    .example = PROGRAM " load --format csv,u64,f32 /points points.csv",
    .options = options,
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "load",
    .run = run,
};
