/* aim_judge.c - what no attacker may bring about, and how it is told. */
#include "aim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void aim_fault(struct aim_round *r, const char *format, ...)
{
    va_list ap;
    r->faults++;
    printf("# %s, round %llu of --seed %llu, %s: ", r->attacker->name, (unsigned long long)r->number, (unsigned long long)r->seed,
           r->stop ? "victims stopped" : "at full speed");
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
}

/* ---- canaries ---------------------------------------------------------------------------------------------------------------------------- */

/*
 * The shared ones are one object, mapped twice, as another segment may be: to write, and read-only, where a stray store is SIGSEGV.
 */
void aim_canaries_new(void)
{
    const size_t bytes = VICTIMS * CANARY_BYTES;
    const int fd = memfd_create("canaries", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
        abort();
    unsigned char *rw = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *ro = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    unsigned char *private = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static unsigned char *heap; /* static: reachable for as long as there are canaries */
    heap = calloc(VICTIMS, CANARY_BYTES);
    if (rw == MAP_FAILED || ro == MAP_FAILED || private == MAP_FAILED || !heap)
        abort();
    close(fd);
    for (uint32_t v = 0; v < VICTIMS; v++) {
        aim_board->victim[v].canary[CANARY_HEAP] = heap + v * CANARY_BYTES;
        aim_board->victim[v].canary[CANARY_PRIVATE] = private + v * CANARY_BYTES;
        aim_board->victim[v].canary[CANARY_SHARED] = rw + v * CANARY_BYTES;
        aim_board->victim[v].canary[CANARY_SHARED_RO] = ro + v * CANARY_BYTES;
    }
}

/* What each word of a victim's canaries should be: every other one is a number of a thread, by which the kernel may be led astray. */
static uint32_t wanted[VICTIMS][CANARY_BYTES / 4];

static void store_canary(uint32_t victim, uint32_t from, uint32_t to)
{
    for (uint32_t c = 0; c < CANARY_SHARED_RO; c++)
        memcpy(aim_board->victim[victim].canary[c] + from * 4ul, &wanted[victim][from], (to - from) * 4ul);
}

void aim_fill_canaries(uint32_t victim)
{
    for (uint32_t i = 0; i < CANARY_BYTES / 4; i++)
        wanted[victim][i] = 0x5a000000u + i;
    store_canary(victim, 0, CANARY_BYTES / 4);
}

/* Each thread has a part of its own. */
void aim_fill_thread(uint32_t victim, uint32_t thread, int32_t tid)
{
    const uint32_t each = CANARY_BYTES / 4 / CALLERS, from = thread * each;
    for (uint32_t i = from; i < from + each; i += 2)
        wanted[victim][i] = (uint32_t)tid;
    store_canary(victim, from, from + each);
}

bool aim_canaries_are_whole(uint32_t victim)
{
    bool whole = true;
    for (uint32_t c = 0; c < CANARIES; c++)
        for (uint32_t i = 0; i < CANARY_BYTES / 4; i++) {
            uint32_t is;
            memcpy(&is, aim_board->victim[victim].canary[c] + i * 4ul, sizeof is);
            if (is == wanted[victim][i])
                continue;
            fprintf(stderr, "# canary %u of victim %u: word %u is 0x%x, and was 0x%x\n", c, victim, i, is, wanted[victim][i]);
            whole = false;
        }
    return whole;
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------------------ */

static uint64_t status_bytes(pid_t pid, const char *field)
{
    char path[64], line[256];
    uint64_t kib = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtoull(line + strlen(field), NULL, 10);
    if (f)
        fclose(f);
    return kib * 1024;
}

void aim_judge_memory(struct aim_round *r, pid_t pid, uint64_t private_most)
{
    static pid_t told; /* once is enough */
    const uint64_t has = status_bytes(pid, "RssAnon:");
    if (has <= private_most || told == pid)
        return;
    told = pid;
    aim_fault(r, "process %ld has %llu bytes of private memory, more than %llu", (long)pid, (unsigned long long)has,
              (unsigned long long)private_most);
}

static bool occupies(const char *name, uint64_t *bytes)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "/dev/shm%s", name);
    if (stat(path, &st) != 0)
        return false;
    *bytes = (uint64_t)st.st_blocks * 512;
    return true;
}

/* Called before the victims begin, and after they have ended. */
void aim_judge_object(struct aim_round *r)
{
    uint64_t bytes = 0;
    if (!occupies(r->name, &bytes)) {
        aim_fault(r, "the object is gone");
        return;
    }
    const bool first = !r->bytes_before;
    if (first)
        r->bytes_before = bytes;
    const uint64_t cap = UINT64_C(256) << 20, max = r->max_bytes * 2 < cap ? r->max_bytes * 2 : cap;
    const uint64_t most = r->attacker->bound == BOUND_BEFORE ? 2 * r->bytes_before : max;
    if (!first && bytes > most)
        aim_fault(r, "the object occupies %llu bytes, more than %llu, and %llu before", (unsigned long long)bytes, (unsigned long long)most,
                  (unsigned long long)r->bytes_before);
}

/* ---- the second segment ------------------------------------------------------------------------------------------------------------------ */

/* All victims are gone: it has the elements that it had, and of each slot it can be told that its holder is gone. */
void aim_judge_second(struct aim_round *r)
{
    struct lfvec_audit audit;
    struct lfvec_stat st;
    lfvec_t *v = lfvec_open(r->second, 0, NULL);
    if (!v) {
        aim_fault(r, "the second segment: %s", lfvec_last_error());
        return;
    }
    if (lfvec_check(v, &audit) != 0)
        aim_fault(r, "the second segment is damaged: %s", audit.message);
    if (lfvec_stat(v, &st) != 0 || st.slots_alive || st.slots_unknown || st.slots_stopped)
        aim_fault(r, "the second segment has slots that are held by %u alive, %u unknown", st.slots_alive, st.slots_unknown);
    for (uint64_t i = 0, x; i < SECOND_SIZE; i++)
        if (lfvec_get_u64(v, i, &x) != 0 || x != i)
            aim_fault(r, "the second segment's element %llu is another", (unsigned long long)i);
    (void)lfvec_detach(v);
}
