/*
 * shmctl.h - what the commands of lfvec-shmctl share.
 *
 * Layers, each using only those above it:
 *   shmctl_text.c   numbers, sizes and times, from text and for people
 *   shmctl_util.c   messages, names, opening a segment
 *   shmctl_call.c   one command line: options, operands, help
 *   shmctl_table.c, shmctl_print.c  reports: the only places that know libsmartcols
 *   shmctl_json.c   strings and reports as JSON
 *   shmctl_file.c   a file that is written as a whole or not at all
 *   shmctl_elements.h, with files of its own: elements to text and back
 *   shmctl_progress.c, shmctl_pace.c  a bar for long work; sleeping until something happens
 *   shmctl_screen.h the terminal as a whole: the only place that knows ncurses
 *   shmctl_slots.c  rows about slots
 *   shmctl_place.c  where memory lies, in words; the round of all regions
 *   shmctl_scan.c   the segments of this machine
 *   shmctl_care.h   what destructive commands owe to those who still use the segment
 *   shmctl_*.c      one file a command, each exporting one struct command
 *   shmctl.c        the table of commands
 *
 * The judgement (what is damaged, who is alive, what can be recovered) is the library's; nothing here reads the shared bytes.
 */
#ifndef LFVEC_SHMCTL_H
#define LFVEC_SHMCTL_H

#include "../lib/visible.h"

#include <lfvec.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h> /* optarg */

/* Exit status. Every function here that returns `int status` returns one of these. */
enum status {
    DONE = 0,  /* sound, done */
    NO = 1,    /* a fault was found, or the answer is no */
    USAGE = 2, /* the command line makes no sense */
    BLIND = 3  /* could not look: absent, not allowed, damaged header */
};

#define PROGRAM "lfvec-shmctl"
#define SHM_DIRECTORY "/dev/shm" /* where shm_open(3) of glibc and musl keeps its objects */

/* ---- a command and its command line: shmctl_call.c ---- */

/* An option. key: its short letter, or from LONG_ONLY on if it has none. An array ends with a zero key. */
struct opt {
    int key;
    const char *name;
    const char *arg; /* name of its argument in the help; NULL = takes none */
    const char *help;
};

enum { LONG_ONLY = 256, OPT_COMMON = 1024 };

enum column_kind { COLUMN_TEXT, COLUMN_NUMBER, COLUMN_BOOL, COLUMN_MAYBE /* a truth that may be unknown */ };

enum {
    COLUMN_DETAIL = 1, /* not in text unless named by -o; always in JSON */
    COLUMN_ASKED = 2   /* only if named by -o */
};

/* A column of a report. An array ends with a NULL name; its order is that of the command's enum of columns. */
struct column {
    const char *name;
    enum column_kind kind;
    unsigned flags;
    const char *help;
};

enum report_style {
    REPORT_NONE,
    REPORT_ROWS,   /* a table with headings */
    REPORT_FIELDS, /* one record: in text a line a field, in JSON and raw a row */
    REPORT_VALUES  /* as rows, but headings only with -o: what scripts put into variables */
};

enum command_group { GROUP_LOOK, GROUP_ELEMENTS, GROUP_CARE, GROUP_LIFE, GROUPS };

enum {
    COMMAND_ASKS = 1 /* destructive: has --yes, --dry-run, --force */
};

struct call;

struct command {
    const char *name;
    enum command_group group;
    unsigned flags;
    const char *operands;
    const char *summary; /* one line, lower case, no full stop */
    const char *details; /* more for --help, or NULL */
    const char *example;
    const struct opt *options;
    const struct column *columns;
    enum report_style style;
    const char *report;         /* name of the array in JSON */
    const struct column *slots; /* columns of a second array, "slots", of rows; NULL = it has none. No name is in both */
    const struct column *parts; /* likewise, before that one: "parts" */
    int (*run)(struct call *call);
};

enum { MAX_OPTIONS = 48, MAX_COLUMNS = 96 };

/* One command line. */
struct call {
    const struct command *command;
    int argc; /* operands, once call_next() has returned 0 */
    char **argv;
    bool json, raw, noheadings, bytes, yes, dry_run, force;
    const char *columns; /* of -o, or NULL */
    void *getopt;        /* shmctl_call.c's own */
};

/* The next option of the command itself (its argument in optarg), 0 at the end. Common options are dealt with inside. */
int call_next(struct call *call);

/* After the options: takes the name off the operands and checks it, and that between min and max operands are left. */
const char *call_name(struct call *call, int min, int max);

/* One line on stderr about the command line, then exit status 2. */
_Noreturn void call_usage(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Numbers on the command line; what does not fit is a usage error that says `what`. */
uint64_t call_number(const struct call *call, const char *what, const char *text, uint64_t min, uint64_t max);
uint64_t call_bytes(const struct call *call, const char *what, const char *text, uint64_t min, uint64_t max);

uint64_t call_seconds(const struct call *call, const char *what, const char *text); /* ns */

int call_run(const struct command *command, int argc, char **argv);

void call_help(const struct command *command, FILE *out);

/* ---- messages, names, segments: shmctl_util.c; numbers: shmctl_text.c ---- */

/* One line on stderr: "lfvec-shmctl: NAME: ...". Returns status. */
int complain(int status, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A remark that changes nothing about the exit status. */
void remark(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* visible_text() of any length, to be freed: for messages; exactly, for names that somebody may go by. */
char *text_visible(const char *text);
char *text_exact(const char *text);

/* status, if it is BLIND or all that was printed has reached its reader; otherwise (full disk, closed) a complaint, and BLIND. */
int written(int status);

/* complain() about the error that a function of the library returned for v, and what to do about it. `what`: "push", "recover". */
int failed(lfvec_t *v, const char *what, int error);

/* Opens a segment that must exist. NULL after a complaint, with the exit status in *status. */
lfvec_t *open_segment(const char *name, int flags, int *status);

/*
 * Whether its head and its extents are possible: DONE, or NO after a complaint. Of the commands that only look, those that print elements, slots
 * or figures print what there is, and say so afterwards; all others open by open_sound() and do nothing to such a segment, but for rm.
 */
int judge_state(lfvec_t *v);
lfvec_t *open_sound(const char *name, int flags, int *status);

/* complain() about a failed lfvec_open() with its errno, in the library's own sentence. Returns the status. */
int open_failed(const char *name, int error);

/* complain() that `what` is not allowed: whose it is, its mode, what to do. Returns BLIND. */
int denied(const char *name, const char *what);

/*
 * Whether the lfvec_open() that just failed with `error` found an object that is no lfvec segment at all, rather than a damaged one.
 * Both are EBADMSG; only the sentence tells them apart. When in doubt: foreign, so that it is left alone.
 */
bool is_foreign(int error);

/* lfvec_stat(), or a complaint. Returns DONE or a status. What judge_state() complains of is left to that. */
int look_at(lfvec_t *v, struct lfvec_stat *st);

/* NULL if it is a name for shm_open(3), or what is wrong with it, in a static buffer. */
const char *name_fault(const char *name);

_Noreturn void out_of_memory(void);
void *need(size_t bytes);

bool parse_number(const char *text, uint64_t *value); /* decimal, or hex after 0x */
bool parse_bytes(const char *text, uint64_t *value);  /* and K, M, G, T: powers of 1024 */
bool parse_seconds(const char *text, uint64_t *ns);   /* 2, 0.25, 250ms, 10s, 5m, 1h */

/* Text for people. Each writes into buf and returns it. */
char *text_bytes(char *buf, size_t size, uint64_t bytes);
char *text_rate(char *buf, size_t size, double per_second); /* powers of 1000 */
char *text_seconds(char *buf, size_t size, uint64_t ns);
char *text_time(char *buf, size_t size, uint64_t seconds);
char *text_uuid(char *buf, size_t size, const uint8_t uuid[16]);
char *text_user(char *buf, size_t size, uint32_t uid);
char *text_group(char *buf, size_t size, uint32_t gid);
const char *text_state(uint32_t state);

/* Bytes free in and total of the file system of the segments; false if it cannot be told. */
bool shm_space(uint64_t *free_bytes, uint64_t *total_bytes);

/* ---- all segments: shmctl_scan.c ---- */

struct stat;
typedef void scan_visitor(void *context, const char *name, const struct stat *file);

int scan_objects(scan_visitor *visit, void *context); /* every object that may be a segment, by name */
/* Why lfvec_open() failed on one: "version", "damaged", "unfinished", "denied", or NULL if it is none of ours. */
const char *scan_why(int error);

/* Those of which a scan could not even tell whether they are ours. Zeroed at first. */
struct skipped {
    unsigned count;
    int status;
    char first[512]; /* the library's sentence */
};

/* After a failed lfvec_open(): whether that is such a case. What its owner can bring about does not change the status. */
bool scan_skips(struct skipped *skipped, int error);
/* Says how many, and why. Returns the status: DONE, or BLIND if it was for want of something of our own. */
int scan_tell(const struct skipped *skipped);

/* ---- reports: shmctl_table.c, shmctl_print.c ---- */

enum { REPORT_EXACT = 2, REPORTS_MOST = 3 };

struct libscols_table;
struct libscols_line;

struct report {
    const struct call *call;
    const struct column *columns;
    struct libscols_table *table;
    const char *name;                              /* of the array in JSON */
    struct libscols_line *line;                    /* current row */
    struct libscols_line *fields[MAX_COLUMNS];     /* upright: the line of each column */
    int place[MAX_COLUMNS];                        /* position of each column in the output, -1 = not shown */
    int shown[MAX_COLUMNS];                        /* columns in their order of output */
    int count;                                     /* how many are shown */
    size_t rows;                                   /* since the last flush */
    bool upright, values, plain, raw, raw_differs; /* values: bare, without headings; plain: cells as for programs; raw: so is CSV */
};

/* The report that call asks for, with columns and options of its command. */
void report_open(struct report *report, const struct call *call);
/* The command's second report, a row a slot. -o names columns of both; a report of which it names none is not printed. */
void report_open_slots(struct report *report, const struct call *call);
/* Another set of columns under the same options: for --dry-run. */
void report_open_as(struct report *report, const struct call *call, const struct column *columns, enum report_style style,
                    const char *name);
/* With everything given; list is like -o, or NULL. */
void report_open_with(struct report *report, const struct call *call, const struct column *columns, enum report_style style,
                      const char *name, const char *list);
void report_row(struct report *report);
/* Sets a cell of the row: as people read it, and as programs do. */
void report_set(struct report *report, int column, const char *people, const char *program);
void report_text(struct report *report, int column, const char *text);
void report_number(struct report *report, int column, uint64_t number);
void report_signed(struct report *report, int column, int64_t number);
void report_bytes(struct report *report, int column, uint64_t bytes);
void report_time(struct report *report, int column, uint64_t seconds);
void report_rate(struct report *report, int column, double per_second);
void report_seconds(struct report *report, int column, uint64_t ns);
void report_hex(struct report *report, int column, uint64_t number);
void report_bool(struct report *report, int column, bool yes);
void report_maybe(struct report *report, int column, bool yes); /* of a COLUMN_MAYBE */
void report_none(struct report *report, int column);            /* there is no such thing, or it is not known: "-", in JSON null */
/* Prints the rows so far and forgets them, if the form of output allows it: for reports of any length. */
void report_flush(struct report *report);
void report_close(struct report *report);       /* prints and frees */
char *report_close_text(struct report *report); /* to be freed; "" if there is nothing to print */
/* The same for several reports: one below the other, in JSON as one object. */
void report_close_all(struct report *const *reports, int count);
void report_close_both(struct report *first, struct report *second);
bool report_shows(const struct report *report, int column);
void report_checked(int error); /* of libsmartcols */

/* NULL, or the entry of `list` that is no column of the command. */
const char *report_bad_column(const struct command *command, const char *list);
/* All columns of the command, for a message. Writes into buf and returns it. */
char *report_known_columns(const struct command *command, char *buf, size_t size);

/* ---- JSON: shmctl_json.c ---- */

/* Writes a string of JSON, or an object for what is none, of 6 * length + 16 bytes at most. Returns the end. */
char *json_string(char *to, const char *text, size_t length);

/* ---- a file as output: shmctl_file.c ---- */

/* Output to a file of the command line: a regular one is replaced as a whole by the end, or left; what is none is written to; - is stdout. */
struct file {
    const char *name;    /* as it was given */
    char *place, *draft; /* where a regular one really is, and the new one until the end */
    FILE *out;
    const char *option; /* for the remedy */
};

/* DONE, or BLIND after a complaint. */
int file_open(struct file *file, const char *name, const char *option);
int file_close(struct file *file);

/* ---- rows about slots: shmctl_slots.c ---- */

enum {
    SLOT_SLOT,
    SLOT_PID,
    SLOT_COMMAND,
    SLOT_STATE,
    SLOT_OPERATION,
    SLOT_OP_VERSION,
    SLOT_TOOK_EFFECT,
    SLOT_IN_FLIGHT,
    SLOT_SPARES,
    SLOT_LEASED,
    SLOT_COLUMNS /* a command's own begin here */
};

/* clang-format off */
#define SLOT_COLUMNS_ALL \
    [SLOT_SLOT] = {"SLOT", COLUMN_NUMBER, 0, "number of the slot"}, \
    [SLOT_PID] = {"PID", COLUMN_NUMBER, 0, "process, as numbered in its own pid namespace"}, \
    [SLOT_COMMAND] = {"COMMAND", COLUMN_TEXT, 0, "name of the thread"}, \
    [SLOT_STATE] = {"STATE", COLUMN_TEXT, 0, "alive, stopped, dead, or unknown"}, \
    [SLOT_OPERATION] = {"OPERATION", COLUMN_TEXT, 0, "last one that it tried, finished or not"}, \
    [SLOT_OP_VERSION] = {"OP_VERSION", COLUMN_NUMBER, 0, "version that it made, or tried to make"}, \
    [SLOT_TOOK_EFFECT] = {"TOOK_EFFECT", COLUMN_MAYBE, 0, "whether it did; - = not to be told while its owner may live"}, \
    [SLOT_IN_FLIGHT] = {"IN_FLIGHT", COLUMN_NUMBER, 0, "version of an unfinished operation; 0 = none"}, \
    [SLOT_SPARES] = {"SPARES", COLUMN_NUMBER, 0, "leaves in hand"}, \
    [SLOT_LEASED] = {"LEASED", COLUMN_BOOL, 0, "whether it holds an element that it has not acknowledged, or was just popping one on lease"}
/* clang-format on */

int slots_look(lfvec_t *v, uint32_t slot, struct lfvec_participant *p); /* lfvec_participant(), with a name that ends and can be shown */
void slots_row(struct report *report, const struct lfvec_participant *p);

/* ---- where memory lies: shmctl_place.c ---- */

enum { PLACE_PARTS = LFVEC_REGION_SLAB + 1 }; /* LFVEC_REGION_* are below it */

typedef void place_visitor(void *context, const struct lfvec_region *region, const struct lfvec_pages *pages);

const char *place_policy(uint32_t numa); /* LFVEC_NUMA_LOCAL, ... */
const char *place_why(uint32_t why);     /* lfvec_stat.numa_why */
const char *place_part(uint32_t kind);   /* LFVEC_REGION_* */
/* Each writes into buf and returns it. */
char *place_nodes(char *buf, size_t size, uint64_t nodes, const char *none); /* a mask, as in 0,2-3 */
char *place_huge(char *buf, size_t size, const struct lfvec_stat *st);       /* what became of LFVEC_HUGEPAGES */
/* All regions with their pages, or a complaint. Returns DONE or a status. */
int place_round(lfvec_t *v, place_visitor *visit, void *context);

/* ---- long work, and waiting: shmctl_progress.c, shmctl_pace.c ---- */

uint64_t clock_now(void); /* ns */

struct progress {
    const char *what;
    uint64_t total, next; /* next: when it is drawn again, UINT64_MAX = never */
    int drawn;            /* characters */
};

void progress_open(struct progress *progress, const char *what, uint64_t total); /* total 0: unknown, and elements are counted */
void progress_never(struct progress *progress);
void progress_step(struct progress *progress, uint64_t done);
void progress_close(struct progress *progress); /* wipes it away */

struct pace {
    int ms;
    uint64_t end;
};

void pace_begin(struct pace *pace, uint64_t timeout); /* ns; UINT64_MAX = none */
void pace_again(struct pace *pace);                   /* something happened */
/* Sleeps. False when the time is over, or the reader of `output` (-1 = none) is gone. */
bool pace_rest(struct pace *pace, int output);

/* ---- the commands ---- */
extern const struct command command_list, command_info, command_ps, command_dump, command_check, command_wait, command_export,
    command_watch, command_numa, command_map;
extern const struct command command_push, command_pop, command_get, command_set, command_cas, command_add, command_load;
extern const struct command command_recover, command_reset, command_reserve, command_trim;
extern const struct command command_create, command_rm;

#endif
