/*
 * bench_report.c - owns the table and the JSON of the rounds.
 */
#include "bench.h"
#include <libsmartcols/libsmartcols.h>

const char *const bench_mix_name[MIXES] = {"push", "pop", "mixed", "read", "mixed64", "mixed1024", "push_n", "pop_n", "get_n", "snapshot"};

enum column { PEER, MIX, WORKERS, KIND, MOPS, NS, MIN, MAX, REPS, OPS, HOP_NS, RATIO };

static const struct bench_column columns[] = {
    {"PEER", "peer", true},  {"MIX", "mix", true},  {"WORKERS", "workers", false}, {"KIND", "kind", true},
    {"MOPS", "mops", false}, {"NS", "ns", false},   {"MIN", "min", false},         {"MAX", "max", false},
    {"REPS", "reps", false}, {"OPS", "ops", false}, {"HOP_NS", "hop_ns", false},   {"LFVEC:PEER", "ratio", false},
    {NULL, NULL, false},
};

static int add_row(struct libscols_table *table, const struct bench_figures *f, double ratio, bool json)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    const double seconds = bench_median(f->seconds, f->reps), hop = bench_median(f->hops, f->reps);
    const int digits = json ? 4 : 1;
    int rc = 0;
    if (!line)
        return -1;
    rc |= scols_line_set_data(line, PEER, f->peer->name);
    rc |= scols_line_set_data(line, MIX, bench_mix_name[f->what.mix]);
    rc |= bench_set(line, WORKERS, 0, f->what.workers);
    rc |= scols_line_set_data(line, KIND, f->what.threads ? "thread" : "process");
    rc |= bench_set(line, MOPS, json ? 6 : 2, bench_mops(f, seconds));
    rc |= bench_set(line, NS, digits, seconds * 1e9 / (double)f->what.ops);
    rc |= bench_set(line, MIN, json ? 6 : 2, bench_mops_worst(f));
    rc |= bench_set(line, MAX, json ? 6 : 2, bench_mops_best(f));
    rc |= bench_set(line, REPS, 0, f->reps);
    rc |= bench_set(line, OPS, 0, (double)f->what.ops);
    if (hop > 0)
        rc |= bench_set(line, HOP_NS, digits, hop);
    if (ratio > 0)
        rc |= bench_set(line, RATIO, json ? 4 : 2, ratio);
    return rc;
}

int bench_report(FILE *out, const struct bench_figures *figures, size_t count, bool json)
{
    struct libscols_table *table = bench_table("bench", columns, json);
    int rc = table ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_row(table, &figures[i], bench_ratio(figures, count, &figures[i]), json);
    if (rc == 0)
        return bench_print(out, table, json);
    scols_unref_table(table);
    return rc;
}
