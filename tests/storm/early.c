/*
 * early.c - the beginning of a segment's life: processes that create it together are killed on the way; pushers are killed while it grows,
 * between the allocation of pages and their first use among other places. What is there afterwards is what was acknowledged, and at most
 * what the dead were pushing; and no memory is committed that nobody can use.
 */
#include "storm.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CROWD = 3, GROW_BATCH = 20 };

/* What each of the crowd says, in one word: pushed << 8 | about to push so many more. */
static struct crowd {
    _Atomic uint64_t said[CROWD];
} * crowd;

static void say(uint32_t me, uint64_t pushed, uint64_t more)
{
    atomic_store(&crowd->said[me], pushed << 8 | more);
}

static void open_crowd(void)
{
    if (!crowd)
        crowd = mmap(NULL, sizeof *crowd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (crowd == MAP_FAILED) {
        perror("storm: mmap");
        exit(1);
    }
    for (uint32_t i = 0; i < CROWD; i++)
        say(i, 0, 0);
}

static pid_t spawn(struct storm *s, uint32_t me, void (*body)(struct storm *s, uint32_t me, uint64_t random))
{
    const uint64_t random = storm_draw(&s->random, UINT64_MAX);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        body(s, me, random);
        _exit(0);
    }
    return pid;
}

static bool reap_all(struct storm *s, const pid_t *pid)
{
    bool good = true;
    for (int i = 0; i < CROWD; i++) {
        int status = 0;
        waitpid(pid[i], &status, 0);
        const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        s->tally.kills += killed;
        good &= killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (!good)
            printf("fault: a process ended with status 0x%x\n", (unsigned int)status);
    }
    return good;
}

/* The vector's size is what was acknowledged, and for each of the dead all or nothing of what it was at. */
static bool size_is_explained(uint64_t size)
{
    uint64_t least = 0;
    for (int i = 0; i < CROWD; i++)
        least += atomic_load(&crowd->said[i]) >> 8;
    for (uint32_t set = 0; set < 1u << CROWD; set++) {
        uint64_t with = least;
        for (int i = 0; i < CROWD; i++)
            with += set >> i & 1 ? atomic_load(&crowd->said[i]) & 0xff : 0;
        if (with == size)
            return true;
    }
    printf("fault: %llu elements, %llu were acknowledged\n", (unsigned long long)size, (unsigned long long)least);
    return false;
}

static bool is_sound(lfvec_t *v)
{
    struct lfvec_audit audit;
    const int err = lfvec_check(v, &audit);
    if (err)
        printf("fault: the audit: %s\n", audit.message);
    return !err && audit.conclusive && audit.leaves_lost == 0;
}

/* ---- creation -------------------------------------------------------------------------------------------------------------------------- */

static void create_body(struct storm *s, uint32_t me, uint64_t random)
{
    struct lfvec_attr attr;
    storm_attr(&attr, 8);
    work_kill_self_after(storm_draw(&random, 150000));
    lfvec_t *v = lfvec_open(s->name, LFVEC_CREATE, &attr);
    if (!v) {
        printf("fault: a creator: %s\n", lfvec_last_error());
        fflush(stdout);
        _exit(1);
    }
    say(me, 0, 1);
    if (lfvec_push_u64(v, me) != 0)
        _exit(1);
    say(me, 1, 0);
}

static bool create_once(struct storm *s)
{
    struct lfvec_attr attr;
    pid_t pid[CROWD];
    storm_attr(&attr, 8);
    open_crowd();
    for (uint32_t i = 0; i < CROWD; i++)
        pid[i] = spawn(s, i, create_body);
    bool good = reap_all(s, pid);
    lfvec_t *v = lfvec_open(s->name, LFVEC_CREATE, &attr);
    if (!v) {
        printf("fault: after the creators: %s\n", lfvec_last_error());
        return false;
    }
    good &= size_is_explained(lfvec_size(v)) && is_sound(v) && lfvec_recover(v, NULL) == 0 && is_sound(v);
    lfvec_detach(v);
    lfvec_unlink(s->name);
    return good;
}

void creation_run(struct storm *s, double seconds)
{
    bool good = true;
    for (const double until = storm_now() + seconds; good && storm_now() < until; s->tally.creations++)
        good = create_once(s);
    lfvec_unlink(s->name);
    storm_verdict(s, good && s->tally.creations, "killed while creating: %llu segments, each complete for whoever comes next",
                  (unsigned long long)s->tally.creations);
}

/* ---- growth ---------------------------------------------------------------------------------------------------------------------------- */

static void grow_body(struct storm *s, uint32_t me, uint64_t random)
{
    uint64_t elem[GROW_BATCH] = {0};
    uint64_t pushed = 0;
    if (me) /* the first one survives */
        work_kill_self_after(storm_draw(&random, 1500000));
    for (uint32_t turn = 0; turn < 5000; turn++) {
        const uint64_t n = 1 + storm_draw(&random, GROW_BATCH);
        if (storm_draw(&random, 64) == 0 && lfvec_reserve(s->v, lfvec_size(s->v) + 20000) != 0)
            _exit(1);
        say(me, pushed, n);
        if (lfvec_push_n(s->v, elem, n, NULL) != (int64_t)n)
            _exit(1);
        say(me, pushed += n, 0);
    }
}

/* Pages beyond what the slabs and the committed tables need belong to nobody: they would be a leak. */
static bool is_all_in_use(lfvec_t *v)
{
    struct lfvec_stat stat;
    if (lfvec_stat(v, &stat) != 0)
        return false;
    const uint64_t slabs = (stat.slabs_owned + stat.slabs_unowned) * stat.slab_bytes, tables = UINT64_C(1) << 20;
    if (stat.bytes_committed > slabs + tables)
        printf("fault: %llu bytes committed, %llu of them in slabs\n", (unsigned long long)stat.bytes_committed, (unsigned long long)slabs);
    return stat.bytes_committed <= slabs + tables;
}

static bool grow_once(struct storm *s)
{
    struct lfvec_attr attr;
    pid_t pid[CROWD];
    storm_attr(&attr, 8);
    open_crowd();
    s->v = lfvec_open(s->name, LFVEC_CREATE | LFVEC_EXCL, &attr);
    if (!s->v)
        return false;
    for (uint32_t i = 0; i < CROWD; i++)
        pid[i] = spawn(s, i, grow_body);
    bool good = reap_all(s, pid);
    good &= size_is_explained(lfvec_size(s->v)) && is_sound(s->v) && lfvec_recover(s->v, NULL) == 0 && is_sound(s->v);
    good &= is_all_in_use(s->v);
    lfvec_detach(s->v);
    lfvec_unlink(s->name);
    return good;
}

void growth_run(struct storm *s, double seconds)
{
    bool good = true;
    for (const double until = storm_now() + seconds; good && storm_now() < until; s->tally.growths++)
        good = grow_once(s);
    storm_verdict(s, good && s->tally.growths, "killed while it grows: %llu segments, nothing lost, nothing torn, no page without use",
                  (unsigned long long)s->tally.growths);
}
