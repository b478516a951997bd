/* mutex.c - see mutex.h. */
#include "mutex.h"

#include "atomic16.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * There are kinds of mutexes whose code aborts, needs an instruction that the processor has not, or changes the thread's priority. Which word
 * says the kind, is learned from two mutexes of our own, which differ in nothing else.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t kind_word, kind;
static bool known; /* how the C library lists robust mutexes */

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
 * The thread's list of robust mutexes: struct robust_list_head of the kernel's interface, whose entries the C library links both ways. A link
 * is the address of a neighbour's `next`, or of the list's head; `prev` comes right before `next`; the lowest bit says of what kind the
 * neighbour is. pthread_mutex_unlock() stores through both links as it finds them. Here they are read once, and the neighbours have to be
 * such as point back; that they can be read at all, the kernel says.
 */
#if defined(__GLIBC__) && defined(__PTHREAD_MUTEX_HAVE_PREV) && !defined(ATOMIC16_TSAN)
enum { LIST_MOST = 2048 }; /* where the kernel gives up, too */

struct list_head {
    volatile uintptr_t first;
    long futex_offset;
    volatile uintptr_t pending; /* the mutex that is being put in or taken out */
};

/* [0] is the link to the next one, [-1] that to the one before. */
static volatile uintptr_t *links(pthread_mutex_t *m)
{
    return (volatile uintptr_t *)(void *)&m->__data.__list.__next;
}

static uintptr_t link_to(uintptr_t link)
{
    return link & ~(uintptr_t)1;
}

static struct list_head *own_list(void)
{
    struct list_head *head = NULL;
    size_t bytes;
    return syscall(SYS_get_robust_list, 0, &head, &bytes) == 0 ? head : NULL;
}

static bool peek(uintptr_t at, uintptr_t *word)
{
    const struct iovec to = {word, sizeof *word}, from = {(void *)at, sizeof *word};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)sizeof *word;
}

/* The entry before `here`, found from the list's head on; 0: the list does not lead here. */
static uintptr_t before(struct list_head *head, uintptr_t here)
{
    uintptr_t at = (uintptr_t)head, next = 0;
    for (uint32_t n = 0; n < LIST_MOST && peek(at, &next) && link_to(next) != (uintptr_t)head; n++) {
        if (link_to(next) == here)
            return at;
        at = link_to(next);
    }
    return 0;
}

/*
 * As pthread_mutex_unlock(), in the same order: killed in between, `pending` tells the kernel to look at the mutex. One that is not ours any
 * more, because it was taken by force, is left alone.
 */
static int unlock(struct list_head *head, pthread_mutex_t *m)
{
    if (mutex_holder(m) != (int32_t)syscall(SYS_gettid))
        return -EBADMSG;
    const uintptr_t here = (uintptr_t)links(m), next = *links(m), prev = before(head, here);
    uintptr_t back = 0;
    if (!prev || !peek(link_to(next) - sizeof back, &back) || link_to(back) != here)
        return -EBADMSG;
    head->pending = here;
    atomic_signal_fence(memory_order_seq_cst); /* killed after any of these stores, the kernel finds those before it done */
    ((volatile uintptr_t *)link_to(next))[-1] = prev;
    *(volatile uintptr_t *)prev = next;
    links(m)[-1] = 0;
    links(m)[0] = 0;
    m->__data.__owner = 0;
    m->__data.__nusers = 0;
    int32_t held = atomic_load_explicit(lock_word(m), memory_order_relaxed);
    if ((held & FUTEX_TID_MASK) == (int32_t)syscall(SYS_gettid)) /* nobody waits for it, so there is nobody to wake */
        (void)atomic_compare_exchange_strong_explicit(lock_word(m), &held, 0, memory_order_release, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst); /* or a mutex that is neither listed nor pending would stay locked for ever */
    head->pending = 0;
    return 0;
}

/*
 * The kernel keeps no list of what this thread holds: it was made by clone() alone, which the C library knows nothing of. The list that the
 * library has in its memory is another thread's.
 */
static bool is_listless(void)
{
    struct list_head *head = NULL;
    size_t bytes;
    return syscall(SYS_get_robust_list, 0, &head, &bytes) == 0 && !head;
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
    struct list_head *head = known ? own_list() : NULL;
    return head || is_listless() ? lock(head, m) : -ENOSYS;
}

/* What lock() has locked without a list. One that is not ours any more, because it was taken by force, is left alone. */
static int unlock_unlisted(pthread_mutex_t *m)
{
    int32_t held = (int32_t)syscall(SYS_gettid);
    if (mutex_holder(m) != held)
        return -EBADMSG;
    m->__data.__owner = 0;
    m->__data.__nusers = 0;
    return atomic_compare_exchange_strong_explicit(lock_word(m), &held, 0, memory_order_release, memory_order_relaxed) ? 0 : -EBADMSG;
}

/* Is all of this as described above? It is tried on a mutex of our own. */
static bool list_is_known(void)
{
    pthread_mutex_t m;
    struct list_head *head = own_list();
    uintptr_t word = 0;
    if (!head || !peek((uintptr_t)&head, &word) || mutex_make(&m) != 0 || pthread_mutex_trylock(&m) != 0)
        return false;
    const bool as_described = head->first == (uintptr_t)links(&m) && links(&m)[-1] == (uintptr_t)head && head->pending == 0 &&
                              (uintptr_t)links(&m) + (uintptr_t)head->futex_offset == (uintptr_t)&m.__data.__lock;
    (void)pthread_mutex_unlock(&m);
    return as_described;
}
#else
struct list_head;

static struct list_head *own_list(void)
{
    return NULL;
}

static int unlock(struct list_head *head, pthread_mutex_t *m)
{
    (void)head;
    return -pthread_mutex_unlock(m);
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
#endif

int mutex_unlock(pthread_mutex_t *m)
{
    const int saved = errno;
    struct list_head *head;
    (void)pthread_once(&once, learn);
    const int err = known && (head = own_list())                   ? unlock(head, m)
                    : is_listless()                                ? unlock_unlisted(m)
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
    known = list_is_known();
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
