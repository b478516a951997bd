/* shmctl_watch.h - what watch keeps of its looks: shmctl_watch.c takes them and has the report, shmctl_view.c the screen. */
#ifndef LFVEC_SHMCTL_WATCH_H
#define LFVEC_SHMCTL_WATCH_H

#include "shmctl.h"

enum sort { BY_ALL, BY_PUSH, BY_POP, BY_SET, BY_RETRY, BY_SLOT, SORTS };

/* What happened: of one slot between two looks, or of all. */
struct rates {
    uint64_t push, pop, set, retry, help;
};

struct look {
    uint64_t at; /* ns */
    struct lfvec_stat st;
    struct lfvec_participant *slots; /* max_slots of them, from [0] */
};

struct row {
    const struct lfvec_participant *p;
    struct rates rates;
};

enum { HISTORY = 512 };

struct watch {
    const struct call *call;
    lfvec_t *v;
    uint64_t interval;
    enum sort sort;
    bool once, reverse, paused;
    struct look former, last;
    struct row *rows;
    uint32_t count, top;
    uint64_t history[HISTORY]; /* of sizes, a ring */
    uint64_t seen;
};

extern const char *const watch_sorts[SORTS]; /* their names */

int watch_look(struct watch *watch, struct look *look); /* a status */
void watch_sort(struct watch *watch);                   /* the rows, of the last two looks */
struct rates watch_totals(const struct watch *watch);
double watch_per_second(const struct watch *watch, uint64_t count);
void watch_open_rows(const struct watch *watch, struct report *report);
int watch_screen(struct watch *watch); /* until the user has had enough; a status */

#endif
