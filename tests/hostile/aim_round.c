/* aim_round.c - one round of one attacker: the segment, its victims, and the process that watches over them, which stops and forges as well. */
#include "aim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS INT64_C(1000000)
enum { AT_WORK, AT_COME, AT_LOOK, AT_SPECIAL, AT_TOOL }; /* places of victims */
enum { NAP_MS = 4, STOP_EVERY = 3, AIM_EVERY_MS = 100, MEMORY_EVERY = 16, TOLD_MS = 400, PRIVATE_ROOM = (AIM_SANITIZED ? 640 : 40) << 20 };

struct scene {
    struct aim_round *r;
    struct forge forge;
    struct rng rng;
    pid_t pid[VICTIMS], attacker;
    struct tool tool;
    int64_t until;
    bool hung[VICTIMS];
};

/* ---- the segment ------------------------------------------------------------------------------------------------------------------------- */

static void attr_of(struct aim_round *r, struct rng *rng, struct lfvec_attr *a)
{
    static const uint32_t sizes[] = {8, 8, 24, 3000};
    lfvec_attr_init(a);
    a->slab_bytes = 65536;
    a->max_slots = 12;
    a->max_elems = 100000;
    a->max_bytes = UINT64_C(8) << 20;
    switch (r->attacker->world) {
    case WORLD_SMALL:
        a->elem_size = sizes[rng_below(rng, sizeof sizes / sizeof *sizes)];
        a->leaf_bytes = rng_below(rng, 2) ? 64 : 512;
        break;
    case WORLD_LARGE:
        a->max_elems = 2000000;
        a->max_bytes = UINT64_C(64) << 20;
        break;
    default:
        a->max_slots = SHM_SLOTS_MAX;
        a->max_bytes = UINT64_C(64) << 30;
    }
}

static void fill(lfvec_t *v, uint64_t bytes)
{
    static const char zeros[ELEM_MOST * 64];
    const uint64_t batch = sizeof zeros / lfvec_elem_size(v);
    for (uint64_t done = 0; done < bytes; done += batch * lfvec_elem_size(v))
        if (lfvec_push_n(v, zeros, batch, NULL) != (int64_t)batch)
            abort();
}

static void give_away(const char *name)
{
    enum { STRANGER = 65533 };
    const int fd = shm_open(name, O_RDWR, 0);
    if (fd < 0 || fchown(fd, STRANGER, STRANGER) != 0)
        perror("aim: giving the segment to a stranger");
    close(fd);
}

static void make_segments(struct aim_round *r, struct rng *rng)
{
    struct lfvec_attr a;
    attr_of(r, rng, &a);
    lfvec_t *v = lfvec_open(r->name, LFVEC_CREATE | LFVEC_EXCL, &a);
    lfvec_t *second = lfvec_open(r->second, LFVEC_CREATE | LFVEC_EXCL, NULL);
    if (!v || !second) {
        fprintf(stderr, "aim: %s\n", lfvec_last_error());
        exit(2);
    }
    if (r->attacker->bound == BOUND_BEFORE) /* one's own segment may get memory by being looked at */
        give_away(r->name);
    if (r->attacker->victims & SNAP)
        fill(v, 8000000);
    else if (!(r->attacker->victims & SLEEP))
        fill(v, UINT64_C(1) << 18);
    for (uint64_t i = 0; i < SECOND_SIZE; i++)
        if (lfvec_push_u64(second, i) != 0)
            abort();
    (void)lfvec_detach(v);
    (void)lfvec_detach(second);
}

/* ---- processes --------------------------------------------------------------------------------------------------------------------------- */

static pid_t begin(void)
{
    const pid_t watcher = getpid();
    const struct rlimit none = {0, 0};
    fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0) {
        perror("aim: fork");
        exit(2);
    }
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)setrlimit(RLIMIT_CORE, &none);
        if (getppid() != watcher)
            _exit(0);
    }
    return pid;
}

static void start_tool(struct scene *sc)
{
    struct victim *v = &aim_board->victim[AT_TOOL];
    const pid_t pid = tool_start(&sc->tool, sc->r->name, &sc->rng);
    if (pid < 0) {
        perror("aim: a terminal");
        exit(2);
    }
    sc->pid[AT_TOOL] = pid;
    aim_call_begins(v, 0);
    atomic_store(&v->caller[0].tid, pid);
}

static void start_victims(struct scene *sc)
{
    static const uint32_t kinds[] = {[AT_WORK] = WORK, [AT_COME] = COME, [AT_LOOK] = LOOK};
    const uint32_t victims = sc->r->attacker->victims;
    for (uint32_t at = 0; at < VICTIMS; at++) {
        const uint32_t kind = at == AT_SPECIAL ? victims & (SNAP | SLEEP | GROW) : at < AT_SPECIAL ? victims & kinds[at] : 0;
        const uint64_t seed = rng_next(&sc->rng);
        if (kind && (sc->pid[at] = begin()) == 0)
            aim_victim(sc->r->name, sc->r->second, at, kind, sc->forge.h.max_bytes, seed);
    }
    if (victims & TOOL && tool_is_there())
        start_tool(sc);
}

/* As fast as it can, until all its victims have ended; it looks again and again where they have mapped what. */
static void attack(struct scene *sc)
{
    for (int64_t aimed = 0; !atomic_load(&aim_board->over);) {
        if (aim_now() > aimed) {
            forge_aim(&sc->forge, VICTIMS);
            aimed = aim_now() + AIM_EVERY_MS * MS;
        }
        for (int i = 0; i < 100; i++)
            sc->r->attacker->attack(&sc->forge);
    }
    exit(0);
}

static void start_attacker(struct scene *sc)
{
    memcpy(sc->forge.pid, sc->pid, sizeof sc->pid);
    if (!sc->r->stop && (sc->attacker = begin()) == 0)
        attack(sc);
}

/* ---- watching ---------------------------------------------------------------------------------------------------------------------------- */

static void told(struct scene *sc, uint32_t at, int status)
{
    if (at == AT_TOOL) {
        aim_call_ends(&aim_board->victim[at], 0);
        const char *wrong = tool_judge(&sc->tool, status, sc->r->attacker->victims & SHOWN);
        if (wrong && !sc->hung[at])
            aim_fault(sc->r, "lfvec-shmctl %s %s", tool_command(sc->tool.command), wrong);
    } else if (status != 0 && !sc->hung[at]) {
        char doing[200] = "";
        for (uint32_t c = 0; c < CALLERS; c++)
            if (atomic_load(&aim_board->victim[at].caller[c].since))
                snprintf(doing + strlen(doing), sizeof doing - strlen(doing), " %s",
                         operation_name(atomic_load(&aim_board->victim[at].hand.at[c])));
        aim_fault(sc->r, "victim %u ended with %s %d; calls under way:%s", at, WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), doing);
    }
}

/* Takes note of who has ended; lfvec-shmctl begins again. */
static bool all_ended(struct scene *sc)
{
    bool all = true;
    for (uint32_t at = 0; at < VICTIMS; at++) {
        int status;
        if (sc->pid[at] && at == AT_TOOL)
            tool_listen(&sc->tool);
        if (sc->pid[at] && waitpid(sc->pid[at], &status, WNOHANG) == sc->pid[at]) {
            told(sc, at, status);
            sc->pid[at] = 0;
            if (at == AT_TOOL && !atomic_load(&aim_board->closing))
                start_tool(sc);
        }
        all = all && !sc->pid[at];
    }
    return all;
}

/* Its thread says where it is, if it can; then the process ends. */
static void end_hung(struct scene *sc, uint32_t at, int32_t tid)
{
    int status;
    sc->hung[at] = true;
    (void)kill(-sc->pid[at], SIGCONT);
    if (at == AT_TOOL)
        (void)kill(sc->pid[at], SIGABRT);
    else if (syscall(SYS_tgkill, sc->pid[at], tid, SIGABRT) != 0)
        (void)kill(-sc->pid[at], SIGABRT);
    for (int64_t until = aim_now() + TOLD_MS * MS; aim_now() < until;) {
        usleep(NAP_MS * 1000); /* between looks, until it has ended or TOLD_MS are over */
        if (waitpid(sc->pid[at], &status, WNOHANG) == sc->pid[at]) {
            (void)kill(-sc->pid[at], SIGKILL); /* a child of it */
            told(sc, at, status);
            sc->pid[at] = 0;
            return;
        }
    }
    (void)kill(-sc->pid[at], SIGKILL);
}

static void look_for_hangs(struct scene *sc)
{
    for (uint32_t at = 0; at < VICTIMS; at++)
        for (uint32_t c = 0; c < CALLERS && sc->pid[at] && !sc->hung[at]; c++) {
            struct victim *v = &aim_board->victim[at];
            const int64_t since = atomic_load(&v->caller[c].since), stopped = atomic_load(&v->stopped) - atomic_load(&v->caller[c].stopped);
            if (!since || aim_now() - since - stopped < HANG_MS * MS || atomic_load(&v->caller[c].since) != since)
                continue;
            aim_fault(sc->r, "%s %s has not come back for %d ms", at == AT_TOOL ? "lfvec-shmctl" : "a call of",
                      at == AT_TOOL ? tool_command(sc->tool.command) : operation_name(atomic_load(&v->hand.at[c])), HANG_MS);
            end_hung(sc, at, atomic_load(&v->caller[c].tid));
        }
}

/* In no call, and yet it does not come to its end. */
static void end_the_rest(struct scene *sc)
{
    for (uint32_t at = 0; at < VICTIMS; at++)
        if (sc->pid[at] && !sc->hung[at]) {
            aim_fault(sc->r, "victim %u does not end", at);
            end_hung(sc, at, sc->pid[at]);
        }
}

/* Time in which nothing could run, or a victim was stopped, is nobody's call. */
static void excuse(uint32_t from, uint32_t to, int64_t ns)
{
    for (uint32_t at = from; at < to && ns > 0; at++)
        atomic_fetch_add(&aim_board->victim[at].stopped, ns);
}

/* Stops one at whatever instruction it is, forges, and lets it go on. */
static void stop_and_forge(struct scene *sc)
{
    const uint32_t at = (uint32_t)rng_below(&sc->rng, VICTIMS);
    const pid_t pid = sc->pid[at];
    const int64_t from = aim_now();
    siginfo_t what = {.si_pid = 0};
    if (!pid || sc->hung[at])
        return;
    (void)kill(-pid, SIGSTOP);
    while (waitid(P_PID, (id_t)pid, &what, WSTOPPED | WEXITED | WNOWAIT | WNOHANG) == 0 && what.si_pid != pid &&
           aim_now() < from + 200 * MS)
        usleep(50); /* between looks, until it has stopped, 200 ms at most */
    memcpy(sc->forge.pid, sc->pid, sizeof sc->pid);
    forge_aim(&sc->forge, at);
    for (uint64_t n = 1 + rng_below(&sc->rng, 60); n--;)
        sc->r->attacker->attack(&sc->forge);
    (void)kill(-pid, SIGCONT);
    excuse(at, at + 1, aim_now() - from);
}

static void watch(struct scene *sc)
{
    const uint64_t most = 2 * sc->r->bytes_before + PRIVATE_ROOM;
    for (uint64_t n = 0; !all_ended(sc); n++) {
        const int64_t before = aim_now();
        usleep(NAP_MS * 1000);
        excuse(0, VICTIMS, aim_now() - before - 4 * NAP_MS * MS);
        if (aim_now() > sc->until)
            atomic_store(&aim_board->closing, 1);
        look_for_hangs(sc);
        if (aim_now() > sc->until + 4 * HANG_MS * MS)
            end_the_rest(sc);
        if (sc->r->stop && n % STOP_EVERY == 0)
            stop_and_forge(sc);
        for (uint32_t at = 0; n % MEMORY_EVERY == 0 && at < VICTIMS; at++)
            if (sc->pid[at])
                aim_judge_memory(sc->r, sc->pid[at], most);
    }
}

/* The two segments, and what an attacker has made under another name. */
static void remove_all(const struct aim_round *r)
{
    char lease[80];
    snprintf(lease, sizeof lease, "%s-lease", r->name);
    (void)shm_unlink(lease);
    (void)shm_unlink(r->name);
    (void)shm_unlink(r->second);
}

int aim_run_round(struct aim_round *r)
{
    struct scene sc = {.r = r, .rng = {r->choices}};
    for (uint32_t at = 0; at < VICTIMS; at++) {
        struct victim *v = &aim_board->victim[at];
        memset(v->caller, 0, sizeof v->caller);
        atomic_store(&v->stopped, 0);
    }
    aim_board->attacker = r->attacker->name;
    atomic_store(&aim_board->closing, 0);
    atomic_store(&aim_board->over, 0);
    make_segments(r, &sc.rng);
    forge_open(&sc.forge, r->name, rng_next(&sc.rng), r->attacker->world == WORLD_MANY ? SHM_SLOTS_MAX : 8);
    r->max_bytes = sc.forge.h.max_bytes;
    if (r->attacker->world == WORLD_MANY)
        r->attacker->attack(&sc.forge); /* what it makes larger is no fault of the victims */
    aim_judge_object(r);
    sc.until = aim_now() + (int64_t)(r->seconds * 1e9);
    start_victims(&sc);
    start_attacker(&sc);
    watch(&sc);
    atomic_store(&aim_board->over, 1);
    if (sc.attacker)
        (void)waitpid(sc.attacker, NULL, 0);
    aim_judge_object(r);
    aim_judge_second(r);
    forge_close(&sc.forge);
    remove_all(r);
    return r->faults;
}
