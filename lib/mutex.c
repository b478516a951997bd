/* mutex.c - see mutex.h. */
#include "mutex.h"

#include "atomic16.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
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

/* As pthread_mutex_unlock(), in the same order: killed in between, `pending` tells the kernel to look at the mutex. */
static int unlock(struct list_head *head, pthread_mutex_t *m)
{
    const uintptr_t here = (uintptr_t)links(m), next = *links(m), prev = before(head, here);
    uintptr_t back = 0;
    if (!prev || !peek(link_to(next) - sizeof back, &back) || link_to(back) != here)
        return -EBADMSG;
    _Atomic int32_t *const lock = (_Atomic int32_t *)(void *)&m->__data.__lock;
    head->pending = here;
    atomic_signal_fence(memory_order_seq_cst); /* killed after any of these stores, the kernel finds those before it done */
    ((volatile uintptr_t *)link_to(next))[-1] = prev;
    *(volatile uintptr_t *)prev = next;
    links(m)[-1] = 0;
    links(m)[0] = 0;
    m->__data.__owner = 0;
    m->__data.__nusers = 0;
    int32_t held = atomic_load_explicit(lock, memory_order_relaxed);
    if ((held & FUTEX_TID_MASK) == (int32_t)syscall(SYS_gettid))
        atomic_store_explicit(lock, 0, memory_order_release); /* nobody waits for it, so there is nobody to wake */
    atomic_signal_fence(memory_order_seq_cst);                /* or a mutex that is neither listed nor pending would stay locked for ever */
    head->pending = 0;
    return 0;
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
    const int err = known && (head = own_list()) ? unlock(head, m) : pthread_mutex_unlock(m) ? -EBADMSG : 0;
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
    return *((const volatile uint32_t *)(const void *)m + kind_word) == kind;
}

int mutex_trylock(pthread_mutex_t *m)
{
    if (!mutex_is_ours(m))
        return -EBADMSG;
    const int err = pthread_mutex_trylock(m);
    if (err == EOWNERDEAD && pthread_mutex_consistent(m) != 0)
        return -ENOTRECOVERABLE;
    return -err;
}
