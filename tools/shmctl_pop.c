/*
 * shmctl_pop.c - pop: removes the last elements and prints them. Exit status 1 if there were fewer than asked for.
 *
 * Each element is popped on lease, and acknowledged when it has been written and flushed, or when the command that was to deal with it has
 * succeeded. If it could not be written, it goes back; if this process is killed, it goes back when the dead is recovered. So none is lost, and
 * one that was written in the moment of the kill may be seen twice.
 */
#include "shmctl_elements.h"

#include <errno.h>
#include <signal.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const struct column columns[] = {
    {"VALUE", COLUMN_TEXT, 0, "the element, in the format chosen; of several fields, the columns FIELD1, FIELD2, ..."},
    {"VERSION", COLUMN_NUMBER, COLUMN_DETAIL, "version of the vector that the pop made"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

enum { WAIT = LONG_ONLY, LEASE };

static const struct opt options[] = {
    {'n', "count", "COUNT", "how many; default 1"},
    FIELDS_OPTION,
    {WAIT, "wait", NULL, "wait for elements as long as there are fewer"},
    {'t', "timeout", "SECONDS", "wait, but at most so long in all; 0.5, 250ms, 10s, 5m and 1h are understood"},
    {LEASE, "lease", "COMMAND", "run COMMAND by the shell for each, the element on its input; what it fails on goes back"},
    {0, NULL, NULL, NULL},
};

struct pop {
    const struct call *call;
    lfvec_t *v;
    uint64_t count, done, timeout; /* timeout: ns; 0 = do not wait */
    const char *lease;
    struct fields fields;
    unsigned char *elem;
    struct rows rows;
};

static int empty(const struct pop *pop)
{
    const char *name = lfvec_name(pop->v);
    const char *more = pop->timeout == UINT64_MAX ? "nobody reads the output any more"
                       : pop->timeout             ? "waited until the time was over"
                                                  : "push something first";
    if (pop->done == 0)
        return complain(NO, name, "empty; %s", more);
    return complain(NO, name, "empty after %llu of %llu; %s", (unsigned long long)pop->done, (unsigned long long)pop->count,
                    pop->timeout ? more : "push more first");
}

/* The library's waiting pop is none on lease, and what it took would be lost with us: so this looks and sleeps by turns. */
static int take(struct pop *pop, struct pace *pace)
{
    for (;;) {
        const int error = lfvec_pop_lease(pop->v, pop->elem);
        if (!error)
            return DONE;
        if (error != -EAGAIN)
            return failed(pop->v, "pop", error);
        if (!pop->timeout)
            return empty(pop);
        if (lfvec_is_current(pop->v) == 0)
            return complain(NO, lfvec_name(pop->v), "removed or replaced by another segment meanwhile; wait for that one, if there is one");
        if (!pace_rest(pace, pop->lease ? -1 : STDOUT_FILENO))
            return empty(pop);
    }
}

/* ---- what becomes of it ---- */

static int give_back(struct pop *pop, int status)
{
    const int error = lfvec_release(pop->v);
    return error ? failed(pop->v, "give back what could not be dealt with", error) : status;
}

static int print(struct pop *pop)
{
    rows_put(&pop->rows, 0, pop->elem, lfvec_last_version());
    rows_flush(&pop->rows);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return DONE;
    const int error = errno;
    __fpurge(stdout); /* or the end of the process might write it after all */
    return give_back(pop, complain(BLIND, lfvec_name(pop->v),
                                   "cannot write what was popped: %s; %llu were written and are gone, the next one was given back",
                                   strerror(error), (unsigned long long)pop->done));
}

/* The element as it would be printed, with a line end unless it is raw. */
static bool feed(struct pop *pop, FILE *to)
{
    char *room = need(fields_room(&pop->fields));
    const enum render how = pop->fields.kind == FILE_CSV     ? RENDER_CSV
                            : pop->fields.kind == FILE_JSONL ? RENDER_JSON
                            : pop->fields.count == 1         ? RENDER_BARE
                                                             : RENDER_TEXT;
    if (pop->fields.kind == FILE_RAW)
        fwrite(pop->elem, 1, pop->fields.size, to);
    for (int i = 0; i < pop->fields.count && pop->fields.kind != FILE_RAW; i++) {
        const bool last = i + 1 == pop->fields.count;
        fwrite(room, 1, (size_t)(fields_put(room, &pop->fields, i, pop->elem, how) - room), to);
        fputc(last ? '\n' : pop->fields.kind == FILE_CSV ? ',' : ' ', to);
    }
    free(room);
    return !ferror(to);
}

static int hand_on(struct pop *pop)
{
    FILE *to = popen(pop->lease, "w");
    if (!to)
        return give_back(pop, complain(BLIND, lfvec_name(pop->v), "cannot run a shell: %s; the element was given back", strerror(errno)));
    /* Unbuffered: a command need not read, and pclose() would take what could not be flushed for a failure of the command. */
    (void)setvbuf(to, NULL, _IONBF, 0);
    (void)feed(pop, to);
    const int end = pclose(to);
    if (end == 0)
        return DONE;
    const bool killed = end > 0 && WIFSIGNALED(end);
    return give_back(pop, complain(NO, lfvec_name(pop->v), "the command %s %d; %llu were dealt with, this one was given back",
                                   killed ? "was ended by signal" : "failed with status", killed ? WTERMSIG(end) : WEXITSTATUS(end),
                                   (unsigned long long)pop->done));
}

static int pop_elements(struct pop *pop)
{
    struct pace pace;
    pace_begin(&pace, pop->timeout);
    for (; pop->done < pop->count; pop->done++) {
        int status = take(pop, &pace);
        if (status == DONE)
            status = pop->lease ? hand_on(pop) : print(pop);
        if (status != DONE)
            return status;
        const int error = lfvec_ack(pop->v);
        if (error)
            return failed(pop->v, "acknowledge what was popped", error);
        pace_again(&pace);
    }
    return DONE;
}

/* What nobody reads is an error of the write, and given back. A handler, since what is ignored would be so in a command of --lease as well. */
static void reader_gone(int signal)
{
    (void)signal;
}

static int pop_all(struct pop *pop)
{
    signal(SIGPIPE, reader_gone);
    fields_fit(&pop->fields, pop->call, pop->v);
    fields_refuse_terminal(&pop->fields, pop->call);
    pop->elem = need(pop->fields.size);
    rows_open(&pop->rows, pop->call, &pop->fields);
    int status = pop_elements(pop);
    rows_close(&pop->rows);
    free(pop->elem);
    return status;
}

static void set_option(struct pop *pop, int key, const char *arg)
{
    if (key == 'n')
        pop->count = call_number(pop->call, "--count", arg, 1, UINT64_MAX);
    else if (key == WAIT)
        pop->timeout = pop->timeout ? pop->timeout : UINT64_MAX;
    else if (key == 't')
        pop->timeout = call_seconds(pop->call, "--timeout", arg) + 1; /* a wait of no time is one */
    else if (key == LEASE)
        pop->lease = arg;
    else
        fields_option(&pop->fields, pop->call, arg);
}

static int run(struct call *call)
{
    struct pop pop = {.call = call, .count = 1};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        set_option(&pop, key, optarg);
    if (pop.lease && call->json)
        call_usage(call, "--lease prints nothing, so it does not go with --json");
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
    .details =
        "Exit status 1 if there were fewer than asked for. An element is gone when it has been written; if it cannot be, it goes back.\n"
        "The default format is that of the segment; if it has none, decimal for 8 bytes, hex for others.",
    .example = PROGRAM " pop -n 3 /jobs",
    .options = options,
    .columns = columns,
    .style = REPORT_VALUES,
    .report = "elements",
    .run = run,
};
