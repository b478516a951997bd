/*
 * collector.c - many short-lived processes append timing samples to one vector; a reader takes live snapshots and prints percentiles.
 *
 *   collector [-p PROCESSES] [-s SAMPLES] [-j JOBS]     default: 200 processes of 1,000 samples, 4 at a time
 *
 * What is timed is a write of 4 KiB to /dev/null by the process. Nobody sets anything up for the reader and nobody waits for it: it opens
 * the segment read-only and copies a consistent range while the writers go on. At the end every sample must be there.
 */
#include <lfvec.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct sample {
    uint32_t pid, number;
    uint64_t ns;
};

enum { WINDOW = 2000 }; /* newest samples that a snapshot looks at */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what, int err)
{
    fprintf(stderr, "collector: %s: %s\n", what, strerror(-err));
    exit(3);
}

/* A short life: attach by name, append, go. */
static void write_samples(const char *name, long samples)
{
    static const char block[4096];
    lfvec_t *v = lfvec_open(name, 0, NULL);
    const int sink = open("/dev/null", O_WRONLY);
    if (!v)
        fail(lfvec_last_error(), -errno);
    for (uint32_t i = 0; i < (uint32_t)samples; i++) {
        const uint64_t began = now_ns();
        if (write(sink, block, sizeof block) < 0)
            fail("write", -errno);
        const struct sample s = {(uint32_t)getpid(), i, now_ns() - began};
        const int err = lfvec_push(v, &s, NULL);
        if (err)
            fail("push", err);
    }
    lfvec_detach(v);
    exit(0);
}

static int by_time(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    return x->ns < y->ns ? -1 : x->ns > y->ns;
}

/* The newest samples, as of one version. 0 or a negative errno. */
static int print_percentiles(lfvec_t *reader)
{
    static struct sample s[WINDOW];
    uint64_t version;
    const uint64_t size = lfvec_size(reader), n = size < WINDOW ? size : WINDOW;
    const int err = n ? lfvec_snapshot(reader, size - n, s, n, &version) : -EAGAIN;
    if (err)
        return err;
    qsort(s, n, sizeof *s, by_time);
    printf("version %8llu  size %8llu  last %llu samples: p50 %5llu ns  p90 %5llu ns  p99 %6llu ns\n", (unsigned long long)version,
           (unsigned long long)size, (unsigned long long)n, (unsigned long long)s[n / 2].ns, (unsigned long long)s[n * 9 / 10].ns,
           (unsigned long long)s[n * 99 / 100].ns);
    return 0;
}

struct tally {
    unsigned int snapshots, missed;
};

static void look(lfvec_t *reader, struct tally *t)
{
    if (lfvec_size(reader) == 0)
        return;
    if (print_percentiles(reader) == 0)
        t->snapshots++;
    else
        t->missed++;
}

/* Starts the writers, `jobs` at a time, and looks at the vector each time one has ended. False if one failed. */
static bool run_writers(const char *name, lfvec_t *reader, long processes, long samples, long jobs, struct tally *t)
{
    long started = 0, ended = 0;
    bool good = true;
    while (ended < processes) {
        while (started < processes && started - ended < jobs) {
            fflush(NULL);
            const pid_t pid = fork();
            if (pid < 0)
                fail("fork", -errno);
            if (pid == 0)
                write_samples(name, samples);
            started++;
        }
        int status;
        if (wait(&status) > 0) {
            ended++;
            good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
        if (ended % (processes / 10 ? processes / 10 : 1) == 0)
            look(reader, t);
    }
    return good;
}

static int usage(int status)
{
    fprintf(status ? stderr : stdout, "usage: collector [-p PROCESSES] [-s SAMPLES_EACH] [-j AT_A_TIME]\n");
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"processes", 1, NULL, 'p'}, {"samples", 1, NULL, 's'}, {"jobs", 1, NULL, 'j'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
    long processes = 200, samples = 1000, jobs = 4;
    struct tally t = {0, 0};
    struct lfvec_attr attr;
    char name[64];
    int c;
    while ((c = getopt_long(argc, argv, "p:s:j:h", options, NULL)) != -1)
        if (c == 'p')
            processes = atol(optarg);
        else if (c == 's')
            samples = atol(optarg);
        else if (c == 'j')
            jobs = atol(optarg);
        else
            return usage(c == 'h' ? 0 : 2);
    if (processes < 1 || samples < 1 || jobs < 1 || jobs > 100 || optind < argc)
        return usage(2);
    lfvec_attr_init(&attr);
    attr.elem_size = sizeof(struct sample);
    snprintf(name, sizeof name, "/collector-%d", (int)getpid());
    lfvec_t *owner = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, &attr), *reader = owner ? lfvec_open(name, LFVEC_RDONLY, NULL) : NULL;
    if (!reader)
        fail(lfvec_last_error(), -errno);
    const bool good = run_writers(name, reader, processes, samples, jobs, &t);
    const uint64_t have = lfvec_size(reader), want = (uint64_t)processes * (uint64_t)samples;
    printf("collector: %llu samples of %llu by %ld processes; %u live snapshots, %u missed\n", (unsigned long long)have,
           (unsigned long long)want, processes, t.snapshots, t.missed);
    lfvec_detach(reader);
    lfvec_unlink(name);
    lfvec_detach(owner);
    return good && have == want && t.snapshots ? 0 : 1;
}
