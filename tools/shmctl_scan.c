/*
 * shmctl_scan.c - the segments of this machine, found among the objects in /dev/shm.
 *
 * Regular files only: opening a FIFO that lies there would wait for its writer. Not the empty ones: an empty object says nothing about
 * whose it is, and to find out whether a creator is at work the library would wait for a lock that anybody may hold.
 */
#include "shmctl.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void visit_entry(const char *entry, scan_visitor *visit, void *context)
{
    char path[sizeof SHM_DIRECTORY + 256], *name = path + sizeof SHM_DIRECTORY - 1;
    struct stat file;
    snprintf(path, sizeof path, SHM_DIRECTORY "/%s", entry);
    if (lstat(path, &file) == 0 && S_ISREG(file.st_mode) && file.st_size > 0 && !name_fault(name))
        visit(context, name, &file);
}

int scan_objects(scan_visitor *visit, void *context)
{
    struct dirent **entries;
    int count = scandir(SHM_DIRECTORY, &entries, NULL, alphasort);
    if (count < 0)
        return complain(BLIND, SHM_DIRECTORY, "%s; mount a tmpfs there", strerror(errno));
    for (int i = 0; i < count; i++) {
        visit_entry(entries[i]->d_name, visit, context);
        free(entries[i]);
    }
    free(entries);
    return DONE;
}

/* ENOENT of an object that is there: its creator has not finished, and never will. */
const char *scan_why(int error)
{
    switch (error) {
    case EPROTONOSUPPORT:
        return "version";
    case EBADMSG:
        return is_foreign(error) ? NULL : "damaged";
    case ENOENT:
        return "unfinished";
    case EACCES:
        return "denied";
    default:
        return NULL;
    }
}

bool scan_skips(struct skipped *skipped, int error)
{
    if (error == EBADMSG || scan_why(error))
        return false;
    if (skipped->count++ == 0)
        snprintf(skipped->first, sizeof skipped->first, "%s", lfvec_last_error());
    if (error != EAGAIN)
        skipped->status = BLIND;
    return true;
}

int scan_tell(const struct skipped *skipped)
{
    if (skipped->count)
        remark(SHM_DIRECTORY, "%u object%s skipped, since %s cannot be opened now: %s", skipped->count, skipped->count == 1 ? "" : "s",
               skipped->count == 1 ? "it" : "they", skipped->first);
    return skipped->status;
}
