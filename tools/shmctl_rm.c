/*
 * shmctl_rm.c - rm: removes the name of a segment, and no other segment that took the name meanwhile.
 *
 * The segment stays attached from the first look to the removal, so its inode cannot be given to a successor, and right before the
 * removal the name is looked up again. What remains is the instant between that and unlink(2), which no interface can close.
 *
 * A segment that cannot be opened (damaged, of another version, never finished) has no uuid to go by; the open object stands in for it.
 * Objects of other programs are not removed at all.
 */
#include "shmctl_care.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int plan(const struct call *call, lfvec_t *v, const struct lfvec_stat *st)
{
    struct report report;
    char uuid[40], memory[16];
    int status = refuse_if_denied(lfvec_name(v), "remove");
    if (status != DONE)
        return status;
    plan_open(&report, call);
    plan_step(&report, "remove", lfvec_name(v), "%llu elements, %s, uuid %s", (unsigned long long)st->size,
              text_bytes(memory, sizeof memory, st->bytes_committed), text_uuid(uuid, sizeof uuid, st->uuid));
    report_close(&report);
    return DONE;
}

static int remove_name(const char *name)
{
    int error = lfvec_unlink(name);
    if (error == -ENOENT)
        return complain(NO, name, "somebody else removed it meanwhile");
    if (error == -EACCES || error == -EPERM)
        return denied(name, "remove");
    if (error)
        return complain(BLIND, name, "cannot be removed: %s; ask its owner, or root", strerror(-error));
    return DONE;
}

static int question(const struct call *call, lfvec_t *v, const struct lfvec_stat *st)
{
    char memory[16];
    return ask(call, lfvec_name(v), "remove it with its %llu elements (%s)?", (unsigned long long)st->size,
               text_bytes(memory, sizeof memory, st->bytes_committed));
}

static int act(const struct call *call, lfvec_t *v)
{
    (void)call;
    return remove_name(lfvec_name(v));
}

/* ---- what cannot be opened ---- */

static bool still_wrecked(const char *name)
{
    lfvec_t *v = lfvec_open(name, LFVEC_RDONLY, NULL);
    lfvec_detach(v);
    return !v;
}

static bool same_object(const char *name, int fd)
{
    char path[sizeof SHM_DIRECTORY + 256];
    struct stat ours, theirs;
    snprintf(path, sizeof path, SHM_DIRECTORY "%.255s", name);
    return fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static int plan_wreck(const struct call *call, const char *name, const char *what)
{
    struct report report;
    int status = refuse_if_denied(name, "remove");
    if (status != DONE)
        return status;
    plan_open(&report, call);
    plan_step(&report, "remove", name, "%s; nobody can tell who uses it", what);
    report_close(&report);
    return DONE;
}

static int remove_wreck(const struct call *call, const char *name, int fd, const char *what)
{
    if (call->dry_run)
        return plan_wreck(call, name, what);
    int status = ask(call, name, "remove it? It is %s, and nobody can tell who uses it.", what);
    if (status != DONE)
        return status;
    if (!same_object(name, fd) || !still_wrecked(name))
        return complain(NO, name, "removed or replaced meanwhile; nothing was done, look again with " PROGRAM " list");
    return remove_name(name);
}

static const char *wreck_text(int error)
{
    switch (error) {
    case EBADMSG:
        return "a damaged segment";
    case EPROTONOSUPPORT:
        return "a segment of another format version";
    case ENOENT:
        return "a segment that was never finished";
    default:
        return NULL;
    }
}

/* An unfinished segment holds nothing, so it needs no --force. */
static int rm_unopened(const struct call *call, const char *name, int error)
{
    const char *what = is_foreign(error) ? NULL : wreck_text(error);
    int fd = what && (call->force || error == ENOENT) ? shm_open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0) : -1;
    struct stat file;
    if (fd >= 0 && (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode))) { /* exchanged meanwhile */
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        return open_failed(name, error);
    int status = remove_wreck(call, name, fd, what);
    close(fd);
    return status;
}

static int run(struct call *call)
{
    call_next(call);
    const char *name = call_name(call, 0, 0);
    lfvec_t *v = lfvec_open(name, LFVEC_RDONLY, NULL);
    if (!v)
        return rm_unopened(call, name, errno);
    int status = care_decide(call, v, &(const struct care){plan, question, act});
    lfvec_detach(v);
    return status;
}

const struct command command_rm = {
    .name = "rm",
    .group = GROUP_LIFE,
    .flags = COMMAND_ASKS,
    .operands = "/NAME",
    .summary = "remove a segment",
    .details = "Asks on a terminal; elsewhere it needs --yes. Refuses while live participants exist, unless --force: those keep the\n"
               "segment until they detach. --force is also needed for a damaged segment. Prints nothing but the table of --dry-run.",
    .example = PROGRAM " rm --dry-run /jobs",
    .style = REPORT_ROWS,
    .run = run,
};
