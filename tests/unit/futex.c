/* futex.c - see futex.h. It stands before the C library's syscall(2), by which the library makes these calls and some others. */
#include "futex.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

struct sleeper {
    int woken;
    struct sleeper *next;
};

static _Atomic uint32_t wakes;
static _Atomic int emulated;
static futex_hook *between;
static _Atomic int in_hook;                              /* whatever the hook does is not interrupted again */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the kernel's, of the queue */
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static struct sleeper *queue, **last = &queue;
static uint32_t asleep;
static int held, forked;
static struct futex_sleeps *record;

uint32_t futex_wakes(void)
{
    return atomic_load(&wakes);
}

void futex_emulate(futex_hook *hook)
{
    between = hook;
    atomic_store(&emulated, 1);
}

void futex_forked(void)
{
    forked = 1;
}

uint32_t futex_asleep(void)
{
    pthread_mutex_lock(&lock);
    const uint32_t n = asleep;
    pthread_mutex_unlock(&lock);
    return n;
}

void futex_hold(int yes)
{
    pthread_mutex_lock(&lock);
    held = yes;
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&lock);
}

void futex_record(struct futex_sleeps *sleeps)
{
    record = sleeps;
}

static long wait_emulated(const _Atomic uint32_t *word, uint32_t value)
{
    struct sleeper me = {0};
    pthread_mutex_lock(&lock);
    if (atomic_load(word) != value) {
        pthread_mutex_unlock(&lock);
        errno = EAGAIN;
        return -1;
    }
    *last = &me;
    last = &me.next;
    asleep++;
    while (!me.woken || held)
        pthread_cond_wait(&woken, &lock);
    pthread_mutex_unlock(&lock);
    return 0;
}

static long wake_emulated(uint32_t most)
{
    long n = 0;
    if (forked)
        return asleep < most ? asleep : most;
    pthread_mutex_lock(&lock);
    for (; queue && n < (long)most; n++) {
        queue->woken = 1;
        queue = queue->next;
        asleep--;
    }
    if (!queue)
        last = &queue;
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&lock);
    return n;
}

static void hook(int after)
{
    if (!between || atomic_load(&in_hook))
        return;
    atomic_store(&in_hook, 1);
    between(after);
    atomic_store(&in_hook, 0);
}

static long futex_call(const long *a)
{
    const int op = (int)a[1];
    if (op == FUTEX_WAIT)
        return wait_emulated((const _Atomic uint32_t *)a[0], (uint32_t)a[2]);
    hook(0);
    const long n = wake_emulated((uint32_t)a[2]);
    hook(1);
    return n;
}

static long wait_recorded(long (*real)(long, ...), const long *a)
{
    atomic_fetch_add(&record->begun, 1);
    const long n = real(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
    atomic_store(&record->timed_out, n != 0 && errno == ETIMEDOUT);
    return n;
}

/* All six, as the C library's does, whatever the caller gave. */
__attribute__((no_sanitize_address)) long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[6];
    va_list ap;
    va_start(ap, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    const int op = (int)a[1];
    if (number == SYS_futex && op == FUTEX_WAKE)
        atomic_fetch_add(&wakes, 1);
    if (number == SYS_futex && (op == FUTEX_WAKE || op == FUTEX_WAIT) && atomic_load(&emulated))
        return futex_call(a);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_futex && op == FUTEX_WAIT && record)
        return wait_recorded(real, a);
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
