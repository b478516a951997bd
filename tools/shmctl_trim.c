/*
 * shmctl_trim.c - trim: frees the leaves that are kept beyond the size, and gives empty slabs to all participants.
 *
 * It does no harm to anybody, live participants included; that it asks and refuses like the other commands that change a segment as a whole
 * is for the sake of those who measure on it, and of one rule for all.
 */
#include "shmctl_care.h"

#include <errno.h>
#include <string.h>

enum { FREED, SLABS, USED, CAPACITY };

static const struct column columns[] = {
    [FREED] = {"LEAVES_FREED", COLUMN_NUMBER, 0, "leaves in use before, and not any more"},
    [SLABS] = {"SLABS_RELEASED", COLUMN_NUMBER, 0, "slabs that belong to no participant any more"},
    [USED] = {"LEAVES_USED", COLUMN_NUMBER, 0, "leaves still in use"},
    [CAPACITY] = {"CAPACITY", COLUMN_NUMBER, 0, "elements that fit without more memory"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

/* The audit counts what trim would free. */
static int idle_leaves(lfvec_t *v, struct lfvec_audit *audit)
{
    memset(audit, 0, sizeof *audit);
    int error = lfvec_check(v, audit);
    return error ? failed(v, "look", error) : DONE;
}

static int plan(const struct call *call, lfvec_t *v, const struct lfvec_stat *st)
{
    struct lfvec_audit audit;
    struct report report;
    char memory[16];
    int status = idle_leaves(v, &audit);
    if (status != DONE)
        return status;
    const char *about = audit.conclusive ? "" : "about ";
    text_bytes(memory, sizeof memory, audit.leaves_idle * st->leaf_bytes);
    plan_open(&report, call);
    plan_step(&report, "free", lfvec_name(v),
              "%s%llu leaves (%s) kept beyond its %llu elements; its memory stays committed to it, for reuse", about,
              (unsigned long long)audit.leaves_idle, memory, (unsigned long long)st->size);
    report_close(&report);
    return DONE;
}

static uint64_t less(uint64_t before, uint64_t after)
{
    return before > after ? before - after : 0;
}

static int trim(const struct call *call, lfvec_t *v)
{
    struct lfvec_stat before, after;
    struct report report;
    int status = look_at(v, &before);
    if (status != DONE)
        return status;
    int error = lfvec_trim(v);
    if (error)
        return failed(v, "trim", error);
    status = look_at(v, &after);
    if (status != DONE)
        return status;
    report_open(&report, call);
    report_row(&report);
    report_number(&report, FREED, less(before.leaves_used, after.leaves_used));
    report_number(&report, SLABS, less(after.slabs_unowned, before.slabs_unowned));
    report_number(&report, USED, after.leaves_used);
    report_number(&report, CAPACITY, after.capacity);
    report_close(&report);
    return DONE;
}

static int question(const struct call *call, lfvec_t *v, const struct lfvec_stat *st)
{
    struct lfvec_audit audit;
    int status = idle_leaves(v, &audit);
    if (status != DONE)
        return status;
    return ask(call, lfvec_name(v), "free %llu leaves beyond its %llu elements?", (unsigned long long)audit.leaves_idle,
               (unsigned long long)st->size);
}

static int run(struct call *call)
{
    return care_run(call, &(const struct care){plan, question, trim});
}

const struct command command_trim = {
    .name = "trim",
    .group = GROUP_CARE,
    .flags = COMMAND_ASKS,
    .operands = "/NAME",
    .summary = "free the leaves that are kept beyond the size",
    .details = "The memory stays committed to the segment, and any participant may use it. Asks on a terminal; elsewhere it needs --yes.\n"
               "Refuses while live participants exist, unless --force, though it does not disturb them.",
    .example = PROGRAM " trim --dry-run /jobs",
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "trim",
    .run = run,
};
