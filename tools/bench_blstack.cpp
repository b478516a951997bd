/*
 * bench_blstack.cpp - the peer `blstack`: boost::lockfree::stack, its nodes reserved. It links nodes by plain pointers; so processes can share
 * it only as here, in memory inherited by fork(), at one address, out of which an allocator of ours gives the nodes. (What Boost offers for
 * processes at different addresses, fixed_sized<true>, holds 65,535 elements.)
 */
#include "bench.h"
#include <boost/lockfree/policies.hpp>
#include <boost/lockfree/stack.hpp>
#include <cerrno>
#include <new>

template <size_t Bytes> struct blstack_record {
    uint64_t word[Bytes / 8];
};

/* Where nodes come from, while the stack of this round is made: all of them are reserved, and it keeps them. */
static struct {
    char *next, *end;
} blstack_arena;

/* Without state, since a stack that grows takes no allocator from its maker (Boost 1.74). */
template <typename T> struct blstack_allocator {
    using value_type = T;

    blstack_allocator() = default;
    template <typename U> blstack_allocator(const blstack_allocator<U> &)
    {
    }
    T *allocate(size_t n)
    {
        char *mine = blstack_arena.next;
        if (static_cast<size_t>(blstack_arena.end - mine) < n * sizeof(T))
            throw std::bad_alloc();
        blstack_arena.next = mine + n * sizeof(T);
        return reinterpret_cast<T *>(mine);
    }
    void deallocate(T *, size_t)
    {
    }
};

template <typename T> using blstack = boost::lockfree::stack<T, boost::lockfree::allocator<blstack_allocator<T>>>;
using blstack_words = blstack<uint64_t>;

static inline bool blstack_push(blstack_words *s, uint64_t x)
{
    return s->bounded_push(x);
}

static inline bool blstack_pop(blstack_words *s, uint64_t *x)
{
    return s->pop(*x);
}

/* `bytes` is known where this is inlined. */
static inline bool blstack_push_record(blstack_words *s, const uint64_t *record, size_t bytes)
{
    if (bytes == 64)
        return reinterpret_cast<blstack<blstack_record<64>> *>(s)->bounded_push(*reinterpret_cast<const blstack_record<64> *>(record));
    return reinterpret_cast<blstack<blstack_record<1024>> *>(s)->bounded_push(*reinterpret_cast<const blstack_record<1024> *>(record));
}

static inline bool blstack_pop_record(blstack_words *s, uint64_t *record, size_t bytes)
{
    if (bytes == 64)
        return reinterpret_cast<blstack<blstack_record<64>> *>(s)->pop(*reinterpret_cast<blstack_record<64> *>(record));
    return reinterpret_cast<blstack<blstack_record<1024>> *>(s)->pop(*reinterpret_cast<blstack_record<1024> *>(record));
}

/* All of them by one compare-and-swap. */
static inline bool blstack_push_n(blstack_words *s, const uint64_t *elem, uint64_t n)
{
    return s->bounded_push(elem, elem + n) == elem + n;
}

template <typename T> static int blstack_make(struct bench_round *round)
{
    const size_t node = sizeof(T) + 64, before = (sizeof(blstack<T>) + 127) & ~static_cast<size_t>(127); // more than a node needs
    const size_t bytes = before + (round->room + 1) * node;
    char *memory = static_cast<char *>(bench_map(round, bytes));
    if (!memory)
        return -ENOMEM;
    blstack_arena = {memory + before, memory + bytes};
    round->handle = new (memory) blstack<T>(round->room);
    return 0;
}

static int blstack_open(struct bench_round *round)
{
    try {
        return round->elem_bytes == 8    ? blstack_make<uint64_t>(round)
               : round->elem_bytes == 64 ? blstack_make<blstack_record<64>>(round)
                                         : blstack_make<blstack_record<1024>>(round);
    } catch (const std::bad_alloc &) {
        bench_unmap(round);
        return -ENOMEM;
    }
}

/* Takes out what is there, to count it. */
static int blstack_total(struct bench_round *round, struct bench_total *total)
{
    blstack_words *s = static_cast<blstack_words *>(round->handle);
    uint64_t record[RECORD_MOST / 8];
    for (; round->elem_bytes == 8 ? blstack_pop(s, record) : blstack_pop_record(s, record, round->elem_bytes); total->count++)
        total->sum += record[0];
    return 0;
}

static int blstack_clear(struct bench_round *round)
{
    struct bench_total ignored = {0, 0};
    return blstack_total(round, &ignored);
}

#define BENCH_PEER blstack
#define BENCH_STATE blstack_words
#define BENCH_NO_READ
#define BENCH_RECORDS
#define BENCH_PUSH_N
#include "bench_loops.h"

extern "C" const struct bench_peer blstack_peer;
const struct bench_peer blstack_peer = {
    .name = "blstack",
    .what = "boost::lockfree::stack, nodes reserved",
    .processes = true,
    .threads = true,
    .no_values = false,
    .open = blstack_open,
    .close = bench_unmap,
    .enter = nullptr,
    .leave = nullptr,
    .clear = blstack_clear,
    .total = blstack_total,
    .fit = nullptr,
    .push = blstack_push_loop,
    .pop = blstack_pop_loop,
    .mixed = blstack_mixed_loop,
    .read = nullptr,
    .push64 = blstack_push64_loop,
    .mixed64 = blstack_mixed64_loop,
    .push1024 = blstack_push1024_loop,
    .mixed1024 = blstack_mixed1024_loop,
    .push_n = blstack_push_n_loop,
    .pop_n = nullptr,
    .get_n = nullptr,
    .snapshot = nullptr,
    .lacks = "a stack has no indexes, and this one pops no batches",
};
