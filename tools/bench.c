/*
 * bench.c - lfvec-bench: measures lfvec beside its peers in one run. This file owns the order of rounds.
 *
 * For each mix and number of workers, repetition after repetition, every peer has its round: A B C, A B C, ... So whatever else goes on
 * in the machine falls on all of them alike. Exit status: 0 measured, 1 a round failed or its result was wrong, 2 usage.
 */
#include "bench_plan.h"
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

/* All rounds: a row of figures for each mix, number of workers and peer. */
struct course {
    const struct bench_plan *plan;
    struct bench_figures *figures;
    size_t rows, rounds_done, rounds;
    double hop_least, hop_most;
};

/* ---- what there is to do ---- */

/* One line a peer: which mixes of those asked for it has not, and why. */
static void say_missing_mixes(const struct bench_plan *plan)
{
    for (size_t p = 0; p < plan->peers; p++) {
        char list[256] = "";
        size_t used = 0;
        for (size_t m = 0; m < plan->mixes; m++)
            if (!bench_loop_of(plan->peer[p], plan->mix[m]) && used < sizeof list)
                used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", bench_mix_name[plan->mix[m]]);
        if (used)
            bench_complain("%s: left out of %s: %s", plan->peer[p]->name, list,
                           plan->peer[p]->lacks ? plan->peer[p]->lacks : "not offered");
    }
}

/* Says that a peer does fewer operations, unless it was said of it last time. */
static void say_fewer(size_t peer, const char *name, const struct bench_case *what)
{
    static uint64_t said[PEERS_MOST];
    if (said[peer] != what->ops)
        bench_complain("%s: from %s by %u on, %llu operations a worker", name, bench_mix_name[what->mix], what->workers,
                       (unsigned long long)what->ops);
    said[peer] = what->ops;
}

/* Whether the peer can do it, here; says what it makes of it. */
static bool fits(const struct bench_plan *plan, size_t p, struct bench_case *what)
{
    const struct bench_peer *peer = plan->peer[p];
    const char *why = peer->fit ? peer->fit(what) : NULL;
    if (why)
        bench_complain("%s: left out of %s by %u: %s", peer->name, bench_mix_name[what->mix], what->workers, why);
    else if (what->ops < plan->ops)
        say_fewer(p, peer->name, what);
    return !why;
}

/* Lists the rows of one mix and number of workers: the peers that can do it. */
static int add_rows(struct course *course, enum bench_mix mix, unsigned workers)
{
    const struct bench_plan *plan = course->plan;
    for (size_t p = 0; p < plan->peers; p++) {
        struct bench_figures *f = &course->figures[course->rows];
        if (!bench_loop_of(plan->peer[p], mix))
            continue;
        f->peer = plan->peer[p];
        f->what = (struct bench_case){.mix = mix,
                                      .workers = workers,
                                      .ops = plan->ops,
                                      .threads = plan->threads,
                                      .warm = plan->warm,
                                      .leaf_bytes = (uint32_t)plan->leaf_bytes};
        if (!fits(plan, p, &f->what))
            continue;
        f->reps = plan->reps;
        f->seconds = calloc(plan->reps, sizeof *f->seconds);
        f->hops = calloc(plan->reps, sizeof *f->hops);
        course->rows++;
        if (!f->seconds || !f->hops)
            return -ENOMEM;
    }
    return 0;
}

static int lay_out(struct course *course)
{
    const struct bench_plan *plan = course->plan;
    course->figures = calloc(plan->peers * plan->mixes * plan->sizes, sizeof *course->figures);
    if (!course->figures)
        return -ENOMEM;
    say_missing_mixes(plan);
    for (size_t m = 0; m < plan->mixes; m++)
        for (size_t s = 0; s < plan->sizes; s++) {
            const int rc = add_rows(course, plan->mix[m], plan->workers[s]);
            if (rc != 0)
                return rc;
        }
    course->rounds = course->rows * plan->reps;
    return course->rows ? 0 : -ENOENT;
}

/* ---- rounds ---- */

static void show_progress(const struct course *course, const struct bench_figures *f)
{
    bench_progress("%3zu%% %s, %u workers, %s", 100 * course->rounds_done / course->rounds, bench_mix_name[f->what.mix], f->what.workers,
                   f->peer->name);
}

/* Only where a cache line is fought for. */
static double probe(struct course *course, const struct bench_figures *f)
{
    double hop = f->what.workers > 1 ? bench_hop() : 0;
    if (hop > 0 && (course->hop_least <= 0 || hop < course->hop_least))
        course->hop_least = hop;
    if (hop > course->hop_most)
        course->hop_most = hop;
    return hop;
}

/* All rounds of one mix and number of workers: `count` rows of figures, one for each peer. What is probed after a round is before the next. */
static int measure_rows(struct course *course, struct bench_figures *row, size_t count)
{
    double before = probe(course, row);
    for (unsigned rep = 0; rep < course->plan->reps; rep++)
        for (size_t i = 0; i < count; i++, course->rounds_done++) {
            show_progress(course, &row[i]);
            const int rc = bench_run(row[i].peer, &row[i].what, &row[i].seconds[rep]);
            if (rc != 0)
                return rc;
            const double after = probe(course, row);
            row[i].hops[rep] = (before + after) / 2;
            before = after;
        }
    return 0;
}

static bool same_case(const struct bench_figures *a, const struct bench_figures *b)
{
    return a->what.mix == b->what.mix && a->what.workers == b->what.workers;
}

static int measure(struct course *course)
{
    int rc = 0;
    for (size_t first = 0, next; rc == 0 && first < course->rows; first = next) {
        for (next = first + 1; next < course->rows && same_case(&course->figures[first], &course->figures[next]);)
            next++;
        rc = measure_rows(course, &course->figures[first], next - first);
    }
    bench_progress(NULL);
    return rc;
}

/* ---- what is said ---- */

static void print_conditions(const struct course *course)
{
    const struct bench_plan *plan = course->plan;
    printf("%u CPUs, workers are %s, %llu operations each, %u interleaved rounds, push into %s memory\n", bench_cpu_count(),
           plan->threads ? "threads" : "processes", (unsigned long long)plan->ops, plan->reps, plan->warm ? "used" : "untouched");
    if (course->hop_most > 0)
        printf("a cache line took %.0f to %.0f ns from core to core\n", course->hop_least, course->hop_most);
}

static int write_json(const struct course *course)
{
    FILE *file = fopen(course->plan->json_file, "w");
    int rc = file ? bench_report(file, course->figures, course->rows, true) : -1;
    if (file && fclose(file) != 0)
        rc = -1;
    if (rc != 0)
        bench_complain("%s: %s", course->plan->json_file, strerror(errno));
    return rc;
}

static int report(const struct course *course)
{
    const struct bench_plan *plan = course->plan;
    const bool table = !plan->json || plan->json_file;
    if (table)
        print_conditions(course);
    int rc = bench_report(stdout, course->figures, course->rows, !table);
    if (rc == 0 && plan->json_file)
        rc = write_json(course);
    if (rc == 0 && plan->plot)
        rc = bench_plot(plan->plot, course->figures, course->rows);
    return rc;
}

static int run_course(const struct bench_plan *plan)
{
    struct course course = {.plan = plan};
    int rc = lay_out(&course), status = rc == 0 ? 0 : 1;
    if (rc == -ENOENT) {
        bench_complain("nothing is left to measure");
        status = 2;
    }
    if (rc == 0 && (measure(&course) != 0 || report(&course) != 0))
        status = 1;
    for (size_t i = 0; i < course.rows; i++) {
        free(course.figures[i].seconds);
        free(course.figures[i].hops);
    }
    free(course.figures);
    return status;
}

/* ---- fairness ---- */

static int fairness_rows(const struct bench_plan *plan, enum bench_mix mix, unsigned workers, struct libscols_table *table, size_t *rows)
{
    int rc = 0;
    for (size_t p = 0; p < plan->peers && rc == 0; p++) {
        struct bench_case what = {.mix = mix, .workers = workers, .ops = 2, .threads = plan->threads};
        if (!bench_loop_of(plan->peer[p], mix) || !fits(plan, p, &what))
            continue;
        bench_progress("%s, %u workers, %s", bench_mix_name[mix], workers, plan->peer[p]->name);
        rc = bench_fairness(plan->peer[p], &what, (unsigned)plan->fairness, table);
        ++*rows;
    }
    return rc;
}

static int run_fairness(struct bench_plan *plan)
{
    struct libscols_table *table = bench_table("fairness", bench_fairness_columns, plan->json);
    size_t rows = 0;
    int rc = table ? 0 : -1;
    plan->ops = 2; /* of each step; it goes on for seconds */
    say_missing_mixes(plan);
    for (size_t m = 0; m < plan->mixes; m++)
        for (size_t s = 0; s < plan->sizes && rc == 0; s++)
            rc = fairness_rows(plan, plan->mix[m], plan->workers[s], table, &rows);
    bench_progress(NULL);
    if (rc == 0 && rows > 0)
        return bench_print(stdout, table, plan->json) == 0 ? 0 : 1;
    if (rc == 0)
        bench_complain("nothing is left to measure");
    scols_unref_table(table);
    return rc == 0 ? 2 : 1;
}

int main(int argc, char **argv)
{
    struct bench_plan plan;
    bench_cpus();
    bench_plan(&plan, argc, argv);
    if (plan.wake)
        return bench_wake((unsigned)plan.wake, plan.json) == 0 ? 0 : 1;
    if (plan.growth)
        return bench_growth(plan.growth, plan.reps, plan.json) == 0 ? 0 : 1;
    return plan.fairness ? run_fairness(&plan) : run_course(&plan);
}
