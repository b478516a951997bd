/*
 * step.c - a process under ptrace.
 *
 * Stepping costs some 20 us an instruction, so the k-th is not reached by k steps: the first full run lists all instructions, and later
 * runs go at full speed from breakpoint to breakpoint at an instruction shortly before the k-th that does not occur often (an anchor),
 * and step from there. Victims are forked from one process, so text is where it was in the first run.
 *
 * Where asked for (victim.over), a call into the C library is one step: none of them changes the segment.
 */
#include "kill.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

extern const char __executable_start[], etext[]; /* the program's own text: the library, linked statically, and a few lines of ours */

enum { TRACE_MOST = 4000000 };

__attribute__((noinline)) static void kill_begin(void)
{
    __asm__ __volatile__("" ::: "memory");
}

__attribute__((noinline)) void victim_end(void)
{
    __asm__ __volatile__("" ::: "memory");
}

void victim_gate(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(98);
    raise(SIGSTOP);
    kill_begin();
}

static bool await(struct victim *w)
{
    int status;
    while (waitpid(w->pid, &status, 0) < 0)
        if (errno != EINTR)
            abort();
    if (WIFSTOPPED(status) && (WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP))
        return true;
    w->status = status;
    w->dead = WIFEXITED(status) || WIFSIGNALED(status);
    return false;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if defined(SANITIZED)
static const char not_here[] = "a sanitizer's own instructions would be most of those killed at";
#elif !defined(__x86_64__)
static const char not_here[] = "stepping is written for x86-64 only";
#else
static const char not_here[] = "";
#endif

#if defined(__x86_64__)
#include <sys/user.h>

static uint64_t get_pc(const struct victim *w)
{
    return (uint64_t)ptrace(PTRACE_PEEKUSER, w->pid, (void *)offsetof(struct user_regs_struct, rip), NULL);
}

static void set_pc(const struct victim *w, uint64_t pc)
{
    ptrace(PTRACE_POKEUSER, w->pid, (void *)offsetof(struct user_regs_struct, rip), (void *)pc);
}

/* Runs at full speed to `pc`, or to victim_end() if that comes first. */
static bool run_to(struct victim *w, uint64_t pc)
{
    const uint64_t at[2] = {pc, (uint64_t)victim_end};
    long text[2];
    const int n = at[0] == at[1] ? 1 : 2;
    for (int i = 0; i < n; i++) {
        text[i] = ptrace(PTRACE_PEEKTEXT, w->pid, (void *)at[i], NULL);
        ptrace(PTRACE_POKETEXT, w->pid, (void *)at[i], (void *)((text[i] & ~0xffL) | 0xcc));
    }
    ptrace(PTRACE_CONT, w->pid, NULL, NULL);
    if (!await(w))
        return false;
    for (int i = n - 1; i >= 0; i--)
        ptrace(PTRACE_POKETEXT, w->pid, (void *)at[i], (void *)text[i]);
    set_pc(w, get_pc(w) - 1);
    return get_pc(w) == pc;
}

/* At the first instruction of a function: where it will return to. */
static uint64_t return_address(const struct victim *w)
{
    const long sp = ptrace(PTRACE_PEEKUSER, w->pid, (void *)offsetof(struct user_regs_struct, rsp), NULL);
    return (uint64_t)ptrace(PTRACE_PEEKDATA, w->pid, (void *)sp, NULL);
}

/* Is the instruction at pc a locked one? And even a 16-byte compare-and-swap? Text of ours is text of the victim's: it was forked. */
static bool classify(uint64_t pc, bool *cas16)
{
    const uint8_t *at = (const uint8_t *)pc;
    bool lock = false, wide = false;
    while (*at == 0xf0 || *at == 0x66 || *at == 0xf2 || *at == 0xf3 || *at == 0x2e || *at == 0x36 || *at == 0x3e || *at == 0x64 ||
           *at == 0x65)
        lock |= *at++ == 0xf0;
    if ((*at & 0xf0) == 0x40)
        wide = *at++ & 8;
    if ((*at == 0x86 || *at == 0x87) && at[1] >> 6 != 3)
        lock = true; /* xchg with memory */
    *cas16 = lock && wide && at[0] == 0x0f && at[1] == 0xc7;
    return lock;
}
#else
static uint64_t get_pc(const struct victim *w)
{
    (void)w;
    return 0;
}

static bool run_to(struct victim *w, uint64_t pc)
{
    (void)w;
    (void)pc;
    return false;
}

static uint64_t return_address(const struct victim *w)
{
    (void)w;
    return 0;
}

static bool classify(uint64_t pc, bool *cas16)
{
    (void)pc;
    *cas16 = false;
    return false;
}
#endif

static bool is_own(uint64_t pc)
{
    return pc >= (uint64_t)__executable_start && pc < (uint64_t)etext;
}

static bool step(struct victim *w)
{
    const bool from_own = w->over && is_own(get_pc(w));
    if (ptrace(PTRACE_SINGLESTEP, w->pid, NULL, NULL) != 0)
        return false;
    w->at++;
    if (!await(w))
        return false;
    const uint64_t pc = from_own ? get_pc(w) : 0;
    return !from_own || is_own(pc) || run_to(w, return_address(w));
}

bool victim_start(struct victim *w)
{
    w->at = 0;
    w->dead = false;
    fflush(NULL);
    w->pid = fork();
    if (w->pid < 0) {
        w->status = errno;
        w->dead = true;
        return false;
    }
    if (w->pid == 0) {
        w->body(w->arg);
        _exit(0);
    }
    if (!await(w))
        return false;
    ptrace(PTRACE_SETOPTIONS, w->pid, NULL, (void *)PTRACE_O_EXITKILL);
    return run_to(w, (uint64_t)kill_begin);
}

/* ---- the list of instructions ---------------------------------------------------------------------------------------------------------- */

enum { COUNTERS = 1 << 16, HIT_COST = 3, NO_COUNT = 1 << 20 }; /* to go on from a breakpoint costs three steps */

struct counter {
    uint64_t pc;
    uint32_t n;
};

/* How often pc has been met, this time included. A full table says: too often to be an anchor. */
static uint32_t count_up(struct counter *table, uint64_t pc)
{
    uint64_t i = pc * UINT64_C(0x9e3779b97f4a7c15) >> 48;
    for (uint32_t tries = 0; tries < 64; tries++, i = (i + 1) % COUNTERS) {
        if (table[i].pc && table[i].pc != pc)
            continue;
        table[i].pc = pc;
        return ++table[i].n;
    }
    return NO_COUNT;
}

static void trace_add(struct trace *t, struct point_info info)
{
    if (t->n == t->room) {
        t->room = t->room ? t->room * 2 : 1024;
        t->at = realloc(t->at, t->room * sizeof *t->at);
        if (!t->at)
            abort();
    }
    t->at[t->n++] = info;
}

void trace_clear(struct trace *t)
{
    free(t->at);
    *t = (struct trace){.rival = NO_POINT};
}

/*
 * To each point, the anchor that makes for the cheapest way there: from the start, or from the rival's point to those after it.
 * The rival's point itself is reached from the start.
 */
static void find_anchors(struct trace *t, struct counter *table)
{
    struct point_info *at = t->at;
    uint64_t best = 0;
    for (uint32_t k = 1; k < t->n; k++) {
        const uint64_t hits = count_up(table, at[k].pc);
        const bool start = k == t->rival + 1 && k > 1;
        if (start) {
            memset(table, 0, COUNTERS * sizeof *table);
            (void)count_up(table, at[k].pc);
        }
        best = start ? 1 : best + 1;
        at[k].anchor = start ? t->rival : at[k - 1].anchor;
        at[k].hits = start ? 0 : at[k - 1].hits;
        if (!start && hits * HIT_COST < best) {
            at[k].anchor = k;
            at[k].hits = (uint32_t)hits;
            best = hits * HIT_COST;
        }
    }
}

static bool list_steps(struct victim *w, struct trace *t, uint32_t rival_cas, void (*rival)(void *arg), void *arg)
{
    while (t->n < TRACE_MOST) {
        struct point_info info = {.pc = get_pc(w)};
        bool cas16;
        info.locked = classify(info.pc, &cas16);
        if (cas16 && rival_cas && !--rival_cas) {
            t->rival = t->n;
            rival(arg);
        }
        trace_add(t, info);
        if (info.pc == (uint64_t)victim_end)
            return true;
        if (!step(w))
            return false;
    }
    return false;
}

bool victim_record(struct victim *w, struct trace *t, uint32_t rival_cas, void (*rival)(void *arg), void *arg)
{
    struct counter *table = calloc(COUNTERS, sizeof *table);
    trace_clear(t);
    const bool listed = table && list_steps(w, t, rival_cas, rival, arg);
    if (listed) {
        find_anchors(t, table);
        t->n--; /* the last one listed is the next one at point n */
    }
    free(table);
    return listed;
}

static bool go_to_anchor(struct victim *w, const struct trace *t, uint32_t anchor, uint32_t hits)
{
    for (uint32_t n = 0; n < hits; n++) {
        if (get_pc(w) == t->at[anchor].pc && !step(w))
            return false;
        if (!run_to(w, t->at[anchor].pc))
            return false;
    }
    w->at = anchor;
    return true;
}

static bool advance(struct victim *w, const struct trace *t, uint32_t k)
{
    if (t->at[k].anchor > w->at && !go_to_anchor(w, t, t->at[k].anchor, t->at[k].hits))
        return false;
    while (w->at < k)
        if (!step(w))
            return false;
    return true;
}

bool victim_go(struct victim *w, const struct trace *t, uint32_t k, void (*rival)(void *arg), void *arg)
{
    if (t->rival <= k) {
        if (!advance(w, t, t->rival))
            return false;
        rival(arg);
    }
    return advance(w, t, k);
}

bool victim_is_at(const struct victim *w, uint64_t pc)
{
    return get_pc(w) == pc;
}

void victim_finish(struct victim *w)
{
    if (w->dead)
        return;
    ptrace(PTRACE_DETACH, w->pid, NULL, NULL);
    while (!w->dead)
        if (await(w))
            kill(w->pid, SIGKILL);
}

void victim_kill(struct victim *w)
{
    if (w->dead || w->pid <= 0)
        return;
    kill(w->pid, SIGKILL);
    while (!w->dead)
        if (await(w))
            kill(w->pid, SIGKILL);
}

/* ---- may we? --------------------------------------------------------------------------------------------------------------------------- */

static void try_body(void *arg)
{
    (void)arg;
    victim_gate();
    victim_end();
}

const char *step_why_not(void)
{
    struct trace t = {0};
    struct victim w = {.body = try_body};
    if (not_here[0])
        return not_here;
    const bool can = victim_start(&w) && victim_record(&w, &t, 0, NULL, NULL);
    victim_kill(&w);
    trace_clear(&t);
    return can ? NULL : "a process may not be traced here (ptrace is forbidden)";
}
