/*
 * replay.c - runs the fuzz target over files, without libFuzzer: each of a directory, in a process of its own. usage: replay [DIRECTORY]
 * Default: the corpus beside the sources.
 */
#include "hostile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT_MOST = 1 << 16, CPU_MOST = 60 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In the child; its name tells the parent which segment to remove if it did not come to that. */
static int run_file(const char *path)
{
    static uint8_t data[INPUT_MOST];
    const struct rlimit cpu = {.rlim_cur = CPU_MOST, .rlim_max = RLIM_INFINITY};
    FILE *f = fopen(path, "rb");
    if (!f)
        return 2;
    const size_t size = fread(data, 1, sizeof data, f);
    fclose(f);
    (void)setrlimit(RLIMIT_CPU, &cpu); /* a hang is a signal, too */
    return LLVMFuzzerTestOneInput(data, size);
}

static bool replay(const char *path)
{
    int status = 0;
    char name[64];
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0)
        exit(run_file(path));
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    if (status == 0)
        return true;
    snprintf(name, sizeof name, "/lfvec-test-%ld-fuzz", (long)pid);
    (void)lfvec_unlink(name);
    printf("not ok - %s: status 0x%x\n", path, (unsigned int)status);
    return false;
}

int main(int argc, char **argv)
{
    const char *src = getenv("LFVEC_SRC");
    char directory[4096], path[8192];
    int passed = 0, failed = 0;
    snprintf(directory, sizeof directory, "%s/tests/hostile/corpus", src ? src : ".");
    if (argc > 1)
        snprintf(directory, sizeof directory, "%s", argv[1]);
    static DIR *d; /* static: in the children it is not a leak */
    d = opendir(directory);
    if (!d) {
        perror(directory);
        return 2;
    }
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, e->d_name);
        if (replay(path))
            passed++;
        else
            failed++;
    }
    closedir(d);
    printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed || !passed ? 1 : 0;
}
