/*
 * shmctl_ps.c - ps: the participants of a segment, one row for each slot that is not free.
 */
#include "shmctl.h"

#include <errno.h>
#include <string.h>

enum {
    SLOT,
    PID,
    TID,
    STATE,
    COMMAND,
    NODE,
    SINCE,
    PUSHES,
    POPS,
    SETS,
    CLEARS,
    SLABS,
    SPARES,
    IN_FLIGHT,
    LEASED,
    LAST_VERSION,
    CAS_RETRIES,
    HELPS,
    PID_NS
};

static const struct column columns[] = {
    [SLOT] = {"SLOT", COLUMN_NUMBER, 0, "number of the slot"},
    [PID] = {"PID", COLUMN_NUMBER, 0, "process, as numbered in its own pid namespace"},
    [TID] = {"TID", COLUMN_NUMBER, 0, "thread"},
    [STATE] = {"STATE", COLUMN_TEXT, 0, "alive, stopped, dead, or unknown"},
    [COMMAND] = {"COMMAND", COLUMN_TEXT, 0, "name of the thread"},
    [NODE] = {"NODE", COLUMN_NUMBER, 0, "NUMA node that it started on; -1 = unknown"},
    [SINCE] = {"SINCE", COLUMN_NUMBER, 0, "when it took the slot"},
    [PUSHES] = {"PUSHES", COLUMN_NUMBER, 0, "by this slot, past holders included"},
    [POPS] = {"POPS", COLUMN_NUMBER, 0, "likewise"},
    [SETS] = {"SETS", COLUMN_NUMBER, 0, "likewise"},
    [CLEARS] = {"CLEARS", COLUMN_NUMBER, COLUMN_DETAIL, "likewise"},
    [SLABS] = {"SLABS", COLUMN_NUMBER, 0, "slabs that it owns"},
    [SPARES] = {"SPARES", COLUMN_NUMBER, COLUMN_DETAIL, "leaves in hand"},
    [IN_FLIGHT] = {"IN_FLIGHT", COLUMN_NUMBER, COLUMN_DETAIL, "version that an unfinished operation tries to make; 0 = none"},
    [LEASED] = {"LEASED", COLUMN_BOOL, COLUMN_DETAIL, "whether it holds an element that it has not acknowledged"},
    [LAST_VERSION] = {"LAST_VERSION", COLUMN_NUMBER, COLUMN_DETAIL, "version of its last operation"},
    [CAS_RETRIES] = {"CAS_RETRIES", COLUMN_NUMBER, COLUMN_DETAIL, "attempts lost to another participant"},
    [HELPS] = {"HELPS", COLUMN_NUMBER, COLUMN_DETAIL, "operations of others completed"},
    [PID_NS] = {"PID_NS", COLUMN_NUMBER, COLUMN_DETAIL, "inode of its pid namespace"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static void show_participant(struct report *report, const struct lfvec_participant *p)
{
    report_row(report);
    report_number(report, SLOT, p->slot);
    report_signed(report, PID, p->pid);
    report_signed(report, TID, p->tid);
    report_text(report, STATE, text_state(p->state));
    report_text(report, COMMAND, p->name);
    report_signed(report, NODE, p->node);
    report_time(report, SINCE, p->since);
    report_number(report, PUSHES, p->pushes);
    report_number(report, POPS, p->pops);
    report_number(report, SETS, p->sets);
    report_number(report, CLEARS, p->clears);
    report_number(report, SLABS, p->slabs);
    report_number(report, SPARES, p->spares);
    report_number(report, IN_FLIGHT, p->in_flight);
    report_bool(report, LEASED, p->leased);
    report_number(report, LAST_VERSION, p->last_version);
    report_number(report, CAS_RETRIES, p->cas_retries);
    report_number(report, HELPS, p->helps);
    report_number(report, PID_NS, p->pid_ns);
}

/* Until the library says that there is no such slot: needs no lfvec_stat(), so one bad slot does not hide the others. */
static int show_all(struct report *report, lfvec_t *v)
{
    int status = DONE;
    for (uint32_t slot = 1;; slot++) {
        struct lfvec_participant p;
        int error = slots_look(v, slot, &p);
        if (error == -ERANGE)
            return status;
        if (error)
            return failed(v, "look", error);
        if (p.state != LFVEC_SLOT_FREE)
            show_participant(report, &p);
    }
}

static int run(struct call *call)
{
    struct report report;
    int status = DONE;
    call_next(call);
    const char *name = call_name(call, 0, 0);
    lfvec_t *v = open_segment(name, LFVEC_RDONLY, &status);
    if (!v)
        return status;
    report_open(&report, call);
    status = show_all(&report, v);
    report_close(&report);
    if (status == DONE)
        status = judge_state(v);
    lfvec_detach(v);
    return status;
}

const struct command command_ps = {
    .name = "ps",
    .group = GROUP_LOOK,
    .operands = "/NAME",
    .summary = "list its participants, live and dead",
    .details = "Who only attaches, or only reads, holds no slot and is not listed.",
    .example = PROGRAM " ps --json /jobs",
    .columns = columns,
    .style = REPORT_ROWS,
    .report = "participants",
    .run = run,
};
