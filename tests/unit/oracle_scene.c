/* oracle_scene.c - see oracle.h. */
#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>

struct scene sc;

void scene_attr(struct lfvec_attr *a)
{
    unit_attr(a, 8);
    a->max_slots = SLOTS;
    a->max_elems = MAX_ELEMS;
    a->max_bytes = 8 << 20;
}

static void build(const struct lfvec_attr *a)
{
    uint64_t x;
    sc = (struct scene){.v = unit_make(a)};
    sc.s = &sc.v->seg;
    unit_fill(sc.v, 0, ENTRIES * LEAF_ELEMS);
    while (lfvec_size(sc.v) > LIVE * LEAF_ELEMS - LEAF_ELEMS / 2)
        MUST(lfvec_pop_u64(sc.v, &x) == 0);
    MUST(lfvec_set_u64(sc.v, 0, 0) == 0);
    MUST(join_get(sc.v, &sc.p) == 0 && sc.p->me == ME && participant_spares(sc.p, 1) == 0);
    (void)join_over(0);
    sc.spare = sc.p->spare[0];
    sc.looks = unit_open(lfvec_name(sc.v), LFVEC_RDONLY);
    unit_sound(sc.looks);
    unit_sound(sc.v);
}

void scene_set_up(void)
{
    struct lfvec_attr a;
    scene_attr(&a);
    build(&a);
}

/* A directory of many pages, of which one has memory. */
void scene_large_attr(struct lfvec_attr *a)
{
    scene_attr(a);
    a->max_elems = 1 << 20;
    a->max_bytes = 32 << 20;
}

void poke(shm_u64 *at, uint64_t value)
{
    MUST(sc.undone < UNDONE_MOST);
    sc.undo[sc.undone].at = at;
    sc.undo[sc.undone++].value = atomic_load(at);
    atomic_store(at, value);
}

void heal(void)
{
    while (sc.undone--)
        atomic_store(sc.undo[sc.undone].at, sc.undo[sc.undone].value);
    sc.undone = 0;
}

/* Healed, it is as sound as before: what was forged was all. */
void scene_tear_down(void)
{
    heal();
    unit_sound(sc.looks);
    MUST(lfvec_detach(sc.looks) == 0 && lfvec_detach(sc.v) == 0);
}

void expect(uint32_t fault, uint64_t where, const char *format, ...)
{
    va_list ap;
    sc.fault = fault;
    sc.where = where;
    va_start(ap, format);
    vsnprintf(sc.message, sizeof sc.message, format, ap);
    va_end(ap);
}

struct head head_now(void)
{
    return head_load(sc.s->control);
}

uint64_t version(void)
{
    return head_now().version;
}

struct shm_slot *slot(uint32_t i)
{
    return slot_at(sc.s, i);
}

struct shm_desc *in_effect(void)
{
    const uint32_t id = head_desc(head_now());
    MUST(id >> 1 == ME);
    return &slot(ME)->desc[id & 1];
}

shm_u64 *entry(uint64_t d)
{
    return &directory_entry(sc.s, d)->leaf_ref;
}

shm_u64 *stamp(uint64_t d)
{
    return &directory_entry(sc.s, d)->stamp;
}

/* The leaf that an entry resolves to. */
uint64_t leaf_at(uint64_t d)
{
    struct desc_view v;
    uint64_t ref;
    MUST(desc_resolve(sc.s, head_now(), d, &v, &ref) == 0 && ref);
    return ref;
}

struct leaf located(uint64_t ref)
{
    struct leaf leaf;
    MUST(slab_locate(sc.s, ref, &leaf) == 0);
    return leaf;
}

/* The word of the bitmap that has a leaf's bit, and the bit. */
void toggle(uint64_t ref)
{
    const uint64_t i = ref & 0xffff;
    shm_u64 *word = (shm_u64 *)(void *)slab_base(sc.s, leaf_ref_slab(ref)) + i / 64;
    poke(word, atomic_load(word) ^ UINT64_C(1) << i % 64);
}

uint64_t free_leaf(void)
{
    const uint64_t ref = leaf_ref_make(0, sc.s->l.slab_leaves - 1);
    MUST(!slab_taken(sc.s, ref));
    return ref;
}

shm_u64 *slab_at(uint64_t slab)
{
    return (shm_u64 *)(void *)(sc.s->base + sc.s->l.slabtab_off) + slab;
}

uint64_t slab_word_of(uint32_t state, uint32_t owner)
{
    return (uint64_t)state << 56 | (uint64_t)owner << 32;
}

struct shm_desc *fly(uint32_t i, uint32_t buffer, uint64_t count)
{
    poke(&slot(i)->desc[buffer].count, count);
    poke(&slot(i)->intent, version() << 1 | buffer);
    return &slot(i)->desc[buffer];
}

/* Another scene in place of this one. */
void scene_make_large(void)
{
    struct lfvec_attr a;
    scene_tear_down();
    scene_large_attr(&a);
    build(&a);
}
