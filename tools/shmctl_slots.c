/*
 * shmctl_slots.c - rows of the array "slots": who holds a slot, or died in it, what it last did to the vector, and what it has in hand.
 * For check and recover, each of which may have columns of its own behind these.
 */
#include "shmctl.h"

static const char *operation_text(uint32_t op)
{
    static const char *const names[] = {
        [LFVEC_OP_NONE] = NULL,     [LFVEC_OP_PUSH] = "push",           [LFVEC_OP_POP] = "pop",       [LFVEC_OP_SET] = "set",
        [LFVEC_OP_CAS] = "cas",     [LFVEC_OP_FETCH_ADD] = "fetch_add", [LFVEC_OP_PUSH_N] = "push_n", [LFVEC_OP_POP_N] = "pop_n",
        [LFVEC_OP_CLEAR] = "clear", [LFVEC_OP_POP_LEASE] = "pop_lease", [LFVEC_OP_TRIM] = "trim",     [LFVEC_OP_RETURN] = "return",
    };
    return op < sizeof names / sizeof names[0] ? names[op] : NULL;
}

static void show_operation(struct report *report, const struct lfvec_participant *p)
{
    const char *operation = operation_text(p->op);
    if (operation)
        report_text(report, SLOT_OPERATION, operation);
    else
        report_none(report, SLOT_OPERATION);
    if (p->op_version)
        report_number(report, SLOT_OP_VERSION, p->op_version);
    else
        report_none(report, SLOT_OP_VERSION);
    if (p->outcome == LFVEC_OUTCOME_WON || p->outcome == LFVEC_OUTCOME_LOST)
        report_maybe(report, SLOT_TOOK_EFFECT, p->outcome == LFVEC_OUTCOME_WON);
    else
        report_none(report, SLOT_TOOK_EFFECT);
}

void slots_row(struct report *report, const struct lfvec_participant *p)
{
    report_row(report);
    report_number(report, SLOT_SLOT, p->slot);
    report_signed(report, SLOT_PID, p->pid);
    report_text(report, SLOT_COMMAND, p->name);
    report_text(report, SLOT_STATE, text_state(p->state));
    show_operation(report, p);
    report_number(report, SLOT_IN_FLIGHT, p->in_flight);
    report_number(report, SLOT_SPARES, p->spares);
    report_bool(report, SLOT_LEASED, p->leased);
}

int slots_look(lfvec_t *v, uint32_t slot, struct lfvec_participant *p)
{
    int error = lfvec_participant(v, slot, p);
    if (error)
        return error;
    p->name[sizeof p->name - 1] = '\0';
    for (char *c = p->name; *c; c++) { /* a thread may call itself anything */
        const size_t shown = visible_length(c);
        if (!shown)
            *c = '?';
        else
            c += shown - 1;
    }
    return error;
}
