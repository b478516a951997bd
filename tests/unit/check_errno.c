/*
 * check_errno.c - every error that lfvec.h promises, provoked; the sentence that goes with it; errno left alone by what returns an error;
 * and that the vector goes on working afterwards with nothing lost (G4).
 */
#include "suites.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* lfvec_open() fails like this, with a sentence that names the segment. */
static void open_fails(int want, const char *name, int flags, const struct lfvec_attr *attr)
{
    errno = UNTOUCHED;
    lfvec_t *v = lfvec_open(name, flags, attr);
    MUST_MSG(v == NULL, "%s opens", name);
    MUST_MSG(errno == want, "%s: %s instead of %s: %s", name, strerror(errno), strerror(want), lfvec_last_error());
    MUST_MSG(strstr(lfvec_last_error(), name), "no name in \"%s\"", lfvec_last_error());
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------------- */

START_TEST(test_einval)
{
    static const char *const bad[] = {"", "x", "/", "/a/b", "/.."};
    struct lfvec_attr a;
    const char *name = unit_name();
    for (int i = 0; i < 5; i++) {
        open_fails(EINVAL, bad[i], LFVEC_CREATE, NULL);
        RETURNS(-EINVAL, lfvec_unlink(bad[i]));
    }
    errno = 0;
    ck_assert(!lfvec_attach(NULL) && errno == EINVAL);
    RETURNS(-EINVAL, lfvec_unlink(NULL));
    open_fails(EINVAL, name, 16, NULL);
    open_fails(EINVAL, name, LFVEC_CREATE | LFVEC_RDONLY, NULL);
    unit_attr(&a, 65537);
    open_fails(EINVAL, name, LFVEC_CREATE, &a);
    unit_attr(&a, 65536);
    a.slab_bytes = 65536; /* less than two elements */
    open_fails(EINVAL, name, LFVEC_CREATE, &a);
    unit_attr(&a, 8);
    a.slab_bytes = a.leaf_bytes = 65536; /* less than two leaves */
    open_fails(EINVAL, name, LFVEC_CREATE, &a);
    memset(&a, 0, sizeof a); /* lfvec_attr_init() forgotten */
    open_fails(EINVAL, name, LFVEC_CREATE, &a);
    open_fails(ENOENT, name, 0, NULL); /* none of these made one */
}
END_TEST

/* What may be NULL, and other arguments that may not be what they are. */
START_TEST(test_einval_arguments)
{
    uint64_t x = 0;
    lfvec_t *v = unit_make(NULL);
    lfvec_attr_init(NULL);
    RETURNS(0, lfvec_push(v, &x, NULL));
    RETURNS(1, lfvec_push_n(v, &x, 1, NULL));
    RETURNS(0, lfvec_push_n(v, NULL, 0, NULL));
    RETURNS(0, lfvec_pop_n(v, NULL, 0));
    RETURNS(0, lfvec_get_n(v, 0, NULL, 0));
    RETURNS(0, lfvec_get_n(v, 2, NULL, 0)); /* no element is asked for beyond the size */
    RETURNS(0, lfvec_snapshot(v, 0, NULL, 0, NULL));
    RETURNS(0, lfvec_fetch_add_u64(v, 0, 1, NULL));
    RETURNS(0, lfvec_recover(v, NULL));
    RETURNS(0, lfvec_recover_slot(v, 1, NULL));
    RETURNS(-EBUSY, lfvec_recover_forced(v, 1, NULL));
    RETURNS(0, lfvec_check(v, NULL));
    RETURNS(-EINVAL, lfvec_push_n(v, &x, SIZE_MAX, NULL));
    RETURNS(-EINVAL, lfvec_pop_n(v, &x, SIZE_MAX));
    RETURNS(-EINVAL, lfvec_get_n(v, 0, &x, SIZE_MAX));
    RETURNS(-ERANGE, lfvec_snapshot(v, 0, &x, SIZE_MAX, NULL));
    RETURNS(-EINVAL, lfvec_push_sized(v, &x, 4, NULL));
    RETURNS(-EINVAL, lfvec_pop_sized(v, &x, 16));
    RETURNS(-EINVAL, lfvec_get_sized(v, 0, &x, 0));
    RETURNS(-EINVAL, lfvec_set_sized(v, 0, &x, 7));
    RETURNS(-EINVAL, lfvec_ack(v)); /* no lease */
    RETURNS(-EINVAL, lfvec_release(v));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- attributes of another header ------------------------------------------------------------------------------------------------------ */

/* What a newer header may call a struct lfvec_attr. */
struct newer_attr {
    struct lfvec_attr known;
    uint64_t more[2];
};

static lfvec_t *open_newer(const struct newer_attr *a, const char *name)
{
    return lfvec_open(name, LFVEC_CREATE, &a->known);
}

START_TEST(test_attr_of_another_header)
{
    static const uint32_t bad[] = {0, 1, 4, sizeof(struct lfvec_attr) - 1, 4097, UINT32_MAX};
    struct newer_attr a;
    const char *name = unit_name();
    memset(&a, 0, sizeof a);
    lfvec_attr_init(&a.known);
    a.known.elem_size = 24;
    a.known.max_elems = 1000; /* or it takes more address space than valgrind has */
    ck_assert_uint_eq(a.known.struct_size, sizeof a.known);
    for (unsigned int i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        a.known.struct_size = bad[i];
        open_fails(EINVAL, name, LFVEC_CREATE, &a.known);
        ck_assert_ptr_nonnull(strstr(lfvec_last_error(), "struct_size"));
    }
    a.known.struct_size = sizeof a;
    ((unsigned char *)a.more)[sizeof a.more - 1] = 1; /* asks for what this library does not know */
    open_fails(EINVAL, name, LFVEC_CREATE, &a.known);
    ((unsigned char *)a.more)[sizeof a.more - 1] = 0;
    open_fails(ENOENT, name, 0, &a.known); /* none of these made one */
    lfvec_t *v = open_newer(&a, name);
    MUST_MSG(v, "%s", lfvec_last_error());
    ck_assert_uint_eq(lfvec_elem_size(v), 24);
    lfvec_t *w = open_newer(&a, name);
    ck_assert_ptr_nonnull(w);
    a.known.elem_size = 8;
    open_fails(EPROTO, name, 0, &a.known); /* what is known counts */
    RETURNS(0, lfvec_detach(w));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- a segment that is there, and not finished ------------------------------------------------------------------------------------------ */

START_TEST(test_half_made)
{
    const char *name = unit_name();
    const int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600); /* as far as a creator came who was killed */
    ck_assert_int_ge(fd, 0);
    close(fd);
    open_fails(ENOENT, name, 0, NULL);
    open_fails(ENOENT, name, LFVEC_RDONLY, NULL);
    lfvec_t *v = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, NULL); /* it does not count as existing */
    MUST_MSG(v, "%s", lfvec_last_error());
    unit_fill(v, 0, 10);
    open_fails(EEXIST, name, LFVEC_CREATE | LFVEC_EXCL, NULL);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_names_and_existence)
{
    char name[300];
    const char *own = unit_name();
    struct lfvec_attr a;
    lfvec_attr_init(&a);
    memset(name, 'n', sizeof name);
    name[0] = '/';
    name[255] = '\0';
    errno = 0;
    ck_assert(!lfvec_open(name, LFVEC_CREATE, NULL) && errno == ENAMETOOLONG);
    ck_assert_ptr_nonnull(strstr(lfvec_last_error(), "/nnnnnnnn"));
    RETURNS(-ENAMETOOLONG, lfvec_unlink(name));
    open_fails(ENOENT, own, 0, NULL);
    open_fails(ENOENT, own, LFVEC_RDONLY, &a);
    open_fails(ENOENT, own, LFVEC_EXCL, NULL); /* means nothing without LFVEC_CREATE */
    RETURNS(-ENOENT, lfvec_unlink(own));
    ck_assert_ptr_nonnull(strstr(lfvec_last_error(), own));
    errno = UNTOUCHED;
    lfvec_t *v = lfvec_open(own, LFVEC_CREATE | LFVEC_EXCL, NULL);
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(errno, UNTOUCHED);
    ck_assert_str_eq(lfvec_last_error(), ""); /* empty after a success */
    open_fails(EEXIST, own, LFVEC_CREATE | LFVEC_EXCL, NULL);
    RETURNS(0, lfvec_unlink(own));
    ck_assert_str_eq(lfvec_last_error(), "");
    RETURNS(0, lfvec_is_current(v));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_eproto)
{
    struct lfvec_attr a, b;
    unit_attr(&a, 16);
    a.elem_tag = 77;
    lfvec_t *v = unit_make(&a);
    const char *name = lfvec_name(v);
    b = a;
    b.elem_size = 8;
    open_fails(EPROTO, name, 0, &b);
    open_fails(EPROTO, name, LFVEC_CREATE, &b);
    open_fails(EPROTO, name, LFVEC_RDONLY, &b);
    b = a;
    b.elem_tag = 78;
    open_fails(EPROTO, name, 0, &b);
    b.elem_tag = 0;                                      /* any */
    b.leaf_bytes = 1024, b.max_slots = 3, b.mode = 0666; /* count at creation only */
    lfvec_t *w = lfvec_open(name, 0, &b);
    ck_assert_ptr_nonnull(w);
    ck_assert_uint_eq(unit_stat(w).leaf_bytes, 512);
    ck_assert_uint_eq(unit_stat(w).elem_tag, 77);
    RETURNS(0, lfvec_detach(w));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

static void drop_root(void)
{
    if (geteuid() == 0)
        ck_assert(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
}

static void try_forbidden(void *arg)
{
    const bool was_root = geteuid() == 0;
    drop_root();
    open_fails(EACCES, arg, 0, NULL);
    open_fails(EACCES, arg, LFVEC_CREATE, NULL);
    if (was_root) { /* another user's */
        open_fails(EACCES, arg, LFVEC_RDONLY, NULL);
        RETURNS(-EACCES, lfvec_unlink(arg));
        ck_assert_ptr_nonnull(strstr(lfvec_last_error(), arg));
    }
}

START_TEST(test_eacces)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.mode = 0600;
    lfvec_t *v = unit_make(&a);
    char path[128];
    snprintf(path, sizeof path, "/dev/shm%s", lfvec_name(v));
    if (geteuid() != 0)
        ck_assert_int_eq(chmod(path, 0400), 0); /* one's own, but not for writing */
    unit_in_child(try_forbidden, (void *)lfvec_name(v));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

static void read_as_another(void *arg)
{
    drop_root();
    open_fails(EACCES, arg, 0, NULL);
    unit_expect(unit_open(arg, LFVEC_RDONLY), 10);
}

START_TEST(test_readable_by_others)
{
    struct lfvec_attr a;
    if (geteuid() != 0)
        UNIT_SKIP("not root, so there is no other user to become");
    unit_attr(&a, 8);
    a.mode = 0644;
    lfvec_t *v = unit_make(&a);
    unit_fill(v, 0, 10);
    unit_in_child(read_as_another, (void *)lfvec_name(v));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

static void write_as_another(void *arg)
{
    drop_root();
    lfvec_t *v = unit_open(arg, LFVEC_CREATE);
    unit_fill(v, 10, 20);
    ck_assert_int_eq(lfvec_unlink(arg), -EACCES); /* /dev/shm is sticky */
    ck_assert_int_eq(lfvec_detach(v), 0);
}

START_TEST(test_writable_by_others)
{
    struct lfvec_attr a;
    if (geteuid() != 0)
        UNIT_SKIP("not root, so there is no other user to become");
    unit_attr(&a, 8);
    a.mode = 0666;
    lfvec_t *v = unit_make(&a);
    unit_fill(v, 0, 10);
    unit_in_child(write_as_another, (void *)lfvec_name(v));
    unit_expect(v, 20);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

static void look_as_another(void *arg)
{
    drop_root();
    RETURNS(1, lfvec_is_current(arg));
    ck_assert_int_eq(lfvec_detach(arg), 0);
}

/* A daemon that attaches as root and then becomes somebody else: the name still leads there, though not for it. */
START_TEST(test_current_without_privileges)
{
    if (geteuid() != 0)
        UNIT_SKIP("not root, so there is no other user to become");
    lfvec_t *v = unit_make(NULL);
    unit_in_child(look_as_another, v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_ebadmsg)
{
    const char *name = unit_name();
    const int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "a log file, perhaps\n", 20), 20);
    close(fd);
    open_fails(EBADMSG, name, 0, NULL);
    open_fails(EBADMSG, name, LFVEC_CREATE, NULL);
    open_fails(EBADMSG, name, LFVEC_CREATE | LFVEC_EXCL, NULL);
}
END_TEST

/* An object that no mapping holds is damaged, whatever is at its start; more address space would not help. */
START_TEST(test_ebadmsg_absurd_size)
{
    lfvec_t *v = unit_make(NULL);
    const int fd = shm_open(lfvec_name(v), O_RDWR, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)1 << 55), 0);
    close(fd);
    open_fails(EBADMSG, lfvec_name(v), 0, NULL);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* The field after the eight bytes of the magic: see check_segment.c for all of them. */
START_TEST(test_eprotonosupport)
{
    const uint32_t version = UINT32_MAX; /* one that there will not be */
    lfvec_t *v = unit_make(NULL);
    const int fd = shm_open(lfvec_name(v), O_RDWR, 0);
    ck_assert_int_eq(pwrite(fd, &version, sizeof version, 8), sizeof version);
    close(fd);
    open_fails(EPROTONOSUPPORT, lfvec_name(v), 0, NULL);
    open_fails(EPROTONOSUPPORT, lfvec_name(v), LFVEC_CREATE, NULL);
    struct lfvec_audit audit;
    RETURNS(-EBADMSG, lfvec_check(v, &audit)); /* it changed under us */
    ck_assert_uint_eq(audit.fault, LFVEC_FAULT_HEADER);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_emfile)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 10);
    const char *fresh = unit_name();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, limit.rlim_max}), 0);
    open_fails(EMFILE, lfvec_name(v), 0, NULL);
    open_fails(EMFILE, fresh, LFVEC_CREATE, NULL);
    RETURNS(1, lfvec_is_current(v)); /* needs no descriptor */
    unit_fill(v, 10, 5000);          /* needs no descriptor */
    unit_expect(v, 5000);
    RETURNS(0, lfvec_detach(v));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
END_TEST

/* It is the sentence of the last open or unlink, which succeeded. */
START_TEST(test_check_leaves_the_sentence)
{
    const uint32_t version = UINT32_MAX; /* one that there will not be */
    lfvec_t *v = unit_make(NULL);
    const int fd = shm_open(lfvec_name(v), O_RDWR, 0);
    ck_assert_int_eq(pwrite(fd, &version, sizeof version, 8), sizeof version);
    close(fd);
    ck_assert_str_eq(lfvec_last_error(), "");
    RETURNS(-EBADMSG, lfvec_check(v, NULL));
    ck_assert_str_eq(lfvec_last_error(), "");
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- operations ---------------------------------------------------------------------------------------------------------------------- */

START_TEST(test_ebadf)
{
    uint64_t x = 5;
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 10);
    lfvec_t *ro = unit_open(lfvec_name(v), LFVEC_RDONLY);
    for (int twice = 0; twice < 2; twice++) {
        RETURNS(-EBADF, lfvec_push(ro, &x, NULL));
        RETURNS(-EBADF, lfvec_pop(ro, &x));
        RETURNS(-EBADF, lfvec_set(ro, 0, &x));
        RETURNS(-EBADF, lfvec_clear(ro));
        RETURNS(-EBADF, lfvec_trim(ro));
        RETURNS(-EBADF, lfvec_push_n(ro, &x, 1, NULL));
        RETURNS(-EBADF, lfvec_pop_n(ro, &x, 1));
        RETURNS(-EBADF, lfvec_pop_wait(ro, &x, NULL));
        RETURNS(-EBADF, lfvec_pop_lease(ro, &x));
        RETURNS(-EBADF, lfvec_ack(ro));
        RETURNS(-EBADF, lfvec_release(ro));
        RETURNS(-EBADF, lfvec_cas_u64(ro, 0, &x, 1));
        RETURNS(-EBADF, lfvec_fetch_add_u64(ro, 0, 1, NULL));
        RETURNS(-EBADF, lfvec_reserve(ro, 1000));
        RETURNS(-EBADF, lfvec_recover(ro, NULL));
        RETURNS(-EBADF, lfvec_recover_slot(ro, 1, NULL));
        RETURNS(-EBADF, lfvec_recover_forced(ro, 1, NULL));
        RETURNS(0, lfvec_push_u64(v, 10)); /* the other attachment of the same thread is not confused */
        RETURNS(0, lfvec_pop_u64(v, &x));
    }
    unit_expect(ro, 10);
    RETURNS(0, lfvec_detach(ro));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_ecanceled)
{
    uint64_t x = 5, old = 0;
    struct lfvec_attr a;
    lfvec_t *v = unit_make(NULL);
    unit_fill(v, 0, 10);
    RETURNS(-ECANCELED, lfvec_cas_u64(v, 7, &x, 1));
    ck_assert_uint_eq(x, 7); /* what it is */
    RETURNS(0, lfvec_cas_u64(v, 7, &x, 100));
    ck_assert_uint_eq(x, 7);
    RETURNS(0, lfvec_fetch_add_u64(v, 7, (uint64_t)-93, &old));
    ck_assert_uint_eq(old, 100);
    RETURNS(0, lfvec_fetch_add_u64(v, 7, 0, NULL));
    RETURNS(-ERANGE, lfvec_cas_u64(v, 10, &x, 100));
    RETURNS(-ERANGE, lfvec_fetch_add_u64(v, 10, 1, &old));
    unit_expect(v, 10);
    RETURNS(0, lfvec_detach(v));
    unit_attr(&a, 16);
    v = unit_make(&a);
    RETURNS(-EINVAL, lfvec_cas_u64(v, 0, &x, 1)); /* not numbers of 8 bytes */
    RETURNS(-EINVAL, lfvec_fetch_add_u64(v, 0, 1, NULL));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_erange_eagain)
{
    uint64_t x = 5;
    static const uint64_t beyond[] = {10, 11, 64, UINT64_C(1) << 40, UINT64_C(1) << 63, UINT64_MAX};
    lfvec_t *v = unit_make(NULL);
    RETURNS(-EAGAIN, lfvec_pop_u64(v, &x));
    RETURNS(-ERANGE, lfvec_get_u64(v, 0, &x));
    RETURNS(-ERANGE, lfvec_set_u64(v, 0, x));
    unit_fill(v, 0, 10);
    for (int i = 0; i < 6; i++) {
        RETURNS(-ERANGE, lfvec_get_u64(v, beyond[i], &x));
        RETURNS(-ERANGE, lfvec_set_u64(v, beyond[i], x));
    }
    ck_assert_uint_eq(x, 5);
    unit_expect(v, 10);
    RETURNS(0, lfvec_clear(v));
    RETURNS(-EAGAIN, lfvec_pop_u64(v, &x));
    RETURNS(-ERANGE, lfvec_get_u64(v, 0, &x));
    unit_sound(v);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

static void push_ten(void *arg)
{
    unit_fill(arg, lfvec_size(arg), lfvec_size(arg) + 10);
}

static void find_no_slot(void *arg)
{
    uint64_t x = 0;
    for (int twice = 0; twice < 2; twice++) {
        RETURNS(-EUSERS, lfvec_push_u64(arg, 1));
        RETURNS(-EUSERS, lfvec_pop_u64(arg, &x));
        RETURNS(-EUSERS, lfvec_set_u64(arg, 0, 1));
        RETURNS(-EUSERS, lfvec_clear(arg));
        RETURNS(-EUSERS, lfvec_reserve(arg, 10));
        RETURNS(0, lfvec_get_u64(arg, 7, &x)); /* needs none */
        ck_assert_uint_eq(x, 7);
        ck_assert_uint_eq(lfvec_size(arg), 30);
        RETURNS(0, lfvec_check(arg, NULL));
    }
}

START_TEST(test_eusers)
{
    struct unit_team *t = unit_team_new(4);
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_slots = 3;
    lfvec_t *v = unit_make(&a);
    for (uint32_t i = 0; i < 3; i++)
        unit_team_do(t, i, push_ten, v);
    unit_team_do(t, 3, find_no_slot, v);
    unit_in_child(find_no_slot, v);
    unit_team_replace(t, 1); /* gives one back */
    unit_team_do(t, 3, push_ten, v);
    unit_expect(v, 40);
    unit_sound(v);
    unit_team_end(t);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* ---- full ---------------------------------------------------------------------------------------------------------------------------- */

static uint64_t fill_until(lfvec_t *v, int want)
{
    int err = 0;
    uint64_t n = lfvec_size(v);
    while (!err) {
        errno = UNTOUCHED;
        err = lfvec_push_u64(v, n);
        n += !err;
    }
    MUST_MSG(err == want, "push %llu: %s instead of %s", (unsigned long long)n, strerror(-err), strerror(-want));
    ck_assert_int_eq(errno, UNTOUCHED);
    ck_assert_uint_eq(lfvec_size(v), n);
    return n;
}

/* The vector is full: everything is there, what is popped can be pushed again, any number of times, and nothing more. */
static void goes_on_working(lfvec_t *v, uint64_t n, int full)
{
    uint64_t x;
    unit_expect(v, n);
    unit_sound(v);
    for (uint64_t again = 1; again <= n; again *= 3) {
        for (uint64_t i = n; i-- > n - again;) {
            RETURNS(0, lfvec_pop_u64(v, &x));
            ck_assert_uint_eq(x, i);
        }
        unit_fill(v, n - again, n);
        RETURNS(full, lfvec_push_u64(v, n));
        ck_assert_uint_eq(lfvec_size(v), n);
    }
    unit_expect(v, n);
    unit_sound(v);
    RETURNS(0, lfvec_clear(v));
    unit_fill(v, 0, n);
    RETURNS(full, lfvec_push_u64(v, n));
    unit_expect(v, n);
    unit_sound(v);
}

START_TEST(test_eoverflow_max_elems)
{
    static const uint64_t most[] = {1, 63, 64, 65, 1000};
    for (int i = 0; i < 5; i++) {
        struct lfvec_attr a;
        unit_attr(&a, 8);
        a.max_elems = most[i];
        lfvec_t *v = unit_make(&a);
        ck_assert_uint_eq(fill_until(v, -EOVERFLOW), most[i]);
        goes_on_working(v, most[i], -EOVERFLOW);
        RETURNS(0, lfvec_set_u64(v, most[i] - 1, most[i] - 1)); /* changes no size */
        RETURNS(0, lfvec_reserve(v, most[i]));
        RETURNS(-EOVERFLOW, lfvec_reserve(v, most[i] + 1));
        RETURNS(-EOVERFLOW, lfvec_reserve(v, UINT64_MAX));
        ck_assert_uint_eq(lfvec_capacity(v), most[i]);
        RETURNS(0, lfvec_detach(v));
    }
}
END_TEST

START_TEST(test_eoverflow_max_bytes)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.max_bytes = 1 << 20;
    lfvec_t *v = unit_make(&a);
    const uint64_t n = fill_until(v, -EOVERFLOW);
    ck_assert_uint_gt(n * 8, (1 << 20) / 2); /* the greater part is elements */
    goes_on_working(v, n, -EOVERFLOW);
    RETURNS(-EOVERFLOW, lfvec_reserve(v, n + 100000));
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
    (void)fill_until(arg, -EOVERFLOW);
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
    const uint64_t n = fill_until(v, -ENOSPC);
    ck_assert_uint_gt(n * 8, 3 << 20);
    goes_on_working(v, n, -ENOSPC);
    RETURNS(-ENOSPC, lfvec_reserve(v, 2 * n));
    unit_expect(v, n);
    const int err = lfvec_set_u64(v, n / 2, n / 2); /* wants a leaf: there may be one */
    ck_assert(err == 0 || err == -ENOSPC);
    unit_expect(v, n);
    ck_assert_int_eq(mount("lfvec-test", "/dev/shm", "tmpfs", MS_REMOUNT, "size=8m"), 0); /* as the administrator would */
    ck_assert_uint_gt(fill_until(v, -ENOSPC), n + n / 2);
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
    const uint64_t n = fill_until(v, -ENOSPC);
    ck_assert_uint_gt(n * 8, (1 << 20) / 2);
    goes_on_working(v, n, -ENOSPC);
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

/* -------------------------------------------------------------------------------------------------------------------------------------- */

static void add_opening(TCase *tc)
{
    tcase_add_test(tc, test_einval);
    tcase_add_test(tc, test_einval_arguments);
    tcase_add_test(tc, test_attr_of_another_header);
    tcase_add_test(tc, test_half_made);
    tcase_add_test(tc, test_names_and_existence);
    tcase_add_test(tc, test_eproto);
    tcase_add_test(tc, test_eacces);
    tcase_add_test(tc, test_readable_by_others);
    tcase_add_test(tc, test_writable_by_others);
    tcase_add_test(tc, test_ebadmsg);
    tcase_add_test(tc, test_eprotonosupport);
    tcase_add_test(tc, test_emfile);
    tcase_add_test(tc, test_ebadmsg_absurd_size);
    tcase_add_test(tc, test_check_leaves_the_sentence);
    tcase_add_test(tc, test_current_without_privileges);
}

static void add_operations(TCase *tc)
{
    tcase_add_test(tc, test_ebadf);
    tcase_add_test(tc, test_ecanceled);
    tcase_add_test(tc, test_erange_eagain);
    tcase_add_test(tc, test_eusers);
    tcase_add_test(tc, test_eoverflow_max_elems);
    tcase_add_test(tc, test_eoverflow_max_bytes);
    tcase_add_test(tc, test_eoverflow_at_creation);
    tcase_add_test(tc, test_full_and_its_owner_gone);
    tcase_add_test(tc, test_full_and_trimmed);
    tcase_add_test(tc, test_enomem);
    tcase_add_test(tc, test_enospc_at_creation);
    tcase_add_test(tc, test_enospc_at_push);
    tcase_add_test(tc, test_enospc_file_size_limit);
}

Suite *errno_suite(void)
{
    Suite *s = suite_create("errno");
    add_opening(unit_case(s, "opening", 60));
    add_operations(unit_case(s, "operations", 60));
    return s;
}
