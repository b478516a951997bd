/*
 * check_owner.c - whose segment an open with LFVEC_CREATE may join. The users are real ones, in a /dev/shm of their own: ALICE made the segment,
 * the caller is she, another or root.
 */
#include "suites.h"
#include "support.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOT = 0, ALICE = 1000, BOB = 1001, OVERFLOW_UID = 65534 };

enum { JOIN = LFVEC_CREATE, NEW = LFVEC_CREATE | LFVEC_EXCL, ANY = LFVEC_CREATE | LFVEC_ANY_OWNER };

static void outcome(const char *name, int flags, int want)
{
    errno = 0;
    lfvec_t *v = lfvec_open(name, flags, NULL);
    MUST_MSG((v ? 0 : errno) == want, "user %u, flags %d: %s (%s)", geteuid(), flags, v ? "opens" : strerror(errno), lfvec_last_error());
    MUST(!v || lfvec_detach(v) == 0);
}

/* The sentence says which segment, whose it is, and each way out. */
static void refused(const char *name, int flags, unsigned int owner)
{
    char user[32];
    snprintf(user, sizeof user, "belongs to user %u,", owner);
    outcome(name, flags, EACCES);
    const char *said = lfvec_last_error();
    MUST_MSG(strstr(said, name) == said && strstr(said, user), "%s", said);
    MUST_MSG(strstr(said, "another name") && strstr(said, "removed") && strstr(said, "without LFVEC_CREATE") &&
                 strstr(said, "LFVEC_ANY_OWNER"),
             "%s", said);
}

static void make(const char *name)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.mode = 0666;
    lfvec_t *v = lfvec_open(name, NEW, &a);
    MUST_MSG(v, "%s", lfvec_last_error());
    MUST(lfvec_push_u64(v, 1) == 0 && lfvec_detach(v) == 0);
}

/* As a creator leaves it that dies at once; umask has its say. */
static void make_half(const char *name)
{
    umask(0);
    const int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0666);
    MUST(fd >= 0 && close(fd) == 0);
}

static void make_by(void *arg, unsigned int owner, void (*how)(const char *name))
{
    const pid_t pid = check_fork();
    int status;
    MUST(pid >= 0);
    if (pid == 0) {
        unit_become(owner);
        how(arg);
        _exit(0);
    }
    MUST(waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- who, where, and what comes of it -------------------------------------------------------------------------------------------------- */

/* LFVEC_CREATE alone is in question: nothing else here depends on the owner. */
static const struct {
    const char *shm; /* mode of /dev/shm */
    unsigned int owner, caller;
    bool trusted;
} rows[] = {
    {"mode=1777", ALICE, ALICE, true},         {"mode=1777", ROOT, ALICE, true},
    {"mode=1777", ROOT, ROOT, true},           {"mode=1777", ALICE, BOB, false},
    {"mode=1777", ALICE, ROOT, false}, /* root's own processes, too */
    {"mode=1775,gid=1002", ALICE, BOB, false}, {"mode=1775,gid=1002", ALICE, ROOT, false},
    {"mode=1755", ALICE, BOB, true},                                            /* root must have let her */
    {"mode=1755", ALICE, ROOT, true},          {"mode=0777", ALICE, BOB, true}, /* as fs.protected_regular has it */
    {"mode=0777", ALICE, ROOT, true},
};

static void make_for(int row, const char *name, void (*how)(const char *name))
{
    char path[300];
    snprintf(path, sizeof path, "/dev/shm%s", name);
    how(name);
    MUST(chown(path, rows[row].owner, rows[row].owner) == 0);
}

static void try_ready(int row, const char *name)
{
    const bool trusted = rows[row].trusted;
    if (trusted)
        outcome(name, JOIN, 0);
    else
        refused(name, JOIN, rows[row].owner);
    lfvec_t *v = lfvec_attach(name);
    MUST(trusted ? v && lfvec_detach(v) == 0 : !v && errno == EACCES);
    outcome(name, ANY, 0);
    outcome(name, 0, 0);
    outcome(name, LFVEC_RDONLY, 0);
    outcome(name, LFVEC_ANY_OWNER, 0);
    outcome(name, LFVEC_RDONLY | LFVEC_ANY_OWNER, 0);
    outcome(name, NEW, EEXIST);
    outcome(name, NEW | LFVEC_ANY_OWNER, EEXIST);
}

/* The owner of what is finished by another stays the owner; what is refused stays as it was. */
static void try_half(int row, const char *name)
{
    struct stat st;
    char path[300];
    snprintf(path, sizeof path, "/dev/shm%s", name);
    outcome(name, 0, ENOENT);
    if (!rows[row].trusted) {
        refused(name, JOIN, rows[row].owner);
        refused(name, NEW, rows[row].owner);
        MUST(stat(path, &st) == 0 && st.st_size == 0);
        outcome(name, ANY, 0);
    } else {
        outcome(name, NEW, 0);
    }
    MUST(stat(path, &st) == 0 && st.st_size > 0 && st.st_uid == rows[row].owner);
}

static void try_row(void *arg)
{
    const int row = *(const int *)arg;
    const char *ready = unit_name(), *half = unit_name();
    char options[64];
    snprintf(options, sizeof options, "size=16m,%s", rows[row].shm);
    MUST(unit_mount_shm(options));
    make_for(row, ready, make);
    make_for(row, half, make_half);
    unit_become(rows[row].caller);
    try_ready(row, ready);
    try_half(row, half);
}

START_TEST(test_owner)
{
    UNIT_NEEDS(unit_lacks_mounts);
    unit_in_child(try_row, &_i);
}
END_TEST

/* What the flag is for: users who share one, each of which may come first. */
static void share(void *name)
{
    MUST(unit_mount_shm("size=16m,mode=1777"));
    make_by(name, ALICE, make);
    unit_become(BOB);
    lfvec_t *v = lfvec_open(name, ANY, NULL);
    MUST_MSG(v, "%s", lfvec_last_error());
    uint64_t x = 0;
    MUST(lfvec_pop_u64(v, &x) == 0 && x == 1 && lfvec_push_u64(v, 2) == 0 && lfvec_detach(v) == 0);
}

START_TEST(test_shared_by_choice)
{
    UNIT_NEEDS(unit_lacks_mounts);
    unit_in_child(share, (void *)unit_name());
}
END_TEST

/* The effective user counts: that of whom a set-user-ID program works for. */
static void as_effective(void *name)
{
    MUST(unit_mount_shm("size=16m,mode=1777"));
    make_by(name, ALICE, make);
    MUST(setresuid(ALICE, ROOT, ROOT) == 0);
    refused(name, JOIN, ALICE);
    MUST(setresuid(ROOT, ALICE, ROOT) == 0);
    outcome(name, JOIN, 0);
    MUST(setresuid(ROOT, ROOT, ROOT) == 0); /* or LeakSanitizer may not look at it */
}

START_TEST(test_effective_user)
{
    UNIT_NEEDS(unit_lacks_mounts);
    unit_in_child(as_effective, (void *)unit_name());
}
END_TEST

/* In a user namespace where neither has a number, both have the same: the kernel's for those who have none. */
struct unnamed {
    const char *hers, *his;
};

static void without_numbers(void *arg)
{
    const struct unnamed *names = arg;
    MUST(unit_mount_shm("size=16m,mode=1777"));
    make_by((void *)names->hers, ALICE, make);
    make_by((void *)names->his, BOB, make);
    unit_become(BOB);
    MUST(unshare(CLONE_NEWUSER) == 0 && geteuid() == OVERFLOW_UID);
    MUST(prctl(PR_SET_DUMPABLE, 1) == 0); /* or LeakSanitizer may not look at it */
    refused(names->hers, JOIN, OVERFLOW_UID);
    outcome(names->his, JOIN, 0);
}

static const char *lacks_user_namespaces(void)
{
    int status;
    const pid_t pid = check_fork();
    MUST(pid >= 0);
    if (pid == 0) {
        unit_become(BOB);
        _exit(unshare(CLONE_NEWUSER) != 0);
    }
    return waitpid(pid, &status, 0) == pid && status == 0 ? NULL : "this user may make no user namespace";
}

START_TEST(test_user_namespace)
{
    struct unnamed names = {unit_name(), unit_name()};
    UNIT_NEEDS(unit_lacks_mounts);
    UNIT_NEEDS(lacks_user_namespaces);
    unit_in_child(without_numbers, &names);
}
END_TEST

Suite *owner_suite(void)
{
    Suite *s = suite_create("owner");
    TCase *tc = unit_case(s, "owner", 30);
    tcase_add_loop_test(tc, test_owner, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tc, test_shared_by_choice);
    tcase_add_test(tc, test_effective_user);
    tcase_add_test(tc, test_user_namespace);
    return s;
}
