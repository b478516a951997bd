/* slot.c - see slot.h. */
#include "slot.h"

#include "lfvec.h"
#include "mutex.h"
#include "numa.h"

#include <errno.h>
#include <string.h>
#include <time.h>

bool slot_lockable(const struct segment *s, uint32_t i)
{
    return mutex_is_ours(&slot_at(s, i)->life);
}

int slot_trylock(struct segment *s, uint32_t i)
{
    const int got = mutex_trylock(&slot_at(s, i)->life);
    if ((got == 0 || got == -EOWNERDEAD) && atomic_load_explicit(&slot_at(s, i)->stuck, memory_order_relaxed))
        atomic_store_explicit(&slot_at(s, i)->stuck, 0, memory_order_relaxed);
    return got;
}

/* One that is ours, and cannot be given back, is to be seen by all: our name goes on it again, and what it is. */
int slot_unlock(struct segment *s, uint32_t i)
{
    const int err = mutex_unlock(&slot_at(s, i)->life);
    if (!err)
        return 0;
    atomic_store_explicit(&s->stuck, true, memory_order_relaxed); /* read when the last reference to the attachment is dropped */
    if (err == -EBADMSG) {
        slot_announce(s, i);
        atomic_store_explicit(&slot_at(s, i)->stuck, 1, memory_order_relaxed);
    }
    return -EBADMSG;
}

int slot_reset_mutex(struct segment *s, uint32_t i)
{
    return mutex_make(&slot_at(s, i)->life);
}

int32_t slot_locker(const struct segment *s, uint32_t i)
{
    return mutex_holder(&slot_at(s, i)->life);
}

bool slot_abandon(struct segment *s, uint32_t i, int32_t tid)
{
    return mutex_abandon(&slot_at(s, i)->life, tid);
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

void slot_moved(struct segment *s, uint32_t i)
{
    const int32_t here = numa_here();
    if (atomic_load_explicit(&slot_at(s, i)->node, memory_order_relaxed) != here)
        atomic_store_explicit(&slot_at(s, i)->node, here, memory_order_relaxed);
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
    const bool stuck = atomic_load_explicit(&slot_at(s, i)->stuck, memory_order_relaxed);
    if (mutex_orphaned(&slot_at(s, i)->life)) /* says so in whatever pid namespace it was, and of a thread that went on by exec() */
        return LFVEC_SLOT_DEAD;
    switch (proc_look(&id)) {
    case PROC_ALIVE:
        return stuck ? LFVEC_SLOT_STUCK : LFVEC_SLOT_ALIVE;
    case PROC_STOPPED:
        return stuck ? LFVEC_SLOT_STUCK : LFVEC_SLOT_STOPPED;
    case PROC_DEAD:
        return LFVEC_SLOT_DEAD;
    default:
        return LFVEC_SLOT_UNKNOWN;
    }
}
