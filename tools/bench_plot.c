/*
 * bench_plot.c - owns --plot: one panel a mix, one group of bars a number of workers, one bar a peer, drawn by gnuplot. The bar is the median
 * round, the line on it leads from the worst to the best. The scale is logarithmic: a message queue stands beside a plain store.
 */
#include "bench.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PANEL_WIDTH = 900, PANEL_HEIGHT = 340 };

struct plot {
    FILE *out; /* to gnuplot */
    const struct bench_figures *figures;
    size_t count;
};

/* ---- gnuplot ---- */

static _Noreturn void become_gnuplot(int in)
{
    dup2(in, STDIN_FILENO);
    execlp("gnuplot", "gnuplot", "-", (char *)NULL);
    _exit(127);
}

static int start(struct plot *plot, pid_t *pid)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -errno;
    fflush(NULL);
    *pid = fork();
    if (*pid == 0) {
        close(ends[1]);
        become_gnuplot(ends[0]);
    }
    close(ends[0]);
    plot->out = *pid > 0 ? fdopen(ends[1], "w") : NULL;
    if (!plot->out)
        close(ends[1]);
    return plot->out ? 0 : -errno;
}

static int finish(struct plot *plot, pid_t pid)
{
    int status = 0;
    const int rc = fclose(plot->out);
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        bench_complain("--plot: there is no gnuplot here (Debian: gnuplot-nox)");
    else if (status != 0)
        bench_complain("--plot: gnuplot ended with status 0x%x", (unsigned)status);
    return rc == 0 && status == 0 ? 0 : -1;
}

/* ---- what is drawn ---- */

/* As gnuplot quotes: a quote within is doubled. */
static void quote(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++)
        fprintf(out, *text == '\'' ? "''" : "%c", *text);
    fputc('\'', out);
}

static const struct bench_figures *find(const struct plot *plot, enum bench_mix mix, unsigned workers, const struct bench_peer *peer)
{
    for (size_t i = 0; i < plot->count; i++) {
        const struct bench_figures *f = &plot->figures[i];
        if (f->what.mix == mix && f->what.workers == workers && f->peer == peer)
            return f;
    }
    return NULL;
}

static bool has(const struct plot *plot, enum bench_mix mix)
{
    for (size_t i = 0; i < plot->count; i++)
        if (plot->figures[i].what.mix == mix)
            return true;
    return false;
}

/* The peers and numbers of workers of a mix, each once, in the order of the figures. */
struct axes {
    const struct bench_peer *peer[PEERS_MOST];
    unsigned workers[CASES_MOST];
    size_t peers, sizes;
};

static struct axes axes_of(const struct plot *plot, enum bench_mix mix)
{
    struct axes axes = {.peers = 0};
    for (size_t i = 0; i < plot->count; i++) {
        const struct bench_figures *f = &plot->figures[i];
        size_t p = 0, s = 0;
        if (f->what.mix != mix)
            continue;
        while (p < axes.peers && axes.peer[p] != f->peer)
            p++;
        while (s < axes.sizes && axes.workers[s] != f->what.workers)
            s++;
        axes.peer[p] = f->peer;
        axes.workers[s] = f->what.workers;
        axes.peers += p == axes.peers;
        axes.sizes += s == axes.sizes;
    }
    return axes;
}

/* One line a number of workers: its label, then median, worst and best of each peer. */
static void put_data(const struct plot *plot, enum bench_mix mix, const struct axes *axes)
{
    fprintf(plot->out, "$data%d << EOD\n", (int)mix);
    for (size_t s = 0; s < axes->sizes; s++) {
        fprintf(plot->out, "%u", axes->workers[s]);
        for (size_t p = 0; p < axes->peers; p++) {
            const struct bench_figures *f = find(plot, mix, axes->workers[s], axes->peer[p]);
            if (f)
                fprintf(plot->out, " %g %g %g", bench_mops(f, bench_median(f->seconds, f->reps)), bench_mops_worst(f), bench_mops_best(f));
            else
                fputs(" NaN NaN NaN", plot->out);
        }
        fputc('\n', plot->out);
    }
    fputs("EOD\n", plot->out);
}

/* A peer has its colour in every panel: lfvec red, locks blue, lock-free ones green, those beyond a system call brown, ceilings grey. */
static const char *colour_of(const struct bench_peer *peer)
{
    static const struct {
        const char *name, *colour;
    } colours[] = {
        {"lfvec", "#d62728"},   {"robust", "#08306b"}, {"mutex", "#2171b5"},   {"spin", "#6baed6"},   {"bip", "#b3cde3"},
        {"blstack", "#1b7837"}, {"tbb", "#5aae61"},    {"ckstack", "#a6dba0"}, {"mqueue", "#8c510a"}, {"redis", "#d8b365"},
        {"faa", "#555555"},     {"cas16", "#888888"},  {"store", "#bbbbbb"},
    };
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        if (strcmp(colours[i].name, peer->name) == 0)
            return colours[i].colour;
    return "#000000";
}

static void put_panel(const struct plot *plot, enum bench_mix mix)
{
    const struct axes axes = axes_of(plot, mix);
    const char *comma = "";
    put_data(plot, mix, &axes);
    fputs("set title ", plot->out);
    quote(plot->out, bench_mix_name[mix]);
    fputs("\nplot ", plot->out);
    for (size_t p = 0; p < axes.peers; p++, comma = ", ") {
        const size_t at = 2 + 3 * p;
        fprintf(plot->out, "%s$data%d using %zu:%zu:%zu:xtic(1) title ", comma, (int)mix, at, at + 1, at + 2);
        quote(plot->out, axes.peer[p]->name);
        fprintf(plot->out, " linecolor rgb '%s'", colour_of(axes.peer[p]));
    }
    fputc('\n', plot->out);
}

static void put_all(const struct plot *plot, const char *path)
{
    int panels = 0;
    for (int mix = 0; mix < MIXES; mix++)
        panels += has(plot, (enum bench_mix)mix);
    fprintf(plot->out, "set encoding utf8\nset terminal svg noenhanced size %d,%d font 'sans,12' background 'white'\nset output ",
            PANEL_WIDTH, PANEL_HEIGHT * panels);
    quote(plot->out, path);
    fprintf(plot->out,
            "\nset style data histograms\nset style histogram errorbars gap 1 lw 1\nset style fill solid 1 border rgb '#404040'\nset "
            "logscale y\n"
            "set grid ytics\nset key outside right\nset ylabel 'million operations a second'\nset xlabel 'workers (%s)'\n"
            "set multiplot layout %d,1\n",
            plot->figures[0].what.threads ? "threads" : "processes", panels);
    for (int mix = 0; mix < MIXES; mix++)
        if (has(plot, (enum bench_mix)mix))
            put_panel(plot, (enum bench_mix)mix);
    fputs("unset multiplot\nunset output\n", plot->out);
}

/* A gnuplot that is not there, or gives up, must not end us: what was measured is printed already, but the caller wants a status. */
int bench_plot(const char *path, const struct bench_figures *figures, size_t count)
{
    struct plot plot = {.figures = figures, .count = count};
    pid_t pid = -1;
    signal(SIGPIPE, SIG_IGN);
    int rc = start(&plot, &pid);
    if (rc != 0) {
        bench_complain("--plot: %s", strerror(-rc));
        return -1;
    }
    put_all(&plot, path);
    return finish(&plot, pid);
}
