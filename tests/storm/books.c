/*
 * books.c - which elements were pushed and seen; what the dead were at; the final account.
 *
 * An acknowledged push is in the vector, or was popped once. What a dead worker was pushing is there entirely or not at all. What it was
 * popping may be gone, but only what it had copied: every element that is missing in the end has to be among those. What it held on lease
 * is never gone: only an acknowledgement that was under way may have ended the element.
 */
#include "storm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const doing_name[DOINGS] = {"between two", "pushing", "popping", "leasing", "acknowledging", "at something else"};

enum { KEYS_AT_ONCE = 4096 };

/* Keys that a dead worker may have taken along, and pushes that it did not live to acknowledge. Private to the process that buries. */
static uint64_t gone[GONE_MOST];
static uint32_t gone_count;
static struct doubt {
    uint64_t first;
    uint32_t n;
} doubt[GONE_MOST];
static uint32_t doubt_count;

int books_open(void)
{
    const int fd = memfd_create("lfvec-storm-books", 0);
    if (fd < 0 || ftruncate(fd, (off_t)(sizeof(struct books) + KEYS_MOST)) != 0) {
        perror("storm: the books");
        exit(1);
    }
    return fd;
}

struct books *books_map(int fd)
{
    struct books *b = mmap(NULL, sizeof *b + KEYS_MOST, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (b == MAP_FAILED) {
        perror("storm: mapping the books");
        _exit(1);
    }
    return b;
}

/* A clean page for the next part. */
void books_begin(struct storm *s)
{
    gone_count = doubt_count = 0;
    if (ftruncate(s->books_fd, 0) != 0 || ftruncate(s->books_fd, (off_t)(sizeof(struct books) + KEYS_MOST)) != 0) {
        perror("storm: the books");
        exit(1);
    }
}

/* ---- elements -------------------------------------------------------------------------------------------------------------------------- */

#define KEY_MASK ((UINT64_C(1) << 40) - 1)

/* The bits above the key are anybody's to change. */
void elem_make(uint64_t *elem, uint32_t elem_size, uint64_t key)
{
    elem[0] = key + 1;
    for (uint32_t i = 1; i < elem_size / 8; i++)
        elem[i] = (key + 1) * UINT64_C(0x9e3779b97f4a7c15) + i;
}

bool elem_key(const uint64_t *elem, uint32_t elem_size, uint64_t *key)
{
    const uint64_t named = elem[0] & KEY_MASK;
    bool whole = named != 0 && named <= KEYS_MOST;
    for (uint32_t i = 1; i < elem_size / 8; i++)
        whole &= elem[i] == named * UINT64_C(0x9e3779b97f4a7c15) + i;
    *key = named - 1;
    return whole;
}

/* ---- by the workers -------------------------------------------------------------------------------------------------------------------- */

uint64_t books_key(struct books *b, uint32_t me, uint32_t n)
{
    struct worker *w = &b->worker[me];
    uint64_t first = atomic_load(&w->key_next);
    if (first + n > atomic_load(&w->key_end)) {
        first = atomic_fetch_add(&b->key_next, KEYS_AT_ONCE);
        if (first + KEYS_AT_ONCE > KEYS_MOST)
            return NO_KEY;
        atomic_store(&w->key_end, first + KEYS_AT_ONCE);
    }
    atomic_store(&w->key_next, first + n);
    return first;
}

void books_see(struct books *b, uint64_t key)
{
    const uint8_t was = atomic_fetch_add(&b->key[key], 1);
    if ((was & KEY_SEEN) != 0)
        work_fault(b, "element %llu was seen twice", (unsigned long long)key);
    if (!(was & KEY_SAID))
        work_fault(b, "element %llu was seen, and nobody has pushed it", (unsigned long long)key);
}

/* ---- by the process that buries them ----------------------------------------------------------------------------------------------------- */

static void note_gone(uint64_t key)
{
    if (gone_count < GONE_MOST)
        gone[gone_count++] = key;
}

static void bury_pop(struct storm *s, struct worker *w)
{
    uint64_t key;
    for (uint32_t i = 0; i < atomic_load(&w->n); i++)
        if (elem_key(&w->buffer[i * s->elem_size / 8], s->elem_size, &key))
            note_gone(key);
}

void books_bury(struct storm *s, uint32_t worker)
{
    struct worker *w = &s->books->worker[worker];
    const uint32_t doing = atomic_exchange(&w->doing, IDLE);
    s->tally.killed_at[doing < DOINGS ? doing : OTHER]++;
    if (doing == POPPING)
        bury_pop(s, w);
    else if (doing == ACKING)
        note_gone(atomic_load(&w->first));
    else if (doing == PUSHING && doubt_count < GONE_MOST)
        doubt[doubt_count++] = (struct doubt){atomic_load(&w->first), atomic_load(&w->n)};
    atomic_store(&w->key_next, atomic_load(&w->key_end)); /* the next one begins with other keys */
}

/* ---- the account ----------------------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool may_be_gone(uint64_t key)
{
    return bsearch(&key, gone, gone_count, sizeof gone[0], compare) != NULL;
}

/* A batch that its pusher did not live to acknowledge: all of it, or nothing. What a dead popper took along may have been there. */
static bool judge_doubt(struct storm *s, const struct doubt *d)
{
    uint32_t seen = 0, missing = 0;
    for (uint32_t i = 0; i < d->n; i++) {
        const uint8_t key = atomic_load(&s->books->key[d->first + i]);
        seen += (key & KEY_SEEN) != 0;
        missing += (key & KEY_SEEN) == 0 && !may_be_gone(d->first + i);
    }
    s->tally.doubtful_there += seen != 0;
    s->tally.doubtful_not += seen == 0;
    return !seen || !missing;
}

static void drain(struct storm *s)
{
    uint64_t elem[BATCH * ELEM_WORDS_MOST], key;
    int64_t n;
    while ((n = lfvec_pop_n(s->v, elem, BATCH)) > 0)
        for (int64_t i = 0; i < n; i++)
            if (elem_key(&elem[(uint64_t)i * s->elem_size / 8], s->elem_size, &key))
                books_see(s->books, key);
            else
                work_fault(s->books, "what is in the vector is no element of ours");
    storm_verdict(s, n == -EAGAIN, "%u-byte elements: the vector can be emptied", s->elem_size);
}

/* Acknowledged, never seen, and not what one of the dead may have taken along. *last: an acknowledged one that was seen. */
static uint64_t count_lost(const struct books *b, uint64_t *pushed, uint64_t *last)
{
    const uint64_t keys = atomic_load(&b->key_next);
    uint64_t lost = 0;
    *pushed = 0;
    for (uint64_t i = 0; i < keys && i < KEYS_MOST; i++) {
        const uint8_t key = atomic_load(&b->key[i]);
        *pushed += (key & KEY_PUSHED) != 0;
        lost += (key & KEY_PUSHED) && !(key & KEY_SEEN) && !may_be_gone(i);
        if ((key & KEY_PUSHED) && (key & KEY_SEEN) && !may_be_gone(i))
            *last = i;
    }
    return lost;
}

/* Would these books show a loss, a duplicate, a push that is there in part? They are spoilt, one entry at a time. */
static void judge_books(struct storm *s, uint64_t key)
{
    struct books *b = s->books;
    uint64_t pushed, last;
    const uint32_t faults = atomic_load(&b->faults);
    atomic_fetch_sub(&b->key[key], 1);
    storm_verdict(s, count_lost(b, &pushed, &last) == 1, "the books: a missing element is noticed");
    atomic_fetch_add(&b->key[key], 1);
    books_see(b, key);
    storm_verdict(s, atomic_load(&b->faults) == faults + 1, "the books: an element seen twice is noticed");
    const struct doubt both = {key == 0 ? 0 : key - 1, 2};
    atomic_store(&b->key[both.first], KEY_SAID | 1);
    atomic_store(&b->key[both.first + 1], KEY_SAID);
    storm_verdict(s, !judge_doubt(s, &both), "the books: half a batch is noticed");
}

void books_close(struct storm *s)
{
    struct books *b = s->books;
    uint64_t pushed, last = 0;
    uint32_t torn = 0;
    drain(s);
    qsort(gone, gone_count, sizeof gone[0], compare);
    const uint64_t lost = count_lost(b, &pushed, &last);
    for (uint32_t i = 0; i < doubt_count; i++)
        torn += !judge_doubt(s, &doubt[i]);
    s->tally.pushed += pushed;
    storm_verdict(s, gone_count < GONE_MOST && doubt_count < GONE_MOST, "%u-byte elements: the books had room", s->elem_size);
    storm_verdict(s, pushed != 0, "%u-byte elements: %llu pushes were acknowledged", s->elem_size, (unsigned long long)pushed);
    storm_verdict(s, lost == 0, "%u-byte elements: %llu acknowledged elements are missing", s->elem_size, (unsigned long long)lost);
    storm_verdict(s, torn == 0, "%u-byte elements: %u of %u unfinished pushes are there in part", s->elem_size, torn, doubt_count);
    storm_verdict(s, atomic_load(&b->faults) == 0, "%u-byte elements: the workers saw nothing wrong%s%s", s->elem_size,
                  atomic_load(&b->faults) ? ": " : "", atomic_load(&b->faults) ? b->fault : "");
    if (pushed && !lost && !torn)
        judge_books(s, last);
}
