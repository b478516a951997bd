/*
 * scene.c - the scenes, see numa.h. All of them wait for their actors after each order, so nothing here depends on time; the one that is
 * killed at work dies anywhere, and what is claimed holds wherever that is.
 */
#include "numa.h"

#include "slab.h"
#include "slot.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SLABS_MOST = 4096, SLOTS = 8, SOME = 12000, MANY = 40000 };

static bool had[SLABS_MOST]; /* slabs that had an owner at the last mark() */
static struct segment seg;   /* what the test itself sees of the segment */
static uint64_t blocks;      /* its memory before the looking */

/* ---- what is asked for ----------------------------------------------------------------------------------------------------------------- */

/* These nodes as far as they have memory; if none has, any. */
static uint64_t with_memory(uint64_t nodes)
{
    return nodes & machine.memory ? nodes & machine.memory : machine.memory;
}

/* The nodes that a segment may use. */
static uint64_t all_of(const struct plan *p)
{
    return with_memory(p->policy == LFVEC_NUMA_LOCAL || !p->nodes ? UINT64_MAX : p->nodes);
}

/* This one, or if it may not be used, any that may. */
static struct asked on_node(const struct plan *p, int32_t node)
{
    const uint64_t nodes = all_of(p) & UINT64_C(1) << node;
    return (struct asked){.nodes = nodes ? nodes : all_of(p)};
}

static struct asked everywhere(const struct plan *p)
{
    return (struct asked){.nodes = all_of(p), .interleaved = true};
}

/* Slabs that a thread on this node claims. */
static struct asked slabs_asked(const struct plan *p, int32_t node)
{
    if (p->policy == LFVEC_NUMA_LOCAL)
        return on_node(p, node);
    return (struct asked){.nodes = all_of(p), .interleaved = p->policy == LFVEC_NUMA_INTERLEAVE};
}

static const char *policy_text(const struct plan *p, char *text, size_t room)
{
    static const char *const name[] = {"LOCAL", "INTERLEAVE", "BIND"};
    size_t at = (size_t)snprintf(text, room, "%s", name[p->policy]);
    for (uint32_t n = 0, any = 0; n < NODES_MOST; n++)
        if (p->nodes >> n & 1 && at < room)
            at += (size_t)snprintf(text + at, room - at, any++ ? ",%u" : " %u", n);
    return text;
}

/* ---- looking --------------------------------------------------------------------------------------------------------------------------- */

static uint64_t blocks_now(void)
{
    struct stat st;
    return fstat(seg.fd, &st) == 0 ? (uint64_t)st.st_blocks : 0;
}

static bool look_begin(void)
{
    int err = segment_open(&seg, NUMA_NAME, LFVEC_RDONLY, NULL);
    err = err ? err : segment_extend_known(&seg, &seg.slabtab, 0);
    err = err ? err : segment_extend_known(&seg, &seg.dir, 0);
    if (err)
        return claim_that(false, "the segment can be looked at: %s", strerror(-err));
    blocks = blocks_now();
    return true;
}

static void look_end(void)
{
    if (blocks != blocks_now())
        claim_that(false, "what was looked at had no pages before: %llu and %llu blocks", (unsigned long long)blocks,
                   (unsigned long long)blocks_now());
    segment_close(&seg);
}

static uint32_t slot_of(const struct actor *a)
{
    struct slot_look look;
    for (uint32_t i = 1; i <= seg.l.max_slots; i++) {
        slot_look(&seg, i, &look);
        if (look.id.pid == a->pid)
            return i;
    }
    return 0;
}

/* ---- the claims ------------------------------------------------------------------------------------------------------------------------ */

static void claim_head(const struct plan *p)
{
    claim_region(on_node(p, p->here), "header and head");
    claim_range(&seg, 0, seg.l.slots_off);
    claim_judge();
}

/* That pages elsewhere would be noticed: what lies on the home node is asked for on the others, and on all of them. */
static void claim_notice(const struct plan *p)
{
    const uint64_t bytes = 2 * SHM_PAGE;
    const struct asked elsewhere = {.nodes = machine.memory & ~on_node(p, p->here).nodes};
    if (!elsewhere.nodes)
        return;
    claim_that(claim_misplaced(&seg, 0, bytes, elsewhere) == 2, "control: asked for elsewhere, header and head would be misplaced");
    claim_that(claim_misplaced(&seg, 0, bytes, (struct asked){.nodes = machine.memory, .interleaved = true}) == 1,
               "control: asked for on all nodes, one of them would");
}

static void claim_extent(const struct plan *p, const struct extent *e, const char *name)
{
    claim_region(everywhere(p), "%s", name);
    claim_range(&seg, e->off, atomic_load_explicit(&e->ready, memory_order_relaxed) * e->unit);
    claim_judge();
}

/* Every page that holds a part of its slot: nobody else's slot is in it. */
static void claim_slot(const struct plan *p, const struct actor *a)
{
    const uint32_t i = slot_of(a);
    claim_region(on_node(p, a->node), "slot %u, node %d's", i, a->node);
    if (i)
        claim_range(&seg, (uint64_t)((unsigned char *)slot_at(&seg, i) - seg.base), sizeof(struct shm_slot));
    claim_judge();
}

static bool in_state(uint64_t slab, uint32_t state, uint32_t owner)
{
    const uint64_t word = slab_word(&seg, slab);
    return slab_word_state(word) == state && slab_word_owner(word) == owner;
}

/* The slabs in that state and of that owner, of those that had an owner at the last mark(), or had none. */
static void claim_slabs(struct asked asked, uint32_t state, uint32_t owner, bool before, const char *what)
{
    claim_region(asked, "%s", what);
    for (uint64_t slab = 0; slab < slab_high(&seg) && slab < SLABS_MOST; slab++)
        if (had[slab] == before && in_state(slab, state, owner))
            claim_range(&seg, seg.l.slabs_off + slab * seg.l.slab_bytes, seg.l.slab_bytes);
    claim_judge();
}

static void claim_own_slabs(const struct plan *p, const struct actor *a, const char *what)
{
    char region[40];
    snprintf(region, sizeof region, "slabs %s on node %d", what, a->node);
    claim_slabs(slabs_asked(p, a->node), SHM_SLAB_OWNED, slot_of(a), false, region);
}

static void mark(void)
{
    memset(had, 0, sizeof had);
    if (!look_begin())
        return;
    for (uint64_t slab = 0; slab < slab_high(&seg) && slab < SLABS_MOST; slab++)
        had[slab] = slab_word_state(slab_word(&seg, slab)) == SHM_SLAB_OWNED;
    look_end();
}

/* ---- beginning and end ----------------------------------------------------------------------------------------------------------------- */

static void begin(const struct plan *p, const char *what)
{
    char policy[32];
    claim_scene("%s, %s", policy_text(p, policy, sizeof policy), what);
    memset(had, 0, sizeof had);
    (void)lfvec_unlink(NUMA_NAME);
}

/* Small leaves and slabs, so that few elements need many of them. */
static void make(const struct plan *p, struct actor *a, uint32_t slots)
{
    struct lfvec_attr attr;
    lfvec_attr_init(&attr);
    attr.numa = p->policy;
    attr.numa_nodes = p->nodes;
    if (slots) {
        attr.leaf_bytes = 64;
        attr.slab_bytes = 65536;
        attr.max_slots = slots;
    }
    actor_start(a, p->here);
    actor_make(a, &attr);
}

static void join(struct actor *a, int32_t node, uint64_t elems)
{
    actor_start(a, node);
    actor_do(a, OPEN, 0);
    actor_do(a, PUSH, elems);
}

static void end(void)
{
    struct lfvec_audit audit = {.message = "it cannot be opened"};
    lfvec_t *v = lfvec_open(NUMA_NAME, LFVEC_RDONLY, NULL);
    const int err = v ? lfvec_check(v, &audit) : -1;
    claim_that(err == 0, "the audit finds nothing%s%s", err ? ": " : "", err ? audit.message : "");
    if (v)
        lfvec_detach(v);
    (void)lfvec_unlink(NUMA_NAME);
}

/* ---- the scenes ------------------------------------------------------------------------------------------------------------------------ */

/* One actor a node with processors. They take turns, so each goes on where another left off, and copies its leaves. */
static void play_work(const struct plan *p, uint32_t slots)
{
    struct actor maker, a[NODES_MOST];
    uint32_t n = 0;
    make(p, &maker, slots);
    for (int32_t node = 0; node < (int32_t)machine.nodes; node++)
        if (machine.cpus >> node & 1)
            join(&a[n++], node, SOME);
    for (uint32_t turn = 0; turn < 2 * n; turn++) {
        actor_do(&a[turn % n], POP, SOME / 4);
        actor_do(&a[turn % n], PUSH, SOME / 2);
    }
    if (look_begin()) {
        claim_head(p);
        claim_notice(p);
        for (uint32_t i = 0; i < n; i++)
            claim_slot(p, &a[i]);
        claim_extent(p, &seg.dir, "directory");
        claim_extent(p, &seg.slabtab, "slab table");
        for (uint32_t i = 0; i < n; i++)
            claim_own_slabs(p, &a[i], "claimed");
        look_end();
    }
    for (uint32_t i = 0; i < n; i++)
        actor_do(&a[i], LEAVE, 0);
    actor_do(&maker, LEAVE, 0);
    end();
}

void scene_work(const struct plan *p)
{
    char what[32];
    snprintf(what, sizeof what, "made on %d", p->here);
    begin(p, what);
    play_work(p, SLOTS);
}

void scene_defaults(const struct plan *p)
{
    begin(p, "usual sizes");
    play_work(p, 0);
}

void scene_inherit(const struct plan *p)
{
    struct actor victim, heir;
    char what[32];
    snprintf(what, sizeof what, "inherited %d to %d", p->here, p->there);
    begin(p, what);
    make(p, &victim, 1);
    actor_do(&victim, PUSH, SOME);
    actor_do(&victim, CHURN, 0);
    actor_kill(&victim);
    mark();
    join(&heir, p->there, MANY);
    if (look_begin()) {
        claim_that(slot_of(&heir) == 1, "the heir holds the slot of the dead");
        claim_slabs(slabs_asked(p, p->here), SHM_SLAB_OWNED, 1, true, "slabs inherited");
        claim_own_slabs(p, &heir, "claimed by the heir");
        claim_extent(p, &seg.dir, "directory");
        look_end();
    }
    actor_do(&heir, LEAVE, 0);
    end();
}

/* Pushes on, on another node; the slabs that it takes there. */
static void play_move(const struct plan *p, struct actor *a, int32_t to, const char *what)
{
    mark();
    actor_do(a, MOVE, (uint64_t)to);
    actor_do(a, PUSH, MANY);
    if (look_begin()) {
        claim_own_slabs(p, a, what);
        look_end();
    }
}

void scene_move(const struct plan *p)
{
    struct actor a;
    char what[32];
    snprintf(what, sizeof what, "moved %d to %d", p->here, p->there);
    begin(p, what);
    make(p, &a, SLOTS);
    actor_do(&a, PUSH, SOME);
    if (look_begin()) {
        claim_slot(p, &a);
        claim_own_slabs(p, &a, "claimed");
        look_end();
    }
    play_move(p, &a, p->there, "then");
    play_move(p, &a, p->here, "in the end");
    actor_do(&a, LEAVE, 0);
    end();
}

static void look_at_slot(const struct plan *p, const struct actor *a)
{
    if (look_begin()) {
        claim_slot(p, a);
        look_end();
    }
}

/* Neither a slot that was given back on the other node nor one that its dead holder left there is as good as a free one here. */
void scene_slots(const struct plan *p)
{
    struct actor here, there, dead, next;
    begin(p, "slots again");
    make(p, &here, SLOTS);
    actor_do(&here, PUSH, SOME);
    join(&dead, p->here, SOME);
    join(&there, p->there, SOME);
    actor_do(&here, LEAVE, 0);
    actor_kill(&dead);
    actor_do(&there, LEAVE, 0);
    join(&next, p->there, SOME);
    look_at_slot(p, &next);
    join(&here, p->here, SOME);
    look_at_slot(p, &here);
    actor_do(&next, LEAVE, 0);
    actor_do(&here, LEAVE, 0);
    end();
}

void scene_give(const struct plan *p)
{
    struct actor a, b;
    begin(p, "slabs again");
    make(p, &a, SLOTS);
    actor_do(&a, PUSH, MANY);
    actor_do(&a, CLEAR, 0);
    actor_do(&a, TRIM, 0);
    actor_do(&a, LEAVE, 0);
    join(&b, p->there, SOME);
    if (look_begin()) {
        claim_slabs(slabs_asked(p, p->here), SHM_SLAB_UNOWNED, 0, false, "slabs given back");
        claim_own_slabs(p, &b, "claimed");
        look_end();
    }
    actor_do(&b, LEAVE, 0);
    end();
}

/* A page of the slab table has 512 slabs, and a slab of these here not quite 700 leaves of 8 elements. */
void scene_reserve(const struct plan *p)
{
    struct actor maker, a;
    begin(p, "reserved");
    make(p, &maker, SLOTS);
    actor_do(&maker, PUSH, 1); /* the first slab, which has its memory from creation, is the maker's */
    actor_start(&a, p->there);
    actor_do(&a, OPEN, 0);
    actor_do(&a, RESERVE, UINT64_C(550) * 700 * 8);
    if (look_begin()) {
        claim_slabs(slabs_asked(p, p->there), SHM_SLAB_UNOWNED, 0, false, "slabs reserved");
        claim_extent(p, &seg.dir, "directory");
        claim_extent(p, &seg.slabtab, "slab table");
        look_end();
    }
    actor_do(&a, LEAVE, 0);
    actor_do(&maker, LEAVE, 0);
    end();
}

/* Participants on both nodes: one moved, one was killed, one has left; slabs that nobody owns. */
static void play_show(const struct plan *p, struct actor *a)
{
    struct actor dead, left;
    join(&a[0], p->here, MANY);
    join(&a[1], p->there, 2 * MANY);
    join(&dead, p->there, MANY);
    join(&a[2], p->here, MANY);
    join(&left, p->there, MANY);
    actor_do(&a[1], MOVE, (uint64_t)p->here);
    actor_do(&a[1], PUSH, 2 * MANY);
    actor_do(&left, PUSH, MANY);
    actor_do(&left, POP, MANY + MANY / 2);
    actor_do(&left, TRIM, 0);
    actor_do(&left, LEAVE, 0);
    actor_kill(&dead);
}

void scene_show(const struct plan *p)
{
    struct actor maker, a[3];
    if (!show_can())
        return;
    begin(p, "shown");
    make(p, &maker, SLOTS);
    play_show(p, a);
    show_run("numa", (char *[]){"lfvec-shmctl", "numa", NUMA_NAME, NULL});
    show_run("json", (char *[]){"lfvec-shmctl", "numa", "--json", NUMA_NAME, NULL});
    show_run("map", (char *[]){"lfvec-shmctl", "map", "--width", "96", NUMA_NAME, NULL});
    show_run("svg", (char *[]){"lfvec-shmctl", "map", "--svg", "-", NUMA_NAME, NULL});
    for (int i = 0; i < 3; i++)
        actor_do(&a[i], LEAVE, 0);
    actor_do(&maker, LEAVE, 0);
    end();
}
