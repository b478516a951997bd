/*
 * shm.c - POSIX shared-memory objects. Invariant: an object that is ready
 * only ever grows, by fallocate(2).
 */
#include "shm.h"

#include "calm.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { SHM_PAGE_BYTES = 4096 }; /* where pages are larger, some are checked more than once */
enum { SHM_NAME_MOST = 254, COMMIT_CHUNK = 1 << 20, COMMIT_CHUNK_LEAST = 1 << 14 };

#define DIRECTORY "/dev/shm" /* where shm_open(3) of glibc and musl puts the objects */

int shm_name_check(const char *name)
{
    if (!name || name[0] != '/' || !name[1] || strchr(name + 1, '/') || !strcmp(name, "/.") || !strcmp(name, "/.."))
        return error_set(-EINVAL,
                         "\"%.64s\" is not the name of a segment; a name is a slash and then characters without a slash, as in \"/%s\"",
                         name ? name : "", "samples");
    if (strlen(name) > SHM_NAME_MOST)
        return error_set(-ENAMETOOLONG, "%.32s...: the name is longer than %d bytes; choose a shorter one", name, SHM_NAME_MOST);
    return 0;
}

int shm_object_look(const char *name, struct stat *st)
{
    char path[SHM_NAME_MOST + sizeof DIRECTORY];
    snprintf(path, sizeof path, DIRECTORY "%s", name);
    return lstat(path, st) == 0 ? 0 : -errno;
}

const char *shm_object_kind(const char *name)
{
    static const struct {
        mode_t type;
        const char *text;
    } kinds[] = {{S_IFIFO, "a FIFO"},          {S_IFSOCK, "a socket"},     {S_IFDIR, "a directory"},
                 {S_IFLNK, "a symbolic link"}, {S_IFCHR, "a device node"}, {S_IFBLK, "a device node"}};
    struct stat st;
    if (shm_object_look(name, &st) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((st.st_mode & S_IFMT) == kinds[i].type)
            return kinds[i].text;
    return NULL;
}

/*
 * Checks the type before the open, so that nothing but a regular file is opened, and again
 * after it, because the object may have been replaced in between. O_NONBLOCK keeps the
 * open from blocking in that case.
 */
int shm_object_open(const char *name, bool writable)
{
    struct stat st;
    if (shm_object_look(name, &st) == 0 && !S_ISREG(st.st_mode))
        return -EBADMSG;
    const int fd = shm_open(name, (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return -EBADMSG;
}

int shm_object_create(const char *name, unsigned int mode)
{
    const int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0777);
    return fd >= 0 ? fd : -errno;
}

int shm_object_stat(int fd, struct stat *st)
{
    return fstat(fd, st) == 0 ? 0 : -errno;
}

/* The rule of fs.protected_regular. True if in doubt. */
static bool others_make_names(void)
{
    struct stat dir;
    return stat(DIRECTORY, &dir) != 0 || (dir.st_mode & S_ISVTX && dir.st_mode & (S_IWGRP | S_IWOTH));
}

/*
 * Equal user numbers are not enough: in a user namespace, all users without a mapping have the same
 * number, which may be the caller's. The kernel compares the real users, and allows O_NOATIME to
 * the owner only. On a tmpfs O_NOATIME has no effect.
 */
static bool belongs_to_caller(int fd, const struct stat *st)
{
    return st->st_uid == geteuid() && fcntl(fd, F_SETFL, O_NONBLOCK | O_NOATIME) == 0;
}

int shm_object_trusted(int fd, uint32_t *owner)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    *owner = st.st_uid;
    return st.st_uid == 0 || belongs_to_caller(fd, &st) || !others_make_names() ? 0 : -EACCES;
}

/* ---- the lock -------------------------------------------------------------------------------- */

static pthread_mutex_t locks_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct shm_lock *locks; /* of this process, held or waited for */
static pthread_once_t set_up_once = PTHREAD_ONCE_INIT;
static int set_up_error;

static void before_fork(void)
{
    pthread_mutex_lock(&locks_mutex);
}

static void after_fork_parent(void)
{
    pthread_mutex_unlock(&locks_mutex);
}

/*
 * The child lacks the threads that held the locks. A copy of the descriptor left open would keep
 * the object locked after their death.
 */
static void after_fork_child(void)
{
    for (; locks; locks = locks->next)
        close(locks->fd);
    pthread_mutex_unlock(&locks_mutex);
}

static void set_up(void)
{
    set_up_error = pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

int shm_object_lock(struct shm_lock *lock, const char *name)
{
    pthread_once(&set_up_once, set_up);
    if (set_up_error)
        return -set_up_error;
    pthread_mutex_lock(&locks_mutex); /* no fork between opening the descriptor and listing it */
    lock->fd = shm_object_open(name, true);
    if (lock->fd >= 0) {
        lock->next = locks;
        locks = lock;
    }
    pthread_mutex_unlock(&locks_mutex);
    if (lock->fd < 0)
        return lock->fd;
    while (flock(lock->fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            const int err = -errno;
            shm_object_unlock(lock);
            return err;
        }
    return 0;
}

void shm_object_unlock(struct shm_lock *lock)
{
    pthread_mutex_lock(&locks_mutex);
    struct shm_lock **at = &locks;
    while (*at != lock)
        at = &(*at)->next;
    *at = lock->next;
    (void)flock(lock->fd, LOCK_UN); /* close() is not enough if a child about to exec has a copy */
    close(lock->fd);
    pthread_mutex_unlock(&locks_mutex);
}

/* ---- pages ----------------------------------------------------------------------------------- */

/*
 * Checks RLIMIT_FSIZE first: beyond it the kernel would send SIGXFSZ,
 * which kills the process by default.
 */
static int check_size_limit(uint64_t end)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && end > limit.rlim_cur)
        return -ENOSPC;
    return end > INT64_MAX ? -EOVERFLOW : 0;
}

/* fallocate is a cancellation point; a push is not. */
static int calm_fallocate(int fd, int mode, uint64_t off, uint64_t len)
{
    struct calm before;
    calm_begin(&before);
    const int result = fallocate(fd, mode, (off_t)off, (off_t)len);
    const int saved = errno;
    calm_end(&before);
    errno = saved;
    return result;
}

/*
 * Allocates in chunks. A signal makes fallocate undo its work and start again, so with a timer
 * faster than the call it would never finish. Each interruption halves the chunk.
 */
int shm_object_commit(int fd, uint64_t off, uint64_t len)
{
    uint64_t chunk = COMMIT_CHUNK;
    if (off + len < off)
        return -EOVERFLOW;
    const int err = check_size_limit(off + len);
    if (err)
        return err;
    while (len) {
        const uint64_t now = len < chunk ? len : chunk;
        if (calm_fallocate(fd, 0, off, now) == 0) {
            off += now;
            len -= now;
        } else if (errno == EINTR) {
            chunk = chunk / 2 > COMMIT_CHUNK_LEAST ? chunk / 2 : COMMIT_CHUNK_LEAST;
        } else {
            return errno == EFBIG || errno == EDQUOT ? -ENOSPC : -errno;
        }
    }
    return 0;
}

/* Offset from `off` on where data or a hole begins. */
static uint64_t seek(int fd, uint64_t off, int whence)
{
    const int saved = errno;
    const off_t at = lseek(fd, (off_t)off, whence);
    /* EINVAL: the file system cannot say. ENXIO: beyond the end, or no data up to there. */
    const bool untold = at < 0 && errno == EINVAL;
    errno = saved;
    return at >= 0 ? (uint64_t)at : untold ? UINT64_MAX : off + (whence == SEEK_DATA);
}

uint64_t shm_object_data(int fd, uint64_t off)
{
    const int saved = errno;
    const off_t at = lseek(fd, (off_t)off, SEEK_DATA);
    const uint64_t otherwise = at < 0 && errno == ENXIO ? UINT64_MAX : off; /* EINVAL: no holes on such a file system */
    errno = saved;
    return at >= 0 ? (uint64_t)at : otherwise;
}

uint64_t shm_object_hole(int fd, uint64_t off)
{
    return seek(fd, off, SEEK_HOLE);
}

bool shm_object_is_whole(int fd, uint64_t off, uint64_t len)
{
    for (uint64_t at = off; at < off + len; at = (at / SHM_PAGE_BYTES + 1) * SHM_PAGE_BYTES) {
        const uint64_t data = seek(fd, at, SEEK_DATA);
        if (data != at && data != UINT64_MAX)
            return false;
    }
    return true;
}

uint64_t shm_object_room(int fd)
{
    struct statvfs fs;
    return fstatvfs(fd, &fs) == 0 && fs.f_blocks ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

void shm_object_discard(int fd, uint64_t off, uint64_t len)
{
    /* No memory exists there, and the kernel would send SIGXFSZ for this call too. */
    if (check_size_limit(off + len) != 0)
        return;
    while (calm_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len) != 0 && errno == EINTR)
        ;
}

int shm_object_clear(int fd, uint64_t from)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    if ((uint64_t)st.st_size <= from)
        return 0;
    return ftruncate(fd, (off_t)from) == 0 ? 0 : -errno;
}

int shm_object_write(int fd, uint64_t off, const void *bytes, uint32_t len)
{
    const int err = check_size_limit(off + len);
    if (err)
        return err;
    for (;;) {
        const ssize_t n = pwrite(fd, bytes, len, (off_t)off);
        if (n == (ssize_t)len)
            return 0;
        if (n >= 0)
            return -ENOSPC;
        if (errno != EINTR)
            return errno == EFBIG || errno == EDQUOT ? -ENOSPC : -errno;
    }
}
