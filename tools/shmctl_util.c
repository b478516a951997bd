/*
 * shmctl_util.c - messages, names, and the opening of segments.
 *
 * A message is one line on stderr: which segment, what is wrong; what to do.
 */
#include "shmctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* ---- messages ---- */

static char *text_shown(const char *text, bool exactly)
{
    const size_t room = 4 * strlen(text) + 1;
    char *visible = need(room);
    (void)visible_text(visible, room, text, exactly);
    return visible;
}

char *text_visible(const char *text)
{
    return text_shown(text, false);
}

char *text_exact(const char *text)
{
    return text_shown(text, true);
}

/* One line, whatever is in a name. */
static void say(const char *name, const char *format, va_list ap)
{
    char *text = NULL;
    fflush(stdout); /* in the order of events when both go to one place */
    if (vasprintf(&text, format, ap) < 0)
        out_of_memory();
    char *visible_name = text_visible(name), *visible = text_visible(text);
    fprintf(stderr, PROGRAM ": %s: %s\n", visible_name, visible);
    free(visible_name);
    free(visible);
    free(text);
}

int complain(int status, const char *name, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    say(name, format, ap);
    va_end(ap);
    return status;
}

void remark(const char *name, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    say(name, format, ap);
    va_end(ap);
}

int written(int status)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status == BLIND) /* that has been complained about */
        return status;
    return complain(BLIND, "standard output", "cannot be written: %s; make room, or send it elsewhere", strerror(errno));
}

void out_of_memory(void)
{
    fputs(PROGRAM ": out of memory; raise the limit of this process (ulimit -v), or ask for less at a time\n", stderr);
    exit(BLIND);
}

void *need(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        out_of_memory();
    return p;
}

/* ---- names ---- */

const char *name_fault(const char *name)
{
    static char fault[320];
    const char *last = strrchr(name, '/');
    if (!*name)
        return "the name is empty; " PROGRAM " list shows those there are";
    if (strlen(name) > 254)
        return "the name is too long; at most 254 bytes";
    if (!last) {
        snprintf(fault, sizeof fault, "the name of a segment begins with a slash; did you mean /%s?", name);
        return fault;
    }
    if (last[1] == '\0' || strcmp(last, "/.") == 0 || strcmp(last, "/..") == 0)
        return "not the name of a segment; " PROGRAM " list shows those there are";
    if (last == name)
        return NULL;
    snprintf(fault, sizeof fault, "the name of a segment has one slash, at its beginning; did you mean %s?", last);
    return fault;
}

/* ---- segments ---- */

bool shm_space(uint64_t *free_bytes, uint64_t *total_bytes)
{
    struct statvfs fs;
    if (statvfs(SHM_DIRECTORY, &fs) != 0)
        return false;
    *free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    *total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    return true;
}

/* The library's sentence may begin with the name, made visible; complain() puts it there itself. */
static const char *without_name(const char *sentence, const char *name)
{
    char *visible = text_visible(name);
    const size_t n = strlen(visible);
    if (strncmp(sentence, visible, n) == 0)
        sentence += n + strspn(sentence + n, ": ");
    free(visible);
    return sentence;
}

/* The library grows by whole slabs, so a slab is what was missing at least. */
static int no_space(const lfvec_t *v, const struct lfvec_stat *st, const char *what)
{
    uint64_t available = 0, total = 0;
    char needed[16], left[16], suggested[16];
    const char *sentence = without_name(lfvec_last_error(), lfvec_name(v));
    shm_space(&available, &total);
    if (available >= st->slab_bytes && *sentence) /* the library knows which limit it was */
        return complain(NO, lfvec_name(v), "%s: %s", what, sentence);
    text_bytes(needed, sizeof needed, st->slab_bytes);
    text_bytes(left, sizeof left, available);
    snprintf(suggested, sizeof suggested, "%lluM", (unsigned long long)(2 * (total >> 20) + 1));
    return complain(NO, lfvec_name(v),
                    "%s: no memory left in " SHM_DIRECTORY ": needs %s at a time, %s free; "
                    "enlarge it with mount -o remount,size=%s " SHM_DIRECTORY ", for a container docker run --shm-size=%s",
                    what, needed, left, suggested, suggested);
}

static int full(const lfvec_t *v, const struct lfvec_stat *st, const char *what)
{
    char limit[16];
    text_bytes(limit, sizeof limit, st->max_bytes);
    return complain(NO, lfvec_name(v),
                    "%s: beyond its limits of %llu elements and %s; create another with larger --max-elems or --max-bytes", what,
                    (unsigned long long)st->max_elems, limit);
}

int failed(lfvec_t *v, const char *what, int error)
{
    const char *name = lfvec_name(v);
    struct lfvec_stat st;
    memset(&st, 0, sizeof st);
    (void)lfvec_stat(v, &st); /* figures for the message only; zeros if even that fails */
    switch (-error) {
    case ENOSPC:
        return no_space(v, &st, what);
    case EOVERFLOW:
        return full(v, &st, what);
    case EUSERS:
        return complain(NO, name, "%s: all its %u slots are held; end a participant (" PROGRAM " ps %s), or create it with more --slots",
                        what, st.max_slots, name);
    case EBADMSG:
        return complain(NO, name, "%s: the segment is damaged; " PROGRAM " check %s says where, then create and fill it anew", what, name);
    case ENOMEM:
        return complain(BLIND, name, "%s: this process may not map more memory; raise its limit (ulimit -v)", what);
    case EBADF:
        return complain(BLIND, name, "%s: attached read-only; ask its owner for permission to write", what);
    default:
        return complain(BLIND, name, "%s: %s; if it persists, " PROGRAM " check %s", what, strerror(-error), name);
    }
}

static int open_status(int error)
{
    switch (error) {
    case EPROTO:
    case EEXIST:
    case ENOSPC:
    case EOVERFLOW:
        return NO;
    case EINVAL:
    case ENAMETOOLONG:
        return USAGE;
    default:
        return BLIND;
    }
}

int denied(const char *name, const char *what)
{
    char path[sizeof SHM_DIRECTORY + 256], owner[40], group[40];
    struct stat file;
    snprintf(path, sizeof path, SHM_DIRECTORY "%.255s", name);
    if (lstat(path, &file) != 0)
        return complain(BLIND, name, "%s: not allowed; ask its owner, or root", what);
    text_user(owner, sizeof owner, file.st_uid);
    text_group(group, sizeof group, file.st_gid);
    const bool removal = strcmp(what, "remove") == 0; /* no mode of the object allows that */
    return complain(BLIND, name, "%s: not allowed, it belongs to %s:%s with mode %04o; do it as %s%s%s%s", what, owner, group,
                    file.st_mode & 07777U, owner, file.st_uid ? " or root" : "", removal ? "" : ", or have them chmod ",
                    removal ? "" : path);
}

int open_failed(const char *name, int error)
{
    if (error == EACCES)
        return denied(name, "open");
    const char *sentence = without_name(lfvec_last_error(), name);
    return complain(open_status(error), name, "%s", *sentence ? sentence : strerror(error));
}

lfvec_t *open_segment(const char *name, int flags, int *status)
{
    lfvec_t *v = lfvec_open(name, flags, NULL);
    if (!v)
        *status = open_failed(name, errno);
    return v;
}

int judge_state(lfvec_t *v)
{
    struct lfvec_region first;
    const char *name = lfvec_name(v);
    if (lfvec_region(v, 0, &first) != -EBADMSG)
        return DONE;
    return complain(NO, name, "damaged: its head or its extents contradict its layout; " PROGRAM " check %s says how, and what to do",
                    name);
}

lfvec_t *open_sound(const char *name, int flags, int *status)
{
    lfvec_t *v = open_segment(name, flags, status);
    if (!v)
        return NULL;
    *status = judge_state(v);
    if (*status == DONE)
        return v;
    lfvec_detach(v);
    return NULL;
}

bool is_foreign(int error)
{
    return error == EBADMSG && strstr(lfvec_last_error(), "not an lfvec segment"); /* a name that says so as well is one to keep off, too */
}

int look_at(lfvec_t *v, struct lfvec_stat *st)
{
    int error = lfvec_stat(v, st);
    return error && error != -EBADMSG ? failed(v, "look", error) : DONE;
}
