/* hostile_ops.c - every public operation once, with what lfvec.h says that it may answer. Any other answer is an abort. */
#include "hostile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Indexes mostly of elements that are there, and some of none. */
static uint64_t any_index(struct hand *h)
{
    const uint64_t size = lfvec_size(h->v);
    if (rng_below(&h->rng, 50) == 0)
        return rng_next(&h->rng) >> rng_below(&h->rng, 64);
    return size && rng_below(&h->rng, 8) ? rng_next(&h->rng) % size : rng_below(&h->rng, 3000);
}

static size_t some(struct hand *h)
{
    return 1 + rng_below(&h->rng, SOME);
}

static int64_t op_push(struct hand *h)
{
    uint64_t index;
    return lfvec_push(h->v, h->room, &index);
}

static int64_t op_pop(struct hand *h)
{
    return lfvec_pop(h->v, h->room);
}

static int64_t op_get(struct hand *h)
{
    return lfvec_get(h->v, any_index(h), h->room);
}

static int64_t op_set(struct hand *h)
{
    return lfvec_set(h->v, any_index(h), h->room);
}

static int64_t op_push_n(struct hand *h)
{
    uint64_t first;
    return lfvec_push_n(h->v, h->room, some(h), &first);
}

static int64_t op_pop_n(struct hand *h)
{
    return lfvec_pop_n(h->v, h->room, some(h));
}

static int64_t op_get_n(struct hand *h)
{
    return lfvec_get_n(h->v, any_index(h), h->room, some(h));
}

static int64_t op_snapshot(struct hand *h)
{
    uint64_t version;
    return lfvec_snapshot(h->v, any_index(h), h->room, some(h), &version);
}

static int64_t op_pop_lease(struct hand *h)
{
    return lfvec_pop_lease(h->v, h->room);
}

static int64_t op_ack(struct hand *h)
{
    return lfvec_ack(h->v);
}

static int64_t op_release(struct hand *h)
{
    return lfvec_release(h->v);
}

static int64_t op_cas(struct hand *h)
{
    uint64_t expected = 0;
    memcpy(&expected, h->room, sizeof expected);
    return lfvec_cas_u64(h->v, any_index(h), &expected, rng_next(&h->rng));
}

static int64_t op_fetch_add(struct hand *h)
{
    uint64_t old;
    return lfvec_fetch_add_u64(h->v, any_index(h), 1, &old);
}

static int64_t op_pop_wait(struct hand *h)
{
    const struct timespec most = {.tv_sec = 0, .tv_nsec = 1 + (long)rng_below(&h->rng, 100000)};
    return lfvec_pop_wait(h->v, h->room, &most);
}

static int64_t op_clear(struct hand *h)
{
    return lfvec_clear(h->v);
}

static int64_t op_trim(struct hand *h)
{
    return lfvec_trim(h->v);
}

static int64_t op_reserve(struct hand *h)
{
    return lfvec_reserve(h->v, any_index(h));
}

static int64_t op_stat(struct hand *h)
{
    struct lfvec_stat st;
    return lfvec_stat(h->v, &st);
}

static int64_t op_participant(struct hand *h)
{
    struct lfvec_participant p;
    const int err = lfvec_participant(h->v, (uint32_t)rng_below(&h->rng, 8), &p);
    if (!err && memchr(p.name, '\0', sizeof p.name) == NULL)
        return -EILSEQ; /* a name without an end */
    return err;
}

static int64_t op_check(struct hand *h)
{
    struct lfvec_audit a;
    const int err = lfvec_check(h->v, &a);
    return (err == -EBADMSG) == (a.message[0] != '\0') ? err : -EILSEQ; /* damage, and no word of it */
}

static int64_t op_recover(struct hand *h)
{
    struct lfvec_recovery r;
    return lfvec_recover(h->v, &r);
}

static int64_t op_recover_slot(struct hand *h)
{
    struct lfvec_recovery r;
    return lfvec_recover_slot(h->v, (uint32_t)rng_below(&h->rng, 8), &r);
}

static int64_t op_size(struct hand *h)
{
    return (int64_t)(lfvec_size(h->v) >> 62) + (int64_t)(lfvec_batch_most(h->v) >> 62);
}

static int64_t op_capacity(struct hand *h)
{
    return (int64_t)(lfvec_capacity(h->v) >> 62);
}

static int64_t op_is_current(struct hand *h)
{
    return lfvec_is_current(h->v);
}

#define MUTATION EUSERS, EBADMSG, ENOMEM
#define SPACE ENOSPC, EOVERFLOW

static const struct operation {
    const char *name;
    int64_t (*run)(struct hand *h);
    int may[12]; /* errnos */
    uint32_t weight;
    bool writes, u64, counts;
} operations[] = {
    {"push", op_push, {MUTATION, SPACE}, 30, true, false, false},
    {"pop", op_pop, {MUTATION, EAGAIN}, 24, true, false, false},
    {"get", op_get, {ERANGE, EBADMSG}, 20, false, false, false},
    {"set", op_set, {MUTATION, SPACE, ERANGE}, 10, true, false, false},
    {"push_n", op_push_n, {MUTATION, SPACE}, 8, true, false, true},
    {"pop_n", op_pop_n, {MUTATION, EAGAIN}, 6, true, false, true},
    {"get_n", op_get_n, {ERANGE, EBADMSG}, 6, false, false, true},
    {"snapshot", op_snapshot, {ERANGE, EAGAIN, EBADMSG}, 4, false, false, false},
    {"pop_lease", op_pop_lease, {MUTATION, SPACE, EAGAIN, EBUSY}, 6, true, false, false},
    {"ack", op_ack, {MUTATION, EINVAL}, 6, true, false, false},
    {"release", op_release, {MUTATION, SPACE, EINVAL}, 3, true, false, false},
    {"cas_u64", op_cas, {MUTATION, SPACE, ERANGE, ECANCELED}, 4, true, true, false},
    {"fetch_add_u64", op_fetch_add, {MUTATION, SPACE, ERANGE}, 4, true, true, false},
    {"pop_wait", op_pop_wait, {MUTATION, ETIMEDOUT}, 2, true, false, false},
    {"clear", op_clear, {MUTATION}, 1, true, false, false},
    {"trim", op_trim, {MUTATION}, 2, true, false, false},
    {"reserve", op_reserve, {MUTATION, SPACE}, 1, true, false, false},
    {"stat", op_stat, {EBADMSG}, 2, false, false, false},
    {"participant", op_participant, {ERANGE}, 3, false, false, false},
    {"check", op_check, {EBADMSG}, 2, false, false, false},
    {"recover", op_recover, {EBADMSG, SPACE}, 2, true, false, false},
    {"recover_slot", op_recover_slot, {EBADMSG, SPACE, ERANGE}, 2, true, false, false},
    {"size", op_size, {0}, 4, false, false, false},
    {"capacity", op_capacity, {0}, 2, false, false, false},
    {"is_current", op_is_current, {0}, 1, false, false, true},
};
enum { OPERATIONS = sizeof operations / sizeof *operations, AT_OPEN = OPERATIONS, AT_DETACH, AT_RECOVER_FORCED };

const char *operation_name(uint32_t at)
{
    static const char *const others[] = {"open", "detach", "recover_forced"};
    return at < OPERATIONS ? operations[at].name : others[at - OPERATIONS];
}

uint32_t operation_at(const char *name)
{
    uint32_t at = 0;
    while (at < AT_RECOVER_FORCED && strcmp(operation_name(at), name) != 0)
        at++;
    return at;
}

static void judge(struct hand *h, uint32_t at, int64_t result, const int *may, bool counts)
{
    bool fine = result == 0 || (counts && result > 0 && result <= SOME);
    for (int i = 0; i < 12 && may[i]; i++)
        fine |= result == -may[i];
    atomic_fetch_add(&h->board->operations, 1);
    atomic_fetch_add(&h->board->progress, 1);
    if (result == -EBADMSG)
        atomic_fetch_add(&h->board->refused, 1);
    if (fine)
        return;
    printf("# %s answered %lld (%s), which is not documented\n", operation_name(at), (long long)result,
           result < 0 ? strerror((int)-result) : "a count");
    fflush(stdout);
    abort();
}

static void enter(struct hand *h, uint32_t at)
{
    atomic_store(&h->board->at[h->me], at);
}

static int64_t run(struct hand *h, uint32_t at)
{
    const struct operation *op = &operations[at];
    enter(h, at);
    errno = 0;
    const int64_t result = op->run(h);
    judge(h, at, errno ? -EILSEQ : result, op->may, op->counts); /* errno is left alone */
    return result;
}

static bool possible(const struct hand *h, const struct operation *op)
{
    return (!op->u64 || h->elem_size == 8) && (!op->writes || !h->read_only);
}

int64_t hand_operate(struct hand *h)
{
    uint32_t sum = 0, at = 0;
    for (uint32_t i = 0; i < OPERATIONS; i++)
        sum += possible(h, &operations[i]) ? operations[i].weight : 0;
    uint32_t pick = (uint32_t)rng_below(&h->rng, sum);
    for (; !possible(h, &operations[at]) || pick >= operations[at].weight; at++)
        pick -= possible(h, &operations[at]) ? operations[at].weight : 0;
    return run(h, at);
}

void hand_everything(struct hand *h)
{
    for (uint32_t at = 0; at < 3 * OPERATIONS; at++)
        if (possible(h, &operations[at % OPERATIONS]))
            (void)run(h, at % OPERATIONS);
}

void hand_recover_forced(struct hand *h)
{
    static const int may[12] = {EBUSY, ERANGE, EBADMSG, SPACE};
    struct lfvec_recovery r;
    enter(h, AT_RECOVER_FORCED);
    for (uint32_t slot = 0; slot < 8; slot++)
        judge(h, AT_RECOVER_FORCED, lfvec_recover_forced(h->v, slot, &r), may, false);
}

bool hand_open(struct hand *h, const char *name, int flags)
{
    static const int may[12] = {EBADMSG, EPROTONOSUPPORT, ENOENT};
    enter(h, AT_OPEN);
    h->read_only = flags & LFVEC_RDONLY;
    h->v = lfvec_open(name, flags, NULL);
    judge(h, AT_OPEN, h->v ? 0 : -errno, may, false);
    if (!h->v && !strstr(lfvec_last_error(), name)) {
        printf("# open failed and did not say why: \"%s\"\n", lfvec_last_error());
        fflush(stdout);
        abort();
    }
    if (h->v)
        h->elem_size = lfvec_elem_size(h->v);
    return h->v != NULL;
}
