/* show.c - lfvec-shmctl in an emulated machine, see numa.h: it goes there beside the test, and numa.sh reads what it prints. */
#include "numa.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHMCTL "/bin/lfvec-shmctl"

bool show_can(void)
{
    return access(SHMCTL, X_OK) == 0;
}

static _Noreturn void be_the_tool(char *const argv[])
{
    char *const environment[] = {"LD_LIBRARY_PATH=/lib", "LC_ALL=C", NULL};
    execve(SHMCTL, argv, environment);
    perror(SHMCTL);
    _exit(127);
}

/* What stands between the two lines is the tool's. */
void show_run(const char *title, char *const argv[])
{
    int status = -1;
    printf("begin %s\n", title);
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0)
        be_the_tool(argv);
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        ;
    printf("\nend %s\n", title);
    claim_that(status == 0, "lfvec-shmctl %s has status 0", argv[1]);
}
