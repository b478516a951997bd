/* boot.c - process 1 of an emulated machine, see numa.h. */
#include "numa.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void mount_at(const char *type, const char *where)
{
    (void)mkdir(where, 0755);
    if (mount(type, where, type, 0, NULL) != 0)
        perror(where);
}

/* libnuma looks at /proc and /sys before main(), so the test is a program of its own, started when they are there. */
static void run(char **argv)
{
    const pid_t pid = fork();
    if (pid == 0) {
        execv("/proc/self/exe", argv);
        perror("exec");
        _exit(127);
    }
    while (pid > 0 && waitpid(-1, NULL, 0) != pid)
        ;
}

_Noreturn void boot(char **argv)
{
    mount_at("proc", "/proc");
    mount_at("sysfs", "/sys");
    mount_at("devtmpfs", "/dev");
    mount_at("tmpfs", "/dev/shm");
    run(argv);
    sync();
    reboot(RB_POWER_OFF);
    _exit(1); /* the kernel panics, and qemu ends */
}
