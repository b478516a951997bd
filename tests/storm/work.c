/*
 * work.c - what a worker does: all operations at random, each written into the books before and after; in one thread, in several, in a
 * forked child beside its parent, before and after exec(). It works until it is killed, or told to stop; then it leaves in an orderly way.
 */
#include "storm.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* One thread at work. */
struct hand {
    const struct work *work;
    struct books *books;
    struct worker *w;
    uint32_t me;
    lfvec_t *v;
    uint64_t random;
};

void work_fault(struct books *b, const char *format, ...)
{
    va_list ap;
    if (atomic_fetch_add(&b->faults, 1) != 0)
        return; /* the first one stands */
    va_start(ap, format);
    vsnprintf(b->fault, sizeof b->fault, format, ap);
    va_end(ap);
}

void work_kill_self_after(uint64_t ns)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    const struct itimerspec in = {.it_value = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) + 1}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
        timer_settime(timer, 0, &in, NULL);
}

static void begin(struct hand *h, uint32_t doing, uint64_t first, uint32_t n)
{
    atomic_store(&h->w->first, first);
    atomic_store(&h->w->n, n);
    atomic_store(&h->w->doing, doing);
}

static void end(struct hand *h)
{
    atomic_store(&h->w->doing, IDLE);
}

static void expect(struct hand *h, const char *what, int64_t got, bool allowed)
{
    if (got < 0 && !allowed)
        work_fault(h->books, "%s: %s", what, strerror((int)-got));
}

/* What is in the buffer now was taken. It is seen before the books say that the operation is over. */
static void see(struct hand *h, int64_t n)
{
    uint64_t key;
    for (int64_t i = 0; i < n; i++)
        if (elem_key(&h->w->buffer[(uint64_t)i * h->work->elem_size / 8], h->work->elem_size, &key))
            books_see(h->books, key);
        else
            work_fault(h->books, "an element that nobody pushed was popped, or a torn one");
}

/* ---- the operations -------------------------------------------------------------------------------------------------------------------- */

static void do_push(struct hand *h, uint32_t n)
{
    uint64_t elem[BATCH * ELEM_WORDS_MOST];
    const uint64_t key = books_key(h->books, h->me, n);
    if (key == NO_KEY)
        return;
    for (uint32_t i = 0; i < n; i++) {
        elem_make(&elem[i * h->work->elem_size / 8], h->work->elem_size, key + i);
        atomic_store(&h->books->key[key + i], KEY_SAID);
    }
    begin(h, PUSHING, key, n);
    const int64_t got = n == 1 ? lfvec_push(h->v, elem, NULL) : lfvec_push_n(h->v, elem, n, NULL);
    expect(h, "push", got, false);
    if (got == (n == 1 ? 0 : (int64_t)n))
        for (uint32_t i = 0; i < n; i++)
            atomic_fetch_or(&h->books->key[key + i], KEY_PUSHED);
    else if (got >= 0)
        work_fault(h->books, "push_n of %u pushed %lld", n, (long long)got);
    end(h);
}

static void do_pop(struct hand *h, uint32_t n)
{
    static const struct timespec moment = {.tv_nsec = 1000};
    memset(h->w->buffer, 0, sizeof h->w->buffer); /* no element: keys begin at 1 there */
    begin(h, POPPING, 0, n);
    int64_t got;
    if (n > 1)
        got = lfvec_pop_n(h->v, h->w->buffer, n);
    else if (storm_draw(&h->random, 8))
        got = lfvec_pop(h->v, h->w->buffer);
    else
        got = lfvec_pop_wait(h->v, h->w->buffer, &moment);
    expect(h, "pop", got, got == -EAGAIN || got == -ETIMEDOUT);
    see(h, got < 0 ? 0 : n == 1 ? 1 : got);
    end(h);
}

/* Until the acknowledgement the element is the vector's. One in four is given back. */
static void do_lease(struct hand *h)
{
    uint64_t key;
    begin(h, LEASING, 0, 1);
    const int got = lfvec_pop_lease(h->v, h->w->buffer);
    expect(h, "pop_lease", got, got == -EAGAIN);
    if (got == 0 && !elem_key(h->w->buffer, h->work->elem_size, &key))
        work_fault(h->books, "an element that nobody pushed was leased, or a torn one");
    if (got == 0 && storm_draw(&h->random, 4) == 0) {
        expect(h, "release", lfvec_release(h->v), false);
    } else if (got == 0) {
        begin(h, ACKING, key, 1);
        expect(h, "ack", lfvec_ack(h->v), false);
        books_see(h->books, key);
    }
    end(h);
}

/* The bits above the key are anybody's. */
static void do_change(struct hand *h)
{
    const uint64_t size = lfvec_size(h->v), index = size ? storm_draw(&h->random, size) : 0;
    uint64_t x;
    int got = lfvec_get_u64(h->v, index, &x);
    if (got == 0)
        got = lfvec_cas_u64(h->v, index, &x, x + (UINT64_C(1) << 40));
    else
        got = lfvec_fetch_add_u64(h->v, index, UINT64_C(1) << 40, NULL);
    expect(h, "cas or fetch_add", got, got == -ERANGE || got == -ECANCELED);
}

static void do_read(struct hand *h)
{
    uint64_t elem[BATCH * ELEM_WORDS_MOST], key;
    const uint64_t size = lfvec_size(h->v), index = size ? storm_draw(&h->random, size) : 0;
    const bool all = storm_draw(&h->random, 4) == 0;
    const int64_t got = all ? lfvec_snapshot(h->v, index, elem, BATCH, NULL) : lfvec_get(h->v, index, elem);
    expect(h, "get or snapshot", got, got == -ERANGE || got == -EAGAIN);
    for (uint32_t i = 0; got == 0 && i < (all ? BATCH : 1); i++)
        if (!elem_key(&elem[i * h->work->elem_size / 8], h->work->elem_size, &key))
            work_fault(h->books, "an element that nobody pushed was read, or a torn one");
}

static void do_rare(struct hand *h)
{
    struct lfvec_stat stat;
    struct lfvec_audit audit;
    switch (storm_draw(&h->random, 6)) {
    case 0:
        expect(h, "trim", lfvec_trim(h->v), false);
        break;
    case 1:
        expect(h, "reserve", lfvec_reserve(h->v, lfvec_size(h->v) + 500), false);
        break;
    case 2:
        expect(h, "recover", lfvec_recover(h->v, NULL), false);
        break;
    case 3:
        expect(h, "stat", lfvec_stat(h->v, &stat), false);
        break;
    case 4:
        if (lfvec_check(h->v, &audit) != 0)
            work_fault(h->books, "the audit: %s", audit.message);
        break;
    default:
        (void)lfvec_capacity(h->v);
    }
}

/* The size wanders: for some thousand operations it grows, for some thousand it shrinks. */
static void do_one(struct hand *h)
{
    const uint64_t kind = storm_draw(&h->random, 1000), size = lfvec_size(h->v);
    const uint64_t target = atomic_load(&h->w->progress) & 4096 ? 3000 : 30;
    const bool grow = size < target ? storm_draw(&h->random, 4) != 0 : storm_draw(&h->random, 4) == 0;
    if (kind < 500)
        grow ? do_push(h, 1) : do_pop(h, 1);
    else if (kind < 600)
        grow ? do_push(h, 2 + (uint32_t)storm_draw(&h->random, BATCH - 1)) : do_pop(h, 2 + (uint32_t)storm_draw(&h->random, BATCH - 1));
    else if (kind < 700)
        do_lease(h);
    else {
        begin(h, OTHER, 0, 0);
        if (kind < 850 && h->work->elem_size == 8)
            do_change(h);
        else if (kind < 998)
            do_read(h);
        else
            do_rare(h);
        end(h);
    }
    atomic_fetch_add(&h->w->progress, 1);
    atomic_fetch_add_explicit(&h->books->operations, 1, memory_order_relaxed);
}

/* ---- a worker's life ------------------------------------------------------------------------------------------------------------------- */

static void labour(const struct work *work, lfvec_t *v, uint32_t me)
{
    struct hand h = {.work = work, .books = work->books, .w = &work->books->worker[me], .me = me, .v = v};
    h.random = work->random + me * UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t turns = work->flags & WORK_EXEC ? storm_draw(&h.random, 3000) : UINT64_MAX;
    for (uint64_t turn = 0; turn < turns && !atomic_load_explicit(&work->books->stop, memory_order_relaxed); turn++)
        do_one(&h);
}

static lfvec_t *attachment(const struct work *w)
{
    lfvec_t *v = w->v && !(w->flags & WORK_OPEN) ? w->v : lfvec_open(w->name, 0, NULL);
    if (!v)
        work_fault(w->books, "open: %s", lfvec_last_error());
    return v;
}

struct thread_arg {
    const struct work *work;
    lfvec_t *v;
    uint32_t me;
};

static void *thread_main(void *arg)
{
    const struct thread_arg *a = arg;
    labour(a->work, a->v, a->me);
    return NULL;
}

static void with_threads(const struct work *w, lfvec_t *v)
{
    pthread_t thread[THREADS];
    struct thread_arg arg[THREADS];
    for (uint32_t i = 1; i < THREADS; i++) {
        arg[i] = (struct thread_arg){w, v, w->first + i};
        if (pthread_create(&thread[i], NULL, thread_main, &arg[i]) != 0)
            work_fault(w->books, "no thread");
    }
    labour(w, v, w->first);
    for (uint32_t i = 1; i < THREADS; i++)
        pthread_join(thread[i], NULL);
}

/* The child goes on with what it inherited, in the middle of its parent's work. */
static void with_child(const struct work *w, lfvec_t *v)
{
    struct work warm = *w;
    warm.flags |= WORK_EXEC; /* some operations, and back */
    labour(&warm, v, w->first);
    const pid_t child = fork();
    if (child == 0) {
        labour(w, v, w->first + 1);
        lfvec_detach(v);
        _exit(0);
    }
    labour(w, v, w->first);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status)
        work_fault(w->books, "a forked child ended with status 0x%x", (unsigned int)status);
}

/* Becomes another program in the middle of its work, without leaving: its slot has to be found dead though its pid lives on. */
static _Noreturn void become_another(const struct work *w)
{
    char first[16], size[16], random[32], fd[16];
    snprintf(fd, sizeof fd, "%d", w->books_fd);
    snprintf(first, sizeof first, "%u", w->first);
    snprintf(size, sizeof size, "%u", w->elem_size);
    snprintf(random, sizeof random, "%llu", (unsigned long long)w->random + 1);
    execl("/proc/self/exe", "storm", "--worker", w->name, fd, first, size, random, (char *)NULL);
    _exit(98);
}

_Noreturn void work_run(const struct work *w)
{
    uint64_t random = w->random;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (w->flags & WORK_TIMER)
        work_kill_self_after(storm_draw(&random, 20000000));
    lfvec_t *v = attachment(w);
    if (!v)
        _exit(97);
    if (w->flags & WORK_THREADS)
        with_threads(w, v);
    else if (w->flags & WORK_FORK)
        with_child(w, v);
    else
        labour(w, v, w->first);
    if ((w->flags & WORK_EXEC) && !atomic_load(&w->books->stop))
        become_another(w);
    lfvec_detach(v);
    _exit(0);
}

_Noreturn void work_after_exec(int argc, char **argv)
{
    if (argc != 7)
        _exit(96);
    const int fd = atoi(argv[3]);
    const struct work w = {.name = argv[2],
                           .books = books_map(fd),
                           .books_fd = fd,
                           .first = (uint32_t)atoi(argv[4]),
                           .elem_size = (uint32_t)atoi(argv[5]),
                           .random = strtoull(argv[6], NULL, 10),
                           .flags = WORK_OPEN};
    work_run(&w);
}
