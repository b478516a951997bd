/*
 * bench_redis.c - the peer `redis`: a list of a Redis server, through hiredis and a unix socket. The server is a private one: started for each
 * round in a temporary directory, without TCP, without persistence, ended after it. Every client is connected before the clock, and when all
 * are, the socket and the directory go: whatever ends this program, no name is left, and the server dies with it.
 *
 * A command is a round trip of tens of microseconds; so single operations are fewer than the others' (REDIS_OPS). A batch is one command.
 */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REDIS_OPS = 20000, REDIS_TRIES = 2000 /* of 5 ms, until the server listens */ };

struct redis {
    redisContext *client; /* ours; a worker's is its own */
};

static struct {
    pid_t pid;
    char dir[64], socket[80];
    struct redis door[WORKERS_MOST + 1]; /* the last one is that of the round */
    unsigned doors;
} redis_server; /* there is one round at a time */

/* ---- commands ---- */

/* Whether the reply is of this type; if so, *integer of an integer, and *string, of 8 bytes, of a string. */
static bool redis_is(redisReply *reply, int type, long long *integer, void *string, size_t bytes)
{
    bool good = reply && reply->type == type;
    if (good && integer)
        *integer = reply->integer;
    if (good && string) {
        good = (size_t)reply->len == bytes;
        if (good)
            memcpy(string, reply->str, bytes);
    }
    freeReplyObject(reply);
    return good;
}

static inline bool redis_push_record(struct redis *r, const uint64_t *record, size_t bytes)
{
    return redis_is(redisCommand(r->client, "RPUSH v %b", record, bytes), REDIS_REPLY_INTEGER, NULL, NULL, 0);
}

static inline bool redis_pop_record(struct redis *r, uint64_t *record, size_t bytes)
{
    return redis_is(redisCommand(r->client, "RPOP v"), REDIS_REPLY_STRING, NULL, record, bytes);
}

static inline bool redis_push(struct redis *r, uint64_t x)
{
    return redis_push_record(r, &x, sizeof x);
}

static inline bool redis_pop(struct redis *r, uint64_t *x)
{
    return redis_pop_record(r, x, sizeof *x);
}

static inline bool redis_get(struct redis *r, uint64_t index, uint64_t *x)
{
    return redis_is(redisCommand(r->client, "LINDEX v %llu", (unsigned long long)index), REDIS_REPLY_STRING, NULL, x, sizeof *x);
}

/* One command with all of them. */
static bool redis_push_n(struct redis *r, const uint64_t *elem, uint64_t n)
{
    const char *word[BATCH + 2] = {"RPUSH", "v"};
    size_t length[BATCH + 2] = {5, 1};
    for (uint64_t i = 0; i < n; i++) {
        word[i + 2] = (const char *)&elem[i];
        length[i + 2] = sizeof *elem;
    }
    return redis_is(redisCommandArgv(r->client, (int)n + 2, word, length), REDIS_REPLY_INTEGER, NULL, NULL, 0);
}

static bool redis_copy(redisReply *reply, uint64_t *elem, uint64_t n)
{
    bool good = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == n;
    for (uint64_t i = 0; good && i < n; i++) {
        good = reply->element[i]->type == REDIS_REPLY_STRING && (size_t)reply->element[i]->len == sizeof *elem;
        if (good)
            memcpy(&elem[i], reply->element[i]->str, sizeof *elem);
    }
    freeReplyObject(reply);
    return good;
}

static bool redis_pop_n(struct redis *r, uint64_t *elem, uint64_t n)
{
    return redis_copy(redisCommand(r->client, "RPOP v %llu", (unsigned long long)n), elem, n);
}

/* One command is one moment: so this is a snapshot as well. */
static bool redis_get_n(struct redis *r, uint64_t first, uint64_t *elem, uint64_t n)
{
    return redis_copy(redisCommand(r->client, "LRANGE v %llu %llu", (unsigned long long)first, (unsigned long long)(first + n - 1)), elem,
                      n);
}

static bool redis_snapshot(struct redis *r, uint64_t first, uint64_t *elem, uint64_t n)
{
    return redis_get_n(r, first, elem, n);
}

/* ---- the server ---- */

static bool redis_installed(void)
{
    char path[4096];
    const char *list = getenv("PATH");
    for (const char *end; list; list = *end ? end + 1 : NULL) {
        end = strchrnul(list, ':');
        snprintf(path, sizeof path, "%.*s/redis-server", (int)(end - list), list);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static const char *redis_fit(struct bench_case *what)
{
    const bool batch = what->mix == MIX_PUSH_N || what->mix == MIX_POP_N || what->mix == MIX_GET_N || what->mix == MIX_SNAPSHOT;
    if (!redis_installed())
        return "no redis-server in PATH";
    if (!batch && what->ops > REDIS_OPS)
        what->ops = REDIS_OPS;
    return NULL;
}

static _Noreturn void redis_become(void)
{
    const int null = open("/dev/null", O_RDWR);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis_server.socket, "--unixsocketperm", "600", "--save", "",
           "--appendonly", "no", "--daemonize", "no", "--dir", redis_server.dir, (char *)NULL);
    _exit(127);
}

static int redis_connect(struct redis *door)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    for (int i = 0; i < REDIS_TRIES; i++) {
        door->client = redisConnectUnix(redis_server.socket);
        if (door->client && !door->client->err)
            return 0;
        if (door->client)
            redisFree(door->client);
        door->client = NULL;
        if (waitpid(redis_server.pid, NULL, WNOHANG) != 0) {
            redis_server.pid = 0;
            return -ECHILD;
        }
        nanosleep(&moment, NULL);
    }
    return -ETIMEDOUT;
}

static void redis_close(struct bench_round *round)
{
    (void)round;
    for (unsigned i = 0; i < redis_server.doors; i++)
        redisFree(redis_server.door[i].client);
    redis_server.doors = 0;
    if (redis_server.pid > 0) {
        kill(redis_server.pid, SIGKILL);
        waitpid(redis_server.pid, NULL, 0);
    }
    redis_server.pid = 0;
}

static int redis_start(unsigned doors)
{
    int rc = 0;
    redis_server.pid = fork();
    if (redis_server.pid == 0)
        redis_become();
    if (redis_server.pid < 0)
        return -errno;
    for (redis_server.doors = 0; redis_server.doors < doors && rc == 0; redis_server.doors += rc == 0)
        rc = redis_connect(&redis_server.door[redis_server.doors]);
    return rc;
}

static int redis_open(struct bench_round *round)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(redis_server.dir, sizeof redis_server.dir, "%s/%s-XXXXXX", tmp && strlen(tmp) < 32 ? tmp : "/tmp", PROGRAM);
    if (!mkdtemp(redis_server.dir))
        return -errno;
    snprintf(redis_server.socket, sizeof redis_server.socket, "%s/socket", redis_server.dir);
    const int rc = redis_start(round->what->workers + 1);
    unlink(redis_server.socket);
    rmdir(redis_server.dir);
    round->handle = &redis_server.door[round->what->workers];
    if (rc != 0)
        redis_close(round);
    return rc;
}

static int redis_enter(struct bench_worker *worker)
{
    worker->handle = &redis_server.door[worker->index];
    return 0;
}

static int redis_clear(struct bench_round *round)
{
    struct redis *r = round->handle;
    return redis_is(redisCommand(r->client, "DEL v"), REDIS_REPLY_INTEGER, NULL, NULL, 0) ? 0 : -EIO;
}

/* Takes them out, to count them: many at a time where they are many. */
static int redis_total(struct bench_round *round, struct bench_total *total)
{
    struct redis *r = round->handle;
    uint64_t elem[BATCH];
    long long length = 0;
    if (!redis_is(redisCommand(r->client, "LLEN v"), REDIS_REPLY_INTEGER, &length, NULL, 0))
        return -EIO;
    while (total->count < (uint64_t)length) {
        const uint64_t left = (uint64_t)length - total->count, n = round->elem_bytes > 8 ? 1 : left < BATCH ? left : (uint64_t)BATCH;
        if (!(round->elem_bytes > 8 ? redis_pop_record(r, elem, round->elem_bytes) : redis_pop_n(r, elem, n)))
            return -EIO;
        for (uint64_t i = 0; i < n; i++)
            total->sum += elem[i];
        total->count += n;
    }
    return 0;
}

#define BENCH_PEER redis
#define BENCH_STATE struct redis
#define BENCH_RECORDS
#define BENCH_BATCHES
#include "bench_loops.h"

extern const struct bench_peer redis_peer;
const struct bench_peer redis_peer = {
    .name = "redis",
    .what = "list of a private Redis server, through a unix socket",
    .processes = true,
    .threads = true,
    .open = redis_open,
    .close = redis_close,
    .enter = redis_enter,
    .clear = redis_clear,
    .total = redis_total,
    .fit = redis_fit,
    .push = redis_push_loop,
    .pop = redis_pop_loop,
    .mixed = redis_mixed_loop,
    .read = redis_read_loop,
    .push64 = redis_push64_loop,
    .mixed64 = redis_mixed64_loop,
    .push1024 = redis_push1024_loop,
    .mixed1024 = redis_mixed1024_loop,
    .push_n = redis_push_n_loop,
    .pop_n = redis_pop_n_loop,
    .get_n = redis_get_n_loop,
    .snapshot = redis_snapshot_loop,
};
