/*
 * bench_figures.c - owns what is made of the measured times: medians, extremes, ratios.
 */
#include "bench.h"
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const double *values, unsigned count)
{
    double *sorted = malloc((count ? count : 1) * sizeof *sorted);
    if (!sorted || !count) {
        free(sorted);
        return 0;
    }
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_value);
    double median = count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
    free(sorted);
    return median;
}

double bench_mops(const struct bench_figures *f, double seconds)
{
    return seconds > 0 ? (double)f->what.workers * (double)f->what.ops / seconds * 1e-6 : 0;
}

static double extreme(const struct bench_figures *f, bool longest)
{
    double found = f->seconds[0];
    for (unsigned i = 1; i < f->reps; i++)
        if (longest ? f->seconds[i] > found : f->seconds[i] < found)
            found = f->seconds[i];
    return found;
}

double bench_mops_worst(const struct bench_figures *f)
{
    return bench_mops(f, extreme(f, true));
}

double bench_mops_best(const struct bench_figures *f)
{
    return bench_mops(f, extreme(f, false));
}

static const struct bench_figures *lfvec_beside(const struct bench_figures *all, size_t count, const struct bench_figures *f)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].peer->name, "lfvec") == 0 && all[i].what.mix == f->what.mix && all[i].what.workers == f->what.workers)
            return &all[i];
    return NULL;
}

/* How far apart two probes are, as a factor; 1 if there were none. */
static double apart(double a, double b)
{
    return a > 0 && b > 0 ? (a > b ? a / b : b / a) : 1;
}

/* The round of `a` to be compared with round `rep` of another: the one beside it, if the cache line went as far then; else the most alike. */
static unsigned counterpart(const struct bench_figures *a, unsigned rep, double hop)
{
    const double alike = 1.25;
    unsigned best = rep;
    for (unsigned i = 0; apart(a->hops[rep], hop) > alike && i < a->reps; i++)
        if (apart(a->hops[i], hop) < apart(a->hops[best], hop))
            best = i;
    return best;
}

/* How many times as fast lfvec is: the median over the peer's rounds. */
double bench_ratio(const struct bench_figures *all, size_t count, const struct bench_figures *f)
{
    const struct bench_figures *lfvec = lfvec_beside(all, count, f);
    double *ratios = lfvec ? malloc(f->reps * sizeof *ratios) : NULL;
    if (!ratios)
        return 0;
    for (unsigned i = 0; i < f->reps; i++) {
        const unsigned other = counterpart(lfvec, i, f->hops[i]);
        ratios[i] = bench_mops(lfvec, lfvec->seconds[other]) / bench_mops(f, f->seconds[i]);
    }
    double median = bench_median(ratios, f->reps);
    free(ratios);
    return median;
}
