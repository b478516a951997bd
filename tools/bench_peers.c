/*
 * bench_peers.c - owns the table of peers. A peer is added by a file bench_NAME.c or .cpp that exports NAME_peer, and a line here; one that
 * needs what not every machine has is listed as well, with what it needs, and comes to life where configure defines BENCH_WITH_NAME.
 */
#include "bench.h"

/* Those that are not built are declared and never referred to. */
extern const struct bench_peer lfvec_peer, robust_peer, mutex_peer, spin_peer, faa_peer, cas16_peer, store_peer;
extern const struct bench_peer bip_peer, blstack_peer, tbb_peer, ckstack_peer, mqueue_peer, redis_peer;

/* clang-format off */
#define BUILT(peer) {#peer, &peer##_peer, NULL}
#define ABSENT(peer, needs) {#peer, NULL, needs}
/* clang-format on */

static const struct bench_known known[] = {
    BUILT(lfvec),   BUILT(robust), BUILT(mutex), BUILT(spin),
#ifdef BENCH_WITH_BIP
    BUILT(bip),
#else
    ABSENT(bip, "boost::interprocess::vector needs the headers of Boost.Interprocess"),
#endif
#ifdef BENCH_WITH_BLSTACK
    BUILT(blstack),
#else
    ABSENT(blstack, "boost::lockfree::stack needs the headers of Boost.Lockfree"),
#endif
#ifdef BENCH_WITH_TBB
    BUILT(tbb),
#else
    ABSENT(tbb, "tbb::concurrent_vector needs oneTBB"),
#endif
#ifdef BENCH_WITH_CKSTACK
    BUILT(ckstack),
#else
    ABSENT(ckstack, "ck_stack needs Concurrency Kit"),
#endif
#ifdef BENCH_WITH_MQUEUE
    BUILT(mqueue),
#else
    ABSENT(mqueue, "POSIX message queues are not built in"),
#endif
#ifdef BENCH_WITH_REDIS
    BUILT(redis),
#else
    ABSENT(redis, "a Redis list needs hiredis and a server"),
#endif
    BUILT(faa),     BUILT(cas16),  BUILT(store),
};

const struct bench_known *bench_peers(size_t *count)
{
    *count = sizeof known / sizeof *known;
    return known;
}
