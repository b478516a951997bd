/*
 * linetally_work.c - owns what the workers do. A producer turns lines into records and pushes them; a consumer pops and tallies.
 *
 * A worker may be killed anywhere. What it owes to its successor is on the board before it goes on: the owner of a file before its first
 * line is read, the ledger after each record.
 */
#include "linetally.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static void nap(long microseconds)
{
    struct timespec t = {.tv_sec = 0, .tv_nsec = microseconds * 1000};
    nanosleep(&t, NULL);
}

/* Waits longer the longer there is nothing to do: a processor given up, then naps up to a millisecond. */
static void wait_for_work(unsigned *idle)
{
    if (++*idle <= 16)
        sched_yield();
    else
        nap(*idle < 64 ? 50 : 1000);
}

/* A worker attaches by name, as any unrelated process would; and does not outlive the parent. The reservation takes its slot now. */
static lfvec_t *attach(const struct run *run, struct seat *seat)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != run->parent) /* gone before the line above */
        _exit(1);
    lfvec_t *vector = lfvec_open(run->options->name, 0, NULL);
    if (!vector) {
        complain("%s", lfvec_last_error());
        _exit(1);
    }
    int rc = lfvec_reserve(vector, 1);
    if (rc != 0) {
        complain("reserve: %s", strerror(-rc));
        _exit(1);
    }
    atomic_store_explicit(&seat->seated, 1, memory_order_release);
    return vector;
}

_Noreturn static void leave(lfvec_t *vector, int status)
{
    lfvec_detach(vector);
    _exit(status);
}

/* ---- producer ---- */

/* Takes a file nobody has. The owner is set by one compare-and-swap, so that no kill can lose a file between the taking and the telling. */
static bool take_file(struct board *board, unsigned seat, size_t files, uint64_t *file)
{
    for (uint64_t f = atomic_load_explicit(&board->next_file, memory_order_relaxed); f < files; f++) {
        uint32_t nobody = FILE_FREE;
        if (!atomic_compare_exchange_strong_explicit(&board->owner[f], &nobody, seat + 1, memory_order_relaxed, memory_order_relaxed))
            continue;
        atomic_store_explicit(&board->next_file, f + 1, memory_order_relaxed); /* a hint; stale is only slow */
        *file = f;
        return true;
    }
    return false;
}

/* The file that the seat's dead holder left. */
static bool inherit_file(struct board *board, unsigned seat, size_t files, uint64_t *file)
{
    for (uint64_t f = 0; f < files; f++)
        if (atomic_load_explicit(&board->owner[f], memory_order_relaxed) == seat + 1) {
            *file = f;
            return true;
        }
    return false;
}

/* A full /dev/shm is no end: consumers make room. */
static void push_record(lfvec_t *vector, struct ledger *ledger, const struct line_record *record)
{
    unsigned idle = 0;
    int rc;
    while ((rc = lfvec_push_sized(vector, record, sizeof *record, NULL)) == -ENOSPC)
        wait_for_work(&idle);
    if (rc != 0) {
        complain("push: %s", strerror(-rc));
        leave(vector, 1);
    }
    ledger_add(ledger, record, lfvec_last_version());
}

static void hold_back(const struct board *board, const struct ledger *ledger)
{
    while (atomic_load_explicit(&board->held, memory_order_relaxed) && ledger_read(ledger).sums.records >= board->limit)
        nap(500);
    if (atomic_load_explicit(&board->slow, memory_order_relaxed))
        nap(1000);
}

static void push_file(lfvec_t *vector, const struct run *run, unsigned seat, uint64_t file)
{
    struct board *board = run->board;
    struct ledger *ledger = &board->producer[seat].ledger;
    struct progress so_far = ledger_read(ledger);
    bool begun = so_far.sums.records && so_far.file == file;
    struct line_record record = {.seat = seat};
    struct line_reader reader;
    int got = reader_open(&reader, run->files, file, begun ? so_far.line : 0, begun ? so_far.end : 0);
    while (got >= 0 && (got = reader_next(&reader, &record)) > 0) {
        hold_back(board, ledger);
        record.seal = record_seal(&record);
        push_record(vector, ledger, &record);
    }
    reader_close(&reader);
    if (got < 0)
        leave(vector, 1);
    atomic_store_explicit(&board->owner[file], FILE_DONE, memory_order_release);
}

_Noreturn void work_producer(const struct run *run, unsigned seat)
{
    lfvec_t *vector = attach(run, &run->board->producer[seat]);
    uint64_t file;
    if (inherit_file(run->board, seat, run->files->count, &file))
        push_file(vector, run, seat, file);
    while (take_file(run->board, seat, run->files->count, &file))
        push_file(vector, run, seat, file);
    leave(vector, 0);
}

/* ---- consumer ---- */

static void tally(lfvec_t *vector, struct seat *seat)
{
    if (record_seal(&seat->inbox) != seat->inbox.seal) {
        complain("a record came out of the vector damaged");
        leave(vector, 1);
    }
    ledger_add(&seat->ledger, &seat->inbox, lfvec_last_version());
}

_Noreturn void work_consumer(const struct run *run, unsigned seat)
{
    struct board *board = run->board;
    struct seat *mine = &board->consumer[seat];
    lfvec_t *vector = attach(run, mine);
    unsigned idle = 0;
    for (;;) {
        /* Looked at before the pop: a vector that is empty after the last push stays so. */
        bool ended = atomic_load_explicit(&board->ended, memory_order_acquire);
        int rc = lfvec_pop_sized(vector, &mine->inbox, sizeof mine->inbox);
        if (rc == 0) {
            tally(vector, mine);
            idle = 0;
            if (atomic_load_explicit(&board->slow, memory_order_relaxed))
                nap(1000);
        } else if (rc != -EAGAIN) {
            complain("pop: %s", strerror(-rc));
            leave(vector, 1);
        } else if (ended) {
            leave(vector, 0);
        } else {
            wait_for_work(&idle);
        }
    }
}
