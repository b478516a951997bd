/*
 * shmctl_reset.c - reset: recovers the dead participants and removes all elements. The segment and its memory stay.
 *
 * Recovery comes first: it returns elements on lease to the vector, and they are to go like the others.
 */
#include "shmctl_care.h"

#include <string.h>

enum { CLEARED, RECOVERED, LEASES_RETURNED };

static const struct column columns[] = {
    [CLEARED] = {"ELEMENTS_CLEARED", COLUMN_NUMBER, 0, "elements that there were just before"},
    [RECOVERED] = {"SLOTS_RECOVERED", COLUMN_NUMBER, 0, "slots of dead participants, now free"},
    [LEASES_RETURNED] = {"LEASES_RETURNED", COLUMN_NUMBER, 0, "elements on lease, returned and cleared with the others"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static int plan(const struct call *call, lfvec_t *v, const struct lfvec_stat *st)
{
    struct report report;
    plan_open(&report, call);
    plan_slots(&report, v, st, LFVEC_SLOT_DEAD);
    plan_step(&report, "clear", lfvec_name(v), "%llu elements", (unsigned long long)st->size);
    report_close(&report);
    return DONE;
}

static void show(const struct call *call, uint64_t cleared, const struct lfvec_recovery *recovery)
{
    struct report report;
    report_open(&report, call);
    report_row(&report);
    report_number(&report, CLEARED, cleared);
    report_number(&report, RECOVERED, recovery->slots_recovered);
    report_number(&report, LEASES_RETURNED, recovery->leases_returned);
    report_close(&report);
}

static int reset(const struct call *call, lfvec_t *v)
{
    struct lfvec_recovery recovery;
    memset(&recovery, 0, sizeof recovery);
    int error = lfvec_recover(v, &recovery);
    if (error)
        return failed(v, "recover", error);
    uint64_t size = lfvec_size(v);
    error = lfvec_clear(v);
    if (error)
        return failed(v, "clear", error);
    show(call, size, &recovery);
    return DONE;
}

static int question(const struct call *call, lfvec_t *v, const struct lfvec_stat *st)
{
    return ask(call, lfvec_name(v), "remove all %llu elements?", (unsigned long long)st->size);
}

static int run(struct call *call)
{
    return care_run(call, &(const struct care){plan, question, reset});
}

const struct command command_reset = {
    .name = "reset",
    .group = GROUP_CARE,
    .flags = COMMAND_ASKS,
    .operands = "/NAME",
    .summary = "remove all elements and recover the dead",
    .details = "Asks on a terminal; elsewhere it needs --yes. Refuses while live participants exist, unless --force.",
    .example = PROGRAM " reset --yes /jobs",
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "reset",
    .run = run,
};
