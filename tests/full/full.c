/* full.c - see full.h. */
#include "full.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- /dev/shm -------------------------------------------------------------------------------------------------------------------------- */

static bool write_file(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return written;
}

/* Who is not root is root in a user namespace, if the system lets everybody have one. */
static bool own_namespace(void)
{
    char map[64];
    const long uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWNS) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    snprintf(map, sizeof map, "0 %ld 1\n", uid);
    if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
        return false;
    snprintf(map, sizeof map, "0 %ld 1\n", gid);
    return write_file("/proc/self/gid_map", map);
}

const char *full_shm(uint64_t bytes)
{
    char options[64];
    snprintf(options, sizeof options, "size=%llu,mode=1777", (unsigned long long)bytes);
    if (!own_namespace())
        return "no mount namespace of one's own is permitted here";
    if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 || mount("lfvec-full", "/dev/shm", "tmpfs", 0, options) != 0)
        return "no tmpfs may be mounted here";
    return NULL;
}

uint64_t full_free_bytes(void)
{
    struct statvfs fs;
    MUST(statvfs("/dev/shm", &fs) == 0);
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

#define BALLAST "/dev/shm/ballast"

void full_ballast(uint64_t left)
{
    const int fd = open(BALLAST, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const uint64_t have = full_free_bytes();
    MUST(fd >= 0 && have >= left);
    MUST(have == left || fallocate(fd, 0, 0, (off_t)(have - left)) == 0);
    MUST(full_free_bytes() == left);
    close(fd);
}

void full_drop_ballast(void)
{
    MUST(unlink(BALLAST) == 0);
}

/* ---- elements -------------------------------------------------------------------------------------------------------------------------- */

void full_elem(void *elem, uint32_t size, uint64_t index, uint64_t salt)
{
    struct unit_rng r = {index * UINT64_C(0xd6e8feb86659fd93) + salt};
    unit_bytes(&r, elem, size);
}

bool full_is(const void *elem, uint32_t size, uint64_t index, uint64_t salt)
{
    unsigned char right[FULL_ELEM_MOST];
    full_elem(right, size, index, salt);
    return memcmp(elem, right, size) == 0;
}

static uint64_t push_singly(lfvec_t *v, uint64_t from, uint64_t to, int *err)
{
    unsigned char elem[FULL_ELEM_MOST];
    for (*err = 0; from < to; from++) {
        uint64_t index = 0;
        full_elem(elem, lfvec_elem_size(v), from, 0);
        if ((*err = lfvec_push(v, elem, &index)) != 0)
            break;
        MUST(index == from);
    }
    return from;
}

static uint64_t push_batches(lfvec_t *v, uint64_t from, uint64_t to, uint64_t batch, int *err)
{
    const uint32_t size = lfvec_elem_size(v);
    unsigned char *elems = malloc(batch * size);
    for (*err = 0; from < to && !*err;) {
        const uint64_t n = to - from < batch ? to - from : batch;
        uint64_t first = from;
        for (uint64_t i = 0; i < n; i++)
            full_elem(elems + i * size, size, from + i, 0);
        const int64_t done = lfvec_push_n(v, elems, n, &first);
        MUST(done != 0 && first == from && done <= (int64_t)n);
        *err = done < 0 ? (int)done : 0;
        from += done < 0 ? 0 : (uint64_t)done;
    }
    free(elems);
    return from;
}

uint64_t full_push(lfvec_t *v, uint64_t from, uint64_t to, uint64_t batch, int *err)
{
    return batch ? push_batches(v, from, to, batch, err) : push_singly(v, from, to, err);
}

/* Half of them one by one, half of them in a batch. */
void full_pop(lfvec_t *v, uint64_t from, uint64_t to)
{
    const uint32_t size = lfvec_elem_size(v);
    const uint64_t half = from + (to - from) / 2;
    unsigned char elem[FULL_ELEM_MOST], *elems = malloc((half - from + 1) * size);
    for (; to > half; to--)
        MUST(lfvec_pop(v, elem) == 0 && full_is(elem, size, to - 1, 0));
    const int64_t n = lfvec_pop_n(v, elems, half - from);
    MUST_MSG(n == (int64_t)(half - from), "pop_n of %llu: %lld", (unsigned long long)(half - from), (long long)n);
    for (uint64_t i = 0; i < half - from; i++)
        MUST(full_is(elems + i * size, size, half - 1 - i, 0));
    free(elems);
}

void full_expect(lfvec_t *v, uint64_t n)
{
    const uint32_t size = lfvec_elem_size(v);
    unsigned char elem[FULL_ELEM_MOST], *elems = malloc(n * size + 1);
    uint64_t version;
    MUST_MSG(lfvec_size(v) == n, "%llu elements instead of %llu", (unsigned long long)lfvec_size(v), (unsigned long long)n);
    MUST(lfvec_get_n(v, 0, elems, n) == (int64_t)n);
    for (uint64_t i = 0; i < n; i++)
        MUST_MSG(full_is(elems + i * size, size, i, 0), "element %llu", (unsigned long long)i);
    MUST(lfvec_snapshot(v, n / 2, elems, n - n / 2, &version) == 0);
    for (uint64_t i = n / 2; i < n; i++)
        MUST_MSG(full_is(elems + (i - n / 2) * size, size, i, 0), "element %llu of a snapshot", (unsigned long long)i);
    for (uint64_t i = 0; i < n; i += 97)
        MUST(lfvec_get(v, i, elem) == 0 && full_is(elem, size, i, 0));
    MUST(lfvec_get(v, n, elem) == -ERANGE);
    free(elems);
}

/* A set may still find the one leaf that it needs: then it sets what is there. */
void full_refused(lfvec_t *v, uint64_t n, int how)
{
    unsigned char elems[2 * FULL_ELEM_MOST];
    const uint32_t size = lfvec_elem_size(v);
    full_elem(elems, size, n, 0);
    full_elem(elems + size, size, n + 1, 0);
    for (int i = 0; i < 5; i++) {
        const int err = lfvec_push(v, elems, NULL);
        MUST_MSG(err == -how, "push: %d", err);
        const int64_t pushed = lfvec_push_n(v, elems, 2, NULL);
        MUST_MSG(pushed == -how, "push_n: %lld", (long long)pushed);
    }
    full_elem(elems, size, n / 2, 0);
    const int err = lfvec_set(v, n / 2, elems);
    MUST_MSG(n ? err == 0 || err == -how : err == -ERANGE, "set: %d", err);
    MUST(lfvec_size(v) == n);
}

void full_again(lfvec_t *v, uint64_t n)
{
    static const uint64_t some[] = {1, 2, 65, 1000};
    for (unsigned int i = 0; i < sizeof some / sizeof *some; i++) {
        const uint64_t k = some[i] < n ? some[i] : n;
        int err;
        full_pop(v, n - k, n);
        MUST(lfvec_size(v) == n - k);
        const uint64_t end = full_push(v, n - k, n, i % 2 ? k : 0, &err);
        MUST_MSG(end == n, "%llu popped, %llu pushed: %d", (unsigned long long)k, (unsigned long long)(end - (n - k)), err);
    }
    full_expect(v, n);
    unit_sound(v);
}

/* ---- other processes ------------------------------------------------------------------------------------------------------------------- */

const char *full_name;
lfvec_t *full_mine;

struct order {
    full_fn *fn;
    uint64_t a, b;
};

static bool whole(ssize_t done, size_t bytes)
{
    return done == (ssize_t)bytes;
}

static void obey(int ask, int answer)
{
    struct order o;
    while (whole(read(ask, &o, sizeof o), sizeof o) && o.fn) {
        const int64_t result = o.fn(o.a, o.b);
        MUST(whole(write(answer, &result, sizeof result), sizeof result));
    }
}

struct full_proc full_start(void)
{
    int ask[2], answer[2];
    MUST(pipe2(ask, O_CLOEXEC) == 0 && pipe2(answer, O_CLOEXEC) == 0);
    fflush(stdout);
    const pid_t pid = check_fork();
    MUST(pid >= 0);
    if (pid == 0) {
        close(ask[1]);
        close(answer[0]);
        full_mine = NULL;
        obey(ask[0], answer[1]);
        exit(0);
    }
    close(ask[0]);
    close(answer[1]);
    return (struct full_proc){pid, ask[1], answer[0]};
}

void full_begin(const struct full_proc *p, full_fn *fn, uint64_t a, uint64_t b)
{
    const struct order o = {fn, a, b};
    MUST(whole(write(p->ask, &o, sizeof o), sizeof o));
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        MUST(errno == EINTR);
    return status;
}

int64_t full_result(const struct full_proc *p)
{
    int64_t result = 0;
    if (!whole(read(p->answer, &result, sizeof result), sizeof result))
        ck_abort_msg("a participant ended with status 0x%x", (unsigned int)wait_for(p->pid));
    return result;
}

int64_t full_do(const struct full_proc *p, full_fn *fn, uint64_t a, uint64_t b)
{
    full_begin(p, fn, a, b);
    return full_result(p);
}

void full_end(const struct full_proc *p)
{
    full_begin(p, NULL, 0, 0); /* closing is not enough: participants started later have the pipe too */
    const int status = wait_for(p->pid);
    MUST_MSG(status == 0, "a participant ended with status 0x%x", (unsigned int)status);
    close(p->ask);
    close(p->answer);
}

void full_kill(const struct full_proc *p)
{
    MUST(kill(p->pid, SIGKILL) == 0);
    const int status = wait_for(p->pid);
    MUST_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "a participant ended with status 0x%x", (unsigned int)status);
    close(p->ask);
    close(p->answer);
}

int64_t full_attach(uint64_t flags, uint64_t unused)
{
    (void)unused;
    full_mine = lfvec_open(full_name, (int)flags, NULL);
    return full_mine ? 0 : -errno;
}

int64_t full_detach(uint64_t unused, uint64_t unused_too)
{
    (void)unused;
    (void)unused_too;
    const int err = lfvec_detach(full_mine);
    full_mine = NULL;
    return err;
}

int64_t full_pops(uint64_t from, uint64_t to)
{
    full_pop(full_mine, from, to);
    return 0;
}

int64_t full_pushes(uint64_t from, uint64_t to)
{
    int err;
    const uint64_t end = full_push(full_mine, from, to, 0, &err);
    return end > from ? (int64_t)end : err;
}

int64_t full_reads(uint64_t n, uint64_t unused)
{
    (void)unused;
    full_expect(full_mine, n);
    unit_sound(full_mine);
    return 0;
}
