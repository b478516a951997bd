/*
 * rewrite.c - a descriptor is written while another process is in the middle of reading it. Two processes are stepped: a reader, which resolves an
 * entry at an older head by the descriptor that was in effect there, is stopped before each of its instructions; a writer, which publishes again in
 * that buffer, goes on from before its operation to each point at which a byte of the descriptor has changed; then the reader goes on. It must
 * be told the leaf of that head, or to load the head again. A reader that begins once a byte has changed must be told to load it again.
 *
 *   rewrite [--break]
 *
 * --break, of a library that can be broken alone (lib/breakage.h): seq is not odd while the rest is written. Status 0 if that was noticed.
 */
#include "kill.h"

#include "breakage.h"
#include "desc.h"
#include "participant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef LFVEC_BREAKABLE
int lfvec_break;
#else
static int lfvec_break;
#endif

enum { WRITER = SURVIVOR + 1, ENTRIES = 2, CHANGES_MOST = 64, SHOWN = 8, EXIT_SKIP = 77 };

/* Shared with the reader and the writer. */
struct board {
    struct head h; /* the older head */
    uint64_t d;    /* the entry to be resolved */
    uint64_t leaf[ENTRIES];
    struct answer {
        int told;
        uint64_t ref;
    } answer[CHANGES_MOST]; /* of each reader */
};

static struct board *board;
static char name[48];
static lfvec_t *v;
static uint64_t resolved, reloads;
static uint32_t faults;

static void must(bool well)
{
    if (!well)
        abort();
}

static const struct shm_desc *rewritten(void)
{
    return &slot_at(&v->seg, WRITER)->desc[head_desc(board->h) & 1];
}

/* ---- the two of them ------------------------------------------------------------------------------------------------------------------ */

static void reader_body(void *arg)
{
    struct answer *a = arg;
    struct desc_view view;
    victim_gate();
    a->told = desc_resolve(&v->seg, board->h, board->d, &view, &a->ref);
    victim_end();
    _exit(0);
}

/* Publishes entry 0 in one buffer, which is the head of the reader, and in the other; then, in the first one again, entry 1. */
static void writer_body(void *arg)
{
    struct desc_view view;
    uint64_t x;
    (void)arg;
    must(lfvec_push_u64(v, 1) == 0 && lfvec_pop_u64(v, &x) == 0 && lfvec_set_u64(v, 0, 1) == 0);
    board->h = head_load(v->seg.control);
    for (uint64_t d = 0; d < ENTRIES; d++)
        must(desc_resolve(&v->seg, board->h, d, &view, &board->leaf[d]) == 0 && board->leaf[d]);
    must(lfvec_set_u64(v, 0, 2) == 0);
    victim_gate();
    must(lfvec_set_u64(v, ELEMS_OF_LEAF, 3) == 0);
    victim_end();
    _exit(0);
}

static void build(void)
{
    struct lfvec_attr attr;
    stage_attr(&attr, FEW_ELEMS);
    (void)shm_unlink(name);
    v = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, &attr);
    must(v != NULL);
    for (uint64_t i = 0; i <= ELEMS_OF_LEAF; i++)
        must(lfvec_push_u64(v, i) == 0);
}

static void strike(void)
{
    lfvec_detach(v);
    (void)shm_unlink(name);
}

/* ---- the points at which the writer stops ---------------------------------------------------------------------------------------------- */

struct changes {
    struct trace trace;
    uint32_t n, at[CHANGES_MOST]; /* the first is the operation's beginning, and the last its end */
};

static void add_change(struct changes *c, uint32_t k)
{
    must(c->n < CHANGES_MOST);
    c->at[c->n++] = k;
}

static void record_writer(struct trace *t)
{
    struct victim w = {.body = writer_body, .over = true};
    build();
    must(victim_start(&w) && victim_record(&w, t, 0, NULL, NULL));
    victim_kill(&w);
    strike();
}

/* An anchor is on the way from the beginning. From point k on, we come from the one before. */
static void go_on_from(struct trace *t, uint32_t k)
{
    while (++k <= t->n)
        t->at[k].anchor = 0;
}

static void find_changes(struct changes *c)
{
    struct victim w = {.body = writer_body, .over = true};
    struct shm_desc seen;
    record_writer(&c->trace);
    go_on_from(&c->trace, 0);
    build();
    must(victim_start(&w));
    add_change(c, 0);
    memcpy(&seen, rewritten(), sizeof seen);
    for (uint32_t k = 1; k < c->trace.n; k++) {
        must(victim_go(&w, &c->trace, k, NULL, NULL));
        if (!memcmp(&seen, rewritten(), sizeof seen))
            continue;
        memcpy(&seen, rewritten(), sizeof seen);
        add_change(c, k);
    }
    add_change(c, c->trace.n);
    victim_kill(&w);
    strike();
    record_writer(&c->trace);
    go_on_from(&c->trace, c->at[1]);
}

/* ---- the reader stopped at r, and the writer at each of its points --------------------------------------------------------------------- */

static void judge(const struct answer *a, uint32_t r, uint32_t k, bool changed)
{
    const bool reload = a->told == DESC_RELOAD, same = a->told == 0 && a->ref == board->leaf[board->d];
    resolved++;
    reloads += reload;
    if (reload || (same && !(changed && r == 0)) || faults++ >= SHOWN)
        return;
    printf("fault: entry %llu, the reader stopped before instruction %u while the writer went on to its %u: told %d, leaf 0x%llx; it was "
           "0x%llx\n",
           (unsigned long long)board->d, r, k, a->told, (unsigned long long)a->ref, (unsigned long long)board->leaf[board->d]);
}

/* Readers change nothing, so there is one for each point of the writer, all of them stopped before it begins. */
static void read_across(const struct changes *c, const struct trace *read, uint32_t r)
{
    struct victim reader[CHANGES_MOST], w = {.body = writer_body, .over = true};
    build();
    must(victim_start(&w));
    for (uint32_t i = 0; i < c->n; i++) {
        board->answer[i] = (struct answer){.told = -1};
        reader[i] = (struct victim){.body = reader_body, .arg = &board->answer[i], .over = true};
        must(victim_start(&reader[i]) && victim_go(&reader[i], read, r, NULL, NULL));
    }
    for (uint32_t i = 0; i < c->n; i++) {
        must(victim_go(&w, &c->trace, c->at[i], NULL, NULL));
        victim_finish(&reader[i]);
        judge(&board->answer[i], r, c->at[i], i > 0);
    }
    victim_kill(&w);
    strike();
}

static uint32_t record_reader(struct trace *t)
{
    struct victim w = {.body = writer_body, .over = true}, r = {.body = reader_body, .arg = &board->answer[0], .over = true};
    build();
    must(victim_start(&w) && victim_start(&r) && victim_record(&r, t, 0, NULL, NULL));
    victim_kill(&r);
    victim_kill(&w);
    strike();
    return t->n;
}

static void read_entry(const struct changes *c, uint64_t d)
{
    struct trace read = {0};
    board->d = d;
    const uint32_t n = record_reader(&read);
    for (uint32_t r = 0; r < n && !(lfvec_break && faults); r++)
        read_across(c, &read, r);
    trace_clear(&read);
}

int main(int argc, char **argv)
{
    static struct changes c;
    (void)argv;
    const char *why_not = step_why_not();
    if (why_not) {
        printf("skip - a descriptor read while it is written: %s\n0 passed, 0 failed, 1 skipped\n", why_not);
        return EXIT_SKIP;
    }
    lfvec_break = argc > 1 ? BREAK_ODD : BREAK_NOTHING;
    snprintf(name, sizeof name, "/lfvec-test-%d-rewrite", getpid());
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(board != MAP_FAILED);
    find_changes(&c);
    for (uint64_t d = 0; d < ENTRIES; d++)
        read_entry(&c, d);
    trace_clear(&c.trace);
    const bool well = c.n > 2 && reloads && reloads < resolved && !faults == !lfvec_break;
    printf("rewrite: %u points of the writer, resolved %llu times across them, %llu times told to load the head again, %u faults%s\n", c.n,
           (unsigned long long)resolved, (unsigned long long)reloads, faults, lfvec_break ? ", as was to be" : "");
    printf("%u passed, %u failed, 0 skipped\n", well, !well);
    return well ? 0 : 1;
}
