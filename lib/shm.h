/*
 * shm.h - the platform's shared-memory objects: names, opening, locking, growing, mapping. Knows nothing of what lies in them.
 * All functions return 0 (or a descriptor) or a negative errno.
 */
#ifndef LFVEC_SHM_H
#define LFVEC_SHM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

int shm_name_check(const char *name); /* 0, -EINVAL or -ENAMETOOLONG, with the sentence in error.h */

/*
 * An existing one. -EBADMSG for what is no regular file: a FIFO would have us wait for its other end, and to open a device may do something.
 * Any user may put such a thing in our way.
 */
int shm_object_open(const char *name, bool writable);
int shm_object_look(const char *name, struct stat *st);     /* at what has the name, a link included, without opening it */
const char *shm_object_kind(const char *name);              /* "a FIFO", ...; NULL for a regular file, and if it cannot be told */
int shm_object_create(const char *name, unsigned int mode); /* a new one, -EEXIST if there is one; umask applies */
int shm_object_stat(int fd, struct stat *st);

/*
 * Whether an object that was found under a name may be taken for what the caller or root made: 0, or -EACCES if it belongs to another user
 * and /dev/shm is sticky and others may write to it. Says who the owner is.
 */
int shm_object_trusted(int fd, uint32_t *owner);

/*
 * The lock on an object, by a descriptor of its own: the kernel gives it back when the last copy of that is closed, so at the holder's death,
 * too. A child that is forked meanwhile closes its copy.
 */
struct shm_lock {
    int fd;
    struct shm_lock *next;
};

int shm_object_lock(struct shm_lock *lock, const char *name); /* waits; -ENOENT and the like, as shm_object_open() */
void shm_object_unlock(struct shm_lock *lock);

/*
 * Allocates the pages of [off, off + len) and extends the object over them. Never shrinks it, and never kills the caller: a limit
 * (RLIMIT_FSIZE) or a full file system is -ENOSPC. Idempotent: pages that exist stay as they are. A process killed half-way leaves pages
 * allocated and unused.
 */
int shm_object_commit(int fd, uint64_t off, uint64_t len);

/*
 * Where the first page from `off` on lies that has no memory: there a read through a mapping would commit some, or, on a full file system, end
 * the process (SIGBUS). Pages that were allocated and never stored in count as such: who allocates stores. UINT64_MAX if the file system cannot
 * tell. The kernel looks at all pages up to there. Asks, and touches nothing; a file system that knows no holes has none below the size.
 */
uint64_t shm_object_hole(int fd, uint64_t off);
/* Whether all pages of a range have memory. The kernel looks at no others; one call a page. */
bool shm_object_is_whole(int fd, uint64_t off, uint64_t len);

/* Bytes that the file system still has; UINT64_MAX if it has no limit, or does not say. */
uint64_t shm_object_room(int fd);

/* Gives the pages of a range back, as far as the kernel can: for one that is the caller's alone. What is read there afterwards is 0. */
void shm_object_discard(int fd, uint64_t off, uint64_t len);

/* Cuts off what lies from an offset on. Only for an object that nobody uses yet. */
int shm_object_clear(int fd, uint64_t from);

/* Writes a few bytes at an offset of the object through the kernel, so that a full file system is -ENOSPC. */
int shm_object_write(int fd, uint64_t off, const void *bytes, uint32_t len);

#endif
