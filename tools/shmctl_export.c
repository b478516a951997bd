/*
 * shmctl_export.c - export: figures of segments in the text format of Prometheus, for its node exporter's textfile collector or a CGI.
 *
 * All figures of one metric stand together, as the format demands, so every segment is looked at first.
 */
#include "shmctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what was seen ---- */

struct seen {
    char *name;
    bool up;
    struct lfvec_stat st;
};

struct export
{
    const struct call *call;
    const char *file;
    struct seen *seen;
    size_t count, room;
    FILE *out;
    struct skipped skipped;
    int status; /* of those that were found rather than named */
};

static struct seen *add(struct export *export, const char *name)
{
    if (export->count == export->room) {
        struct seen *more = need((2 * export->room + 8) * sizeof *more);
        if (export->count)
            memcpy(more, export->seen, export->count * sizeof *more);
        free(export->seen);
        export->seen = more;
        export->room = 2 * export->room + 8;
    }
    struct seen *seen = &export->seen[export->count++];
    seen->name = need(strlen(name) + 1);
    strcpy(seen->name, name);
    return seen;
}

/* Of those found by themselves, what is none of ours is left out, and so is what may be anything. */
static void look_found(void *context, const char *name, const struct stat *file)
{
    struct export *export = context;
    lfvec_t *v = lfvec_open(name, LFVEC_RDONLY, NULL);
    int error = errno;
    (void)file;
    if (!v && (scan_skips(&export->skipped, error) || error == EACCES || !scan_why(error)))
        return;
    struct seen *seen = add(export, name);
    seen->up = v && lfvec_stat(v, &seen->st) == 0;
    if (!v && error == EBADMSG)
        (void)open_failed(name, error);
    if (v ? judge_state(v) != DONE : error == EBADMSG)
        export->status = NO;
    lfvec_detach(v);
}

/* One that was asked for is in the output whatever becomes of it, and its exit status tells. */
static int look_named(struct export *export, const char *name)
{
    int status = DONE;
    lfvec_t *v = open_sound(name, LFVEC_RDONLY, &status);
    struct seen *seen = add(export, name);
    if (v)
        status = look_at(v, &seen->st);
    seen->up = status == DONE;
    lfvec_detach(v);
    return status;
}

static int look(struct export *export)
{
    int worst = DONE;
    if (export->call->argc == 0) {
        worst = scan_objects(look_found, export);
        const int blind = scan_tell(&export->skipped);
        worst = worst == DONE ? export->status : worst;
        return worst == DONE ? blind : worst;
    }
    for (int i = 0; i < export->call->argc; i++) {
        int status = look_named(export, export->call->argv[i]);
        worst = status > worst ? status : worst;
    }
    return worst;
}

/* ---- the metrics ---- */

struct metric {
    const char *name, *type, *help;
    size_t at; /* of a uint64_t in struct lfvec_stat */
};

#define GAUGE(name, field, help)                                                                                                           \
    {                                                                                                                                      \
        name, "gauge", help, offsetof(struct lfvec_stat, field)                                                                            \
    }
#define COUNTER(name, field, help)                                                                                                         \
    {                                                                                                                                      \
        name "_total", "counter", help, offsetof(struct lfvec_stat, field)                                                                 \
    }

static const struct metric metrics[] = {
    GAUGE("elements", size, "Elements in the vector."),
    GAUGE("capacity_elements", capacity, "Elements that fit without more memory."),
    GAUGE("limit_elements", max_elems, "Most elements that the vector may hold."),
    GAUGE("committed_bytes", bytes_committed, "Memory that the segment occupies."),
    GAUGE("limit_bytes", max_bytes, "Most memory that the segment may occupy."),
    GAUGE("leaves", leaves_total, "Leaves in committed slabs."),
    GAUGE("leaves_used", leaves_used, "Leaves in use."),
    GAUGE("slabs_owned", slabs_owned, "Slabs owned by a participant."),
    GAUGE("slabs_unowned", slabs_unowned, "Slabs committed and owned by no participant."),
    GAUGE("created_timestamp_seconds", created, "When the segment was created, since the epoch."),
    COUNTER("mutations", version, "Mutations of the vector: its version."),
    COUNTER("pushes", pushes, "Elements pushed, by past participants too."),
    COUNTER("pops", pops, "Elements popped, by past participants too."),
    COUNTER("sets", sets, "Elements replaced, by past participants too."),
    COUNTER("clears", clears, "Times that the vector was cleared."),
    COUNTER("cas_retries", cas_retries, "Attempts lost to another participant."),
    COUNTER("helps", helps, "Operations of others that were completed."),
    COUNTER("recoveries", recoveries, "Dead participants that were recovered."),
    COUNTER("grows", grows, "Times that memory was committed."),
};

static void heading(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP lfvec_%s %s\n# TYPE lfvec_%s %s\n", name, help, name, type);
}

/* Exactly: two segments with one label would have a reader refuse all. */
static void label(FILE *out, const char *name, const char *value)
{
    char *visible = text_exact(value);
    fprintf(out, "%s=\"", name);
    for (const char *at = visible; *at; at++)
        fprintf(out, "%s%c", *at == '"' || *at == '\\' ? "\\" : "", *at);
    fputc('"', out);
    free(visible);
}

static void sample(FILE *out, const char *metric, const char *segment, const char *key, const char *value, uint64_t number)
{
    fprintf(out, "lfvec_%s{", metric);
    label(out, "segment", segment);
    if (key) {
        fputc(',', out);
        label(out, key, value);
    }
    fprintf(out, "} %llu\n", (unsigned long long)number);
}

static void put_metric(const struct export *export, const struct metric *metric)
{
    heading(export->out, metric->name, metric->type, metric->help);
    for (size_t i = 0; i < export->count; i++) {
        uint64_t number;
        memcpy(&number, (const char *)&export->seen[i].st + metric->at, sizeof number);
        if (export->seen[i].up)
            sample(export->out, metric->name, export->seen[i].name, NULL, NULL, number);
    }
}

static void put_up(const struct export *export)
{
    heading(export->out, "up", "gauge", "Whether the segment could be looked at: 1, or 0.");
    for (size_t i = 0; i < export->count; i++)
        sample(export->out, "up", export->seen[i].name, NULL, NULL, export->seen[i].up);
}

static void put_slots(const struct export *export)
{
    heading(export->out, "slots", "gauge", "Slots for participants, by the state of their holders.");
    for (size_t i = 0; i < export->count; i++) {
        const struct seen *seen = &export->seen[i];
        const uint32_t slots[] = {
            [LFVEC_SLOT_FREE] = seen->st.slots_free,       [LFVEC_SLOT_ALIVE] = seen->st.slots_alive,
            [LFVEC_SLOT_STOPPED] = seen->st.slots_stopped, [LFVEC_SLOT_DEAD] = seen->st.slots_dead,
            [LFVEC_SLOT_UNKNOWN] = seen->st.slots_unknown,
        };
        for (uint32_t state = 0; seen->up && state < sizeof slots / sizeof slots[0]; state++)
            sample(export->out, "slots", seen->name, "state", text_state(state), slots[state]);
    }
}

static void put_sizes(const struct export *export)
{
    heading(export->out, "element_size_bytes", "gauge", "Bytes of one element.");
    for (size_t i = 0; i < export->count; i++)
        if (export->seen[i].up)
            sample(export->out, "element_size_bytes", export->seen[i].name, NULL, NULL, export->seen[i].st.elem_size);
}

static void put_space(FILE *out)
{
    uint64_t available, total;
    if (!shm_space(&available, &total))
        return;
    heading(out, "shm_free_bytes", "gauge", "Memory free in the file system of the segments.");
    fprintf(out, "lfvec_shm_free_bytes %llu\n", (unsigned long long)available);
    heading(out, "shm_size_bytes", "gauge", "Size of the file system of the segments.");
    fprintf(out, "lfvec_shm_size_bytes %llu\n", (unsigned long long)total);
}

static bool any_up(const struct export *export)
{
    for (size_t i = 0; i < export->count; i++)
        if (export->seen[i].up)
            return true;
    return false;
}

static void put_all(const struct export *export)
{
    const size_t count = any_up(export) ? sizeof metrics / sizeof metrics[0] : 0;
    if (export->count)
        put_up(export);
    for (size_t i = 0; i < count; i++)
        put_metric(export, &metrics[i]);
    if (count) {
        put_sizes(export);
        put_slots(export);
    }
    put_space(export->out);
}

static int put(struct export *export)
{
    struct file file;
    int status = file_open(&file, export->file ? export->file : "-", "-o");
    if (status != DONE)
        return status;
    export->out = file.out;
    put_all(export);
    return file_close(&file);
}

/* ---- */

enum { PROMETHEUS = LONG_ONLY };

static const struct opt options[] = {
    {PROMETHEUS, "prometheus", NULL, "in the text format of Prometheus: the only one, and the default"},
    {'o', "output", "FILE", "write FILE, as a whole or not at all; - is standard output, the default"},
    {0, NULL, NULL, NULL},
};

static void check_names(const struct call *call)
{
    for (int i = 0; i < call->argc; i++) {
        const char *fault = name_fault(call->argv[i]);
        if (fault)
            exit(complain(USAGE, call->argv[i], "%s", fault));
    }
}

static int run(struct call *call)
{
    struct export export = {.call = call};
    for (int key; (key = call_next(call)) != 0;)
        if (key == 'o')
            export.file = optarg;
    check_names(call);
    int status = look(&export);
    int written = put(&export);
    for (size_t i = 0; i < export.count; i++)
        free(export.seen[i].name);
    free(export.seen);
    return written == DONE ? status : written;
}

const struct command command_export = {
    .name = "export",
    .group = GROUP_LOOK,
    .operands = "[/NAME...]",
    .summary = "print figures for Prometheus",
    .details = "Of all segments that may be read, or of those named. One that cannot be looked at, or is damaged, has lfvec_up 0;\n"
               "the exit status is then that of info, if it was named, and 1 if it was found damaged.",
    .example = PROGRAM " export --prometheus -o /var/lib/prometheus/node-exporter/lfvec.prom",
    .options = options,
    .style = REPORT_NONE,
    .run = run,
};
