/* check_shm.c - shared-memory objects: names, modes, locks, and that they only ever grow. */
#include "suites.h"
#include "support.h"

#include "error.h"
#include "shm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

START_TEST(test_names)
{
    static const char *const bad[] = {"", "x", "x/", "/", "//", "/a/", "/a/b", "/.", "/.."};
    char name[300] = "/";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(shm_name_check(bad[i]) == -EINVAL, "\"%s\"", bad[i]);
    ck_assert_int_eq(shm_name_check(NULL), -EINVAL);
    ck_assert_int_eq(shm_name_check("/a"), 0);
    ck_assert_int_eq(shm_name_check("/..."), 0);
    memset(name + 1, 'n', sizeof name - 2);
    name[254] = '\0';
    ck_assert_int_eq(shm_name_check(name), 0); /* a slash and 253 characters */
    name[254] = 'n';
    name[255] = '\0';
    ck_assert_int_eq(shm_name_check(name), -ENAMETOOLONG);
    ck_assert_ptr_nonnull(strstr(error_text(), "/nnnn"));
}
END_TEST

START_TEST(test_longest_name_exists)
{
    char name[256];
    const char *own = unit_name();
    memset(name, 'n', 254);
    memcpy(name, own, strlen(own));
    name[254] = '\0';
    const int fd = shm_object_create(name, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(shm_unlink(name), 0);
}
END_TEST

START_TEST(test_create_and_open)
{
    const char *name = unit_name();
    ck_assert_int_eq(shm_object_open(name, true), -ENOENT);
    const int fd = shm_object_create(name, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(shm_object_create(name, 0600), -EEXIST);
    const int ro = shm_object_open(name, false);
    ck_assert_int_ge(ro, 0);
    ck_assert_int_eq(fcntl(ro, F_GETFL) & O_ACCMODE, O_RDONLY);
    ck_assert_int_eq(fcntl(ro, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(ro);
    close(fd);
}
END_TEST

/* That umask does not decide about a segment is create.c's doing, once the object is locked. */
START_TEST(test_umask_applies)
{
    struct stat st;
    umask(027);
    const int fd = shm_object_create(unit_name(), 0666);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(shm_object_stat(fd, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0640);
    close(fd);
}
END_TEST

START_TEST(test_clear)
{
    struct stat st;
    char bytes[3];
    const int fd = shm_object_create(unit_name(), 0600);
    ck_assert_int_eq(shm_object_clear(fd, 4096), 0); /* nothing there */
    ck_assert_int_eq(shm_object_commit(fd, 0, 5 * 4096), 0);
    for (int page = 0; page < 5; page++)
        ck_assert_int_eq(shm_object_write(fd, (uint64_t)page * 4096 + 100, "abc", 3), 0);
    ck_assert_int_eq(shm_object_clear(fd, 4096), 0);
    ck_assert_int_eq(shm_object_stat(fd, &st), 0);
    ck_assert_int_eq(st.st_size, 4096);
    ck_assert_int_eq(st.st_blocks * 512, 4096);
    ck_assert_int_eq(shm_object_commit(fd, 4096, 4 * 4096), 0); /* what comes in its place reads as zeros */
    for (int page = 0; page < 5; page++) {
        ck_assert_int_eq(pread(fd, bytes, 3, page * 4096 + 100), 3);
        ck_assert_mem_eq(bytes, page ? "\0\0\0" : "abc", 3);
    }
    close(fd);
}
END_TEST

START_TEST(test_commit_only_grows)
{
    struct stat st;
    char byte = 'x';
    const int fd = shm_object_create(unit_name(), 0600);
    ck_assert_int_eq(shm_object_commit(fd, 1 << 20, 3 << 20), 0); /* several chunks */
    ck_assert_int_eq(shm_object_stat(fd, &st), 0);
    ck_assert_int_eq(st.st_size, 4 << 20);
    ck_assert_int_eq(st.st_blocks * 512, 3 << 20);
    ck_assert_int_eq(shm_object_write(fd, (2 << 20) + 5, &byte, 1), 0);
    ck_assert_int_eq(shm_object_commit(fd, 0, 3 << 20), 0); /* a late, smaller one */
    ck_assert_int_eq(shm_object_commit(fd, 2 << 20, 4096), 0);
    ck_assert_int_eq(shm_object_stat(fd, &st), 0);
    ck_assert_int_eq(st.st_size, 4 << 20);
    byte = 0;
    ck_assert_int_eq(pread(fd, &byte, 1, (2 << 20) + 5), 1); /* what was there stays */
    ck_assert_int_eq(byte, 'x');
    ck_assert_int_eq(shm_object_commit(fd, UINT64_MAX - 10, 100), -EOVERFLOW);
    ck_assert_int_lt(shm_object_commit(fd, INT64_MAX, 100), 0);
    ck_assert_int_eq(shm_object_commit(fd, 0, 0), 0);
    close(fd);
}
END_TEST

/* SIGXFSZ keeps its default action, which would kill us. */
static void limit_and_commit(void *arg)
{
    const struct rlimit limit = {1 << 20, 1 << 20};
    const int fd = *(int *)arg;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(shm_object_commit(fd, 0, 1 << 20), 0);
    ck_assert_int_eq(shm_object_commit(fd, 1 << 20, 4096), -ENOSPC);
    ck_assert_int_eq(shm_object_write(fd, (1 << 20) - 4, "12345678", 8), -ENOSPC);
}

START_TEST(test_file_size_limit)
{
    int fd = shm_object_create(unit_name(), 0600);
    unit_in_child(limit_and_commit, &fd);
    close(fd);
}
END_TEST

static void find_locked(void *arg)
{
    const int fd = shm_object_open(arg, true);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), -1);
    ck_assert_int_eq(errno, EWOULDBLOCK);
}

static void take_lock_and_die(void *arg)
{
    struct shm_lock lock;
    ck_assert_int_eq(shm_object_lock(&lock, arg), 0);
    _exit(0);
}

struct heir {
    const char *name;
    int ready[2], until[2];
};

/* A holder that forks and dies. Its child says that it is there, and stays until the other pipe is closed. */
static void take_lock_fork_and_die(void *arg)
{
    struct shm_lock lock;
    const struct heir *heir = arg;
    char c;
    ck_assert_int_eq(shm_object_lock(&lock, heir->name), 0);
    if (fork() == 0) {
        close(heir->until[1]);
        (void)!write(heir->ready[1], "", 1);
        (void)!read(heir->until[0], &c, 1);
        _exit(0);
    }
    _exit(0);
}

START_TEST(test_lock)
{
    const char *name = unit_name();
    const int fd = shm_object_create(name, 0600);
    struct shm_lock lock;
    ck_assert_int_eq(shm_object_lock(&lock, name), 0);
    unit_in_child(find_locked, (void *)name);
    shm_object_unlock(&lock);
    unit_in_child(take_lock_and_die, (void *)name);
    ck_assert_int_eq(shm_object_lock(&lock, name), 0); /* the kernel gave it back */
    shm_object_unlock(&lock);
    close(fd);
    ck_assert_int_eq(shm_unlink(name), 0);
    ck_assert_int_eq(shm_object_lock(&lock, name), -ENOENT);
}
END_TEST

/* The child that a killed holder forked does not hold the lock, though it lives. */
START_TEST(test_lock_not_inherited)
{
    struct heir heir = {.name = unit_name()};
    struct shm_lock lock;
    char c;
    const int fd = shm_object_create(heir.name, 0600);
    ck_assert_int_eq(pipe(heir.ready), 0);
    ck_assert_int_eq(pipe(heir.until), 0);
    unit_in_child(take_lock_fork_and_die, &heir);
    ck_assert_int_eq(read(heir.ready[0], &c, 1), 1);
    ck_assert_int_eq(shm_object_lock(&lock, heir.name), 0);
    shm_object_unlock(&lock);
    close(heir.until[1]);
    close(fd);
}
END_TEST

/* ---- what is no regular file ----------------------------------------------------------------------------------------------------------- */

static char irregular_path[300];

static const char *path_of(const char *name)
{
    snprintf(irregular_path, sizeof irregular_path, "/dev/shm%s", name);
    return irregular_path;
}

static int make_fifo(const char *path)
{
    return mkfifo(path, 0666);
}

static int make_socket(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(at.sun_path, path, sizeof at.sun_path - 1);
    return fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&at, sizeof at);
}

static int make_directory(const char *path)
{
    return mkdir(path, 0777);
}

static int make_link(const char *path)
{
    return symlink("/dev/zero", path);
}

static int make_link_to_nothing(const char *path)
{
    return symlink("nothing", path);
}

static int make_device(const char *path)
{
    return mknod(path, S_IFCHR | 0666, 1 << 8 | 5); /* of zeros */
}

static const struct {
    int (*make)(const char *path);
    const char *kind;
} irregular[] = {{make_fifo, "a FIFO"},
                 {make_socket, "a socket"},
                 {make_directory, "a directory"},
                 {make_link, "a symbolic link"},
                 {make_link_to_nothing, "a symbolic link"},
                 {make_device, "a device node"}};

static void refuses(const char *name, int flags, const char *kind)
{
    errno = 0;
    ck_assert_ptr_null(lfvec_open(name, flags, NULL));
    ck_assert_int_eq(errno, EBADMSG);
    ck_assert_ptr_nonnull(strstr(lfvec_last_error(), name));
    ck_assert_ptr_nonnull(strstr(lfvec_last_error(), kind));
    ck_assert_ptr_nonnull(strstr(lfvec_last_error(), "; choose another name"));
}

/* What another user puts where a segment is looked for, or was: no call waits for it, it is not opened, and it stays. */
START_TEST(test_irregular)
{
    const char *name = unit_name(), *kind = irregular[_i].kind;
    struct shm_lock lock;
    lfvec_t *v = lfvec_attach(name);
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(lfvec_unlink(name), 0);
    if (irregular[_i].make(path_of(name)) != 0) {
        ck_assert_int_eq(lfvec_detach(v), 0);
        UNIT_SKIP("not allowed to make a device node");
    }
    ck_assert_int_eq(lfvec_is_current(v), 0);
    refuses(name, 0, kind);
    refuses(name, LFVEC_RDONLY, kind);
    refuses(name, LFVEC_CREATE, kind);
    refuses(name, LFVEC_CREATE | LFVEC_EXCL, kind);
    ck_assert_int_eq(shm_object_lock(&lock, name), -EBADMSG);
    ck_assert_int_eq(lfvec_is_current(v), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
    ck_assert_int_eq(remove(path_of(name)), 0);
}
END_TEST

/*
 * The owner of an object may have opens of it wait for 45 seconds (fs.lease-break-time), by a lease. Here she is another user than the caller, her
 * lease of either kind, on an object of each sort, and another thread forks meanwhile.
 */
enum { OWNER = 1000, CALLER = 1001, PROMPT_MS = 5000 };

static const int lease_kinds[] = {F_RDLCK, F_WRLCK};

struct leased {
    const char *segment, *half, *other;
    int kind, ready[2], until[2];
};

static void lease(const char *name, int kind)
{
    const int fd = shm_open(name, O_RDONLY, 0);
    MUST(fd >= 0 && fcntl(fd, F_SETLEASE, kind) == 0);
}

static void own_and_lease(const struct leased *l)
{
    struct lfvec_attr a;
    char c;
    unit_become(OWNER);
    signal(SIGIO, SIG_IGN); /* she does not give way */
    umask(0);
    unit_attr(&a, 8);
    a.mode = 0666;
    lfvec_t *v = lfvec_open(l->segment, LFVEC_CREATE, &a);
    MUST(v && lfvec_detach(v) == 0);
    const int fd[] = {shm_object_create(l->half, 0666), shm_object_create(l->other, 0666)};
    MUST(fd[0] >= 0 && fd[1] >= 0 && write(fd[1], "something else", 14) == 14 && close(fd[0]) == 0 && close(fd[1]) == 0);
    lease(l->segment, l->kind);
    lease(l->half, l->kind);
    lease(l->other, l->kind);
    MUST(write(l->ready[1], "", 1) == 1 && read(l->until[0], &c, 1) == 0);
    _exit(0);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static _Atomic bool forking, fork_was_slow;

static void *fork_on(void *unused)
{
    while (atomic_load(&forking)) {
        const double before = now_ms();
        const pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid || now_ms() - before > PROMPT_MS)
            atomic_store(&fork_was_slow, true);
    }
    return unused;
}

static void says_leased(const char *name, int flags)
{
    const double before = now_ms();
    errno = 0;
    MUST_MSG(!lfvec_open(name, flags, NULL) && errno == EAGAIN, "%s, flags %d: %s", name, flags, lfvec_last_error());
    MUST_MSG(now_ms() - before < PROMPT_MS, "%s, flags %d: %.0f ms", name, flags, now_ms() - before);
    MUST(strstr(lfvec_last_error(), name) && strstr(lfvec_last_error(), "F_SETLEASE") && strstr(lfvec_last_error(), "; try again"));
}

/* A lease to read is against those who write. */
static void meet_leases(const struct leased *l)
{
    static const int flags[] = {0, LFVEC_ANY_OWNER, LFVEC_CREATE, LFVEC_CREATE | LFVEC_EXCL, LFVEC_CREATE | LFVEC_ANY_OWNER, LFVEC_RDONLY};
    const char *const names[] = {l->segment, l->half, l->other};
    struct shm_lock lock;
    for (size_t i = 0; i < 3; i++) {
        const double before = now_ms();
        for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
            if (!(flags[k] & LFVEC_RDONLY && l->kind == F_RDLCK))
                says_leased(names[i], flags[k]);
        MUST(shm_object_lock(&lock, names[i]) == -EAGAIN && lfvec_unlink(names[i]) == -EACCES && now_ms() - before < PROMPT_MS);
    }
}

static void as_another_user(void *arg)
{
    struct leased *l = arg;
    pthread_t thread;
    char c;
    MUST(unit_mount_shm("size=16m,mode=1777") && pipe(l->ready) == 0 && pipe(l->until) == 0);
    const pid_t owner = check_fork();
    MUST(owner >= 0);
    if (owner == 0) {
        close(l->until[1]);
        own_and_lease(l);
    }
    MUST(read(l->ready[0], &c, 1) == 1);
    unit_become(CALLER);
    atomic_store(&forking, true);
    MUST(pthread_create(&thread, NULL, fork_on, NULL) == 0);
    meet_leases(l);
    atomic_store(&forking, false);
    MUST(pthread_join(thread, NULL) == 0 && !atomic_load(&fork_was_slow));
    close(l->until[1]);
}

START_TEST(test_lease_of_the_kernel)
{
    struct leased l = {.segment = unit_name(), .half = unit_name(), .other = unit_name(), .kind = lease_kinds[_i]};
    UNIT_NEEDS(unit_lacks_mounts);
    unit_in_child(as_another_user, &l);
}
END_TEST

/* A name that comes to be another's while a segment is attached: is_current looks, and opens nothing. */
START_TEST(test_current_beside_a_lease)
{
    const char *name = unit_name();
    signal(SIGIO, SIG_IGN);
    lfvec_t *v = lfvec_attach(name);
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(lfvec_unlink(name), 0);
    const int fd = shm_object_create(name, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
    const double before = now_ms();
    ck_assert_int_eq(lfvec_is_current(v), 0);
    ck_assert_int_eq(lfvec_unlink(name), 0);
    ck_assert_int_eq(lfvec_is_current(v), 0);
    ck_assert(now_ms() - before < PROMPT_MS);
    ck_assert_int_eq(lfvec_detach(v), 0);
    close(fd);
}
END_TEST

/*
 * Memory that was committed in vain goes back to the machine, once. A caller whose errno is EINTR from before does not hang there, and keeps it.
 */
START_TEST(test_discard)
{
    struct stat st;
    const int fd = shm_object_create(unit_name(), 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(shm_object_commit(fd, 0, 4 * 4096), 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_ge(st.st_blocks, 4 * 8);
    errno = EINTR;
    shm_object_discard(fd, 4096, 2 * 4096);
    ck_assert_int_eq(errno, EINTR);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(st.st_blocks, 2 * 8);
    ck_assert_int_eq(st.st_size, 4 * 4096);
    close(fd);
}
END_TEST

/* A directory is not removed like the rest of what a test leaves behind if it fails. */
static void remove_irregular(void)
{
    if (irregular_path[0])
        (void)remove(irregular_path);
}

Suite *shm_suite(void)
{
    Suite *s = suite_create("shm");
    TCase *tc = unit_case(s, "shm", 30);
    tcase_add_test(tc, test_names);
    tcase_add_test(tc, test_longest_name_exists);
    tcase_add_test(tc, test_create_and_open);
    tcase_add_test(tc, test_umask_applies);
    tcase_add_test(tc, test_clear);
    tcase_add_test(tc, test_commit_only_grows);
    tcase_add_test(tc, test_discard);
    tcase_add_test(tc, test_file_size_limit);
    tcase_add_test(tc, test_lock);
    tcase_add_test(tc, test_lock_not_inherited);
    tcase_add_checked_fixture(tc, NULL, remove_irregular);
    tcase_add_loop_test(tc, test_irregular, 0, sizeof irregular / sizeof *irregular);
    tcase_add_loop_test(tc, test_lease_of_the_kernel, 0, 2);
    tcase_add_test(tc, test_current_beside_a_lease);
    return s;
}
