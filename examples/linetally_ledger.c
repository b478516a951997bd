/*
 * linetally_ledger.c - owns the ledgers: the progress of a worker, in shared memory, exact at whatever instruction the worker is killed.
 *
 * One writer a ledger. Sums of several words cannot be stored at once; so the new ones are written to the page that is not in force, and
 * one store puts them in force. A reader beside a running writer may see a page that is being written for the second time: good enough to
 * watch progress. After the writer's death nothing changes any more, and what is read is exact.
 */
#include "linetally.h"

struct progress ledger_read(const struct ledger *ledger)
{
    uint32_t now = atomic_load_explicit(&ledger->now, memory_order_acquire); /* SYNC: ledger-page (acquire) */
    return ledger->page[now & 1];
}

void ledger_write(struct ledger *ledger, const struct progress *progress)
{
    uint32_t next = atomic_load_explicit(&ledger->now, memory_order_relaxed) ^ 1;
    ledger->page[next & 1] = *progress;
    atomic_store_explicit(&ledger->now, next, memory_order_release); /* SYNC: ledger-page (release) */
}

void ledger_add(struct ledger *ledger, const struct line_record *record, uint64_t version)
{
    struct progress progress = ledger->page[atomic_load_explicit(&ledger->now, memory_order_relaxed) & 1];
    sums_add(&progress.sums, record);
    progress.file = record->file;
    progress.line = record->line;
    progress.end = record->offset + record->length;
    progress.version = version;
    ledger_write(ledger, &progress);
}
