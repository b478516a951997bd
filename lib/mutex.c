/* mutex.c - see mutex.h. */
#include "mutex.h"

#include "atomic16.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * There are kinds of mutexes whose code aborts, needs an instruction that the processor has not, or changes the thread's priority. Which word
 * says the kind, is learned from two mutexes of our own, which differ in nothing else.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t kind_word, kind;

static void learn(void);

int mutex_make(pthread_mutex_t *m)
{
    pthread_mutexattr_t a;
    if (pthread_mutexattr_init(&a) != 0)
        return -ENOMEM;
    (void)pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    const int err = pthread_mutex_init(m, &a);
    (void)pthread_mutexattr_destroy(&a);
    return -err;
}

/* ---- who holds it ---------------------------------------------------------------------------------------------------------------------- */

/* The kernel's interface: the holder's thread id, as its own pid namespace has it, with FUTEX_OWNER_DIED or FUTEX_WAITERS. */
#if defined(__GLIBC__)
static _Atomic int32_t *lock_word(const pthread_mutex_t *m)
{
    return (_Atomic int32_t *)(uintptr_t)&m->__data.__lock;
}

int32_t mutex_holder(const pthread_mutex_t *m)
{
    return atomic_load_explicit(lock_word(m), memory_order_relaxed) & FUTEX_TID_MASK;
}

bool mutex_orphaned(const pthread_mutex_t *m)
{
    return (atomic_load_explicit(lock_word(m), memory_order_relaxed) & (int32_t)(FUTEX_TID_MASK | FUTEX_OWNER_DIED)) == FUTEX_OWNER_DIED;
}

bool mutex_abandon(pthread_mutex_t *m, int32_t holder)
{
    int32_t held = atomic_load_explicit(lock_word(m), memory_order_relaxed);
    return holder && (held & FUTEX_TID_MASK) == holder &&
           atomic_compare_exchange_strong_explicit(lock_word(m), &held, (held & (int32_t)FUTEX_WAITERS) | FUTEX_OWNER_DIED,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

/* An owner that says "not recoverable", which nobody of ours ever makes it: the C library would lock it, say so, and leave it locked. */
static bool owner_is_spoilt(const pthread_mutex_t *m)
{
    return *(const volatile int *)&m->__data.__owner == INT_MAX - 1;
}
#else
int32_t mutex_holder(const pthread_mutex_t *m)
{
    (void)m;
    return 0;
}

bool mutex_orphaned(const pthread_mutex_t *m)
{
    (void)m;
    return false;
}

bool mutex_abandon(pthread_mutex_t *m, int32_t holder)
{
    (void)m, (void)holder;
    return false;
}

static bool owner_is_spoilt(const pthread_mutex_t *m)
{
    (void)m;
    return false;
}
#endif

/* ---- giving back ----------------------------------------------------------------------------------------------------------------------- */

/*
 * The thread's list of robust mutexes: struct robust_list_head of the kernel's interface, whose entries the C library links both ways, the
 * newest first. A link is the address of a neighbour's `next`, or of the list's head; `prev` comes right before `next`; the lowest bit says
 * of what kind the neighbour is. pthread_mutex_unlock() stores through both links as it finds them, in memory that others write.
 *
 * Here the neighbours are known without it: what the thread has locked through this file is on record, in the order of the list, in memory
 * that nobody else writes. Between two of ours there may be mutexes of the program's own. Those are looked for from our newer one on, and
 * have to be such as can be read, lead here, and point back.
 */
#if defined(__GLIBC__) && defined(__PTHREAD_MUTEX_HAVE_PREV) && !defined(ATOMIC16_TSAN)
enum { HELD_FEW = 8, FOREIGN_MOST = 1 << 16 }; /* more mutexes between two of ours than a process has mappings: a circle */

struct list_head {
    volatile uintptr_t first;
    long futex_offset;
    volatile uintptr_t pending; /* the mutex that is being put in or taken out */
};

struct held {
    struct list_head *head; /* NULL: not looked at yet, or not as described above */
    bool looked;
    int32_t tid; /* whose record it is: a child of fork() has a list of its own, which is empty */
    uint32_t count, room;
    pthread_mutex_t **mutex; /* the oldest first; NULL: they are in `few` */
    pthread_mutex_t *few[HELD_FEW];
};

static _Thread_local struct held held __attribute__((tls_model("initial-exec")));

/* [0] is the link to the next one, [-1] that to the one before. */
static volatile uintptr_t *links(pthread_mutex_t *m)
{
    return (volatile uintptr_t *)(void *)&m->__data.__list.__next;
}

static uintptr_t link_to(uintptr_t link)
{
    return link & ~(uintptr_t)1;
}

/*
 * The list's head, without a question to the kernel, which a sandbox may refuse: a mutex that was locked just now comes right after it. Is
 * all of this as described above? It is tried on a mutex of our own.
 */
static void look_at_list(struct held *own)
{
    pthread_mutex_t m;
    own->looked = true;
    if (mutex_make(&m) != 0 || pthread_mutex_trylock(&m) != 0)
        return;
    struct list_head *head = (struct list_head *)links(&m)[-1];
    if (head && head->first == (uintptr_t)links(&m) && head->pending == 0 &&
        (uintptr_t)links(&m) + (uintptr_t)head->futex_offset == (uintptr_t)&m.__data.__lock)
        own->head = head;
    (void)pthread_mutex_unlock(&m);
}

/* ---- what this thread holds ---- */

static pthread_mutex_t **held_all(struct held *own)
{
    return own->mutex ? own->mutex : own->few;
}

static bool held_grow(struct held *own)
{
    const uint32_t room = own->count * 2;
    pthread_mutex_t **more = malloc(room * sizeof(pthread_mutex_t *));
    if (!more)
        return false;
    memcpy(more, held_all(own), own->count * sizeof(pthread_mutex_t *));
    free(own->mutex);
    own->mutex = more;
    own->room = room;
    return true;
}

/* `m` was locked just now. Without memory for it, it is like one of the program's own. */
static void held_add(pthread_mutex_t *m)
{
    struct held *own = &held;
    const int32_t tid = mutex_holder(m);
    if (own->tid != tid)
        own->count = 0;
    own->tid = tid;
    if (own->count < (own->mutex ? own->room : HELD_FEW) || held_grow(own))
        held_all(own)[own->count++] = m;
}

/* Where `m` is on record; own->count: it is not. The newest goes first, more often than not. */
static uint32_t held_find(struct held *own, const pthread_mutex_t *m)
{
    for (uint32_t k = own->count; k--;)
        if (held_all(own)[k] == m)
            return k;
    return own->count;
}

static void held_remove(struct held *own, uint32_t k)
{
    if (k == own->count)
        return;
    pthread_mutex_t **all = held_all(own);
    memmove(all + k, all + k + 1, (--own->count - k) * sizeof(pthread_mutex_t *));
    if (own->mutex && own->count <= HELD_FEW / 2) {
        memcpy(own->few, own->mutex, own->count * sizeof(pthread_mutex_t *));
        free(own->mutex);
        own->mutex = NULL;
    }
}

/* ---- its neighbours ---- */

/*
 * One word, from wherever. The kernel says whether it can be read: it looks at the set of signals before it refuses to do with it what it
 * does not know. There is no sandbox that forbids that call, since the C library cannot do without it.
 */
static bool peek(uintptr_t at, uintptr_t *word)
{
    if (at % sizeof *word || syscall(SYS_rt_sigprocmask, -1, at, NULL, sizeof(uint64_t)) == 0 || errno != EINVAL)
        return false;
    *word = *(const volatile uintptr_t *)at;
    return true;
}

static uintptr_t held_link(struct held *own, uint32_t k)
{
    return k < own->count ? (uintptr_t)links(held_all(own)[k]) : (uintptr_t)own->head;
}

/* The entry before `here`, which is on record at k; 0: the list does not lead here from our next newer one, or from its head. */
static uintptr_t before(struct held *own, uint32_t k, uintptr_t here)
{
    uintptr_t at = held_link(own, k + 1), next = *(volatile uintptr_t *)at; /* a mutex that we hold, or the head: it is there */
    for (uint32_t n = 0; link_to(next) != here; n++) {
        at = link_to(next);
        if (n == FOREIGN_MOST || at == (uintptr_t)own->head || !peek(at, &next))
            return 0;
    }
    return at;
}

/* Is `next` what comes after `here`: our next older one, or what points back? */
static bool comes_after(struct held *own, uint32_t k, uintptr_t here, uintptr_t next)
{
    uintptr_t back;
    if (k < own->count && next == (k ? held_link(own, k - 1) : (uintptr_t)own->head))
        return true;
    return peek(next - sizeof back, &back) && link_to(back) == here;
}

/*
 * As pthread_mutex_unlock(), in the same order: killed in between, `pending` tells the kernel to look at the mutex. One that is not ours any
 * more, because it was taken by force, is left alone.
 */
static int unlock(struct held *own, pthread_mutex_t *m)
{
    const int32_t tid = (int32_t)syscall(SYS_gettid);
    struct list_head *head = own->head;
    if (own->tid != tid)
        own->count = 0;
    if (mutex_holder(m) != tid)
        return -EPERM;
    const uint32_t k = held_find(own, m);
    const uintptr_t here = (uintptr_t)links(m), next = *links(m), prev = before(own, k, here);
    if (!prev || !comes_after(own, k, here, link_to(next)))
        return -EBADMSG;
    head->pending = here;
    atomic_signal_fence(memory_order_seq_cst); /* killed after any of these stores, the kernel finds those before it done */
    ((volatile uintptr_t *)link_to(next))[-1] = prev;
    *(volatile uintptr_t *)prev = next;
    links(m)[-1] = 0;
    links(m)[0] = 0;
    m->__data.__owner = 0;
    m->__data.__nusers = 0;
    int32_t word = atomic_load_explicit(lock_word(m), memory_order_relaxed);
    if ((word & FUTEX_TID_MASK) == tid) /* nobody waits for it, so there is nobody to wake */
        (void)atomic_compare_exchange_strong_explicit(lock_word(m), &word, 0, memory_order_release, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst); /* or a mutex that is neither listed nor pending would stay locked for ever */
    head->pending = 0;
    held_remove(own, k);
    return 0;
}

static bool list_is_known(void)
{
    if (!held.looked)
        look_at_list(&held);
    return held.head;
}

static int unlock_known(pthread_mutex_t *m)
{
    return unlock(&held, m);
}
#else
static void held_add(pthread_mutex_t *m)
{
    (void)m;
}

static bool list_is_known(void)
{
    return false;
}

static int unlock_known(pthread_mutex_t *m)
{
    return -pthread_mutex_unlock(m);
}
#endif

int mutex_unlock(pthread_mutex_t *m)
{
    const int saved = errno;
    const int err = list_is_known() ? unlock_known(m) : !mutex_is_ours(m) || pthread_mutex_unlock(m) ? -EBADMSG : 0;
    errno = saved;
    return err;
}

/* ---- what they are --------------------------------------------------------------------------------------------------------------------- */

static void learn(void)
{
    enum { WORDS = sizeof(pthread_mutex_t) / sizeof(uint32_t) };
    pthread_mutex_t ours, plain;
    uint32_t o[WORDS], p[WORDS];
    memset(&ours, 0, sizeof ours);
    memset(&plain, 0, sizeof plain);
    (void)mutex_make(&ours);
    (void)pthread_mutex_init(&plain, NULL);
    memcpy(o, &ours, sizeof o);
    memcpy(p, &plain, sizeof p);
    while (kind_word < WORDS - 1 && o[kind_word] == p[kind_word])
        kind_word++;
    kind = o[kind_word];
}

bool mutex_is_ours(const pthread_mutex_t *m)
{
    (void)pthread_once(&once, learn);
    return *((const volatile uint32_t *)(const void *)m + kind_word) == kind && !owner_is_spoilt(m);
}

/*
 * A held one is not tried: a try that is killed leaves word of it to the kernel, which takes the mutex from whoever holds it if the numbers of
 * the two threads are equal, as they may be in different pid namespaces. A dead holder's is ours even if its owner is damaged so that
 * the C library does not call it consistent.
 */
int mutex_trylock(pthread_mutex_t *m)
{
    if (!mutex_is_ours(m))
        return -EBADMSG;
    if (mutex_holder(m))
        return -EBUSY;
    (void)list_is_known(); /* before, with nothing of it in memory that others write */
    const int err = pthread_mutex_trylock(m);
    if (err == EOWNERDEAD)
        (void)pthread_mutex_consistent(m);
    if (err == 0 || err == EOWNERDEAD)
        held_add(m);
    return -err;
}
