/*
 * support.c - see support.h. What the processes of a run share (names given out, tests skipped) lies in one anonymous mapping made by
 * unit_run() before Check forks.
 */
#include "support.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_MOST = 64, NAME_ROOM = 64 };

struct run {
    _Atomic uint32_t names, skipped;
    pid_t pid;
    uint64_t seed;
};

static struct run *run;

/* This process's names, in the order they were given out. A forked child has a copy, and removes nothing. */
static char names[NAMES_MOST][NAME_ROOM];
static uint32_t name_count;

void unit_skip(const char *test, const char *why)
{
    const size_t n = strlen(test), tail = n > 3 && !strcmp(test + n - 3, "_fn") ? 3 : 0; /* START_TEST's */
    printf("skip - %.*s: %s\n", (int)(n - tail), test, why);
    fflush(stdout);
    atomic_fetch_add(&run->skipped, 1);
}

const char *unit_lacks_robust_locks(void)
{
    void *list;
    size_t size;
    return syscall(SYS_get_robust_list, 0, &list, &size) == 0 ? NULL : "the kernel (or its emulation) knows no robust locks";
}

static void map_much(void *unused)
{
    (void)unused;
    const struct rlimit little = {1 << 28, 1 << 28};
    MUST(setrlimit(RLIMIT_AS, &little) == 0);
    _exit(mmap(NULL, UINT64_C(1) << 29, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 0 : 1);
}

const char *unit_lacks_address_limits(void)
{
    return unit_child_status(map_much, NULL) == 0 ? NULL : "the kernel (or its emulation) does not obey RLIMIT_AS";
}

bool unit_mount_shm(const char *options)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("lfvec-test", "/dev/shm", "tmpfs", 0, options) == 0;
}

void unit_become(unsigned int uid)
{
    MUST((setgroups(0, NULL) == 0 || errno == EPERM) && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
}

static void mount_some(void *unused)
{
    (void)unused;
    _exit(!unit_mount_shm("size=64k"));
}

const char *unit_lacks_mounts(void)
{
    return unit_child_status(mount_some, NULL) == 0 ? NULL : "nothing can be mounted over /dev/shm: not root, or no mount namespaces";
}

/* ---- segments ------------------------------------------------------------------------------------------------------------------------ */

static void make_name(char *name, uint32_t n)
{
    snprintf(name, NAME_ROOM, "/lfvec-test-%ld-%u", (long)run->pid, n);
}

const char *unit_name(void)
{
    MUST(name_count < NAMES_MOST);
    char *name = names[name_count++];
    make_name(name, atomic_fetch_add(&run->names, 1));
    return name;
}

static void set_up(void)
{
    name_count = 0;
}

static void tear_down(void)
{
    while (name_count)
        shm_unlink(names[--name_count]);
}

TCase *unit_case(Suite *s, const char *name, double timeout_seconds)
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, timeout_seconds);
    suite_add_tcase(s, tc);
    return tc;
}

void unit_attr(struct lfvec_attr *attr, uint32_t elem_size)
{
    lfvec_attr_init(attr);
    attr->elem_size = elem_size;
    attr->slab_bytes = 65536;
    attr->max_bytes = UINT64_C(1) << 32;
    if (elem_size > attr->slab_bytes / 2)
        attr->slab_bytes = 262144;
}

lfvec_t *unit_make(const struct lfvec_attr *attr)
{
    struct lfvec_attr own;
    unit_attr(&own, 8);
    lfvec_t *v = lfvec_open(unit_name(), LFVEC_CREATE | LFVEC_EXCL, attr ? attr : &own);
    MUST_MSG(v != NULL, "%s", lfvec_last_error());
    return v;
}

lfvec_t *unit_open(const char *name, int flags)
{
    lfvec_t *v = lfvec_open(name, flags, NULL);
    MUST_MSG(v != NULL, "%s", lfvec_last_error());
    return v;
}

void unit_fill(lfvec_t *v, uint64_t from, uint64_t to)
{
    for (uint64_t x = from; x < to; x++) {
        const int err = lfvec_push_u64(v, x);
        MUST_MSG(err == 0, "push of %llu: %s", (unsigned long long)x, strerror(-err));
    }
}

void unit_expect(lfvec_t *v, uint64_t n)
{
    ck_assert_uint_eq(lfvec_size(v), n);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t x = ~i;
        const int err = lfvec_get_u64(v, i, &x);
        MUST_MSG(err == 0 && x == i, "element %llu is %llu (%d)", (unsigned long long)i, (unsigned long long)x, err);
    }
}

static uint32_t mappings_above(const char *name, uint64_t bytes)
{
    char line[512], path[128];
    uint32_t n = 0;
    uint64_t from, to;
    snprintf(path, sizeof path, "/dev/shm%s", name ? name : "/lfvec-test-");
    FILE *f = fopen("/proc/self/maps", "re");
    MUST(f != NULL);
    while (fgets(line, sizeof line, f))
        n += strstr(line, path) && sscanf(line, "%lx-%lx", &from, &to) == 2 && to - from > bytes;
    fclose(f);
    return n;
}

uint32_t unit_mappings(const char *name)
{
    return mappings_above(name, 0);
}

uint32_t unit_attachments(const char *name)
{
    return mappings_above(name, 1 << 16);
}

void unit_sound(lfvec_t *v)
{
    struct lfvec_audit a;
    const int err = lfvec_check(v, &a);
    MUST_MSG(err == 0, "lfvec_check: %s", a.message[0] ? a.message : strerror(-err));
    ck_assert_uint_eq(a.fault, LFVEC_FAULT_NONE);
    ck_assert_uint_eq(a.conclusive, 1);
    ck_assert_uint_eq(a.leaves_lost, 0);
    ck_assert_uint_eq(a.elements, lfvec_size(v));
}

struct lfvec_stat unit_stat(lfvec_t *v)
{
    struct lfvec_stat st;
    ck_assert_int_eq(lfvec_stat(v, &st), 0);
    return st;
}

/* ---- randomness ---------------------------------------------------------------------------------------------------------------------- */

struct unit_rng unit_random(const char *test, uint64_t salt)
{
    printf("%s: LFVEC_SEED=%llu\n", test, (unsigned long long)run->seed);
    fflush(stdout);
    return (struct unit_rng){run->seed * UINT64_C(0x9e3779b97f4a7c15) + salt};
}

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t unit_next(struct unit_rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t unit_below(struct unit_rng *r, uint64_t n)
{
    return unit_next(r) % n;
}

void unit_bytes(struct unit_rng *r, void *bytes, size_t n)
{
    unsigned char *to = bytes;
    while (n) {
        const uint64_t w = unit_next(r);
        const size_t now = n < sizeof w ? n : sizeof w;
        memcpy(to, &w, now);
        to += now;
        n -= now;
    }
}

/* ---- children and threads ------------------------------------------------------------------------------------------------------------ */

int unit_child_status(unit_fn *fn, void *arg)
{
    int status;
    const pid_t pid = check_fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        fn(arg);
        exit(0);
    }
    while (waitpid(pid, &status, 0) < 0)
        ck_assert_int_eq(errno, EINTR);
    return status;
}

void unit_in_child(unit_fn *fn, void *arg)
{
    const int status = unit_child_status(fn, arg);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with status 0x%x", (unsigned int)status);
}

struct member {
    struct unit_team *team;
    pthread_t thread;
    pthread_cond_t wake;
    unit_fn *fn; /* NULL: nothing to do */
    void *arg;
    bool leave;
};

struct unit_team {
    pthread_mutex_t lock;
    pthread_cond_t done;
    uint32_t count;
    struct member member[];
};

static void *member_main(void *arg)
{
    struct member *m = arg;
    pthread_mutex_lock(&m->team->lock);
    while (!m->leave) {
        if (m->fn) {
            pthread_mutex_unlock(&m->team->lock);
            m->fn(m->arg);
            pthread_mutex_lock(&m->team->lock);
            m->fn = NULL;
            pthread_cond_signal(&m->team->done);
        } else {
            pthread_cond_wait(&m->wake, &m->team->lock);
        }
    }
    pthread_mutex_unlock(&m->team->lock);
    return NULL;
}

static void member_start(struct member *m)
{
    m->fn = NULL;
    m->leave = false;
    MUST(pthread_create(&m->thread, NULL, member_main, m) == 0);
}

static void member_stop(struct member *m)
{
    pthread_mutex_lock(&m->team->lock);
    m->leave = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->team->lock);
    MUST(pthread_join(m->thread, NULL) == 0);
}

struct unit_team *unit_team_new(uint32_t n)
{
    struct unit_team *t = calloc(1, sizeof *t + n * sizeof t->member[0]);
    MUST(t != NULL);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->done, NULL);
    t->count = n;
    for (uint32_t i = 0; i < n; i++) {
        t->member[i].team = t;
        pthread_cond_init(&t->member[i].wake, NULL);
        member_start(&t->member[i]);
    }
    return t;
}

void unit_team_do(struct unit_team *t, uint32_t i, unit_fn *fn, void *arg)
{
    struct member *m = &t->member[i];
    pthread_mutex_lock(&t->lock);
    m->arg = arg;
    m->fn = fn;
    pthread_cond_signal(&m->wake);
    while (m->fn)
        pthread_cond_wait(&t->done, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

void unit_team_replace(struct unit_team *t, uint32_t i)
{
    member_stop(&t->member[i]);
    member_start(&t->member[i]);
}

void unit_team_end(struct unit_team *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        member_stop(&t->member[i]);
        pthread_cond_destroy(&t->member[i].wake);
    }
    pthread_cond_destroy(&t->done);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void unit_in_thread(unit_fn *fn, void *arg)
{
    struct unit_team *t = unit_team_new(1);
    unit_team_do(t, 0, fn, arg);
    unit_team_end(t);
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------- */

static void start_run(const char *program)
{
    const char *seed = getenv("LFVEC_SEED");
    run = mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run == MAP_FAILED) {
        perror(program);
        exit(99);
    }
    run->pid = getpid();
    run->seed = seed && *seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) * 1000 + (uint64_t)run->pid % 1000;
    printf("%s: LFVEC_SEED=%llu\n", program, (unsigned long long)run->seed);
}

static void print_failures(SRunner *sr)
{
    const int n = srunner_ntests_failed(sr);
    TestResult **failed = srunner_failures(sr);
    for (int i = 0; i < n; i++)
        printf("not ok - %s: %s:%d: %s\n", tr_tcname(failed[i]), tr_lfile(failed[i]), tr_lno(failed[i]), tr_msg(failed[i]));
    free(failed);
}

static int remove_left(void)
{
    char name[NAME_ROOM];
    int left = 0;
    for (uint32_t n = 0; n < run->names; n++) {
        make_name(name, n);
        if (shm_unlink(name) == 0) {
            printf("left behind: %s\n", name);
            left++;
        }
    }
    return left;
}

int unit_run(const char *program, unit_suite *const *suites, uint32_t n)
{
    SRunner *sr = srunner_create(NULL);
    start_run(program);
    for (uint32_t i = 0; i < n; i++)
        srunner_add_suite(sr, suites[i]());
    fflush(stdout);
    srunner_set_fork_status(sr, CK_FORK);
    srunner_run_all(sr, CK_SILENT);
    print_failures(sr);
    int failed = srunner_ntests_failed(sr);
    const int left = remove_left(), skipped = (int)run->skipped, passed = srunner_ntests_run(sr) - failed - skipped;
    if (left && !failed) { /* a test that fails does not tidy up */
        printf("not ok - segments were left behind\n");
        failed++;
    }
    srunner_free(sr);
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed ? 1 : passed ? 0 : 77;
}
