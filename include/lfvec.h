/*
 * lfvec.h - a growing array in POSIX shared memory, shared by processes, lock-free.
 *
 * READ THIS FIRST: what can go wrong, and what cannot
 *
 *  - A participant may be killed (SIGKILL, OOM, power of the debugger) at any instruction. Nobody waits for it, no element is lost or
 *    duplicated, and its memory comes back when its slot is taken by the next thread or when lfvec_recover() runs. The one element that
 *    such a participant was pushing or popping is entirely there or entirely not.
 *  - A participant that is stopped (SIGSTOP, a debugger) is alive. It holds its slot and its leaves, and never blocks anybody.
 *  - Full memory is -ENOSPC, never SIGBUS: pages are allocated before anything is stored in them.
 *  - fork(): the child inherits the attachment and may use it at once; it takes a slot of its own. Between fork() and exec() in a child of
 *    a multi-threaded process only async-signal-safe functions may be called (POSIX), and lfvec's are not among them. A child made by the
 *    system calls clone() or vfork() behind the C library's back has its parent's slots in its memory, and no right to them: it may use
 *    only handles with which the thread that made it has not changed anything, or handles of its own.
 *  - exec(): the program that comes takes part in nothing. What the one before held is a dead participant's, whichever thread called exec().
 *  - Signal handlers: do not call lfvec_* functions from one. No function here installs a handler. A handler may siglongjmp() out of an
 *    operation on elements (push, pop, get, set and what counts as these, clear, size, snapshot) that it interrupted: that has then taken
 *    effect or not, entirely, and the thread may go on. What was popped is lost, unless it was on lease: then lfvec_release() gives it back.
 *    Where that would do harm, signals other than those of faults are held back for the moment. Do not jump out of open, attach, detach,
 *    leave, trim, reserve, recover, check, stat and what else reports.
 *  - pthread_cancel(): the calls that wait for an element (pop_wait) are cancellation points, where they begin and, at most 50 ms late, in
 *    their sleep, and take no element when they are cancelled. No other function is one. A cancelled thread's slot is given back as at its exit. Asynchronous
 *    cancellability (PTHREAD_CANCEL_ASYNCHRONOUS) is not for threads that call functions of lfvec.
 *  - The segment outlives its processes and is removed only by lfvec_unlink(). systemd's RemoveIPC=yes removes the segments of a user who
 *    logs out; lfvec_is_current() tells.
 *  - Trust: everybody who may write to the segment is trusted not to forge elements. Damaged bytes give -EBADMSG; they never lead to an
 *    access outside the segment or to an endless loop. See doc/design.md. Any user may make a segment in /dev/shm, under the name that your
 *    program will use. lfvec_attach(), and lfvec_open() with LFVEC_CREATE, join what the caller's user or root has made, and refuse what
 *    another user has (EACCES), unless LFVEC_ANY_OWNER is given. lfvec_open() without LFVEC_CREATE joins whatever is there: then look at uid
 *    and mode in lfvec_stat(), and at lfvec_elem_size() before a buffer is filled.
 *
 * CONVENTIONS
 *
 *  Functions that return a pointer return NULL and set errno. All others return 0, or a count, or a negative errno value, and leave errno
 *  alone. Every function may be called from any thread of any attached process, at the same time as any other function, with the exceptions
 *  that lfvec_detach() ends the use of its handle (no other call on that handle may be running or follow) and that buffers passed in belong
 *  to the call. Names are those of shm_open(3): a slash, then 1 to 253 characters without a slash.
 *
 *  NULL in place of a handle, of a name or of a buffer that has to be there is -EINVAL (EINVAL in errno, from what returns a handle), from
 *  every function; those that return a number or a string answer 0 or "", and lfvec_attr_init() does nothing. What may be NULL is said to
 *  be. A pointer that is neither NULL nor good cannot be told.
 *
 *  Indexes and sizes count elements, except where bytes are said. What a call was given to fill may be changed even if it fails, and is
 *  then of no use, except where an error says otherwise.
 *
 * GUARANTEES (numbered, so that tests can cite them)
 *
 *  G1 Order      Every mutation is one atomic step in one total order, given by a version that grows by one: linearizable, size and index
 *                included. A get returns a value that the element had during the call.
 *  G2 Progress   push, pop, set, cas, fetch_add, their batches, pop_lease, release, clear, trim: lock-free. get, get_n, snapshot: lock-free,
 *                and store nothing in shared memory. size, ack: wait-free. reserve, recover, check, stat and what else reports wait for no
 *                participant either, wherever it stands; they are loops over slots or memory, and ask the kernel. Two calls do wait:
 *                pop_wait, for an element; open, for a process that is just creating the same segment. Memory is had from the kernel, so
 *                whatever needs more of it takes as long as the kernel does, and a thread's first mutation takes a slot, which is a loop
 *                over the slots. If none is free, it asks the kernel whether each holder lives, and waits a quarter of a second for one that
 *                is held in passing only: by a thread that recovers it, or gives it back, and is not stopped.
 *  G3 Crash      Killing a participant at any instruction leaves G1 and G2 intact for the others.
 *  G4 Space      When memory or a limit is reached, the call says so and changes nothing; the vector goes on working.
 *  G5 Stability  Elements are never moved in any participant's address space while they are being read.
 *
 * WHICH CALLS MAY OVERLAP
 *
 *  Each with each, from any threads of any processes, on one handle or on several; what a mark says is what one sees of the other.
 *
 *                          push pop set  push_n pop_n  clear trim     A  both take effect, one after the other (G1)
 *    push pop set cas      A    A   A    A      A      A     A           B  the reader has a value that was there during the call
 *    push_n pop_n          A    A   A    A*     A*     A     A           C  all of one version, or -EAGAIN
 *    clear trim reserve    A    A   A    A      A      A     A           D  the figures may be of different moments
 *    get get_n             B    B   B    B      B      B     B
 *    snapshot              C    C   C    C      C      C     C           *  between the parts of a call for more than
 *    size                  A    A   A    A      A      A     A              lfvec_batch_most() elements, others take effect
 *    capacity stat         D    D   D    D      D      D     D
 *    check recover         A    A   A    A      A      A     A
 *
 *  pop_wait, pop_lease and ack count as pop, release as push, fetch_add as set. participant and region count as stat. open, unlink and
 *  is_current overlap with everything. lfvec_detach() overlaps with everything on other handles and with nothing on its own.
 *
 * MEMORY ORDER
 *
 *  A successful mutation has release-acquire order: what its thread wrote before it is visible to whoever observes the element, the size or
 *  a later version through any function here. A failed one (-EAGAIN, -ERANGE, ...) has acquire order, as have lfvec_get(), lfvec_get_n(),
 *  lfvec_snapshot() and lfvec_size(). Whoever opens a segment sees all that its creator wrote to it. Of what lfvec_stat() and the like
 *  report, version and size have acquire order, and the rest has none to rely on.
 *
 * Reference: D. Dechev, P. Pirkelbauer, B. Stroustrup: Lock-free Dynamically Resizable Arrays. OPODIS 2006. doc/design.md lists what
 * differs: 16-byte versioned head, single-writer leaves, no reclamation scheme.
 */
#ifndef LFVEC_H
#define LFVEC_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#ifdef __GNUC__ /* some functions share the names of structs, as in C; -Wshadow would say so in every program */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
#endif

/* One process's attachment; shared by its threads. In C++, lfvec is the namespace of lfvec.hpp. */
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
    LFVEC_NUMA_PLACED = 0,      /* pages are placed as asked */
    LFVEC_NUMA_ONE_NODE = 1,    /* the machine, or what we may use of it, has memory on one node only */
    LFVEC_NUMA_NO_LIBNUMA = 2,  /* built without libnuma */
    LFVEC_NUMA_REFUSED = 3,     /* the kernel refuses mbind(2), as in a container without CAP_SYS_NICE */
    LFVEC_NUMA_NO_SUCH_NODE = 4 /* none of the nodes asked for has memory: placed on all that have */
};

/* lfvec_attr.flags; both are requests: what the kernel does not grant is done without */
enum {
    LFVEC_HUGEPAGES = 1, /* ask for transparent huge pages; slabs are then at least 2 MiB, a huge page each */
    LFVEC_PREFAULT = 2   /* map the pages of a slab when it is claimed, also where the kernel cannot do it in one call (before 5.14) */
};

/*
 * Most elements that one atomic step pushes or pops. A segment whose elements are large has a lower limit of its own: lfvec_batch_most().
 */
#define LFVEC_BATCH_MAX 1024

/* lfvec_open flags */
enum {
    LFVEC_CREATE = 1,     /* create it if it does not exist, or if its creator died half-way */
    LFVEC_EXCL = 2,       /* with LFVEC_CREATE: fail with EEXIST if it does; without, it means nothing */
    LFVEC_RDONLY = 4,     /* map read-only, take no slot; whatever would write returns -EBADF. Not with LFVEC_CREATE */
    LFVEC_ANY_OWNER = 8,  /* with LFVEC_CREATE: join the segment of another user, too; without, any may be joined, and it means nothing */
    LFVEC_FILL_HOLES = 16 /* give memory to parts that should have it and have none, as in a sparse copy. Not with LFVEC_RDONLY */
};

/* Bytes of lfvec_attr.elem_format, with the zero at its end. */
#define LFVEC_FORMAT_BYTES 64

/*
 * Attributes of a segment, fixed at its creation. Zero in max_elems, max_bytes, max_slots, leaf_bytes or slab_bytes means the default; a mode
 * of zero lets nobody in but root.
 *
 * struct_size tells which header the caller was compiled with. EINVAL if it is 0, or anything less than the library's own size of this
 * struct, or more than 4,096. A larger struct, of a newer header, is accepted if every byte that the library does not know is 0, so that
 * nothing is asked for which would not be done; else EINVAL.
 *
 * elem_format tells readers that do not know the program, and keeps doubles from being read as integers. It lists the types of the fields,
 * separated by commas: u8 to u64 and i8 to i64 are integers, h8 to h64 unsigned ones that are shown in hex, f32 and f64 floats, sN a string in
 * N bytes, xN other bytes. The fields lie as in a C struct, or without gaps if only that has elem_size bytes. EINVAL for anything else, if
 * they have another size, and for more than 63 characters or 56 fields. Two formats agree if their fields do, u and h, and s and x, being the
 * same. The text is not proof of what is in the elements: who may write to the segment may store other bytes.
 */
struct lfvec_attr {
    uint32_t struct_size; /* sizeof(struct lfvec_attr), set by lfvec_attr_init() */
    uint32_t elem_size;   /* bytes of one element, 1..65536; default 8 */
    uint64_t elem_tag;    /* the user's type tag; a mismatch at open is EPROTO; 0 = any */
    uint64_t max_elems;   /* most elements, 1..2^40-1; default 2^32 */
    uint64_t max_bytes;   /* most bytes of the whole segment; default: all that the mapping may reserve */
    uint32_t max_slots;   /* participant threads at one time, 1..2047; default 128 */
    uint32_t leaf_bytes;  /* bytes of elements copied when a leaf changes hands, 64..65536, a power of two; default 512 */
    uint32_t slab_bytes;  /* growth step, 65536..2^26, a power of two, at least twice leaf_bytes and twice elem_size; default 262144. It is
                           * cut down to the pages that its leaves fill, 65,535 leaves at most: lfvec_stat.slab_bytes is what came of it */
    uint32_t mode;        /* permission bits; default 0600; applied with fchmod, so umask does not defeat it */
    uint32_t numa;        /* LFVEC_NUMA_* */
    uint64_t numa_nodes;  /* node mask for BIND and INTERLEAVE; 0 = all */
    uint32_t flags;       /* LFVEC_HUGEPAGES, LFVEC_PREFAULT */
    char elem_format[LFVEC_FORMAT_BYTES]; /* fields of an element, as in "u64,f64,s16"; others at open are EPROTO; "" = any */
};

/*
 * Zeroes *attr, sets struct_size and the defaults above. max_bytes and the masks stay 0. Touches nothing but *attr. Wait-free.
 */
void lfvec_attr_init(struct lfvec_attr *attr);

/*
 * Attaches to the segment `name`; the first one creates it with the defaults. The same as lfvec_open(name, LFVEC_CREATE, NULL), errors and
 * all.
 */
lfvec_t *lfvec_attach(const char *name);

/*
 * Opens or creates a segment and maps it.
 * attr NULL: take what the segment has (when creating: the defaults). Opening an existing segment with an attr compares elem_size, elem_tag
 * (a tag of 0, here or there, goes with any) and elem_format (likewise, if empty); the other fields count at creation only, and need only be
 * in their ranges. Creation runs under flock(2) on the object: a creator killed half-way blocks nobody, the next one initialises again. Any
 * number of processes may create at once: one does, and the others find what it made; with LFVEC_EXCL, one succeeds. errno is left alone on
 * success.
 *
 * With LFVEC_CREATE, a segment that exists, finished or half-made, has to belong to the caller's effective user or to root, where /dev/shm is
 * sticky and its group or others may write to it, as usual: else it is EACCES, for root as well. LFVEC_ANY_OWNER is for users who share one
 * and trust each other: whichever comes first creates it, with a mode that lets the others in.
 *
 * A copy of a segment may have holes where there were zeros (cp leaves them out). An attachment reads holes as zeros in segments of the caller
 * and of root, up to as many bytes as the object occupied when it was opened; reading gives them memory. Other holes are damage (-EBADMSG
 * from the call that meets them): a writer of the segment could otherwise make its readers fill /dev/shm. An attachment with LFVEC_FILL_HOLES
 * gives memory to every part with holes, when it uses it or asks for it by lfvec_region(): `lfvec-shmctl recover --fill-holes`. That takes as
 * much memory as the segment says that it has, so use it on segments that you trust; -ENOSPC where it does not fit.
 *
 * Returns a handle, to be given to lfvec_detach(), or NULL with errno:
 *   EINVAL           the name is not "/name", a flag is unknown, LFVEC_RDONLY with LFVEC_CREATE or LFVEC_FILL_HOLES, struct_size is not right, or a field of
 *                    *attr is out of its range (slab_bytes: also if it is less than twice leaf_bytes or elem_size)
 *   ENAMETOOLONG     the name is longer than 254 bytes
 *   ENOENT           no such segment, and no LFVEC_CREATE; also if it is there, but half-made: being created, or its creator died
 *   EEXIST           it exists, finished, and LFVEC_CREATE | LFVEC_EXCL
 *   EACCES           not allowed; or, with LFVEC_CREATE, it belongs to another user, and no LFVEC_ANY_OWNER
 *   EPROTO           elem_size, elem_tag or elem_format differs
 *   EBADMSG          not an lfvec segment (with LFVEC_EXCL, too), damaged, truncated, or with holes; also a FIFO, a link, a device or the like, which is
 *                    never opened
 *   EPROTONOSUPPORT  another format version, an unknown feature, or another byte order
 *   ENOSPC           to create, or to fill holes: no pages left in /dev/shm for it, or RLIMIT_FSIZE
 *   EOVERFLOW        to create: max_bytes, or the address space that there is, does not hold the slots and one slab
 *   EAGAIN           others created and removed it again and again meanwhile, or hold a lease on it (F_SETLEASE of fcntl(2))
 *   ENOMEM           no private memory; or this process may not map what the segment has grown to: RLIMIT_AS, vm.max_map_count, or, after
 *                    mlockall(MCL_FUTURE), RLIMIT_MEMLOCK
 *   EMFILE, ENFILE   as from shm_open(3); so may be what else it, flock(2) and pthread_key_create(3) fail with
 * lfvec_last_error() has the sentence: which segment, what is wrong, what to do.
 *
 * Takes no slot: a thread takes one at its first mutation. Cost: independent of the number of elements.
 * A segment that exists is opened without waiting for anybody. To create one waits for a process that is just creating the same: if that
 * one is killed, no longer; if it is stopped, until it goes on. Acquire order: what the creator wrote is visible.
 */
lfvec_t *lfvec_open(const char *name, int flags, const struct lfvec_attr *attr);

/*
 * Ends the attachment: gives back the calling thread's slot, unmaps, frees the handle. Other threads of the process must have stopped
 * using the handle; slots that they still hold are given back when they next open, detach, leave, or do in any vector what is more than one
 * compare-and-swap, or exit; the mapping goes with the last of them.
 * An element that the thread has on lease goes back to the vector. The elements stay. Returns 0; -EINVAL if v is NULL. Waits for no
 * participant. To return a lease is a push, with the memory order of one.
 */
int lfvec_detach(lfvec_t *v);

/*
 * Gives back the calling thread's slot in this segment at once, as its exit would: for a thread that lives on and has done with the vector, or
 * makes room for another. The thread may use v again, and then takes a slot anew. An element that it has on lease goes back to the vector, as
 * at its exit. 0, also if the thread has no slot; -EBADF if the attachment is read-only. Other threads' slots
 * are theirs to give back. Waits for no participant. To return a lease is a push, with the memory order of one.
 */
int lfvec_leave(lfvec_t *v);

/*
 * Removes the name. Attached processes keep the segment until they detach; the name may be created anew at once.
 * Returns 0, -ENOENT, -EACCES (not allowed, or another user's in a sticky directory), -EINVAL, -ENAMETOOLONG. One system call; waits for no
 * participant. Whoever has the segment attached notices nothing: lfvec_is_current() tells.
 */
int lfvec_unlink(const char *name);

/*
 * 1 while the name still leads to this segment, 0 when it was unlinked or replaced, or -EACCES and the like when it could not be looked up.
 * An answer of the moment: it may be unlinked the next. One system call; waits for no participant; opens nothing.
 */
int lfvec_is_current(const lfvec_t *v);

/*
 * Appends a copy of the elem_size bytes at elem. *index (may be NULL) receives the element's index.
 *   -ENOSPC    no memory (lfvec_last_error()     -EOVERFLOW  beyond max_elems or max_bytes
 *              says why: no pages left in /dev/shm, or a limit of this process or its cgroup)
 *   -EUSERS    every slot held by a live thread  -EBADF      read-only attachment
 *   -EBADMSG   the segment is damaged            -ENOMEM     no private memory, or beyond what RLIMIT_AS let this process map
 * Every mutation may return -EUSERS, -EBADF, -EBADMSG and -ENOMEM for these reasons, and -EINVAL for a NULL.
 * Lock-free; one locked instruction when nobody interferes. Release order on success.
 */
int lfvec_push(lfvec_t *v, const void *elem, uint64_t *index);

/*
 * Removes the last element and copies it to elem. -EAGAIN when empty (acquire order), and the errors of every mutation.
 * Lock-free; one locked instruction when nobody interferes. Acquire-release order on success.
 */
int lfvec_pop(lfvec_t *v, void *elem);

/*
 * Copies element `index` to elem. -ERANGE if index >= size. Lock-free; stores nothing in shared memory and needs no slot, so a read-only
 * attachment can do it. Acquire order. -EBADMSG if the segment is damaged; -ENOMEM if the element lies beyond what RLIMIT_AS let this process
 * map.
 */
int lfvec_get(lfvec_t *v, uint64_t index, void *elem);

/*
 * Replaces element `index`. -ERANGE if index >= size; -ENOSPC, -EOVERFLOW as for push, and the errors of every mutation. Lock-free.
 * Cost: copies one leaf (leaf_bytes). Acquire-release order on success, acquire for -ERANGE.
 */
int lfvec_set(lfvec_t *v, uint64_t index, const void *elem);

/*
 * Appends n elements, packed at elems. *first (may be NULL) receives the index of the first. Batches of up to lfvec_batch_most() elements
 * are one atomic step each: one compare-and-swap, entirely there or not at all, indexes consecutive. A larger n is split into such batches,
 * and others may push and pop in between.
 * Returns how many were pushed, or a negative errno if none: those of lfvec_push(), or -EINVAL if n > INT64_MAX. Fewer than n: memory or a
 * limit was reached, or another error met a later batch; a part that fitted was pushed, and there may be room for a few more. The same call
 * for the rest says why. 0 only if n is 0; elems may then be NULL. Lock-free. Release order on success.
 * Of a call that was split, the elements of others may lie between the batches: lfvec_push_n_parts() tells where each one is.
 */
int64_t lfvec_push_n(lfvec_t *v, const void *elems, size_t n, uint64_t *first);

/* One batch of a call that pushed several: `count` elements from index `first` on. */
struct lfvec_part {
    uint64_t first, count;
};

/*
 * As lfvec_push_n(), and tells where the elements are: parts[0], parts[1], ... receive one batch each, one atomic step, in the order of elems.
 * Ends after `most` batches. Returns how many elements were pushed: the counts of the parts that were filled, one after the other, add up to
 * that, and the other parts are left alone. n elements take at most n / lfvec_batch_most(), rounded up, so most = 1 is one atomic step, of as many
 * as it takes. Errors, progress and memory order as for lfvec_push_n(); -EINVAL, too, if parts is NULL or most is 0, unless n is 0.
 */
int64_t lfvec_push_n_parts(lfvec_t *v, const void *elems, size_t n, struct lfvec_part *parts, size_t most);

/*
 * Removes up to n elements, the last one first, and copies them to elems, packed, in that order. Batches as for lfvec_push_n(). Returns how
 * many, or, if none, -EAGAIN when empty; -EINVAL if n > INT64_MAX; the errors of every mutation. 0 only if n is 0; elems may then be NULL.
 * Lock-free. Acquire-release order on success, acquire for -EAGAIN.
 */
int64_t lfvec_pop_n(lfvec_t *v, void *elems, size_t n);

/*
 * Copies up to n elements from index first on, in index order. Each is a value that the element had during the call; together they need
 * not be of one moment (see lfvec_snapshot()). Returns how many: fewer than n if the vector has no more, or an error met a later leaf. If
 * none, -ERANGE if first >= size and n > 0; -EBADMSG if the segment is damaged; -ENOMEM if they lie beyond what RLIMIT_AS let this process
 * map; -EINVAL if n > INT64_MAX. 0 only if n is 0; elems may then be NULL. Lock-free; stores nothing in shared memory and needs no slot.
 * Acquire order.
 */
int64_t lfvec_get_n(lfvec_t *v, uint64_t first, void *elems, size_t n);

/*
 * Copies n elements from index first on, all as of one version, which *version (may be NULL) receives: a consistent picture. Returns 0;
 * -ERANGE if the vector has not that many; -EAGAIN if others changed the range in each of 1,000 attempts; -EBADMSG if the segment is
 * damaged; -ENOMEM if an element lies beyond what RLIMIT_AS let this process map. Of 0 elements elems may be NULL. Lock-free: an attempt
 * fails only because somebody else's mutation succeeded. Stores nothing in shared memory and needs no slot. Acquire order.
 */
int lfvec_snapshot(lfvec_t *v, uint64_t first, void *elems, size_t n, uint64_t *version);

/* Most elements that one batch of this segment takes: LFVEC_BATCH_MAX, or what 21 leaves hold, and one more, if that is less. Wait-free. */
uint64_t lfvec_batch_most(const lfvec_t *v);

/*
 * As lfvec_pop(), but waits for an element if there is none, at most for the relative *timeout; NULL waits for ever, {0, 0} not at all.
 * -ETIMEDOUT instead of -EAGAIN. -EINVAL for a timeout that is negative or has not 0 to 999,999,999 nanoseconds. A push wakes one of those who
 * sleep, a batch as many as it has elements: no element lies in the vector while a waiter sleeps, but for at most 50 ms if a pusher stops or dies
 * between its push and its wake, or a waiter between its waking and its pop. A push costs no system call while no thread waits; one call, once, if a
 * waiter gave up or died. Signals do not end the wait, and pthread_cancel() does: it is a cancellation point, and takes no element when it is
 * cancelled. Not lock-free, by its nature; no call waits for a waiter, and one that is killed leaves nothing else behind. Memory order as for
 * lfvec_pop(), acquire for -ETIMEDOUT.
 */
int lfvec_pop_wait(lfvec_t *v, void *elem, const struct timespec *timeout);

/*
 * As lfvec_pop(), but on lease: the element is kept in the caller's slot until lfvec_ack(). If the thread exits, detaches or dies before,
 * the element is pushed back to the vector, exactly once, when its slot is given back, recovered or taken over. One lease a thread and
 * segment: -EBUSY. The lease does not hinder other operations. Needs no memory: the slot has room for the element. -EAGAIN when empty, and
 * the errors of every mutation. Lock-free. Memory order as for lfvec_pop().
 *
 * A lease that should go back and finds the vector full stays in the slot. The thread that takes the slot next owes the element: it goes
 * back, exactly once, when this thread next pops, clears, trims or reserves and there is room, or at its exit; or the thread's next
 * lfvec_pop_lease() takes it on lease, of the version by which the former holder popped it. lfvec_last_version() does not tell of its way
 * back, and until then lfvec_ack() says -EINVAL.
 */
int lfvec_pop_lease(lfvec_t *v, void *elem);

/*
 * Acknowledges the leased element: it is done with. One store. -EINVAL if the calling thread has no lease in this segment; -EBADF if the
 * attachment is read-only. Wait-free. Release order.
 */
int lfvec_ack(lfvec_t *v);

/*
 * Gives the leased element back at once: pushes it to the vector, exactly once wherever the thread is killed, and ends the lease. It comes
 * back at the end, with a new index. A vector that others have filled up to max_bytes or to the last page of /dev/shm has room for it: each
 * slot has a leaf in reserve (if slabs have 8 leaves at least). -EINVAL and -EBADF as for lfvec_ack(); -EOVERFLOW at max_elems, or -ENOSPC,
 * -EOVERFLOW if there is no room all the same: the lease stays, to be acknowledged, or given back later; -EBADMSG, -ENOMEM as for every mutation. Lock-free. Memory order as for lfvec_push().
 */
int lfvec_release(lfvec_t *v);

/*
 * Compare-and-set of an 8-byte element: replaces it by desired if it equals *expected. -ECANCELED if not, and *expected becomes its value;
 * -ERANGE; -EINVAL unless elements have 8 bytes. Lock-free; cost and other errors as for lfvec_set(). Acquire-release order on success,
 * acquire for -ECANCELED and -ERANGE. A value that was changed and changed back meanwhile does no harm.
 */
int lfvec_cas_u64(lfvec_t *v, uint64_t index, uint64_t *expected, uint64_t desired);

/*
 * Adds delta to an 8-byte element, modulo 2^64; *old (may be NULL) receives the former value. -ERANGE; -EINVAL unless elements have 8
 * bytes. Lock-free; cost, other errors and memory order as for lfvec_set().
 */
int lfvec_fetch_add_u64(lfvec_t *v, uint64_t index, uint64_t delta, uint64_t *old);

/* Number of elements. One load: wait-free, acquire order. 0 if v is NULL. */
uint64_t lfvec_size(const lfvec_t *v);

/*
 * Elements that fit into the memory committed, as seen by the calling thread (or, if it has no slot, by the next thread to take one). What
 * holds no element counts, whoever used it before; but for the one slab that each other participant works in (slab_bytes). At least the
 * size; but of a damaged size, which lfvec_size() gives as it stands, no more than the committed memory can hold: take memory by the lesser of the two.
 * A figure for planning: others change it meanwhile, and a push may commit more memory before all of this is used.
 * Costs a pass over the slab table. Waits for no participant; stores nothing in shared memory. 0 if v is NULL. No memory order to rely on.
 */
uint64_t lfvec_capacity(const lfvec_t *v);

/*
 * Commits memory so that the vector can hold n elements: afterwards lfvec_capacity() >= n, until others take what was committed. What others
 * have left counts only if there is no more memory. Does not shrink. -ENOSPC: no pages left in /dev/shm; -EOVERFLOW: beyond max_elems or max_bytes; and the errors of every mutation. What was
 * committed before an error stays committed. Waits for no participant, but asks the kernel for memory, a slab at a time; while others take what
 * it commits, it commits more, 64 times at most: then it says -EBADMSG, since that many are no use of the vector. Changes no element, and is no
 * version.
 */
int lfvec_reserve(lfvec_t *v, uint64_t n);

/*
 * Frees the leaves beyond the size, on-line, and gives empty slabs that nobody holds to all participants. The memory stays committed to the
 * segment, for reuse by anybody: a late reader may still look at it. Lock-free. The errors of every mutation. Each 22 entries of the
 * directory that have leaves are an atomic step, and a version, of their own; no element changes by it. Acquire-release order for each.
 */
int lfvec_trim(lfvec_t *v);

/* Sets the size to 0 in one atomic step. Memory is kept for reuse. Lock-free. The errors of every mutation. Acquire-release order. */
int lfvec_clear(lfvec_t *v);

/* What lfvec_recover() did. */
struct lfvec_recovery {
    uint32_t slots_recovered; /* dead participants, now free slots */
    uint32_t slots_alive;     /* held by live (or stopped) participants, this thread among them */
    uint32_t slots_unknown;   /* held, and it cannot be told by whom: treated as alive */
    uint32_t ops_won;         /* unfinished operations that had taken effect, and were completed */
    uint32_t ops_lost;        /* unfinished operations that had not, and were dropped */
    uint32_t leaves_freed;    /* replaced leaves that the dead had not freed yet */
    uint32_t leases_returned; /* unacknowledged elements pushed back */
    uint32_t slabs_released;  /* empty slabs given back to all */
    uint32_t spares_freed;    /* leaves in hand, given back */
};

/*
 * Recovers every dead slot. O(slots). Nobody needs to call it: a dead slot is recovered by whoever takes it next; this frees them all now.
 * Dead is what the kernel has marked, and what can be told for certain in the caller's pid namespace: LFVEC_SLOT_DEAD. The latter are taken
 * by a new thread only when no other slot is free.
 * Idempotent; may itself be killed at any instruction. out may be NULL; after an error it has what was done all the same, and every slot
 * was tried: the error is the first one. Returns 0 (also if there was nothing to recover); -EBADF if the attachment is read-only; -EBADMSG
 * if the segment is damaged; -ENOMEM: no private memory, or beyond what RLIMIT_AS let this process map; -ENOSPC or -EOVERFLOW if a leased
 * element found no room in the vector: the slot is free, the element stays in it, and goes back when its next holder has made room (see
 * lfvec_pop_lease()), or, if there is none, at the next call. Takes no slot. Never waits for a participant, nor for another recoverer. But
 * for memory given back and leases, a bounded number of steps a slot; to return a lease is a push, and lock-free. Acquire-release order,
 * like the successful mutation that a returned element is. lfvec_last_version() does not tell of what it pushes.
 */
int lfvec_recover(lfvec_t *v, struct lfvec_recovery *out);

/*
 * As lfvec_recover(), but one slot only, if its holder is dead; out then tells what was found in it and done. Returns 0 also if there was
 * nothing to recover: out->slots_alive or out->slots_unknown is 1 if it is held, and all of *out is 0 if it is free. A free slot in which
 * something was left (an element that had found no room) is dealt with as well, but does not count in slots_recovered. -ERANGE for a slot
 * that does not exist; otherwise errors as for lfvec_recover(). What the dead was doing is told by lfvec_participant(), beforehand. O(1)
 * but for the memory given back; idempotent; never waits; may itself be killed at any instruction. Acquire-release order, like the
 * successful mutation that a returned element is.
 */
int lfvec_recover_slot(lfvec_t *v, uint32_t slot, struct lfvec_recovery *out);

/*
 * Recovers one slot, whatever its holder's state, LFVEC_SLOT_ALIVE and LFVEC_SLOT_STOPPED excepted: -EBUSY. For a person who knows that an
 * unknown holder is gone. If it is not, elements may be lost. -EBUSY, too, for the calling thread's own slot, and while another thread is taking or recovering it: one that the caller cannot see is waited for, about
 * a second. Otherwise as lfvec_recover_slot(), errors, progress and memory order.
 */
int lfvec_recover_forced(lfvec_t *v, uint32_t slot, struct lfvec_recovery *out);

/* lfvec_audit.fault: what lfvec_check() found first */
enum {
    LFVEC_FAULT_NONE = 0,
    LFVEC_FAULT_HEADER,    /* the header's checksum or layout */
    LFVEC_FAULT_HEAD,      /* size beyond the directory, descriptor or slot number out of range */
    LFVEC_FAULT_RANGE,     /* a committed extent larger than the object */
    LFVEC_FAULT_DIRECTORY, /* an entry that leads to no leaf, or is newer than the head */
    LFVEC_FAULT_TWICE,     /* a leaf referenced twice */
    LFVEC_FAULT_FREE,      /* a referenced leaf that is marked free */
    LFVEC_FAULT_LEAK,      /* a leaf in use that nothing refers to */
    LFVEC_FAULT_SLAB,      /* a slab table entry that makes no sense */
    LFVEC_FAULT_SLOT       /* a slot whose state makes no sense */
};

/* What lfvec_check() saw. */
struct lfvec_audit {
    uint64_t version;     /* the head's version during the last pass */
    uint64_t elements;    /* size at that version */
    uint64_t leaves_live; /* leaves that hold elements */
    uint64_t leaves_idle; /* leaves kept beyond the size, for reuse */
    uint64_t leaves_held; /* spare leaves and leaves of unfinished operations, held by slots */
    uint64_t leaves_free; /* free leaves in committed slabs */
    uint64_t leaves_lost; /* leaves in use that nothing refers to */
    uint32_t slots_dead;  /* dead participants not yet recovered */
    uint32_t passes;      /* passes needed; more than 1 when others were at work */
    uint32_t conclusive;  /* 0: others were at work all the time, so cross-references could not be judged */
    uint32_t fault;       /* LFVEC_FAULT_* */
    uint64_t where;       /* directory entry, slab, leaf or slot, as the fault has it */
    char message[160];    /* one sentence, empty if sound */
};

/*
 * Audits the whole segment: every leaf is referenced exactly once or free; every reference leads to a committed leaf; sizes and versions
 * agree. 0 = sound; -EBADMSG and the first fault in out (which may be NULL); -ENOMEM: no verdict, for want of private memory or because
 * RLIMIT_AS did not let this process map all of it. Reads only; may run beside writers and on a read-only attachment: what moves under it is
 * looked at again, a bounded number of times (out->conclusive), and -EBADMSG is said of what cannot be in a sound segment, whatever its users
 * are doing, stopped or killed in the middle of it. Takes no slot; waits for no participant. O(committed memory / leaf_bytes).
 * Acquire order.
 */
int lfvec_check(lfvec_t *v, struct lfvec_audit *out);

/* Everything there is to know about a segment at one moment. Figures are read one after the other; under load they need not add up. */
struct lfvec_stat {
    uint64_t version;  /* mutations so far */
    uint64_t size;     /* elements */
    uint64_t capacity; /* as lfvec_capacity() */
    uint64_t elem_tag;
    uint64_t max_elems;
    uint64_t max_bytes;       /* most bytes of the segment; as many are reserved of the address space, or what RLIMIT_AS lets */
    uint64_t bytes_committed; /* bytes of memory that the segment occupies now */
    uint64_t bytes_free;      /* bytes still free in the file system that holds it (/dev/shm) */
    uint64_t created;         /* seconds since the epoch */
    uint8_t uuid[16];
    uint32_t format_version;
    uint32_t feature_compat, feature_incompat, feature_ro_compat;
    uint32_t elem_size, elems_per_leaf, leaf_bytes, slab_bytes; /* slab_bytes: of one slab, in whole pages; at most what was asked for */
    uint32_t max_slots, mode, uid, gid;
    uint32_t numa;          /* policy asked for */
    uint32_t numa_in_force; /* 1 if this process can apply it */
    uint64_t numa_nodes;
    uint32_t flags;
    uint32_t read_only;                             /* this attachment */
    uint64_t slabs_max, slabs_owned, slabs_unowned; /* slabs that fit; owned by a slot; committed and owned by none */
    uint64_t leaves_total, leaves_used;             /* in committed slabs */
    uint32_t slots_free, slots_alive, slots_stopped, slots_dead, slots_unknown;
    uint64_t pushes, pops, sets, clears; /* by all participants, past ones included; a leased element is a pop, its return no push */
    uint64_t cas_retries, helps;         /* attempts lost to somebody else; writes completed for somebody else */
    uint64_t recoveries, grows;          /* slots of the dead recovered; steps of growth */
    /* What LFVEC_HUGEPAGES and LFVEC_PREFAULT got, in this process's mapping; 0 if neither was asked for, or it cannot be told. */
    uint64_t bytes_huge; /* mapped by huge pages; 0: the kernel granted none (transparent_hugepage/shmem_enabled), small ones do as well */
    uint64_t bytes_mapped;                /* mapped at all: with LFVEC_PREFAULT, at least the slabs that this process claimed */
    uint64_t numa_placed;                 /* nodes that pages are placed on, a mask; 0: placement is not in force */
    uint32_t numa_why;                    /* LFVEC_NUMA_PLACED, or what is in the way */
    char elem_format[LFVEC_FORMAT_BYTES]; /* as lfvec_attr.elem_format: types such as u64,f64,s16; "" = nobody said */
    uint64_t reserved[4];
};

/*
 * 0; -EINVAL; or -EBADMSG, with *out filled all the same, if the head or the extents contradict the layout: then the figures that are read from
 * there say nothing, and lfvec_check() has a sentence. Apart from that it does not judge the segment: for that there is lfvec_check(). Reads only, takes no slot, works on a read-only attachment,
 * and waits for no participant: a pass over slabs and slots, and some questions to the kernel, which with LFVEC_HUGEPAGES or LFVEC_PREFAULT
 * include a look at every page that this process has mapped of it.
 */
int lfvec_stat(lfvec_t *v, struct lfvec_stat *out);

/* lfvec_participant.state */
enum {
    LFVEC_SLOT_FREE = 0,
    LFVEC_SLOT_ALIVE = 1,
    LFVEC_SLOT_STOPPED = 2, /* alive, and stopped by a signal or a debugger */
    LFVEC_SLOT_DEAD = 3,    /* certain. To be recovered by whoever takes the slot, or by lfvec_recover() */
    LFVEC_SLOT_UNKNOWN = 4  /* in another pid namespace, or not to be told: treated as alive */
};

/* lfvec_participant.op: what a participant did to the vector, or tried to. The numbers stand in segments, and stay as they are. */
enum {
    LFVEC_OP_NONE = 0, /* nothing yet */
    LFVEC_OP_PUSH = 1,
    LFVEC_OP_POP = 2, /* lfvec_pop_wait(), too */
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
 * lfvec_participant.outcome: what became of that. LOST: somebody else made the version first, or it died before; one that lives tries again,
 * or has given up. OPEN: its owner may live, and take effect the next moment, or has gone on meanwhile.
 */
enum {
    LFVEC_OUTCOME_NONE = 0, /* there is no such operation */
    LFVEC_OUTCOME_WON = 1,  /* it took effect, as version op_version */
    LFVEC_OUTCOME_LOST = 2, /* it did not, and will not as op_version */
    LFVEC_OUTCOME_OPEN = 3  /* not to be told yet */
};

/* One slot: a thread that takes part. */
struct lfvec_participant {
    uint32_t slot;         /* 1..max_slots */
    uint32_t state;        /* LFVEC_SLOT_* */
    int32_t pid, tid;      /* pid 0: held by thread tid, which is just taking the slot, or giving it back */
    int32_t node;          /* NUMA node it ran on when it took the slot, or its last slab; 0 if that cannot be told */
    uint32_t spares;       /* leaves in hand */
    char name[32];         /* thread name (comm) */
    uint64_t pid_ns;       /* inode of its pid namespace */
    uint64_t since;        /* seconds since the epoch when it took the slot */
    uint64_t last_version; /* of its last operation that took effect */
    uint64_t pushes, pops, sets, clears, cas_retries, helps;
    uint64_t in_flight;  /* version that an unfinished operation tries to make; 0 = none */
    uint64_t leased;     /* 1: holds an unacknowledged element, or is just popping one on lease */
    uint64_t slabs;      /* slabs that it owns, counted at most 20 ms ago */
    uint32_t op;         /* LFVEC_OP_*: its last operation that came to trying; an answer like -EAGAIN or -ERANGE is none */
    uint32_t outcome;    /* LFVEC_OUTCOME_* of it */
    uint64_t op_version; /* the version that it made, or tried to make; 0 = none */
};

/*
 * Describes slot 1..max_slots. 0; -ERANGE for slot 0 and beyond max_slots; -EINVAL. A free slot has state LFVEC_SLOT_FREE; its counters are
 * what its past holders did, and its op is the last one's. Reads only, takes no slot, never waits for a participant: a look into /proc, and
 * a pass over the slab table, which serves for slots above as well that are asked about in the next 20 ms. Figures are read one after the other: of a participant at work they need not be of one moment. op,
 * op_version and outcome belong together; of a dead participant that nobody recovers meanwhile, they are final.
 */
int lfvec_participant(lfvec_t *v, uint32_t slot, struct lfvec_participant *out);

/* lfvec_region.kind */
enum {
    LFVEC_REGION_HEADER = 1,    /* the header and the head */
    LFVEC_REGION_SLOTS = 2,     /* descriptors, records and liveness: one slot, or, where slots have no pages of their own, all of them */
    LFVEC_REGION_SLABTAB = 3,   /* the slab table */
    LFVEC_REGION_DIRECTORY = 4, /* the directory: where each leaf is */
    LFVEC_REGION_SLAB = 5       /* one slab: leaves of elements */
};

enum { LFVEC_NODES = 64 }; /* NUMA nodes that are told apart */

/* One part of a segment. */
struct lfvec_region {
    uint32_t kind;         /* LFVEC_REGION_* */
    uint32_t owner;        /* of a slab: the slot that owns it; 0 = none */
    uint64_t first, count; /* slots: first .. first + count - 1. Slab: its number, and 1. Table, directory: entries that have memory */
    uint64_t offset;       /* in the segment */
    uint64_t bytes;        /* reserved for it */
    uint64_t committed;    /* bytes, from its start on, that have memory */
    uint64_t leaves;       /* of a slab that has memory */
    uint64_t leaves_used;
    uint32_t policy; /* LFVEC_NUMA_* that the kernel holds for it; says nothing if nodes is 0 */
    int32_t node;    /* for LOCAL: the node asked for; else -1 */
    uint64_t nodes;  /* the nodes asked for, a mask; 0 = as the kernel likes, or not to be told */
};

/*
 * Describes the i-th region of a segment, in the order in which they lie in it, the first one being 0. 0; -ERANGE if there are not so many
 * (yet: slabs are added); -EINVAL; -EBADMSG as lfvec_stat(). Reads only, takes no slot, never waits for a participant; may run beside writers and on a read-only
 * attachment. A few steps, and a question to the kernel.
 */
int lfvec_region(lfvec_t *v, uint64_t i, struct lfvec_region *out);

/* Where the pages (of 4 KiB) of a region lie. */
struct lfvec_pages {
    uint64_t pages;           /* that have memory */
    uint64_t on[LFVEC_NODES]; /* on each NUMA node */
    uint64_t unknown;         /* the kernel does not tell (it refuses move_pages(2), or lfvec was built without libnuma) */
    uint64_t misplaced;       /* on none of the nodes asked for */
};

/*
 * Asks the kernel where the pages of the i-th region lie. 0; -ERANGE, -EINVAL and -EBADMSG as above; -ENOMEM if RLIMIT_AS kept this process from
 * mapping it. Maps every page of the region into this process, and changes nothing in it. Otherwise as lfvec_region().
 */
int lfvec_region_pages(lfvec_t *v, uint64_t i, struct lfvec_pages *out);

/* Bytes of one element of this segment; 0 if v is NULL. Wait-free. */
uint32_t lfvec_elem_size(const lfvec_t *v);

/* The name that the handle was opened with, until lfvec_detach(); "" if v is NULL. Wait-free. */
const char *lfvec_name(const lfvec_t *v);

/*
 * The version at which the calling thread's last operation on elements took effect, on whatever handle: its place in the total order of G1.
 * For a get, and for the answers -ERANGE of get, -EAGAIN of pop and -ECANCELED of cas: a version at which they were true. For a call that was
 * split into batches: that of the last one. After another error it says nothing. The return of a lease counts if the thread asked for it by
 * lfvec_release(), and not if it was due, as at a pop that made room. 0 before the first. Wait-free.
 */
uint64_t lfvec_last_version(void);

/*
 * One sentence on the calling thread's last failed lfvec_open(), lfvec_attach(), lfvec_unlink(), lfvec_detach() or lfvec_leave(): the segment,
 * what is wrong, what to do. Never NULL; empty after a success of one of the first three. Whatever else returns -ENOSPC leaves a sentence as
 * well: which segment, how much memory was refused, by what (a full /dev/shm, RLIMIT_FSIZE, a quota, a cgroup), and what to do. Other errors
 * and other successes leave it as it is. The string is the thread's, good until its next call that leaves one. Wait-free.
 */
const char *lfvec_last_error(void);

/* As the functions without _sized, but -EINVAL unless `size` is the segment's element size. They make the typed forms below safe. */
int lfvec_push_sized(lfvec_t *v, const void *elem, size_t size, uint64_t *index);
int lfvec_pop_sized(lfvec_t *v, void *elem, size_t size);
int lfvec_get_sized(lfvec_t *v, uint64_t index, void *elem, size_t size);
int lfvec_set_sized(lfvec_t *v, uint64_t index, const void *elem, size_t size);

/* As lfvec_push() and lfvec_pop(), for elements of 8 bytes, by value; -EINVAL if the segment's have another size. The fastest form there is. */
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
