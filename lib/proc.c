/*
 * proc.c - identity and liveness of threads, read from /proc. Without /proc the state of all other
 * threads is unknown, and unknown counts as alive.
 */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * The calling thread's namespace; 0 = unknown. Not cached: fork() may lead into another namespace
 * with equal numbers, and setns() does.
 */
static uint64_t namespace(const char *link)
{
    char name[64];
    unsigned long long inode = 0;
    /* "pid:[4026531836]"; takes half the time of a stat(). */
    const ssize_t n = readlink(link, name, sizeof name - 1);
    name[n > 0 ? n : 0] = '\0';
    return sscanf(name, "%*[a-z]:[%llu]", &inode) == 1 ? inode : 0;
}

static uint64_t own_pid_ns(void)
{
    return namespace("/proc/self/ns/pid");
}

static uint64_t own_time_ns(void)
{
    return namespace("/proc/self/ns/time");
}

/* In the /proc of an outer namespace we have one number for each namespace from there inwards. */
static bool has_one_number(void)
{
    char line[256];
    int first, second, numbers = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && numbers == 0 && fgets(line, sizeof line, f))
        if (strncmp(line, "NSpid:", 6) == 0)
            numbers = sscanf(line, "NSpid: %d %d", &first, &second);
    if (f)
        fclose(f);
    return numbers == 1;
}

/*
 * True if the numbers in /proc are those of our own pid namespace. After unshare(CLONE_NEWPID),
 * /proc is still the outer one, where our numbers belong to other threads. Each /proc has its own
 * device number, so a positive answer stays valid for this pair of /proc and namespace.
 */
static bool proc_is_ours(uint64_t pid_ns)
{
    static _Atomic uint64_t known;
    struct stat st;
    if (!pid_ns || lstat("/proc/self", &st) != 0)
        return false;
    const uint64_t pair = pid_ns << 32 | (st.st_dev & UINT32_MAX);
    const bool fits = pid_ns <= UINT32_MAX && st.st_dev <= UINT32_MAX;
    if (fits && atomic_load_explicit(&known, memory_order_relaxed) == pair)
        return true;
    if (!has_one_number())
        return false;
    if (fits)
        atomic_store_explicit(&known, pair, memory_order_relaxed);
    return true;
}

/*
 * Only the kernel's own answer is certain: /proc may be missing or hidden, or cannot be
 * opened for lack of descriptors.
 */
static bool no_such_thread(int32_t pid, int32_t tid)
{
    return syscall(SYS_tgkill, pid, tid, 0) != 0 && errno == ESRCH;
}

struct stat_line {
    char state;
    uint64_t start_time, stack;
};

/*
 * The part of an address that is shared: 12 bits. They are enough to compare two addresses, and too
 * few to reveal what address randomization hides. Never 0.
 */
static uint64_t fold(uint64_t address)
{
    enum { VALUES = 4095 };
    return address * UINT64_C(0x9e3779b97f4a7c15) % VALUES + 1;
}

/* Returns false if it cannot be read. */
static bool read_stat(const char *path, struct stat_line *out)
{
    char line[1024];
    unsigned long long start = 0, stack = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n <= 0)
        return false; /* the thread died between open and read */
    line[n] = '\0';
    const char *after = strrchr(line, ')'); /* the name may contain anything, even a parenthesis */
    if (!after ||
        sscanf(after + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu %*u %*d %*u %*u %*u %llu",
               &out->state, &start, &stack) != 3)
        return false;
    out->start_time = start;
    out->stack = stack ? fold(stack) : 0; /* 0 for a reader that may not inspect the process */
    return true;
}

/* 1 if read, 0 if there is no such thread, -1 if unknown. */
static int read_thread(int32_t pid, int32_t tid, struct stat_line *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    return read_stat(path, out) ? 1 : no_such_thread(pid, tid) ? 0 : -1;
}

/*
 * Only exec() changes it; fork() inherits it. Not read from /proc/self, which user-mode emulators
 * fake: other processes see the value in thread-self.
 */
static uint64_t own_stack(void)
{
    static _Atomic uint64_t known;
    struct stat_line line;
    uint64_t stack = atomic_load_explicit(&known, memory_order_relaxed);
    if (stack || !read_stat("/proc/thread-self/stat", &line))
        return stack;
    atomic_store_explicit(&known, line.stack, memory_order_relaxed);
    return line.stack;
}

static uint64_t boot_ticks(void)
{
    struct timespec now = {0};
    const uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * hz + (uint64_t)now.tv_nsec / (1000000000 / hz);
}

void proc_self(struct proc_id *id)
{
    id->pid = getpid();
    id->tid = (int32_t)syscall(SYS_gettid);
    id->pid_ns = own_pid_ns();
    id->time_ns = own_time_ns();
    id->alive_at = boot_ticks();
    id->stack = own_stack();
}

void proc_name(char *name, uint32_t room)
{
    char comm[16] = "";
    prctl(PR_GET_NAME, comm);
    snprintf(name, room, "%.15s", comm);
}

static enum proc_state state_of(char letter)
{
    return letter == 'Z' || letter == 'X' ? PROC_DEAD : letter == 'T' || letter == 't' ? PROC_STOPPED : PROC_ALIVE;
}

/*
 * True if another thread has the number now, or if the thread runs another program. A thread that
 * started after ours is known to have lived is another. Start times follow the boot clock of the
 * reader's time namespace, so times from two namespaces cannot be compared. Each exec() chooses a
 * random start of the stack: a different one is proof, an equal one is not, since one exec() in
 * 4,095 gets the same value by chance.
 */
static bool is_another(const struct proc_id *id, const struct stat_line *line)
{
    if (id->stack && line->stack && id->stack != line->stack)
        return true;
    return id->alive_at && line->start_time > id->alive_at && id->time_ns == own_time_ns();
}

enum proc_state proc_look(const struct proc_id *id)
{
    struct stat_line line;
    const uint64_t ns = own_pid_ns();
    if (!ns || id->pid_ns != ns || id->pid <= 0 || id->tid <= 0)
        return PROC_UNKNOWN;
    if (!proc_is_ours(ns))
        return no_such_thread(id->pid, id->tid) ? PROC_DEAD : PROC_UNKNOWN;
    const int found = read_thread(id->pid, id->tid, &line);
    if (found < 0)
        return PROC_UNKNOWN;
    return found == 0 || is_another(id, &line) ? PROC_DEAD : state_of(line.state);
}

enum proc_state proc_look_here(int32_t tid)
{
    struct stat_line line;
    char path[64];
    if (kill(tid, 0) != 0 && errno == ESRCH)
        return PROC_UNKNOWN;
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", tid, tid);
    return proc_is_ours(own_pid_ns()) && read_stat(path, &line) ? state_of(line.state) : PROC_ALIVE;
}

void proc_mapped(const void *from, uint64_t bytes, uint64_t *mapped, uint64_t *huge)
{
    char line[512];
    unsigned long long start, end, kilobytes;
    bool inside = false;
    FILE *f = fopen("/proc/self/smaps", "re");
    *mapped = *huge = 0;
    while (f && fgets(line, sizeof line, f))
        /* A policy or an advice may have split the mapping. */
        if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
            inside = start >= (uint64_t)(uintptr_t)from && end <= (uint64_t)(uintptr_t)from + bytes;
        else if (inside && sscanf(line, "Rss: %llu kB", &kilobytes) == 1)
            *mapped += kilobytes * 1024;
        else if (inside && sscanf(line, "ShmemPmdMapped: %llu kB", &kilobytes) == 1)
            *huge += kilobytes * 1024;
    if (f)
        fclose(f);
}
