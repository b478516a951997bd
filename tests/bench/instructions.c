/*
 * instructions.c - OPERATION COUNT: does it that often, alone, on 1,000 elements (push: from an empty vector on; pop: until it is empty;
 * refused: pushes on a vector of 250 slabs that is full by bytes).
 * tests/bench/instructions.sh counts the instructions of two counts: the difference is what the operations cost.
 */
#include <errno.h>
#include <lfvec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STANDING = 1000 };

static int push(lfvec_t *v, uint64_t count)
{
    int bad = 0;
    for (uint64_t i = 0; i < count; i++)
        bad |= lfvec_push_u64(v, i);
    return bad;
}

static int pop(lfvec_t *v, uint64_t count)
{
    int bad = 0;
    uint64_t x;
    for (uint64_t i = 0; i < count; i++)
        bad |= lfvec_pop_u64(v, &x);
    return bad;
}

static int get(lfvec_t *v, uint64_t count)
{
    int bad = 0;
    uint64_t x;
    for (uint64_t i = 0; i < count; i++)
        bad |= lfvec_get_u64(v, i % STANDING, &x);
    return bad;
}

static int set(lfvec_t *v, uint64_t count)
{
    int bad = 0;
    for (uint64_t i = 0; i < count; i++)
        bad |= lfvec_set_u64(v, i % STANDING, i);
    return bad;
}

static int mixed(lfvec_t *v, uint64_t count)
{
    int bad = 0;
    uint64_t x;
    for (uint64_t i = 0; i < count; i += 2) {
        bad |= lfvec_push_u64(v, i);
        bad |= lfvec_pop_u64(v, &x);
    }
    return bad;
}

/* Of pushes that find no memory: the vector is full by bytes. */
static int refused(lfvec_t *v, uint64_t count)
{
    int bad = 0;
    while (lfvec_push_u64(v, 1) == 0)
        ;
    for (uint64_t i = 0; i < count; i++)
        bad |= lfvec_push_u64(v, i) != -EOVERFLOW;
    return bad;
}

static const struct {
    const char *name;
    int (*run)(lfvec_t *v, uint64_t count);
} operations[] = {{"push", push}, {"pop", pop}, {"get", get}, {"set", set}, {"mixed", mixed}, {"refused", refused}};

/* Of pop, the pushes before it are counted as well: `push` says how many they are. */
static int run(lfvec_t *v, const char *name, uint64_t count)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, name) != 0)
            continue;
        const int is_push = operations[i].run == push, is_pop = operations[i].run == pop;
        const int bad = is_push ? 0 : push(v, is_pop ? count : STANDING);
        return bad | operations[i].run(v, count);
    }
    return -EINVAL;
}

int main(int argc, char **argv)
{
    char name[64];
    snprintf(name, sizeof name, "/lfvec-instructions-%d", (int)getpid());
#ifndef __OPTIMIZE__
    puts("not optimized");
#endif
#ifndef __x86_64__
    puts("not x86-64");
#endif
    if (argc != 3)
        return 2;
    struct lfvec_attr a;
    lfvec_attr_init(&a);
    a.slab_bytes = 65536;
    a.max_bytes = 16 << 20;
    lfvec_t *v = lfvec_open(name, LFVEC_CREATE | LFVEC_EXCL, strcmp(argv[1], "refused") == 0 ? &a : NULL);
    if (!v || lfvec_unlink(name) != 0) {
        fprintf(stderr, "%s\n", lfvec_last_error());
        return 1;
    }
    const int bad = run(v, argv[1], strtoull(argv[2], NULL, 10));
    return lfvec_detach(v) || bad;
}
