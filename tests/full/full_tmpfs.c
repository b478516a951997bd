/*
 * full_tmpfs.c - one process and a /dev/shm of 4 MiB: whatever fills it ends in -ENOSPC, with every element there, and what was popped can
 * be pushed again. Creation where there is no room leaves nothing behind.
 */
#include "full.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20, SHM_BYTES = 4 * MIB };

static const uint32_t sizes[] = {8, 24, 3000};
static const uint64_t batches[] = {0, 7, 1024, 100000};
enum { SIZES = sizeof sizes / sizeof *sizes, WAYS = sizeof batches / sizeof *batches };

static lfvec_t *try_make(uint32_t elem_size)
{
    struct lfvec_attr a;
    unit_attr(&a, elem_size);
    a.max_slots = 8;
    full_name = unit_name();
    return lfvec_open(full_name, LFVEC_CREATE | LFVEC_EXCL, &a);
}

static lfvec_t *make(uint32_t elem_size)
{
    lfvec_t *v = try_make(elem_size);
    MUST_MSG(v != NULL, "%s", lfvec_last_error());
    return v;
}

/* Where there is room for nothing but what a segment cannot be without: none for the first slab. */
static lfvec_t *make_bare(uint32_t elem_size)
{
    lfvec_t *v = NULL;
    for (uint64_t room = 0; !v; room += 4096) {
        full_ballast(room);
        v = try_make(elem_size);
        full_drop_ballast();
    }
    MUST(unit_stat(v).slabs_unowned == 0);
    return v;
}

/* Up to -ENOSPC. Most of the memory holds elements by then. */
static uint64_t fill(lfvec_t *v, uint64_t from, uint64_t batch)
{
    int err;
    const uint64_t n = full_push(v, from, UINT64_MAX / 2, batch, &err);
    MUST_MSG(err == -ENOSPC, "not full but %d after %llu elements", err, (unsigned long long)n);
    MUST_MSG(n * lfvec_elem_size(v) > 3 * MIB, "full with %llu elements", (unsigned long long)n);
    full_expect(v, n);
    unit_sound(v);
    return n;
}

START_TEST(push_to_the_brim)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    lfvec_t *v = make(sizes[_i / WAYS]);
    const uint64_t batch = batches[_i % WAYS], n = fill(v, 0, batch);
    full_refused(v, n, ENOSPC);
    full_again(v, n);
    full_refused(v, n, ENOSPC);
    full_pop(v, 0, n);
    MUST(lfvec_size(v) == 0);
    unit_sound(v);
    MUST(fill(v, 0, batch) >= n);
    MUST(lfvec_clear(v) == 0 && lfvec_size(v) == 0);
    unit_sound(v);
    MUST(fill(v, 0, batches[(_i + 1) % WAYS]) >= n);
    MUST(lfvec_clear(v) == 0 && lfvec_trim(v) == 0);
    const uint64_t again = fill(v, 0, batch);
    full_again(v, again);
    MUST_MSG(again >= n, "%llu elements first, %llu after clear and trim", (unsigned long long)n, (unsigned long long)again);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* What was reserved can be pushed; what could not be reserved takes nothing away. */
START_TEST(reserve_to_the_brim)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    int err;
    lfvec_t *v = make(sizes[_i]);
    uint64_t n = full_push(v, 0, 100, 0, &err), step = 40000 / sizes[_i];
    MUST(n == 100);
    while ((err = lfvec_reserve(v, lfvec_capacity(v) + step)) == 0)
        MUST(lfvec_size(v) == 100);
    MUST_MSG(err == -ENOSPC, "reserve: %d", err);
    MUST(lfvec_reserve(v, lfvec_capacity(v) + SHM_BYTES / sizes[_i]) == -ENOSPC);
    const uint64_t room = lfvec_capacity(v);
    full_expect(v, 100);
    unit_sound(v);
    n = full_push(v, 100, room, 0, &err);
    MUST_MSG(n == room, "capacity %llu, and full with %llu: %d", (unsigned long long)room, (unsigned long long)n, err);
    full_expect(v, n);
    n = fill(v, n, 0);
    full_again(v, n);
    full_refused(v, n, ENOSPC);
    MUST(lfvec_reserve(v, n) == 0);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* Room comes back while we hold a slot, and the next push takes it. */
START_TEST(room_made_by_others)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    int err;
    lfvec_t *v = make(sizes[_i]);
    full_ballast(MIB);
    const uint64_t n = full_push(v, 0, UINT64_MAX / 2, 0, &err);
    MUST(err == -ENOSPC);
    full_refused(v, n, ENOSPC);
    full_expect(v, n);
    full_drop_ballast();
    const uint64_t more = fill(v, n, 0);
    MUST(more > 2 * n);
    full_again(v, more);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

static bool exists(const char *name)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "/dev/shm%s", name);
    return stat(path, &st) == 0;
}

/* Page by page more room, until the segment fits. Each failure says so and leaves nothing that would spoil the next attempt. */
START_TEST(creation_needs_room)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    struct lfvec_attr a;
    lfvec_t *v = NULL;
    uint64_t room = 0;
    unit_attr(&a, 8);
    a.max_slots = 8;
    const char *name = unit_name();
    for (; !v; room += 4096) {
        full_ballast(room);
        v = lfvec_open(name, _i ? LFVEC_CREATE | LFVEC_EXCL : LFVEC_CREATE, &a);
        if (!v) {
            const int err = errno;
            MUST_MSG(err == ENOSPC && strstr(lfvec_last_error(), name) && strstr(lfvec_last_error(), "/dev/shm"), "%d: %s", err,
                     lfvec_last_error());
            MUST(!exists(name) && lfvec_open(name, 0, NULL) == NULL && errno == ENOENT);
            MUST(full_free_bytes() == room);
        }
        full_drop_ballast();
    }
    MUST_MSG(room > 4 * 4096 && room < 64 * 4096, "%llu bytes", (unsigned long long)room);
    unit_fill(v, 0, 5000);
    unit_expect(v, 5000);
    unit_sound(v);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* A new segment with no byte of room: there is nothing to lose, and it works as soon as there is room. */
START_TEST(first_push_needs_room)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    lfvec_t *v = make_bare(sizes[_i]);
    uint64_t room = 0;
    int err;
    for (; room < 2 * 65536; room += 4096) {
        unsigned char elem[FULL_ELEM_MOST];
        full_ballast(room);
        err = lfvec_pop(v, elem);
        MUST_MSG(err == -EAGAIN, "pop: %d", err);
        if (full_push(v, 0, 1, 0, &err) == 1)
            break;
        MUST_MSG(err == -ENOSPC, "%d", err);
        full_refused(v, 0, ENOSPC);
        MUST(lfvec_reserve(v, 1) == -ENOSPC && lfvec_trim(v) == 0 && lfvec_clear(v) == 0);
        full_expect(v, 0);
        unit_sound(v);
        full_drop_ballast();
    }
    MUST(!err && room > 0);
    full_drop_ballast();
    full_again(v, fill(v, 1, 0));
    MUST(lfvec_detach(v) == 0);
}
END_TEST

Suite *full_tmpfs_suite(void)
{
    Suite *s = suite_create("tmpfs");
    TCase *t = unit_case(s, "tmpfs", 120);
    tcase_add_loop_test(t, push_to_the_brim, 0, SIZES * WAYS);
    tcase_add_loop_test(t, reserve_to_the_brim, 0, SIZES);
    tcase_add_loop_test(t, room_made_by_others, 0, SIZES);
    tcase_add_loop_test(t, creation_needs_room, 0, 2);
    tcase_add_loop_test(t, first_push_needs_room, 0, SIZES);
    return s;
}
