/*
 * beside.c - how much a writer is slowed by commands that run beside it: for slowdown.sh. It measures, so no test starts it.
 *
 * beside NAME ROUNDS MS COMMAND... [-- COMMAND...]...
 *
 * Pushes and pops on the vector NAME of 8-byte elements at full speed, on one CPU. In each round each command has its turn: MS with nothing
 * beside the writer, then MS with the command run over and over on another CPU. What other processes do to the machine in the meantime falls
 * on both alike, and the median of many short rounds leaves it out. Time is the processor time of the writer, so that being preempted does not
 * count, and cache lines taken away do.
 *
 * Prints a line for each command: by how many percent an operation took longer, the median and the quartiles; how many ns it took without;
 * how often the command was run in a second.
 */
#include <lfvec.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMANDS_MOST = 64, PAIRS = 64 };

struct shared {
    _Atomic bool over;
    _Atomic int failed; /* a status of wait(2) */
    _Atomic uint64_t runs;
};

struct command {
    char **argv;
    double *slower; /* one a round: in percent */
    double *alone;  /* ns of an operation */
    uint64_t runs, ns;
};

static struct shared *shared;
static size_t writer_cpu, other_cpu;

static _Noreturn void give_up(const char *what, int error)
{
    fprintf(stderr, "beside: %s: %s\n", what, strerror(error));
    exit(1);
}

static uint64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- CPUs ---- */

static void choose_cpus(void)
{
    cpu_set_t set;
    size_t found[2];
    int count = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        give_up("sched_getaffinity", errno);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
        if (CPU_ISSET(cpu, &set))
            found[count++] = cpu;
    if (count < 2) {
        fputs("beside: needs two CPUs\n", stderr);
        exit(77);
    }
    writer_cpu = found[0];
    other_cpu = found[1];
}

static void pin(size_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        give_up("sched_setaffinity", errno);
}

/* ---- the writer ---- */

/* ns of processor time for a push or a pop, during so many ns. */
static double write_for(lfvec_t *v, uint64_t ns)
{
    uint64_t x = 7, count = 0;
    const uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID), end = now(CLOCK_MONOTONIC) + ns;
    while (now(CLOCK_MONOTONIC) < end) {
        for (int i = 0; i < PAIRS; i++)
            if (lfvec_push_u64(v, x) != 0 || lfvec_pop_u64(v, &x) != 0)
                give_up("push and pop", EIO);
        count += (uint64_t)2 * PAIRS;
    }
    return (double)(now(CLOCK_THREAD_CPUTIME_ID) - cpu) / (double)count;
}

/* ---- beside it ---- */

static int run_once(char **argv)
{
    int status = -1;
    const pid_t pid = vfork();
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static _Noreturn void run_over_and_over(char **argv)
{
    const int null = open("/dev/null", O_WRONLY);
    pin(other_cpu);
    dup2(null, STDOUT_FILENO);
    while (!atomic_load(&shared->over)) {
        const int status = run_once(argv);
        if (status != 0) {
            atomic_store(&shared->failed, status);
            break;
        }
        atomic_fetch_add(&shared->runs, 1);
    }
    _exit(0);
}

/* Once it has run for the first time, everything that it needs is in memory. */
static pid_t start(struct command *command)
{
    atomic_store(&shared->over, false);
    atomic_store(&shared->runs, 0);
    const pid_t pid = fork();
    if (pid < 0)
        give_up("fork", errno);
    if (pid == 0)
        run_over_and_over(command->argv);
    for (unsigned int waited = 0; atomic_load(&shared->runs) == 0 && !atomic_load(&shared->failed); waited++) {
        if (waited == 60000) {
            kill(pid, SIGKILL);
            give_up("first run", ETIMEDOUT);
        }
        usleep(500); /* half a minute at most, until it has run once */
    }
    return pid;
}

static void stop(pid_t pid, const struct command *command)
{
    atomic_store(&shared->over, true);
    waitpid(pid, NULL, 0);
    if (atomic_load(&shared->failed) == 0)
        return;
    fprintf(stderr, "beside: %s %s: wait status %d\n", command->argv[0], command->argv[1] ? command->argv[1] : "", shared->failed);
    exit(1);
}

static void take_turn(lfvec_t *v, struct command *command, int round, uint64_t ns)
{
    const double alone = write_for(v, ns);
    const pid_t pid = start(command);
    const uint64_t runs = atomic_load(&shared->runs), begin = now(CLOCK_MONOTONIC);
    const double beside = write_for(v, ns);
    command->runs += atomic_load(&shared->runs) - runs;
    command->ns += now(CLOCK_MONOTONIC) - begin;
    stop(pid, command);
    command->alone[round] = alone;
    command->slower[round] = 100 * (beside / alone - 1);
}

/* ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(struct command *command, int rounds)
{
    qsort(command->slower, (size_t)rounds, sizeof *command->slower, by_value);
    qsort(command->alone, (size_t)rounds, sizeof *command->alone, by_value);
    printf("%.1f %.1f %.1f %.1f %.0f\n", command->slower[rounds / 2], command->slower[rounds / 4], command->slower[3 * rounds / 4],
           command->alone[rounds / 2], (double)command->runs * 1e9 / (double)command->ns);
}

static int split(char **argv, struct command *commands, int rounds)
{
    int count = 0;
    for (bool begins = true; *argv && count <= COMMANDS_MOST; argv++) {
        if (begins && count < COMMANDS_MOST)
            commands[count++] = (struct command){argv, calloc((size_t)rounds, sizeof(double)), calloc((size_t)rounds, sizeof(double)), 0,
                                                 0};
        begins = strcmp(*argv, "--") == 0;
        if (begins)
            *argv = NULL;
    }
    return count;
}

int main(int argc, char **argv)
{
    static struct command commands[COMMANDS_MOST];
    const int rounds = argc > 4 ? atoi(argv[2]) : 0;
    if (rounds < 1)
        return 2;
    const uint64_t ns = strtoull(argv[3], NULL, 10) * 1000000;
    const int count = split(argv + 4, commands, rounds);
    lfvec_t *v = lfvec_open(argv[1], 0, NULL);
    if (!v) {
        fprintf(stderr, "beside: %s\n", lfvec_last_error());
        return 1;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        give_up("mmap", errno);
    choose_cpus();
    pin(writer_cpu);
    write_for(v, ns);
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < count; i++)
            take_turn(v, &commands[i], round, ns);
    for (int i = 0; i < count; i++)
        print(&commands[i], rounds);
    return lfvec_detach(v) != 0;
}
