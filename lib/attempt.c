/* attempt.c - see attempt.h. */
#include "attempt.h"

#include "breakage.h"
#include "probe.h"
#include "turn.h"

/*
 * Before our descriptor takes its place, completes the one in effect: entries that ours does not
 * cover must be in the directory by then.
 */
static int help(struct participant *p, struct head h, const struct desc_view *in_effect, const struct desc_plan *plan)
{
    if (BROKEN(BREAK_HELP) || !in_effect->id || (in_effect->count == 1 && plan->count == 1 && in_effect->first == plan->first))
        return 0;
    const int err = desc_complete_write(&p->v->seg, h, in_effect);
    if (!err && in_effect->id >> 1 != p->me) {
        attempt_count(&p->slot->helps);
        PROBE(help, p->me, h.version);
    }
    return err;
}

/*
 * Completes a win, in this order. A process killed in between leaves the intent
 * set, and recovery does the rest.
 */
static void pay(struct participant *p, const struct desc_plan *plan, uint32_t spent)
{
    participant_spend(p, spent);
    for (uint32_t k = 0; k < plan->count; k++)
        if (plan->entry[k].old_ref)
            slab_free(&p->v->seg, plan->entry[k].old_ref);
    attempt_clear_intent(p);
}

int attempt_publish(struct participant *p, struct head h, const struct desc_view *in_effect, uint64_t size, const struct desc_plan *plan,
                    uint32_t spent, struct head *next)
{
    const int helped = help(p, h, in_effect, plan);
    if (helped)
        return helped;
    /* R3: not the one that the head names. */
    const uint32_t buffer = head_desc(h) == p->me * 2 && !BROKEN(BREAK_R3) ? 1 : 0;
    attempt_clear_intent(p);
    /* No byte of the buffer changes while the intent still names it. */
    atomic_thread_fence(memory_order_release);
    desc_write(&p->slot->desc[buffer], h.version + 1, plan);
    atomic_store_explicit(&p->slot->intent, (h.version + 1) << 1 | buffer, memory_order_release); /* R5 */
    p->intent = true;
    *next = head_next(h, size, p->me * 2 + buffer, p->me);
    const int won = attempt_cas(p, h, *next);
    if (won == ATTEMPT_WON)
        pay(p, plan, spent);
    return won;
}

int attempt_site(struct participant *p, struct head h, uint64_t d, struct site *at)
{
    struct segment *s = &p->v->seg;
    at->h = h;
    at->d = d;
    const int err = desc_resolve(s, h, d, &at->in_effect, &at->ref);
    if (err || !at->ref)
        return err;
    return slab_locate(s, at->ref, &at->leaf);
}

/* After a loss at h. Backs off, so that the winner can continue its burst, then asks for a turn. */
static void lost(struct participant *p, struct head h)
{
    const struct segment *s = &p->v->seg;
    const struct head now = head_load(s->control);
    if (now.version == h.version)
        return;
    attempt_count(&p->slot->cas_retries);
    PROBE(cas_retry, p->me, now.version);
    const bool far = slot_exists(s, head_last(now)) && slot_is_far(s, head_last(now), p->me);
    const uint32_t pauses = backoff_pauses(&p->backoff, far);
    backoff_wait(pauses);
    backoff_learn(&p->backoff, pauses, head_version(s->control) - now.version);
    turn_ask(s->control);
}

static int attempt_all(struct participant *p, attempt_fn *once, void *arg)
{
    const struct segment *s = &p->v->seg;
    struct retry retry = {0};
    for (;;) {
        head_want(s->control);
        const struct head h = head_load(s->control);
        int done = once(p, h, arg);
        if (done == ATTEMPT_LOST)
            done = retry_reload(&retry, h);
        else if (done == ATTEMPT_WON)
            return 0;
        if (done)
            return done;
        lost(p, h);
    }
}

int attempt_until(struct participant *p, uint32_t kind, attempt_fn *once, void *arg)
{
    const int saved = errno;
    p->kind = kind;
    const int err = attempt_all(p, once, arg);
    if (err)
        attempt_clear_intent(p);
    else
        turn_give(p->v->seg.control);
    errno = saved;
    return err;
}
