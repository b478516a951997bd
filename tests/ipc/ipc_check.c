/*
 * ipc_check.c - lfvec_check() while processes push, pop, set and fail, in segments that grow: none of them is damaged, so no check may
 * say so. And with all of them stopped wherever they are, it must be conclusive.
 */
#include "ipc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CHECKS = 10 }; /* a check reads every leaf, and a sanitizer looks at each read */
#else
enum { CHECKS = 100 };
#endif
enum { WRITERS_MOST = 3, ROUNDS = 8 };

enum work { GROW, GROW_BATCH, MIX, COME_AND_GO, WORKS };

static const struct shape {
    uint32_t elem_size, leaf_bytes, slab_bytes;
    uint64_t max_bytes;
    enum work work;
    uint32_t writers;
} shapes[] = {
    {8, 64, 65536, 48 << 20, GROW, 2},
    {24, 512, 262144, 96 << 20, GROW_BATCH, 1},
    {600, 512, 65536, 96 << 20, GROW, 2},
    {4096, 512, 65536, 192 << 20, GROW, 2},
    {4096, 512, 65536, 192 << 20, GROW_BATCH, 1},
    {20000, 64, 65536, 192 << 20, GROW, 2},
    {20000, 64, 1 << 20, 192 << 20, GROW_BATCH, 1},
    {8, 64, 65536, 8 << 20, MIX, 3},
    {4096, 512, 65536, 8 << 20, MIX, 3},
    {64, 512, 65536, 8 << 20, COME_AND_GO, 3},
    {4096, 512, 65536, 4 << 20, COME_AND_GO, 3},
};

static const struct shape *shape;
static const char *name;
static unsigned char elems[32 * 20000];

static int64_t grow(lfvec_t *v)
{
    const size_t batch = sizeof elems / shape->elem_size;
    return shape->work == GROW_BATCH ? lfvec_push_n(v, elems, batch < 20 ? batch : 20, NULL) : lfvec_push(v, elems, NULL);
}

static int64_t any_step(lfvec_t *v)
{
    switch (ipc_random(8)) {
    case 0:
        return lfvec_pop(v, elems);
    case 1:
        return lfvec_set(v, ipc_random(lfvec_size(v) + 1), elems);
    case 2:
        return lfvec_pop_lease(v, elems);
    case 3:
        return lfvec_release(v);
    case 4:
        return lfvec_pop_n(v, elems, 1 + ipc_random(sizeof elems / shape->elem_size));
    case 5:
        return ipc_random(20) ? lfvec_ack(v) : lfvec_trim(v);
    default:
        return lfvec_push_n(v, elems, 1 + ipc_random(sizeof elems / shape->elem_size), NULL);
    }
}

static void work(struct board *b, uint32_t me)
{
    lfvec_t *v = lfvec_open(name, 0, NULL);
    CHILD_MUST(v != NULL);
    while (!atomic_load(&b->stop)) {
        const int64_t n = shape->work < MIX ? grow(v) : any_step(v);
        CHILD_MUST(n != -EBADMSG && n != -EUSERS && n != -ENOMEM);
        atomic_fetch_add(&b->proc[me].progress, 1);
        if (shape->work < MIX && n < 0)
            break;                                              /* that was all the room */
        if (shape->work == COME_AND_GO && ipc_random(4) == 0) { /* what it has in hand is given back, and taken by the next */
            CHILD_MUST(lfvec_detach(v) == 0);
            v = lfvec_open(name, 0, NULL);
            CHILD_MUST(v != NULL);
        }
    }
    CHILD_MUST(lfvec_detach(v) == 0);
    atomic_fetch_add(&b->done, 1);
}

static void check_often(lfvec_t *v, struct board *b)
{
    struct lfvec_audit audit;
    for (int i = 0; i < CHECKS && atomic_load(&b->done) < shape->writers; i++) {
        const int err = lfvec_check(v, &audit);
        if (err)
            ck_abort_msg("with writers at work, pass %u: %d: %s", audit.passes, err, audit.message);
    }
}

/* Wherever each of them is, if it still works at all. */
static void check_stopped(lfvec_t *v, const pid_t *pid)
{
    struct lfvec_audit audit;
    for (uint32_t i = 0; i < shape->writers; i++)
        ipc_stop(pid[i]);
    const int err = lfvec_check(v, &audit);
    if (err || !audit.conclusive)
        ck_abort_msg("all stopped, conclusive %u: %d: %s", audit.conclusive, err, audit.message);
    for (uint32_t i = 0; i < shape->writers; i++)
        ipc_continue(pid[i]);
}

static void hold(struct board *b, uint32_t me)
{
    work(b, me);
    ipc_until(&b->stop, 2);
}

START_TEST(test_sound_is_never_called_damaged)
{
    struct lfvec_attr a;
    struct board *b = ipc_board();
    pid_t pid[WRITERS_MOST];
    shape = &shapes[_i];
    ipc_attr(&a, shape->elem_size);
    a.leaf_bytes = shape->leaf_bytes;
    a.slab_bytes = shape->slab_bytes;
    a.max_bytes = shape->max_bytes;
    lfvec_t *v = ipc_make(&a);
    name = lfvec_name(v);
    for (uint32_t i = 0; i < shape->writers; i++)
        pid[i] = ipc_start(hold, b, i);
    for (int i = 0; i < ROUNDS; i++) {
        check_often(v, b);
        check_stopped(v, pid);
    }
    atomic_store(&b->stop, 1);
    ipc_until(&b->done, shape->writers);
    atomic_store(&b->stop, 2);
    for (uint32_t i = 0; i < shape->writers; i++)
        ipc_reap(pid[i]);
    ipc_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

Suite *ipc_check_suite(void)
{
    Suite *s = suite_create("check");
    TCase *tc = tcase_create("check");
    tcase_set_timeout(tc, IPC_TIMEOUT);
    tcase_add_checked_fixture(tc, NULL, ipc_clean);
    tcase_add_loop_test(tc, test_sound_is_never_called_damaged, 0, sizeof shapes / sizeof *shapes);
    suite_add_tcase(s, tc);
    return s;
}
