/*
 * join.c - see join.h.
 *
 * A thread takes a slot at its first mutation. The thread's exit (a thread-specific destructor),
 * detach or leave gives it back. A forked child has none of its parent's slots, because the parent
 * holds them. It drops its copies without touching the segment.
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
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static int once_error;
/* Protects this process's attachments and their participants. */
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static struct lfvec **attachments;             /* by id */
static uint32_t attachments_room, lowest_free; /* no id below this is free */
_Atomic uint32_t join_closings;

/*
 * A thread's participants, by the ids of their attachments; NULL where it has none. A forked child
 * frees the tables of its parent's threads.
 */
struct part_table {
    LIST_ENTRY(part_table) others;
    uint32_t room;
    struct participant *part[];
};
/* Of this process's threads; protected by `registry`. */
static LIST_HEAD(part_tables, part_table) tables;

/* ---- attachments ----------------------------------------------------------------------------- */

static uint32_t room_for(uint32_t id)
{
    return id < 8 ? 16 : id * 2;
}

/*
 * Assigns the lowest free id, so the tables are no larger than the number of attachments ever was.
 */
static int enter_attachment(struct lfvec *v)
{
    uint32_t id = lowest_free;
    while (id < attachments_room && attachments[id])
        id++;
    if (id >= attachments_room) {
        const uint32_t room = room_for(id);
        struct lfvec **more = realloc(attachments, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        memset(more + attachments_room, 0, (room - attachments_room) * sizeof(*more));
        attachments = more;
        attachments_room = room;
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

/* ---- this thread's participants -------------------------------------------------------------- */

static struct participant *joined(const struct lfvec *v)
{
    const struct part_table *t = thread_state.parts;
    return t && t->room > v->id ? t->part[v->id] : NULL;
}

static int make_room(const struct lfvec *v)
{
    struct part_table *old = thread_state.parts;
    const uint32_t had = old ? old->room : 0, room = room_for(v->id);
    if (had > v->id)
        return 0;
    pthread_mutex_lock(&registry);
    if (old)
        LIST_REMOVE(old, others);
    struct part_table *more = realloc(old, sizeof(*more) + room * sizeof(struct participant *));
    if (more) {
        memset(more->part + had, 0, (room - had) * sizeof(struct participant *));
        more->room = room;
        thread_state.parts = more;
    }
    if (thread_state.parts)
        LIST_INSERT_HEAD(&tables, thread_state.parts, others);
    pthread_mutex_unlock(&registry);
    return more ? 0 : -ENOMEM;
}

static void free_parts(void)
{
    if (!thread_state.parts)
        return;
    pthread_mutex_lock(&registry);
    LIST_REMOVE(thread_state.parts, others);
    pthread_mutex_unlock(&registry);
    free(thread_state.parts);
    thread_state.parts = NULL;
}

static void link_participant(struct participant *p)
{
    pthread_mutex_lock(&registry);
    p->vec_next = p->v->participants;
    p->v->participants = p;
    pthread_mutex_unlock(&registry);
    thread_state.parts->part[p->v->id] = p;
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
    thread_state.parts->part[p->v->id] = NULL;
    if (thread_state.p == p)
        thread_take(NULL);
}

static void put_down(struct participant *p)
{
    struct segment *s = &p->v->seg;
    slab_set_drop(&p->slabs);
    slot_retire(s, p->me);
    slot_give_back(s, p->me, &p->life);
}

/*
 * Leaves the slot as a new one, except for slabs that still hold elements: the next holder
 * inherits those. A leased element that cannot be pushed back for lack of space stays leased,
 * and a later holder tries again.
 */
static int leave_slot(struct participant *p, struct lfvec_recovery *tally)
{
    slot_leaving(&p->v->seg, p->me);
    const int returned = lease_return(p);
    tally->leases_returned += returned == 1;
    recover_strip(&p->v->seg, p->me, tally);
    put_down(p);
    return returned;
}

static int resume(struct participant *p);

/* Called by the participant's own thread, outside any operation. */
static void release_participant(struct participant *p)
{
    struct lfvec *v = p->v;
    struct lfvec_recovery nobody_asks = {0};
    struct calm before;
    calm_begin(&before);
    const bool damaged = p->interrupted && resume(p) != 0;
    unlink_participant(p);
    if (damaged)
        put_down(p); /* as it is, so that the next holder finds the damage */
    else
        (void)leave_slot(p, &nobody_asks);
    free(p);
    drop_reference(v);
    calm_end(&before);
}

/*
 * At its next call that is more than one compare-and-swap, a thread notices two events:
 * a signal handler jumped out of one of its operations, or another thread closed a
 * handle in which it has a slot.
 */
static void look_around(void)
{
    const struct part_table *t = thread_state.parts;
    if (thread_is_hidden())
        thread_state.p->interrupted = true;
    const uint32_t closings = atomic_load_explicit(&join_closings, memory_order_acquire); /* SYNC: handle-closed (acquire) */
    if (thread_state.closings == closings)
        return;
    thread_state.closings = closings;
    for (uint32_t id = 0; t && id < t->room; id++)
        if (t->part[id] && atomic_load_explicit(&t->part[id]->v->closed, memory_order_relaxed))
            release_participant(t->part[id]);
}

static void thread_exit(void *unused)
{
    const struct part_table *t = thread_state.parts;
    (void)unused;
    look_around();
    for (uint32_t id = 0; t && id < t->room; id++)
        if (t->part[id])
            release_participant(t->part[id]);
    free_parts();
}

/*
 * If a process exits without detaching, its last thread gives its slots back. Recovery handles
 * those of threads still running.
 */
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

/* The child is a new participant. Repairs its private memory and touches nothing in the segment. */
static void after_fork_child(void)
{
    thread_take(NULL);
    for (uint32_t id = 0; id < attachments_room; id++) {
        struct lfvec *v = attachments[id];
        while (v && v->participants) {
            struct participant *p = v->participants;
            v->participants = p->vec_next;
            slab_set_drop(&p->slabs);
            life_forget(&p->life);
            free(p);
        }
        if (v)
            atomic_store_explicit(&v->refs, 1, memory_order_relaxed);
        if (v && atomic_load_explicit(&v->closed, memory_order_relaxed)) {
            forget_attachment(v);
            free_attachment(v);
        }
    }
    while (!LIST_EMPTY(&tables)) {
        struct part_table *t = LIST_FIRST(&tables);
        LIST_REMOVE(t, others);
        free(t);
    }
    thread_state.parts = NULL;
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

/* Other threads that still have a slot give it back at their next call or at their exit. */
int join_detach(struct lfvec *v)
{
    struct calm before;
    calm_begin(&before);
    look_around();
    atomic_store_explicit(&v->closed, true, memory_order_relaxed);
    if (joined(v))
        release_participant(joined(v));
    if (atomic_load_explicit(&v->refs, memory_order_relaxed) > 1)
        atomic_fetch_add_explicit(&join_closings, 1, memory_order_release); /* SYNC: handle-closed (release) */
    drop_reference(v);
    calm_end(&before);
    return 0;
}

int join_leave(struct lfvec *v)
{
    look_around();
    if (v->seg.read_only)
        return -EBADF;
    if (joined(v))
        release_participant(joined(v));
    return 0;
}

/* ---- taking a slot --------------------------------------------------------------------------- */

/* Moves the spares that former holders of the slot left to the front of the list. */
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
        /* The leaf in reserve was used to return a leased element. It is never kept as a spare. */
        if (slab_is_reserve(&p->v->seg, ref)) {
            slab_free(&p->v->seg, ref);
            atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
            continue;
        }
        p->spare[p->spares] = ref;
        /* For a moment it is recorded twice, which check_spares() handles. */
        atomic_store_explicit(&p->slot->spare_ref[p->spares++], ref, memory_order_release);
        if (p->spares - 1 != k)
            atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
    }
    return 0;
}

/*
 * We hold the life mark of slot i and inherit what its former holders left. Announces us first, so
 * that from now on others can see whether we live.
 */
static int inherit(struct participant *p, uint32_t i, bool passing, struct lfvec_recovery *tally)
{
    struct segment *s = &p->v->seg;
    p->me = i;
    p->slot = slot_at(s, i);
    p->cursor = (struct cursor){0};
    slot_announce(s, i, passing);
    int err = recover_slot(s, i, tally);
    err = err ? err : inherit_spares(p);
    err = err ? err : slab_set_load(s, &p->slabs, i);
    /* Damaged, or outside our mapping: leave it as it is. */
    if (err)
        put_down(p);
    return err;
}

static void count_recovery(struct segment *s, struct lfvec_recovery *tally)
{
    tally->slots_recovered++;
    atomic_fetch_add_explicit(&s->control->recoveries, 1, memory_order_relaxed);
}

/*
 * If there is no room for a leased element, the participant owes it. The slot is usable all the
 * same, and the element goes back when there is room.
 */
static int inherit_lease(struct participant *p)
{
    const int returned = lease_return(p);
    p->owes = returned == -ENOSPC || returned == -EOVERFLOW;
    return returned < 0 && !p->owes ? returned : 0;
}

/*
 * We hold the life mark of slot i, taken from a dead holder if `orphaned`. True if a
 * participant died in it; a holder that died while passing through does not count. An
 * allocation short of memory may have recovered the slot and given it back since: then the
 * participant is still recorded.
 */
static bool died_in(const struct segment *s, uint32_t i, bool orphaned)
{
    return atomic_load_explicit(&slot_at(s, i)->pid, memory_order_relaxed) != 0 || (orphaned && !slot_is_empty(s, i));
}

/* We hold the life mark of slot i. Keeps the slot. */
static int settle_in(struct participant *p, uint32_t i, bool orphaned, struct lfvec_recovery *tally)
{
    struct segment *s = &p->v->seg;
    const bool died = died_in(s, i, orphaned);
    int err = inherit(p, i, false, tally);
    if (!err && (err = inherit_lease(p)) != 0)
        (void)leave_slot(p, tally);
    if (!err && died)
        count_recovery(s, tally);
    return err;
}

/*
 * What one pass over the slots found. Each taking of a slot increments its count. So if
 * all slots were held in two passes and the sums are equal, the same threads held all of
 * them at the moment in between.
 */
struct sweep {
    /* The first error of a slot that could not be taken for another reason than that it is held. */
    int err;
    uint32_t takings; /* sum of the counts of those held */
    /* One is held only in passing: it will be free as soon as its holder gets to run. */
    bool passing;
    uint64_t passers; /* a sum that identifies those: their slots and counts */
};

/* Handles the result of trying to take slot i. */
static bool took(struct participant *p, uint32_t i, int got, struct sweep *w)
{
    struct lfvec_recovery tally = {0};
    int err = got;
    if (got == 0 || got == -EOWNERDEAD)
        err = settle_in(p, i, got != 0, &tally);
    if (err == -EBUSY)
        w->passing = true; /* another thread took it just now */
    else if (err && !w->err)
        w->err = err;
    return !err;
}

/*
 * Takes a slot that is free or whose holder died, judging by the life marks only: of all slots,
 * or of those at home on one node.
 */
enum { ANY_HOME = -1 };

static bool take_free(struct participant *p, int32_t home, struct sweep *w)
{
    struct segment *s = &p->v->seg;
    for (uint32_t i = 1; i <= s->l.max_slots; i++) {
        const struct life_mark seen = slot_mark(s, i);
        w->takings += seen.holder ? seen.taking : 0;
        if (!seen.holder && (home == ANY_HOME || slot_home(s, i) == home) && took(p, i, slot_take(s, i, &p->life), w))
            return true;
    }
    return false;
}

/*
 * Called when no slot was free. If `ask`, asks the kernel about each holder and takes a slot whose
 * holder died without being marked. Also finds out whether a slot will be free at once.
 */
static bool take_dead(struct participant *p, bool ask, struct sweep *w)
{
    struct segment *s = &p->v->seg;
    for (uint32_t i = 1; i <= s->l.max_slots; i++) {
        struct slot_look look;
        slot_look(s, i, &look);
        const uint32_t state = ask && look.mark.holder ? slot_judge(&look) : LFVEC_SLOT_ALIVE;
        w->takings += look.mark.holder ? look.mark.taking : 0;
        if (look.passing && state != LFVEC_SLOT_STOPPED) {
            w->passing = true;
            w->passers += look.mark.raw * (2 * (uint64_t)i + 1);
        }
        if (!look.mark.holder && took(p, i, slot_take(s, i, &p->life), w))
            return true;
        if (state == LFVEC_SLOT_DEAD && took(p, i, slot_take_from(s, i, &look, &p->life), w))
            return true;
    }
    return false;
}

/*
 * A slot held in passing is worth waiting for, because its holder may have lost the processor:
 * first by yielding, then by naps that grow. A holder that is stopped for longer keeps the slot and
 * is not waited for again; a damaged slot may look the same permanently. The naps use the bare
 * system call, which is not a cancellation point.
 */
/* In ns; a quarter of a second in all. */
enum { TURNS = 64, NAP_FIRST = 20000, NAP_MOST = 8000000, ROUNDS_MOST = 100 };
/* If slots are damaged: each round tries to take all of them, and fails. */
enum { ROUNDS_DAMAGED = 4 };

static void await_turn(uint32_t round)
{
    if (round < TURNS) {
        sched_yield();
        return;
    }
    const uint32_t doublings = round - TURNS < 9 ? round - TURNS : 9;
    const long ns = (long)NAP_FIRST << doublings;
    const struct timespec nap = {.tv_nsec = ns < NAP_MOST ? ns : NAP_MOST};
    (void)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &nap, NULL);
}

static int take_slot(struct participant *p)
{
    struct sweep first = {0}, then = {0};
    if (p->v->seg.nodes && take_free(p, numa_near(), &first))
        return 0;
    for (uint32_t round = 0; round < ROUNDS_MOST; round++) {
        first = then = (struct sweep){0};
        if (round)
            await_turn(round - 1);
        /* Asks the kernel in rounds 0, 1, 2, 4, 8, ... */
        if (take_free(p, ANY_HOME, &first) || take_dead(p, (round & (round - 1)) == 0, &then))
            return 0;
        if (!first.passing && !then.passing && first.takings == then.takings)
            break;
        if (round >= ROUNDS_DAMAGED && (first.err || then.err))
            break;
        if (then.passing && then.passers == atomic_load_explicit(&p->v->waited, memory_order_relaxed))
            break;
    }
    atomic_store_explicit(&p->v->waited, then.passers, memory_order_relaxed);
    return first.err ? first.err : then.err ? then.err : -EUSERS;
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
    const bool begun = slab_sweep_begin(&v->seg);
    err = err ? err : take_slot(p);
    slab_sweep_end(begun);
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
 * A signal handler jumped out of an operation of this thread, at any point. The slot is in the same
 * state as if we had been killed there, so we recover it and inherit from ourselves.
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

/* ---- recovery -------------------------------------------------------------------------------- */

/*
 * p holds the life mark of slot i. Takes the slot over as a new
 * holder would, and leaves it at once.
 */
static int pass_through(struct participant *p, uint32_t i, bool orphaned, struct lfvec_recovery *tally)
{
    struct segment *s = &p->v->seg;
    const bool died = died_in(s, i, orphaned);
    const int err = inherit(p, i, true, tally);
    if (err)
        return err;
    if (died)
        count_recovery(s, tally);
    const int returned = leave_slot(p, tally);
    return returned < 0 ? returned : 0;
}

static void count_held(uint32_t state, struct lfvec_recovery *tally)
{
    /* Dead but held: another thread took it meanwhile. */
    if (state == LFVEC_SLOT_DEAD || state == LFVEC_SLOT_UNKNOWN)
        tally->slots_unknown++;
    else
        tally->slots_alive++;
}

int join_recover_slot(struct lfvec *v, uint32_t i, struct lfvec_recovery *tally)
{
    struct segment *s = &v->seg;
    struct slot_look look = {.named = false};
    if (!slot_exists(s, i))
        return -ERANGE;
    if (recover_at_rest(s, i))
        return 0;
    struct participant passing = {.v = v};
    int got = slot_take(s, i, &passing.life);
    if (got == -EBUSY)
        slot_look(s, i, &look);
    /* It had a holder just now. */
    const uint32_t state = look.mark.holder ? slot_judge(&look) : LFVEC_SLOT_ALIVE;
    if (look.mark.holder && state == LFVEC_SLOT_DEAD)
        got = slot_take_from(s, i, &look, &passing.life);
    if (got == 0 || got == -EOWNERDEAD)
        return pass_through(&passing, i, got != 0, tally);
    if (got != -EBUSY)
        return got;
    count_held(state, tally);
    return 0;
}

int join_recover(struct lfvec *v, struct lfvec_recovery *tally)
{
    int first_err = 0;
    struct calm before;
    calm_begin(&before);
    const bool begun = slab_sweep_begin(&v->seg);
    for (uint32_t i = 1; i <= v->seg.l.max_slots; i++) {
        const int err = join_recover_slot(v, i, tally);
        first_err = first_err ? first_err : err;
    }
    slab_sweep_end(begun);
    calm_end(&before);
    return first_err;
}

/*
 * A thread that holds the mark without having announced itself may be about to do so, in a pid
 * namespace that is not visible here. If it still has not after this long, it is stopped or gone,
 * and the person who requested force decides.
 */
static bool keeps_it(const struct segment *s, uint32_t i, const struct slot_look *look)
{
    struct slot_look now = *look;
    for (uint32_t round = 0; round < ROUNDS_MOST && now.mark.raw == look->mark.raw && !now.named; round++) {
        await_turn(round);
        slot_look(s, i, &now);
    }
    return now.mark.raw == look->mark.raw && !now.named;
}

/* Takes a slot by force, from exactly the holder that was judged. */
static int take_by_force(struct segment *s, uint32_t i, struct life *life)
{
    struct slot_look look;
    slot_look(s, i, &look);
    if (slot_state_lives(slot_judge(&look)) || !look.mark.holder || (!look.named && !keeps_it(s, i, &look)))
        return -EBUSY;
    return slot_take_from(s, i, &look, life);
}

int join_recover_forced(struct lfvec *v, uint32_t i, struct lfvec_recovery *tally)
{
    struct segment *s = &v->seg;
    const struct participant *own = joined(v);
    struct participant passing = {.v = v};
    if (!slot_exists(s, i))
        return -ERANGE;
    if (own && own->me == i)
        return -EBUSY;
    int got = slot_take(s, i, &passing.life);
    if (got == -EBUSY)
        got = take_by_force(s, i, &passing.life);
    return got == 0 || got == -EOWNERDEAD ? pass_through(&passing, i, got != 0, tally) : got;
}
