/*
 * check_sentence.c - lfvec_last_error(): each cause has its own words. The causes are real ones: limits, mounts of a namespace's own, objects
 * that are no segments. Each runs in a child, and says which segment, and what would help.
 */
#include "suites.h"
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void says(const char *name, const char *words)
{
    const char *sentence = lfvec_last_error();
    MUST_MSG(strncmp(sentence, name, strlen(name)) == 0 && strstr(sentence, words), "\"%s\" does not say \"%s\"", sentence, words);
}

static void open_says(int want, const char *name, int flags, const char *words)
{
    lfvec_t *v = lfvec_open(name, flags, NULL);
    MUST_MSG(!v && errno == want, "%s: %s: %s", name, v ? "opens" : strerror(errno), lfvec_last_error());
    says(name, words);
}

static void in_shm(char *path, size_t size, const char *name)
{
    snprintf(path, size, "/dev/shm%s", name);
}

/* Or less, where less is allowed. */
static void limit(unsigned int resource, rlim_t most)
{
    struct rlimit l;
    MUST(getrlimit(resource, &l) == 0);
    l.rlim_cur = most < l.rlim_max ? most : l.rlim_max;
    MUST(setrlimit(resource, &l) == 0);
}

/* ---- what is no segment ---------------------------------------------------------------------------------------------------------------- */

START_TEST(test_not_a_file)
{
    const char *name = unit_name();
    char path[300];
    in_shm(path, sizeof path, name);
    ck_assert_int_eq(symlink("/dev/null", path), 0);
    open_says(EBADMSG, name, LFVEC_CREATE, "symbolic link");
    open_says(EBADMSG, name, LFVEC_RDONLY, "symbolic link");
    ck_assert_int_eq(lfvec_unlink(name), 0); /* the link, as unlink(2) does */
    ck_assert_str_eq(lfvec_last_error(), "");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    open_says(EBADMSG, name, LFVEC_CREATE, "a directory");
    ck_assert_int_eq(lfvec_unlink(name), -EISDIR);
    says(name, "rmdir");
    ck_assert_int_eq(rmdir(path), 0);
    open_says(ENOENT, name, 0, "lfvec-shmctl list");
    ck_assert_int_eq(lfvec_unlink(name), -ENOENT);
    says(name, "lfvec-shmctl list");
}
END_TEST

/* ---- limits of the process ------------------------------------------------------------------------------------------------------------- */

static void too_many_files(void *name)
{
    limit(RLIMIT_NOFILE, 3);
    open_says(EMFILE, name, LFVEC_CREATE, "ulimit -n");
}

static void little_address_space(void *name)
{
    limit(RLIMIT_AS, UINT64_C(1) << 29); /* the object is larger */
    open_says(ENOMEM, name, 0, "ulimit -v");
}

static void little_to_lock(void *name)
{
    limit(RLIMIT_MEMLOCK, UINT64_C(1) << 28);
    if (geteuid() == 0)
        unit_become(65534); /* with the right to lock as much as one likes */
    MUST(mlockall(MCL_FUTURE) == 0);
    open_says(ENOMEM, name, 0, "ulimit -l");
    open_says(ENOMEM, name, LFVEC_CREATE, "mlockall");
    MUST(munlockall() == 0);
    lfvec_t *v = unit_open(name, 0);
    ck_assert_str_eq(lfvec_last_error(), "");
    MUST(mlockall(MCL_FUTURE) == 0); /* what is mapped already stays unlocked */
    unit_fill(v, 1, 1000);
    MUST(lfvec_detach(v) == 0);
}

static void no_key_is_left(void *name)
{
    pthread_key_t key;
    while (pthread_key_create(&key, NULL) == 0)
        ;
    open_says(EAGAIN, name, LFVEC_CREATE, "PTHREAD_KEYS_MAX");
    MUST(lfvec_unlink(name) == 0);
}

START_TEST(test_limits)
{
    struct lfvec_attr a;
    UNIT_NEEDS(unit_lacks_address_limits);
    if (UNIT_SANITIZED)
        UNIT_SKIP("a sanitizer needs more memory than any limit would leave");
    lfvec_attr_init(&a);
    a.mode = 0666;
    a.max_bytes = UINT64_C(1) << 36;
    const char *name = unit_name();
    unit_in_child(no_key_is_left, (void *)unit_name()); /* no segment was opened here yet */
    lfvec_t *v = lfvec_open(name, LFVEC_CREATE, &a);
    MUST_MSG(v, "%s", lfvec_last_error());
    unit_fill(v, 0, 1);
    unit_in_child(too_many_files, (void *)name);
    unit_in_child(little_address_space, (void *)name);
    unit_in_child(little_to_lock, (void *)name);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* An object is larger by its size than by its memory, and that is what this limit is for. */
static void small_files(void *name)
{
    struct lfvec_attr a;
    uint64_t x = 0;
    lfvec_attr_init(&a);
    limit(RLIMIT_FSIZE, 1 << 20);
    lfvec_t *v = lfvec_open(name, LFVEC_CREATE, &a);
    MUST_MSG(v, "%s", lfvec_last_error());
    ck_assert_str_eq(lfvec_last_error(), ""); /* although there is no first slab */
    MUST(lfvec_push_u64(v, 1) == -ENOSPC);
    says(name, "ulimit -f");
    MUST(lfvec_pop_u64(v, &x) == -EAGAIN && lfvec_check(v, NULL) == 0);
    says(name, "ulimit -f"); /* other answers leave it */
    MUST(lfvec_reserve(v, 1) == -ENOSPC);
    says(name, "ulimit -f");
    lfvec_t *w = unit_open(name, 0);
    ck_assert_str_eq(lfvec_last_error(), "");
    MUST(lfvec_push_n(w, &x, 1, NULL) == -ENOSPC);
    says(name, "ulimit -f");
    MUST(lfvec_detach(w) == 0 && lfvec_detach(v) == 0);
}

START_TEST(test_size_of_files)
{
    unit_in_child(small_files, (void *)unit_name());
}
END_TEST

/* ---- /dev/shm -------------------------------------------------------------------------------------------------------------------------- */

static void full_shm(void *name)
{
    uint64_t n = 0;
    MUST(unit_mount_shm("size=4m"));
    lfvec_t *v = unit_open(name, LFVEC_CREATE);
    while (lfvec_push_u64(v, n) == 0)
        n++;
    says(name, "remount,size=");
    MUST(lfvec_clear(v) == 0 && lfvec_push_u64(v, 1) == 0);
    says(name, "remount,size="); /* nor does a success change it */
    MUST(lfvec_detach(v) == 0);
}

static void no_inodes(void *name)
{
    MUST(unit_mount_shm("nr_inodes=1"));
    open_says(ENOSPC, name, LFVEC_CREATE, "nr_inodes");
}

static void read_only_shm(void *name)
{
    MUST(unit_mount_shm("size=4m"));
    lfvec_t *v = unit_open(name, LFVEC_CREATE);
    MUST(lfvec_detach(v) == 0 && mount("lfvec-test", "/dev/shm", "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m") == 0);
    open_says(EROFS, name, 0, "read-only");
    MUST(lfvec_unlink(name) == -EROFS);
    says(name, "mounted read-only");
    MUST(lfvec_detach(unit_open(name, LFVEC_RDONLY)) == 0);
}

static void closed_shm(void *name)
{
    MUST(unit_mount_shm("mode=755"));
    unit_become(65534);
    open_says(EACCES, name, LFVEC_CREATE, "1777");
    open_says(ENOENT, name, 0, "lfvec-shmctl list");
}

static void no_shm(void *name)
{
    MUST(unit_mount_shm("size=64k") && mount("lfvec-test", "/dev", "tmpfs", 0, "size=64k") == 0);
    open_says(ENOENT, name, LFVEC_CREATE, "no /dev/shm");
}

START_TEST(test_shm)
{
    static unit_fn *const cause[] = {full_shm, no_inodes, read_only_shm, closed_shm, no_shm};
    UNIT_NEEDS(unit_lacks_mounts);
    unit_in_child(cause[_i], (void *)unit_name());
}
END_TEST

Suite *sentence_suite(void)
{
    Suite *s = suite_create("sentence");
    TCase *tc = unit_case(s, "sentence", 60);
    tcase_add_test(tc, test_not_a_file);
    tcase_add_test(tc, test_limits);
    tcase_add_test(tc, test_size_of_files);
    tcase_add_loop_test(tc, test_shm, 0, 5);
    return s;
}
