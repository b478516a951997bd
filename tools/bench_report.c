/*
 * bench_report.c - owns what is printed: medians, ratios, the table, JSON. The only file of lfvec-bench that knows libsmartcols.
 */
#include "bench.h"
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const bench_mix_name[MIXES] = {"push", "pop", "mixed", "read", "mixed64", "push_n", "pop_n", "get_n", "snapshot"};

enum column { PEER, MIX, WORKERS, KIND, MOPS, NS, MIN, MAX, REPS, HOP_NS, RATIO, COLUMNS };

static const struct {
    const char *heading, *key; /* key: in JSON; NULL: not there */
} columns[COLUMNS] = {
    {"PEER", "peer"}, {"MIX", "mix"}, {"WORKERS", "workers"}, {"KIND", "kind"},     {"MOPS", "mops"},     {"NS", "ns"},
    {"MIN", "min"},   {"MAX", "max"}, {"REPS", "reps"},       {"HOP_NS", "hop_ns"}, {"LFVEC:PEER", NULL},
};

void bench_complain(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fputs(PROGRAM ": ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---- figures ---- */

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

static double mops(const struct bench_figures *f, double seconds)
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

static const struct bench_figures *lfvec_beside(const struct bench_figures *all, size_t count, const struct bench_figures *f)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].peer->name, "lfvec") == 0 && all[i].what.mix == f->what.mix && all[i].what.workers == f->what.workers)
            return &all[i];
    return NULL;
}

/* How many times as fast lfvec is: the median of the ratios within each round, as both saw the same machine there. 0: not measured. */
static double ratio(const struct bench_figures *lfvec, const struct bench_figures *f)
{
    double *ratios = lfvec ? malloc(f->reps * sizeof *ratios) : NULL;
    if (!ratios)
        return 0;
    for (unsigned i = 0; i < f->reps; i++)
        ratios[i] = f->seconds[i] / lfvec->seconds[i];
    double median = bench_median(ratios, f->reps);
    free(ratios);
    return median;
}

/* ---- table ---- */

static int set_text(struct libscols_line *line, enum column column, const char *text)
{
    return scols_line_set_data(line, column, text);
}

static int set_number(struct libscols_line *line, enum column column, int digits, double value)
{
    char text[64];
    snprintf(text, sizeof text, "%.*f", digits, value);
    return scols_line_set_data(line, column, text);
}

static int add_row(struct libscols_table *table, const struct bench_figures *f, const struct bench_figures *lfvec, bool json)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    double seconds = bench_median(f->seconds, f->reps), factor = ratio(lfvec, f);
    int digits = json ? 4 : 1, rc = 0;
    if (!line)
        return -1;
    rc |= set_text(line, PEER, f->peer->name);
    rc |= set_text(line, MIX, bench_mix_name[f->what.mix]);
    rc |= set_number(line, WORKERS, 0, f->what.workers);
    rc |= set_text(line, KIND, f->what.threads ? "thread" : "process");
    rc |= set_number(line, MOPS, digits, mops(f, seconds));
    rc |= set_number(line, NS, digits, seconds * 1e9 / (double)f->what.ops);
    rc |= set_number(line, MIN, digits, mops(f, extreme(f, true)));
    rc |= set_number(line, MAX, digits, mops(f, extreme(f, false)));
    rc |= set_number(line, REPS, 0, f->reps);
    if (f->hop_ns > 0)
        rc |= set_number(line, HOP_NS, digits, f->hop_ns);
    if (!json && factor > 0)
        rc |= set_number(line, RATIO, 2, factor);
    return rc;
}

static struct libscols_table *new_table(bool json)
{
    struct libscols_table *table = scols_new_table();
    if (!table)
        return NULL;
    scols_table_set_name(table, "bench");
    scols_table_enable_json(table, json);
    for (int i = 0; i < COLUMNS; i++) {
        bool text = i == PEER || i == MIX || i == KIND;
        const char *name = json ? columns[i].key : columns[i].heading;
        if (!name)
            continue;
        struct libscols_column *column = scols_table_new_column(table, name, 0, text ? 0 : SCOLS_FL_RIGHT);
        if (!column) {
            scols_unref_table(table);
            return NULL;
        }
        scols_column_set_json_type(column, text ? SCOLS_JSON_STRING : SCOLS_JSON_NUMBER);
    }
    return table;
}

/* libsmartcols puts the array into an object under the table's name; ours is the array alone. */
static int print_array(struct libscols_table *table)
{
    char *text = NULL;
    int rc = scols_print_table_to_string(table, &text);
    char *first = rc == 0 && text ? strchr(text, '[') : NULL, *last = first ? strrchr(text, ']') : NULL;
    if (last)
        printf("%.*s\n", (int)(last - first + 1), first);
    free(text);
    return last ? 0 : -1;
}

int bench_print(struct libscols_table *table, bool json)
{
    const int rc = json ? print_array(table) : scols_print_table(table);
    return rc == 0 && fflush(stdout) == 0 ? 0 : -1;
}

int bench_report(const struct bench_figures *figures, size_t count, bool json)
{
    struct libscols_table *table = new_table(json);
    int rc = table ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_row(table, &figures[i], lfvec_beside(figures, count, &figures[i]), json);
    rc = rc == 0 ? bench_print(table, json) : -1;
    scols_unref_table(table);
    return rc;
}
