/*
 * shmctl_progress.c - a bar on the terminal for long work, and the clock.
 *
 * It is drawn on stderr, only if that is a terminal, and only when the work has taken a while: what is quick, and what runs in a pipe or a
 * script, says nothing.
 */
#include "shmctl.h"

#include <string.h>
#include <sys/ioctl.h>

enum { FIRST_NS = 500000000, EACH_NS = 100000000, BAR = 30 };

uint64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void progress_open(struct progress *progress, const char *what, uint64_t total)
{
    *progress = (struct progress){.what = what, .total = total, .next = UINT64_MAX};
    if (isatty(STDERR_FILENO))
        progress->next = clock_now() + FIRST_NS;
}

void progress_never(struct progress *progress)
{
    progress->next = UINT64_MAX;
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static void put_line(struct progress *progress, const char *line)
{
    int width = terminal_width() - 1;
    fprintf(stderr, "\r%-*.*s", progress->drawn > width ? width : progress->drawn, width, line);
    fflush(stderr);
    progress->drawn = (int)strlen(line);
}

static void draw(struct progress *progress, uint64_t done)
{
    static const char full[] = "##############################", empty[] = "..............................";
    char line[160];
    int part = 0;
    if (progress->total)
        part = (int)((done < progress->total ? done : progress->total) * 100 / progress->total);
    if (progress->total)
        snprintf(line, sizeof line, "%s [%.*s%.*s] %d%%", progress->what, part * BAR / 100, full, BAR - part * BAR / 100, empty, part);
    else
        snprintf(line, sizeof line, "%s %llu elements", progress->what, (unsigned long long)done);
    put_line(progress, line);
}

void progress_step(struct progress *progress, uint64_t done)
{
    if (progress->next == UINT64_MAX)
        return;
    uint64_t now = clock_now();
    if (now < progress->next)
        return;
    draw(progress, done);
    progress->next = now + EACH_NS;
}

void progress_close(struct progress *progress)
{
    if (progress->drawn == 0)
        return;
    put_line(progress, "");
    fputc('\r', stderr);
}
