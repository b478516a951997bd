/*
 * lfvec.h - a growing array in POSIX shared memory, shared by processes, lock-free.
 *
 * READ THIS FIRST: what can go wrong, and what cannot
 *
 *  - A participant may be killed at any instruction (SIGKILL, the OOM killer, a debugger). No other
 *    participant waits for it, and no element is lost or duplicated. The one element that it was
 *    pushing or popping is entirely there or entirely absent. Its memory is recovered when the next
 *    thread takes its slot, or when lfvec_recover() runs.
 *  - A stopped participant (SIGSTOP, a debugger) is alive. It keeps its slot and its leaves, and
 *    never blocks other participants.
 *  - Running out of memory gives -ENOSPC, never SIGBUS: pages are allocated before anything is
 *    stored in them.
 *  - fork(): the child inherits the attachment and may use it at once; it takes a slot of its own.
 *    Between fork() and exec() in a child of a multi-threaded process, only async-signal-safe
 *    functions may be called (POSIX), and no lfvec function is one. A child made by the system
 *    calls clone() or vfork(), bypassing the C library, has its parent's slots in its memory but
 *    must not use them: it may use only handles through which the thread that made it has not
 *    changed anything, or handles of its own.
 *  - exec(): the new program is not a participant. What the old program held belongs to a dead
 *    participant, whichever thread called exec().
 *  - Signal handlers: do not call lfvec_* functions from one. No function here installs a handler.
 *    A handler may siglongjmp() out of an operation on elements that it interrupted (push, pop,
 *    get, set and what counts as these, clear, size, snapshot). That operation has then entirely
 *    taken effect or not at all, and the thread may continue. An element that it popped is lost,
 *    unless it was popped on lease: then lfvec_release() gives it back. Where a jump would do harm,
 *    the library briefly blocks all signals except those of faults. Do not jump out of open,
 *    attach, detach, leave, trim, reserve, recover, check, stat and the other reporting functions.
 *  - pthread_cancel(): the calls that wait for an element (pop_wait) are cancellation points, on
 *    entry and, at most 50 ms late, while they sleep. A cancelled call takes no element. No other
 *    function is a cancellation point. A cancelled thread's slot is given back as at thread exit.
 *    Threads that call lfvec functions must not use asynchronous cancellation
 *    (PTHREAD_CANCEL_ASYNCHRONOUS).
 *  - The segment outlives its processes; only lfvec_unlink() removes it. systemd's RemoveIPC=yes
 *    removes the segments of a user who logs out; lfvec_is_current() detects this.
 *  - Trust: every process with write access is trusted not to forge elements. Damaged bytes give
 *    -EBADMSG; they never lead to an access outside the segment or to an endless loop. See
 *    doc/design.md. Any user may create a segment in /dev/shm under the name that your program will
 *    use. lfvec_attach(), and lfvec_open() with LFVEC_CREATE, join segments of the caller's user
 *    and of root, and refuse those of other users (EACCES), unless LFVEC_ANY_OWNER is given.
 *    lfvec_open() without LFVEC_CREATE joins any segment: check uid and mode in lfvec_stat()
 *    afterwards, and lfvec_elem_size() before you fill a buffer.
 *
 * CONVENTIONS
 *
 *  Functions that return a pointer return NULL and set errno. All others return 0, or a count, or a
 *  negative errno value, and leave errno unchanged. Every function may be called from any thread of
 *  any attached process, at the same time as any other function, with two exceptions:
 *  lfvec_detach() ends the use of its handle (no other call on that handle may be running or
 *  follow), and a buffer that is passed to a call belongs to that call. Names are as for
 *  shm_open(3): a slash, then 1 to 253 characters without a slash.
 *
 *  NULL as a handle, a name or a required buffer is -EINVAL (EINVAL in errno, for functions that
 *  return a handle), from every function. Functions that return a number or a string return 0 or ""
 *  instead, and lfvec_attr_init() does nothing. Each comment says which arguments may be NULL.
 *  Invalid non-NULL pointers are not detected.
 *
 *  Indexes and sizes count elements unless bytes are stated. On failure, output buffers are
 *  unspecified unless stated otherwise.
 *
 * GUARANTEES (numbered, so that tests can cite them)
 *
 *  G1 Order      Every mutation is one atomic step in one total order, given by a version that
 *                grows by one: linearizable, size and index included. A get returns a value that
 *                the element had during the call.
 *  G2 Progress   push, pop, set, cas, fetch_add, their batches, pop_lease, release, clear, trim:
 *                lock-free. get, get_n, snapshot: lock-free, and store nothing in shared memory.
 *                size, ack: wait-free. reserve, recover, check, stat and the other reporting
 *                functions never wait for a participant either, whatever it is doing; they loop
 *                over slots or memory, and ask the kernel. Two calls do wait: pop_wait, for an
 *                element; open, for a process that is creating the same segment. Memory comes from
 *                the kernel, so an operation that needs more memory takes as long as the kernel
 *                does. A thread's first mutation takes a slot, in a loop over the slots. If no slot
 *                is free, it asks the kernel whether each holder is alive, and waits up to a
 *                quarter of a second for a slot that is held only briefly: by a thread that is
 *                recovering it or giving it back, and is not stopped.
 *  G3 Crash      Killing a participant at any instruction leaves G1 and G2 intact for the others.
 *  G4 Space      When memory or a limit is reached, the call reports it and changes nothing; the
 *                vector remains usable.
 *  G5 Stability  Elements are never moved in any participant's address space while they are being
 *                read.
 *
 * WHICH CALLS MAY OVERLAP
 *
 *  Any call may overlap with any other, from any threads of any processes, on one handle or on
 *  several. The letter says what one call sees of the other:
 *
 *                       push pop set  push_n pop_n  clear trim  A  both take effect, one after the
 *    push pop set cas   A    A   A    A      A      A     A        other (G1)
 *    push_n pop_n       A    A   A    A*     A*     A     A     B  the reader gets a value that was
 *    clear trim reserve A    A   A    A      A      A     A        there during the call
 *    get get_n          B    B   B    B      B      B     B     C  all of one version, or -EAGAIN
 *    snapshot           C    C   C    C      C      C     C     D  figures from different moments
 *    size               A    A   A    A      A      A     A     *  a call for more elements than
 *    capacity stat      D    D   D    D      D      D     D        lfvec_batch_most() is split, and
 *    check recover      A    A   A    A      A      A     A        others take effect between parts
 *
 *  pop_wait, pop_lease and ack count as pop, release as push, fetch_add as set. participant and
 *  region count as stat. open, unlink and is_current overlap with everything. lfvec_detach()
 *  overlaps with everything on other handles and with nothing on its own.
 *
 * MEMORY ORDER
 *
 *  A successful mutation has release-acquire order: what its thread wrote before it is visible to
 *  every thread that observes the element, the size or a later version through any function here. A
 *  failed one (-EAGAIN, -ERANGE, ...) has acquire order, as have lfvec_get(), lfvec_get_n(),
 *  lfvec_snapshot() and lfvec_size(). A process that opens a segment sees everything that its
 *  creator wrote to it. Of the figures that lfvec_stat() and similar functions report, version and
 *  size have acquire order; the others have no order to rely on.
 *
 * Reference: D. Dechev, P. Pirkelbauer, B. Stroustrup: Lock-free Dynamically Resizable Arrays.
 * OPODIS 2006. doc/design.md lists the differences: 16-byte versioned head, single-writer leaves,
 * no reclamation scheme.
 */
#ifndef LFVEC_H
#define LFVEC_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#ifdef __GNUC__ /* some functions and structs share a name, as C allows; -Wshadow would warn */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
#endif

/* One process's attachment; its threads share it. In C++, lfvec is the namespace of lfvec.hpp. */
#ifdef __cplusplus
typedef struct lfvec_handle lfvec_t;
#else
typedef struct lfvec lfvec_t;
#endif

/* lfvec_attr.numa: where slabs are placed */
enum {
    LFVEC_NUMA_LOCAL = 0,      /* on the node of the thread that claims the slab (default) */
    LFVEC_NUMA_INTERLEAVE = 1, /* page by page over numa_nodes */
    LFVEC_NUMA_BIND = 2        /* only on numa_nodes */
};

/* lfvec_stat.numa_why: why a policy is, or is not, in force for this process */
enum {
    LFVEC_NUMA_PLACED = 0,      /* pages are placed as requested */
    LFVEC_NUMA_ONE_NODE = 1,    /* only one node that this process may use has memory */
    LFVEC_NUMA_NO_LIBNUMA = 2,  /* built without libnuma */
    LFVEC_NUMA_REFUSED = 3,     /* mbind(2) is refused, as in a container without CAP_SYS_NICE */
    LFVEC_NUMA_NO_SUCH_NODE = 4 /* no requested node has memory: placed on all nodes that have */
};

/* lfvec_attr.flags; both are requests: if the kernel refuses, the segment works without */
enum {
    /* Request transparent huge pages; slabs are then at least 2 MiB, a huge page each. */
    LFVEC_HUGEPAGES = 1,
    /*
     * Map the pages of a slab when it is claimed, also where the kernel cannot do it in one call
     * (before 5.14).
     */
    LFVEC_PREFAULT = 2
};

/*
 * Maximum number of elements that one atomic step pushes or pops. A segment with large elements has
 * a lower limit: lfvec_batch_most().
 */
#define LFVEC_BATCH_MAX 1024

/* lfvec_open flags */
enum {
    /* Create the segment if it does not exist, or if its creator died half-way. */
    LFVEC_CREATE = 1,
    /* With LFVEC_CREATE: fail with EEXIST if the segment exists. Otherwise no effect. */
    LFVEC_EXCL = 2,
    /* Map read-only, take no slot; calls that would write return -EBADF. Not with LFVEC_CREATE. */
    LFVEC_RDONLY = 4,
    /*
     * With LFVEC_CREATE: also join the segment of another user. Without LFVEC_CREATE, any segment
     * may be joined, and this flag has no effect.
     */
    LFVEC_ANY_OWNER = 8,
    /*
     * Allocate memory for parts that should have it and have none, as in a sparse copy. Not with
     * LFVEC_RDONLY.
     */
    LFVEC_FILL_HOLES = 16
};

/* Bytes of lfvec_attr.elem_format, including the terminating zero. */
#define LFVEC_FORMAT_BYTES 64

/*
 * Attributes of a segment, fixed at its creation. Zero in max_elems, max_bytes, max_slots,
 * leaf_bytes or slab_bytes means the default; with a mode of zero, only root has access.
 *
 * struct_size identifies the header that the caller was compiled with. EINVAL if it is 0, or
 * anything less than the library's own size of this struct, or more than 4,096. A larger struct, of
 * a newer header, is accepted if every byte that the library does not know is 0, so that no request
 * is silently ignored; otherwise EINVAL.
 *
 * elem_format describes the elements to readers that do not know the program, and keeps doubles
 * from being read as integers. It lists the types of the fields, separated by commas: u8 to u64 and
 * i8 to i64 are integers, h8 to h64 unsigned integers that are shown in hex, f32 and f64 floats, sN
 * a string in N bytes, xN other bytes. The fields are laid out as in a C struct, or without gaps if
 * only that layout has elem_size bytes. EINVAL for anything else, if the fields have another size,
 * and for more than 63 characters or 56 fields. Two formats agree if their fields do, where u and h
 * are the same, and s and x. The text does not prove what the elements contain: a process with
 * write access may store other bytes.
 */
struct lfvec_attr {
    uint32_t struct_size; /* sizeof(struct lfvec_attr), set by lfvec_attr_init() */
    uint32_t elem_size;   /* bytes of one element, 1..65536; default 8 */
    uint64_t elem_tag;    /* the user's type tag; a mismatch at open is EPROTO; 0 = any */
    uint64_t max_elems;   /* maximum number of elements, 1..2^40-1; default 2^32 */
    uint64_t max_bytes;   /* limit of the whole segment; default: what the mapping may reserve */
    uint32_t max_slots;   /* participant threads at one time, 1..2047; default 128 */
    uint32_t leaf_bytes;  /* bytes of elements copied when a leaf changes owner, 64..65536, a power
                           * of two; default 512 */
    uint32_t slab_bytes;  /* growth step, 65536..2^26, a power of two, at least twice leaf_bytes and
                           * twice elem_size; default 262144. Reduced to the pages that its leaves
                           * fill, at most 65,535 leaves: lfvec_stat.slab_bytes is the result */
    uint32_t mode;        /* permission bits; default 0600; set with fchmod, whatever the umask */
    uint32_t numa;        /* LFVEC_NUMA_* */
    uint64_t numa_nodes;  /* node mask for BIND and INTERLEAVE; 0 = all */
    uint32_t flags;       /* LFVEC_HUGEPAGES, LFVEC_PREFAULT */
    /* Fields of an element, as in "u64,f64,s16"; a mismatch at open is EPROTO; "" = any. */
    char elem_format[LFVEC_FORMAT_BYTES];
};

/*
 * Zeroes *attr, sets struct_size and the defaults above. max_bytes and the masks stay 0. Touches
 * only *attr. Wait-free.
 */
void lfvec_attr_init(struct lfvec_attr *attr);

/*
 * Attaches to the segment `name`; the first caller creates it with the defaults. The same as
 * lfvec_open(name, LFVEC_CREATE, NULL), including its errors.
 */
lfvec_t *lfvec_attach(const char *name);

/*
 * Opens or creates a segment and maps it.
 *
 * If attr is NULL, an existing segment is opened with the attributes that it has, and a new one
 * gets the defaults. Opening an existing segment with an attr compares elem_size, elem_tag (0 in
 * either matches any) and elem_format (likewise, if empty); the other fields apply only at creation
 * and need only be in range.
 *
 * Creation runs under flock(2) on the object. A creator killed half-way blocks no other process:
 * the next one initialises the segment again. Any number of processes may create at once: one
 * creates the segment and the others open it; with LFVEC_EXCL, exactly one succeeds. On success,
 * errno is unchanged.
 *
 * With LFVEC_CREATE, a segment that exists, finished or half-made, must belong to the caller's
 * effective user or to root, if /dev/shm is sticky and writable by its group or others, as usual.
 * Otherwise EACCES, even for root. LFVEC_ANY_OWNER is for users who share a segment and trust each
 * other: the first one creates it, with a mode that admits the others.
 *
 * A copy of a segment may have holes in place of zeros (cp leaves them out). An attachment reads
 * holes as zeros in segments of the caller and of root, up to as many bytes as the object occupied
 * when it was opened; one for writing allocates memory for them. Other holes are damage (-EBADMSG from the
 * call that meets them): otherwise a process with write access could make readers fill /dev/shm. An
 * attachment with LFVEC_FILL_HOLES allocates memory for every part with holes, when it uses the
 * part or asks for it with lfvec_region(): `lfvec-shmctl recover --fill-holes`. This takes as much
 * memory as the segment claims to have, so use it only on segments that you trust; -ENOSPC if there
 * is not enough.
 *
 * Returns a handle, to be passed to lfvec_detach(), or NULL with errno:
 *   EINVAL           the name is not "/name"; a flag is unknown; LFVEC_RDONLY with LFVEC_CREATE or
 *                    LFVEC_FILL_HOLES; struct_size is wrong; or a field of *attr is out of range
 *                    (slab_bytes: also if it is less than twice leaf_bytes or elem_size)
 *   ENAMETOOLONG     the name is longer than 254 bytes
 *   ENOENT           no such segment, and no LFVEC_CREATE; also if it exists but is half-made: it
 *                    is being created, or its creator died
 *   EEXIST           it exists, finished, and LFVEC_CREATE | LFVEC_EXCL
 *   EACCES           not allowed; or, with LFVEC_CREATE, it belongs to another user, and no
 *                    LFVEC_ANY_OWNER
 *   EPROTO           elem_size, elem_tag or elem_format differs
 *   EBADMSG          not an lfvec segment (with LFVEC_EXCL, too), damaged, truncated, or with
 *                    holes; also a FIFO, a link, a device or the like, which is never opened
 *   EPROTONOSUPPORT  another format version, an unknown feature, or another byte order
 *   ENOSPC           to create, or to fill holes: not enough pages left in /dev/shm, or
 *                    RLIMIT_FSIZE
 *   EOVERFLOW        to create: max_bytes, or the available address space, cannot hold the slots
 *                    and one slab
 *   EAGAIN           other processes kept creating and removing it, or hold a lease on it
 *                    (F_SETLEASE of fcntl(2))
 *   ENOMEM           no private memory; or this process cannot map what the segment has grown to:
 *                    RLIMIT_AS, vm.max_map_count, or, after mlockall(MCL_FUTURE), RLIMIT_MEMLOCK
 *   EMFILE, ENFILE   as from shm_open(3); other errors of shm_open(3), flock(2) and
 *                    pthread_key_create(3) are possible too
 * lfvec_last_error() describes the failure: which segment, what is wrong, what to do.
 *
 * Takes no slot: a thread takes one at its first mutation. Cost: independent of the number of
 * elements. An existing segment is opened without waiting for any other process. Creation waits for
 * a process that is creating the same segment: until that process finishes, is killed, or, if it is
 * stopped, continues. Acquire order: what the creator wrote is visible.
 */
lfvec_t *lfvec_open(const char *name, int flags, const struct lfvec_attr *attr);

/*
 * Ends the attachment: gives back the calling thread's slot, unmaps the segment, frees the handle.
 * Other threads of the process must have stopped using the handle. A slot that such a thread still
 * holds is given back when the thread next opens, detaches, leaves, or runs an operation on any
 * vector that takes more than one compare-and-swap, or exits; the segment is unmapped with the last
 * such slot. An element that the thread has on lease goes back to the vector. The elements stay.
 * Returns 0; -EINVAL if v is NULL. Waits for no participant. Returning a lease is a push, with its
 * memory order.
 */
int lfvec_detach(lfvec_t *v);

/*
 * Gives back the calling thread's slot in this segment at once, as thread exit would: for a thread
 * that keeps running but is done with the vector, or makes room for another thread. The thread may
 * use v again; it then takes a new slot. An element that it has on lease goes back to the vector,
 * as at thread exit. Returns 0, also if the thread has no slot; -EBADF if the attachment is
 * read-only. Other threads' slots are not affected. Waits for no participant. Returning a lease is
 * a push, with its memory order.
 */
int lfvec_leave(lfvec_t *v);

/*
 * Removes the name. Attached processes keep the segment until they detach; the name may be reused
 * at once. Returns 0, -ENOENT, -EACCES (not allowed, or another user's in a sticky directory),
 * -EINVAL, -ENAMETOOLONG. One system call; waits for no participant. Attached processes are not
 * notified: they can call lfvec_is_current().
 */
int lfvec_unlink(const char *name);

/*
 * Returns 1 while the name still refers to this segment, 0 if it was unlinked or replaced, or
 * -EACCES or another error if it could not be looked up. The answer may be out of date at once. One
 * system call; waits for no participant; opens nothing.
 */
int lfvec_is_current(const lfvec_t *v);

/*
 * Appends a copy of the elem_size bytes at elem. *index (may be NULL) receives the element's index.
 *   -ENOSPC    no memory: no pages left in /dev/shm, or a limit of this process or its cgroup;
 *              lfvec_last_error() says which
 *   -EOVERFLOW beyond max_elems or max_bytes
 *   -EUSERS    every slot is held by a live thread
 *   -EBADF     the attachment is read-only
 *   -EBADMSG   the segment is damaged
 *   -ENOMEM    no private memory, or beyond what RLIMIT_AS let this process map
 * Every mutation may return -EUSERS, -EBADF, -EBADMSG and -ENOMEM for these reasons, and -EINVAL
 * for a NULL. Lock-free; one locked instruction without contention. Release order on success.
 */
int lfvec_push(lfvec_t *v, const void *elem, uint64_t *index);

/*
 * Removes the last element and copies it to elem. -EAGAIN if the vector is empty (acquire order),
 * and the errors of every mutation. Lock-free; one locked instruction without contention.
 * Acquire-release order on success.
 */
int lfvec_pop(lfvec_t *v, void *elem);

/*
 * Copies element `index` to elem. -ERANGE if index >= size; -EBADMSG if the segment is damaged;
 * -ENOMEM if the element lies beyond what RLIMIT_AS let this process map. Lock-free; stores nothing
 * in shared memory and needs no slot, so it works on a read-only attachment. Acquire order.
 */
int lfvec_get(lfvec_t *v, uint64_t index, void *elem);

/*
 * Replaces element `index`. -ERANGE if index >= size; -ENOSPC, -EOVERFLOW as for lfvec_push(), and
 * the errors of every mutation. Lock-free. Cost: copies one leaf (leaf_bytes). Acquire-release
 * order on success, acquire for -ERANGE.
 */
int lfvec_set(lfvec_t *v, uint64_t index, const void *elem);

/*
 * Appends n elements, packed at elems. *first (may be NULL) receives the index of the first. A
 * batch of up to lfvec_batch_most() elements is one atomic step: one compare-and-swap, entirely
 * there or not at all, with consecutive indexes. A larger n is split into such batches; other
 * participants may push and pop between them, so their elements may lie between the batches.
 * lfvec_push_n_parts() reports where each batch is.
 *
 * Returns the number of elements pushed, or a negative errno if none: those of lfvec_push(), or
 * -EINVAL if n > INT64_MAX. Less than n means that memory or a limit was reached, or that a later
 * batch met another error. The elements that fitted were pushed, and there may be room for a few
 * more; the same call for the rest returns the reason. 0 only if n is 0; elems may then be NULL.
 * Lock-free. Release order on success.
 */
int64_t lfvec_push_n(lfvec_t *v, const void *elems, size_t n, uint64_t *first);

/* One batch of a call that pushed several: `count` elements from index `first` on. */
struct lfvec_part {
    uint64_t first, count;
};

/*
 * As lfvec_push_n(), and reports where the elements are: parts[0], parts[1], ... receive one batch
 * each, one atomic step, in the order of elems. Ends after `most` batches. Returns the number of
 * elements pushed: the counts of the parts that were filled, in sequence, add up to it; the other
 * parts are unchanged. n elements take at most n / lfvec_batch_most() parts, rounded up; most = 1
 * makes the call one atomic step, of as many elements as it can take. Errors, progress and memory
 * order as for lfvec_push_n(); also -EINVAL if parts is NULL or most is 0, unless n is 0.
 */
int64_t lfvec_push_n_parts(lfvec_t *v, const void *elems, size_t n, struct lfvec_part *parts, size_t most);

/*
 * Removes up to n elements, the last one first, and copies them to elems, packed, in that order.
 * Batches as for lfvec_push_n(). Returns the number of elements popped, or, if none, -EAGAIN if the
 * vector is empty; -EINVAL if n > INT64_MAX; the errors of every mutation. 0 only if n is 0; elems
 * may then be NULL. Lock-free. Acquire-release order on success, acquire for -EAGAIN.
 */
int64_t lfvec_pop_n(lfvec_t *v, void *elems, size_t n);

/*
 * Copies up to n elements from index first on, in index order. Each is a value that the element had
 * during the call, but they need not all be of one moment (see lfvec_snapshot()). Returns the
 * number of elements copied: less than n if the vector has no more, or a later leaf met an error.
 * If none: -ERANGE if first >= size and n > 0; -EBADMSG if the segment is damaged; -ENOMEM if they
 * lie beyond what RLIMIT_AS let this process map; -EINVAL if n > INT64_MAX. 0 only if n is 0; elems
 * may then be NULL. Lock-free; stores nothing in shared memory and needs no slot. Acquire order.
 */
int64_t lfvec_get_n(lfvec_t *v, uint64_t first, void *elems, size_t n);

/*
 * Copies n elements from index first on, all as of one version: a consistent snapshot. *version
 * (may be NULL) receives that version. Returns 0; -ERANGE if the vector does not have that many
 * elements; -EAGAIN if other participants changed the range in each of 1,000 attempts; -EBADMSG if
 * the segment is damaged; -ENOMEM if an element lies beyond what RLIMIT_AS let this process map. If
 * n is 0, elems may be NULL. Lock-free: an attempt fails only because another participant's
 * mutation succeeded. Stores nothing in shared memory and needs no slot. Acquire order.
 */
int lfvec_snapshot(lfvec_t *v, uint64_t first, void *elems, size_t n, uint64_t *version);

/*
 * Maximum number of elements in one batch of this segment: LFVEC_BATCH_MAX, or what 21 leaves hold
 * plus one, if that is less. Wait-free.
 */
uint64_t lfvec_batch_most(const lfvec_t *v);

/*
 * As lfvec_pop(), but waits for an element if there is none, at most for the relative *timeout.
 * NULL means no time limit; {0, 0} does not wait. Returns -ETIMEDOUT instead of -EAGAIN; -EINVAL if
 * the timeout is negative or its nanoseconds are not 0 to 999,999,999.
 *
 * A push wakes one sleeping waiter, a batch as many as it has elements. An element lies in the
 * vector while a waiter sleeps only if a pusher stops or dies between its push and its wake-up, or
 * a waiter between waking up and its pop, and then for at most 50 ms. A push makes no system call
 * while no thread waits; after a waiter gave up or died, one push makes one such call. A killed
 * waiter has no other effect, and no call waits for a waiter. Signals do not end the wait, but
 * pthread_cancel() does: the call is a cancellation point, and takes no element when it is
 * cancelled. Not lock-free, by its nature. Memory order as for lfvec_pop(), acquire for -ETIMEDOUT.
 */
int lfvec_pop_wait(lfvec_t *v, void *elem, const struct timespec *timeout);

/*
 * As lfvec_pop(), but on lease: the element is kept in the caller's slot until lfvec_ack(). If the
 * thread exits, detaches or dies before that, the element is pushed back to the vector, exactly
 * once, when its slot is given back, recovered or taken over. A thread has at most one lease in a
 * segment: a second is -EBUSY. The lease does not restrict other operations. Needs no memory: the
 * slot has room for the element. -EAGAIN if the vector is empty, and the errors of every mutation.
 * Lock-free. Memory order as for lfvec_pop().
 *
 * If the vector is full when a leased element should go back, the element stays in the slot. The
 * thread that takes the slot next owes the element. It goes back, exactly once, when this thread
 * next pops, clears, trims or reserves and there is room, or when it exits. Or the thread's next
 * lfvec_pop_lease() takes it on lease; its version is then the one at which the former holder
 * popped it. lfvec_last_version() does not report the return of an owed element, and while the
 * element is owed, lfvec_ack() returns -EINVAL.
 */
int lfvec_pop_lease(lfvec_t *v, void *elem);

/*
 * Acknowledges the leased element: its processing is complete, and the lease ends. One store.
 * -EINVAL if the calling thread has no lease in this segment; -EBADF if the attachment is
 * read-only. Wait-free. Release order.
 */
int lfvec_ack(lfvec_t *v);

/*
 * Gives the leased element back at once: pushes it to the vector, exactly once wherever the thread
 * is killed, and ends the lease. The element goes to the end, with a new index. There is room for
 * it even if other participants have filled the vector up to max_bytes or to the last page of
 * /dev/shm: each slot has a leaf in reserve (if slabs have at least 8 leaves). -EINVAL and -EBADF
 * as for lfvec_ack(); -EOVERFLOW at max_elems, or -ENOSPC, -EOVERFLOW if there is no room
 * nevertheless: the lease stays, to be acknowledged or given back later; -EBADMSG, -ENOMEM as for
 * every mutation. Lock-free. Memory order as for lfvec_push().
 */
int lfvec_release(lfvec_t *v);

/*
 * Compare-and-set of an 8-byte element: replaces it by desired if it equals *expected. If not,
 * -ECANCELED, and *expected receives its value. -ERANGE; -EINVAL unless elements have 8 bytes.
 * Lock-free; cost and other errors as for lfvec_set(). Acquire-release order on success, acquire
 * for -ECANCELED and -ERANGE. No ABA problem: a value that was changed and changed back in the
 * meantime does no harm.
 */
int lfvec_cas_u64(lfvec_t *v, uint64_t index, uint64_t *expected, uint64_t desired);

/*
 * Adds delta to an 8-byte element, modulo 2^64; *old (may be NULL) receives the former value.
 * -ERANGE; -EINVAL unless elements have 8 bytes. Lock-free; cost, other errors and memory order as
 * for lfvec_set().
 */
int lfvec_fetch_add_u64(lfvec_t *v, uint64_t index, uint64_t delta, uint64_t *old);

/* Number of elements. One load: wait-free, acquire order. 0 if v is NULL. */
uint64_t lfvec_size(const lfvec_t *v);

/*
 * Number of elements that fit into the committed memory, as seen by the calling thread (or, if it
 * has no slot, by the next thread to take one). Memory that holds no element counts, whichever
 * participant used it before, except for the one slab that each other participant works in
 * (slab_bytes). At least the size. If the size is damaged, lfvec_size() returns it unchecked, but
 * the capacity is no more than the committed memory can hold: allocate buffers by the lesser of the
 * two. A figure for planning: other participants change it at any time, and a push may commit more
 * memory before all of this is used. Cost: a pass over the slab table. Waits for no participant;
 * stores nothing in shared memory. 0 if v is NULL. No memory order to rely on.
 */
uint64_t lfvec_capacity(const lfvec_t *v);

/*
 * Commits memory so that the vector can hold n elements: afterwards lfvec_capacity() >= n, until
 * other participants take what was committed. Memory that others have left counts only if no more
 * can be committed. Does not shrink. -ENOSPC: no pages left in /dev/shm; -EOVERFLOW: beyond
 * max_elems or max_bytes; and the errors of every mutation. What was committed before an error
 * stays committed. Waits for no participant, but asks the kernel for memory, one slab at a time.
 * While others take what it commits, it commits more, up to 64 times, and then returns -EBADMSG: no
 * correct use of the vector causes that many. Changes no element and makes no version.
 */
int lfvec_reserve(lfvec_t *v, uint64_t n);

/*
 * Frees the leaves beyond the size while others work, and makes empty slabs that no participant
 * holds available to all. The memory stays committed to the segment and is reused by any
 * participant: a late reader may still be reading it. Lock-free. The errors of every mutation. Each
 * 22 directory entries that have leaves take one atomic step, with a version of its own; no element
 * changes. Acquire-release order for each step.
 */
int lfvec_trim(lfvec_t *v);

/*
 * Sets the size to 0 in one atomic step. The memory is kept for reuse. Lock-free. The errors of
 * every mutation. Acquire-release order.
 */
int lfvec_clear(lfvec_t *v);

/* What lfvec_recover() did. */
struct lfvec_recovery {
    uint32_t slots_recovered; /* slots of dead participants that are now free */
    uint32_t slots_alive;     /* held by live (or stopped) participants, this thread included */
    uint32_t slots_unknown;   /* held, with the holder's state unknown: treated as alive */
    uint32_t ops_won;         /* unfinished operations that had taken effect: completed */
    uint32_t ops_lost;        /* unfinished operations that had not taken effect: dropped */
    uint32_t leaves_freed;    /* replaced leaves that the dead participants had not freed yet */
    uint32_t leases_returned; /* unacknowledged elements pushed back */
    uint32_t slabs_released;  /* empty slabs made available to all participants */
    uint32_t spares_freed;    /* spare leaves given back */
};

/*
 * Recovers every dead slot. O(slots). Calling it is optional: the next thread that takes a dead
 * slot recovers it; this call frees all of them now. A slot is dead (LFVEC_SLOT_DEAD) if the kernel
 * has marked it, or if its holder's death is certain in the caller's pid namespace. A new thread
 * takes slots of the second kind only when no other slot is free.
 *
 * Idempotent; may itself be killed at any instruction. out may be NULL. Even after an error, *out
 * holds what was done, and every slot was tried: the first error is returned. Returns 0 (also if
 * there was nothing to recover); -EBADF if the attachment is read-only; -EBADMSG if the segment is
 * damaged; -ENOMEM: no private memory, or beyond what RLIMIT_AS let this process map; -ENOSPC or
 * -EOVERFLOW if a leased element found no room in the vector: the slot is free, the element stays
 * in it, and goes back when the slot's next holder has made room (see lfvec_pop_lease()), or, if
 * there is no next holder, at the next call.
 *
 * Takes no slot. Never waits for a participant, nor for another recoverer. Takes a bounded number
 * of steps for each slot, apart from memory given back and leases; returning a lease is a push, and
 * lock-free. Acquire-release order, like the successful mutation that returns an element.
 * lfvec_last_version() does not report what recovery pushes.
 */
int lfvec_recover(lfvec_t *v, struct lfvec_recovery *out);

/*
 * As lfvec_recover(), but recovers one slot only, if its holder is dead; *out then reports what was
 * found in it and done. Returns 0 also if there was nothing to recover: out->slots_alive or
 * out->slots_unknown is 1 if the slot is held, and all of *out is 0 if it is free. A free slot that
 * still contains something (an element that had found no room) is processed as well, but does not
 * count in slots_recovered. -ERANGE for a slot that does not exist; otherwise errors as for
 * lfvec_recover(). To see what the dead participant was doing, call lfvec_participant() first. O(1)
 * apart from the memory given back; idempotent; never waits; may itself be killed at any
 * instruction. Acquire-release order, like the successful mutation that returns an element.
 */
int lfvec_recover_slot(lfvec_t *v, uint32_t slot, struct lfvec_recovery *out);

/*
 * Recovers one slot whatever its holder's state, except LFVEC_SLOT_ALIVE and LFVEC_SLOT_STOPPED:
 * -EBUSY. For an operator who knows that an unknown holder is gone. If it is not, elements may be
 * lost. Also -EBUSY for the calling thread's own slot, and while another thread is taking or
 * recovering the slot; a holder that the caller cannot identify is given up to a quarter of a
 * second to finish. Otherwise as lfvec_recover_slot(): errors, progress and memory order.
 */
int lfvec_recover_forced(lfvec_t *v, uint32_t slot, struct lfvec_recovery *out);

/* lfvec_audit.fault: the first fault that lfvec_check() found */
enum {
    LFVEC_FAULT_NONE = 0,
    LFVEC_FAULT_HEADER,    /* the header's checksum or layout */
    LFVEC_FAULT_HEAD,      /* size beyond the directory; descriptor or slot number out of range */
    LFVEC_FAULT_RANGE,     /* a committed extent larger than the object */
    LFVEC_FAULT_DIRECTORY, /* an entry that leads to no leaf, or is newer than the head */
    LFVEC_FAULT_TWICE,     /* a leaf referenced twice */
    LFVEC_FAULT_FREE,      /* a referenced leaf that is marked free */
    LFVEC_FAULT_LEAK,      /* a leaf in use that nothing refers to */
    LFVEC_FAULT_SLAB,      /* an invalid slab table entry */
    LFVEC_FAULT_SLOT       /* a slot in an invalid state */
};

/* What lfvec_check() found. */
struct lfvec_audit {
    uint64_t version;     /* the head's version during the last pass */
    uint64_t elements;    /* size at that version */
    uint64_t leaves_live; /* leaves that hold elements */
    uint64_t leaves_idle; /* leaves kept beyond the size, for reuse */
    uint64_t leaves_held; /* spare leaves and leaves of unfinished operations, held by slots */
    uint64_t leaves_free; /* free leaves in committed slabs */
    uint64_t leaves_lost; /* leaves in use that nothing refers to */
    uint32_t slots_dead;  /* dead participants not yet recovered */
    uint32_t passes;      /* passes needed; more than 1 if others were changing the vector */
    uint32_t conclusive;  /* 0: constant concurrent changes, so cross-references were not judged */
    uint32_t fault;       /* LFVEC_FAULT_* */
    uint64_t where;       /* directory entry, slab, leaf or slot, depending on the fault */
    char message[160];    /* one sentence, empty if sound */
};

/*
 * Audits the whole segment: every leaf is referenced exactly once or free; every reference leads to
 * a committed leaf; sizes and versions agree. Returns 0 if the segment is sound; -EBADMSG with the
 * first fault in *out (out may be NULL); -ENOMEM: no verdict, because there was no private memory
 * or RLIMIT_AS did not let this process map all of the segment. Reads only; may run while others
 * write, and on a read-only attachment. What changes during the audit is examined again, a bounded
 * number of times (out->conclusive). -EBADMSG is returned only for a state that is impossible in a
 * sound segment, whatever its participants are doing, even if they are stopped or killed in the
 * middle of it. Takes no slot; waits for no participant. O(committed memory / leaf_bytes). Acquire
 * order.
 */
int lfvec_check(lfvec_t *v, struct lfvec_audit *out);

/*
 * Everything known about a segment at one moment. The figures are read one after the other; under
 * load they need not add up.
 */
struct lfvec_stat {
    uint64_t version;  /* mutations so far */
    uint64_t size;     /* elements */
    uint64_t capacity; /* as lfvec_capacity() */
    uint64_t elem_tag;
    uint64_t max_elems;
    /* Maximum bytes of the segment; as much address space is reserved, or what RLIMIT_AS allows. */
    uint64_t max_bytes;
    uint64_t bytes_committed; /* bytes of memory that the segment occupies now */
    uint64_t bytes_free;      /* bytes still free in the file system that holds it (/dev/shm) */
    uint64_t created;         /* seconds since the epoch */
    uint8_t uuid[16];
    uint32_t format_version;
    uint32_t feature_compat, feature_incompat, feature_ro_compat;
    /* slab_bytes: of one slab, in whole pages; at most what was requested. */
    uint32_t elem_size, elems_per_leaf, leaf_bytes, slab_bytes;
    uint32_t max_slots, mode, uid, gid;
    uint32_t numa;          /* policy requested */
    uint32_t numa_in_force; /* 1 if this process can apply it */
    uint64_t numa_nodes;
    uint32_t flags;
    uint32_t read_only; /* this attachment */
    /* Slabs that fit; owned by a slot; committed but owned by no slot. */
    uint64_t slabs_max, slabs_owned, slabs_unowned;
    uint64_t leaves_total, leaves_used; /* in committed slabs */
    uint32_t slots_free, slots_alive, slots_stopped, slots_dead, slots_unknown;
    /* By all participants, past ones too. A pop on lease is a pop, its return is not a push. */
    uint64_t pushes, pops, sets, clears;
    /* Attempts lost to other participants; writes completed for other participants. */
    uint64_t cas_retries, helps;
    uint64_t recoveries, grows; /* slots of dead participants recovered; growth steps */
    /*
     * What LFVEC_HUGEPAGES and LFVEC_PREFAULT achieved, in this process's mapping; 0 if neither was
     * requested, or it is unknown.
     */
    uint64_t bytes_huge;   /* mapped by huge pages; 0: the kernel granted none, see
                            * transparent_hugepage/shmem_enabled; small pages work as well */
    uint64_t bytes_mapped; /* mapped at all: with LFVEC_PREFAULT, at least the slabs that
                            * this process claimed */
    uint64_t numa_placed;  /* mask of nodes that pages are placed on; 0: placement not in force */
    uint32_t numa_why;     /* LFVEC_NUMA_PLACED, or the reason why not */
    /* As lfvec_attr.elem_format: types such as u64,f64,s16; "" = not given. */
    char elem_format[LFVEC_FORMAT_BYTES];
    uint64_t reserved[4];
};

/*
 * Fills *out. Returns 0; -EINVAL; or -EBADMSG, with *out filled nevertheless, if the head or the
 * extents contradict the layout: the figures that are read from there are then meaningless, and
 * lfvec_check() describes the fault. Apart from that, it does not judge the segment; lfvec_check()
 * does. Reads only, takes no slot, works on a read-only attachment, and waits for no participant.
 * Cost: a pass over slabs and slots, and some queries to the kernel, which with LFVEC_HUGEPAGES or
 * LFVEC_PREFAULT examine every page of the segment that this process has mapped.
 */
int lfvec_stat(lfvec_t *v, struct lfvec_stat *out);

/* lfvec_participant.state */
enum {
    LFVEC_SLOT_FREE = 0,
    LFVEC_SLOT_ALIVE = 1,
    LFVEC_SLOT_STOPPED = 2, /* alive, and stopped by a signal or a debugger */
    LFVEC_SLOT_DEAD = 3,    /* certain. Recovered when the slot is taken, or by lfvec_recover() */
    LFVEC_SLOT_UNKNOWN = 4  /* in another pid namespace, or otherwise unknown: treated as alive */
};

/*
 * lfvec_participant.op: what a participant did to the vector, or tried to do. The numbers are
 * stored in segments and do not change.
 */
enum {
    LFVEC_OP_NONE = 0, /* nothing yet */
    LFVEC_OP_PUSH = 1,
    LFVEC_OP_POP = 2, /* also lfvec_pop_wait() */
    LFVEC_OP_SET = 3,
    LFVEC_OP_CAS = 4,
    LFVEC_OP_FETCH_ADD = 5,
    LFVEC_OP_PUSH_N = 6, /* of a call that was split: the newest batch */
    LFVEC_OP_POP_N = 7,  /* likewise */
    LFVEC_OP_POP_LEASE = 8,
    LFVEC_OP_CLEAR = 9,
    LFVEC_OP_TRIM = 10,  /* by lfvec_trim(), or by an operation that found no memory */
    LFVEC_OP_RETURN = 11 /* the push that returns a leased element */
};

/*
 * lfvec_participant.outcome: the result of that operation. LOST: another participant made the
 * version first, or this one died before it could; a live one tries again, or has given up. OPEN:
 * its owner may be alive and the operation may still take effect, or the owner has moved on in the
 * meantime.
 */
enum {
    LFVEC_OUTCOME_NONE = 0, /* there is no such operation */
    LFVEC_OUTCOME_WON = 1,  /* it took effect, as version op_version */
    LFVEC_OUTCOME_LOST = 2, /* it did not take effect, and will not as op_version */
    LFVEC_OUTCOME_OPEN = 3  /* not known yet */
};

/* One slot: a participant thread. */
struct lfvec_participant {
    uint32_t slot;         /* 1..max_slots */
    uint32_t state;        /* LFVEC_SLOT_* */
    int32_t pid, tid;      /* pid 0: thread tid is taking the slot or giving it back */
    int32_t node;          /* NUMA node when it took the slot, or its last slab; 0 if unknown */
    uint32_t spares;       /* spare leaves held */
    char name[32];         /* thread name (comm) */
    uint64_t pid_ns;       /* inode of its pid namespace */
    uint64_t since;        /* seconds since the epoch when it took the slot */
    uint64_t last_version; /* of its last operation that took effect */
    uint64_t pushes, pops, sets, clears, cas_retries, helps;
    uint64_t in_flight;  /* version that an unfinished operation tries to make; 0 = none */
    uint64_t leased;     /* 1: holds an unacknowledged element, or is popping one on lease now */
    uint64_t slabs;      /* slabs that it owns, counted at most 20 ms ago */
    uint32_t op;         /* LFVEC_OP_*: its last operation that made an attempt; one that
                          * returned -EAGAIN, -ERANGE or the like made none */
    uint32_t outcome;    /* LFVEC_OUTCOME_* of that operation */
    uint64_t op_version; /* the version that it made, or tried to make; 0 = none */
};

/*
 * Describes slot 1..max_slots. Returns 0; -ERANGE for slot 0 and beyond max_slots; -EINVAL. A free
 * slot has state LFVEC_SLOT_FREE; its counters cover all past holders, and its op is the last
 * holder's. Reads only, takes no slot, never waits for a participant. Cost: a look-up in /proc and
 * a pass over the slab table; calls for higher slots in the next 20 ms reuse that pass. The figures
 * are read one after the other: if the participant is at work, they need not be of one moment. op,
 * op_version and outcome belong together; those of a dead participant are final until it is
 * recovered.
 */
int lfvec_participant(lfvec_t *v, uint32_t slot, struct lfvec_participant *out);

/* lfvec_region.kind */
enum {
    LFVEC_REGION_HEADER = 1,    /* the header and the head */
    LFVEC_REGION_SLOTS = 2,     /* descriptors, records and liveness of one slot, or of all slots
                                 * if they have no pages of their own */
    LFVEC_REGION_SLABTAB = 3,   /* the slab table */
    LFVEC_REGION_DIRECTORY = 4, /* the directory: where each leaf is */
    LFVEC_REGION_SLAB = 5       /* one slab: leaves of elements */
};

enum { LFVEC_NODES = 64 }; /* number of NUMA nodes that are distinguished */

/* One part of a segment. */
struct lfvec_region {
    uint32_t kind;         /* LFVEC_REGION_* */
    uint32_t owner;        /* of a slab: the slot that owns it; 0 = none */
    uint64_t first, count; /* slots: first .. first + count - 1. Slab: its number, and 1. Slab
                            * table, directory: count entries have memory */
    uint64_t offset;       /* in the segment */
    uint64_t bytes;        /* reserved for it */
    uint64_t committed;    /* bytes, from its start on, that have memory */
    uint64_t leaves;       /* of a slab that has memory */
    uint64_t leaves_used;
    uint32_t policy; /* LFVEC_NUMA_* that the kernel holds for it; meaningless if nodes is 0 */
    int32_t node;    /* for LOCAL: the node requested; else -1 */
    uint64_t nodes;  /* mask of the nodes requested; 0 = the kernel's choice, or unknown */
};

/*
 * Describes the i-th region of a segment, in the order in which the regions lie in it, counted from
 * 0. Returns 0; -ERANGE if there are not that many (growth adds slabs); -EINVAL; -EBADMSG as for
 * lfvec_stat(); with LFVEC_FILL_HOLES also -ENOSPC, when the memory that the region lacks does not
 * fit. Reads only (unless it fills holes), takes no slot, never waits for a participant; may run
 * while others write, and on a read-only attachment. Cost: a few steps, and a query to the kernel.
 */
int lfvec_region(lfvec_t *v, uint64_t i, struct lfvec_region *out);

/* Where the pages (of 4 KiB) of a region lie. */
struct lfvec_pages {
    uint64_t pages;           /* pages that have memory */
    uint64_t on[LFVEC_NODES]; /* on each NUMA node */
    uint64_t unknown;         /* move_pages(2) is refused, or lfvec was built without libnuma */
    uint64_t misplaced;       /* on a node that was not requested */
};

/*
 * Asks the kernel where the pages of the i-th region lie. Returns 0; -ERANGE, -EINVAL and -EBADMSG
 * as above; -ENOMEM if RLIMIT_AS prevented this process from mapping it. Maps every page of the
 * region into this process, and changes nothing in it. Otherwise as lfvec_region().
 */
int lfvec_region_pages(lfvec_t *v, uint64_t i, struct lfvec_pages *out);

/* Bytes of one element of this segment; 0 if v is NULL. Wait-free. */
uint32_t lfvec_elem_size(const lfvec_t *v);

/* The name used to open the handle, valid until lfvec_detach(); "" if v is NULL. Wait-free. */
const char *lfvec_name(const lfvec_t *v);

/*
 * The version at which the calling thread's last operation on elements took effect, on any handle:
 * its place in the total order of G1. For a get, and for -ERANGE of get, -EAGAIN of pop and
 * -ECANCELED of cas: a version at which the result was true. For a call that was split into
 * batches: the version of the last batch. After another error it is meaningless. Returning a lease
 * counts if the thread called lfvec_release(), but not if the library returned an owed element, as
 * at a pop that made room. 0 before the first operation. Wait-free.
 */
uint64_t lfvec_last_version(void);

/*
 * One sentence on the calling thread's last failed lfvec_open(), lfvec_attach(), lfvec_unlink(),
 * lfvec_detach() or lfvec_leave(): the segment, what is wrong, what to do. Never NULL; empty after
 * a success of one of the first three. Any other function that returns -ENOSPC sets it as well:
 * which segment, how much memory was refused, by what (a full /dev/shm, RLIMIT_FSIZE, a quota, a
 * cgroup), and what to do. Other errors and other successes leave it unchanged. The string belongs
 * to the thread and is valid until the thread's next call that sets it. Wait-free.
 */
const char *lfvec_last_error(void);

/*
 * As the functions without _sized, but -EINVAL unless `size` is the segment's element size. The
 * typed forms below use them to be safe.
 */
int lfvec_push_sized(lfvec_t *v, const void *elem, size_t size, uint64_t *index);
int lfvec_pop_sized(lfvec_t *v, void *elem, size_t size);
int lfvec_get_sized(lfvec_t *v, uint64_t index, void *elem, size_t size);
int lfvec_set_sized(lfvec_t *v, uint64_t index, const void *elem, size_t size);

/*
 * As lfvec_push() and lfvec_pop(), for elements of 8 bytes, by value; -EINVAL if the segment's
 * elements have another size. The fastest form.
 */
int lfvec_push_word(lfvec_t *v, uint64_t x);
int lfvec_pop_word(lfvec_t *v, uint64_t *x);

static inline int lfvec_push_u64(lfvec_t *v, uint64_t x)
{
    return lfvec_push_word(v, x);
}

static inline int lfvec_pop_u64(lfvec_t *v, uint64_t *x)
{
    return lfvec_pop_word(v, x);
}

static inline int lfvec_get_u64(lfvec_t *v, uint64_t index, uint64_t *x)
{
    return lfvec_get_sized(v, index, x, sizeof *x);
}

static inline int lfvec_set_u64(lfvec_t *v, uint64_t index, uint64_t x)
{
    return lfvec_set_sized(v, index, &x, sizeof x);
}

#ifdef __cplusplus
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif
}
#endif
#endif
