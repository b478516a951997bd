/*
 * shm.h - the platform's shared-memory objects: names, opening, locking, growing, mapping.
 * Independent of what they contain. All functions return 0 (or a descriptor) or a negative errno.
 */
#ifndef LFVEC_SHM_H
#define LFVEC_SHM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

int shm_name_check(const char *name); /* 0, -EINVAL or -ENAMETOOLONG, with the sentence in error.h */

/*
 * Opens an existing object. -EBADMSG if it is not a regular file: the open of a FIFO
 * would wait for its other end, and the open of a device may have effects. Any user may
 * create such a file under our name.
 */
int shm_object_open(const char *name, bool writable);
/* Looks at what has the name, even a link, without opening it. */
int shm_object_look(const char *name, struct stat *st);
/* "a FIFO", ...; NULL for a regular file, or if unknown. */
const char *shm_object_kind(const char *name);
/* Creates a new object, or returns -EEXIST; umask applies. */
int shm_object_create(const char *name, unsigned int mode);
int shm_object_stat(int fd, struct stat *st);

/*
 * Checks that an object found under a name can be trusted as made by the caller or root.
 * Returns 0, or -EACCES if it belongs to another user, /dev/shm is sticky and others may
 * write to it. Stores the owner.
 */
int shm_object_trusted(int fd, uint32_t *owner);

/*
 * The lock on an object, held through a descriptor of its own. The kernel releases it
 * when the last copy of the descriptor is closed, so also when the holder dies. A child
 * forked meanwhile closes its copy.
 */
struct shm_lock {
    int fd;
    struct shm_lock *next;
};

/* Waits; errors as in shm_object_open(). */
int shm_object_lock(struct shm_lock *lock, const char *name);
void shm_object_unlock(struct shm_lock *lock);

/*
 * Allocates the pages of [off, off + len) and extends the object over them. Never shrinks
 * it and never kills the caller: a limit (RLIMIT_FSIZE) or a full file system gives
 * -ENOSPC. Idempotent: existing pages stay as they are. A process killed half-way leaves
 * allocated pages that are not used.
 */
int shm_object_commit(int fd, uint64_t off, uint64_t len);

/*
 * Offset of the first page from `off` on that has no memory. Reading it through a mapping would
 * commit a page, or on a full file system kill the process (SIGBUS). Pages that were allocated and
 * never stored in count as having none, so a process that allocates stores in each page. UINT64_MAX
 * if the file system cannot say; one without holes reports the size.
 *
 * Touches no page. The kernel looks at all pages up to the result.
 */
uint64_t shm_object_hole(int fd, uint64_t off);
/* Offset of the first byte from `off` on that has memory; UINT64_MAX if none has. */
uint64_t shm_object_data(int fd, uint64_t off);
/* True if all pages of a range have memory. The kernel looks at no others; one call a page. */
bool shm_object_is_whole(int fd, uint64_t off, uint64_t len);

/* Bytes free in the file system; UINT64_MAX if it has no limit, or does not say. */
uint64_t shm_object_room(int fd);

/*
 * Frees the pages of a range, as far as the kernel can. Only for a range that no other process
 * uses. Reads give 0 afterwards.
 */
void shm_object_discard(int fd, uint64_t off, uint64_t len);

/* Truncates an object. Only for one that no process uses yet. */
int shm_object_clear(int fd, uint64_t from);

/* Writes a few bytes at an offset through the kernel, so that a full file system gives -ENOSPC. */
int shm_object_write(int fd, uint64_t off, const void *bytes, uint32_t len);

#endif
