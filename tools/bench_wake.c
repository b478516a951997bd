/*
 * bench_wake.c - owns --wake: how long it takes from a push to the return of the pop that waits for it in another process, beside the same
 * through a POSIX message queue and a pipe. The element is the time of the push; the pusher waits until the other one is asleep.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <lfvec.h>
#include <libsmartcols/libsmartcols.h>
#include <mqueue.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* One way to hand an element to a process that sleeps. Functions: 0 or a negative errno value. */
struct channel {
    const char *name;
    int (*open)(struct channel *c);
    int (*give)(struct channel *c, uint64_t x);
    int (*take)(struct channel *c, uint64_t *x); /* waits */
    void (*close)(struct channel *c);
    lfvec_t *v;
    mqd_t queue;
    int pipe[2];
};

static int vector_open(struct channel *c)
{
    char name[64];
    snprintf(name, sizeof name, "/%s-%d-wake", PROGRAM, (int)getpid());
    c->v = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, NULL);
    return c->v ? lfvec_unlink(name) : -errno;
}

static int vector_give(struct channel *c, uint64_t x)
{
    return lfvec_push_u64(c->v, x);
}

static int vector_take(struct channel *c, uint64_t *x)
{
    return lfvec_pop_wait(c->v, x, NULL);
}

static void vector_close(struct channel *c)
{
    lfvec_detach(c->v);
}

static int queue_open(struct channel *c)
{
    char name[64];
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = sizeof(uint64_t)};
    snprintf(name, sizeof name, "/%s-%d-wake", PROGRAM, (int)getpid());
    c->queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    if (c->queue == (mqd_t)-1)
        return -errno;
    mq_unlink(name);
    return 0;
}

static int queue_give(struct channel *c, uint64_t x)
{
    return mq_send(c->queue, (const char *)&x, sizeof x, 0) == 0 ? 0 : -errno;
}

static int queue_take(struct channel *c, uint64_t *x)
{
    return mq_receive(c->queue, (char *)x, sizeof *x, NULL) == (ssize_t)sizeof *x ? 0 : -errno;
}

static void queue_close(struct channel *c)
{
    mq_close(c->queue);
}

static int pipe_open(struct channel *c)
{
    return pipe(c->pipe) == 0 ? 0 : -errno;
}

static int pipe_give(struct channel *c, uint64_t x)
{
    return write(c->pipe[1], &x, sizeof x) == (ssize_t)sizeof x ? 0 : -errno;
}

static int pipe_take(struct channel *c, uint64_t *x)
{
    return read(c->pipe[0], x, sizeof *x) == (ssize_t)sizeof *x ? 0 : -errno;
}

static void pipe_close(struct channel *c)
{
    close(c->pipe[0]);
    close(c->pipe[1]);
}

/* ---- measuring ------------------------------------------------------------------------------------------------------------------------- */

enum { CHANNELS = 3, ROUND = 100 };

static struct channel channels[CHANNELS] = {
    {.name = "lfvec", .open = vector_open, .give = vector_give, .take = vector_take, .close = vector_close},
    {.name = "mqueue", .open = queue_open, .give = queue_give, .take = queue_take, .close = queue_close},
    {.name = "pipe", .open = pipe_open, .give = pipe_give, .take = pipe_take, .close = pipe_close},
};

/* The other process: takes `count` elements and notes how old they are. */
static _Noreturn void waiter(struct channel *c, double *age, unsigned count)
{
    bench_pin(1);
    for (unsigned i = 0; i < count; i++) {
        uint64_t sent;
        if (c->take(c, &sent) != 0)
            _exit(1);
        age[i] = (double)(bench_ns() - sent) * 1e-3;
    }
    _exit(0);
}

/* Asleep, by what the kernel says; a process that is about to fall asleep takes some microseconds more. */
static void until_asleep(pid_t pid)
{
    const struct timespec moment = {.tv_nsec = 50000};
    char path[64], state = 'R';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    while (state == 'R') {
        FILE *f = fopen(path, "r");
        if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
            state = 'Z';
        if (f)
            fclose(f);
    }
    nanosleep(&moment, NULL);
}

static int round_of(struct channel *c, double *age, unsigned count)
{
    int status = 0;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0)
        waiter(c, age, count);
    if (pid < 0)
        return -errno;
    int rc = 0;
    for (unsigned i = 0; i < count && rc == 0; i++) {
        until_asleep(pid);
        rc = c->give(c, bench_ns());
    }
    if (rc != 0)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return rc ? rc : status ? -ECHILD : 0;
}

/* Rounds of the channels in turn, so that what goes on in the machine falls on all alike. */
static int measure(double *age[CHANNELS], bool open[CHANNELS], unsigned samples)
{
    bench_pin(0);
    for (unsigned done = 0; done < samples; done += ROUND)
        for (int i = 0; i < CHANNELS; i++) {
            const unsigned count = samples - done < ROUND ? samples - done : ROUND;
            const int rc = open[i] ? round_of(&channels[i], age[i] + done, count) : 0;
            if (rc != 0) {
                bench_complain("%s: %s", channels[i].name, strerror(-rc));
                return -1;
            }
        }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int add_line(struct libscols_table *table, const char *name, double *age, unsigned samples)
{
    const double at[] = {0.5, 0.9, 0.99};
    struct libscols_line *line = scols_table_new_line(table, NULL);
    char text[32];
    int rc = line ? scols_line_set_data(line, 0, name) : -1;
    qsort(age, samples, sizeof *age, by_value);
    for (size_t i = 0; i < 3 && rc == 0; i++) {
        snprintf(text, sizeof text, "%.1f", age[(size_t)(at[i] * (samples - 1))]);
        rc = scols_line_set_data(line, i + 1, text);
    }
    snprintf(text, sizeof text, "%u", samples);
    return rc == 0 ? scols_line_set_data(line, 4, text) : rc;
}

static const struct bench_column columns[] = {
    {"PEER", "peer", true},      {"P50_US", "p50_us", false},   {"P90_US", "p90_us", false},
    {"P99_US", "p99_us", false}, {"SAMPLES", "samples", false}, {NULL, NULL, false},
};

int bench_wake(unsigned samples, bool json)
{
    double *age[CHANNELS];
    bool open[CHANNELS];
    int rc = 0;
    const size_t bytes = samples * sizeof **age;
    for (int i = 0; i < CHANNELS; i++) {
        age[i] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        const int err = age[i] == MAP_FAILED ? -ENOMEM : channels[i].open(&channels[i]);
        open[i] = err == 0;
        if (err)
            bench_complain("%s: left out: %s", channels[i].name, strerror(-err));
    }
    rc = measure(age, open, samples);
    struct libscols_table *table = bench_table("wake", columns, json);
    for (int i = 0; i < CHANNELS; i++) {
        if (rc == 0 && open[i] && table)
            rc = add_line(table, channels[i].name, age[i], samples);
        if (open[i])
            channels[i].close(&channels[i]);
    }
    if (rc == 0)
        return bench_print(stdout, table, json);
    scols_unref_table(table);
    return rc;
}
