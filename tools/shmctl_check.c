/*
 * shmctl_check.c - check: the library's audit of one segment, and what each participant last did. Exit status 1 if it found a fault.
 */
#include "shmctl.h"

#include <errno.h>
#include <string.h>

enum {
    NAME,
    RESULT,
    FAULT,
    WHERE,
    MESSAGE,
    VERSION,
    ELEMENTS,
    LEAVES_LIVE,
    LEAVES_IDLE,
    LEAVES_HELD,
    LEAVES_FREE,
    LEAVES_LOST,
    SLOTS_DEAD,
    PASSES
};

static const struct column columns[] = {
    [NAME] = {"NAME", COLUMN_TEXT, 0, "name of the segment"},
    [RESULT] = {"RESULT", COLUMN_TEXT, 0, "sound, damaged, or inconclusive: others were at work all the time"},
    [FAULT] = {"FAULT", COLUMN_TEXT, 0, "kind of the first fault, or none"},
    [WHERE] = {"WHERE", COLUMN_NUMBER, 0, "directory entry, slab or slot of it"},
    [MESSAGE] = {"MESSAGE", COLUMN_TEXT, 0, "the fault in one sentence"},
    [VERSION] = {"VERSION", COLUMN_NUMBER, 0, "of the vector, during the last pass"},
    [ELEMENTS] = {"ELEMENTS", COLUMN_NUMBER, 0, "at that version"},
    [LEAVES_LIVE] = {"LEAVES_LIVE", COLUMN_NUMBER, 0, "leaves that hold elements"},
    [LEAVES_IDLE] = {"LEAVES_IDLE", COLUMN_NUMBER, 0, "leaves kept beyond the size"},
    [LEAVES_HELD] = {"LEAVES_HELD", COLUMN_NUMBER, 0, "leaves in the hands of participants"},
    [LEAVES_FREE] = {"LEAVES_FREE", COLUMN_NUMBER, 0, "free leaves in committed slabs"},
    [LEAVES_LOST] = {"LEAVES_LOST", COLUMN_NUMBER, 0, "leaves in use that nothing refers to"},
    [SLOTS_DEAD] = {"SLOTS_DEAD", COLUMN_NUMBER, 0, "dead participants, not yet recovered: no fault"},
    [PASSES] = {"PASSES", COLUMN_NUMBER, 0, "passes needed"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct column slot_columns[] = {
    SLOT_COLUMNS_ALL,
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const char *fault_text(uint32_t fault)
{
    static const char *const names[] = {
        [LFVEC_FAULT_NONE] = "none",           [LFVEC_FAULT_HEADER] = "header", [LFVEC_FAULT_HEAD] = "head", [LFVEC_FAULT_RANGE] = "range",
        [LFVEC_FAULT_DIRECTORY] = "directory", [LFVEC_FAULT_TWICE] = "twice",   [LFVEC_FAULT_FREE] = "free", [LFVEC_FAULT_LEAK] = "leak",
        [LFVEC_FAULT_SLAB] = "slab",           [LFVEC_FAULT_SLOT] = "slot",
    };
    return fault < sizeof names / sizeof names[0] ? names[fault] : "?";
}

static const char *result_text(const struct lfvec_audit *audit, bool damaged)
{
    if (damaged)
        return "damaged";
    return audit->conclusive ? "sound" : "inconclusive";
}

static void show_figures(struct report *report, const struct lfvec_audit *audit)
{
    report_number(report, VERSION, audit->version);
    report_number(report, ELEMENTS, audit->elements);
    report_number(report, LEAVES_LIVE, audit->leaves_live);
    report_number(report, LEAVES_IDLE, audit->leaves_idle);
    report_number(report, LEAVES_HELD, audit->leaves_held);
    report_number(report, LEAVES_FREE, audit->leaves_free);
    report_number(report, LEAVES_LOST, audit->leaves_lost);
    report_number(report, SLOTS_DEAD, audit->slots_dead);
    report_number(report, PASSES, audit->passes);
}

/* Those that are held, or that somebody died in. */
static void show_slots(struct report *report, lfvec_t *v)
{
    struct lfvec_participant p;
    for (uint32_t slot = 1; slots_look(v, slot, &p) == 0; slot++)
        if (p.state != LFVEC_SLOT_FREE)
            slots_row(report, &p);
}

static void show(const struct call *call, lfvec_t *v, const struct lfvec_audit *audit, bool damaged)
{
    struct report report, slots;
    report_open(&report, call);
    report_row(&report);
    report_text(&report, NAME, lfvec_name(v));
    report_text(&report, RESULT, result_text(audit, damaged));
    report_text(&report, FAULT, fault_text(audit->fault));
    report_number(&report, WHERE, audit->where);
    report_text(&report, MESSAGE, audit->message);
    show_figures(&report, audit);
    report_open_slots(&slots, call);
    show_slots(&slots, v);
    report_close_both(&report, &slots);
}

/* Inconclusive is no fault: whoever watches a busy vector must not be woken by it. */
static int judge(const char *name, const struct lfvec_audit *audit, bool damaged)
{
    if (damaged)
        return complain(NO, name, "damaged: %s; end its users, save what dump still reads, then rm and create it", audit->message);
    if (!audit->conclusive)
        remark(name, "no fault seen, but others were at work all the time; check again when it is quieter");
    return DONE;
}

static int run(struct call *call)
{
    struct lfvec_audit audit;
    int status = DONE;
    call_next(call);
    const char *name = call_name(call, 0, 0);
    lfvec_t *v = open_segment(name, LFVEC_RDONLY, &status);
    if (!v)
        return status;
    memset(&audit, 0, sizeof audit);
    int error = lfvec_check(v, &audit);
    if (error && error != -EBADMSG) {
        status = failed(v, "check", error);
    } else {
        show(call, v, &audit, error != 0);
        status = judge(name, &audit, error != 0);
    }
    lfvec_detach(v);
    return status;
}

const struct command command_check = {
    .name = "check",
    .group = GROUP_LOOK,
    .operands = "/NAME",
    .summary = "audit a segment: exit status 1 if it is damaged",
    .details = "May run beside writers; a busy vector can be inconclusive, which is no fault. Dead participants are none either:\n"
               "the second table has them and the living, what each last did, and whether that took effect.",
    .example = PROGRAM " check /jobs && echo sound",
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "audit",
    .slots = slot_columns,
    .run = run,
};
