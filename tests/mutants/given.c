/* given.c - one place for each operator of mutate.py: mutants.sh holds what is found here against given.txt. It is compiled, and not linked. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#define TWICE(n) ((n) + 2)

enum { ROOM = 8 };

struct given {
    _Atomic int word;
    int kept, told;
};

int asked(struct given *g);
void forget(struct given *g);

static bool fits(int n)
{
    if (n < 0)
        return false;
    return n <= ROOM;
}

int given(struct given *g, int n)
{
    if (!fits(n) || g->kept == n) /* this goes */
        return -EINVAL;
    g->kept = n;
    g->told = TWICE(n);
    atomic_store_explicit(&g->word, n, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    const int err = asked(g);
    if (err)
        return err;
    for (int i = 0; i < n; i++)
        forget(g);
    return 0;
}
