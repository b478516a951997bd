/*
 * pdu.c - parallel disk usage: what `du -s --block-size=1` says, by several processes that share one vector as their work stack, and are
 * killed throughout the run if asked for.
 *
 *   pdu [-w WORKERS] [-k MILLISECONDS] [DIRECTORY]     default: 4 workers, nobody killed, /usr
 *
 * Two vectors: the work stack, of directory paths, each taken on lease: a worker that dies before it has acknowledged its directory gives
 * it back, and somebody reads it again. And the findings, appended to by all: one for each directory (its own blocks and those of its
 * files), one for each file with several names. A directory that was read twice has left its findings twice, so the sum is taken over
 * distinct inodes, as du does it.
 */
#include <lfvec.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MOST = 64, PATH_ROOM = 2048, BATCH = 256 };

struct job {
    char path[PATH_ROOM];
};

struct finding {
    uint64_t dev, ino, bytes;
};

struct run {
    lfvec_t *work, *found;
    _Atomic bool *done;
    pid_t worker[WORKERS_MOST];
    int workers;
    unsigned int kills;
};

static void die(const char *what, int err)
{
    fprintf(stderr, "pdu: %s: %s\n", what, strerror(err < 0 ? -err : err));
    exit(3);
}

/* ---- a worker -------------------------------------------------------------------------------------------------------------------------- */

struct batch {
    struct finding item[BATCH];
    size_t n;
};

static void flush(const struct run *r, struct batch *b)
{
    const int64_t pushed = b->n ? lfvec_push_n(r->found, b->item, b->n, NULL) : 0;
    if (pushed != (int64_t)b->n)
        die("cannot record findings", pushed < 0 ? (int)pushed : ENOSPC);
    b->n = 0;
}

static void record(const struct run *r, struct batch *b, const struct stat *st, uint64_t bytes)
{
    if (b->n == BATCH)
        flush(r, b);
    b->item[b->n++] = (struct finding){st->st_dev, st->st_ino, bytes};
}

static void read_directory(const struct run *r, const char *path, struct batch *b);

/* Onto the stack; a path too long for it is read at once. */
static void add_directory(const struct run *r, const char *parent, const char *name, struct batch *b)
{
    struct job job = {""};
    char longer[PATH_MAX];
    const int n = snprintf(longer, sizeof longer, "%s/%s", parent, name);
    if (n < 0 || (size_t)n >= sizeof longer)
        return; /* longer than any path may be: du cannot read it either */
    if ((size_t)n >= sizeof job.path) {
        read_directory(r, longer, b);
        return;
    }
    memcpy(job.path, longer, (size_t)n + 1);
    const int err = lfvec_push(r->work, &job, NULL);
    if (err)
        die("cannot push a directory", err);
}

static void read_entry(const struct run *r, const char *path, int dir, const char *name, uint64_t *own, struct batch *b)
{
    struct stat st;
    if (!strcmp(name, ".") || !strcmp(name, "..") || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (S_ISDIR(st.st_mode))
        add_directory(r, path, name, b);
    else if (st.st_nlink > 1)
        record(r, b, &st, (uint64_t)st.st_blocks * 512);
    else
        *own += (uint64_t)st.st_blocks * 512;
}

static void read_directory(const struct run *r, const char *path, struct batch *b)
{
    struct stat st;
    struct dirent *e;
    DIR *dir = opendir(path);
    if (!dir) { /* not readable: it counts by itself, as with du */
        if (lstat(path, &st) == 0)
            record(r, b, &st, (uint64_t)st.st_blocks * 512);
        return;
    }
    if (fstat(dirfd(dir), &st) != 0)
        die(path, errno);
    uint64_t own = (uint64_t)st.st_blocks * 512;
    while ((e = readdir(dir)))
        read_entry(r, path, dirfd(dir), e->d_name, &own, b);
    record(r, b, &st, own);
    closedir(dir);
}

static void worker(const struct run *r)
{
    struct job job;
    struct batch b = {.n = 0};
    while (!atomic_load(r->done)) {
        const int err = lfvec_pop_lease(r->work, &job);
        if (err == -EAGAIN) {
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL); /* others may find more */
            continue;
        }
        if (err)
            die("cannot pop a directory", err);
        read_directory(r, job.path, &b);
        flush(r, &b);
        lfvec_ack(r->work); /* only now: all that it gave is in the vectors */
    }
    lfvec_detach(r->work);
    lfvec_detach(r->found);
    exit(0);
}

/* ---- the parent ------------------------------------------------------------------------------------------------------------------------ */

static void start(struct run *r, int i)
{
    fflush(NULL);
    r->worker[i] = fork();
    if (r->worker[i] < 0)
        die("cannot fork", errno);
    if (r->worker[i] == 0)
        worker(r);
}

static bool any_lease(lfvec_t *v)
{
    struct lfvec_participant p;
    for (uint32_t slot = 1; lfvec_participant(v, slot, &p) == 0; slot++)
        if (p.leased)
            return true;
    return false;
}

/*
 * Nothing on the stack, and nobody at work who might push: if no version passed between the two looks, both were true at once.
 */
static bool finished(lfvec_t *v)
{
    struct lfvec_stat before, after;
    if (lfvec_size(v) != 0)
        return false;
    lfvec_stat(v, &before);
    const bool at_work = any_lease(v);
    lfvec_stat(v, &after);
    return before.size == 0 && !at_work && before.version == after.version;
}

static void kill_one(struct run *r)
{
    const int i = rand() % r->workers;
    kill(r->worker[i], SIGKILL);
    waitpid(r->worker[i], NULL, 0);
    lfvec_recover(r->work, NULL); /* what it had on lease comes back at once */
    r->kills++;
    start(r, i);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void supervise(struct run *r, int kill_every_ms)
{
    double last_kill = seconds();
    for (int i = 0; i < r->workers; i++)
        start(r, i);
    while (!finished(r->work)) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        if (kill_every_ms && seconds() - last_kill > kill_every_ms * 1e-3) {
            kill_one(r);
            last_kill = seconds();
        }
    }
    atomic_store(r->done, true);
    for (int i = 0; i < r->workers; i++)
        waitpid(r->worker[i], NULL, 0);
}

static int by_inode(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static uint64_t sum_up(const struct run *r, uint64_t *distinct, uint64_t *findings)
{
    uint64_t total = 0;
    *findings = lfvec_size(r->found);
    struct finding *all = calloc(*findings + 1, sizeof *all);
    if (!all || lfvec_get_n(r->found, 0, all, *findings) != (int64_t)*findings)
        die("cannot read the findings", ENOMEM);
    qsort(all, *findings, sizeof *all, by_inode);
    *distinct = 0;
    for (uint64_t i = 0; i < *findings; i++)
        if (i == 0 || by_inode(&all[i - 1], &all[i]) != 0) {
            total += all[i].bytes;
            ++*distinct;
        }
    free(all);
    return total;
}

/* What du says; UINT64_MAX if there is none. */
static uint64_t ask_du(const char *path)
{
    int out[2];
    unsigned long long bytes;
    if (pipe(out) != 0)
        die("cannot make a pipe", errno);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        close(out[0]);
        execlp("du", "du", "-s", "--block-size=1", "--", path, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    const bool got = f && fscanf(f, "%llu", &bytes) == 1;
    if (f)
        fclose(f);
    waitpid(pid, NULL, 0);
    return got ? bytes : UINT64_MAX;
}

static lfvec_t *open_private(const char *what, uint32_t elem_size)
{
    char name[64];
    struct lfvec_attr attr;
    lfvec_attr_init(&attr);
    attr.elem_size = elem_size;
    snprintf(name, sizeof name, "/pdu-%s-%d", what, (int)getpid());
    lfvec_t *v = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, &attr);
    if (!v) {
        fprintf(stderr, "pdu: %s\n", lfvec_last_error());
        exit(3);
    }
    return v;
}

/* The name goes at once where the last process's exit shall take the memory along; here it stays until the end, for lfvec-shmctl to see. */
static void close_private(lfvec_t *v)
{
    lfvec_unlink(lfvec_name(v));
    lfvec_detach(v);
}

static int report(const struct run *r, const char *path, double took)
{
    uint64_t distinct, findings;
    struct lfvec_audit audit;
    const uint64_t total = sum_up(r, &distinct, &findings), du = ask_du(path);
    const int sound = lfvec_check(r->work, &audit) == 0 && lfvec_check(r->found, &audit) == 0;
    printf("pdu: %llu bytes in %s: %llu findings, %llu distinct; %d workers, %u killed, %.2f s\n", (unsigned long long)total, path,
           (unsigned long long)findings, (unsigned long long)distinct, r->workers, r->kills, took);
    printf("du:  %llu bytes: %s; the vectors are %s\n", (unsigned long long)du, du == total ? "equal" : "DIFFERENT",
           sound ? "sound" : audit.message);
    return du == total && sound ? 0 : 1;
}

static int usage(int status)
{
    fprintf(status ? stderr : stdout, "usage: pdu [-w WORKERS] [-k KILL_EVERY_MILLISECONDS] [DIRECTORY]\n");
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"workers", 1, NULL, 'w'}, {"kill-every", 1, NULL, 'k'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct run r = {.workers = 4};
    struct job root = {"/usr"};
    int kill_every_ms = 0, c;
    while ((c = getopt_long(argc, argv, "w:k:h", options, NULL)) != -1)
        if (c == 'w')
            r.workers = atoi(optarg);
        else if (c == 'k')
            kill_every_ms = atoi(optarg);
        else
            return usage(c == 'h' ? 0 : 2);
    if (r.workers < 1 || r.workers > WORKERS_MOST || kill_every_ms < 0 || argc - optind > 1)
        return usage(2);
    if (optind < argc)
        snprintf(root.path, sizeof root.path, "%s", argv[optind]);
    r.done = mmap(NULL, sizeof *r.done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r.done == MAP_FAILED)
        die("cannot map", errno);
    r.work = open_private("work", sizeof(struct job));
    r.found = open_private("found", sizeof(struct finding));
    const double began = seconds();
    lfvec_push(r.work, &root, NULL);
    supervise(&r, kill_every_ms);
    const int status = report(&r, root.path, seconds() - began);
    close_private(r.work);
    close_private(r.found);
    return status;
}
