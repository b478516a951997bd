/*
 * bench_ckstack.c - the peer `ckstack`: ck_stack of Concurrency Kit, many producers, many consumers. It is intrusive: its user brings the
 * nodes, and here each worker has a list of its own, which costs no locked instruction. It links nodes by plain pointers; so processes can
 * share it only as here, in memory inherited by fork(), at one address. Nodes are never given back to the system, which makes the pop safe.
 */
#include "bench.h"
#include <ck_stack.h>
#include <errno.h>
#include <string.h>

struct ckstack_node {
    ck_stack_entry_t entry;
    uint64_t word[];
};

/* One worker's nodes: those that came back, and those never used. */
struct ckstack_door {
    _Alignas(128) ck_stack_t *stack;
    struct ckstack_node *free; /* linked by entry.next */
    char *nodes, *next, *end;
    size_t node_bytes;
};

struct ckstack_room {
    _Alignas(128) ck_stack_t stack;
    struct ckstack_door door[WORKERS_MOST];
    _Alignas(128) char nodes[];
};

CK_STACK_CONTAINER(struct ckstack_node, entry, ckstack_node_of)

static inline struct ckstack_node *ckstack_take(struct ckstack_door *door)
{
    struct ckstack_node *node = door->free;
    if (node) {
        door->free = (struct ckstack_node *)node->entry.next;
        return node;
    }
    if (door->next == door->end)
        return NULL;
    node = (struct ckstack_node *)door->next;
    door->next += door->node_bytes;
    return node;
}

static inline bool ckstack_push_record(struct ckstack_door *door, const uint64_t *record, size_t bytes)
{
    struct ckstack_node *node = ckstack_take(door);
    if (!node)
        return false;
    memcpy(node->word, record, bytes);
    ck_stack_push_mpmc(door->stack, &node->entry);
    return true;
}

static inline bool ckstack_pop_record(struct ckstack_door *door, uint64_t *record, size_t bytes)
{
    ck_stack_entry_t *entry = ck_stack_pop_mpmc(door->stack);
    if (!entry)
        return false;
    struct ckstack_node *node = ckstack_node_of(entry);
    memcpy(record, node->word, bytes);
    node->entry.next = (ck_stack_entry_t *)door->free;
    door->free = node;
    return true;
}

static inline bool ckstack_push(struct ckstack_door *door, uint64_t x)
{
    return ckstack_push_record(door, &x, sizeof x);
}

static inline bool ckstack_pop(struct ckstack_door *door, uint64_t *x)
{
    return ckstack_pop_record(door, x, sizeof *x);
}

static int ckstack_clear(struct bench_round *round)
{
    struct ckstack_room *room = round->handle;
    ck_stack_init(&room->stack);
    for (unsigned i = 0; i < round->what->workers; i++) {
        room->door[i].free = NULL;
        room->door[i].next = room->door[i].nodes;
    }
    return 0;
}

static int ckstack_open(struct bench_round *round)
{
    const unsigned workers = round->what->workers;
    const size_t node_bytes = sizeof(struct ckstack_node) + round->elem_bytes;
    const size_t share = ((round->room / workers + 2) * node_bytes + 4095) & ~(size_t)4095;
    struct ckstack_room *room = bench_map(round, sizeof *room + workers * share);
    if (!room)
        return -ENOMEM;
    for (unsigned i = 0; i < workers; i++) {
        char *nodes = room->nodes + i * share;
        room->door[i] = (struct ckstack_door){
            .stack = &room->stack, .nodes = nodes, .end = nodes + share / node_bytes * node_bytes, .node_bytes = node_bytes};
    }
    return ckstack_clear(round);
}

static int ckstack_enter(struct bench_worker *worker)
{
    struct ckstack_room *room = worker->round->handle;
    worker->handle = &room->door[worker->index];
    return 0;
}

static int ckstack_total(struct bench_round *round, struct bench_total *total)
{
    struct ckstack_room *room = round->handle;
    ck_stack_entry_t *entry;
    CK_STACK_FOREACH(&room->stack, entry)
    {
        total->count++;
        total->sum += ckstack_node_of(entry)->word[0];
    }
    return 0;
}

#define BENCH_PEER ckstack
#define BENCH_STATE struct ckstack_door
#define BENCH_NO_READ
#define BENCH_RECORDS
#include "bench_loops.h"

extern const struct bench_peer ckstack_peer;
const struct bench_peer ckstack_peer = {
    .name = "ckstack",
    .what = "ck_stack of Concurrency Kit, nodes kept by each worker",
    .processes = true,
    .threads = true,
    .open = ckstack_open,
    .close = bench_unmap,
    .enter = ckstack_enter,
    .clear = ckstack_clear,
    .total = ckstack_total,
    .push = ckstack_push_loop,
    .pop = ckstack_pop_loop,
    .mixed = ckstack_mixed_loop,
    .push64 = ckstack_push64_loop,
    .mixed64 = ckstack_mixed64_loop,
    .push1024 = ckstack_push1024_loop,
    .mixed1024 = ckstack_mixed1024_loop,
    .lacks = "a stack has no indexes, and this one no batches",
};
