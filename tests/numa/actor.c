/* actor.c - processes that take orders, see numa.h. Each has one thread, so that its slot is that of its process. */
#include "numa.h"

#include <errno.h>
#include <numa.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHURN_ELEMS = 4000 };

struct order {
    enum verb verb;
    uint64_t n;
    struct lfvec_attr attr; /* MAKE */
};

static const char *const verb_name[] = {[MAKE] = "make", [OPEN] = "open",       [PUSH] = "push",   [POP] = "pop",   [CLEAR] = "clear",
                                        [TRIM] = "trim", [RESERVE] = "reserve", [CHURN] = "churn", [MOVE] = "move", [LEAVE] = "leave"};

/* ---- in the actor ---------------------------------------------------------------------------------------------------------------------- */

static lfvec_t *vec;

static int open_it(int flags, const struct lfvec_attr *attr)
{
    vec = lfvec_open(NUMA_NAME, flags, attr);
    return vec ? 0 : -errno;
}

static int push(uint64_t n)
{
    int err = 0;
    for (uint64_t i = 0; i < n && !err; i++)
        err = lfvec_push_u64(vec, i);
    return err;
}

static int pop(uint64_t n)
{
    uint64_t x;
    int err = 0;
    for (uint64_t i = 0; i < n && !err; i++)
        err = lfvec_pop_u64(vec, &x);
    return err;
}

static int obey(const struct order *o)
{
    switch (o->verb) {
    case MAKE:
        return open_it(LFVEC_CREATE | LFVEC_EXCL, &o->attr);
    case OPEN:
        return open_it(0, NULL);
    case PUSH:
        return push(o->n);
    case POP:
        return pop(o->n);
    case CLEAR:
        return lfvec_clear(vec);
    case TRIM:
        return lfvec_trim(vec);
    case RESERVE:
        return lfvec_reserve(vec, o->n);
    case CHURN: /* once, before the answer */
        return push(1);
    case MOVE:
        return numa_run_on_node((int)o->n) == 0 ? 0 : -errno;
    case LEAVE:
        return lfvec_detach(vec);
    }
    return -EINVAL;
}

static _Noreturn void serve(int fd, int32_t node)
{
    struct order o;
    (void)prctl(PR_SET_NAME, "actor");
    if (numa_run_on_node(node) != 0)
        _exit(1);
    while (recv(fd, &o, sizeof o, 0) == (ssize_t)sizeof o) {
        const int err = obey(&o);
        if (send(fd, &err, sizeof err, 0) != (ssize_t)sizeof err)
            _exit(1);
        while (o.verb == CHURN && push(CHURN_ELEMS) == 0 && pop(CHURN_ELEMS) == 0)
            ;
        if (o.verb == LEAVE)
            _exit(0);
    }
    _exit(1);
}

/* ---- in the test ----------------------------------------------------------------------------------------------------------------------- */

static _Noreturn void give_up(const char *what)
{
    claim_that(false, "%s: %s", what, strerror(errno));
    exit(1);
}

void actor_start(struct actor *a, int32_t node)
{
    int fd[2];
    fflush(stdout);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
        give_up("socketpair");
    *a = (struct actor){.pid = fork(), .fd = fd[0], .node = node};
    if (a->pid < 0)
        give_up("fork");
    if (a->pid == 0) {
        close(fd[0]);
        serve(fd[1], node);
    }
    close(fd[1]);
}

static void gone(struct actor *a)
{
    close(a->fd);
    while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void tell(struct actor *a, const struct order *o)
{
    int err = -EPIPE; /* it died */
    if (send(a->fd, o, sizeof *o, MSG_NOSIGNAL) == (ssize_t)sizeof *o && recv(a->fd, &err, sizeof err, 0) != (ssize_t)sizeof err)
        err = -EPIPE;
    if (err)
        claim_that(false, "%s %llu on node %d: %s", verb_name[o->verb], (unsigned long long)o->n, a->node, strerror(-err));
    if (o->verb == LEAVE)
        gone(a);
    if (o->verb == MOVE)
        a->node = (int32_t)o->n;
}

void actor_make(struct actor *a, const struct lfvec_attr *attr)
{
    const struct order o = {.verb = MAKE, .attr = *attr};
    tell(a, &o);
}

void actor_do(struct actor *a, enum verb verb, uint64_t n)
{
    const struct order o = {.verb = verb, .n = n};
    tell(a, &o);
}

void actor_kill(struct actor *a)
{
    (void)kill(a->pid, SIGKILL);
    gone(a);
}
