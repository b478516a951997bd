/*
 * shmctl_file.c - a file that a command writes instead of standard output.
 *
 * A regular file, or one that is not there yet, is written next to its place and put there by rename(2): its readers have the former contents or the
 * new ones, and a failure leaves the former. Its mode and owner stay, and it is the file that symbolic links lead to, not the link. What
 * is there and no regular file, a device, a FIFO, a socket, is written to as it is: it is not ours to replace.
 */
#include "shmctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int cannot_write(const struct file *file, int error)
{
    return complain(BLIND, file->name, "cannot be written: %s; the former file, if any, is as it was; make room, or choose another with %s",
                    strerror(error), file->option);
}

static void forget(struct file *file)
{
    free(file->place);
    free(file->draft);
    file->place = file->draft = NULL;
}

/* A descriptor of this process, as /dev/stdout is: what it leads to may have no name. */
static bool is_descriptor(const char *place)
{
    return strncmp(place, "/proc/", 6) == 0;
}

/* Where the name leads, through all symbolic links, though the last thing may not be there. NULL and errno if that cannot be told. */
static char *follow(const char *name)
{
    char *place = strdup(name), target[PATH_MAX];
    for (int links = 0; place && links < 40; links++) {
        const ssize_t n = readlink(place, target, sizeof target - 1);
        if (n < 0 || is_descriptor(place))
            return place;
        target[n] = '\0';
        const char *slash = *target == '/' ? NULL : strrchr(place, '/');
        char *next = NULL;
        if (asprintf(&next, "%.*s%s", slash ? (int)(slash + 1 - place) : 0, place, target) < 0)
            out_of_memory();
        free(place);
        place = next;
    }
    free(place);
    errno = ELOOP;
    return NULL;
}

/* As open(2) would make it: mkstemp(3) gives it to its owner only. Or as the file that it replaces. */
static void take_mode(int fd, const struct stat *former)
{
    mode_t mask = umask(0);
    umask(mask);
    if (former && (former->st_uid != geteuid() || former->st_gid != getegid()))
        (void)!fchown(fd, former->st_uid, former->st_gid);
    (void)!fchmod(fd, former ? former->st_mode & 07777 : 0666 & ~mask);
}

/* The name ends otherwise than the file's own, so that no collector of *.prom reads it half-written. */
static int open_draft(struct file *file, const struct stat *former)
{
    if (asprintf(&file->draft, "%s.XXXXXX", file->place) < 0)
        out_of_memory();
    if (former && access(file->place, W_OK) != 0)
        return -1;
    const int fd = mkstemp(file->draft);
    if (fd >= 0)
        take_mode(fd, former);
    return fd;
}

/* A FIFO without a reader is waited for, as by a shell. */
static int open_place(struct file *file)
{
    struct stat there;
    if (is_descriptor(file->place))
        return open(file->place, O_WRONLY | O_APPEND | O_CLOEXEC);
    const bool absent = stat(file->place, &there) != 0;
    if (absent && errno != ENOENT)
        return -1;
    if (absent || S_ISREG(there.st_mode))
        return open_draft(file, absent ? NULL : &there);
    return open(file->place, O_WRONLY | O_NOCTTY | O_CLOEXEC);
}

int file_open(struct file *file, const char *name, const char *option)
{
    *file = (struct file){.name = name, .option = option};
    if (strcmp(name, "-") == 0) {
        file->out = stdout;
        return DONE;
    }
    file->place = follow(name);
    const int fd = file->place ? open_place(file) : -1;
    if (fd < 0) {
        const int error = errno;
        forget(file);
        return cannot_write(file, error);
    }
    file->out = fdopen(fd, "w");
    if (!file->out)
        out_of_memory();
    return DONE;
}

/* What is no disk knows no fsync(2). */
static bool synced(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP;
}

int file_close(struct file *file)
{
    if (file->out == stdout)
        return DONE; /* which written() looks after */
    bool whole = fflush(file->out) == 0 && !ferror(file->out) && synced(fileno(file->out));
    int error = errno;
    if (fclose(file->out) != 0 && whole) {
        whole = false;
        error = errno;
    }
    if (whole && file->draft && rename(file->draft, file->place) != 0) {
        whole = false;
        error = errno;
    }
    if (!whole && file->draft)
        unlink(file->draft);
    const bool replaced = file->draft != NULL;
    forget(file);
    if (whole)
        return DONE;
    if (replaced)
        return cannot_write(file, error);
    return complain(BLIND, file->name, "cannot be written: %s; choose another with %s", strerror(error), file->option);
}
