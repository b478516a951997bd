/* shmctl_care.h - what destructive commands owe to those who still use the segment: shmctl_ask.c. */
#ifndef LFVEC_SHMCTL_CARE_H
#define LFVEC_SHMCTL_CARE_H

#include "shmctl.h"

/* DONE if --yes or the terminal says so. The question is made of the format. */
int ask(const struct call *call, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* DONE, or the refusal that the command itself would meet: --dry-run must not promise more. what: "open" (to write), "remove". */
int refuse_if_denied(const char *name, const char *what);

/* Steps of a command that changes a segment as a whole. Each returns a status. */
struct care {
    int (*plan)(const struct call *call, lfvec_t *v, const struct lfvec_stat *st); /* for --dry-run */
    int (*ask)(const struct call *call, lfvec_t *v, const struct lfvec_stat *st);
    int (*act)(const struct call *call, lfvec_t *v);
};

/*
 * Refuses while others use the segment, plans or asks, and acts if it is still unused and still the one that the name leads to. care_run()
 * is a whole command: it reads the command line and opens the segment, too, by care_open(), which takes no slot.
 */
int care_run(struct call *call, const struct care *care);
int care_decide(const struct call *call, lfvec_t *v, const struct care *care);
lfvec_t *care_open(const struct call *call, const char *name, int *status);

/* --dry-run: a table of what would be done, one row a step. */
void plan_open(struct report *report, const struct call *call);
void plan_step(struct report *report, const char *action, const char *target, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* One step for each slot in the state. Returns how many. */
uint32_t plan_slots(struct report *report, lfvec_t *v, const struct lfvec_stat *st, uint32_t state);

#endif
