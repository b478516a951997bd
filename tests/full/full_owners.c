/*
 * full_owners.c - memory that others own. What holds no element can be had by who needs it: its owner is at rest, stopped, or dead. And what
 * could not be completed is given back.
 */
#include "full.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20, SHM_BYTES = 4 * MIB, SLAB_BYTES = 65536 };

static const uint32_t sizes[] = {1, 8, 24, 3000};
enum { SIZES = sizeof sizes / sizeof *sizes, OWNERS = 3 };
enum owner { AT_REST, STOPPED, KILLED };

/* Full by bytes, or by what /dev/shm has. */
static lfvec_t *make(uint32_t elem_size, uint64_t max_bytes)
{
    struct lfvec_attr a;
    unit_attr(&a, elem_size);
    a.slab_bytes = SLAB_BYTES;
    a.max_slots = 8;
    a.max_bytes = max_bytes;
    full_name = unit_name();
    lfvec_t *v = lfvec_open(full_name, LFVEC_CREATE | LFVEC_EXCL, &a);
    MUST_MSG(v != NULL, "%s", lfvec_last_error());
    return v;
}

static int64_t fill(uint64_t unused, uint64_t unused_too)
{
    int err;
    (void)unused, (void)unused_too;
    const uint64_t n = full_push(full_mine, 0, UINT64_MAX / 2, 0, &err);
    return err == -EOVERFLOW || err == -ENOSPC ? (int64_t)n : err;
}

static int64_t pop_all(uint64_t n, uint64_t unused)
{
    (void)unused;
    full_pop(full_mine, 0, n);
    return 0;
}

static void bring_to(const struct full_proc *p, enum owner state)
{
    int status;
    if (state == STOPPED)
        MUST(kill(p->pid, SIGSTOP) == 0 && waitpid(p->pid, &status, WUNTRACED) == p->pid && WIFSTOPPED(status));
    else if (state == KILLED)
        full_kill(p);
}

/* One process has filled all of it, and emptied it again; another gets all of that memory, but for the one slab that the first works in. */
START_TEST(emptied_by_its_owner)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    const uint32_t size = sizes[_i / OWNERS % SIZES];
    const enum owner state = (enum owner)(_i % OWNERS);
    const bool by_bytes = _i / OWNERS / SIZES;
    int err;
    if (state == KILLED)
        UNIT_NEEDS(unit_lacks_robust_locks);
    lfvec_t *v = make(size, by_bytes ? 2 * MIB : 0);
    const struct full_proc p = full_start();
    MUST(full_do(&p, full_attach, 0, 0) == 0);
    const int64_t n = full_do(&p, fill, 0, 0);
    MUST_MSG(n > 0, "%lld", (long long)n);
    MUST(full_do(&p, pop_all, (uint64_t)n, 0) == 0);
    bring_to(&p, state);
    const uint64_t slab = SLAB_BYTES / size, least = (uint64_t)n - slab;
    MUST_MSG(lfvec_capacity(v) >= least, "capacity %llu, %lld were there", (unsigned long long)lfvec_capacity(v), (long long)n);
    MUST_MSG(lfvec_reserve(v, least) == 0, "reserve %llu", (unsigned long long)least);
    const uint64_t m = full_push(v, 0, UINT64_MAX / 2, 0, &err);
    MUST_MSG(err == (by_bytes ? -EOVERFLOW : -ENOSPC) && m >= least, "%llu of %lld, %d", (unsigned long long)m, (long long)n, err);
    MUST(state != KILLED || m + slab / 8 >= (uint64_t)n); /* the dead keep nothing but spares of a leaf or two */
    full_expect(v, m);
    unit_sound(v);
    full_refused(v, m, by_bytes ? EOVERFLOW : ENOSPC);
    if (state == STOPPED)
        MUST(kill(p.pid, SIGCONT) == 0);
    if (state != KILLED) { /* the owner of old finds others in its place, and goes on */
        MUST(full_do(&p, full_reads, m, 0) == 0 && full_do(&p, full_pops, m / 2, m) == 0);
        const int64_t end = full_do(&p, full_pushes, m / 2, m);
        MUST_MSG(end >= (int64_t)(m - slab), "pushed up to %lld of %llu", (long long)end, (unsigned long long)m);
        MUST(full_do(&p, full_reads, (uint64_t)end, 0) == 0);
        full_end(&p);
    }
    unit_sound(v);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* Each of several has taken leaves here and there; then most is popped by one of them, and the rest of the memory is his. */
static int64_t set_some(uint64_t n, uint64_t which)
{
    unsigned char elem[FULL_ELEM_MOST];
    for (uint64_t i = which * 64; i < n; i += 256) {
        full_elem(elem, lfvec_elem_size(full_mine), i, 0);
        const int err = lfvec_set(full_mine, i, elem);
        MUST_MSG(err == 0, "set: %d", err);
    }
    return 0;
}

START_TEST(scattered_among_owners)
{
    enum { PROCS = 3 };
    FULL_SHM_OR_SKIP(2 * SHM_BYTES);
    struct full_proc p[PROCS];
    int err;
    lfvec_t *v = make(8, 4 * MIB);
    for (int i = 0; i < PROCS; i++)
        p[i] = full_start();
    full_mine = v;
    const uint64_t n = full_push(v, 0, 150000, 0, &err), left = 1000;
    MUST(n == 150000);
    for (uint64_t i = 0; i < PROCS; i++)
        MUST(full_do(&p[i], full_attach, 0, 0) == 0 && full_do(&p[i], set_some, n, i) == 0);
    full_expect(v, n);
    full_pop(v, left, n);
    const uint64_t m = full_push(v, left, UINT64_MAX / 2, 0, &err), all = 4 * MIB / SLAB_BYTES - 1 - PROCS; /* slabs */
    MUST_MSG(err == -EOVERFLOW && m >= all * (SLAB_BYTES / 8) * 7 / 8, "%llu elements, %d", (unsigned long long)m, err);
    full_expect(v, m);
    unit_sound(v);
    for (int i = 0; i < PROCS; i++)
        full_end(&p[i]);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* The room that is left is less than a slab: a claim that fails keeps nothing of it, and another segment can have it. */
START_TEST(failed_claim_keeps_nothing)
{
    FULL_SHM_OR_SKIP(24 * MIB);
    struct lfvec_attr a;
    int err;
    unit_attr(&a, 8);
    a.slab_bytes = 8 * MIB;
    a.leaf_bytes = 4096;
    a.max_slots = 8;
    lfvec_t *v = unit_make(&a);
    const uint64_t before = full_free_bytes(), n = full_push(v, 0, UINT64_MAX / 2, 0, &err);
    MUST_MSG(err == -ENOSPC && n > MIB, "%llu elements, %d", (unsigned long long)n, err);
    const uint64_t left = full_free_bytes();
    MUST_MSG(before - left < 17 * MIB && left > 6 * MIB, "%llu bytes free before, %llu when it is full", (unsigned long long)before,
             (unsigned long long)left);
    full_refused(v, n, ENOSPC);
    MUST(full_free_bytes() == left);
    full_expect(v, n);
    a.slab_bytes = SLAB_BYTES;
    lfvec_t *w = unit_make(&a);
    MUST(full_push(w, 0, 4 * MIB / 8, 0, &err) == 4 * MIB / 8);
    full_expect(w, 4 * MIB / 8);
    MUST(lfvec_detach(w) == 0 && lfvec_detach(v) == 0);
}
END_TEST

/* ---- a cgroup -------------------------------------------------------------------------------------------------------------------------- */

static bool write_to(const char *group, const char *file, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, file);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return written;
}

static const char *limit_file;

/*
 * A cgroup with so much memory, of whatever version there is: its folder. At the limit the kernel would kill; it refuses pages where it may not
 * (version 1: it is told so; version 2: there is nobody that it may kill).
 */
static bool make_group(char *group, size_t room, const char *limit)
{
    static const char *const where[][2] = {{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"}};
    for (size_t i = 0; i < 2; i++) {
        snprintf(group, room, "%s/lfvec-test-%d", where[i][0], (int)getpid());
        limit_file = where[i][1];
        if (mkdir(group, 0755) != 0)
            continue;
        if (write_to(group, limit_file, limit) && (i || write_to(group, "memory.oom_control", "1")))
            return true;
        rmdir(group);
    }
    return false;
}

static int64_t join_group(uint64_t group, uint64_t version_2)
{
    if (version_2 && !write_to("/proc/self", "oom_score_adj", "-1000"))
        return -1;
    return write_to((const char *)group, "cgroup.procs", "0") ? 0 : -1;
}

static int64_t fill_and_say(uint64_t from, uint64_t to)
{
    int err;
    const uint64_t n = full_push(full_mine, from, to, 0, &err);
    if (n < to)
        MUST_MSG(err == -ENOSPC && strstr(lfvec_last_error(), "cgroup"), "%d: %s", err, lfvec_last_error());
    return (int64_t)n;
}

/* The kernel gives this process no more pages, although /dev/shm has room: that is a want of memory like another, until it has. */
START_TEST(limit_of_a_cgroup)
{
    static char group[128];
    FULL_SHM_OR_SKIP(64 * MIB);
    if (!make_group(group, sizeof group, "16777216"))
        UNIT_SKIP("no cgroup with a limit on memory may be made here");
    lfvec_t *v = make(8, 0);
    const struct full_proc p = full_start();
    const int64_t joined = full_do(&p, join_group, (uintptr_t)group, strcmp(limit_file, "memory.max") == 0);
    if (joined == 0) {
        MUST(full_do(&p, full_attach, 0, 0) == 0);
        const int64_t n = full_do(&p, fill_and_say, 0, UINT64_MAX / 2), more = n + MIB;
        MUST_MSG(n > 4 * MIB / 8, "%lld", (long long)n);
        full_expect(v, (uint64_t)n);
        MUST(write_to(group, limit_file, "67108864"));
        int64_t end = n;
        for (uint32_t tries = 0; end < more && tries < 1000000; tries++) /* the kernel is left alone for a while after a refusal */
            end = full_do(&p, fill_and_say, (uint64_t)end, (uint64_t)more);
        MUST(end == more);
        full_expect(v, (uint64_t)more);
    }
    full_end(&p);
    MUST(rmdir(group) == 0 || errno == EBUSY);
    MUST(lfvec_detach(v) == 0);
    if (joined != 0)
        UNIT_SKIP("no process may be moved to a cgroup, or kept from the OOM killer, here");
}
END_TEST

Suite *full_owners_suite(void)
{
    Suite *s = suite_create("owners");
    TCase *t = unit_case(s, "owners", 120);
    tcase_add_loop_test(t, emptied_by_its_owner, 0, 2 * SIZES * OWNERS);
    tcase_add_test(t, scattered_among_owners);
    tcase_add_test(t, failed_claim_keeps_nothing);
    tcase_add_test(t, limit_of_a_cgroup);
    return s;
}
