/* slot.c - see slot.h. */
#include "slot.h"

#include "lfvec.h"
#include "numa.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/*
 * What a C library does with a mutex depends on its kind, and there are kinds whose code aborts, needs an instruction that the processor has
 * not, or changes the thread's priority. So a mutex that is damaged there is not tried. Which word it is, is learned from two mutexes of
 * our own, which differ in nothing else.
 */
static pthread_once_t kind_once = PTHREAD_ONCE_INIT;
static uint32_t kind_word, kind;

static int make_mutex(pthread_mutex_t *m)
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

static void learn_kind(void)
{
    enum { WORDS = sizeof(pthread_mutex_t) / sizeof(uint32_t) };
    pthread_mutex_t ours, plain;
    uint32_t o[WORDS], p[WORDS];
    memset(&ours, 0, sizeof ours);
    memset(&plain, 0, sizeof plain);
    (void)make_mutex(&ours);
    (void)pthread_mutex_init(&plain, NULL);
    memcpy(o, &ours, sizeof o);
    memcpy(p, &plain, sizeof p);
    while (kind_word < WORDS - 1 && o[kind_word] == p[kind_word])
        kind_word++;
    kind = o[kind_word];
}

bool slot_lockable(const struct segment *s, uint32_t i)
{
    (void)pthread_once(&kind_once, learn_kind);
    const shm_u32 *word = (const shm_u32 *)(const void *)&slot_at(s, i)->life;
    return atomic_load_explicit(&word[kind_word], memory_order_relaxed) == kind;
}

int slot_trylock(struct segment *s, uint32_t i)
{
    pthread_mutex_t *life = &slot_at(s, i)->life;
    if (!slot_lockable(s, i))
        return -EBADMSG;
    const int err = pthread_mutex_trylock(life);
    if (err == EOWNERDEAD && pthread_mutex_consistent(life) != 0)
        return -ENOTRECOVERABLE;
    return -err;
}

void slot_unlock(struct segment *s, uint32_t i)
{
    (void)pthread_mutex_unlock(&slot_at(s, i)->life);
}

int slot_reset_mutex(struct segment *s, uint32_t i)
{
    return make_mutex(&slot_at(s, i)->life);
}

void slot_announce(struct segment *s, uint32_t i)
{
    struct shm_slot *slot = slot_at(s, i);
    struct proc_id id;
    char name[SHM_NAME_BYTES] = "";
    proc_self(&id);
    proc_name(name, sizeof name);
    for (uint32_t c = 0; c < SHM_NAME_BYTES; c++)
        atomic_store_explicit(&slot->name[c], name[c], memory_order_relaxed);
    atomic_store_explicit(&slot->tid, id.tid, memory_order_relaxed);
    atomic_store_explicit(&slot->node, numa_here(), memory_order_relaxed);
    atomic_store_explicit(&slot->pid_ns, id.pid_ns, memory_order_relaxed);
    atomic_store_explicit(&slot->start_time, id.start_time, memory_order_relaxed);
    atomic_store_explicit(&slot->since, (uint64_t)time(NULL), memory_order_relaxed);
    atomic_fetch_add_explicit(&slot->generation, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->attempt, 0, memory_order_relaxed);  /* what a former holder tried is not this one's doing */
    atomic_store_explicit(&slot->pid, id.pid, memory_order_release); /* SYNC: slot-holder (release) */
}

void slot_retire(struct segment *s, uint32_t i)
{
    atomic_store_explicit(&slot_at(s, i)->pid, 0, memory_order_release); /* SYNC: slot-holder (release) */
}

void slot_holder(const struct segment *s, uint32_t i, struct proc_id *id)
{
    const struct shm_slot *slot = slot_at(s, i);
    id->pid = atomic_load_explicit(&slot->pid, memory_order_acquire); /* SYNC: slot-holder (acquire) */
    id->tid = atomic_load_explicit(&slot->tid, memory_order_relaxed);
    id->pid_ns = atomic_load_explicit(&slot->pid_ns, memory_order_relaxed);
    id->start_time = atomic_load_explicit(&slot->start_time, memory_order_relaxed);
}

uint32_t slot_state(const struct segment *s, uint32_t i)
{
    struct proc_id id;
    slot_holder(s, i, &id);
    if (!id.pid)
        return LFVEC_SLOT_FREE;
    switch (proc_look(&id)) {
    case PROC_ALIVE:
        return LFVEC_SLOT_ALIVE;
    case PROC_STOPPED:
        return LFVEC_SLOT_STOPPED;
    case PROC_DEAD:
        return LFVEC_SLOT_DEAD;
    default:
        return LFVEC_SLOT_UNKNOWN;
    }
}
