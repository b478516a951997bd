/* sandbox.c - see sandbox.h. */
#include "sandbox.h"

#include "support.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int install(uint32_t call, uint32_t if_it, uint32_t if_another)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, if_it),
        BPF_STMT(BPF_RET | BPF_K, if_another),
    };
    const struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* An emulator of user programs says that it has filters, and has none. */
static void try_filter(void *unused)
{
    (void)unused;
    _exit(install((uint32_t)SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, SECCOMP_RET_ALLOW) == 0 && syscall(SYS_getppid) == -1 ? 0 : 1);
}

const char *sandbox_lacks(void)
{
    return unit_child_status(try_filter, NULL) == 0 ? NULL : "the kernel (or its emulation) has no system call filters";
}

void sandbox_refuse(long call, int error)
{
    MUST(install((uint32_t)call, SECCOMP_RET_ERRNO | (uint32_t)error, SECCOMP_RET_ALLOW) == 0);
}

void sandbox_refuse_all_but(long call)
{
    MUST(install((uint32_t)call, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS) == 0);
}
