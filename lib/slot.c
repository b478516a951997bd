/* slot.c - see slot.h. */
#include "slot.h"

#include "lfvec.h"
#include "numa.h"

#include <errno.h>
#include <time.h>

int slot_take(struct segment *s, uint32_t i, struct life *life)
{
    return life_take(life, slot_mark_at(s, i), s->fd, slot_mark_off(s, i));
}

void slot_give_back(struct segment *s, uint32_t i, struct life *life)
{
    life_leave(life, slot_mark_at(s, i));
}

/* ---- the holder ------------------------------------------------------------------------------ */

/*
 * Taking the mark invalidated the former holder's record, because the same step increased the
 * count. If this thread stops anywhere in here, it holds the mark and has not announced itself: the
 * slot counts as alive or unknown, and is never mistaken for the former holder's. The fence: a
 * reader that sees one of our words sees the new count after that.
 */
void slot_announce(struct segment *s, uint32_t i, bool passing)
{
    struct shm_slot *slot = slot_at(s, i);
    struct proc_id id;
    char name[SHM_NAME_BYTES] = "";
    proc_self(&id);
    proc_name(name, sizeof name);
    atomic_store_explicit(&slot->pid, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* SYNC: slot-taking (release) */
    for (uint32_t c = 0; c < SHM_NAME_BYTES; c++)
        atomic_store_explicit(&slot->name[c], name[c], memory_order_relaxed);
    atomic_store_explicit(&slot->tid, id.tid, memory_order_relaxed);
    atomic_store_explicit(&slot->node, numa_here(), memory_order_relaxed);
    atomic_store_explicit(&slot->pid_ns, id.pid_ns, memory_order_relaxed);
    atomic_store_explicit(&slot->time_ns, id.time_ns, memory_order_relaxed);
    atomic_store_explicit(&slot->alive_at, id.alive_at, memory_order_relaxed);
    atomic_store_explicit(&slot->stack, id.stack, memory_order_relaxed);
    atomic_store_explicit(&slot->passing, passing, memory_order_relaxed);
    atomic_store_explicit(&slot->since, (uint64_t)time(NULL), memory_order_relaxed);
    /* The attempt on record is a former holder's. */
    atomic_store_explicit(&slot->attempt, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->taking, slot_mark(s, i).taking, memory_order_release); /* SYNC: slot-holder (release) */
    atomic_store_explicit(&slot->pid, id.pid, memory_order_release);                    /* SYNC: slot-holder (release) */
}

void slot_moved(struct segment *s, uint32_t i)
{
    const int32_t here = numa_here();
    if (atomic_load_explicit(&slot_at(s, i)->node, memory_order_relaxed) != here)
        atomic_store_explicit(&slot_at(s, i)->node, here, memory_order_relaxed);
}

void slot_leaving(struct segment *s, uint32_t i)
{
    atomic_store_explicit(&slot_at(s, i)->passing, 1, memory_order_relaxed);
}

void slot_retire(struct segment *s, uint32_t i)
{
    atomic_store_explicit(&slot_at(s, i)->pid, 0, memory_order_release); /* SYNC: slot-holder (release) */
}

/* ---- the state of the holder ----------------------------------------------------------------- */

static void read_id(const struct shm_slot *slot, struct proc_id *id)
{
    id->tid = atomic_load_explicit(&slot->tid, memory_order_relaxed);
    id->pid_ns = atomic_load_explicit(&slot->pid_ns, memory_order_relaxed);
    id->time_ns = atomic_load_explicit(&slot->time_ns, memory_order_relaxed);
    id->alive_at = atomic_load_explicit(&slot->alive_at, memory_order_relaxed);
    id->stack = atomic_load_explicit(&slot->stack, memory_order_relaxed);
}

bool slot_is_empty(const struct segment *s, uint32_t i)
{
    const struct shm_slot *slot = slot_at(s, i);
    bool empty = atomic_load_explicit(&slot->intent, memory_order_relaxed) == 0 &&
                 atomic_load_explicit(&slot->lease, memory_order_relaxed) == 0;
    for (uint32_t k = 0; k < SHM_DESC_LEAVES && empty; k++)
        empty = atomic_load_explicit(&slot->spare_ref[k], memory_order_relaxed) == 0;
    return empty;
}

/*
 * Reads `taking` before the rest, so the rest is at least as new. Reads the count in the mark after
 * the rest: if any of it were newer, the count would have increased before. So if the two are
 * equal, all of it is from that taking.
 */
void slot_look(const struct segment *s, uint32_t i, struct slot_look *look)
{
    /*
     * If the slot was taken meanwhile, look again. After so many takings, none of the
     * holders is the one in question.
     */
    enum { TRIES = 8 };
    const struct shm_slot *slot = slot_at(s, i);
    uint32_t taking = 0;
    uint64_t before = 0;
    for (uint32_t n = 0; n < TRIES && (!n || look->mark.raw != before); n++) {
        before = slot_mark(s, i).raw;
        taking = atomic_load_explicit(&slot->taking, memory_order_acquire);    /* SYNC: slot-holder (acquire) */
        look->id.pid = atomic_load_explicit(&slot->pid, memory_order_acquire); /* SYNC: slot-holder (acquire) */
        look->passing = atomic_load_explicit(&slot->passing, memory_order_relaxed);
        read_id(slot, &look->id);
        atomic_thread_fence(memory_order_acquire); /* SYNC: slot-taking (acquire) */
        look->mark = slot_mark(s, i);
    }
    const int32_t holder = look->mark.holder;
    look->named = look->id.pid && look->mark.raw == before && (!holder || (taking == look->mark.taking && look->id.tid == holder));
    look->bare = !look->id.pid && slot_is_empty(s, i);
    look->passing = holder && (look->passing || !look->named);
}

static uint32_t state_of(enum proc_state state)
{
    switch (state) {
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

bool slot_state_lives(uint32_t state)
{
    return state == LFVEC_SLOT_ALIVE || state == LFVEC_SLOT_STOPPED;
}

/*
 * A thread that holds the mark and has not announced itself is known by its number only, without a
 * pid namespace. But if the record names a live thread, the count in the mark is damaged.
 */
static uint32_t judge_unnamed(const struct slot_look *look)
{
    uint32_t state = look->id.pid ? state_of(proc_look(&look->id)) : LFVEC_SLOT_UNKNOWN;
    if (!slot_state_lives(state))
        state = state_of(proc_look_here(look->mark.holder));
    return state == LFVEC_SLOT_DEAD ? LFVEC_SLOT_UNKNOWN : state;
}

uint32_t slot_judge(const struct slot_look *look)
{
    /* The kernel's mark holds across pid namespaces, and for a thread that has called exec(). */
    if (look->mark.orphaned && !look->bare)
        return LFVEC_SLOT_DEAD;
    if (!look->named && !look->mark.holder)
        return LFVEC_SLOT_FREE;
    return look->named ? state_of(proc_look(&look->id)) : judge_unnamed(look);
}

uint32_t slot_state(const struct segment *s, uint32_t i)
{
    struct slot_look look;
    slot_look(s, i, &look);
    return slot_judge(&look);
}

int slot_take_from(struct segment *s, uint32_t i, const struct slot_look *look, struct life *life)
{
    return life_abandon(slot_mark_at(s, i), &look->mark) ? slot_take(s, i, life) : -EBUSY;
}
