/*
 * point.c - one kill point: a new segment, a victim stepped to its k-th instruction and killed, and then the judgement. Or two: after the
 * first kill a second victim recovers what the first one left (by lfvec_recover(), or by taking its slot), and is killed after k2
 * instructions of that.
 */
#include "kill.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const way_name[WAYS] = {"straight", "late", "heir", "stall"};

/* ---- in the victim --------------------------------------------------------------------------------------------------------------------- */

struct part {
    struct stage *s;
    const struct op *op;
};

enum { EXIT_FAILED = 9, EXIT_NO_ATTACHMENT = 10 };

static void victim_body(void *arg)
{
    const struct part *part = arg;
    const struct op *op = part->op;
    lfvec_t *v = NULL;
    if (!(op->flags & (OP_CREATES | OP_OPENS))) {
        v = lfvec_open(part->s->name, 0, NULL);
        if (!v)
            _exit(EXIT_NO_ATTACHMENT);
    }
    if (op->prepare)
        op->prepare(v);
    victim_gate();
    const int err = op->run(v, part->s->name);
    victim_end();
    _exit(err ? EXIT_FAILED : 0);
}

static void do_rival(void *arg)
{
    const struct part *part = arg;
    part->op->rival(part->s->v);
    part->op->rival_model(&part->s->now);
    part->s->version = judge_version(part->s);
}

/* ---- one victim ------------------------------------------------------------------------------------------------------------------------ */

static bool died(struct stage *s, const struct victim *w)
{
    if (!w->dead)
        return fault(s, "the victim was stopped by signal %d", WIFSTOPPED(w->status) ? WSTOPSIG(w->status) : 0);
    if (WIFSIGNALED(w->status))
        return fault(s, "the victim died by itself, of signal %d", WTERMSIG(w->status));
    return fault(s, "the victim ended by itself, with status %d", WEXITSTATUS(w->status));
}

/*
 * Is a call into the C library one step? What it does there (numbers printed and read, /proc, memory) is private, but for the robust mutex
 * calls, which are always stepped through.
 */
static bool steps_over(const struct stage *s, const struct op *op)
{
    const bool all_text = s->all_text && op == s->op && !(op->flags & (OP_CREATES | OP_OPENS));
    return op->flags & OP_OWN_TEXT && !all_text;
}

/* Up to the gate. The contents before the operation are what is there then: all that made them is over. */
static bool begin(struct stage *s, struct victim *w, struct part *part)
{
    *w = (struct victim){.body = victim_body, .arg = part, .over = steps_over(s, part->op)};
    if (!victim_start(w))
        return died(s, w);
    if (part->op->meanwhile)
        part->op->meanwhile(s->v);
    s->version = judge_version(s);
    s->made = 0;
    return part->op != s->op || !s->v || stage_read(s, &s->now);
}

/* Is the lease where it should be, by the versions that the victim has made? */
static bool lease_sound(struct stage *s, const struct op *op, bool was_owed)
{
    bool expected = was_owed && !s->made; /* a second victim brings none, and may have given one back */
    if (op == s->op)
        expected = op->flags & (s->made ? OP_LEASE_AFTER : OP_LEASE_BEFORE);
    return op->flags & OP_LEASE_ENDS || s->owed == expected ||
           fault(s, "after %llu versions of the victim, a lease is %s", (unsigned long long)s->made, s->owed ? "held" : "not held");
}

/* Where a slab may have been taken over before, the number of versions says nothing: either nothing has changed, or all that the operation does. */
static bool take_effect(struct stage *s, const struct op *op)
{
    static struct model seen, after;
    if (!op->model)
        return true;
    after = s->now;
    op->model(&after);
    if (!stage_read(s, &seen))
        return false;
    if (model_same(&seen, &after))
        s->now = after;
    return true;
}

/* The contents after a kill, by the head alone: an element that was owed goes back first, then the operation takes effect. */
static bool take_stock(struct stage *s, const struct op *op)
{
    const uint64_t made = s->made, moved = judge_version(s) - s->version;
    const bool owed = s->owed && op != s->op;
    const uint64_t most = (owed ? 1u : 0u) + (op->model ? 1u : 0u);
    judge_look(s);
    s->version += moved;
    s->made += moved;
    if (op->flags & OP_STEPS)
        return true;
    if (s->op->flags & OP_TIGHT)
        return take_effect(s, op);
    if (s->made > most)
        return fault(s, "the victim made %llu versions", (unsigned long long)s->made);
    if (owed && made == 0 && s->made)
        model_push(&s->now, LEASED);
    if (op->model && made < most && s->made == most)
        op->model(&s->now);
    return lease_sound(s, op, owed);
}

/* One victim of its first kind: killed at k. */
static bool kill_at(struct stage *s, struct part *part, const struct trace *t, uint32_t k, bool *drifted)
{
    struct victim w;
    bool there = begin(s, &w, part);
    if (there) {
        there = victim_go(&w, t, k, do_rival, part);
        *drifted |= !there || !victim_is_at(&w, t->at[k].pc);
        if (!there && (w.dead || w.status))
            (void)died(s, &w);
    }
    victim_kill(&w);
    return !s->fault[0] && take_stock(s, part->op);
}

/* While the victim stands still: others work, and leave elements enough for whatever it is about to do; the last one may be leased. */
static bool meanwhile(struct stage *s)
{
    phase(s, "others at work while the victim stands still");
    if (!judge_audit(s, false) || !stage_compare(s) || !mix_run(s, 30))
        return false;
    for (uint64_t x = LEASED - 25; x <= LEASED; x++) {
        if (lfvec_push_u64(s->v, x) != 0)
            return fault(s, "push");
        model_push(&s->now, x);
    }
    s->version = judge_version(s);
    return stage_compare(s);
}

/* Stopped at k, and later continued to its end. An operation that is refused by then has no effect. */
static bool stall_at(struct stage *s, struct part *part, const struct trace *t, uint32_t k, bool *drifted)
{
    struct victim w;
    if (begin(s, &w, part)) {
        *drifted |= !victim_go(&w, t, k, do_rival, part) || !victim_is_at(&w, t->at[k].pc);
        if (w.dead || w.status)
            (void)died(s, &w);
        else if (take_stock(s, part->op) && meanwhile(s)) {
            phase(s, "the victim going on");
            victim_finish(&w);
            if (!WIFEXITED(w.status) || (WEXITSTATUS(w.status) != 0 && WEXITSTATUS(w.status) != EXIT_FAILED))
                (void)died(s, &w);
        }
    }
    victim_kill(&w);
    return !s->fault[0] && take_stock(s, part->op);
}

static bool record(struct stage *s, struct part *part, struct trace *t)
{
    struct victim w;
    if (begin(s, &w, part)) {
        if (!victim_record(&w, t, part->op->rival_cas, do_rival, part))
            (void)died(s, &w);
        else if (part->op->rival_cas && t->rival == NO_POINT)
            (void)fault(s, "there was no %u-th 16-byte CAS for the rival to precede", part->op->rival_cas);
        victim_finish(&w);
        if (!s->fault[0] && (!WIFEXITED(w.status) || WEXITSTATUS(w.status) != 0))
            (void)died(s, &w);
    }
    victim_kill(&w);
    return !s->fault[0];
}

/* ---- the judgement --------------------------------------------------------------------------------------------------------------------- */

/* A creator was killed: a reader finds nothing or an empty vector; the next creator finishes it. */
static bool create_again(struct stage *s)
{
    struct lfvec_attr attr;
    lfvec_t *r = lfvec_open(s->name, LFVEC_RDONLY, NULL);
    if (!r && errno != ENOENT)
        return fault(s, "a reader cannot attach: %s", lfvec_last_error());
    if (r && lfvec_size(r) != 0)
        return fault(s, "a new vector has elements");
    if (r)
        lfvec_detach(r);
    stage_attr(&attr, FEW_ELEMS);
    s->v = lfvec_open(s->name, LFVEC_CREATE, &attr);
    if (!s->v)
        return fault(s, "the next creator: %s", lfvec_last_error());
    return stage_join(s);
}

static void *heir_thread(void *arg)
{
    struct stage *s = arg;
    if (s->owed)
        model_push(&s->now, LEASED);
    s->owed = s->returned = false;
    const int err = lfvec_set_u64(s->v, MODEL_MOST, 0); /* is refused, but joins */
    if (err != -ERANGE)
        (void)fault(s, "joining: %d", err);
    else
        (void)mix_run(s, 30);
    return NULL;
}

/* A new thread, which takes the lowest slot that nobody alive holds: the dead one's, in every case but those where it held none. */
static bool heir(struct stage *s)
{
    pthread_t thread;
    phase(s, "the heir's operations");
    if (pthread_create(&thread, NULL, heir_thread, s) != 0)
        return fault(s, "no thread");
    pthread_join(thread, NULL);
    return !s->fault[0];
}

static bool recover(struct stage *s)
{
    phase(s, "recovery");
    if (!judge_recover(s))
        return false;
    phase(s, "after recovery");
    return judge_audit(s, true) && stage_compare(s);
}

static bool late(struct stage *s)
{
    phase(s, "100 operations before recovery");
    s->untouched = true;
    const bool well = mix_run(s, 100) && judge_audit(s, false) && stage_compare(s);
    s->untouched = false;
    return well && recover(s);
}

static bool judge(struct stage *s, enum way way)
{
    phase(s, "after the kill");
    if (!s->v && !create_again(s))
        return false;
    if (!stage_compare(s))
        return false;
    if (s->op->after)
        s->op->after(s->v);
    if (way == WAY_LATE)
        return late(s);
    if (way == WAY_HEIR)
        return heir(s) && phase(s, "after the heir") && judge_audit(s, true) && stage_compare(s) && recover(s);
    if (!recover(s) || !heir(s))
        return false;
    phase(s, "100 operations after recovery");
    return mix_run(s, 100) && recover(s);
}

/* ---- a point --------------------------------------------------------------------------------------------------------------------------- */

static bool build(struct stage *s, const struct point *p)
{
    s->op = p->op;
    s->random = p->seed ^ ((uint64_t)p->k * UINT64_C(0x9e3779b97f4a7c15)) ^ (uint64_t)p->k2 << 40;
    s->random += !s->random;
    s->fault[0] = '\0';
    return stage_build(s);
}

bool point_record(struct stage *s, const struct point *p, struct trace *first, struct trace *second)
{
    bool drifted = false;
    struct part one = {s, p->op}, two = {s, p->second};
    bool well = build(s, p);
    if (well && p->second)
        well = kill_at(s, &one, first, p->k, &drifted) && record(s, &two, second);
    else if (well)
        well = record(s, &one, first);
    stage_strike(s);
    return well;
}

bool point_run(struct stage *s, struct point *p, const struct trace *first, const struct trace *second)
{
    struct part one = {s, p->op}, two = {s, p->second};
    p->drifted = false;
    bool well = build(s, p) && phase(s, "up to the kill");
    if (well)
        well = (p->way == WAY_STALL ? stall_at : kill_at)(s, &one, first, p->k, &p->drifted);
    if (well && p->second)
        well = phase(s, "up to the second kill") && kill_at(s, &two, second, p->k2, &p->drifted);
    if (well) {
        p->verdict = judge_verdict(s);
        p->state = judge_state(s);
        well = judge(s, p->way);
    }
    stage_strike(s);
    return well;
}
