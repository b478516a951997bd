/*
 * participant.c - see participant.h.
 *
 * A slot is taken at a thread's first mutation and given back by the thread's exit (a thread-specific destructor) or by detach. A mapping
 * goes only when no thread of this process holds a mutex in it: their C library's list of robust mutexes would lead nowhere.
 * A forked child has none of its parent's slots: the parent holds them. It drops them unopened.
 */
#include "participant.h"

#include "recover.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

_Thread_local struct thread_state thread_state __attribute__((tls_model("initial-exec")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static int once_error;
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER; /* this process's attachments and their participants */
static struct lfvec *attachments;

static void forget_attachment(struct lfvec *v)
{
    for (struct lfvec **at = &attachments; *at; at = &(*at)->next)
        if (*at == v) {
            *at = v->next;
            return;
        }
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

static void unlink_participant(struct participant *p)
{
    pthread_mutex_lock(&registry);
    for (struct participant **at = &p->v->participants; *at; at = &(*at)->vec_next)
        if (*at == p) {
            *at = p->vec_next;
            break;
        }
    pthread_mutex_unlock(&registry);
    for (struct participant **at = &thread_state.all; *at; at = &(*at)->thread_next)
        if (*at == p) {
            *at = p->thread_next;
            break;
        }
    if (thread_state.p == p) {
        thread_state.p = NULL;
        thread_state.v = NULL;
    }
}

/* Spares first lose their bit and then their record: in between, a record without a bit is none. */
static void free_spares(struct participant *p)
{
    for (uint32_t k = 0; k < p->spares; k++) {
        slab_free(&p->v->seg, p->spare[k]);
        atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
    }
    p->spares = 0;
}

/* In its own thread, at rest. */
static void release_participant(struct participant *p)
{
    struct lfvec *v = p->v;
    unlink_participant(p);
    free_spares(p);
    (void)slab_release_empty(&v->seg, p->me);
    slot_retire(&v->seg, p->me);
    slot_unlock(&v->seg, p->me);
    slab_set_drop(&p->slabs);
    free(p);
    drop_reference(v);
}

static void thread_exit(void *unused)
{
    (void)unused;
    while (thread_state.all)
        release_participant(thread_state.all);
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
    for (struct lfvec **at = &attachments; *at;) {
        struct lfvec *v = *at;
        while (v->participants) {
            struct participant *p = v->participants;
            v->participants = p->vec_next;
            slab_set_drop(&p->slabs);
            free(p);
        }
        atomic_store_explicit(&v->refs, 1, memory_order_relaxed);
        if (v->closed) {
            *at = v->next;
            free_attachment(v);
        } else {
            at = &v->next;
        }
    }
    thread_state.v = NULL;
    thread_state.p = thread_state.all = NULL;
    pthread_mutex_unlock(&registry);
}

static void set_up(void)
{
    once_error = pthread_key_create(&exit_key, thread_exit);
    if (!once_error)
        once_error = pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

int attachment_register(struct lfvec *v)
{
    pthread_once(&once, set_up);
    if (once_error)
        return -once_error;
    atomic_store_explicit(&v->refs, 1, memory_order_relaxed);
    pthread_mutex_lock(&registry);
    v->next = attachments;
    attachments = v;
    pthread_mutex_unlock(&registry);
    return 0;
}

void attachment_detach(struct lfvec *v)
{
    struct participant *p = thread_state.all;
    while (p && p->v != v)
        p = p->thread_next;
    pthread_mutex_lock(&registry);
    v->closed = true;
    pthread_mutex_unlock(&registry);
    if (p)
        release_participant(p);
    drop_reference(v);
}

/* What the slot's former holders left: their spares and their slabs are ours. */
static int inherit(struct participant *p)
{
    struct segment *s = &p->v->seg;
    struct lfvec_recovery tally = {0};
    int err = recover_slot(s, p->me, &tally);
    if (!err)
        err = slab_set_load(s, &p->slabs, p->me);
    for (uint32_t k = 0; k < SHM_DESC_LEAVES && !err; k++) {
        const uint64_t ref = atomic_load_explicit(&p->slot->spare_ref[k], memory_order_relaxed);
        if (!ref)
            continue;
        p->spare[p->spares] = ref;
        atomic_store_explicit(&p->slot->spare_ref[p->spares++], ref, memory_order_release);  /* twice for a moment: check_spares() knows */
        if (p->spares - 1 != k)
            atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
    }
    return err;
}

static int take_slot(struct participant *p)
{
    struct segment *s = &p->v->seg;
    int result = -EUSERS;
    for (uint32_t i = 1; i <= s->l.max_slots; i++) {
        const int got = slot_trylock(s, i);
        if (got != 0 && got != -EOWNERDEAD)
            continue;
        p->me = i;
        p->slot = slot_at(s, i);
        const int err = inherit(p);
        if (!err) {
            if (got)
                atomic_fetch_add_explicit(&s->control->recoveries, 1, memory_order_relaxed);
            slot_announce(s, i);
            return 0;
        }
        slot_unlock(s, i); /* damaged: leave it, and try another */
        slab_set_drop(&p->slabs);
        p->spares = 0;
        result = err;
    }
    return result;
}

static int make_participant(struct lfvec *v, struct participant **made)
{
    struct participant *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->v = v;
    p->cursor.d = UINT64_MAX;
    int err = -pthread_setspecific(exit_key, &thread_state);
    if (!err)
        err = take_slot(p);
    if (err) {
        free(p);
        return err;
    }
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    pthread_mutex_lock(&registry);
    p->vec_next = v->participants;
    v->participants = p;
    pthread_mutex_unlock(&registry);
    p->thread_next = thread_state.all;
    thread_state.all = p;
    *made = p;
    return 0;
}

int participant_find(struct lfvec *v, struct participant **found)
{
    struct participant *p = thread_state.all;
    if (v->seg.read_only)
        return -EBADF;
    while (p && p->v != v)
        p = p->thread_next;
    const int err = p ? 0 : make_participant(v, &p);
    if (err)
        return err;
    thread_state.v = v;
    thread_state.p = *found = p;
    return 0;
}

/*
 * R1: the leaf is recorded, then seq is set from a head that was loaded after its bit was seen clear, then the bit is set. A freer's
 * successor, who sees the bit, therefore sees a seq above every version at which the leaf had its former role.
 */
static int take_spare(struct participant *p, uint64_t ref)
{
    struct segment *s = &p->v->seg;
    struct leaf leaf;
    const int err = slab_locate(s, ref, &leaf);
    if (err)
        return err;
    atomic_store_explicit(&p->slot->spare_ref[p->spares], ref, memory_order_release);
    const struct head h = head_load(s->control);
    atomic_store_explicit(&leaf.meta->seq, h.version + 1, memory_order_relaxed);
    slab_take(s, ref);
    p->spare[p->spares++] = ref;
    return 0;
}

int participant_spares(struct participant *p, uint32_t want)
{
    struct segment *s = &p->v->seg;
    while (p->spares < want) {
        uint64_t ref;
        int err = slab_find(s, &p->slabs, p->me, &ref);
        if (err == -ENOSPC || err == -EOVERFLOW) { /* what nobody holds may have room */
            struct lfvec_recovery tally = {0};
            (void)recover_all(s, &tally);
            err = slab_find(s, &p->slabs, p->me, &ref);
        }
        err = err ? err : take_spare(p, ref);
        if (err)
            return err;
    }
    return 0;
}

void participant_spend(struct participant *p, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
    for (uint32_t k = n; k < p->spares; k++) { /* only a failed batch leaves any; the new record first, so that none is lost */
        p->spare[k - n] = p->spare[k];
        atomic_store_explicit(&p->slot->spare_ref[k - n], p->spare[k], memory_order_release);
        atomic_store_explicit(&p->slot->spare_ref[k], 0, memory_order_release);
    }
    p->spares -= n;
}
