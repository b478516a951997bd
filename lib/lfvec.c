/* lfvec.c - the public functions: arguments, handles, errno. The files below do the work. */
#include "lfvec.h"

#include "audit.h"
#include "batch.h"
#include "control.h"
#include "error.h"
#include "fast.h"
#include "join.h"
#include "lease.h"
#include "memory.h"
#include "probe.h"
#include "reclaim.h"
#include "region.h"
#include "shm.h"
#include "stat.h"
#include "turn.h"
#include "vector.h"
#include "wait.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Calls that use the kernel keep errno and are not cancellation points, whatever
 * C library functions they call.
 */
struct asking {
    int saved, cancel;
};

static struct asking ask(void)
{
    struct asking a = {.saved = errno};
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &a.cancel);
    return a;
}

static int asked(struct asking a, int result)
{
    (void)pthread_setcancelstate(a.cancel, NULL);
    errno = a.saved;
    return result;
}

void lfvec_attr_init(struct lfvec_attr *attr)
{
    if (!attr)
        return;
    memset(attr, 0, sizeof *attr);
    attr->struct_size = sizeof *attr;
    attr->elem_size = 8;
    attr->max_elems = UINT64_C(1) << 32;
    attr->max_slots = 128;
    attr->leaf_bytes = 512;
    attr->slab_bytes = 262144;
    attr->mode = 0600;
    attr->numa = LFVEC_NUMA_LOCAL;
}

lfvec_t *lfvec_attach(const char *name)
{
    return lfvec_open(name, LFVEC_CREATE, NULL);
}

static int check_flags(const char *name, int flags)
{
    if (flags & ~(LFVEC_CREATE | LFVEC_EXCL | LFVEC_RDONLY | LFVEC_ANY_OWNER | LFVEC_FILL_HOLES))
        return error_set(-EINVAL,
                         "%s: unknown open flags 0x%x; use LFVEC_CREATE, LFVEC_EXCL, LFVEC_RDONLY, LFVEC_ANY_OWNER, LFVEC_FILL_HOLES", name,
                         flags);
    if (flags & LFVEC_RDONLY && flags & (LFVEC_CREATE | LFVEC_FILL_HOLES))
        return error_set(-EINVAL,
                         "%s: a read-only attachment cannot create or fill; drop LFVEC_RDONLY, or LFVEC_CREATE and LFVEC_FILL_HOLES", name);
    return 0;
}

static int open_vector(struct lfvec *v, const char *name, int flags, const struct lfvec_attr *attr)
{
    int err = shm_name_check(name);
    err = err ? err : check_flags(name, flags);
    err = err ? err : segment_open(&v->seg, name, flags, attr);
    if (err)
        return err;
    err = join_attachment(v);
    if (err) {
        (void)error_set(err, "%s: cannot attach: %s; has this process as many thread-specific keys as it may (PTHREAD_KEYS_MAX)?", name,
                        strerror(-err));
        segment_close(&v->seg);
    }
    return err;
}

lfvec_t *lfvec_open(const char *name, int flags, const struct lfvec_attr *attr)
{
    const struct asking a = ask();
    error_clear();
    struct lfvec *v = calloc(1, sizeof *v);
    const int err = v ? open_vector(v, name, flags, attr) : error_set(-ENOMEM, "no private memory for an attachment");
    (void)asked(a, 0);
    if (err) {
        if (!*error_text()) /* an unexpected error, without a sentence of its own */
            (void)error_set(err, "%s: cannot open it: %s", name, strerror(-err));
        free(v);
        errno = -err;
        return NULL;
    }
    error_clear(); /* of failures that did no harm, such as no first slab */
    PROBE(attach, v->seg.name, flags);
    return v;
}

int lfvec_detach(lfvec_t *v)
{
    if (!v)
        return -EINVAL;
    const struct asking a = ask();
    return asked(a, join_detach(v));
}

int lfvec_leave(lfvec_t *v)
{
    if (!v)
        return -EINVAL;
    const struct asking a = ask();
    return asked(a, join_leave(v));
}

static const char *unlink_advice(int err)
{
    switch (-err) {
    case ENOENT:
        return "; `lfvec-shmctl list` shows those there are";
    case EACCES:
        return "; only its owner may";
    case EISDIR:
        return ", and no segment; rmdir /dev/shm/NAME removes it if it is empty";
    case EROFS:
        return "; /dev/shm is mounted read-only";
    default:
        return "";
    }
}

int lfvec_unlink(const char *name)
{
    const struct asking a = ask();
    error_clear();
    int err = shm_name_check(name);
    if (!err && shm_unlink(name) != 0) {
        err = errno == EPERM ? -EACCES : -errno; /* a sticky directory gives EPERM */
        (void)error_set(err, "%s: cannot remove it: %s%s", name, strerror(-err), unlink_advice(err));
    }
    return asked(a, err);
}

static bool leads_here(const lfvec_t *v, const struct stat *st)
{
    return st->st_dev == v->seg.dev && st->st_ino == v->seg.ino;
}

/*
 * Looks at the name without opening what has it: that needs no permission on
 * it, and nothing can make us wait.
 */
int lfvec_is_current(const lfvec_t *v)
{
    struct stat st;
    if (!v)
        return -EINVAL;
    const struct asking a = ask();
    const int err = shm_object_look(v->seg.name, &st);
    return asked(a, err == -ENOENT ? 0 : err ? err : leads_here(v, &st));
}

/*
 * Pushes back the element that the thread's slot owes the vector, if it owes
 * one and others have made room.
 */
static inline void pay_back(struct participant *p)
{
    if (__builtin_expect(p->owes, 0))
        lease_retry(p);
}

/* Likewise at the end of an operation of our own that may have made room. */
static inline int64_t made_room(struct participant *p, int64_t result)
{
    if (result >= 0)
        pay_back(p);
    return join_over(result);
}

/*
 * join_get() for an operation that takes elements out. An owed element goes back first, or a
 * pop might find the vector empty.
 */
static inline int join_settled(lfvec_t *v, struct participant **p)
{
    const int err = join_get(v, p);
    if (!err)
        pay_back(*p);
    return err;
}

static __attribute__((noinline)) int push_slow(lfvec_t *v, const void *elem, uint64_t *index)
{
    struct participant *p;
    if (!v || !elem)
        return -EINVAL;
    const int err = join_get(v, &p);
    return err ? err : (int)join_over(vector_push(p, elem, index));
}

static __attribute__((noinline)) int pop_slow(lfvec_t *v, void *elem)
{
    struct participant *p;
    if (!v || !elem)
        return -EINVAL;
    const int err = join_settled(v, &p);
    return err ? err : (int)made_room(p, vector_pop(p, elem));
}

static __attribute__((noinline)) int serve(uint32_t wanted)
{
    if (wanted & SHM_WANT_WAKE)
        wait_wake_slow(thread_state.control, 1);
    turn_give(thread_state.control);
    return 0;
}

/*
 * Called after a fast push. Makes a call only if a participant wants something, so the public
 * functions need not save a register. A fast pop does not check: a thread that continues to pop
 * reaches the end of the leaf, and checks there.
 */
static ALWAYS_INLINE int pushed(void)
{
    const uint32_t wanted = wait_wanted(thread_state.control);
    return UNLIKELY(wanted) ? serve(wanted) : 0;
}

/* True if this thread used this vector last. A NULL handle never matches. */
static ALWAYS_INLINE bool at_hand(const lfvec_t *v, const void *elem)
{
    return elem && thread_state.v == v;
}

/* Likewise, for elements of 8 bytes. */
static ALWAYS_INLINE bool words_at_hand(const lfvec_t *v, const void *elem)
{
    return elem && thread_state.words == v;
}

/* Also true for a thread that alternates between vectors and has a participant in this one. */
static ALWAYS_INLINE bool comes_to_hand(lfvec_t *v, const void *elem)
{
    return at_hand(v, elem) || (elem && join_switch(v));
}

static __attribute__((noinline)) int push(lfvec_t *v, const void *elem, uint64_t *index)
{
    return comes_to_hand(v, elem) && fast_push(v, elem, index, 0) ? pushed() : push_slow(v, elem, index);
}

static __attribute__((noinline)) int pop(lfvec_t *v, void *elem)
{
    return comes_to_hand(v, elem) && fast_pop(v, elem, 0) ? 0 : pop_slow(v, elem);
}

/* Elements of 16, 32, 48, ... bytes: just a loop. */
static __attribute__((noinline)) int push_pairs(lfvec_t *v, const void *elem, uint64_t *index)
{
    return LIKELY(fast_push(v, elem, index, LEAF_PAIRS)) ? pushed() : push_slow(v, elem, index);
}

static __attribute__((noinline)) int pop_pairs(lfvec_t *v, void *elem)
{
    return LIKELY(fast_pop(v, elem, LEAF_PAIRS)) ? 0 : pop_slow(v, elem);
}

int lfvec_push(lfvec_t *v, const void *elem, uint64_t *index)
{
    if (LIKELY(words_at_hand(v, elem)))
        return LIKELY(fast_push(v, elem, index, 8)) ? pushed() : push_slow(v, elem, index);
    return elem && thread_state.pairs == v ? push_pairs(v, elem, index) : push(v, elem, index);
}

int lfvec_pop(lfvec_t *v, void *elem)
{
    if (LIKELY(words_at_hand(v, elem)))
        return LIKELY(fast_pop(v, elem, 8)) ? 0 : pop_slow(v, elem);
    return elem && thread_state.pairs == v ? pop_pairs(v, elem) : pop(v, elem);
}

/*
 * Whether a read-only call is to be repeated, since zeros stood for a hole that has got memory
 * meanwhile. What the last repetition returns was read between two looks that found the same.
 */
static bool look_again(lfvec_t *v, uint32_t *looks)
{
    enum { LOOKS_MOST = 64 }; /* each page can get memory only once, unless a process punches holes */
    return UNLIKELY(atomic_load_explicit(&v->seg.patched, memory_order_relaxed)) && ++*looks < LOOKS_MOST && segment_refresh(&v->seg);
}

/* The value of a call that reads. */
#define LOOKED(v, call)                                                                                                                    \
    __extension__({                                                                                                                        \
        uint32_t looks = 0;                                                                                                                \
        __typeof__(call) result;                                                                                                           \
        do                                                                                                                                 \
            result = (call);                                                                                                               \
        while (look_again((v), &looks));                                                                                                   \
        result;                                                                                                                            \
    })

static __attribute__((noinline)) int get(lfvec_t *v, uint64_t index, void *elem)
{
    return v && elem ? LOOKED(v, vector_get(v, index, elem)) : -EINVAL;
}

static ALWAYS_INLINE bool words_at_once(const lfvec_t *v)
{
    return atomic_load_explicit(&v->seg.words_at_once, memory_order_relaxed);
}

int lfvec_get(lfvec_t *v, uint64_t index, void *elem)
{
    return LIKELY(v && elem && words_at_once(v) && fast_get(&v->seg, index, elem, 8)) ? 0 : get(v, index, elem);
}

int lfvec_set(lfvec_t *v, uint64_t index, const void *elem)
{
    struct participant *p;
    if (!v || !elem)
        return -EINVAL;
    const int err = join_get(v, &p);
    return err ? err : (int)join_over(vector_set(p, index, elem));
}

static bool sized(const lfvec_t *v, size_t size)
{
    return v && v->seg.l.elem_size == size;
}

int lfvec_push_sized(lfvec_t *v, const void *elem, size_t size, uint64_t *index)
{
    return sized(v, size) ? lfvec_push(v, elem, index) : -EINVAL;
}

int lfvec_pop_sized(lfvec_t *v, void *elem, size_t size)
{
    return sized(v, size) ? lfvec_pop(v, elem) : -EINVAL;
}

static __attribute__((noinline)) int push_word(lfvec_t *v, uint64_t x)
{
    return !sized(v, sizeof x) ? -EINVAL : at_hand(v, &x) ? push_slow(v, &x, NULL) : push(v, &x, NULL);
}

static __attribute__((noinline)) int pop_word(lfvec_t *v, uint64_t *x)
{
    return !sized(v, sizeof *x) ? -EINVAL : at_hand(v, x) ? pop_slow(v, x) : pop(v, x);
}

int lfvec_push_word(lfvec_t *v, uint64_t x)
{
    return LIKELY(words_at_hand(v, &x) && fast_push(v, &x, NULL, 8)) ? pushed() : push_word(v, x);
}

int lfvec_pop_word(lfvec_t *v, uint64_t *x)
{
    return LIKELY(words_at_hand(v, x) && fast_pop(v, x, 8)) ? 0 : pop_word(v, x);
}

int lfvec_get_sized(lfvec_t *v, uint64_t index, void *elem, size_t size)
{
    if (LIKELY(size == 8 && elem && v && words_at_once(v) && fast_get(&v->seg, index, elem, 8)))
        return 0;
    return sized(v, size) ? get(v, index, elem) : -EINVAL;
}

int lfvec_set_sized(lfvec_t *v, uint64_t index, const void *elem, size_t size)
{
    return sized(v, size) ? lfvec_set(v, index, elem) : -EINVAL;
}

int64_t lfvec_push_n(lfvec_t *v, const void *elems, size_t n, uint64_t *first)
{
    struct participant *p;
    if (!v || (!elems && n) || n > INT64_MAX)
        return -EINVAL;
    const int err = join_get(v, &p);
    return err ? err : join_over(batch_push(p, elems, n, first, NULL, SIZE_MAX));
}

int64_t lfvec_push_n_parts(lfvec_t *v, const void *elems, size_t n, struct lfvec_part *parts, size_t most)
{
    struct participant *p;
    if (!v || ((!elems || !parts || !most) && n) || n > INT64_MAX)
        return -EINVAL;
    const int err = join_get(v, &p);
    return err ? err : join_over(batch_push(p, elems, n, NULL, parts, most));
}

int64_t lfvec_pop_n(lfvec_t *v, void *elems, size_t n)
{
    struct participant *p;
    if (!v || (!elems && n) || n > INT64_MAX)
        return -EINVAL;
    const int err = join_settled(v, &p);
    return err ? err : made_room(p, batch_pop(p, elems, n));
}

int64_t lfvec_get_n(lfvec_t *v, uint64_t first, void *elems, size_t n)
{
    return v && (elems || !n) && n <= INT64_MAX ? LOOKED(v, batch_get(v, first, elems, n)) : -EINVAL;
}

int lfvec_snapshot(lfvec_t *v, uint64_t first, void *elems, size_t n, uint64_t *version)
{
    return v && (elems || !n) ? LOOKED(v, batch_snapshot(v, first, elems, n, version)) : -EINVAL;
}

uint64_t lfvec_batch_most(const lfvec_t *v)
{
    return v ? batch_most(&v->seg) : 0;
}

int lfvec_pop_wait(lfvec_t *v, void *elem, const struct timespec *timeout)
{
    struct participant *p;
    if (!v || !elem || (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec > 999999999)))
        return -EINVAL;
    const int err = join_get(v, &p);
    return err ? err : (int)made_room(p, wait_pop(p, elem, timeout));
}

int lfvec_pop_lease(lfvec_t *v, void *elem)
{
    struct participant *p;
    if (!v || !elem)
        return -EINVAL;
    const int err = join_get(v, &p);
    return err ? err : (int)join_over(lease_pop(p, elem));
}

/* A thread without a slot has no lease, and takes no slot to learn that. */
static int join_with_slot(lfvec_t *v, struct participant **p)
{
    if (!v)
        return -EINVAL;
    return v->seg.read_only ? -EBADF : join_if_any(v) ? join_get(v, p) : -EINVAL;
}

int lfvec_ack(lfvec_t *v)
{
    struct participant *p;
    const int err = join_with_slot(v, &p);
    return err ? err : (int)join_over(lease_ack(p));
}

int lfvec_release(lfvec_t *v)
{
    struct participant *p;
    const int err = join_with_slot(v, &p);
    return err ? err : (int)join_over(lease_release(p));
}

int lfvec_cas_u64(lfvec_t *v, uint64_t index, uint64_t *expected, uint64_t desired)
{
    struct participant *p;
    if (!sized(v, sizeof desired) || !expected)
        return -EINVAL;
    const int err = join_get(v, &p);
    return err ? err : (int)join_over(vector_cas(p, index, expected, desired));
}

int lfvec_fetch_add_u64(lfvec_t *v, uint64_t index, uint64_t delta, uint64_t *old)
{
    struct participant *p;
    if (!sized(v, sizeof delta))
        return -EINVAL;
    const int err = join_get(v, &p);
    return err ? err : (int)join_over(vector_fetch_add(p, index, delta, old));
}

uint64_t lfvec_size(const lfvec_t *v)
{
    if (!v)
        return 0;
    /* SYNC: head-publish (acquire): one word of the head is enough, so one load is */
    return atomic_load_explicit(&v->seg.control->head.packed, memory_order_acquire) & HEAD_SIZE_MASK;
}

uint64_t lfvec_capacity(const lfvec_t *v)
{
    return v ? memory_capacity((struct segment *)&v->seg, join_if_any(v))
             : 0; /* not const inside: learns how far others have extended it */
}

/*
 * For calls that change the segment as a whole: refuses a segment whose control page is impossible.
 */
static int check_control(lfvec_t *v)
{
    return control_check(&v->seg, head_load(v->seg.control), NULL) == -EBADMSG ? -EBADMSG : 0;
}

static int join_sane(lfvec_t *v, struct participant **p)
{
    int err = v ? 0 : -EINVAL;
    if (!err && !v->seg.read_only)
        err = check_control(v);
    return err ? err : join_get(v, p);
}

int lfvec_reserve(lfvec_t *v, uint64_t n)
{
    const struct asking a = ask();
    struct participant *p;
    const int err = join_sane(v, &p);
    return asked(a, err ? err : (int)made_room(p, memory_reserve(p, n)));
}

int lfvec_trim(lfvec_t *v)
{
    const struct asking a = ask();
    struct participant *p;
    const int err = join_sane(v, &p);
    return asked(a, err ? err : (int)made_room(p, reclaim_trim(p)));
}

int lfvec_clear(lfvec_t *v)
{
    struct participant *p;
    const int err = join_sane(v, &p);
    return err ? err : (int)made_room(p, vector_clear(p));
}

int lfvec_recover(lfvec_t *v, struct lfvec_recovery *out)
{
    struct lfvec_recovery tally = {0};
    if (!v)
        return -EINVAL;
    const struct asking a = ask();
    int err = v->seg.read_only ? -EBADF : check_control(v);
    err = err ? err : join_recover(v, &tally);
    if (out)
        *out = tally;
    return asked(a, err);
}

int lfvec_recover_slot(lfvec_t *v, uint32_t slot, struct lfvec_recovery *out)
{
    struct lfvec_recovery tally = {0};
    if (!v)
        return -EINVAL;
    const struct asking a = ask();
    int err = v->seg.read_only ? -EBADF : check_control(v);
    err = err ? err : join_recover_slot(v, slot, &tally);
    if (out)
        *out = tally;
    return asked(a, err);
}

int lfvec_recover_forced(lfvec_t *v, uint32_t slot, struct lfvec_recovery *out)
{
    struct lfvec_recovery tally = {0};
    if (!v)
        return -EINVAL;
    const struct asking a = ask();
    int err = v->seg.read_only ? -EBADF : check_control(v);
    err = err ? err : join_recover_forced(v, slot, &tally);
    if (out)
        *out = tally;
    return asked(a, err);
}

int lfvec_check(lfvec_t *v, struct lfvec_audit *out)
{
    const struct asking a = ask();
    struct lfvec_audit own;
    return asked(a, v ? LOOKED(v, audit_run(v, out ? out : &own)) : -EINVAL);
}

int lfvec_stat(lfvec_t *v, struct lfvec_stat *out)
{
    const struct asking a = ask();
    const int err = v && out ? LOOKED(v, stat_segment(v, out)) : -EINVAL;
    if (!err || err == -EBADMSG)
        out->capacity = lfvec_capacity(v);
    return asked(a, err);
}

int lfvec_participant(lfvec_t *v, uint32_t slot, struct lfvec_participant *out)
{
    const struct asking a = ask();
    return asked(a, v && out ? LOOKED(v, stat_participant(v, slot, out)) : -EINVAL);
}

int lfvec_region(lfvec_t *v, uint64_t i, struct lfvec_region *out)
{
    const struct asking a = ask();
    return asked(a, v && out ? LOOKED(v, region_describe(v, i, out)) : -EINVAL);
}

int lfvec_region_pages(lfvec_t *v, uint64_t i, struct lfvec_pages *out)
{
    const struct asking a = ask();
    return asked(a, v && out ? LOOKED(v, region_pages(v, i, out)) : -EINVAL);
}

uint32_t lfvec_elem_size(const lfvec_t *v)
{
    return v ? v->seg.l.elem_size : 0;
}

const char *lfvec_name(const lfvec_t *v)
{
    return v ? v->seg.name : "";
}

uint64_t lfvec_last_version(void)
{
    return thread_last_version();
}

const char *lfvec_last_error(void)
{
    return error_text();
}
