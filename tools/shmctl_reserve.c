/*
 * shmctl_reserve.c - reserve: commits memory ahead of need.
 */
#include "shmctl.h"

static int run(struct call *call)
{
    int status = DONE;
    call_next(call);
    const char *name = call_name(call, 1, 1);
    uint64_t count = call_number(call, "COUNT", call->argv[0], 0, UINT64_MAX);
    lfvec_t *v = open_sound(name, 0, &status);
    if (!v)
        return status;
    int error = lfvec_reserve(v, count);
    if (error)
        status = failed(v, "reserve", error);
    lfvec_detach(v);
    return status;
}

const struct command command_reserve = {
    .name = "reserve",
    .group = GROUP_CARE,
    .operands = "/NAME COUNT",
    .summary = "commit memory for COUNT elements in all",
    .details = "What was committed before an error stays committed.",
    .example = PROGRAM " reserve /jobs 1000000",
    .style = REPORT_NONE,
    .run = run,
};
