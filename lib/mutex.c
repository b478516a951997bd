/* mutex.c - see mutex.h. */
#include "mutex.h"

#include "atomic16.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
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

#if defined(__GLIBC__)
_Static_assert(offsetof(pthread_mutex_t, __data.__lock) == 0 && offsetof(pthread_mutex_t, __data.__count) == sizeof(int32_t),
               "the two words of a mutex");

static _Atomic int32_t *lock_word(const pthread_mutex_t *m)
{
    return (_Atomic int32_t *)(uintptr_t)&m->__data.__lock;
}

bool mutex_abandon(pthread_mutex_t *m, const struct mutex_lock *seen)
{
    union mutex_words left = {.raw = seen->raw};
    uint64_t is = seen->raw;
    left.futex = FUTEX_OWNER_DIED;
    return seen->holder &&
           atomic_compare_exchange_strong_explicit(mutex_words(m), &is, left.raw, memory_order_acq_rel, memory_order_relaxed);
}

static void count_taking(pthread_mutex_t *m, uint32_t taking)
{
    atomic_store_explicit((_Atomic uint32_t *)&m->__data.__count, taking, memory_order_release); /* SYNC: slot-taking (release) */
}

/* An owner that says "not recoverable", which nobody of ours ever makes it: the C library would lock it, say so, and leave it locked. */
static bool owner_is_spoilt(const pthread_mutex_t *m)
{
    return *(const volatile int *)&m->__data.__owner == INT_MAX - 1;
}
#else
bool mutex_abandon(pthread_mutex_t *m, const struct mutex_lock *seen)
{
    (void)m, (void)seen;
    return false;
}

static void count_taking(pthread_mutex_t *m, uint32_t taking)
{
    (void)m, (void)taking;
}

static bool owner_is_spoilt(const pthread_mutex_t *m)
{
    (void)m;
    return false;
}
#endif

int32_t mutex_holder(const pthread_mutex_t *m)
{
    return mutex_look(m).holder;
}

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
    int32_t library; /* the number by which the C library knows this thread */
    int32_t tid;     /* whose record it is: a child of fork() has a list of its own, which is empty */
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
    own->head = NULL;
    own->library = 0;
    if (mutex_make(&m) != 0 || pthread_mutex_trylock(&m) != 0)
        return;
    struct list_head *head = (struct list_head *)links(&m)[-1];
    if (head && head->first == (uintptr_t)links(&m) && head->pending == 0 &&
        (uintptr_t)links(&m) + (uintptr_t)head->futex_offset == (uintptr_t)&m.__data.__lock)
        own->head = head;
    own->library = mutex_holder(&m);
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
 * does not know. There is no sandbox that forbids that call, since the C library cannot do without it. AddressSanitizer has rules of its own
 * about a stack, which is where a forged link may lead.
 */
__attribute__((no_sanitize_address)) static bool peek(uintptr_t at, uintptr_t *word)
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

/*
 * The kernel keeps no list of what this thread holds: it was made by clone() alone, which the C library knows nothing of. The number that the
 * library remembers, and the list in its memory, are another thread's.
 */
static bool is_listless(void)
{
    const int32_t tid = (int32_t)syscall(SYS_gettid);
    if (held.library != tid)
        look_at_list(&held);
    return held.library && held.library != tid;
}

/* As the C library does: the newest comes first, and is complete before the head leads to it. */
static void enlist(struct list_head *head, pthread_mutex_t *m)
{
    const uintptr_t here = (uintptr_t)links(m), next = head->first;
    links(m)[-1] = (uintptr_t)head;
    links(m)[0] = next;
    ((volatile uintptr_t *)link_to(next))[-1] = here;
    atomic_signal_fence(memory_order_seq_cst);
    head->first = here;
}

/*
 * As pthread_mutex_trylock(), in the same order, but that the taking is counted in the same step, and that it is the thread's real number
 * that goes into the word, which after a clone() is not what the C library remembers. head == NULL: without a list.
 */
static int lock(struct list_head *head, pthread_mutex_t *m)
{
    const struct mutex_lock was = mutex_look(m);
    union mutex_words taken = {.futex = (int32_t)syscall(SYS_gettid), .taking = was.taking + 1};
    uint64_t is = was.raw;
    if (was.holder)
        return -EBUSY;
    if (head)
        head->pending = (uintptr_t)links(m);
    atomic_signal_fence(memory_order_seq_cst); /* killed after the next step, the kernel finds it pending */
    const bool won = atomic_compare_exchange_strong_explicit(mutex_words(m), &is, taken.raw, memory_order_acq_rel, memory_order_relaxed);
    if (won) {
        m->__data.__owner = taken.futex;
        m->__data.__nusers = 1;
    }
    if (won && head)
        enlist(head, m);
    atomic_signal_fence(memory_order_seq_cst);
    if (head)
        head->pending = 0;
    return !won ? -EBUSY : was.orphaned ? -EOWNERDEAD : 0;
}

/* -ENOSYS: that is for the C library to do. */
static int lock_known(pthread_mutex_t *m)
{
    if (is_listless())
        return lock(NULL, m);
    const int err = held.head ? lock(held.head, m) : -ENOSYS;
    if (err == 0 || err == -EOWNERDEAD)
        held_add(m);
    return err;
}

/* What lock() has locked without a list. One that is not ours any more, because it was taken by force, is left alone. */
static int unlock_unlisted(pthread_mutex_t *m)
{
    int32_t word = (int32_t)syscall(SYS_gettid);
    if (mutex_holder(m) != word)
        return -EPERM;
    m->__data.__owner = 0;
    m->__data.__nusers = 0;
    return atomic_compare_exchange_strong_explicit(lock_word(m), &word, 0, memory_order_release, memory_order_relaxed) ? 0 : -EBADMSG;
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

static int lock_known(pthread_mutex_t *m)
{
    (void)m;
    return -ENOSYS;
}

static bool is_listless(void)
{
    return false;
}

static int unlock_unlisted(pthread_mutex_t *m)
{
    (void)m;
    return -EBADMSG;
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
    const int err = is_listless()                                  ? unlock_unlisted(m)
                    : list_is_known()                              ? unlock_known(m)
                    : !mutex_is_ours(m) || pthread_mutex_unlock(m) ? -EBADMSG
                                                                   : 0;
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

/* The C library's own way, and the count by hand, which it has set to one: two takings can be mistaken for each other for that long. */
static int lock_by_library(pthread_mutex_t *m)
{
    const uint32_t taking = mutex_look(m).taking;
    const int err = pthread_mutex_trylock(m);
    if (err == EOWNERDEAD)
        (void)pthread_mutex_consistent(m);
    if (!err || err == EOWNERDEAD)
        count_taking(m, taking + 1);
    if (!err || err == EOWNERDEAD)
        held_add(m);
    return -err;
}

/*
 * A held one is not tried: a try that is killed leaves word of it to the kernel, which takes the mutex from whoever holds it if the numbers of
 * the two threads are equal, as they may be in different pid namespaces. A dead holder's is ours even if its owner is damaged so that
 * the C library does not call it consistent.
 */
int mutex_trylock(pthread_mutex_t *m)
{
    const int saved = errno;
    if (!mutex_is_ours(m))
        return -EBADMSG;
    if (mutex_holder(m))
        return -EBUSY;
    int err = lock_known(m);
    if (err == -ENOSYS)
        err = lock_by_library(m);
    errno = saved;
    return err;
}
