/*
 * create.c - opening, creating and checking a segment.
 *
 * Creation runs under flock(2) on the object itself. SHM_MAGIC_CREATING is the first thing written
 * and SHM_MAGIC_READY the last. So an object that is empty or says CREATING was left by a creator
 * that died, or its creator is still at work and holds the lock. The next process to get the lock
 * initializes a half-made object again from the start. No process waits for another, except for
 * the kernel to pass the lock on.
 */
#include "error.h"
#include "numa.h"
#include "record.h"
#include "segment.h"
#include "shm.h"
#include "slab.h"
#include "slot.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* AGAIN, positive: look again. MADE: we have just initialized it. */
enum { OPEN_TRIES = 64, AGAIN = 1, MADE = 2 };

static uint32_t header_crc(const struct shm_header *h)
{
    const size_t from = offsetof(struct shm_header, format_version);
    return (uint32_t)crc32(crc32(0, NULL, 0), (const unsigned char *)h + from, (uInt)(offsetof(struct shm_header, crc32) - from));
}

static int damaged(const char *name, const char *what)
{
    return error_set(-EBADMSG, "%s: the header is damaged (%s); if nobody needs its elements, remove it: lfvec-shmctl rm --force %s", name,
                     what, name);
}

static int check_features(const struct shm_header *h, const char *name, bool read_only)
{
    const uint32_t incompat = h->feature_incompat & ~SHM_INCOMPAT_KNOWN, ro = h->feature_ro_compat & ~SHM_RO_COMPAT_KNOWN;
    if (incompat)
        return error_set(-EPROTONOSUPPORT, "%s: uses incompatible features 0x%x, this lfvec knows 0x%x; use the version that made it", name,
                         h->feature_incompat, SHM_INCOMPAT_KNOWN);
    if (ro && !read_only)
        return error_set(-EPROTONOSUPPORT,
                         "%s: uses features 0x%x, this lfvec knows 0x%x for writing; open it read-only, or use the version that "
                         "made it",
                         name, h->feature_ro_compat, SHM_RO_COMPAT_KNOWN);
    return 0;
}

int segment_check_header(const struct shm_header *h, uint64_t object_bytes, const char *name, bool read_only, struct layout *l)
{
    if (atomic_load_explicit(&h->magic, memory_order_relaxed) != SHM_MAGIC_READY)
        return error_set(-EBADMSG, "%s: not an lfvec segment; choose another name, or remove the object if nobody needs it", name);
    if (h->byte_order != SHM_BYTE_ORDER && h->byte_order == __builtin_bswap32(SHM_BYTE_ORDER))
        return error_set(-EPROTONOSUPPORT, "%s: made on a machine of the other byte order; create it anew here", name);
    if (h->format_version != SHM_FORMAT_VERSION)
        return error_set(-EPROTONOSUPPORT,
                         "%s: format version %u, this lfvec knows %u; use the version that made it, or remove the segment", name,
                         h->format_version, SHM_FORMAT_VERSION);
    if (h->byte_order != SHM_BYTE_ORDER)
        return damaged(name, "byte_order");
    if (h->header_bytes != sizeof *h)
        return damaged(name, "header_bytes");
    if (h->crc32 != header_crc(h))
        return damaged(name, "crc32");
    const int err = check_features(h, name, read_only);
    if (err)
        return err;
    const char *field = layout_from_header(l, h);
    if (field)
        return damaged(name, field);
    if (object_bytes > l->max_bytes)
        return damaged(name, "the object is larger than max_bytes");
    if (object_bytes < l->slabtab_off)
        return error_set(-EBADMSG, "%s: truncated: %llu bytes, at least %llu expected; remove it: lfvec-shmctl rm --force %s", name,
                         (unsigned long long)object_bytes, (unsigned long long)l->slabtab_off, name);
    return 0;
}

/* 0 if unlimited. */
static unsigned long long limit_of(unsigned int resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : 0;
}

/*
 * mmap returns EAGAIN for memory that may not be locked. The caller sees -ENOMEM,
 * as for any other lack of memory.
 */
static int map_failed(const struct segment *s, uint64_t size, int err)
{
    const unsigned long long bytes = size, space = limit_of(RLIMIT_AS);
    if (err == EAGAIN)
        return error_set(-ENOMEM,
                         "%s: cannot map %llu bytes: this process locks all that it maps (mlockall), and may lock %llu bytes; raise that "
                         "limit (ulimit -l), or attach before mlockall(MCL_FUTURE)",
                         s->name, bytes, limit_of(RLIMIT_MEMLOCK));
    if (err == ENOMEM && space)
        return error_set(-ENOMEM, "%s: cannot map %llu bytes: the limit on address space is %llu; raise it (ulimit -v)", s->name, bytes,
                         space);
    if (err == ENOMEM)
        return error_set(-ENOMEM,
                         "%s: cannot map %llu bytes: no address space is left for them, or there are too many mappings (vm.max_map_count); "
                         "detach from others, or create it with a smaller max_bytes",
                         s->name, bytes);
    return error_set(-err, "%s: cannot map %llu bytes: %s", s->name, bytes, strerror(err));
}

/* Reserves address space: all of it, or as much as RLIMIT_AS allows, but at least `least`. */
static int map_object(struct segment *s, uint64_t bytes, uint64_t least)
{
    const int prot = s->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    for (;; bytes = bytes / 2 / SHM_PAGE * SHM_PAGE) {
        if (bytes < least)
            bytes = least;
        void *at = mmap(NULL, bytes, prot, MAP_SHARED | MAP_NORESERVE, s->fd, 0);
        if (at != MAP_FAILED) {
            s->base = at;
            s->mapped = bytes;
            s->control = (struct shm_control *)(s->base + SHM_PAGE);
            return 0;
        }
        if (errno != ENOMEM || bytes == least)
            return map_failed(s, bytes, errno);
    }
}

static void unmap_object(struct segment *s)
{
    if (s->base)
        munmap(s->base, s->mapped);
    s->base = NULL;
}

/* Slots are distributed over the nodes in turn. */
static int32_t slot_node(uint64_t nodes, uint32_t i)
{
    for (uint32_t skip = i % (uint32_t)__builtin_popcountll(nodes); skip; skip--)
        nodes &= nodes - 1;
    return __builtin_ctzll(nodes);
}

/*
 * Called before any page exists except the one with the creation mark, which is touched so
 * that it moves. The page of the head goes to the creator's node, or if that may not be
 * used, to the first node that may.
 */
static void place_fixed_part(struct segment *s)
{
    const int32_t near = numa_near();
    if (!s->nodes)
        return;
    (void)*(volatile unsigned char *)s->base;
    numa_place(s->base, s->l.slots_off + s->l.slot_bytes, LFVEC_NUMA_LOCAL, s->nodes,
               s->nodes >> near & 1 ? near : __builtin_ctzll(s->nodes));
    for (uint32_t i = 1; i <= s->l.max_slots; i++)
        numa_place((unsigned char *)slot_at(s, i), s->l.slot_bytes, LFVEC_NUMA_LOCAL, s->nodes, slot_node(s->nodes, i));
}

static void init_slots(struct segment *s)
{
    memset(slot_at(s, 0), 0, s->l.slabtab_off - s->l.slots_off);
    for (uint32_t i = 1; i <= s->l.max_slots && s->nodes; i++)
        atomic_store_explicit(&slot_at(s, i)->home, (uint32_t)slot_node(s->nodes, i) + 1, memory_order_relaxed);
}

static void init_header(struct segment *s, const struct lfvec_attr *a)
{
    struct shm_header *h = (struct shm_header *)s->base;
    memset((char *)h + offsetof(struct shm_header, format_version), 0, SHM_PAGE - offsetof(struct shm_header, format_version));
    h->format_version = SHM_FORMAT_VERSION;
    h->byte_order = SHM_BYTE_ORDER;
    h->header_bytes = sizeof *h;
    h->elem_tag = a->elem_tag;
    strcpy(h->elem_format, a->elem_format);
    h->numa = a->numa;
    h->numa_nodes = a->numa_nodes;
    h->flags = a->flags;
    layout_to_header(&s->l, h);
    if (getrandom(h->uuid, sizeof h->uuid, 0) == (ssize_t)sizeof h->uuid) {
        h->uuid[6] = (uint8_t)((h->uuid[6] & 0x0f) | 0x40); /* RFC 4122, random */
        h->uuid[8] = (uint8_t)((h->uuid[8] & 0x3f) | 0x80);
    }
    h->created = (uint64_t)time(NULL);
    h->crc32 = header_crc(h);
}

static void set_extents(struct segment *s)
{
    s->dir = (struct extent){
        .off = s->l.dir_off, .unit = sizeof(struct shm_entry), .max = s->l.dir_max, .shared = &s->control->dir_committed};
    s->slabtab = (struct extent){.off = s->l.slabtab_off, .unit = 8, .max = s->l.slabs_max, .shared = &s->control->slabtab_committed};
}

static int not_made(const struct segment *s, uint64_t bytes, int err)
{
    if (err == -ENOSPC)
        return segment_no_space(s, bytes, bytes);
    return error_set(err, "%s: cannot allocate its first %llu bytes: %s; is /dev/shm a tmpfs?", s->name, (unsigned long long)bytes,
                     strerror(-err));
}

/*
 * Initializes an object that is empty or half-made. The caller holds its lock. If the creator set
 * no maximum, the available address space decides it.
 */
static int initialise(struct segment *s, const struct lfvec_attr *a)
{
    const uint64_t marker = SHM_MAGIC_CREATING;
    int err = shm_object_write(s->fd, 0, &marker, sizeof marker);
    if (err)
        return not_made(s, SHM_PAGE, err);
    /* Clear what an earlier creator left, perhaps with other attributes. */
    err = shm_object_clear(s->fd, SHM_PAGE);
    s->nodes = numa_choose(a->numa == LFVEC_NUMA_LOCAL ? 0 : a->numa_nodes);
    if (!err)
        err = layout_compute(&s->l, a, s->nodes, UINT64_MAX);
    if (!err)
        err = map_object(s, s->l.max_bytes, SHM_PAGE);
    if (!err)
        err = layout_compute(&s->l, a, s->nodes, s->mapped);
    if (err)
        return err == -EOVERFLOW ? error_set(err,
                                             "%s: max_bytes or the address space is too small to hold a single slab; ask for more, or for "
                                             "fewer max_slots or a smaller slab_bytes",
                                             s->name)
                                 : err;
    place_fixed_part(s);
    err = shm_object_commit(s->fd, 0, s->l.slabtab_off);
    if (err)
        return not_made(s, s->l.slabtab_off, err);
    memset(s->base + SHM_PAGE, 0, SHM_PAGE);
    init_slots(s);
    s->numa = a->numa;
    s->flags = a->flags;
    set_extents(s);
    (void)slab_reserve_first(s); /* may fail: the first push then reports the lack of memory */
    init_header(s, a);
    /*
     * SYNC: header (release): a process that sees READY sees everything above; a
     * creator killed before left CREATING
     */
    atomic_store_explicit(&((struct shm_header *)s->base)->magic, SHM_MAGIC_READY, memory_order_release);
    return 0;
}

static int check_attr(const struct shm_header *h, const struct lfvec_attr *a, const char *name)
{
    if (a && a->elem_size != h->elem_size)
        return error_set(-EPROTO, "%s: has elements of %u bytes, %u were asked for; open it with the right size or use another name", name,
                         h->elem_size, a->elem_size);
    if (a && a->elem_tag && h->elem_tag && a->elem_tag != h->elem_tag)
        return error_set(-EPROTO, "%s: has element tag 0x%llx, 0x%llx was asked for; another program's segment? use another name", name,
                         (unsigned long long)h->elem_tag, (unsigned long long)a->elem_tag);
    if (a && *a->elem_format && *h->elem_format && !record_same(a->elem_format, h->elem_format))
        return error_set(-EPROTO, "%s: has elements of type %s, %s was asked for; open it with the type that it has, or use another name",
                         name, h->elem_format, a->elem_format);
    return 0;
}

/* Attaches to an object whose magic is READY. */
static int enter(struct segment *s, const struct lfvec_attr *attr)
{
    struct shm_header h;
    struct stat st;
    if (pread(s->fd, &h, sizeof h, 0) != (ssize_t)sizeof h || shm_object_stat(s->fd, &st) != 0)
        return damaged(s->name, "shorter than a header");
    int err = segment_check_header(&h, (uint64_t)st.st_size, s->name, s->read_only, &s->l);
    err = err ? err : check_attr(&h, attr, s->name);
    if (err)
        return err;
    unmap_object(s);
    s->whole = 0; /* may be left from another object */
    segment_believe_holes(s, &st);
    atomic_store_explicit(&s->words_at_once, h.elem_size == 8, memory_order_relaxed);
    err = map_object(s, s->l.max_bytes, (uint64_t)st.st_size);
    err = err ? err : segment_is_whole(s, 0, s->l.slabtab_off);
    if (err == -EBADMSG)
        return error_set(err,
                         "%s: holes: parts of its first %llu bytes have no memory; if it is a sparse copy, fill it: lfvec-shmctl recover "
                         "--fill-holes %s; if nobody needs its elements, remove it: lfvec-shmctl rm --force %s",
                         s->name, (unsigned long long)s->l.slabtab_off, s->name, s->name);
    if (err)
        return err;
    s->slab_known = calloc(s->l.slabs_max / 64 + 1, sizeof *s->slab_known);
    if (!s->slab_known)
        return error_set(-ENOMEM, "%s: no private memory for the attachment", s->name);
    s->object_bytes = (uint64_t)st.st_size;
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    s->numa = h.numa;
    s->numa_nodes = h.numa_nodes;
    s->nodes = numa_choose(h.numa == LFVEC_NUMA_LOCAL ? 0 : h.numa_nodes);
    s->flags = h.flags;
    s->elem_tag = h.elem_tag;
    strcpy(s->elem_format, h.elem_format);
    set_extents(s);
    return 0;
}

enum found { FOUND_READY, FOUND_HALF_MADE, FOUND_FOREIGN };

/*
 * SYNC: header (acquire): pread precedes the later reads; so does the lock
 * for a process that waited for it.
 */
static enum found look(int fd)
{
    uint64_t magic = 0;
    const ssize_t n = pread(fd, &magic, sizeof magic, 0);
    atomic_thread_fence(memory_order_acquire);
    if (n == 0)
        return FOUND_HALF_MADE;
    if (n == (ssize_t)sizeof magic && magic == SHM_MAGIC_READY)
        return FOUND_READY;
    return n == (ssize_t)sizeof magic && magic == SHM_MAGIC_CREATING ? FOUND_HALF_MADE : FOUND_FOREIGN;
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool same_object(int fd, int other)
{
    struct stat a, b;
    return shm_object_stat(fd, &a) == 0 && shm_object_stat(other, &b) == 0 && same_inode(&a, &b);
}

/* Looks at the name without opening it, so nothing can make us wait. */
static bool name_leads_to(const char *name, int fd)
{
    struct stat a, b;
    return shm_object_stat(fd, &a) == 0 && shm_object_look(name, &b) == 0 && same_inode(&a, &b);
}

/*
 * Called under the lock. Another process may have finished the object, or given up and unlinked it.
 */
static int finish_half_made(struct segment *s, const struct lfvec_attr *attr)
{
    struct stat st;
    if (shm_object_stat(s->fd, &st) != 0 || st.st_nlink == 0)
        return AGAIN;
    if (look(s->fd) != FOUND_HALF_MADE)
        return AGAIN;
    /*
     * the umask applied when the object was made. EPERM: another user's half-made object
     * that we may write; keep its mode
     */
    if (fchmod(s->fd, attr->mode) != 0 && errno != EPERM)
        return error_set(-errno, "%s: cannot give it mode 0%o: %s", s->name, attr->mode, strerror(errno));
    const int err = initialise(s, attr);
    unmap_object(s);
    /*
     * Harmless if we die here, because half-made objects are taken over. Harmless too if
     * another process replaces the object just now and we unlink the new one: its users can
     * detect that with lfvec_is_current().
     */
    if (err && name_leads_to(s->name, s->fd))
        shm_unlink(s->name);
    return err ? err : MADE;
}

/* How to remedy an error of shm_open(3) or flock(2). NULL: unknown. */
static const char *open_advice(int err)
{
    switch (-err) {
    case EMFILE:
        return "this process has as many files open as it may; close some, or raise that limit (ulimit -n)";
    case ENFILE:
        return "the system has as many files open as it may; close some, or raise fs.file-max";
    case EAGAIN: /* from the non-blocking open */
        return "another process holds a lease on it (fcntl F_SETLEASE); try again, or end that process";
    case EROFS:
        return "/dev/shm is mounted read-only; open it read-only, or remount it";
    case ENOSPC:
        return "no room for another object in /dev/shm; remove some, or give it more inodes (mount -o remount,nr_inodes=N /dev/shm)";
    case EDQUOT:
        return "the quota of this user in /dev/shm is used up; remove something, or ask for a larger one";
    case ENOMEM:
    case ENOLCK:
        return "the kernel has no memory for it; is that of this container or cgroup limited (memory.max)?";
    default:
        return NULL;
    }
}

static int open_failed(const char *name, int err)
{
    const char *advice = open_advice(err);
    if (err == -ENOENT)
        return error_set(err, "%s: no such segment; `lfvec-shmctl list` shows those there are", name);
    if (err == -EACCES)
        return error_set(
            err, "%s: not allowed; ask its owner for a wider mode (LFVEC mode, lfvec-shmctl create --mode), or open it read-only", name);
    if (err == -EBADMSG) {
        const char *kind = shm_object_kind(name);
        return error_set(
            err, "%s: /dev/shm%s is %s and no regular file, so not an lfvec segment; choose another name, or have its owner remove it",
            name, name, kind ? kind : "something else");
    }
    return error_set(err, "%s: cannot open it: %s%s%s", name, strerror(-err), advice ? "; " : "", advice ? advice : "");
}

static int enter_locked(struct segment *s, int flags, const struct lfvec_attr *attr)
{
    /*
     * An unfinished segment does not exist for a caller that would not create
     * it. There is nothing to wait for.
     */
    if (!(flags & LFVEC_CREATE))
        return error_set(-ENOENT, "%s: being created, or its creator died half-way; create it (again), or remove it: lfvec-shmctl rm %s",
                         s->name, s->name);
    struct shm_lock lock;
    int err = shm_object_lock(&lock, s->name);
    if (err)
        return err == -ENOENT || err == -EBADMSG ? AGAIN : open_failed(s->name, err);
    err = same_object(lock.fd, s->fd) ? finish_half_made(s, attr) : AGAIN;
    shm_object_unlock(&lock);
    return err;
}

/* The object does not exist and cannot be created. */
static int create_failed(const char *name, int err)
{
    if (err == -ENOENT)
        return error_set(err, "%s: cannot create it: there is no /dev/shm here; mount a tmpfs there", name);
    if (err == -EACCES)
        return error_set(err, "%s: cannot create it: this user may not write to /dev/shm, whose mode should be 1777", name);
    return open_failed(name, err);
}

/*
 * Opens first and creates only if that fails. With O_CREAT, fs.protected_regular denies in a sticky
 * directory what the mode allows. AGAIN if another process created it first.
 */
static int open_or_create(struct segment *s, int flags, const struct lfvec_attr *attr)
{
    s->fd = shm_object_open(s->name, !s->read_only);
    if (s->fd == -ENOENT && flags & LFVEC_CREATE) {
        s->fd = shm_object_create(s->name, attr->mode);
        if (s->fd == -EEXIST)
            return AGAIN;
        return s->fd >= 0 ? 0 : create_failed(s->name, s->fd);
    }
    return s->fd >= 0 ? 0 : open_failed(s->name, s->fd);
}

/*
 * A caller that opens with LFVEC_CREATE takes the segment for its own program's, but another user
 * may have made it first. A caller that opens without it has decided to join an existing segment.
 */
static int check_owner(const struct segment *s, int flags)
{
    uint32_t owner = 0;
    if (!(flags & LFVEC_CREATE) || flags & LFVEC_ANY_OWNER)
        return 0;
    const int err = shm_object_trusted(s->fd, &owner);
    if (err != -EACCES)
        return err;
    return error_set(
        err,
        "%s: belongs to user %u, neither to this user nor to root, and may be a trap; choose another name, have it removed, or join "
        "it: without LFVEC_CREATE, or with LFVEC_ANY_OWNER",
        s->name, owner);
}

static int join_half_made(struct segment *s, int flags, const struct lfvec_attr *attr, bool *mine)
{
    int err = check_owner(s, flags);
    err = err ? err : enter_locked(s, flags, attr);
    *mine |= err == MADE;
    return err;
}

static int join_ready(struct segment *s, int flags, const struct lfvec_attr *attr, bool mine)
{
    if (flags & LFVEC_EXCL && flags & LFVEC_CREATE && !mine)
        return error_set(-EEXIST, "%s: exists already; choose another name, or open it without LFVEC_EXCL", s->name);
    const int err = check_owner(s, flags);
    return err ? err : enter(s, attr);
}

static int open_once(struct segment *s, int flags, const struct lfvec_attr *create_attr, const struct lfvec_attr *attr, bool *mine)
{
    const int err = open_or_create(s, flags, create_attr);
    if (err)
        return err;
    switch (look(s->fd)) {
    case FOUND_HALF_MADE:
        return join_half_made(s, flags, create_attr, mine);
    case FOUND_FOREIGN:
        return error_set(-EBADMSG, "%s: not an lfvec segment; choose another name, or remove the object if nobody needs it", s->name);
    default:
        return join_ready(s, flags, attr, *mine);
    }
}

/*
 * The caller may have been compiled with a newer header, whose struct lfvec_attr is larger. This
 * library does not know the additional fields, so they must be 0, which requests nothing. ATTR_MOST
 * catches a struct_size that was never set.
 */
enum { ATTR_MOST = 4096 };

static int copy_attr(struct lfvec_attr *own, const struct lfvec_attr *attr, const char *name)
{
    lfvec_attr_init(own);
    if (!attr)
        return 0;
    const uint32_t size = attr->struct_size;
    if (size < sizeof *own || size > ATTR_MOST)
        return error_set(-EINVAL, "%s: attribute struct_size is %u; it must be set by lfvec_attr_init()", name, size);
    for (uint32_t at = sizeof *own; at < size; at++)
        if (((const unsigned char *)attr)[at])
            return error_set(-EINVAL, "%s: an attribute at byte %u is set, which this lfvec does not know; use a newer one", name, at);
    *own = *attr;
    own->struct_size = sizeof *own;
    return 0;
}

static int open_any(struct segment *s, const char *name, int flags, const struct lfvec_attr *attr)
{
    struct lfvec_attr create_attr;
    bool mine = false;
    memset(s, 0, sizeof *s);
    s->fd = -1;
    int err = copy_attr(&create_attr, attr, name);
    err = err ? err : layout_attr_check(&create_attr, name);
    if (err)
        return err;
    err = AGAIN;
    s->read_only = flags & LFVEC_RDONLY;
    s->fill = flags & LFVEC_FILL_HOLES;
    memcpy(s->name, name, strlen(name) + 1);
    for (int i = 0; i < OPEN_TRIES && err > 0; i++) {
        segment_close(s);
        err = open_once(s, flags, &create_attr, attr ? &create_attr : NULL, &mine);
    }
    if (err)
        segment_close(s);
    return err > 0 ? error_set(-EAGAIN, "%s: others keep creating and removing it; try again", name) : err;
}

/* A thread cancelled in here would leave the lock held and the descriptor open. */
int segment_open(struct segment *s, const char *name, int flags, const struct lfvec_attr *attr)
{
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    const int err = open_any(s, name, flags, attr);
    pthread_setcancelstate(cancel, NULL);
    return err;
}
