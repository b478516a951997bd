/* mix.c - survivors at work: operations drawn at random, each answer compared with the model at once. */
#include "kill.h"

#include <errno.h>
#include <string.h>

static uint64_t draw(struct stage *s, uint64_t below)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (s->random >> 11) % below;
}

static bool mix_push(struct stage *s)
{
    uint64_t index = 0;
    const uint64_t x = s->fresh++;
    const int err = lfvec_push(s->v, &x, &index);
    if (err || index != s->now.n)
        return fault(s, "push: %d, index %llu, expected %llu", err, (unsigned long long)index, (unsigned long long)s->now.n);
    model_push(&s->now, x);
    return true;
}

static bool popped(struct stage *s, const char *what, int err, uint64_t x)
{
    if (!s->now.n)
        return err == -EAGAIN || fault(s, "%s of nothing: %d", what, err);
    s->now.n--;
    if (err || x != s->now.elem[s->now.n])
        return fault(s, "%s: %d, element %llu, expected %llu", what, err, (unsigned long long)x, (unsigned long long)s->now.elem[s->now.n]);
    return true;
}

static bool mix_pop(struct stage *s)
{
    uint64_t x = 0;
    const int err = lfvec_pop_u64(s->v, &x);
    return popped(s, "pop", err, x);
}

static bool mix_lease(struct stage *s)
{
    uint64_t x = 0;
    const int err = lfvec_pop_lease(s->v, &x);
    if (!popped(s, "pop_lease", err, x))
        return false;
    const int ack = err ? 0 : lfvec_ack(s->v);
    return ack == 0 || fault(s, "ack: %d", ack);
}

static bool mix_set(struct stage *s)
{
    const uint64_t i = draw(s, s->now.n + 1), x = s->fresh++;
    const int err = lfvec_set_u64(s->v, i, x);
    if (err != (i < s->now.n ? 0 : -ERANGE))
        return fault(s, "set of element %llu of %llu: %d", (unsigned long long)i, (unsigned long long)s->now.n, err);
    if (!err)
        s->now.elem[i] = x;
    return true;
}

static bool mix_get(struct stage *s)
{
    const uint64_t i = draw(s, s->now.n + 1);
    uint64_t x = 0;
    const int err = lfvec_get_u64(s->v, i, &x);
    if (err != (i < s->now.n ? 0 : -ERANGE) || (!err && x != s->now.elem[i]))
        return fault(s, "get of element %llu of %llu: %d, element %llu", (unsigned long long)i, (unsigned long long)s->now.n, err,
                     (unsigned long long)x);
    return true;
}

static bool mix_cas(struct stage *s)
{
    const uint64_t i = draw(s, s->now.n + 1), x = s->fresh++, present = i < s->now.n ? s->now.elem[i] : 0;
    const bool right = draw(s, 2);
    uint64_t expected = right ? present : present + 1;
    const int err = lfvec_cas_u64(s->v, i, &expected, x);
    if (i >= s->now.n)
        return err == -ERANGE || fault(s, "cas beyond the size: %d", err);
    if (err != (right ? 0 : -ECANCELED) || expected != present)
        return fault(s, "cas: %d, found %llu, expected %llu", err, (unsigned long long)expected, (unsigned long long)present);
    if (right)
        s->now.elem[i] = x;
    return true;
}

static bool mix_add(struct stage *s)
{
    const uint64_t i = draw(s, s->now.n + 1);
    uint64_t old = 0;
    const int err = lfvec_fetch_add_u64(s->v, i, 3, &old);
    if (err != (i < s->now.n ? 0 : -ERANGE) || (!err && old != s->now.elem[i]))
        return fault(s, "fetch_add: %d, old %llu", err, (unsigned long long)old);
    if (!err)
        s->now.elem[i] += 3;
    return true;
}

static bool mix_push_n(struct stage *s)
{
    uint64_t x[BATCH_OF_TEST], first = 0;
    const uint64_t n = 1 + draw(s, BATCH_OF_TEST);
    for (uint64_t i = 0; i < n; i++)
        x[i] = s->fresh++;
    const int64_t done = lfvec_push_n(s->v, x, n, &first);
    if (done != (int64_t)n || first != s->now.n)
        return fault(s, "push_n of %llu: %lld, first %llu", (unsigned long long)n, (long long)done, (unsigned long long)first);
    for (uint64_t i = 0; i < n; i++)
        model_push(&s->now, x[i]);
    return true;
}

static bool mix_pop_n(struct stage *s)
{
    uint64_t x[BATCH_OF_TEST];
    const uint64_t n = 1 + draw(s, BATCH_OF_TEST);
    const int64_t done = lfvec_pop_n(s->v, x, n), expected = (int64_t)(n < s->now.n ? n : s->now.n);
    if (done != (expected ? expected : -EAGAIN))
        return fault(s, "pop_n of %llu: %lld, expected %lld", (unsigned long long)n, (long long)done, (long long)expected);
    for (int64_t i = 0; i < done; i++)
        if (!popped(s, "pop_n", 0, x[i]))
            return false;
    return true;
}

static bool mix_snapshot(struct stage *s)
{
    uint64_t x[BATCH_OF_TEST];
    const uint64_t n = s->now.n < BATCH_OF_TEST ? s->now.n : BATCH_OF_TEST, first = draw(s, s->now.n - n + 1);
    const int err = lfvec_snapshot(s->v, first, x, n, NULL);
    if (err || (n && memcmp(x, &s->now.elem[first], n * sizeof *x) != 0))
        return fault(s, "snapshot of %llu elements from %llu on: %d, or other elements", (unsigned long long)n, (unsigned long long)first,
                     err);
    return true;
}

static bool mix_trim(struct stage *s)
{
    const int err = s->untouched ? 0 : lfvec_trim(s->v);
    return !err || fault(s, "trim: %d", err);
}

static bool mix_clear(struct stage *s)
{
    const int err = lfvec_clear(s->v);
    s->now.n = 0;
    return !err || fault(s, "clear: %d", err);
}

static const struct {
    bool (*run)(struct stage *s);
    uint32_t weight; /* of 100 */
} mix[] = {
    {mix_push, 28},  {mix_pop, 24},  {mix_set, 12},     {mix_get, 8},   {mix_cas, 4},  {mix_add, 4},
    {mix_push_n, 6}, {mix_pop_n, 4}, {mix_snapshot, 4}, {mix_lease, 4}, {mix_trim, 1}, {mix_clear, 1},
};

bool mix_run(struct stage *s, uint32_t operations)
{
    for (uint32_t n = 0; n < operations; n++) {
        uint64_t at = draw(s, 100);
        uint32_t i = 0;
        while (at >= mix[i].weight)
            at -= mix[i++].weight;
        if (!mix[i].run(s))
            return false;
        if (lfvec_size(s->v) != s->now.n)
            return fault(s, "size %llu, expected %llu", (unsigned long long)lfvec_size(s->v), (unsigned long long)s->now.n);
    }
    return true;
}
