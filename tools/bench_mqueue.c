/*
 * bench_mqueue.c - the peer `mqueue`: a POSIX message queue. A system call an operation; the oldest message comes out, not the newest. It is
 * bounded: by fs.mqueue.msg_max for those without CAP_SYS_RESOURCE, by RLIMIT_MSGQUEUE, and by 65,536 messages for all. So a push into an
 * empty one, and a pop, are measured with as many operations as it holds.
 */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    MQUEUE_MOST = 65536, /* HARD_MSGMAX of the kernel */
    MQUEUE_LEAST = 1000  /* operations that are worth a figure */
};

/* One descriptor, inherited by all workers; the handle points to it. */
struct mqueue {
    mqd_t queue;
};

static struct mqueue mqueue_only; /* there is one round at a time */

static inline bool mqueue_push_record(struct mqueue *q, const uint64_t *record, size_t bytes)
{
    return mq_send(q->queue, (const char *)record, bytes, 0) == 0;
}

static inline bool mqueue_pop_record(struct mqueue *q, uint64_t *record, size_t bytes)
{
    return mq_receive(q->queue, (char *)record, bytes, NULL) == (ssize_t)bytes;
}

static inline bool mqueue_push(struct mqueue *q, uint64_t x)
{
    return mqueue_push_record(q, &x, sizeof x);
}

static inline bool mqueue_pop(struct mqueue *q, uint64_t *x)
{
    return mqueue_pop_record(q, x, sizeof *x);
}

/* The name goes at once. Does not wait: neither does a push or a pop of the others. */
static mqd_t mqueue_make(uint64_t messages, size_t bytes)
{
    char name[64];
    struct mq_attr attr = {.mq_maxmsg = (long)messages, .mq_msgsize = (long)bytes};
    snprintf(name, sizeof name, "/%s-%d", PROGRAM, (int)getpid());
    const mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600, &attr);
    const int err = errno;
    if (queue != (mqd_t)-1)
        mq_unlink(name);
    errno = err;
    return queue;
}

static void mqueue_namespace(void)
{
    static bool tried;
    if (tried || unshare(CLONE_NEWIPC) != 0)
        return;
    tried = true;
    FILE *most = fopen("/proc/sys/fs/mqueue/msg_max", "w");
    if (most) {
        fprintf(most, "%d\n", (int)MQUEUE_MOST);
        fclose(most);
    }
}

/* As far as we may. */
static void mqueue_raise_limit(void)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    if (setrlimit(RLIMIT_MSGQUEUE, &limit) == 0 || getrlimit(RLIMIT_MSGQUEUE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_MSGQUEUE, &limit);
}

static size_t mqueue_bytes(const struct bench_case *what)
{
    return what->mix == MIX_MIXED64 ? 64 : what->mix == MIX_MIXED1024 ? 1024 : sizeof(uint64_t);
}

static bool mqueue_holds(uint64_t messages, size_t bytes)
{
    const mqd_t queue = messages <= MQUEUE_MOST ? mqueue_make(messages, bytes) : (mqd_t)-1;
    return queue != (mqd_t)-1 && mq_close(queue) == 0;
}

static const char *mqueue_fit(struct bench_case *what)
{
    const bool all = what->mix == MIX_PUSH || what->mix == MIX_POP;
    const uint64_t least = what->ops < MQUEUE_LEAST ? what->ops : MQUEUE_LEAST;
    mqueue_namespace();
    mqueue_raise_limit();
    if (all && what->workers * what->ops > MQUEUE_MOST)
        what->ops = MQUEUE_MOST / what->workers & ~UINT64_C(1);
    while (all && what->ops >= least && !mqueue_holds(bench_room(what), mqueue_bytes(what)))
        what->ops = what->ops * 7 / 8 & ~UINT64_C(1);
    if (what->ops >= least && mqueue_holds(bench_room(what), mqueue_bytes(what)))
        return NULL;
    return "a queue cannot hold enough messages here: sysctl fs.mqueue.msg_max=65536, ulimit -q unlimited";
}

static int mqueue_open(struct bench_round *round)
{
    mqueue_only.queue = mqueue_make(round->room, round->elem_bytes);
    round->handle = &mqueue_only;
    return mqueue_only.queue == (mqd_t)-1 ? -errno : 0;
}

static void mqueue_close(struct bench_round *round)
{
    struct mqueue *q = round->handle;
    mq_close(q->queue);
}

/* Takes out what is there, to count it. */
static int mqueue_total(struct bench_round *round, struct bench_total *total)
{
    struct mqueue *q = round->handle;
    uint64_t record[RECORD_MOST / 8];
    for (; mqueue_pop_record(q, record, round->elem_bytes); total->count++)
        total->sum += record[0];
    return errno == EAGAIN ? 0 : -errno;
}

static int mqueue_clear(struct bench_round *round)
{
    struct bench_total ignored = {0};
    return mqueue_total(round, &ignored);
}

#define BENCH_PEER mqueue
#define BENCH_STATE struct mqueue
#define BENCH_NO_READ
#define BENCH_RECORDS
#include "bench_loops.h"

extern const struct bench_peer mqueue_peer;
const struct bench_peer mqueue_peer = {
    .name = "mqueue",
    .what = "POSIX message queue: a system call an operation",
    .processes = true,
    .threads = true,
    .open = mqueue_open,
    .close = mqueue_close,
    .clear = mqueue_clear,
    .total = mqueue_total,
    .fit = mqueue_fit,
    .push = mqueue_push_loop,
    .pop = mqueue_pop_loop,
    .mixed = mqueue_mixed_loop,
    .push64 = mqueue_push64_loop,
    .mixed64 = mqueue_mixed64_loop,
    .push1024 = mqueue_push1024_loop,
    .mixed1024 = mqueue_mixed1024_loop,
    .lacks = "a queue has no indexes and no batches",
};
