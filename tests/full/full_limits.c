/*
 * full_limits.c - the limits that are not memory: RLIMIT_FSIZE, whose signal must not come, RLIMIT_AS, max_elems and max_bytes. What is
 * there stays, what is beyond is refused, and what was popped can be pushed again.
 */
#include "full.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static const uint32_t sizes[] = {8, 24, 3000};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* The soft limit, so that it can be lifted again. */
static void limit(enum __rlimit_resource which, rlim_t to)
{
    struct rlimit both;
    MUST(getrlimit(which, &both) == 0);
    both.rlim_cur = to < both.rlim_max ? to : both.rlim_max;
    MUST(setrlimit(which, &both) == 0);
}

static void lift(enum __rlimit_resource which)
{
    limit(which, RLIM_INFINITY);
}

static void attr(struct lfvec_attr *a, uint32_t elem_size)
{
    unit_attr(a, elem_size);
    a->max_slots = 8;
    a->max_bytes = 64 * MIB;
    full_name = unit_name();
}

static lfvec_t *make(const struct lfvec_attr *a)
{
    lfvec_t *v = lfvec_open(full_name, LFVEC_CREATE | LFVEC_EXCL, a);
    MUST_MSG(v != NULL, "%s", lfvec_last_error());
    return v;
}

/* ---- RLIMIT_FSIZE ---------------------------------------------------------------------------------------------------------------------- */

/* The signal that the kernel sends beyond the limit kills, as by default: that it does not come is what is tested. */
static void deadly(void)
{
    struct sigaction now;
    MUST(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
    MUST(sigaction(SIGXFSZ, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
}

static uint64_t object_bytes(void)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "/dev/shm%s", full_name);
    MUST(stat(path, &st) == 0);
    return (uint64_t)st.st_size;
}

/* Check writes to files of its own, so nothing of it is called while the limit is in force; MUST is quiet as long as it holds. */
START_TEST(file_size)
{
    struct lfvec_attr a;
    int err;
    deadly();
    attr(&a, sizes[_i]);
    lfvec_t *v = make(&a);
    const struct full_proc other = full_start(); /* without a limit */
    uint64_t n = full_push(v, 0, 100, 0, &err);
    limit(RLIMIT_FSIZE, object_bytes() + 300000);
    n = full_push(v, n, 3000000, 0, &err);
    MUST_MSG(err == -ENOSPC, "%d with %llu elements", err, (unsigned long long)n);
    MUST(n * sizes[_i] > 150000);
    full_refused(v, n, ENOSPC);
    MUST(lfvec_reserve(v, 2 * n) == -ENOSPC);
    full_expect(v, n);
    full_pop(v, n - 50, n);
    MUST(full_push(v, n - 50, n, 0, &err) == n);
    MUST(full_do(&other, full_attach, 0, 0) == 0);
    MUST(full_do(&other, full_pushes, n, 2 * n) == (int64_t)(2 * n)); /* others may go beyond our limit, and we follow them there */
    full_expect(v, 2 * n);
    full_pop(v, n, 2 * n);
    limit(RLIMIT_FSIZE, 0);
    const uint64_t m = full_push(v, n, 3 * n, 0, &err); /* what the other one has emptied is there */
    MUST(err == -ENOSPC && m > n);
    full_refused(v, m, ENOSPC);
    full_expect(v, m);
    lift(RLIMIT_FSIZE);
    MUST(full_do(&other, full_detach, 0, 0) == 0);
    full_end(&other);
    deadly();
    MUST(full_push(v, m, 3 * n, 0, &err) == 3 * n);
    full_again(v, 3 * n);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

START_TEST(file_size_at_creation)
{
    struct lfvec_attr a;
    lfvec_t *v = NULL;
    rlim_t most = 0;
    deadly();
    attr(&a, 8);
    for (; !v; most += 1024) {
        limit(RLIMIT_FSIZE, most);
        v = lfvec_open(full_name, LFVEC_CREATE, &a);
        const int err = errno;
        if (!v) {
            MUST(err == ENOSPC && strstr(lfvec_last_error(), "ulimit -f"));
            MUST(lfvec_open(full_name, 0, NULL) == NULL && errno == ENOENT);
        }
    }
    lift(RLIMIT_FSIZE);
    MUST(most > 8192 && most < 256 * 1024);
    unit_fill(v, 0, 1000);
    unit_expect(v, 1000);
    unit_sound(v);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* ---- RLIMIT_AS ------------------------------------------------------------------------------------------------------------------------- */

static const char *lacks_address_limits(void)
{
    return UNIT_SANITIZED ? "a sanitizer reserves more address space than any limit would leave" : unit_lacks_address_limits();
}

static uint64_t address_space(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    MUST(f && fscanf(f, "%llu", &pages) == 1);
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int64_t attach_within(uint64_t bytes, uint64_t flags)
{
    const uint64_t now = address_space();
    limit(RLIMIT_AS, now + bytes);
    const int64_t err = full_attach(flags, 0);
    lift(RLIMIT_AS); /* what is mapped stays as small as it is */
    MUST(full_mine || (strstr(lfvec_last_error(), full_name) && strstr(lfvec_last_error(), "ulimit -v")));
    return err;
}

static int64_t refuses(uint64_t n, uint64_t how)
{
    full_refused(full_mine, n, (int)how);
    return lfvec_reserve(full_mine, 4 * n);
}

static int64_t again(uint64_t n, uint64_t unused)
{
    (void)unused;
    full_again(full_mine, n);
    return 0;
}

static int64_t audits(uint64_t unused, uint64_t unused_too)
{
    struct lfvec_audit a;
    (void)unused;
    (void)unused_too;
    const int err = lfvec_check(full_mine, &a);
    MUST_MSG(!a.fault, "%s", a.message);
    return err;
}

/* Elements beyond what we could map are there, for others; ours we have. */
static int64_t reads_up_to(uint64_t n, uint64_t all)
{
    unsigned char elem[FULL_ELEM_MOST];
    uint64_t ours = 0, theirs = 0;
    MUST(lfvec_size(full_mine) == all);
    for (uint64_t i = 0; i < all; i++) {
        const int err = lfvec_get(full_mine, i, elem);
        MUST_MSG(err == 0 || (err == -ENOMEM && i >= n), "element %llu: %d", (unsigned long long)i, err);
        MUST(err || full_is(elem, lfvec_elem_size(full_mine), i, 0));
        ours += !err;
        theirs += err != 0;
    }
    MUST(ours >= n && theirs > 0);
    MUST(lfvec_push(full_mine, elem, NULL) == -ENOMEM && lfvec_pop(full_mine, elem) == -ENOMEM && lfvec_size(full_mine) == all);
    return 0;
}

START_TEST(address_space_at_open)
{
    UNIT_NEEDS(lacks_address_limits);
    struct lfvec_attr a;
    int err;
    attr(&a, sizes[_i]);
    lfvec_t *v = make(&a);
    const struct full_proc p = full_start();
    const uint64_t n = full_push(v, 0, 8 * MIB / sizes[_i], 0, &err);
    MUST(full_do(&p, attach_within, MIB, 0) == -ENOMEM && full_do(&p, attach_within, MIB, LFVEC_RDONLY) == -ENOMEM);
    MUST(full_do(&p, full_attach, 0, 0) == 0 && full_do(&p, full_reads, n, 0) == 0 && full_do(&p, full_detach, 0, 0) == 0);
    full_end(&p);
    full_again(v, n);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

START_TEST(address_space_at_growth)
{
    UNIT_NEEDS(lacks_address_limits);
    struct lfvec_attr a;
    int err;
    attr(&a, sizes[_i]);
    lfvec_t *v = make(&a);
    const struct full_proc p = full_start();
    MUST(full_push(v, 0, 1000, 0, &err) == 1000);
    MUST(full_do(&p, attach_within, 20 * MIB, 0) == 0);
    const uint64_t n = (uint64_t)full_do(&p, full_pushes, 1000, 10000000);
    MUST_MSG(n * sizes[_i] > 4 * MIB && n * sizes[_i] < 20 * MIB, "%llu elements", (unsigned long long)n);
    MUST(full_do(&p, refuses, n, ENOMEM) == -ENOMEM);
    MUST(full_do(&p, full_reads, n, 0) == 0 && full_do(&p, again, n, 0) == 0);
    full_expect(v, n);
    MUST(full_push(v, n, 2 * n, 0, &err) == 2 * n); /* who may map more goes on */
    MUST(full_do(&p, reads_up_to, n, 2 * n) == 0);
    full_expect(v, 2 * n);
    MUST(full_do(&p, audits, 0, 0) == -ENOMEM); /* what it cannot see is not damaged */
    full_pop(v, n, 2 * n);
    MUST(full_do(&p, full_detach, 0, 0) == 0);
    full_end(&p);
    full_again(v, n);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

/* ---- max_elems, max_bytes -------------------------------------------------------------------------------------------------------------- */

static void at_the_limit(lfvec_t *v, uint64_t n)
{
    full_refused(v, n, EOVERFLOW);
    full_expect(v, n);
    full_again(v, n);
    full_refused(v, n, EOVERFLOW);
}

START_TEST(most_elements)
{
    struct lfvec_attr a;
    int err;
    attr(&a, sizes[_i]);
    a.max_elems = 777;
    lfvec_t *v = make(&a);
    const struct full_proc other = full_start();
    MUST(full_push(v, 0, 1000, 100, &err) == 777 && err == -EOVERFLOW); /* of the last batch, what fits */
    at_the_limit(v, 777);
    MUST(lfvec_reserve(v, 777) == 0 && lfvec_reserve(v, 778) == -EOVERFLOW && lfvec_capacity(v) == 777);
    MUST(full_do(&other, full_attach, 0, 0) == 0);
    MUST(full_do(&other, full_pushes, 777, 778) == -EOVERFLOW && full_do(&other, full_pops, 400, 777) == 0);
    MUST(full_do(&other, full_pushes, 400, 1000) == 777 && full_do(&other, full_reads, 777, 0) == 0);
    MUST(lfvec_clear(v) == 0 && full_push(v, 0, 1000, 0, &err) == 777 && err == -EOVERFLOW);
    at_the_limit(v, 777);
    full_end(&other);
    MUST(lfvec_detach(v) == 0);
}
END_TEST

START_TEST(most_bytes)
{
    struct lfvec_attr a;
    int err;
    lfvec_t *v = NULL;
    attr(&a, sizes[_i]);
    for (a.max_bytes = 4096; !v && a.max_bytes < MIB; a.max_bytes += 4096) { /* too little for a single slab */
        v = lfvec_open(full_name, LFVEC_CREATE, &a);
        MUST(v || (errno == EOVERFLOW && lfvec_open(full_name, 0, NULL) == NULL && errno == ENOENT));
    }
    MUST(v != NULL && lfvec_detach(v) == 0 && lfvec_unlink(full_name) == 0);
    a.max_bytes = MIB;
    v = make(&a);
    const uint64_t n = full_push(v, 0, UINT64_MAX / 2, (uint64_t)_i * 50, &err);
    MUST(err == -EOVERFLOW && n * sizes[_i] > MIB / 2 && object_bytes() <= MIB);
    at_the_limit(v, n);
    MUST(lfvec_reserve(v, n) == 0 && lfvec_reserve(v, 2 * n) == -EOVERFLOW);
    MUST(lfvec_clear(v) == 0 && full_push(v, 0, UINT64_MAX / 2, 0, &err) >= n && err == -EOVERFLOW);
    const uint64_t most = lfvec_size(v);
    at_the_limit(v, most);
    MUST(lfvec_detach(v) == 0);
    v = unit_open(full_name, 0);
    at_the_limit(v, most);
    MUST(object_bytes() <= MIB && lfvec_detach(v) == 0);
}
END_TEST

Suite *full_limits_suite(void)
{
    Suite *s = suite_create("limits");
    TCase *t = unit_case(s, "limits", 120);
    tcase_add_loop_test(t, file_size, 0, SIZES);
    tcase_add_test(t, file_size_at_creation);
    tcase_add_loop_test(t, address_space_at_open, 0, SIZES);
    tcase_add_loop_test(t, address_space_at_growth, 0, SIZES);
    tcase_add_loop_test(t, most_elements, 0, SIZES);
    tcase_add_loop_test(t, most_bytes, 0, SIZES);
    return s;
}
