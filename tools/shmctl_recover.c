/*
 * shmctl_recover.c - recover: frees the slots of dead participants; with --force those of unknown ones, too.
 *
 * Recovering the dead needs no confirmation: whoever takes the slot next would do the same. An unknown holder may be alive in another
 * container, and then elements may be lost; that is a person's decision.
 */
#include "shmctl_care.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RECOVERED, ALIVE, UNKNOWN, OPS_WON, OPS_LOST, LEAVES_FREED, SPARES_FREED, LEASES_RETURNED, SLABS_RELEASED };

static const struct column columns[] = {
    [RECOVERED] = {"SLOTS_RECOVERED", COLUMN_NUMBER, 0, "slots of dead participants, now free"},
    [ALIVE] = {"SLOTS_ALIVE", COLUMN_NUMBER, 0, "held by live participants"},
    [UNKNOWN] = {"SLOTS_UNKNOWN", COLUMN_NUMBER, 0, "held, and it cannot be told by whom"},
    [OPS_WON] = {"OPS_WON", COLUMN_NUMBER, 0, "unfinished operations that had taken effect, and were completed"},
    [OPS_LOST] = {"OPS_LOST", COLUMN_NUMBER, 0, "unfinished operations that had not, and were dropped"},
    [LEAVES_FREED] = {"LEAVES_FREED", COLUMN_NUMBER, 0, "replaced leaves that the dead had not freed yet"},
    [SPARES_FREED] = {"SPARES_FREED", COLUMN_NUMBER, 0, "leaves that they had in hand"},
    [LEASES_RETURNED] = {"LEASES_RETURNED", COLUMN_NUMBER, 0, "unacknowledged elements pushed back"},
    [SLABS_RELEASED] = {"SLABS_RELEASED", COLUMN_NUMBER, 0, "empty slabs given back to all"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

enum { RESULT = SLOT_COLUMNS, UNFINISHED, FREED, RETURNED, RELEASED };

static const struct column slot_columns[] = {
    SLOT_COLUMNS_ALL,
    [RESULT] = {"RESULT", COLUMN_TEXT, 0, "recovered, forced, left (as it is), or failed; with --dry-run: recover, force, or leave"},
    [UNFINISHED] = {"UNFINISHED", COLUMN_TEXT, 0, "what became of an unfinished operation: completed, or dropped"},
    [FREED] = {"FREED", COLUMN_NUMBER, 0, "leaves freed: replaced ones, and those in hand; - = not known beforehand"},
    [RETURNED] = {"RETURNED", COLUMN_MAYBE, 0, "whether a leased element was pushed back"},
    [RELEASED] = {"RELEASED", COLUMN_NUMBER, 0, "empty slabs given back to all; - = not known beforehand"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

enum { FILL_HOLES = 0x100 };

static const struct opt options[] = {
    {FILL_HOLES, "fill-holes", NULL, "first give memory to what should have it and has none, as in a sparse copy"},
    {'s', "slot", "SLOT", "with --force: only this slot"},
    {0, NULL, NULL, NULL},
};

struct recover {
    const struct call *call;
    lfvec_t *v;
    struct lfvec_stat st;
    uint32_t slot;                  /* 0 = all */
    struct lfvec_participant *seen; /* those there were when it was decided to use force; [0] is not used */
};

/* What was found in one slot, and done with it. */
struct found {
    struct lfvec_participant was;
    struct lfvec_recovery did;
    bool forced;
    int error;
};

/* ---- the reports ---- */

static void show_totals(struct report *report, const struct lfvec_recovery *sum)
{
    report_row(report);
    report_number(report, RECOVERED, sum->slots_recovered);
    report_number(report, ALIVE, sum->slots_alive);
    report_number(report, UNKNOWN, sum->slots_unknown);
    report_number(report, OPS_WON, sum->ops_won);
    report_number(report, OPS_LOST, sum->ops_lost);
    report_number(report, LEAVES_FREED, sum->leaves_freed);
    report_number(report, SPARES_FREED, sum->spares_freed);
    report_number(report, LEASES_RETURNED, sum->leases_returned);
    report_number(report, SLABS_RELEASED, sum->slabs_released);
}

static void show_text(struct report *report, int column, const char *text)
{
    if (text)
        report_text(report, column, text);
    else
        report_none(report, column);
}

/* Nothing of a slot that nobody holds, and in which nothing was left. */
static bool worth_a_row(const struct found *f)
{
    const struct lfvec_recovery *d = &f->did;
    return f->was.state != LFVEC_SLOT_FREE || f->error || d->slots_recovered || d->slots_alive || d->slots_unknown || d->ops_won ||
           d->ops_lost || d->leaves_freed || d->spares_freed || d->leases_returned || d->slabs_released;
}

static const char *result_text(const struct found *f)
{
    if (f->did.slots_alive || f->did.slots_unknown)
        return "left";
    if (f->error && !f->did.slots_recovered)
        return "failed";
    return f->forced ? "forced" : "recovered";
}

static void show_found(struct report *report, const struct found *f)
{
    const char *result = result_text(f);
    slots_row(report, &f->was);
    report_text(report, RESULT, result);
    show_text(report, UNFINISHED, f->did.ops_won ? "completed" : f->did.ops_lost ? "dropped" : NULL);
    if (strcmp(result, "left") == 0) {
        report_none(report, FREED);
        report_none(report, RETURNED);
        report_none(report, RELEASED);
        return;
    }
    report_number(report, FREED, (uint64_t)f->did.leaves_freed + f->did.spares_freed);
    report_maybe(report, RETURNED, f->did.leases_returned != 0);
    report_number(report, RELEASED, f->did.slabs_released);
}

/* ---- one slot ---- */

static bool same_holder(const struct lfvec_participant *a, const struct lfvec_participant *b)
{
    return a->state == b->state && a->pid == b->pid && a->tid == b->tid && a->pid_ns == b->pid_ns && a->since == b->since;
}

/*
 * What could not be recovered, and may be by force: an unknown holder, if it is the one that there was when a person decided; and a dead one,
 * of whose lock the kernel has lost the trace. The library does not touch the living whatever is asked of it.
 */
static bool by_force(const struct recover *recover, const struct found *f)
{
    if (!recover->call->force || !f->did.slots_unknown || (recover->slot && recover->slot != f->was.slot))
        return false;
    return f->was.state == LFVEC_SLOT_DEAD || (f->was.state == LFVEC_SLOT_UNKNOWN && same_holder(&recover->seen[f->was.slot], &f->was));
}

static void recover_one(const struct recover *recover, uint32_t slot, struct found *f)
{
    struct lfvec_recovery forced;
    memset(f, 0, sizeof *f);
    memset(&forced, 0, sizeof forced);
    f->error = slots_look(recover->v, slot, &f->was);
    if (!f->error)
        f->error = lfvec_recover_slot(recover->v, slot, &f->did);
    if (f->error || !by_force(recover, f))
        return;
    int error = lfvec_recover_forced(recover->v, slot, &forced);
    if (error == -EBUSY) /* its holder has changed meanwhile: it lives */
        return;
    f->error = error;
    f->did = forced;
    f->forced = true;
}

static void add(struct lfvec_recovery *sum, const struct lfvec_recovery *one)
{
    sum->slots_recovered += one->slots_recovered;
    sum->slots_alive += one->slots_alive;
    sum->slots_unknown += one->slots_unknown;
    sum->ops_won += one->ops_won;
    sum->ops_lost += one->ops_lost;
    sum->leaves_freed += one->leaves_freed;
    sum->spares_freed += one->spares_freed;
    sum->leases_returned += one->leases_returned;
    sum->slabs_released += one->slabs_released;
}

/* All slots, whatever becomes of some: the first error is the answer. */
static int recover_all(const struct recover *recover)
{
    struct lfvec_recovery sum;
    struct report report, slots;
    int error = 0;
    memset(&sum, 0, sizeof sum);
    report_open(&report, recover->call);
    report_open_slots(&slots, recover->call);
    for (uint32_t slot = 1; slot <= recover->st.max_slots; slot++) {
        struct found f;
        recover_one(recover, slot, &f);
        if (worth_a_row(&f))
            show_found(&slots, &f);
        add(&sum, &f.did);
        error = error ? error : f.error;
    }
    show_totals(&report, &sum);
    report_close_both(&report, &slots);
    if (error)
        return failed(recover->v, "recover", error);
    if (sum.slots_unknown && !recover->call->force)
        remark(lfvec_name(recover->v), "%u slots are held and it cannot be told by whom; if those are gone, recover --force %s",
               sum.slots_unknown, lfvec_name(recover->v));
    return DONE;
}

/* ---- --force ---- */

static int check_slot(const struct recover *recover)
{
    struct lfvec_participant p;
    const char *name = lfvec_name(recover->v);
    int error = lfvec_participant(recover->v, recover->slot, &p);
    if (error == -ERANGE)
        return complain(NO, name, "there is no slot %u; it has 1 to %u", recover->slot, recover->st.max_slots);
    if (error)
        return failed(recover->v, "recover", error);
    if (p.state == LFVEC_SLOT_FREE)
        return complain(NO, name, "slot %u is free, there is nothing to recover; " PROGRAM " ps %s shows those held", recover->slot, name);
    if (p.state == LFVEC_SLOT_ALIVE || p.state == LFVEC_SLOT_STOPPED)
        return complain(NO, name, "slot %u is held by live process %d (%.31s); end that first", recover->slot, p.pid, p.name);
    return DONE;
}

static int confirm(const struct recover *recover)
{
    if (recover->slot)
        return ask(recover->call, lfvec_name(recover->v), "recover slot %u by force? If its holder lives, elements may be lost.",
                   recover->slot);
    if (recover->st.slots_unknown == 0)
        return DONE; /* nothing that needs force */
    return ask(recover->call, lfvec_name(recover->v), "recover %u unknown participants by force? If they live, elements may be lost.",
               recover->st.slots_unknown);
}

/* ---- --dry-run ---- */

/* As lfvec_recover() would decide: an operation under way is complete if it is the last one, and that took effect. */
static const char *unfinished_then(const struct lfvec_participant *p)
{
    if (!p->in_flight)
        return NULL;
    return p->outcome == LFVEC_OUTCOME_WON && p->in_flight == p->op_version ? "completed" : "dropped";
}

/* A pop on lease that did not take effect has left the element where it was. */
static bool returned_then(const struct lfvec_participant *p)
{
    return p->leased && !(p->op == LFVEC_OP_POP_LEASE && p->outcome != LFVEC_OUTCOME_WON);
}

static void plan_slot(const struct recover *recover, struct report *slots, const struct lfvec_participant *p)
{
    bool forced = p->state == LFVEC_SLOT_UNKNOWN && recover->call->force && (!recover->slot || recover->slot == p->slot);
    bool touched = forced || p->state == LFVEC_SLOT_DEAD;
    slots_row(slots, p);
    report_text(slots, RESULT, forced ? "force" : touched ? "recover" : "leave");
    show_text(slots, UNFINISHED, touched ? unfinished_then(p) : NULL);
    report_none(slots, FREED);
    if (touched)
        report_maybe(slots, RETURNED, returned_then(p));
    else
        report_none(slots, RETURNED);
    report_none(slots, RELEASED);
}

static void plan_steps(const struct recover *recover, struct report *report)
{
    char target[32];
    plan_slots(report, recover->v, &recover->st, LFVEC_SLOT_DEAD);
    if (recover->call->force && !recover->slot)
        plan_slots(report, recover->v, &recover->st, LFVEC_SLOT_UNKNOWN);
    if (recover->slot && recover->seen[recover->slot].state == LFVEC_SLOT_UNKNOWN) {
        snprintf(target, sizeof target, "slot %u", recover->slot);
        plan_step(report, "recover", target, "by force");
    }
}

static int plan(const struct recover *recover)
{
    struct report report, slots;
    report_open_slots(&slots, recover->call);
    for (uint32_t slot = 1; slot <= recover->st.max_slots; slot++)
        if (recover->seen[slot].state != LFVEC_SLOT_FREE)
            plan_slot(recover, &slots, &recover->seen[slot]);
    if (recover->call->columns && slots.count) { /* who names columns of the slots wants no other table */
        report_close(&slots);
        return DONE;
    }
    plan_open(&report, recover->call);
    plan_steps(recover, &report);
    report_close_both(&report, &slots);
    return DONE;
}

/* Everybody who is there now. Of a slot that cannot be looked at, nothing. */
static void look_around(struct recover *recover)
{
    recover->seen = need((recover->st.max_slots + (size_t)1) * sizeof *recover->seen);
    for (uint32_t slot = 1; slot <= recover->st.max_slots; slot++)
        if (slots_look(recover->v, slot, &recover->seen[slot]))
            memset(&recover->seen[slot], 0, sizeof *recover->seen);
}

static int decide(struct recover *recover)
{
    int status = look_at(recover->v, &recover->st);
    if (status == DONE && recover->slot)
        status = check_slot(recover);
    if (status != DONE)
        return status;
    look_around(recover);
    if (recover->call->dry_run)
        return plan(recover);
    if (recover->call->force)
        status = confirm(recover);
    return status == DONE ? recover_all(recover) : status;
}

/* Asking for a region makes the library look at all of it. */
static int fill_holes(const char *name)
{
    struct lfvec_region region;
    int status = DONE, error = 0;
    lfvec_t *v = open_segment(name, LFVEC_FILL_HOLES, &status);
    if (!v)
        return status;
    for (uint64_t i = 0; !error; i++)
        error = lfvec_region(v, i, &region);
    status = error == -ERANGE ? DONE : failed(v, "fill", error);
    lfvec_detach(v);
    return status;
}

static int run(struct call *call)
{
    struct recover recover = {.call = call};
    bool fill = false;
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        if (key == FILL_HOLES)
            fill = true;
        else
            recover.slot = (uint32_t)call_number(call, "--slot", optarg, 1, 2047);
    if (recover.slot && !call->force)
        call_usage(call, "--slot needs --force; the dead are all recovered without either");
    if (fill && call->dry_run)
        call_usage(call, "--fill-holes cannot be tried with --dry-run");
    const char *name = call_name(call, 0, 0);
    if (fill)
        status = fill_holes(name);
    if (status != DONE)
        return status;
    recover.v = care_open(call, name, &status);
    if (!recover.v)
        return status;
    status = decide(&recover);
    free(recover.seen);
    lfvec_detach(recover.v);
    return status;
}

const struct command command_recover = {
    .name = "recover",
    .group = GROUP_CARE,
    .flags = COMMAND_ASKS,
    .operands = "/NAME",
    .summary = "free the slots of dead participants",
    .details = "With --force those of unknown participants (another pid namespace), too: only if you know that they are gone.\n"
               "Live participants are never touched. The second table has a row for each slot that is held, or that somebody died in:\n"
               "what its holder last did, whether that took effect, and what was done with the slot.",
    .example = PROGRAM " recover --dry-run /jobs",
    .options = options,
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "recovery",
    .slots = slot_columns,
    .run = run,
};
