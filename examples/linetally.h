/*
 * linetally.h - what the files of the example linetally share.
 *
 *   linetally.c         command line, report, verdict
 *   linetally_files.c   which files; their lines; one sequential pass
 *   linetally_wc.c      what wc(1) says of the same files
 *   linetally_ledger.c  progress in shared memory that is exact at whatever instruction its writer is killed
 *   linetally_work.c    a producer; a consumer
 *   linetally_settle.c  what a killed worker leaves, to the record
 *   linetally_run.c     the parent: starts workers, kills some, replaces the dead, ends the run
 *
 * The vector carries every line from a producer to a consumer. Beside it lies the board, an anonymous shared mapping with what belongs to
 * the application: which file is whose, and how far everybody is.
 */
#ifndef LINETALLY_H
#define LINETALLY_H

#include <lfvec.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { SEATS_MOST = 64, SHOWS_MOST = 8 };
#define FILE_FREE UINT32_C(0)
#define FILE_DONE UINT32_MAX

/* ---- files and lines ---- */

struct file_list {
    char **path;
    size_t count, room;
};

/* One line, as it travels through the vector. */
struct line_record {
    uint64_t file;    /* index into the file list */
    uint64_t line;    /* from 1 */
    uint64_t offset;  /* of its first byte */
    uint64_t length;  /* with its newline */
    uint64_t newline; /* 0 for what follows the last newline of a file, otherwise 1 */
    uint64_t hash;    /* of file, line and bytes: summed up, it tells a lost line from a doubled one */
    uint64_t seat;    /* producer */
    uint64_t seal;    /* of all the above: a torn record shows */
};
_Static_assert(sizeof(struct line_record) == 64, "a record is one cache line");

struct sums {
    uint64_t records, lines, bytes, hash;
};

struct line_reader {
    FILE *stream;
    char *text;
    size_t room;
    uint64_t file, line, offset;
};

int files_add(struct file_list *list, const char *path, bool required);
void files_free(struct file_list *list);
int reader_open(struct line_reader *reader, const struct file_list *list, uint64_t file, uint64_t lines, uint64_t offset);
int reader_next(struct line_reader *reader, struct line_record *record); /* 1 a line, 0 the end, -1 an error, which was reported */
void reader_close(struct line_reader *reader);
uint64_t record_seal(const struct line_record *record);
void sums_add(struct sums *sums, const struct line_record *record);
void sums_join(struct sums *sums, const struct sums *more);
int sums_file(struct sums *sums, const struct file_list *list, uint64_t file);
int sums_sequential(struct sums *sums, const struct file_list *list);
int wc_files(struct sums *sums, const struct file_list *list);

/* ---- the board ---- */

/* How far a worker is. */
struct progress {
    struct sums sums;         /* a producer: pushed; a consumer: tallied */
    uint64_t file, line, end; /* the last of these records, and the offset behind it */
    uint64_t version;         /* at which that push or pop took effect */
};

/* Two pages, of which `now` is the one in force: a new one is written aside and put in force by one store. */
struct ledger {
    _Atomic uint32_t now;
    struct progress page[2];
};

struct seat {
    _Alignas(128) struct ledger ledger;
    _Atomic uint32_t seated;  /* the present worker has its slot in the vector */
    struct line_record inbox; /* a consumer pops into this, so that a record in its hands can be read after its death */
};

struct board {
    _Alignas(128) _Atomic uint64_t next_file; /* nothing below it is free */
    _Alignas(128) _Atomic uint32_t held;      /* no producer goes beyond `limit` records while this is set */
    _Atomic uint32_t slow;                    /* slow motion, for whoever looks on */
    _Atomic uint32_t ended;                   /* all producers are done: empty now means the end */
    uint64_t limit;
    struct seat producer[SEATS_MOST], consumer[SEATS_MOST];
    _Atomic uint32_t owner[]; /* of each file: FILE_FREE, FILE_DONE or producer seat + 1 */
};

struct progress ledger_read(const struct ledger *ledger);
void ledger_write(struct ledger *ledger, const struct progress *progress);
void ledger_add(struct ledger *ledger, const struct line_record *record, uint64_t version);

/* ---- the run ---- */

struct options {
    unsigned producers, consumers, kills;
    const char *name;
    const char *show[SHOWS_MOST];
    unsigned shows;
    bool keep;
};

enum role { PRODUCER, CONSUMER };

/* What the parent knows of a seat's present worker. */
struct worker {
    pid_t pid;     /* 0: none */
    uint64_t base; /* version before it began: what its slot shows up to here is somebody else's */
};

struct run {
    const struct options *options;
    const struct file_list *files;
    pid_t parent;
    lfvec_t *vector;
    struct board *board;
    size_t board_bytes;
    uint64_t total; /* records to come */
    struct worker worker[2][SEATS_MOST];
    pid_t victim; /* killed, and not yet seen dead */
    unsigned killed[2], deaths;
    struct sums lost;
    uint64_t unknown; /* deaths of which the rest cannot be told */
    bool failed;
};

_Noreturn void work_producer(const struct run *run, unsigned seat);
_Noreturn void work_consumer(const struct run *run, unsigned seat);
void settle(struct run *run, enum role role, unsigned seat, pid_t pid, uint64_t base);
struct sums run_sums(const struct run *run, enum role role);
int run_open(struct run *run);
int run_all(struct run *run);
int run_close(struct run *run);
uint64_t run_version(const struct run *run);
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
