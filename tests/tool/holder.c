/*
 * holder.c - a participant for tests to look at: attaches, pushes, says "ready PID", and waits until it is killed.
 *
 * holder NAME [COUNT]               pushes the numbers 0 to COUNT-1 (default 1) to a vector of 8-byte elements, which must exist
 * holder NAME COUNT lease           and pops one on lease
 * holder NAME COUNT file-lease      holds a lease of the kernel's on the object (F_SETLEASE), and is no participant
 * holder NAME COUNT load            and goes on pushing, setting, getting and popping as fast as it can; COUNT are always there
 * holder NAME COUNT OPERATION WHEN  a child does that, and begins the operation; it is killed amid it: "before" or right "after" it takes
 *                                   effect. PID is the child's, which is dead when it is said. Says "skip WHY" where that cannot be done.
 */
#include <lfvec.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int push_all(lfvec_t *v, unsigned long count)
{
    for (uint64_t i = 0; i < count; i++) {
        int error = lfvec_push_u64(v, i);
        if (error) {
            fprintf(stderr, "holder: push: %s\n", strerror(-error));
            return 1;
        }
    }
    return 0;
}

/* ---- killed amid an operation ---- */

static int64_t operate(lfvec_t *v, const char *operation)
{
    uint64_t x[3] = {100, 101, 102};
    if (strcmp(operation, "push") == 0)
        return lfvec_push_u64(v, x[0]);
    if (strcmp(operation, "pop") == 0)
        return lfvec_pop_u64(v, x);
    if (strcmp(operation, "set") == 0)
        return lfvec_set_u64(v, 0, x[0]);
    if (strcmp(operation, "push_n") == 0)
        return lfvec_push_n(v, x, 3, NULL);
    if (strcmp(operation, "pop_lease") == 0)
        return lfvec_pop_lease(v, x);
    fprintf(stderr, "holder: unknown operation %s\n", operation);
    return -EINVAL;
}

enum { NOT_TRACED = 98, STEPS_MOST = 300000 };

static _Noreturn void victim(lfvec_t *v, unsigned long count, const char *operation)
{
    if (push_all(v, count) != 0)
        _exit(1);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(NOT_TRACED);
    raise(SIGSTOP);
    (void)operate(v, operation);
    _exit(0);
}

static bool stopped(pid_t pid, int *status)
{
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFSTOPPED(*status);
}

static bool find_slot(lfvec_t *v, pid_t pid, struct lfvec_participant *p)
{
    for (uint32_t slot = 1; lfvec_participant(v, slot, p) == 0; slot++)
        if (p->state != LFVEC_SLOT_FREE && p->pid == pid)
            return true;
    return false;
}

/* Goes on instruction by instruction until the report says that the next operation is tried, or has just taken effect. */
static bool step_to(lfvec_t *v, pid_t pid, bool after, int *status)
{
    struct lfvec_participant p;
    if (!find_slot(v, pid, &p))
        return false;
    const uint64_t former = p.op_version;
    for (int step = 0; step < STEPS_MOST; step++) {
        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || !stopped(pid, status) || lfvec_participant(v, p.slot, &p) != 0)
            return false;
        if (p.op_version > former && p.outcome == (after ? LFVEC_OUTCOME_WON : LFVEC_OUTCOME_OPEN))
            return true;
    }
    return false;
}

static int die_amid(lfvec_t *v, unsigned long count, const char *operation, bool after)
{
    int status = 0;
    const pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0)
        victim(v, count, operation);
    const bool traced = stopped(pid, &status), there = traced && step_to(v, pid, after, &status);
    if (traced && !WIFEXITED(status)) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (there)
        printf("ready %ld\n", (long)pid);
    else
        printf("skip %s\n", traced ? "the instruction was not found by single steps" : "ptrace is not allowed here");
    return 0;
}

/* ---- at work ---- */

static int work(lfvec_t *v)
{
    uint64_t x[8] = {0};
    for (int64_t error = 0;;) {
        error = error ? error : lfvec_push_u64(v, x[0]);
        error = error ? error : lfvec_set_u64(v, 0, x[0]);
        error = error ? error : lfvec_get_u64(v, 0, x);
        error = error ? error : lfvec_pop_u64(v, x);
        if (error || lfvec_push_n(v, x, 8, NULL) != 8 || lfvec_pop_n(v, x, 8) != 8) {
            fprintf(stderr, "holder: at work: %s\n", strerror((int)-error));
            return 1;
        }
    }
}

/* ---- */

/* Is no participant, and does not give way. */
static int hold_file_lease(const char *name)
{
    signal(SIGIO, SIG_IGN);
    const int fd = shm_open(name, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0)
        return printf("skip %s\n", strerror(errno)) < 0;
    printf("ready %ld\n", (long)getpid());
    fflush(stdout);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    if (argc > 3 && strcmp(argv[3], "file-lease") == 0)
        return hold_file_lease(argv[1]);
    lfvec_t *v = lfvec_open(argv[1], 0, NULL);
    if (!v) {
        fprintf(stderr, "holder: %s\n", lfvec_last_error());
        return 1;
    }
    const unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    if (argc > 4)
        return die_amid(v, count, argv[3], strcmp(argv[4], "after") == 0);
    if (push_all(v, count) != 0)
        return 1;
    const bool load = argc > 3 && strcmp(argv[3], "load") == 0;
    if (argc > 3 && !load && operate(v, "pop_lease") != 0)
        return 1;
    printf("ready %ld\n", (long)getpid());
    fflush(stdout);
    if (load)
        return work(v);
    for (;;)
        pause();
}
