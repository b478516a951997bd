/* holdings.c - see holdings.h. */
#include "holdings.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { DESCRIPTORS_MOST = 256 }; /* more than any of these tests has */

/* Without a descriptor. */
static uint32_t descriptors(void)
{
    uint32_t n = 0;
    for (int fd = 0; fd < DESCRIPTORS_MOST; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

static uint32_t all_mappings(void)
{
    uint32_t n = 0;
    int c;
    FILE *f = fopen("/proc/self/maps", "re");
    MUST(f != NULL);
    while ((c = getc(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

static uint64_t bytes_under(const char *name)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof path, "/dev/shm%s", name ? name : "");
    return name && lstat(path, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

struct holdings holdings_now(lfvec_t *v, const char *name)
{
    struct holdings now = {.bytes = bytes_under(name)};
    struct lfvec_stat st;
    if (v) {
        MUST(lfvec_stat(v, &st) != -EINVAL); /* a damaged one has figures as well */
        now.bytes = st.bytes_committed;
        now.leaves = st.leaves_used;
        now.slabs = st.slabs_owned + st.slabs_unowned;
    }
    now.mappings = unit_mappings(NULL);
    now.all_mappings = UNIT_SANITIZED ? 0 : all_mappings(); /* a sanitizer has its own */
    now.descriptors = descriptors();
    return now;
}

static void same(uint64_t before, uint64_t after, const char *kind, const char *what)
{
    MUST_MSG(before == after, "%s: %llu %s before, %llu after it", what, (unsigned long long)before, kind, (unsigned long long)after);
}

void holdings_same(const struct holdings *before, const struct holdings *after, const char *what)
{
    same(before->bytes, after->bytes, "bytes committed", what);
    same(before->slabs, after->slabs, "slabs", what);
    same(before->descriptors, after->descriptors, "open descriptors", what);
    same(before->mappings, after->mappings, "mappings of segments", what);
}

void holdings_kept(const struct holdings *before, const struct holdings *after, const char *what)
{
    holdings_same(before, after, what);
    same(before->leaves, after->leaves, "leaves in use", what);
    same(before->all_mappings, after->all_mappings, "mappings", what);
}

void open_fails_once(int want, const char *name, int flags, const struct lfvec_attr *attr)
{
    errno = UNTOUCHED;
    lfvec_t *v = lfvec_open(name, flags, attr);
    MUST_MSG(v == NULL, "%s opens", name);
    MUST_MSG(errno == want, "%s: %s instead of %s: %s", name, strerror(errno), strerror(want), lfvec_last_error());
    MUST_MSG(strstr(lfvec_last_error(), name), "no name in \"%s\"", lfvec_last_error());
}

void open_fails(int want, const char *name, int flags, const struct lfvec_attr *attr)
{
    const struct holdings before = holdings_now(NULL, name);
    open_fails_once(want, name, flags, attr);
    const struct holdings once = holdings_now(NULL, name);
    holdings_same(&before, &once, name);
    for (int calls = 1; calls < HOLDINGS_CALLS; calls++)
        open_fails_once(want, name, flags, attr);
    const struct holdings then = holdings_now(NULL, name);
    holdings_kept(&once, &then, name);
}

/* ---- a full vector ------------------------------------------------------------------------------------------------------------------ */

uint64_t holdings_fill_until(lfvec_t *v, int want)
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
void holdings_go_on_full(lfvec_t *v, uint64_t n, int full)
{
    uint64_t x[2] = {n, n};
    unit_expect(v, n);
    unit_sound(v);
    REFUSES(v, full, lfvec_push_u64(v, n));
    REFUSES(v, full, lfvec_push_n(v, x, 2, NULL));
    for (uint64_t again = 1; again <= n; again *= 3) {
        for (uint64_t i = n; i-- > n - again;) {
            RETURNS(0, lfvec_pop_u64(v, &x[0]));
            ck_assert_uint_eq(x[0], i);
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
