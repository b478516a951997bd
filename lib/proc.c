/* proc.c - identity and liveness of threads, read from /proc. Without /proc everything foreign is unknown, and unknown counts as alive. */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t own_pid_ns(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

/* Only what the kernel itself says is certain: /proc may be missing, hidden, or out of reach for want of descriptors. */
static bool no_such_thread(int32_t pid, int32_t tid)
{
    return syscall(SYS_tgkill, pid, tid, 0) != 0 && errno == ESRCH;
}

/* Reads /proc/PID/task/TID/stat. 1 if read, 0 if there is no such thread, -1 if that cannot be told. */
static int read_stat(int32_t pid, int32_t tid, char *state, uint64_t *start_time)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return no_such_thread(pid, tid) ? 0 : -1;
    const ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n <= 0)
        return no_such_thread(pid, tid) ? 0 : -1; /* it died between open and read */
    line[n] = '\0';
    const char *after = strrchr(line, ')'); /* the name may hold anything, a parenthesis too */
    unsigned long long start = 0;
    if (!after || sscanf(after + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", state, &start) != 2)
        return -1;
    *start_time = start;
    return 1;
}

void proc_self(struct proc_id *id)
{
    char state;
    id->pid = getpid();
    id->tid = (int32_t)syscall(SYS_gettid);
    id->pid_ns = own_pid_ns();
    id->start_time = 0;
    if (read_stat(id->pid, id->tid, &state, &id->start_time) != 1)
        id->start_time = 0;
}

void proc_name(char *name, uint32_t room)
{
    char comm[16] = "";
    prctl(PR_GET_NAME, comm);
    snprintf(name, room, "%.15s", comm);
}

enum proc_state proc_look(const struct proc_id *id)
{
    char state = 0;
    uint64_t start_time = 0;
    const uint64_t ns = own_pid_ns();
    if (!ns || id->pid_ns != ns || id->pid <= 0 || id->tid <= 0)
        return PROC_UNKNOWN;
    const int found = read_stat(id->pid, id->tid, &state, &start_time);
    if (found < 0)
        return PROC_UNKNOWN;
    if (found == 0 || state == 'Z' || state == 'X' || (id->start_time && start_time != id->start_time))
        return PROC_DEAD;
    return state == 'T' || state == 't' ? PROC_STOPPED : PROC_ALIVE;
}

void proc_mapped(const void *from, uint64_t bytes, uint64_t *mapped, uint64_t *huge)
{
    char line[512];
    unsigned long long start, end, kilobytes;
    bool inside = false;
    FILE *f = fopen("/proc/self/smaps", "re");
    *mapped = *huge = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%llx-%llx ", &start, &end) == 2) /* a policy or an advice may have split the mapping */
            inside = start >= (uint64_t)(uintptr_t)from && end <= (uint64_t)(uintptr_t)from + bytes;
        else if (inside && sscanf(line, "Rss: %llu kB", &kilobytes) == 1)
            *mapped += kilobytes * 1024;
        else if (inside && sscanf(line, "ShmemPmdMapped: %llu kB", &kilobytes) == 1)
            *huge += kilobytes * 1024;
    if (f)
        fclose(f);
}
