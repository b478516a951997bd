/*
 * check_errno_full.c - what an operation says that finds no room: max_elems, max_bytes, RLIMIT_AS, RLIMIT_FSIZE, a full /dev/shm. All
 * that is there stays, the vector goes on working, and what was refused takes nothing.
 */
#include "holdings.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- full ---------------------------------------------------------------------------------------------------------------------------- */

START_TEST(test_eoverflow_max_elems)
{
    static const uint64_t most[] = {1, 63, 64, 65, 1000};
    for (int i = 0; i < 5; i++) {
        struct lfvec_attr a;
        unit_attr(&a, 8);
        a.max_elems = most[i];
        lfvec_t *v = unit_make(&a);
        ck_assert_uint_eq(holdings_fill_until(v, -EOVERFLOW), most[i]);
        holdings_go_on_full(v, most[i], -EOVERFLOW);
        RETURNS(0, lfvec_set_u64(v, most[i] - 1, most[i] - 1)); /* changes no size */
        RETURNS(0, lfvec_reserve(v, most[i]));
        REFUSES(v, -EOVERFLOW, lfvec_reserve(v, most[i] + 1));
        REFUSES(v, -EOVERFLOW, lfvec_reserve(v, UINT64_MAX));
        ck_assert_uint_eq(lfvec_capacity(v), most[i]);
        RETURNS(0, lfvec_detach(v));
    }
}
END_TEST

/* In a vector that has room for much less so far. */
START_TEST(test_eoverflow_reserve)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_elems = 100000;
    lfvec_t *v = unit_make(&a);
    unit_fill(v, 0, 10);
    REFUSES(v, -EOVERFLOW, lfvec_reserve(v, a.max_elems + 1));
    REFUSES(v, -EOVERFLOW, lfvec_reserve(v, UINT64_MAX));
    RETURNS(0, lfvec_reserve(v, a.max_elems));
    ck_assert_uint_eq(lfvec_capacity(v), a.max_elems);
    REFUSES(v, -EOVERFLOW, lfvec_reserve(v, a.max_elems + 1));
    unit_expect(v, 10);
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_eoverflow_max_bytes)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_bytes = 1 << 20;
    lfvec_t *v = unit_make(&a);
    const uint64_t n = holdings_fill_until(v, -EOVERFLOW);
    ck_assert_uint_gt(n * 8, (1 << 20) / 2); /* the greater part is elements */
    holdings_go_on_full(v, n, -EOVERFLOW);
    REFUSES(v, -EOVERFLOW, lfvec_reserve(v, n + 100000));
    unit_expect(v, n);
    ck_assert_uint_le(unit_stat(v).bytes_committed, 1 << 20);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_eoverflow_at_creation)
{
    struct lfvec_attr a;
    const char *name = unit_name();
    lfvec_attr_init(&a);
    a.max_bytes = 200000; /* less than the slots of 128 participants and one slab */
    open_fails(EOVERFLOW, name, LFVEC_CREATE, &a);
    open_fails(ENOENT, name, 0, NULL); /* nothing is left */
}
END_TEST

static bool pop_all(lfvec_t *v, uint64_t n)
{
    uint64_t x;
    while (n && lfvec_pop_u64(v, &x) == 0 && x == n - 1)
        n--;
    return n == 0 && lfvec_pop_u64(v, &x) == -EAGAIN;
}

static void fill_up_bytes(void *arg)
{
    (void)holdings_fill_until(arg, -EOVERFLOW);
}

/*
 * Who filled it is gone, and who pops held a slot of its own before, so that it does not inherit: there must be room for its pushes in what
 * it popped.
 */
START_TEST(test_full_and_its_owner_gone)
{
    struct lfvec_attr a;
    uint64_t x;
    unit_attr(&a, 8);
    a.max_bytes = 1 << 20;
    lfvec_t *v = unit_make(&a);
    RETURNS(-EAGAIN, lfvec_pop_u64(v, &x));
    unit_in_thread(fill_up_bytes, v);
    ck_assert(pop_all(v, lfvec_size(v)));
    RETURNS(0, lfvec_push_u64(v, 0));
    unit_fill(v, 1, 1000);
    unit_expect(v, 1000);
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* The same, with lfvec_trim() to give back what the vector keeps for reuse. */
START_TEST(test_full_and_trimmed)
{
    struct lfvec_attr a;
    uint64_t x;
    unit_attr(&a, 8);
    a.max_bytes = 1 << 20;
    lfvec_t *v = unit_make(&a);
    RETURNS(-EAGAIN, lfvec_pop_u64(v, &x));
    unit_in_thread(fill_up_bytes, v);
    const uint64_t n = lfvec_size(v);
    ck_assert(pop_all(v, n));
    RETURNS(0, lfvec_trim(v));
    ck_assert_uint_ge(lfvec_capacity(v), n);
    unit_fill(v, 0, n);
    unit_expect(v, n);
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

static void limit_address_space(uint64_t more)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert(f && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    const rlim_t bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes}), 0);
}

/* A segment larger than this process may map: elements that it cannot reach are -ENOMEM, the others are at hand. */
START_TEST(test_enomem)
{
    UNIT_NEEDS(unit_lacks_address_limits);
    lfvec_t *v = unit_make(NULL);
    uint64_t x;
    unit_fill(v, 0, 100);
    const char *name = lfvec_name(v);
    limit_address_space(UINT64_C(3) << 29); /* 1.5 GiB of 4 */
    lfvec_t *small = unit_open(name, 0);
    unit_expect(small, 100);
    unit_fill(v, 100, 200000);
    RETURNS(0, lfvec_get_u64(small, 199999, &x));
    RETURNS(0, lfvec_push_u64(small, 200000));
    unit_sound(v);
    RETURNS(0, lfvec_detach(small));
    limit_address_space(16 << 20); /* less than the segment has, and enough for valgrind */
    open_fails(ENOMEM, name, 0, NULL);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- a small /dev/shm ---------------------------------------------------------------------------------------------------------------- */

static bool mount_small_shm(const char *size)
{
    char options[32];
    snprintf(options, sizeof options, "size=%s", size);
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("lfvec-test", "/dev/shm", "tmpfs", 0, options) == 0;
}

/* Tried in a child of its own: a test that cannot run must be skipped by the test, not fail in its child. */
static bool small_shm_possible(void)
{
    int status = 1;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0)
        _exit(!mount_small_shm("64k"));
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

#define NEEDS_SMALL_SHM                                                                                                                    \
    if (!small_shm_possible())                                                                                                             \
    UNIT_SKIP("a small tmpfs cannot be mounted over /dev/shm: not root, or no mount namespaces")

static void create_in_full(void *arg)
{
    (void)arg;
    const char *name = unit_name();
    static char page[4096];
    ck_assert(mount_small_shm("4m"));
    const int fd = open("/dev/shm/ballast", O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(posix_fallocate(fd, 0, (4 << 20) - 32768), 0);
    open_fails(ENOSPC, name, LFVEC_CREATE, NULL);
    open_fails(ENOENT, name, 0, NULL); /* not half of one */
    while (write(fd, page, sizeof page) > 0 || lseek(fd, 0, SEEK_END) < 4 << 20)
        ; /* to the last page */
    open_fails(ENOSPC, name, LFVEC_CREATE, NULL);
    open_fails(ENOENT, name, 0, NULL);
    ck_assert_int_eq(unlink("/dev/shm/ballast"), 0);
    close(fd);
    lfvec_t *v = unit_open(name, LFVEC_CREATE);
    unit_fill(v, 0, 1000);
    unit_expect(v, 1000);
    RETURNS(0, lfvec_detach(v));
}

START_TEST(test_enospc_at_creation)
{
    NEEDS_SMALL_SHM;
    unit_in_child(create_in_full, NULL);
}
END_TEST

static void push_in_full(void *arg)
{
    struct lfvec_attr *a = arg;
    uint64_t x;
    ck_assert(mount_small_shm("4m"));
    lfvec_t *v = unit_make(a);
    const uint64_t n = holdings_fill_until(v, -ENOSPC);
    ck_assert_uint_gt(n * 8, 3 << 20);
    holdings_go_on_full(v, n, -ENOSPC);
    RETURNS(-ENOSPC, lfvec_reserve(v, 2 * n)); /* what was committed before an error stays committed */
    REFUSES(v, -ENOSPC, lfvec_reserve(v, 2 * n));
    unit_expect(v, n);
    const int err = lfvec_set_u64(v, n / 2, n / 2); /* wants a leaf: there may be one */
    ck_assert(err == 0 || err == -ENOSPC);
    unit_expect(v, n);
    ck_assert_int_eq(mount("lfvec-test", "/dev/shm", "tmpfs", MS_REMOUNT, "size=8m"), 0); /* as the administrator would */
    ck_assert_uint_gt(holdings_fill_until(v, -ENOSPC), n + n / 2);
    RETURNS(0, lfvec_pop_u64(v, &x));
    unit_expect(v, lfvec_size(v));
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}

START_TEST(test_enospc_at_push)
{
    struct lfvec_attr a;
    NEEDS_SMALL_SHM;
    lfvec_attr_init(&a);
    unit_in_child(push_in_full, &a);
    a.flags = LFVEC_PREFAULT;
    unit_in_child(push_in_full, &a);
    a.slab_bytes = 65536;
    unit_in_child(push_in_full, &a);
}
END_TEST

/* RLIMIT_FSIZE is a limit of one process; the others go on. */
static void push_in_limit(void *arg)
{
    struct stat st;
    lfvec_t *v = unit_open(arg, 0);
    const int fd = shm_open(arg, O_RDONLY, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    const rlim_t bytes = (rlim_t)st.st_size + (1 << 20);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, bytes}), 0);
    const uint64_t n = holdings_fill_until(v, -ENOSPC);
    ck_assert_uint_gt(n * 8, (1 << 20) / 2);
    holdings_go_on_full(v, n, -ENOSPC);
    RETURNS(0, lfvec_detach(v));
}

START_TEST(test_enospc_file_size_limit)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    lfvec_t *v = unit_make(&a);
    unit_fill(v, 0, 1);
    unit_in_child(push_in_limit, (void *)lfvec_name(v));
    const uint64_t n = lfvec_size(v);
    unit_fill(v, n, 2 * n);
    unit_expect(v, 2 * n);
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

Suite *errno_full_suite(void)
{
    Suite *s = suite_create("errno_full");
    TCase *tc = unit_case(s, "errno_full", 60);
    tcase_add_test(tc, test_eoverflow_max_elems);
    tcase_add_test(tc, test_eoverflow_reserve);
    tcase_add_test(tc, test_eoverflow_max_bytes);
    tcase_add_test(tc, test_eoverflow_at_creation);
    tcase_add_test(tc, test_full_and_its_owner_gone);
    tcase_add_test(tc, test_full_and_trimmed);
    tcase_add_test(tc, test_enomem);
    tcase_add_test(tc, test_enospc_at_creation);
    tcase_add_test(tc, test_enospc_at_push);
    tcase_add_test(tc, test_enospc_file_size_limit);
    return s;
}
