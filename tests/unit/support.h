/*
 * support.h - what the unit tests share: segments with names of their own that are gone afterwards, randomness that can be repeated,
 * children, threads that take turns, skipping aloud, and the runner.
 */
#ifndef LFVEC_TESTS_UNIT_SUPPORT_H
#define LFVEC_TESTS_UNIT_SUPPORT_H

#include <check.h>
#include <errno.h>
#include <lfvec.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* For loops: Check's own assertions write a message each time they hold. */
#define MUST(cond)                                                                                                                         \
    do {                                                                                                                                   \
        if (!(cond))                                                                                                                       \
            ck_abort_msg("%s", #cond);                                                                                                     \
    } while (0)
#define MUST_MSG(cond, ...)                                                                                                                \
    do {                                                                                                                                   \
        if (!(cond))                                                                                                                       \
            ck_abort_msg(__VA_ARGS__);                                                                                                     \
    } while (0)

enum { UNTOUCHED = 12345 };

/* A function that returns its error: this one, and errno stays. */
#define RETURNS(want, call)                                                                                                                \
    do {                                                                                                                                   \
        errno = UNTOUCHED;                                                                                                                 \
        const int64_t got = (int64_t)(call);                                                                                               \
        MUST_MSG(got == (want), "%s: %lld (%s)", #call, (long long)got, got < 0 ? strerror((int)-got) : "");                               \
        MUST_MSG(errno == UNTOUCHED, "%s: errno is now %d", #call, errno);                                                                 \
    } while (0)

/* Ends a test that cannot run here. It is counted as skipped, not as passed. */
#define UNIT_SKIP(why)                                                                                                                     \
    do {                                                                                                                                   \
        unit_skip(__func__, why);                                                                                                          \
        return;                                                                                                                            \
    } while (0)
void unit_skip(const char *test, const char *why);

/* A sanitizer has mappings and limits of its own. */
#if defined(__has_feature)
#define CLANG_SANITIZES (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define CLANG_SANITIZES 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || CLANG_SANITIZES
enum { UNIT_SANITIZED = 1 };
#else
enum { UNIT_SANITIZED = 0 };
#endif

/* What user-mode emulation of another machine does not do. NULL if it is done here, otherwise why not. */
const char *unit_lacks_robust_locks(void);   /* a dead thread's locks are marked by the kernel */
const char *unit_lacks_address_limits(void); /* RLIMIT_AS is obeyed */
const char *unit_lacks_mounts(void);         /* unit_mount_shm() and unit_become(): root, and mount namespaces */
#define UNIT_NEEDS(lacks)                                                                                                                  \
    do {                                                                                                                                   \
        const char *why_not = (lacks)();                                                                                                   \
        if (why_not)                                                                                                                       \
            UNIT_SKIP(why_not);                                                                                                            \
    } while (0)

/* ---- segments ------------------------------------------------------------------------------------------------------------------------ */

/* A name that nobody had before, /lfvec-test-PID-N. The string is good for the rest of the test. */
const char *unit_name(void);

void unit_attr(struct lfvec_attr *attr, uint32_t elem_size);
lfvec_t *unit_make(const struct lfvec_attr *attr);      /* creates one under a new name; attr NULL = 8-byte elements in small slabs */
lfvec_t *unit_open(const char *name, int flags);        /* asserts that it opens */
void unit_fill(lfvec_t *v, uint64_t from, uint64_t to); /* pushes these numbers */
void unit_expect(lfvec_t *v, uint64_t n);               /* the elements are 0 .. n-1 */
void unit_sound(lfvec_t *v);                            /* the audit is conclusive and finds nothing */

/* This process's mappings of a test's segment, or of all of them (NULL); those of attachments alone: a slot that is held has one more, of a page. */
uint32_t unit_mappings(const char *name);
uint32_t unit_attachments(const char *name);
struct lfvec_stat unit_stat(lfvec_t *v);

/* Checked fixtures of every test case: what the test named is removed. unit_case() makes a test case that has them. */
TCase *unit_case(Suite *s, const char *name, double timeout_seconds);

/* ---- randomness ---------------------------------------------------------------------------------------------------------------------- */

struct unit_rng {
    uint64_t state;
};

/* Prints the seed: LFVEC_SEED, or a new one; `salt` tells the tests of one run apart. */
struct unit_rng unit_random(const char *test, uint64_t salt);
uint64_t unit_next(struct unit_rng *r);
uint64_t unit_below(struct unit_rng *r, uint64_t n);
void unit_bytes(struct unit_rng *r, void *bytes, size_t n);

/* ---- children and threads ------------------------------------------------------------------------------------------------------------ */

typedef void unit_fn(void *arg);

/* For a child: gives it a /dev/shm of its own, with these options of tmpfs; makes it another user for the rest of its life. */
bool unit_mount_shm(const char *options);
void unit_become(unsigned int uid);

/* Runs fn in a child, and asserts that it exits with 0; or returns what waitpid(2) says of it. */
void unit_in_child(unit_fn *fn, void *arg);
int unit_child_status(unit_fn *fn, void *arg);

/* Threads of which one runs at a time, on the caller's word: what they do to each other is the same in every run. */
struct unit_team;
struct unit_team *unit_team_new(uint32_t n);
void unit_team_do(struct unit_team *t, uint32_t i, unit_fn *fn, void *arg); /* thread i runs it; returns when it is done */
void unit_team_replace(struct unit_team *t, uint32_t i);                    /* thread i exits, another takes its place */
void unit_team_end(struct unit_team *t);                                    /* all exit */

/* Runs fn once in a new thread that exits afterwards. */
void unit_in_thread(unit_fn *fn, void *arg);

/* ---- running ------------------------------------------------------------------------------------------------------------------------- */

typedef Suite *unit_suite(void);

/*
 * Runs the suites, each test in a process of its own; prints what failed and, last, "N passed, N failed, N skipped". A segment that is left
 * behind is a failure, and is removed. Returns main's status.
 */
int unit_run(const char *program, unit_suite *const *suites, uint32_t n);

#endif
