/*
 * bench_hop.c - owns the probe: how long one cache line takes, just now, from one core to another. Virtual machines are moved between near
 * and far cores while they run, and contended figures follow; so the probe stands beside every round.
 */
#include "bench.h"
#include <pthread.h>
#include <stdatomic.h>

enum { BATCHES = 5, EXCHANGES = 1000 };

struct ball {
    _Alignas(128) _Atomic uint64_t turn; /* even: ours, odd: the other thread's */
};

static void wait_turn(struct ball *ball, uint64_t turn)
{
    while (atomic_load_explicit(&ball->turn, memory_order_acquire) != turn) /* SYNC: bench-ball (acquire) */
        ;
}

static void *hit_back(void *arg)
{
    struct ball *ball = arg;
    bench_pin(1);
    for (uint64_t i = 0; i < BATCHES * EXCHANGES; i++) {
        wait_turn(ball, 2 * i + 1);
        atomic_store_explicit(&ball->turn, 2 * i + 2, memory_order_release); /* SYNC: bench-ball (release) */
    }
    return NULL;
}

/* The best of some batches: what others do on these CPUs only adds. */
static double serve(struct ball *ball)
{
    double best = 0;
    uint64_t turn = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = bench_ns();
        for (int i = 0; i < EXCHANGES; i++, turn += 2) {
            atomic_store_explicit(&ball->turn, turn + 1, memory_order_release); /* SYNC: bench-ball (release) */
            wait_turn(ball, turn + 2);
        }
        double hop = (double)(bench_ns() - start) / (2.0 * EXCHANGES);
        if (batch == 0 || hop < best)
            best = hop;
    }
    return best;
}

static void *play(void *arg)
{
    struct ball ball = {0};
    pthread_t other;
    bench_pin(0);
    if (pthread_create(&other, NULL, hit_back, &ball) != 0)
        return NULL;
    *(double *)arg = serve(&ball);
    pthread_join(other, NULL);
    return NULL;
}

/* In threads of its own, so that the caller is not pinned. */
double bench_hop(void)
{
    double hop = 0;
    pthread_t thread;
    if (bench_cpu_count() < 2 || pthread_create(&thread, NULL, play, &hop) != 0)
        return 0;
    pthread_join(thread, NULL);
    return hop;
}
