/* life.c - see life.h. */
#include "life.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The robust list, in the format of the kernel and the C library. The newest entry comes first.
 * A link is the address of a neighbor's `next`, or of the list's head, which has a `prev` before
 * it too. The lowest bit of a link gives the kind of the neighbor. The program's own robust
 * mutexes may lie between our entries.
 */
struct life_entry {
    volatile uintptr_t prev, next;
};

struct life_list {
    volatile uintptr_t first;
    long distance;              /* from an entry's `next` to its word */
    volatile uintptr_t pending; /* the entry that is being inserted or removed */
};

enum { WORD_TO_ENTRY = SHM_LIFE_MARKS, DISTANCE = -(int)(WORD_TO_ENTRY + offsetof(struct life_entry, next)) };

static uintptr_t link_of(const struct life_entry *e)
{
    return (uintptr_t)&e->next;
}

static struct life_entry *neighbour(uintptr_t link)
{
    return (struct life_entry *)((link & ~(uintptr_t)1) - offsetof(struct life_entry, next));
}

static int32_t own_tid(void)
{
    return (int32_t)syscall(SYS_gettid);
}

/* ---- the thread's list ----------------------------------------------------------------------- */

#if defined(__GLIBC__) && defined(__PTHREAD_MUTEX_HAVE_PREV)
_Static_assert(offsetof(pthread_mutex_t, __data.__lock) - offsetof(pthread_mutex_t, __data.__list.__next) == (size_t)DISTANCE,
               "the distance at which glibc's list has its words");

/*
 * Finds the list without a system call, which a sandbox might refuse: a robust mutex of our own,
 * locked just now, is its first entry. A thread made by clone() alone has no list. There the C
 * library remembers the number of another thread, and this is that thread's list.
 */
static struct life_list *find_list(int32_t tid)
{
    pthread_mutexattr_t a;
    pthread_mutex_t m;
    if (pthread_mutexattr_init(&a) != 0)
        return NULL;
    (void)pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    const int err = pthread_mutex_init(&m, &a);
    (void)pthread_mutexattr_destroy(&a);
    if (err || pthread_mutex_trylock(&m) != 0)
        return NULL;
    const struct life_entry *e = (const struct life_entry *)(const void *)&m.__data.__list;
    struct life_list *list = (struct life_list *)e->prev;
    const bool is_ours = (m.__data.__lock & FUTEX_TID_MASK) == tid && list && list->first == link_of(e) && list->pending == 0 &&
                         list->distance == DISTANCE;
    (void)pthread_mutex_unlock(&m);
    (void)pthread_mutex_destroy(&m);
    return is_ours ? list : NULL;
}
#else
static struct life_list *find_list(int32_t tid)
{
    (void)tid;
    return NULL; /* another library uses another distance */
}
#endif

/*
 * A child of fork() finds its own list, because its thread number differs. Where pages are larger,
 * a mark does not lie at the end of one, so no list is used.
 */
static struct life_list *own_list(int32_t tid)
{
    static _Thread_local struct {
        struct life_list *list;
        int32_t tid;
    } known __attribute__((tls_model("initial-exec")));
    if (known.tid != tid)
        known.list = sysconf(_SC_PAGESIZE) == SHM_PAGE ? find_list(tid) : NULL;
    known.tid = tid;
    return known.list;
}

/* Inserts in the same order as the C library: an entry is complete before the head leads to it. */
static void enlist(struct life_list *list, struct life_entry *e)
{
    const uintptr_t next = list->first;
    e->prev = (uintptr_t)list;
    e->next = next;
    neighbour(next)->prev = link_of(e);
    atomic_signal_fence(memory_order_seq_cst);
    list->first = link_of(e);
}

static void unlist(const struct life_entry *e)
{
    neighbour(e->next)->prev = e->prev;
    neighbour(e->prev)->next = e->next;
}

/* ---- the entry's memory ---------------------------------------------------------------------- */

static void unmap_entry(struct life_entry *e)
{
    unsigned char *own = (unsigned char *)e - (uintptr_t)e % SHM_PAGE;
    (void)munmap(own - SHM_PAGE, 2 * SHM_PAGE);
}

/* Two pages: the one that ends with the mark, and a private one. NULL: no mapping is available. */
static struct life_entry *map_entry(int fd, uint64_t off)
{
    const uint64_t in_page = off % SHM_PAGE;
    unsigned char *both = mmap(NULL, 2 * SHM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (both == MAP_FAILED)
        return NULL;
    struct life_entry *e = (struct life_entry *)(void *)(both + in_page + WORD_TO_ENTRY);
    if (mmap(both, SHM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)(off - in_page)) != MAP_FAILED)
        return e;
    unmap_entry(e);
    return NULL;
}

/* ---- taking and leaving ---------------------------------------------------------------------- */

/*
 * The entry is pending during each of these steps. If the thread is killed in between, the kernel
 * looks at the word and marks it if the number is ours.
 */
static void set_pending(struct life_list *list, uintptr_t link)
{
    atomic_signal_fence(memory_order_seq_cst);
    list->pending = link;
    atomic_signal_fence(memory_order_seq_cst);
}

static bool take(struct life *l, shm_u64 *mark, const struct life_mark *was, int32_t tid)
{
    const union life_word taken = {.futex = tid, .taking = was->taking + 1};
    uint64_t is = was->raw;
    if (l->list)
        set_pending(l->list, link_of(l->entry));
    const bool won = atomic_compare_exchange_strong_explicit(mark, &is, taken.raw, memory_order_acq_rel, memory_order_relaxed);
    if (won && l->list)
        enlist(l->list, l->entry);
    if (l->list)
        set_pending(l->list, 0);
    return won;
}

int life_take(struct life *l, shm_u64 *mark, int fd, uint64_t off)
{
    const int saved = errno;
    const int32_t tid = own_tid();
    const struct life_mark was = life_look(mark);
    *l = (struct life){NULL, NULL};
    if (was.holder)
        return -EBUSY;
    l->list = own_list(tid);
    l->entry = l->list ? map_entry(fd, off) : NULL;
    const bool mapped = !l->list || l->entry;
    const bool won = mapped && take(l, mark, &was, tid);
    if (!won && l->entry)
        unmap_entry(l->entry);
    if (!won)
        *l = (struct life){NULL, NULL};
    errno = saved;
    return !mapped ? -ENOMEM : !won ? -EBUSY : was.orphaned ? -EOWNERDEAD : 0;
}

void life_leave(struct life *l, shm_u64 *mark)
{
    _Atomic int32_t *word = (_Atomic int32_t *)mark;
    const int32_t tid = own_tid();
    const int saved = errno;
    if (l->list) {
        set_pending(l->list, link_of(l->entry));
        unlist(l->entry);
        atomic_signal_fence(memory_order_seq_cst);
    }
    int32_t is = atomic_load_explicit(word, memory_order_relaxed);
    if ((is & FUTEX_TID_MASK) == tid) /* no thread waits for it, so none is woken */
        (void)atomic_compare_exchange_strong_explicit(word, &is, 0, memory_order_release, memory_order_relaxed);
    if (l->list) {
        set_pending(l->list, 0);
        unmap_entry(l->entry);
    }
    *l = (struct life){NULL, NULL};
    errno = saved;
}

void life_forget(struct life *l)
{
    if (l->entry)
        unmap_entry(l->entry);
    *l = (struct life){NULL, NULL};
}

bool life_abandon(shm_u64 *mark, const struct life_mark *seen)
{
    union life_word left = {.raw = seen->raw};
    uint64_t is = seen->raw;
    left.futex = FUTEX_OWNER_DIED;
    return seen->holder && atomic_compare_exchange_strong_explicit(mark, &is, left.raw, memory_order_acq_rel, memory_order_relaxed);
}
