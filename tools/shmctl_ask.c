/*
 * shmctl_ask.c - what destructive commands owe to those who still use the segment: refusal while they live, a question, a second look
 * (somebody may have come while the question stood on the terminal, or the segment may be another by now), and --dry-run.
 */
#include "shmctl_care.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- refusing ---- */

static bool counts_as_live(uint32_t state)
{
    return state == LFVEC_SLOT_ALIVE || state == LFVEC_SLOT_STOPPED || state == LFVEC_SLOT_UNKNOWN;
}

/* The first few, as " 12 (worker) 13 (worker, stopped)"; more would not fit a line. */
static void name_live(lfvec_t *v, const struct lfvec_stat *st, char *buf, size_t size)
{
    size_t at = 0;
    int named = 0;
    *buf = '\0';
    for (uint32_t slot = 1; slot <= st->max_slots && named < 4; slot++) {
        struct lfvec_participant p;
        if (lfvec_participant(v, slot, &p) || !counts_as_live(p.state))
            continue;
        at += (size_t)snprintf(buf + at, size - at, "%s%d (%.31s, %s)", named++ ? ", " : "", p.pid ? p.pid : p.tid,
                               *p.name ? p.name : "just joining", text_state(p.state));
        if (at >= size)
            return;
    }
}

static int refuse_if_used(const struct call *call, lfvec_t *v, const struct lfvec_stat *st)
{
    uint32_t live = st->slots_alive + st->slots_stopped + st->slots_unknown;
    char names[240];
    if (live == 0 || call->force)
        return DONE;
    name_live(v, st, names, sizeof names);
    return complain(NO, lfvec_name(v), "%u live participant%s: process %s%s; end %s, or use --force", live, live == 1 ? "" : "s", names,
                    live > 4 ? ", ..." : "", live == 1 ? "it" : "them");
}

/* ---- asking ---- */

static bool answer_is_yes(void)
{
    char line[16];
    if (!fgets(line, sizeof line, stdin))
        return false;
    line[strcspn(line, "\r\n")] = '\0';
    return strcmp(line, "y") == 0 || strcmp(line, "Y") == 0 || strcmp(line, "yes") == 0;
}

int ask(const struct call *call, const char *name, const char *format, ...)
{
    va_list ap;
    if (call->yes)
        return DONE;
    if (!isatty(STDIN_FILENO))
        return complain(USAGE, name, "%s asks before it does this, and there is no terminal; add --yes, or see --dry-run",
                        call->command->name);
    char *visible = text_visible(name);
    fflush(stdout);
    fprintf(stderr, "%s: ", visible);
    free(visible);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputs(" [y/N] ", stderr);
    return answer_is_yes() ? DONE : complain(NO, name, "nothing was done");
}

/* ---- the same segment? ---- */

static int still_the_same(lfvec_t *v, const struct lfvec_stat *st)
{
    const char *name = lfvec_name(v);
    struct lfvec_stat now;
    int status = DONE;
    int current = lfvec_is_current(v);
    if (current < 0)
        return complain(BLIND, name, "cannot look it up again: %s; try again", strerror(-current));
    if (!current)
        return complain(NO, name, "removed or replaced by another segment meanwhile; nothing was done, look again with " PROGRAM " info %s",
                        name);
    lfvec_t *again = open_segment(name, LFVEC_RDONLY, &status);
    if (!again)
        return status;
    status = look_at(again, &now);
    lfvec_detach(again);
    if (status == DONE && memcmp(now.uuid, st->uuid, sizeof now.uuid) != 0)
        return complain(NO, name, "replaced by another segment meanwhile; nothing was done, look again with " PROGRAM " info %s", name);
    return status;
}

/* ---- allowed? ---- */

/* Whose directory is sticky, as /dev/shm is, only the owner of the object removes it, whatever its mode. */
static bool may_remove(const char *path)
{
    struct stat directory, file;
    if (faccessat(AT_FDCWD, SHM_DIRECTORY, W_OK | X_OK, AT_EACCESS) != 0)
        return false;
    if (stat(SHM_DIRECTORY, &directory) != 0 || lstat(path, &file) != 0 || !(directory.st_mode & S_ISVTX))
        return true; /* as far as can be told */
    return geteuid() == 0 || geteuid() == file.st_uid || geteuid() == directory.st_uid;
}

int refuse_if_denied(const char *name, const char *what)
{
    char path[sizeof SHM_DIRECTORY + 256];
    const bool removes = strcmp(what, "remove") == 0;
    snprintf(path, sizeof path, SHM_DIRECTORY "%.255s", name);
    if (removes ? may_remove(path) : faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0 || errno != EACCES)
        return DONE;
    return denied(name, what);
}

/* ---- as all but recover do it ---- */

int care_decide(const struct call *call, lfvec_t *v, const struct care *care)
{
    struct lfvec_stat st;
    int status = look_at(v, &st);
    if (status == DONE)
        status = refuse_if_used(call, v, &st);
    if (status != DONE)
        return status;
    if (call->dry_run)
        return care->plan(call, v, &st);
    status = care->ask(call, v, &st);
    if (status == DONE)
        status = look_at(v, &st);
    if (status == DONE)
        status = refuse_if_used(call, v, &st);
    if (status == DONE)
        status = still_the_same(v, &st);
    return status == DONE ? care->act(call, v) : status;
}

lfvec_t *care_open(const struct call *call, const char *name, int *status)
{
    lfvec_t *v = open_sound(name, call->dry_run ? LFVEC_RDONLY : 0, status);
    if (!v || !call->dry_run)
        return v;
    *status = refuse_if_denied(name, "open");
    if (*status == DONE)
        return v;
    lfvec_detach(v);
    return NULL;
}

int care_run(struct call *call, const struct care *care)
{
    int status = DONE;
    call_next(call);
    const char *name = call_name(call, 0, 0);
    lfvec_t *v = care_open(call, name, &status);
    if (!v)
        return status;
    status = care_decide(call, v, care);
    lfvec_detach(v);
    return status;
}

/* ---- --dry-run ---- */

enum { PLAN_ACTION, PLAN_TARGET, PLAN_DETAIL };

static const struct column plan_columns[] = {
    [PLAN_ACTION] = {"WOULD", COLUMN_TEXT, 0, NULL},
    [PLAN_TARGET] = {"TARGET", COLUMN_TEXT, 0, NULL},
    [PLAN_DETAIL] = {"DETAIL", COLUMN_TEXT, 0, NULL},
    {NULL, COLUMN_TEXT, 0, NULL},
};

void plan_open(struct report *report, const struct call *call)
{
    report_open_as(report, call, plan_columns, REPORT_ROWS, "plan");
}

void plan_step(struct report *report, const char *action, const char *target, const char *format, ...)
{
    char detail[320];
    va_list ap;
    va_start(ap, format);
    vsnprintf(detail, sizeof detail, format, ap);
    va_end(ap);
    report_row(report);
    report_text(report, PLAN_ACTION, action);
    report_text(report, PLAN_TARGET, target);
    report_text(report, PLAN_DETAIL, detail);
}

uint32_t plan_slots(struct report *report, lfvec_t *v, const struct lfvec_stat *st, uint32_t state)
{
    uint32_t found = 0;
    for (uint32_t slot = 1; slot <= st->max_slots; slot++) {
        struct lfvec_participant p;
        char target[32];
        if (lfvec_participant(v, slot, &p) || p.state != state)
            continue;
        snprintf(target, sizeof target, "slot %u", slot);
        plan_step(report, "recover", target, "%s process %d (%.31s)%s%s", text_state(p.state), p.pid, p.name,
                  p.in_flight ? ", amid an operation" : "", p.leased ? ", an element on lease to be returned" : "");
        found++;
    }
    return found;
}
