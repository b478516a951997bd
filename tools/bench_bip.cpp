/*
 * bench_bip.cpp - the peer `bip`: boost::interprocess::vector in a managed_shared_memory, under an interprocess_mutex beside it, as Boost's
 * own documentation has it; its capacity is reserved. A holder of the mutex that dies hangs everybody.
 */
#include "bench.h"
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/vector.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <unistd.h>

namespace bip = boost::interprocess;

template <size_t Bytes> struct bip_record {
    uint64_t word[Bytes / 8];
};

template <typename T> struct bip_vector {
    using allocator = bip::allocator<T, bip::managed_shared_memory::segment_manager>;
    bip::interprocess_mutex mutex;
    bip::vector<T, allocator> elems;
    explicit bip_vector(const allocator &a) : elems(a)
    {
    }
};

using bip_words = bip_vector<uint64_t>;
using bip_lock = bip::scoped_lock<bip::interprocess_mutex>;

static bip::managed_shared_memory *bip_memory; // there is one round at a time

static inline uint64_t bip_value(uint64_t x)
{
    return x;
}

template <size_t Bytes> static inline uint64_t bip_value(const bip_record<Bytes> &record)
{
    return record.word[0];
}

template <typename T> static inline bool bip_push_any(bip_vector<T> *v, const T &x)
{
    bip_lock lock(v->mutex);
    v->elems.push_back(x);
    return true;
}

template <typename T> static inline bool bip_pop_any(bip_vector<T> *v, T *x)
{
    bip_lock lock(v->mutex);
    if (v->elems.empty())
        return false;
    *x = v->elems.back();
    v->elems.pop_back();
    return true;
}

static inline bool bip_push(bip_words *v, uint64_t x)
{
    return bip_push_any(v, x);
}

static inline bool bip_pop(bip_words *v, uint64_t *x)
{
    return bip_pop_any(v, x);
}

static inline bool bip_get(bip_words *v, uint64_t index, uint64_t *x)
{
    bip_lock lock(v->mutex);
    if (index >= v->elems.size())
        return false;
    *x = v->elems[index];
    return true;
}

/* `bytes` is known where this is inlined. */
static inline bool bip_push_record(bip_words *v, const uint64_t *record, size_t bytes)
{
    if (bytes == 64)
        return bip_push_any(reinterpret_cast<bip_vector<bip_record<64>> *>(v), *reinterpret_cast<const bip_record<64> *>(record));
    return bip_push_any(reinterpret_cast<bip_vector<bip_record<1024>> *>(v), *reinterpret_cast<const bip_record<1024> *>(record));
}

static inline bool bip_pop_record(bip_words *v, uint64_t *record, size_t bytes)
{
    if (bytes == 64)
        return bip_pop_any(reinterpret_cast<bip_vector<bip_record<64>> *>(v), reinterpret_cast<bip_record<64> *>(record));
    return bip_pop_any(reinterpret_cast<bip_vector<bip_record<1024>> *>(v), reinterpret_cast<bip_record<1024> *>(record));
}

static inline bool bip_push_n(bip_words *v, const uint64_t *elem, uint64_t n)
{
    bip_lock lock(v->mutex);
    v->elems.insert(v->elems.end(), elem, elem + n);
    return true;
}

/* The last one first, as lfvec_pop_n(). */
static inline bool bip_pop_n(bip_words *v, uint64_t *elem, uint64_t n)
{
    bip_lock lock(v->mutex);
    if (v->elems.size() < n)
        return false;
    std::reverse_copy(v->elems.end() - static_cast<ptrdiff_t>(n), v->elems.end(), elem);
    v->elems.erase(v->elems.end() - static_cast<ptrdiff_t>(n), v->elems.end());
    return true;
}

static inline bool bip_snapshot(bip_words *v, uint64_t first, uint64_t *elem, uint64_t n)
{
    bip_lock lock(v->mutex);
    if (first + n > v->elems.size())
        return false;
    std::memcpy(elem, &v->elems[first], n * sizeof *elem);
    return true;
}

static inline bool bip_get_n(bip_words *v, uint64_t first, uint64_t *elem, uint64_t n)
{
    return bip_snapshot(v, first, elem, n);
}

template <typename T> static void bip_make(struct bench_round *round)
{
    using vector = bip_vector<T>;
    vector *v = bip_memory->construct<vector>(bip::unique_instance)(typename vector::allocator(bip_memory->get_segment_manager()));
    v->elems.reserve(round->room);
    round->handle = v;
}

/* The name goes at once: workers inherit the mapping. */
static int bip_open(struct bench_round *round)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%d-bip", PROGRAM, static_cast<int>(getpid()));
    try {
        bip_memory = new bip::managed_shared_memory(bip::create_only, name, round->room * round->elem_bytes + (1 << 20));
        bip::shared_memory_object::remove(name);
        if (round->elem_bytes == 8)
            bip_make<uint64_t>(round);
        else if (round->elem_bytes == 64)
            bip_make<bip_record<64>>(round);
        else
            bip_make<bip_record<1024>>(round);
    } catch (const std::exception &e) {
        bench_complain("bip: %s", e.what());
        bip::shared_memory_object::remove(name);
        delete bip_memory;
        bip_memory = nullptr;
        return -ENOMEM;
    }
    return 0;
}

static void bip_close(struct bench_round *)
{
    delete bip_memory;
    bip_memory = nullptr;
}

static int bip_clear(struct bench_round *round)
{
    bip_words *v = static_cast<bip_words *>(round->handle);
    bip_lock lock(v->mutex);
    v->elems.clear();
    return 0;
}

template <typename T> static void bip_count(void *handle, struct bench_total *total)
{
    bip_vector<T> *v = static_cast<bip_vector<T> *>(handle);
    total->count = v->elems.size();
    for (const T &x : v->elems)
        total->sum += bip_value(x);
}

static int bip_total(struct bench_round *round, struct bench_total *total)
{
    if (round->elem_bytes == 8)
        bip_count<uint64_t>(round->handle, total);
    else if (round->elem_bytes == 64)
        bip_count<bip_record<64>>(round->handle, total);
    else
        bip_count<bip_record<1024>>(round->handle, total);
    return 0;
}

#define BENCH_PEER bip
#define BENCH_STATE bip_words
#define BENCH_RECORDS
#define BENCH_BATCHES
#include "bench_loops.h"

extern "C" const struct bench_peer bip_peer;
const struct bench_peer bip_peer = {
    .name = "bip",
    .what = "boost::interprocess::vector under an interprocess_mutex",
    .processes = true,
    .threads = true,
    .no_values = false,
    .open = bip_open,
    .close = bip_close,
    .enter = nullptr,
    .leave = nullptr,
    .clear = bip_clear,
    .total = bip_total,
    .fit = nullptr,
    .push = bip_push_loop,
    .pop = bip_pop_loop,
    .mixed = bip_mixed_loop,
    .read = bip_read_loop,
    .push64 = bip_push64_loop,
    .mixed64 = bip_mixed64_loop,
    .push1024 = bip_push1024_loop,
    .mixed1024 = bip_mixed1024_loop,
    .push_n = bip_push_n_loop,
    .pop_n = bip_pop_n_loop,
    .get_n = bip_get_n_loop,
    .snapshot = bip_snapshot_loop,
    .lacks = nullptr,
};
