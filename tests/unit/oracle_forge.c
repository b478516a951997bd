/* oracle_forge.c - see oracle.h. To forge another fault, add a function that pokes and says what is expected, and a row. */
#include "oracle.h"

#include <string.h>

/* ---- forgeries: the header and the control page ---------------------------------------------------------------------------------------- */

static const char exchanged[] = "the header is damaged or was exchanged since this process attached";

static void header_damaged(void)
{
    poke((shm_u64 *)(void *)((struct shm_header *)(void *)sc.s->base)->uuid, 12345);
    expect(LFVEC_FAULT_HEADER, 0, "%s", exchanged);
}

/* The header of another segment, sound in itself. Only one of the offsets that are compared may differ. */
static void exchange(const struct lfvec_attr *a, uint64_t difference)
{
    lfvec_t *w = unit_make(a);
    const struct layout *is = &sc.s->l, *to = &w->seg.l;
    ck_assert_uint_eq((is->max_bytes != to->max_bytes) | (is->dir_off != to->dir_off) << 1 | (is->slabs_off != to->slabs_off) << 2,
                      difference);
    shm_u64 *word = (shm_u64 *)(void *)sc.s->base, *from = (shm_u64 *)(void *)w->seg.base;
    for (size_t i = 0; i < sizeof(struct shm_header) / sizeof *word; i++)
        poke(&word[i], atomic_load(&from[i]));
    ck_assert_int_eq(lfvec_detach(w), 0);
    expect(LFVEC_FAULT_HEADER, 0, "%s", exchanged);
}

static void header_other_max_bytes(void)
{
    struct lfvec_attr a;
    scene_make_large();
    scene_large_attr(&a);
    a.max_bytes = sc.s->l.max_bytes - sc.s->l.slab_bytes;
    exchange(&a, 1);
}

static void header_other_dir_off(void)
{
    struct lfvec_attr a;
    struct layout l;
    scene_make_large();
    scene_large_attr(&a);
    a.max_slots += 2; /* a page more */
    a.max_bytes = sc.s->l.max_bytes;
    do /* and a page less of the directory */
        a.max_elems -= LEAF_ELEMS;
    while (layout_compute(&l, &a, false, UINT64_MAX) != 0 || l.slabs_off > sc.s->l.slabs_off);
    exchange(&a, 2);
}

static void header_other_slabs_off(void)
{
    struct lfvec_attr a;
    scene_make_large();
    scene_large_attr(&a);
    a.max_elems += a.slab_bytes / sizeof(struct shm_entry) *
                   LEAF_ELEMS; /* a directory that is larger by what a slab has, and a slab less */
    a.max_bytes = sc.s->l.max_bytes;
    exchange(&a, 4);
}

/* Somebody has made the object larger than it may be, and those who look have seen that. */
static void header_of_larger_object(void)
{
    poke(&sc.s->object_bytes, sc.s->l.max_bytes + SHM_PAGE);
    poke(&sc.looks->seg.object_bytes, sc.s->l.max_bytes + SHM_PAGE);
    expect(LFVEC_FAULT_HEADER, 0, "%s", exchanged);
}

static void range_directory(void)
{
    poke(&sc.s->control->dir_committed, sc.s->dir.max + 1);
    expect(LFVEC_FAULT_RANGE, 0, "the directory claims more memory than the object has");
}

static void range_slab_table(void)
{
    poke(&sc.s->control->slabtab_committed, sc.s->slabtab.max + 1);
    expect(LFVEC_FAULT_RANGE, 1, "the slab table claims more memory than the object has");
}

static void range_slabs(void)
{
    poke(&sc.s->control->slabs_high, sc.s->l.slabs_max + 1);
    expect(LFVEC_FAULT_RANGE, 2, "more slabs are said to be in use than the segment can have");
}

static void poke_head(uint64_t v, uint64_t size, uint32_t desc, uint32_t last)
{
    const struct head h = head_next((struct head){v - 1, 0}, size, desc, last);
    poke(&sc.s->control->head.version, h.version);
    poke(&sc.s->control->head.packed, h.packed);
}

static void head_beyond(uint64_t size)
{
    const uint64_t room = atomic_load(sc.s->dir.shared) * LEAF_ELEMS;
    poke_head(version(), size, head_desc(head_now()), ME);
    expect(LFVEC_FAULT_HEAD, size, "the head says %llu elements, the directory has room for %llu", (ull)size, (ull)room);
}

static void head_beyond_max(void)
{
    MUST(MAX_ELEMS < atomic_load(sc.s->dir.shared) * LEAF_ELEMS);
    head_beyond(MAX_ELEMS + 1);
}

/* In a segment whose max_elems is far beyond the directory that it has by now. */
static void head_beyond_room(void)
{
    scene_make_large();
    head_beyond(atomic_load(sc.s->dir.shared) * LEAF_ELEMS + 1);
}

static void head_names(uint32_t desc, uint32_t last)
{
    poke_head(version(), lfvec_size(sc.v), desc, last);
    expect(LFVEC_FAULT_HEAD, last, "the head names slot %u (descriptor %u), which does not exist", last, desc);
}

static void head_names_slot(void)
{
    head_names(head_desc(head_now()), SLOTS + 1);
}

static void head_names_descriptor(void)
{
    head_names((SLOTS + 1) * 2, ME);
}

static void head_names_descriptor_of_none(void)
{
    head_names(1, ME);
}

static void head_half(uint64_t v, uint64_t size, uint32_t desc, uint32_t last)
{
    poke_head(v, size, desc, last);
    expect(LFVEC_FAULT_HEAD, v, "the head says version %llu, %llu elements, slot %u and descriptor %u, which is no state", (ull)v,
           (ull)size, last, desc);
}

static void head_of_no_maker(void)
{
    head_half(version(), 10, head_desc(head_now()), 0);
}

static void head_of_no_descriptor(void)
{
    head_half(version(), 10, 0, ME);
}

static void head_of_no_version(void)
{
    head_half(0, 10, head_desc(head_now()), ME);
}

/* ---- forgeries: the slab table ---------------------------------------------------------------------------------------------------------- */

/* The last of those below slabs_high: all of them are looked at. */
static void slab_says(uint32_t state, uint32_t owner, bool nonsense)
{
    const uint64_t slab = 7, word = slab_word_of(state, owner);
    poke(&sc.s->control->slabs_high, slab + 1);
    poke(slab_at(slab), word);
    if (nonsense)
        expect(LFVEC_FAULT_SLAB, slab, "slab %llu has the table entry 0x%llx, which makes no sense", (ull)slab, (ull)word);
    else
        expect(LFVEC_FAULT_SLAB, slab, "slab %llu is said to have memory, and has none", (ull)slab);
}

static void slab_state(void)
{
    slab_says(SHM_SLAB_UNOWNED + 1, 0, true);
}

static void slab_owned_by_none(void)
{
    slab_says(SHM_SLAB_OWNED, 0, true);
}

static void slab_owned_by_more(void)
{
    slab_says(SHM_SLAB_OWNED, SLOTS + 1, true);
}

static void slab_claimed_by_none(void)
{
    slab_says(SHM_SLAB_CLAIMED, 0, true);
}

static void slab_free_and_owned(void)
{
    slab_says(SHM_SLAB_FREE, ME, true);
}

static void slab_unowned_and_owned(void)
{
    slab_says(SHM_SLAB_UNOWNED, ME, true);
}

static void slab_owned_without_memory(void)
{
    slab_says(SHM_SLAB_OWNED, ME, false);
}

static void slab_unowned_without_memory(void)
{
    slab_says(SHM_SLAB_UNOWNED, 0, false);
}

/* ---- forgeries: slots ------------------------------------------------------------------------------------------------------------------- */

static void refers_to(shm_u64 *at, uint32_t i, uint64_t ref)
{
    poke(at, ref);
    expect(LFVEC_FAULT_SLOT, i, "slot %u refers to leaf 0x%llx, which does not exist", i, (ull)ref);
}

static void spare_in_no_slab(void)
{
    refers_to(&slot(ME)->spare_ref[1], ME, leaf_ref_make(sc.s->l.slabs_max, 0));
}

static void spare_in_free_slab(void)
{
    refers_to(&slot(SLOTS)->spare_ref[SHM_DESC_LEAVES - 1], SLOTS, leaf_ref_make(sc.s->l.slabs_max - 1, 0));
}

static void spare_behind_leaves(void)
{
    refers_to(&slot(2)->spare_ref[0], 2, leaf_ref_make(0, sc.s->l.slab_leaves));
}

static void flight_to_nowhere(void)
{
    refers_to(&fly(2, 1, 1)->entry[0].leaf_ref, 2, leaf_ref_make(sc.s->l.slabs_max - 1, 1));
}

static void flight_from_nowhere(void)
{
    refers_to(&fly(SLOTS, 0, SHM_DESC_LEAVES)->entry[SHM_DESC_LEAVES - 1].old_ref, SLOTS, leaf_ref_make(sc.s->l.slabs_max - 1, 2));
}

static void flight_of_too_many(void)
{
    (void)fly(3, 0, SHM_DESC_LEAVES + 1);
    expect(LFVEC_FAULT_SLOT, 3, "slot 3 has a descriptor of %d leaves", SHM_DESC_LEAVES + 1);
}

static void committed_newer(void)
{
    poke(&slot(4)->committed, version() + FAR);
    expect(LFVEC_FAULT_SLOT, 4, "slot 4 claims a version newer than the head");
}

/* ---- forgeries: the directory and the descriptor in effect ------------------------------------------------------------------------------ */

static void entry_without_leaf(void)
{
    poke(entry(LIVE - 1), 0);
    expect(LFVEC_FAULT_DIRECTORY, LIVE - 1, "directory entry %d is below the size and has no leaf", LIVE - 1);
}

static void descriptor_without_leaf(void)
{
    MUST(atomic_load(&in_effect()->dir_first) == 0);
    poke(&in_effect()->entry[0].leaf_ref, 0);
    expect(LFVEC_FAULT_DIRECTORY, 0, "directory entry 0 is below the size and has no leaf");
}

static void entry_to_nowhere(uint64_t d, shm_u64 *at)
{
    const uint64_t ref = leaf_ref_make(sc.s->l.slabs_max - 1, 3);
    poke(at, ref);
    expect(LFVEC_FAULT_DIRECTORY, d, "directory entry %llu refers to leaf 0x%llx, which does not exist", (ull)d, (ull)ref);
}

static void live_entry_to_nowhere(void)
{
    entry_to_nowhere(1, entry(1));
}

static void idle_entry_to_nowhere(void)
{
    entry_to_nowhere(ENTRIES, entry(ENTRIES));
}

static void last_entry_to_nowhere(void)
{
    const uint64_t last = atomic_load(sc.s->dir.shared) - 1;
    entry_to_nowhere(last, entry(last));
}

static void descriptor_to_nowhere(void)
{
    entry_to_nowhere(0, &in_effect()->entry[0].leaf_ref);
}

static void is_newer(uint64_t d, shm_u64 *at)
{
    poke(at, version() + FAR);
    expect(LFVEC_FAULT_DIRECTORY, d, "directory entry %llu or its leaf is newer than the head", (ull)d);
}

static void stamp_newer(void)
{
    is_newer(1, stamp(1));
}

static void leaf_newer(void)
{
    is_newer(2, &located(leaf_at(2)).meta->seq);
}

static void idle_leaf_newer(void)
{
    is_newer(4, &located(leaf_at(4)).meta->seq);
}

static void unreadable(shm_u64 *at, uint64_t value)
{
    poke(at, value);
    expect(LFVEC_FAULT_DIRECTORY, head_desc(head_now()), "the descriptor in effect cannot be read");
}

static void descriptor_too_long(void)
{
    unreadable(&in_effect()->count, SHM_DESC_LEAVES + 1);
}

static void descriptor_odd(void)
{
    unreadable(&in_effect()->seq, atomic_load(&in_effect()->seq) + 1);
}

static void descriptor_newer(void)
{
    unreadable(&in_effect()->since, version() + FAR);
}

/* ---- forgeries: the leaves -------------------------------------------------------------------------------------------------------------- */

static void twice_in_directory(void)
{
    const uint64_t ref = leaf_at(1);
    poke(entry(2), ref);
    expect(LFVEC_FAULT_TWICE, 2, "leaf 0x%llx is referenced twice, the second time by entry 2", (ull)ref);
}

static void twice_by_descriptor(void)
{
    const uint64_t ref = leaf_at(0);
    poke(entry(ENTRIES - 1), ref);
    expect(LFVEC_FAULT_TWICE, ENTRIES - 1, "leaf 0x%llx is referenced twice, the second time by entry %d", (ull)ref, ENTRIES - 1);
}

static void live_and_spare(void)
{
    const uint64_t ref = leaf_at(1);
    poke(&slot(2)->spare_ref[5], ref);
    expect(LFVEC_FAULT_TWICE, ref, "leaf 0x%llx holds elements and is a spare", (ull)ref);
}

static void live_and_free(void)
{
    const uint64_t ref = leaf_at(2);
    toggle(ref);
    expect(LFVEC_FAULT_FREE, ref, "leaf 0x%llx holds elements and is marked free", (ull)ref);
}

static void descriptor_leaf_free(void)
{
    const uint64_t ref = leaf_at(0);
    toggle(ref);
    expect(LFVEC_FAULT_FREE, ref, "leaf 0x%llx holds elements and is marked free", (ull)ref);
}

static void lost(uint64_t ref)
{
    expect(LFVEC_FAULT_LEAK, ref, "leaf 0x%llx is in use, and nothing refers to it", (ull)ref);
}

static void leak_of_spare(void)
{
    poke(&slot(ME)->spare_ref[0], 0);
    lost(sc.spare);
}

static void leak_of_last_leaf(void)
{
    const uint64_t ref = free_leaf();
    toggle(ref);
    lost(ref);
}

static void leak_in_unowned_slab(void)
{
    MUST(slab_reserve(sc.s, ME, 1) == 0 && slab_word_state(slab_word(sc.s, 1)) == SHM_SLAB_UNOWNED);
    const uint64_t ref = leaf_ref_make(1, 3);
    toggle(ref);
    lost(ref);
}

/* Named by a descriptor of which no intent says that it counts, and behind the leaves of one that counts. */
static void leak_in_old_descriptor(void)
{
    const uint64_t ref = free_leaf();
    toggle(ref);
    poke(&slot(5)->desc[0].count, 2);
    poke(&slot(5)->desc[0].entry[0].leaf_ref, ref);
    poke(&slot(6)->desc[1].entry[1].old_ref, ref);
    (void)fly(6, 1, 1);
    lost(ref);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------------ */

const struct forgery forgeries[] = {
    {"header: damaged", header_damaged, SURE, 0},
    {"header: of other max_bytes", header_other_max_bytes, SURE, 0},
    {"header: of other dir_off", header_other_dir_off, SURE, 0},
    {"header: of other slabs_off", header_other_slabs_off, SURE, 0},
    {"header: object larger than max_bytes", header_of_larger_object, SURE, 0},
    {"range: directory", range_directory, SURE, 0},
    {"range: slab table", range_slab_table, SURE, 0},
    {"range: slabs_high", range_slabs, SURE, 0},
    {"head: size beyond max_elems", head_beyond_max, HEAD, 0},
    {"head: size beyond the directory", head_beyond_room, HEAD, 0},
    {"head: no such slot", head_names_slot, HEAD, 0},
    {"head: no such descriptor", head_names_descriptor, HEAD, 0},
    {"head: a descriptor of slot 0", head_names_descriptor_of_none, HEAD, 0},
    {"head: a version that nobody made", head_of_no_maker, HEAD, 0},
    {"head: elements and no descriptor", head_of_no_descriptor, HEAD, 0},
    {"head: elements and no version", head_of_no_version, HEAD, 0},
    {"slab: no such state", slab_state, SURE, 0},
    {"slab: owned by slot 0", slab_owned_by_none, SURE, 0},
    {"slab: owned by a slot that is not there", slab_owned_by_more, SURE, 0},
    {"slab: claimed by slot 0", slab_claimed_by_none, SURE, 0},
    {"slab: free, with an owner", slab_free_and_owned, SURE, 0},
    {"slab: unowned, with an owner", slab_unowned_and_owned, SURE, 0},
    {"slab: owned, without memory", slab_owned_without_memory, SURE, 0},
    {"slab: unowned, without memory", slab_unowned_without_memory, SURE, 0},
    {"slot: a spare in no slab", spare_in_no_slab, SURE, 0},
    {"slot: a spare in a slab without memory", spare_in_free_slab, SURE, 0},
    {"slot: a spare behind the leaves of a slab", spare_behind_leaves, SURE, 0},
    {"slot: an operation's leaf is none", flight_to_nowhere, SURE, 0},
    {"slot: an operation replaces what is no leaf", flight_from_nowhere, SURE, 0},
    {"slot: an operation of too many leaves", flight_of_too_many, SURE, 0},
    {"slot: committed beyond the head", committed_newer, SURE, 0},
    {"directory: no leaf below the size", entry_without_leaf, STILL, 0},
    {"directory: no leaf below the size, by the descriptor", descriptor_without_leaf, STILL, 0},
    {"directory: no such leaf, live", live_entry_to_nowhere, SURE, 0},
    {"directory: no such leaf, idle", idle_entry_to_nowhere, SURE, 0},
    {"directory: no such leaf, last entry", last_entry_to_nowhere, SURE, 0},
    {"directory: no such leaf, by the descriptor", descriptor_to_nowhere, SURE, 0},
    {"directory: stamp newer than the head", stamp_newer, STILL, 0},
    {"directory: leaf newer than the head", leaf_newer, STILL, 0},
    {"directory: idle leaf newer than the head", idle_leaf_newer, STILL, 0},
    {"directory: descriptor of too many leaves", descriptor_too_long, STILL, 0},
    {"directory: descriptor being written", descriptor_odd, STILL, 0},
    {"directory: descriptor newer than the head", descriptor_newer, STILL, 0},
    {"twice: by two entries", twice_in_directory, STILL, 0},
    {"twice: by the descriptor and an entry", twice_by_descriptor, STILL, 0},
    {"twice: live and spare", live_and_spare, STILL, 0},
    {"free: a live leaf", live_and_free, STILL, 0},
    {"free: a leaf of the descriptor", descriptor_leaf_free, STILL, 0},
    {"leak: a spare that is not recorded", leak_of_spare, STILL, 1},
    {"leak: the last leaf of a slab", leak_of_last_leaf, STILL, 1},
    {"leak: in a slab that nobody owns", leak_in_unowned_slab, STILL, 1},
    {"leak: in a descriptor that does not count", leak_in_old_descriptor, STILL, 1},
};
const uint32_t forgery_count = sizeof forgeries / sizeof *forgeries;

const struct forgery *forgery_of(const char *name)
{
    for (uint32_t i = 0; i < forgery_count; i++)
        if (!strcmp(forgeries[i].name, name))
            return &forgeries[i];
    ck_abort_msg("no forgery: %s", name);
}
