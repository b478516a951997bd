/*
 * order_replay.c - all mutations once more, in the order of their versions, on a plain array; between two of them, the reads that say that
 * they saw just this state.
 */
#include "order.h"

#include <stdlib.h>

enum { REACH_MOST = 4096 }; /* a size that was read while more happened is not looked into */

static bool make_room(struct history *h, uint64_t n)
{
    if (n <= h->room)
        return true;
    const uint64_t room = n * 2;
    uint64_t *more = realloc(h->values, room * sizeof *more);
    if (!more)
        return false;
    h->values = more;
    h->room = room;
    return true;
}

static void replay_push(struct history *h, const struct record *r, uint32_t n)
{
    const uint64_t mask = value_mask(h->run->mix->elem_size);
    if (r->op != OP_RELEASE && r->index != h->size) /* which does not say where */
        history_fault(h, r, "pushed to another index than the next", h->size);
    if (!make_room(h, h->size + n)) {
        history_fault(h, r, "no memory for the replay", n);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        h->values[h->size++] = (r->value + i) & mask;
}

static void replay_pop(struct history *h, const struct record *r)
{
    if (!h->size)
        history_fault(h, r, "popped from an empty vector", 0);
    else if (h->values[--h->size] != r->value)
        history_fault(h, r, "popped another element than the last", h->values[h->size]);
}

static void replay_pop_n(struct history *h, const struct record *r)
{
    uint64_t sum = 0;
    if (r->n > h->size) {
        history_fault(h, r, "popped more than there was", h->size);
        h->size = 0;
        return;
    }
    for (uint32_t i = 0; i < r->n; i++)
        sum = digest(sum, h->values[--h->size]);
    if (sum != r->value)
        history_fault(h, r, "popped other elements than the last", sum);
}

static void replay_change(struct history *h, const struct record *r)
{
    if (r->index >= h->size) {
        history_fault(h, r, "changed an element beyond the size", h->size);
        return;
    }
    uint64_t *at = &h->values[r->index];
    if (r->op != OP_SET && *at != r->value)
        history_fault(h, r, "found another value than there was", *at);
    *at = r->op == OP_SET ? r->value : r->op == OP_CAS ? *at + CAS_STEP : *at + ADD_STEP;
}

static void replay_mutation(struct history *h, const struct record *r)
{
    switch (r->op) {
    case OP_PUSH:
    case OP_RELEASE:
        replay_push(h, r, 1);
        break;
    case OP_PUSH_N:
        replay_push(h, r, r->n);
        break;
    case OP_POP:
    case OP_LEASE:
        replay_pop(h, r);
        break;
    case OP_POP_N:
        replay_pop_n(h, r);
        break;
    case OP_CLEAR:
        h->size = 0;
        break;
    case OP_TRIM:
        break;
    default:
        replay_change(h, r);
    }
}

static void replay_snapshot(struct history *h, const struct record *r)
{
    uint64_t sum = 0;
    if (r->n > h->size || r->index > h->size - r->n) {
        history_fault(h, r, "a snapshot of more than there was", h->size);
        return;
    }
    for (uint32_t i = 0; i < r->n; i++)
        sum = digest(sum, h->values[r->index + i]);
    if (sum != r->value)
        history_fault(h, r, "a snapshot of what was not", sum);
}

static void replay_read(struct history *h, const struct record *r)
{
    if (r->op == OP_SNAPSHOT) {
        replay_snapshot(h, r);
    } else if (r->op == OP_EMPTY) {
        if (h->size)
            history_fault(h, r, "said to be empty", h->size);
    } else if (r->op == OP_BEYOND) {
        if (r->index < h->size)
            history_fault(h, r, "said to be beyond the size", h->size);
    } else if (r->op == OP_GET || r->op == OP_NOT) {
        if (r->index >= h->size)
            history_fault(h, r, "read beyond the size", h->size);
        else if (h->values[r->index] != r->value)
            history_fault(h, r, "read another value than there was", h->values[r->index]);
    }
}

/* lfvec_size() has no version, but stood between two calls that have one. */
static void check_size(struct history *h, const struct record *r)
{
    if (r->reach > REACH_MOST || r->version + r->reach > h->versions)
        return;
    for (uint64_t s = r->version; s <= r->version + r->reach; s++)
        if (h->sizes[s] == r->value)
            return;
    history_fault(h, r, "a size that was not", h->sizes[r->version]);
}

static void check_unversioned(struct history *h)
{
    for (uint32_t p = 0; p < h->run->procs; p++)
        for (uint64_t i = 0; i < h->run->count[p]; i++) {
            const struct record *r = &h->run->log[p][i];
            if (r->torn)
                history_fault(h, r, "a torn element", 0);
            if (r->op == OP_SIZE)
                check_size(h, r);
        }
}

bool history_replay(struct history *h)
{
    const uint64_t faults = h->faults;
    uint64_t next = 0;
    if (!make_room(h, 1024))
        return history_fault(h, &(struct record){.op = OPS}, "no memory for the replay", 0);
    for (uint64_t s = 0; s <= h->versions; s++) {
        if (h->mutation[s])
            replay_mutation(h, history_record(h, h->mutation[s] - 1));
        h->sizes[s] = (uint32_t)h->size;
        for (; next < h->first_read[s + 1]; next++)
            replay_read(h, history_record(h, h->reads[next]));
    }
    check_unversioned(h);
    return h->faults == faults;
}
