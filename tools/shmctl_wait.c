/*
 * shmctl_wait.c - wait: until a vector has so many elements, or none, or until a participant appears or goes.
 *
 * The library lets only poppers wait for a vector, and a look must not pop. So this looks, and sleeps in between: shmctl_pace.c. Neither the
 * looks nor the sleep touch the segment; what comes and goes between two looks is not seen.
 */
#include "shmctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = LONG_ONLY, EMPTY, APPEARS, GOES, PID, EXISTS };

static const struct opt options[] = {
    {EXISTS, "exists", NULL, "until there is such a segment; then, for what else is asked for"},
    {SIZE, "size", "COUNT", "until it has COUNT elements or more"},
    {EMPTY, "empty", NULL, "until it has none"},
    {APPEARS, "appears", NULL, "until somebody takes part who did not when the wait began"},
    {GOES, "goes", NULL, "until somebody who took part then does not, or is dead"},
    {PID, "pid", "PID", "with --appears or --goes: only this process, and at once if it does, or does not"},
    {'t', "timeout", "SECONDS", "at most so long, then exit status 1; 0.5, 250ms, 10s, 5m and 1h are understood"},
    {0, NULL, NULL, NULL},
};

/* Who took part: one for each slot. */
struct member {
    int32_t pid, tid;
    uint64_t since;
};

struct wait {
    const struct call *call;
    lfvec_t *v;
    const char *name;
    bool exists;
    int what; /* SIZE, EMPTY, APPEARS or GOES; 0: only until it exists */
    struct pace pace;
    uint64_t size, timeout;
    int32_t pid; /* 0 = anybody */
    uint32_t slots;
    struct member *then; /* those there were when the wait began; of a free slot, or a dead holder, zeros; [0] is not used */
};

/* ---- participants ---- */

static bool takes_part(const struct lfvec_participant *p)
{
    return p->state != LFVEC_SLOT_FREE && p->state != LFVEC_SLOT_DEAD;
}

static struct member member_of(lfvec_t *v, uint32_t slot)
{
    struct lfvec_participant p;
    if (lfvec_participant(v, slot, &p) != 0 || !takes_part(&p))
        return (struct member){0, 0, 0};
    return (struct member){p.pid, p.tid, p.since};
}

static bool same_member(const struct member *a, const struct member *b)
{
    return a->pid == b->pid && a->tid == b->tid && a->since == b->since;
}

static bool process_takes_part(const struct wait *wait)
{
    for (uint32_t slot = 1; slot <= wait->slots; slot++)
        if (member_of(wait->v, slot).pid == wait->pid)
            return true;
    return false;
}

/* Whether a slot has got a holder, or lost one. A slot that has changed hands has done both. */
static bool somebody(const struct wait *wait, bool appears)
{
    const struct member nobody = {0, 0, 0};
    for (uint32_t slot = 1; slot <= wait->slots; slot++) {
        struct member now = member_of(wait->v, slot);
        if (!same_member(&now, &wait->then[slot]) && !same_member(appears ? &now : &wait->then[slot], &nobody))
            return true;
    }
    return false;
}

static int look_around(struct wait *wait)
{
    struct lfvec_stat st;
    int status = look_at(wait->v, &st);
    if (status != DONE)
        return status;
    wait->slots = st.max_slots;
    wait->then = need((st.max_slots + (size_t)1) * sizeof *wait->then);
    for (uint32_t slot = 1; slot <= st.max_slots; slot++)
        wait->then[slot] = member_of(wait->v, slot);
    return DONE;
}

/* ---- waiting ---- */

static bool reached(const struct wait *wait)
{
    switch (wait->what) {
    case SIZE:
        return lfvec_size(wait->v) >= wait->size;
    case EMPTY:
        return lfvec_size(wait->v) == 0;
    default:
        if (wait->pid)
            return process_takes_part(wait) == (wait->what == APPEARS);
        return somebody(wait, wait->what == APPEARS);
    }
}

static void say_what(const struct wait *wait, char *buf, size_t size)
{
    char who[32] = "a participant";
    if (wait->pid)
        snprintf(who, sizeof who, "process %d", wait->pid);
    if (wait->what == SIZE)
        snprintf(buf, size, "%llu element%s", (unsigned long long)wait->size, wait->size == 1 ? "" : "s");
    else if (wait->what == EMPTY)
        snprintf(buf, size, "it to be empty");
    else
        snprintf(buf, size, "%s to %s", who, wait->what == APPEARS ? "appear" : "go");
}

static int timed_out(const struct wait *wait)
{
    char what[80];
    const unsigned long long size = lfvec_size(wait->v);
    say_what(wait, what, sizeof what);
    return complain(NO, wait->name,
                    "the time is over, and it has %llu element%s; waited for %s; see " PROGRAM " ps %s, or wait longer with --timeout",
                    size, size == 1 ? "" : "s", what, wait->name);
}

static int wait_for_it(struct wait *wait)
{
    while (!reached(wait)) {
        if (lfvec_is_current(wait->v) == 0 && !reached(wait))
            return complain(NO, lfvec_name(wait->v),
                            "removed or replaced by another segment meanwhile; wait for that one, if there is one");
        if (!pace_rest(&wait->pace, -1))
            return reached(wait) ? DONE : timed_out(wait);
    }
    return DONE;
}

/* What is absent, and what its creator has not finished, is waited for; anything else is an answer. */
static lfvec_t *open_when_there(struct wait *wait, int *status)
{
    for (;;) {
        lfvec_t *v = lfvec_open(wait->name, LFVEC_RDONLY, NULL);
        if (v || errno != ENOENT) {
            const int error = errno;
            *status = v ? judge_state(v) : open_failed(wait->name, error);
            return v;
        }
        if (!pace_rest(&wait->pace, -1)) {
            *status = complain(NO, wait->name, "the time is over, and there is no such segment; create it, or wait longer with --timeout");
            return NULL;
        }
    }
}

/* ---- the command line ---- */

static void set_condition(struct wait *wait, int what)
{
    if (wait->what)
        call_usage(wait->call, "one of --size, --empty, --appears and --goes at a time");
    wait->what = what;
}

static void set_option(struct wait *wait, int key, const char *arg)
{
    if (key == 't')
        wait->timeout = call_seconds(wait->call, "--timeout", arg);
    else if (key == PID)
        wait->pid = (int32_t)call_number(wait->call, "--pid", arg, 1, INT32_MAX);
    else if (key == EXISTS)
        wait->exists = true;
    else
        set_condition(wait, key);
    if (key == SIZE)
        wait->size = call_number(wait->call, "--size", arg, 0, UINT64_MAX);
}

static int run(struct call *call)
{
    struct wait wait = {.call = call, .timeout = UINT64_MAX};
    int status = DONE;
    for (int key; (key = call_next(call)) != 0;)
        set_option(&wait, key, optarg);
    if (!wait.what && !wait.exists)
        call_usage(call, "wait for what? Say --exists, --size COUNT, --empty, --appears or --goes");
    const bool participants = wait.what == APPEARS || wait.what == GOES;
    if (wait.pid && !participants)
        call_usage(call, "--pid goes with --appears or --goes only");
    wait.name = call_name(call, 0, 0);
    pace_begin(&wait.pace, wait.timeout);
    wait.v = wait.exists ? open_when_there(&wait, &status) : open_sound(wait.name, LFVEC_RDONLY, &status);
    if (wait.v && status == DONE && participants)
        status = look_around(&wait);
    if (wait.v && status == DONE && wait.what)
        status = wait_for_it(&wait);
    free(wait.then);
    lfvec_detach(wait.v);
    return status;
}

const struct command command_wait = {
    .name = "wait",
    .group = GROUP_LOOK,
    .operands = "/NAME",
    .summary = "wait until it exists, has elements or none, or a participant more or less",
    .details = "Exit status 0 when it has come true, 1 when the time is over or the segment is removed. Looks from time to time, at most\n"
               "50 ms apart; what comes and goes in between is not seen. Prints nothing, and takes no element.",
    .example = PROGRAM " wait --size 1000 --timeout 30 /jobs && " PROGRAM " dump /jobs",
    .options = options,
    .style = REPORT_NONE,
    .run = run,
};
