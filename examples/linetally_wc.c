/*
 * linetally_wc.c - owns the second opinion: wc -lc over the same files, run as a program of its own.
 */
#include "linetally.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The names, each with its NUL, in a file without a name. */
static FILE *names_file(const struct file_list *list)
{
    FILE *names = tmpfile();
    if (!names)
        return NULL;
    for (size_t i = 0; i < list->count; i++)
        fwrite(list->path[i], 1, strlen(list->path[i]) + 1, names);
    if (fflush(names) == 0 && fseeko(names, 0, SEEK_SET) == 0)
        return names;
    fclose(names);
    return NULL;
}

_Noreturn static void exec_wc(int names, int answer)
{
    if (dup2(names, STDIN_FILENO) >= 0 && lseek(STDIN_FILENO, 0, SEEK_SET) == 0 && dup2(answer, STDOUT_FILENO) >= 0) {
        setenv("LC_ALL", "C", 1);
        execlp("wc", "wc", "-lc", "--files0-from=-", (char *)NULL);
    }
    complain("wc: %s", strerror(errno));
    _exit(127);
}

static pid_t start_wc(const struct file_list *list, FILE **answer)
{
    int ends[2];
    FILE *names = names_file(list);
    if (!names || pipe(ends) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        exec_wc(fileno(names), ends[1]);
    fclose(names);
    close(ends[1]);
    *answer = fdopen(ends[0], "r");
    return *answer ? pid : -1;
}

/* The last line has the totals, or the only file there is. */
static int read_totals(FILE *answer, struct sums *sums)
{
    char *line = NULL;
    size_t room = 0;
    int found = 0;
    while (getline(&line, &room, answer) > 0) {
        unsigned long long lines, bytes;
        found = sscanf(line, "%llu %llu", &lines, &bytes) == 2;
        if (found)
            *sums = (struct sums){.lines = lines, .bytes = bytes};
    }
    free(line);
    return found ? 0 : -1;
}

int wc_files(struct sums *sums, const struct file_list *list)
{
    FILE *answer = NULL;
    int status = 0;
    pid_t pid = start_wc(list, &answer);
    if (pid < 0) {
        complain("wc could not be started: %s", strerror(errno));
        return -1;
    }
    int rc = read_totals(answer, sums);
    fclose(answer);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        rc = -1;
    if (rc != 0)
        complain("wc -lc failed: nothing to compare with");
    return rc;
}
