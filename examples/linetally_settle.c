/*
 * linetally_settle.c - owns what a killed worker leaves: how far it came, to the record, and what died with it.
 *
 * The ledger tells all but one thing: whether the operation in flight had taken effect. The vector knows: after the recovery of the dead
 * worker's slot, the version of the last operation of that slot is exact (lfvec_participant). Newer than the ledger's: that one operation
 * took effect and was not written down. So a push is never repeated and never left out, and a record popped by the dead is named, not guessed.
 */
#include "linetally.h"
#include <string.h>

enum verdict { NO_EFFECT, TOOK_EFFECT, CANNOT_TELL };

static uint32_t slot_of(lfvec_t *vector, pid_t pid)
{
    struct lfvec_participant part;
    for (uint32_t slot = 1; lfvec_participant(vector, slot, &part) == 0; slot++)
        if (part.pid == pid && part.state == LFVEC_SLOT_DEAD)
            return slot;
    return 0;
}

static enum verdict judge(lfvec_t *vector, pid_t pid, uint64_t base, uint64_t written)
{
    struct lfvec_participant part;
    struct lfvec_recovery recovery;
    uint32_t slot = slot_of(vector, pid); /* before the recovery, which forgets the pid */
    if (!slot)
        return written == base ? NO_EFFECT : CANNOT_TELL;
    /* This slot alone: what another dead worker left is evidence too. waitpid(2) said that the holder is gone, so nothing is forced. */
    if (lfvec_recover_forced(vector, slot, &recovery) != 0 || lfvec_participant(vector, slot, &part) != 0)
        return CANNOT_TELL;
    return part.last_version > written ? TOOK_EFFECT : NO_EFFECT;
}

static bool owned_file(const struct run *run, unsigned seat, uint64_t *file)
{
    for (uint64_t f = 0; f < run->files->count; f++)
        if (atomic_load_explicit(&run->board->owner[f], memory_order_acquire) == seat + 1) {
            *file = f;
            return true;
        }
    return false;
}

/* The push in flight took effect: writes down the record that the dead had no time for. */
static int write_down_next(const struct run *run, unsigned seat, uint64_t file, const struct progress *progress)
{
    struct line_reader reader;
    struct line_record record;
    bool begun = progress->sums.records && progress->file == file;
    if (reader_open(&reader, run->files, file, begun ? progress->line : 0, begun ? progress->end : 0) != 0)
        return -1;
    int got = reader_next(&reader, &record);
    reader_close(&reader);
    if (got > 0)
        ledger_add(&run->board->producer[seat].ledger, &record, 0);
    return got > 0 ? 0 : -1;
}

static void report_producer(const struct run *run, unsigned seat, uint64_t file, enum verdict verdict)
{
    static const char *const in_flight[] = {"had not taken effect", "had taken effect", "cannot be told of"};
    struct progress p = ledger_read(&run->board->producer[seat].ledger);
    struct sums whole = {0};
    uint64_t pushed = p.sums.records && p.file == file ? p.line : 0;
    sums_file(&whole, run->files, file);
    printf("  in %s: %llu of %llu lines pushed, %llu not; a push in flight %s\n", run->files->path[file], (unsigned long long)pushed,
           (unsigned long long)whole.records, (unsigned long long)(whole.records - pushed), in_flight[verdict]);
    if (pushed < whole.records)
        printf("  its successor goes on with line %llu\n", (unsigned long long)pushed + 1);
}

static void settle_producer(struct run *run, unsigned seat, enum verdict verdict)
{
    struct ledger *ledger = &run->board->producer[seat].ledger;
    struct progress progress = ledger_read(ledger);
    uint64_t file;
    if (!owned_file(run, seat, &file)) {
        printf("  between two files: nothing left undone\n");
        return;
    }
    if (verdict == TOOK_EFFECT && write_down_next(run, seat, file, &progress) != 0)
        verdict = CANNOT_TELL;
    report_producer(run, seat, file, verdict);
    if (verdict == CANNOT_TELL)
        run->unknown++;
}

static void settle_consumer(struct run *run, unsigned seat, enum verdict verdict)
{
    const struct line_record *inbox = &run->board->consumer[seat].inbox;
    if (verdict == NO_EFFECT) {
        printf("  nothing in its hands: all that it popped is tallied\n");
        return;
    }
    if (verdict == CANNOT_TELL || record_seal(inbox) != inbox->seal || inbox->file >= run->files->count) {
        printf("  it cannot be told whether a record was in its hands\n");
        run->unknown++;
        return;
    }
    sums_add(&run->lost, inbox);
    printf("  lost with it: %s, line %llu, %llu bytes, popped and not tallied\n", run->files->path[inbox->file],
           (unsigned long long)inbox->line, (unsigned long long)inbox->length);
}

void settle(struct run *run, enum role role, unsigned seat, pid_t pid, uint64_t base)
{
    struct seat *board_seat = role == PRODUCER ? &run->board->producer[seat] : &run->board->consumer[seat];
    struct progress progress = ledger_read(&board_seat->ledger);
    enum verdict verdict = judge(run->vector, pid, base, progress.version);
    printf("killed: %s %u (pid %d) after %llu records\n", role == PRODUCER ? "producer" : "consumer", seat + 1, (int)pid,
           (unsigned long long)progress.sums.records);
    if (role == PRODUCER)
        settle_producer(run, seat, verdict);
    else
        settle_consumer(run, seat, verdict);
}
