/*
 * shmctl_list.c - list: the lfvec segments of this machine, found by opening every object in /dev/shm read-only.
 *
 * What the library does not know as its own (EBADMSG) is somebody else's and left out. A segment of another format version is listed as
 * such, with what the file system knows about it.
 */
#include "shmctl.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME, SIZE, ELEM, MEMORY, ALIVE, DEAD, UNKNOWN, MODE, OWNER, GROUP, CREATED, STATUS, STOPPED, CAPACITY, TAG, UUID };

static const struct column columns[] = {
    [NAME] = {"NAME", COLUMN_TEXT, 0, "name to open it by"},
    [SIZE] = {"SIZE", COLUMN_NUMBER, 0, "elements"},
    [ELEM] = {"ELEM", COLUMN_NUMBER, 0, "bytes of one element"},
    [MEMORY] = {"MEMORY", COLUMN_NUMBER, 0, "memory that it occupies"},
    [ALIVE] = {"ALIVE", COLUMN_NUMBER, 0, "live participants, stopped ones included"},
    [DEAD] = {"DEAD", COLUMN_NUMBER, 0, "dead participants, not yet recovered"},
    [UNKNOWN] = {"UNKNOWN", COLUMN_NUMBER, 0, "participants that cannot be judged: treated as alive"},
    [MODE] = {"MODE", COLUMN_TEXT, 0, "permission bits"},
    [OWNER] = {"OWNER", COLUMN_TEXT, 0, "user who created it"},
    [GROUP] = {"GROUP", COLUMN_TEXT, COLUMN_DETAIL, "group"},
    [CREATED] = {"CREATED", COLUMN_NUMBER, COLUMN_DETAIL, "when"},
    [STATUS] = {"STATUS", COLUMN_TEXT, 0, "ok, damaged, version (another format version), unfinished, or denied (with --all)"},
    [STOPPED] = {"STOPPED", COLUMN_NUMBER, COLUMN_DETAIL, "those of ALIVE that are stopped"},
    [CAPACITY] = {"CAPACITY", COLUMN_NUMBER, COLUMN_DETAIL, "elements that fit without more memory"},
    [TAG] = {"TAG", COLUMN_NUMBER, COLUMN_DETAIL, "type tag of the elements"},
    [UUID] = {"UUID", COLUMN_TEXT, COLUMN_DETAIL, "identity of this very segment"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static const struct opt options[] = {
    {'a', "all", NULL, "also what may not be opened, and therefore may be anything"},
    {0, NULL, NULL, NULL},
};

static void show_file(struct report *report, const char *name, const struct stat *file, const char *status)
{
    char text[64];
    report_row(report);
    report_text(report, NAME, name);
    report_bytes(report, MEMORY, (uint64_t)file->st_blocks * 512);
    snprintf(text, sizeof text, "%04o", file->st_mode & 07777U);
    report_text(report, MODE, text);
    report_text(report, OWNER, text_user(text, sizeof text, file->st_uid));
    report_text(report, GROUP, text_group(text, sizeof text, file->st_gid));
    report_text(report, STATUS, status);
}

static void show_segment(struct report *report, const struct lfvec_stat *st)
{
    char text[64];
    report_number(report, SIZE, st->size);
    report_number(report, ELEM, st->elem_size);
    report_bytes(report, MEMORY, st->bytes_committed);
    report_number(report, ALIVE, st->slots_alive + st->slots_stopped);
    report_number(report, DEAD, st->slots_dead);
    report_number(report, UNKNOWN, st->slots_unknown);
    report_number(report, STOPPED, st->slots_stopped);
    report_number(report, CAPACITY, st->capacity);
    report_hex(report, TAG, st->elem_tag);
    report_time(report, CREATED, st->created);
    report_text(report, UUID, text_uuid(text, sizeof text, st->uuid));
}

/* NULL for what is none of ours. ENOENT of an object that is there: its creator has not finished, and never will. */
static const char *why_unopened(bool all, int error)
{
    switch (error) {
    case EPROTONOSUPPORT:
        return "version";
    case EBADMSG:
        return is_foreign(error) ? NULL : "damaged";
    case ENOENT:
        return "unfinished";
    case EACCES:
        return all ? "denied" : NULL;
    default:
        return NULL;
    }
}

static void show_unopened(struct report *report, const char *name, const struct stat *file, bool all, int error)
{
    char path[sizeof SHM_DIRECTORY + 256];
    struct stat now;
    const char *why = why_unopened(all, error);
    snprintf(path, sizeof path, SHM_DIRECTORY "%.255s", name);
    if (why && lstat(path, &now) == 0)
        show_file(report, name, file, why);
}

static void show_object(struct report *report, const char *name, const struct stat *file, bool all)
{
    struct lfvec_stat st;
    lfvec_t *v = lfvec_open(name, LFVEC_RDONLY, NULL);
    if (!v) {
        show_unopened(report, name, file, all, errno);
        return;
    }
    bool sound = lfvec_stat(v, &st) == 0;
    show_file(report, name, file, sound ? "ok" : "damaged");
    if (sound)
        show_segment(report, &st);
    lfvec_detach(v);
}

/*
 * Regular files only: opening a FIFO that lies there would wait for its writer. Not the empty ones: an empty object says nothing about
 * whose it is, and to find out whether a creator is at work the library would wait for a lock that anybody may hold.
 */
static void show_entry(struct report *report, const char *entry, bool all)
{
    char path[sizeof SHM_DIRECTORY + 256], *name = path + sizeof SHM_DIRECTORY - 1;
    struct stat file;
    snprintf(path, sizeof path, SHM_DIRECTORY "/%s", entry);
    if (lstat(path, &file) == 0 && S_ISREG(file.st_mode) && file.st_size > 0 && !name_fault(name))
        show_object(report, name, &file, all);
}

static int walk(struct report *report, bool all)
{
    struct dirent **entries;
    int count = scandir(SHM_DIRECTORY, &entries, NULL, alphasort);
    if (count < 0)
        return complain(BLIND, SHM_DIRECTORY, "%s; mount a tmpfs there", strerror(errno));
    for (int i = 0; i < count; i++) {
        show_entry(report, entries[i]->d_name, all);
        free(entries[i]);
    }
    free(entries);
    return DONE;
}

static int run(struct call *call)
{
    struct report report;
    bool all = false;
    for (int key; (key = call_next(call)) != 0;)
        all |= key == 'a';
    if (call->argc)
        call_usage(call, "too many operands; info tells about one segment");
    report_open(&report, call);
    int status = walk(&report, all);
    report_close(&report);
    return status;
}

const struct command command_list = {
    .name = "list",
    .group = GROUP_LOOK,
    .operands = "",
    .summary = "list the segments of this machine",
    .example = PROGRAM " list -o NAME,SIZE,DEAD",
    .options = options,
    .columns = columns,
    .style = REPORT_ROWS,
    .report = "segments",
    .run = run,
};
