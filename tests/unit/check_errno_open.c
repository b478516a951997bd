/*
 * check_errno_open.c - every error that lfvec_open() and lfvec_unlink() promise, provoked; the sentence that goes with it; and that a refusal
 * leaves nothing: no object, no memory, no descriptor, no mapping.
 */
#include "holdings.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- opening ------------------------------------------------------------------------------------------------------------------------- */

START_TEST(test_einval)
{
    static const char *const bad[] = {"", "x", "/", "/a/b", "/.."};
    struct lfvec_attr a;
    const char *name = unit_name();
    for (int i = 0; i < 5; i++) {
        open_fails(EINVAL, bad[i], LFVEC_CREATE, NULL);
        REFUSES(NULL, -EINVAL, lfvec_unlink(bad[i]));
    }
    errno = 0;
    ck_assert(!lfvec_attach(NULL) && errno == EINVAL);
    REFUSES(NULL, -EINVAL, lfvec_unlink(NULL));
    open_fails(EINVAL, name, 1 << 30, NULL);
    open_fails(EINVAL, name, LFVEC_CREATE | LFVEC_RDONLY, NULL);
    open_fails(EINVAL, name, LFVEC_FILL_HOLES | LFVEC_RDONLY, NULL);
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
    REFUSES(NULL, -ENAMETOOLONG, lfvec_unlink(name));
    open_fails(ENOENT, own, 0, NULL);
    open_fails(ENOENT, own, LFVEC_RDONLY, &a);
    open_fails(ENOENT, own, LFVEC_EXCL, NULL); /* means nothing without LFVEC_CREATE */
    REFUSES(NULL, -ENOENT, lfvec_unlink(own));
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
        REFUSES(NULL, -EACCES, lfvec_unlink(arg));
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
    const struct holdings before = holdings_now(v, NULL);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, limit.rlim_max}), 0);
    for (int calls = 0; calls < HOLDINGS_CALLS; calls++) {
        open_fails_once(EMFILE, lfvec_name(v), 0, NULL);
        open_fails_once(EMFILE, fresh, LFVEC_CREATE, NULL);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct holdings then = holdings_now(v, NULL);
    holdings_kept(&before, &then, "opening without descriptors");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, limit.rlim_max}), 0);
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

Suite *errno_open_suite(void)
{
    Suite *s = suite_create("errno_open");
    TCase *tc = unit_case(s, "errno_open", 60);
    tcase_add_test(tc, test_einval);
    tcase_add_test(tc, test_attr_of_another_header);
    tcase_add_test(tc, test_half_made);
    tcase_add_test(tc, test_names_and_existence);
    tcase_add_test(tc, test_eproto);
    tcase_add_test(tc, test_eacces);
    tcase_add_test(tc, test_readable_by_others);
    tcase_add_test(tc, test_writable_by_others);
    tcase_add_test(tc, test_current_without_privileges);
    tcase_add_test(tc, test_ebadmsg);
    tcase_add_test(tc, test_ebadmsg_absurd_size);
    tcase_add_test(tc, test_eprotonosupport);
    tcase_add_test(tc, test_emfile);
    tcase_add_test(tc, test_check_leaves_the_sentence);
    return s;
}
