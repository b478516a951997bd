/*
 * join.c - see join.h.
 *
 * A slot is taken at a thread's first mutation and given back by the thread's exit (a thread-specific destructor), by detach or by leave. A
 * mapping goes only when no thread of this process holds a mutex in it: their C library's list of robust mutexes would lead nowhere.
 * A forked child has none of its parent's slots: the parent holds them. It drops them unopened.
 */
#include "join.h"

#include "calm.h"
#include "error.h"
#include "lease.h"
#include "numa.h"
#include "recover.h"
#include "slot.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static int once_error;
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER; /* this process's attachments and their participants */
static struct lfvec **attachments;                           /* by their ids */
static uint32_t attachments_room, lowest_free;               /* no id below that is free */
_Atomic uint32_t join_closings;

/* ---- attachments ----------------------------------------------------------------------------------------------------------------------- */

/* A table with room for one at `id`, what was in it copied; NULL if there is no memory. */
static void *table_for(uint32_t id, const void *old, uint32_t *room)
{
    const uint32_t more = id < 8 ? 16 : id * 2;
    void **table = calloc(more, sizeof *table);
    if (!table)
        return NULL;
    if (old)
        memcpy(table, old, *room * sizeof *table);
    *room = more;
    return table;
}

/* The lowest id that is free: so the tables are no larger than the number of attachments was. */
static int enter_attachment(struct lfvec *v)
{
    uint32_t id = lowest_free;
    while (id < attachments_room && attachments[id])
        id++;
    if (id >= attachments_room) {
        struct lfvec **more = table_for(id, attachments, &attachments_room);
        if (!more)
            return -ENOMEM;
        free(attachments);
        attachments = more;
    }
    v->id = id;
    lowest_free = id + 1;
    attachments[id] = v;
    return 0;
}

static void forget_attachment(struct lfvec *v)
{
    attachments[v->id] = NULL;
    lowest_free = v->id < lowest_free ? v->id : lowest_free;
}

static void free_attachment(struct lfvec *v)
{
    segment_close(&v->seg);
    free(v);
}

static void drop_reference(struct lfvec *v)
{
    if (atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_lock(&registry);
    forget_attachment(v);
    pthread_mutex_unlock(&registry);
    free_attachment(v);
}

/* ---- this thread's participants -------------------------------------------------------------------------------------------------------- */

static struct participant *joined(const struct lfvec *v)
{
    return thread_state.parts_room > v->id ? thread_state.parts[v->id] : NULL;
}

static int make_room(const struct lfvec *v)
{
    struct thread_state *t = &thread_state;
    if (t->parts_room > v->id)
        return 0;
    struct participant **more = table_for(v->id, t->parts, &t->parts_room);
    if (!more)
        return -ENOMEM;
    free(t->parts);
    t->parts = more;
    return 0;
}

static void link_participant(struct participant *p)
{
    pthread_mutex_lock(&registry);
    p->vec_next = p->v->participants;
    p->v->participants = p;
    pthread_mutex_unlock(&registry);
    thread_state.parts[p->v->id] = p;
}

static void unlink_participant(struct participant *p)
{
    pthread_mutex_lock(&registry);
    for (struct participant **at = &p->v->participants; *at; at = &(*at)->vec_next)
        if (*at == p) {
            *at = p->vec_next;
            break;
        }
    pthread_mutex_unlock(&registry);
    thread_state.parts[p->v->id] = NULL;
    if (thread_state.p == p)
        thread_take(NULL);
}

static void put_down(struct participant *p)
{
    struct segment *s = &p->v->seg;
    slab_set_drop(&p->slabs);
    slot_retire(s, p->me);
    p->stuck = slot_unlock(s, p->me) != 0;
}

/*
 * Leaves the slot as a new one is, but for the slabs that still hold elements: the next holder inherits those. What cannot be pushed back
 * for want of space stays leased, for a later holder to try.
 */
static int leave_slot(struct participant *p, struct lfvec_recovery *tally)
{
    const int returned = lease_return(p);
    tally->leases_returned += returned == 1;
    recover_strip(&p->v->seg, p->me, tally);
    put_down(p);
    return returned;
}

static int resume(struct participant *p);

/* In its own thread, at rest. -EBADMSG if the slot could not be given back. */
static int release_participant(struct participant *p)
{
    struct lfvec *v = p->v;
    struct lfvec_recovery nobody_asks = {0};
    struct calm before;
    calm_begin(&before);
    const bool damaged = p->interrupted && resume(p) != 0;
    unlink_participant(p);
    if (damaged)
        put_down(p); /* as it is, for the next holder to find so */
    else
        (void)leave_slot(p, &nobody_asks);
    const int err = p->stuck ? -EBADMSG : 0;
    free(p);
    drop_reference(v);
    calm_end(&before);
    return err;
}

/* Likewise, by a caller that asked for it, and has a reference to v of its own. */
static int give_back(struct lfvec *v)
{
    struct participant *p = joined(v);
    const uint32_t me = p ? p->me : 0;
    const char *name = v->seg.name;
    if (!p || release_participant(p) == 0)
        return 0;
    return error_set(-EBADMSG,
                     "%s: slot %u cannot be given back: its mutex is damaged, or somebody took it by force; when this thread has ended, "
                     "`lfvec-shmctl recover --slot %u %s` frees it",
                     name, me, me, name);
}

/*
 * What this thread finds changed at its next call that is more than one compare-and-swap: a handler has jumped out of an operation of its
 * own; other threads have closed handles in which it has slots.
 */
static void look_around(void)
{
    struct thread_state *t = &thread_state;
    if (thread_is_hidden())
        t->p->interrupted = true;
    const uint32_t closings = atomic_load_explicit(&join_closings, memory_order_acquire); /* SYNC: handle-closed (acquire) */
    if (t->closings == closings)
        return;
    t->closings = closings;
    for (uint32_t id = 0; id < t->parts_room; id++)
        if (t->parts[id] && atomic_load_explicit(&t->parts[id]->v->closed, memory_order_relaxed))
            (void)release_participant(t->parts[id]);
}

static void thread_exit(void *unused)
{
    struct thread_state *t = &thread_state;
    (void)unused;
    look_around();
    for (uint32_t id = 0; id < t->parts_room; id++)
        if (t->parts[id])
            (void)release_participant(t->parts[id]);
    free(t->parts);
    t->parts = NULL;
    t->parts_room = 0;
}

/* A process that exits without detaching: its last thread gives its slots back; those of threads that still run are for recovery. */
__attribute__((destructor)) static void process_exit(void)
{
    thread_exit(NULL);
}

static void before_fork(void)
{
    pthread_mutex_lock(&registry);
}

static void after_fork_parent(void)
{
    pthread_mutex_unlock(&registry);
}

/* The child is a new participant: only its private memory is put right, nothing in the segment is touched. */
static void after_fork_child(void)
{
    thread_take(NULL);
    for (uint32_t id = 0; id < attachments_room; id++) {
        struct lfvec *v = attachments[id];
        while (v && v->participants) {
            struct participant *p = v->participants;
            v->participants = p->vec_next;
            slab_set_drop(&p->slabs);
            free(p);
        }
        if (v)
            atomic_store_explicit(&v->refs, 1, memory_order_relaxed);
        if (v && atomic_load_explicit(&v->closed, memory_order_relaxed)) {
            forget_attachment(v);
            free_attachment(v);
        }
    }
    free(thread_state.parts);
    thread_state.parts = NULL;
    thread_state.parts_room = 0;
    pthread_mutex_unlock(&registry);
}

static void set_up(void)
{
    once_error = pthread_key_create(&exit_key, thread_exit);
    if (!once_error)
        once_error = pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

int join_attachment(struct lfvec *v)
{
    look_around();
    pthread_once(&once, set_up);
    if (once_error)
        return -once_error;
    atomic_store_explicit(&v->refs, 1, memory_order_relaxed);
    pthread_mutex_lock(&registry);
    const int err = enter_attachment(v);
    pthread_mutex_unlock(&registry);
    return err ? error_set(err, "%s: no private memory for an attachment", v->seg.name) : 0;
}

/* Threads that have a slot still give it back at their next call, or at their exit. */
int join_detach(struct lfvec *v)
{
    struct calm before;
    calm_begin(&before);
    look_around();
    atomic_store_explicit(&v->closed, true, memory_order_relaxed);
    const int err = give_back(v);
    if (atomic_load_explicit(&v->refs, memory_order_relaxed) > 1)
        atomic_fetch_add_explicit(&join_closings, 1, memory_order_release); /* SYNC: handle-closed (release) */
    drop_reference(v);
    calm_end(&before);
    return err;
}

int join_leave(struct lfvec *v)
{
    look_around();
    return v->seg.read_only ? -EBADF : give_back(v);
}

/* ---- taking a slot --------------------------------------------------------------------------------------------------------------------- */

/* The spares that the slot's former holders left, to the front of the list. */
static int inherit_spares(struct participant *p)
{
    struct leaf leaf;
    p->spares = 0;
    for (uint32_t k = 0; k < SHM_DESC_LEAVES; k++) {
        const uint64_t ref = atomic_load_explicit(&p->slot->spare_ref[k], memory_order_relaxed);
        if (!ref)
            continue;
        const int err = slab_locate(&p->v->seg, ref, &leaf);
        if (err)
            return err;
        p->spare[p->spares] = ref;
        atomic_store_explicit(&p->slot->spare_ref[p->spares++], ref, memory_order_release); /* twice for a moment: check_spares() knows */
        if (p->spares - 1 != k)
            atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
    }
    return 0;
}

/*
 * The mutex of slot i is in our hand: what its former holders left is ours. Our name goes on it first, so that nobody takes it for a dead
 * one's by force.
 */
static int inherit(struct participant *p, uint32_t i, struct lfvec_recovery *tally)
{
    struct segment *s = &p->v->seg;
    p->me = i;
    p->slot = slot_at(s, i);
    p->cursor = (struct cursor){0};
    slot_announce(s, i);
    int err = recover_slot(s, i, tally);
    err = err ? err : inherit_spares(p);
    err = err ? err : slab_set_load(s, &p->slabs, i);
    if (err) /* damaged, or not to be looked at from here: leave it as it is */
        put_down(p);
    return err;
}

static void count_recovery(struct segment *s, struct lfvec_recovery *tally)
{
    tally->slots_recovered++;
    atomic_fetch_add_explicit(&s->control->recoveries, 1, memory_order_relaxed);
}

/* A leased element that finds no room now is owed: the slot is good all the same, and the element goes back when there is room. */
static int inherit_lease(struct participant *p)
{
    const int returned = lease_return(p);
    p->owes = returned == -ENOSPC || returned == -EOVERFLOW;
    return returned < 0 && !p->owes ? returned : 0;
}

/* Somebody holds slot i, but only to recover it: it will be free at once. */
static bool in_passing(const struct segment *s, uint32_t i)
{
    const uint32_t state = slot_state(s, i);
    return state == LFVEC_SLOT_FREE || state == LFVEC_SLOT_DEAD;
}

enum { TAKE_TRIES = 100, AGAIN = 1 };

/* One pass over the slots, all or those at home on a node. 0, AGAIN if one of them was held only in passing, or an error. */
enum { ANY_HOME = -1 };

static int take_any(struct participant *p, int32_t home, struct lfvec_recovery *tally)
{
    struct segment *s = &p->v->seg;
    int result = -EUSERS;
    for (uint32_t i = 1; i <= s->l.max_slots; i++) {
        if (home != ANY_HOME && slot_home(s, i) != home)
            continue;
        const int got = slot_trylock(s, i);
        if (got == -EBUSY && result != AGAIN && in_passing(s, i))
            result = AGAIN;
        if (got == -EBADMSG && result == -EUSERS)
            result = got;
        if (got != 0 && got != -EOWNERDEAD)
            continue;
        int err = inherit(p, i, tally);
        if (!err && (err = inherit_lease(p)) != 0)
            (void)leave_slot(p, tally);
        if (!err && got)
            count_recovery(s, tally);
        if (!err)
            return 0;
        result = result == AGAIN ? AGAIN : err;
    }
    return result;
}

static int take_slot(struct participant *p)
{
    struct lfvec_recovery tally = {0};
    int result = AGAIN;
    if (p->v->seg.nodes && take_any(p, numa_near(), &tally) == 0)
        return 0;
    for (uint32_t tries = 0; tries < TAKE_TRIES && result == AGAIN; tries++) {
        if (tries)
            sched_yield();
        result = take_any(p, ANY_HOME, &tally);
    }
    return result == AGAIN ? -EUSERS : result;
}

static int make_participant(struct lfvec *v, struct participant **made)
{
    struct participant *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->v = v;
    p->words = v->seg.l.elem_size == 8 ? v : &thread_no_handle;
    p->pairs = v->seg.l.elem_size % 16 == 0 ? v : &thread_no_handle;
    int err = make_room(v);
    err = err ? err : -pthread_setspecific(exit_key, &thread_state);
    err = err ? err : take_slot(p);
    if (err) {
        free(p);
        return err;
    }
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    link_participant(p);
    *made = p;
    return 0;
}

/*
 * A signal handler has jumped out of an operation of this thread, and it may have been anywhere in it. The slot knows as much as if we had
 * been killed there, so we are our own heir.
 */
static int resume(struct participant *p)
{
    struct lfvec_recovery nobody_asks = {0};
    struct segment *s = &p->v->seg;
    int err = recover_slot(s, p->me, &nobody_asks);
    err = err ? err : inherit_spares(p);
    err = err ? err : slab_set_load(s, &p->slabs, p->me);
    if (err)
        return err;
    p->intent = false;
    p->leased = !p->owes && atomic_load_explicit(&p->slot->lease, memory_order_relaxed);
    p->owes = p->owes && atomic_load_explicit(&p->slot->lease, memory_order_relaxed);
    p->cursor = (struct cursor){0};
    if (thread_state.p == p) {
        thread_state.last_version = thread_last_version();
        thread_state.cursor = p->cursor;
    }
    p->interrupted = false;
    return 0;
}

static int join_calmly(struct lfvec *v, struct participant **p)
{
    struct calm before;
    calm_begin(&before);
    const int err = *p ? resume(*p) : make_participant(v, p);
    calm_end(&before);
    return err;
}

int join_find(struct lfvec *v, struct participant **found)
{
    const int saved = errno;
    if (v->seg.read_only)
        return -EBADF;
    look_around();
    struct participant *p = joined(v);
    const int err = p && !p->interrupted ? 0 : join_calmly(v, &p);
    errno = saved;
    if (err)
        return err;
    thread_take(p);
    thread_hide();
    *found = p;
    return 0;
}

bool join_switch(struct lfvec *v)
{
    struct participant *p = v ? joined(v) : NULL;
    if (!p || p->interrupted || thread_is_hidden())
        return false;
    thread_take(p);
    return true;
}

struct participant *join_if_any(const struct lfvec *v)
{
    return joined(v);
}

/* ---- recovery -------------------------------------------------------------------------------------------------------------------------- */

/* Nobody holds it, and nobody left anything in it. Slots that are so need not be locked: nobody is to find them locked in passing. */
static bool at_rest(const struct segment *s, uint32_t i)
{
    const struct shm_slot *slot = slot_at(s, i);
    bool rest = atomic_load_explicit(&slot->pid, memory_order_acquire) == 0 && /* SYNC: slot-holder (acquire) */
                atomic_load_explicit(&slot->intent, memory_order_relaxed) == 0 &&
                atomic_load_explicit(&slot->lease, memory_order_relaxed) == 0 &&
                atomic_load_explicit(&slot->lease_ref, memory_order_relaxed) == 0;
    for (uint32_t k = 0; k < SHM_DESC_LEAVES && rest; k++)
        rest = atomic_load_explicit(&slot->spare_ref[k], memory_order_relaxed) == 0;
    return rest;
}

/* The mutex of slot i is in our hand: take it over as a new holder would, and leave it at once. */
static int pass_through(struct lfvec *v, uint32_t i, bool died, struct lfvec_recovery *tally)
{
    struct segment *s = &v->seg;
    struct participant p = {.v = v};
    died |= atomic_load_explicit(&slot_at(s, i)->pid, memory_order_relaxed) != 0; /* recovered by an allocation in need, and not retired */
    const int err = inherit(&p, i, tally);
    if (err)
        return err;
    if (died)
        count_recovery(s, tally);
    const int returned = leave_slot(&p, tally);
    return returned < 0 ? returned : 0;
}

static void count_held(const struct segment *s, uint32_t i, struct lfvec_recovery *tally)
{
    const uint32_t state = slot_state(s, i);
    if (state == LFVEC_SLOT_DEAD || state == LFVEC_SLOT_UNKNOWN) /* dead, and yet locked: the kernel has lost the lock's trace */
        tally->slots_unknown++;
    else
        tally->slots_alive++;
}

int join_recover_slot(struct lfvec *v, uint32_t i, struct lfvec_recovery *tally)
{
    struct segment *s = &v->seg;
    if (!slot_exists(s, i))
        return -ERANGE;
    if (at_rest(s, i))
        return 0;
    const int got = slot_trylock(s, i);
    if (got == 0 || got == -EOWNERDEAD)
        return pass_through(v, i, got != 0, tally);
    if (got == -EBADMSG)
        return got;
    count_held(s, i, tally);
    return 0;
}

int join_recover(struct lfvec *v, struct lfvec_recovery *tally)
{
    int first_err = 0;
    for (uint32_t i = 1; i <= v->seg.l.max_slots; i++) {
        const int err = join_recover_slot(v, i, tally);
        first_err = first_err ? first_err : err;
    }
    return first_err;
}

/* No thread of this number, as far as can be seen from here; and it has not given the mutex back while we looked. */
static bool holder_is_gone(struct segment *s, uint32_t i, int32_t tid)
{
    if (kill(tid, 0) == 0 || errno != ESRCH)
        return false;
    for (uint32_t tries = 0; tries < TAKE_TRIES && slot_locker(s, i) == tid; tries++)
        sched_yield();
    return slot_locker(s, i) == tid;
}

/*
 * The mutex of a slot that says DEAD, UNKNOWN or FREE, and cannot be had. A damaged one is made anew. A locked one is taken from whom the
 * slot names, or from a thread that does not exist (a damaged word; a death whose trace the kernel has lost): not from one who has it in
 * passing, to recover the slot.
 */
static int take_by_force(struct segment *s, uint32_t i, uint32_t state, int got)
{
    struct proc_id id;
    const int32_t tid = slot_locker(s, i);
    slot_holder(s, i, &id);
    if (got == -EBADMSG) {
        got = slot_reset_mutex(s, i);
    } else {
        const bool named = state != LFVEC_SLOT_FREE && tid == id.tid;
        if (!named && (state == LFVEC_SLOT_UNKNOWN || !holder_is_gone(s, i, tid)))
            return -EBUSY;
        got = slot_abandon(s, i, tid) ? 0 : -EBUSY;
    }
    return got ? got : slot_trylock(s, i);
}

int join_recover_forced(struct lfvec *v, uint32_t i, struct lfvec_recovery *tally)
{
    struct segment *s = &v->seg;
    const struct participant *own = joined(v);
    if (!slot_exists(s, i))
        return -ERANGE;
    if (own && own->me == i)
        return -EBUSY;
    int got = slot_trylock(s, i);
    if (got != 0 && got != -EOWNERDEAD) {
        const uint32_t state = slot_state(s, i);
        if (state != LFVEC_SLOT_DEAD && state != LFVEC_SLOT_UNKNOWN && state != LFVEC_SLOT_FREE)
            return -EBUSY;
        got = take_by_force(s, i, state, got);
    }
    return got == 0 || got == -EOWNERDEAD ? pass_through(v, i, got != 0, tally) : got;
}
