/*
 * bench_plan.h - what a command line asks for.
 */
#ifndef LFVEC_BENCH_PLAN_H
#define LFVEC_BENCH_PLAN_H

#include "bench.h"

struct bench_plan {
    const struct bench_peer *peer[PEERS_MOST];
    enum bench_mix mix[MIXES];
    unsigned workers[CASES_MOST];
    size_t peers, mixes, sizes;
    uint64_t ops, wake, growth, fairness; /* the last three: instead of the mixes; 0 = no */
    uint64_t leaf_bytes;                  /* of lfvec's segments; 0: as the library likes */
    unsigned reps;
    bool threads, warm, json;
    const char *json_file; /* NULL: standard output, and no table */
    const char *plot;      /* NULL: none */
};

/* Ends the program if there is nothing to measure: --help, or a mistake. */
void bench_plan(struct bench_plan *plan, int argc, char **argv);

#endif
