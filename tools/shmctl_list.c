/*
 * shmctl_list.c - list: the lfvec segments of this machine, found by opening every object in /dev/shm read-only.
 *
 * What the library does not know as its own (EBADMSG) is somebody else's and left out. A segment of another format version is listed as
 * such, with what the file system knows about it.
 */
#include "shmctl.h"

#include <errno.h>
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

struct list {
    struct report report;
    struct skipped skipped;
    bool all;
    int status;
};

/* A damaged one is in the list, and on stderr as well, since few read a list for its last column. */
static void show_unopened(struct list *list, const char *name, const struct stat *file, int error)
{
    char path[sizeof SHM_DIRECTORY + 256];
    struct stat now;
    if (scan_skips(&list->skipped, error))
        return;
    const char *why = error == EACCES && !list->all ? NULL : scan_why(error);
    snprintf(path, sizeof path, SHM_DIRECTORY "%.255s", name);
    if (!why || lstat(path, &now) != 0)
        return;
    show_file(&list->report, name, file, why);
    if (error == EBADMSG) {
        (void)open_failed(name, error);
        list->status = NO;
    }
}

static void show_object(void *context, const char *name, const struct stat *file)
{
    struct list *list = context;
    struct lfvec_stat st;
    lfvec_t *v = lfvec_open(name, LFVEC_RDONLY, NULL);
    if (!v) {
        show_unopened(list, name, file, errno);
        return;
    }
    bool sound = lfvec_stat(v, &st) == 0;
    show_file(&list->report, name, file, sound ? "ok" : "damaged");
    if (sound)
        show_segment(&list->report, &st);
    else
        list->status = judge_state(v);
    lfvec_detach(v);
}

static int run(struct call *call)
{
    struct list list = {.status = DONE};
    for (int key; (key = call_next(call)) != 0;)
        list.all |= key == 'a';
    if (call->argc)
        call_usage(call, "too many operands; info tells about one segment");
    report_open(&list.report, call);
    int status = scan_objects(show_object, &list);
    const bool none = list.report.rows == 0 && status == DONE;
    report_close(&list.report);
    if (none && !call->json && !call->raw && !call->noheadings)
        remark(SHM_DIRECTORY, "no segments that may be read; " PROGRAM " create /NAME makes one, and list --all shows those of others");
    const int blind = scan_tell(&list.skipped);
    status = status == DONE ? list.status : status;
    return status == DONE ? blind : status;
}

const struct command command_list = {
    .name = "list",
    .group = GROUP_LOOK,
    .operands = "",
    .summary = "list the segments of this machine",
    .details = "Exit status 1 if one of them is damaged. What cannot be opened now, as while its owner holds a lease on it, is skipped;\n"
               "a message says how many.",
    .example = PROGRAM " list -o NAME,SIZE,DEAD",
    .options = options,
    .columns = columns,
    .style = REPORT_ROWS,
    .report = "segments",
    .run = run,
};
