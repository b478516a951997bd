/*
 * shmctl_recover.c - recover: frees the slots of dead participants; with --force those of unknown ones, too.
 *
 * Recovering the dead needs no confirmation: whoever takes the slot next would do the same. An unknown holder may be alive in another
 * container, and then elements may be lost; that is a person's decision.
 */
#include "shmctl.h"

#include <errno.h>
#include <string.h>

enum { RECOVERED, ALIVE, UNKNOWN, OPS_WON, OPS_LOST, LEAVES_FREED, LEASES_RETURNED, SLABS_RELEASED };

static const struct column columns[] = {
    [RECOVERED] = {"SLOTS_RECOVERED", COLUMN_NUMBER, 0, "slots of dead participants, now free"},
    [ALIVE] = {"SLOTS_ALIVE", COLUMN_NUMBER, 0, "held by live participants"},
    [UNKNOWN] = {"SLOTS_UNKNOWN", COLUMN_NUMBER, 0, "held, and it cannot be told by whom"},
    [OPS_WON] = {"OPS_WON", COLUMN_NUMBER, 0, "unfinished operations that had taken effect, and were completed"},
    [OPS_LOST] = {"OPS_LOST", COLUMN_NUMBER, 0, "unfinished operations that had not, and were dropped"},
    [LEAVES_FREED] = {"LEAVES_FREED", COLUMN_NUMBER, 0, "replaced leaves that the dead had not freed yet"},
    [LEASES_RETURNED] = {"LEASES_RETURNED", COLUMN_NUMBER, 0, "unacknowledged elements pushed back"},
    [SLABS_RELEASED] = {"SLABS_RELEASED", COLUMN_NUMBER, 0, "empty slabs given back to all"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    {'s', "slot", "SLOT", "with --force: only this slot"},
    {0, NULL, NULL, NULL},
};

struct recover {
    const struct call *call;
    lfvec_t *v;
    struct lfvec_stat st;
    uint32_t slot; /* 0 = all */
};

static void show(const struct recover *recover, const struct lfvec_recovery *done)
{
    struct report report;
    report_open(&report, recover->call);
    report_row(&report);
    report_number(&report, RECOVERED, done->slots_recovered);
    report_number(&report, ALIVE, done->slots_alive);
    report_number(&report, UNKNOWN, done->slots_unknown);
    report_number(&report, OPS_WON, done->ops_won);
    report_number(&report, OPS_LOST, done->ops_lost);
    report_number(&report, LEAVES_FREED, done->leaves_freed);
    report_number(&report, LEASES_RETURNED, done->leases_returned);
    report_number(&report, SLABS_RELEASED, done->slabs_released);
    report_close(&report);
}

static uint32_t state_of(const struct recover *recover, uint32_t slot)
{
    struct lfvec_participant p;
    return lfvec_participant(recover->v, slot, &p) == 0 ? p.state : LFVEC_SLOT_FREE;
}

/* What was done to the slots one by one adds up; how many are alive does not. */
static void add(struct lfvec_recovery *sum, const struct lfvec_recovery *one)
{
    sum->slots_recovered += one->slots_recovered;
    sum->ops_won += one->ops_won;
    sum->ops_lost += one->ops_lost;
    sum->leaves_freed += one->leaves_freed;
    sum->leases_returned += one->leases_returned;
    sum->slabs_released += one->slabs_released;
}

static int force_slot(const struct recover *recover, uint32_t slot, struct lfvec_recovery *sum)
{
    struct lfvec_recovery one;
    memset(&one, 0, sizeof one);
    int error = lfvec_recover_forced(recover->v, slot, &one);
    if (error == -EBUSY)
        return complain(NO, lfvec_name(recover->v), "slot %u is held by a live process; end that first", slot);
    if (error)
        return failed(recover->v, "recover", error);
    add(sum, &one);
    return DONE;
}

/* Runs after the dead were recovered: one that is dead still has lost its lock, and needs force as well. */
static int force(const struct recover *recover, struct lfvec_recovery *sum)
{
    int status = DONE;
    uint32_t first = recover->slot ? recover->slot : 1, last = recover->slot ? recover->slot : recover->st.max_slots;
    for (uint32_t slot = first; status == DONE && slot <= last; slot++) {
        uint32_t state = state_of(recover, slot);
        if (state == LFVEC_SLOT_UNKNOWN || state == LFVEC_SLOT_DEAD)
            status = force_slot(recover, slot, sum);
    }
    return status;
}

static int recover_all(const struct recover *recover)
{
    struct lfvec_recovery done, forced;
    memset(&done, 0, sizeof done);
    memset(&forced, 0, sizeof forced);
    int error = lfvec_recover(recover->v, &done);
    if (error)
        return failed(recover->v, "recover", error);
    int status = recover->call->force ? force(recover, &forced) : DONE;
    add(&done, &forced);
    done.slots_unknown -= forced.slots_recovered < done.slots_unknown ? forced.slots_recovered : done.slots_unknown;
    show(recover, &done);
    if (done.slots_unknown && !recover->call->force)
        remark(lfvec_name(recover->v), "%u slots are held and it cannot be told by whom; if those are gone, recover --force %s",
               done.slots_unknown, lfvec_name(recover->v));
    return status;
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

static int plan(const struct recover *recover)
{
    struct report report;
    plan_open(&report, recover->call);
    plan_slots(&report, recover->v, &recover->st, LFVEC_SLOT_DEAD);
    if (recover->call->force && !recover->slot)
        plan_slots(&report, recover->v, &recover->st, LFVEC_SLOT_UNKNOWN);
    if (recover->slot && state_of(recover, recover->slot) == LFVEC_SLOT_UNKNOWN) {
        char target[32];
        snprintf(target, sizeof target, "slot %u", recover->slot);
        plan_step(&report, "recover", target, "by force");
    }
    report_close(&report);
    return DONE;
}

static int decide(struct recover *recover)
{
    int status = look_at(recover->v, &recover->st);
    if (status == DONE && recover->slot)
        status = check_slot(recover);
    if (status != DONE)
        return status;
    if (recover->call->dry_run)
        return plan(recover);
    if (recover->call->force)
        status = confirm(recover);
    return status == DONE ? recover_all(recover) : status;
}

static int run(struct call *call)
{
    struct recover recover = {.call = call};
    int status = DONE;
    while (call_next(call))
        recover.slot = (uint32_t)call_number(call, "--slot", optarg, 1, 2047);
    if (recover.slot && !call->force)
        call_usage(call, "--slot needs --force; the dead are all recovered without either");
    const char *name = call_name(call, 0, 0);
    recover.v = open_segment(name, call->dry_run ? LFVEC_RDONLY : 0, &status);
    if (!recover.v)
        return status;
    status = decide(&recover);
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
               "Live participants are never touched.",
    .example = PROGRAM " recover --dry-run /jobs",
    .options = options,
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "recovery",
    .run = run,
};
