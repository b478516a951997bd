/* layout.c - sizes and offsets. Pure arithmetic: touches no memory except its arguments. */
#include "layout.h"

#include "error.h"
#include "record.h"

#include <errno.h>
#include <string.h>

enum { LEAF_BYTES_LEAST = 64, LEAF_BYTES_MOST = 65536, SLAB_BYTES_LEAST = 65536, SLAB_BYTES_MOST = 1 << 26, ELEM_MOST = 65536 };
#define MAX_ELEMS_MOST ((UINT64_C(1) << 40) - 1)
#define MAX_BYTES_MOST (UINT64_C(1) << 46)
#define HUGE_PAGE (UINT64_C(1) << 21)

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

static bool power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

/* An attribute that is out of range. */
struct bad_attr {
    const char *field, *range;
    uint64_t value;
};

/* Always returns false, for `return bad_attr(...)`. */
static bool bad_attr(struct bad_attr *bad, const char *field, uint64_t value, const char *range)
{
    *bad = (struct bad_attr){field, range, value};
    return false;
}

static void attr_defaults(struct lfvec_attr *a)
{
    a->max_elems = a->max_elems ? a->max_elems : UINT64_C(1) << 32;
    a->max_bytes = a->max_bytes ? a->max_bytes : MAX_BYTES_MOST;
    a->max_slots = a->max_slots ? a->max_slots : 128;
    a->leaf_bytes = a->leaf_bytes ? a->leaf_bytes : 512;
    a->slab_bytes = a->slab_bytes ? a->slab_bytes : 262144;
}

/* Fills in the defaults. */
static bool attr_sound(struct lfvec_attr *a, struct bad_attr *bad)
{
    if (a->struct_size != sizeof *a)
        return bad_attr(bad, "struct_size", a->struct_size, "set by lfvec_attr_init()");
    attr_defaults(a);
    if (a->elem_size < 1 || a->elem_size > ELEM_MOST)
        return bad_attr(bad, "elem_size", a->elem_size, "1..65536 bytes");
    if (a->max_elems > MAX_ELEMS_MOST)
        return bad_attr(bad, "max_elems", a->max_elems, "1..2^40-1");
    if (a->max_bytes > MAX_BYTES_MOST)
        a->max_bytes = MAX_BYTES_MOST; /* larger than any mapping can be */
    if (a->max_slots > SHM_SLOTS_MAX)
        return bad_attr(bad, "max_slots", a->max_slots, "1..2047");
    if (!power_of_two(a->leaf_bytes) || a->leaf_bytes < LEAF_BYTES_LEAST || a->leaf_bytes > LEAF_BYTES_MOST)
        return bad_attr(bad, "leaf_bytes", a->leaf_bytes, "a power of two in 64..65536");
    if (!power_of_two(a->slab_bytes) || a->slab_bytes < SLAB_BYTES_LEAST || a->slab_bytes > SLAB_BYTES_MOST)
        return bad_attr(bad, "slab_bytes", a->slab_bytes, "a power of two in 65536..2^26");
    if (a->slab_bytes < 2 * a->leaf_bytes || a->slab_bytes < 2 * a->elem_size)
        return bad_attr(bad, "slab_bytes", a->slab_bytes, "at least twice leaf_bytes and elem_size");
    if (a->mode & ~07777u)
        return bad_attr(bad, "mode", a->mode, "permission bits, as 0660");
    if (a->numa > LFVEC_NUMA_BIND)
        return bad_attr(bad, "numa", a->numa, "one of LFVEC_NUMA_LOCAL, INTERLEAVE, BIND");
    if (a->flags & ~(uint32_t)(LFVEC_HUGEPAGES | LFVEC_PREFAULT))
        return bad_attr(bad, "flags", a->flags, "made of LFVEC_HUGEPAGES and LFVEC_PREFAULT");
    /* A slab that is part of a huge page could not be placed or committed by itself. */
    if (a->flags & LFVEC_HUGEPAGES && a->slab_bytes < HUGE_PAGE)
        a->slab_bytes = HUGE_PAGE;
    return true;
}

/*
 * Rejects a text that is too long, is no list of types, or has fields
 * that do not add up to an element.
 */
static int format_check(const struct lfvec_attr *a, const char *name)
{
    struct record_field of[RECORD_MOST];
    if (record_sound(a->elem_format, sizeof a->elem_format, a->elem_size))
        return 0;
    const int count = memchr(a->elem_format, '\0', sizeof a->elem_format) ? record_parse(of, a->elem_format) : 0;
    if (!count)
        return error_set(-EINVAL,
                         "%s: attribute elem_format is \"%.64s\"; it must be a list of types such as u64,i32,f64,s16, of at most %d "
                         "characters and %d fields (u8 to u64, i8 to i64, h8 to h64, f32, f64, sN, xN)",
                         name, a->elem_format, SHM_FORMAT_BYTES - 1, RECORD_MOST);
    return error_set(-EINVAL,
                     "%s: attribute elem_format is \"%s\", fields of %llu bytes, or %llu as a C struct, and elem_size is %u; name all that "
                     "is in an element, xN for what has no type",
                     name, a->elem_format, (unsigned long long)record_lay_out(of, count, true),
                     (unsigned long long)record_lay_out(of, count, false), a->elem_size);
}

int layout_attr_check(struct lfvec_attr *a, const char *name)
{
    struct bad_attr bad;
    if (attr_sound(a, &bad))
        return format_check(a, name);
    return error_set(-EINVAL, "%s: attribute %s is %llu; it must be %s", name, bad.field, (unsigned long long)bad.value, bad.range);
}

/*
 * A stride is a power of two up to 8 and a multiple of 8 above, so that an element is always
 * accessed in the same aligned words. The number of elements of a leaf is a power of two, so that
 * locating an index is a shift and an add.
 */
static void layout_elements(struct layout *l, uint32_t elem_size, uint32_t leaf_bytes)
{
    l->elem_size = elem_size;
    l->leaf_bytes = leaf_bytes;
    l->elem_stride = 1;
    while (l->elem_stride < elem_size && l->elem_stride < 8)
        l->elem_stride *= 2;
    if (elem_size > 8)
        l->elem_stride = (uint32_t)round_up(elem_size, 8);
    l->elem_shift = 0;
    while ((uint64_t)l->elem_stride << (l->elem_shift + 1) <= leaf_bytes)
        l->elem_shift++;
    l->elem_mask = (1u << l->elem_shift) - 1;
    l->leaf_stride = (uint32_t)round_up((uint64_t)l->elem_stride << l->elem_shift, 64);
}

static uint32_t slab_head_bytes(uint32_t leaves, uint32_t *meta_off)
{
    *meta_off = (uint32_t)round_up(round_up(leaves, 64) / 8, 64);
    return (uint32_t)round_up(*meta_off + leaves * (uint32_t)sizeof(struct shm_leaf), 64);
}

static void layout_slab(struct layout *l, uint32_t slab_bytes)
{
    /*
     * An upper bound: a leaf needs its elements, its metadata and a bit. Rounding
     * up may cost a few leaves more.
     */
    const uint64_t leaf_bits = 8 * (l->leaf_stride + sizeof(struct shm_leaf)) + 1, most = slab_bytes * UINT64_C(8) / leaf_bits;
    uint32_t leaves = most < 1 ? 1 : most < SHM_LEAVES_MAX ? (uint32_t)most : SHM_LEAVES_MAX;
    while (leaves > 1 && slab_head_bytes(leaves, &l->meta_off) + (uint64_t)leaves * l->leaf_stride > slab_bytes)
        leaves--;
    l->slab_bytes = slab_bytes;
    l->slab_leaves = leaves;
    l->slab_words = (leaves + 63) / 64;
    l->data_off = slab_head_bytes(leaves, &l->meta_off);
}

/*
 * A slab of the requested size may have more bytes than its leaves fill: a reference can number
 * only SHM_LEAVES_MAX of them, and large leaves leave a remainder. All of a slab is committed,
 * so it is cut down to the pages that the leaves fill, or to whole huge pages if it is to use
 * those. At SHM_LEAVES_MAX leaves it is rounded down, which costs a few leaves; otherwise its
 * last page might be nearly empty.
 */
static void layout_cut_slab(struct layout *l, uint64_t page)
{
    const uint64_t filled = l->data_off + (uint64_t)l->slab_leaves * l->leaf_stride;
    layout_slab(l, (uint32_t)(l->slab_leaves == SHM_LEAVES_MAX ? filled / page * page : round_up(filled, page)));
}

/*
 * Bytes from one slot to the next. An element that does not fit in the slot's lease_room lies
 * behind the slot, and life marks end each page of slots.
 */
static uint32_t layout_slot(const struct layout *l, bool slot_pages)
{
    const uint64_t room = l->elem_stride > SHM_LEASE_ROOM ? round_up(l->elem_stride, SHM_LINE) : 0;
    const uint64_t bytes = sizeof(struct shm_slot) + room + SHM_LIFE_MARKS;
    return !slot_pages && bytes <= SHM_PAGE / 2 ? SHM_PAGE / 2 : (uint32_t)round_up(bytes, SHM_PAGE);
}

int layout_compute(struct layout *l, const struct lfvec_attr *a, bool slot_pages, uint64_t most)
{
    const uint64_t page = a->flags & LFVEC_HUGEPAGES ? HUGE_PAGE : SHM_PAGE;
    layout_elements(l, a->elem_size, a->leaf_bytes);
    layout_slab(l, a->slab_bytes);
    layout_cut_slab(l, page);
    l->max_slots = a->max_slots;
    l->max_elems = a->max_elems;
    l->slots_off = 2 * SHM_PAGE;
    l->slot_bytes = layout_slot(l, slot_pages);
    l->slabtab_off = round_up(l->slots_off + (a->max_slots + UINT64_C(1)) * l->slot_bytes, SHM_PAGE);
    most = most < a->max_bytes ? most : a->max_bytes;
    if (most <= l->slabtab_off)
        return -EOVERFLOW;
    l->dir_max = ((a->max_elems - 1) >> l->elem_shift) + 1;
    const uint64_t room = most / (l->leaf_stride + sizeof(struct shm_entry) + sizeof(struct shm_leaf)) + 1;
    l->dir_max = l->dir_max < room ? l->dir_max : room;
    /*
     * Slabs for all elements, plus slabs for each slot: for the leaves that replace
     * others, and for partly used slabs.
     */
    l->slabs_max = l->dir_max / l->slab_leaves + 2 + UINT64_C(4) * a->max_slots;
    l->dir_off = round_up(l->slabtab_off + l->slabs_max * 8, SHM_PAGE);
    l->slabs_off = round_up(l->dir_off + l->dir_max * sizeof(struct shm_entry), page);
    if (most < l->slabs_off + l->slab_bytes)
        return -EOVERFLOW;
    const uint64_t fit = (most - l->slabs_off) / l->slab_bytes;
    l->slabs_max = l->slabs_max < fit ? l->slabs_max : fit;
    l->max_bytes = l->slabs_off + l->slabs_max * l->slab_bytes;
    return 0;
}

void layout_to_header(const struct layout *l, struct shm_header *h)
{
    h->elem_size = l->elem_size;
    h->leaf_bytes = l->leaf_bytes;
    h->slab_bytes = (uint32_t)l->slab_bytes;
    h->max_slots = l->max_slots;
    h->max_elems = l->max_elems;
    h->max_bytes = l->max_bytes;
    h->elem_shift = l->elem_shift;
    h->elem_stride = l->elem_stride;
    h->leaf_stride = l->leaf_stride;
    h->slab_leaves = l->slab_leaves;
    h->slots_off = l->slots_off;
    h->slabtab_off = l->slabtab_off;
    h->slabs_max = l->slabs_max;
    h->dir_off = l->dir_off;
    h->dir_max = l->dir_max;
    h->slabs_off = l->slabs_off;
    h->slot_bytes = l->slot_bytes;
    h->feature_incompat |= power_of_two(l->slab_bytes) ? 0 : SHM_INCOMPAT_SLAB_PAGES;
}

/*
 * A whole number of pages. It may be no power of two only if the header's feature bit says so,
 * because some readers expect a power of two.
 */
static bool header_slab_sound(const struct shm_header *h)
{
    return h->slab_bytes && h->slab_bytes <= SLAB_BYTES_MOST && h->slab_bytes % SHM_PAGE == 0 &&
           (power_of_two(h->slab_bytes) || h->feature_incompat & SHM_INCOMPAT_SLAB_PAGES);
}

/*
 * Checks the attributes of a header as if a caller had requested them. Returns NULL, or the name
 * of a field that is out of range.
 */
static const char *header_attr_fault(const struct shm_header *h)
{
    struct lfvec_attr a = {.struct_size = sizeof a,
                           .elem_size = h->elem_size,
                           .max_elems = h->max_elems,
                           .max_bytes = h->max_bytes,
                           .max_slots = h->max_slots,
                           .leaf_bytes = h->leaf_bytes,
                           .slab_bytes = SLAB_BYTES_MOST,
                           .numa = h->numa,
                           .flags = h->flags};
    struct bad_attr bad;
    if (!h->max_elems)
        return "max_elems";
    if (!h->max_slots)
        return "max_slots";
    if (!h->leaf_bytes) /* here 0 does not mean the default */
        return "leaf_bytes";
    if (!header_slab_sound(h))
        return "slab_bytes";
    if (h->max_bytes > MAX_BYTES_MOST)
        return "max_bytes";
    if (!attr_sound(&a, &bad))
        return bad.field;
    return record_sound(h->elem_format, sizeof h->elem_format, h->elem_size) ? NULL : "elem_format";
}

/* Checks that the sizes follow from the attributes. */
static const char *header_sizes_fault(const struct layout *l, const struct shm_header *h)
{
    if (h->elem_stride != l->elem_stride)
        return "elem_stride does not go with elem_size";
    if (h->elem_shift != l->elem_shift)
        return "elem_shift does not go with elem_size and leaf_bytes";
    if (h->leaf_stride != l->leaf_stride)
        return "leaf_stride does not go with elem_stride and elem_shift";
    if (l->data_off + (uint64_t)l->slab_leaves * l->leaf_stride > l->slab_bytes)
        return "slab_bytes does not go with leaf_bytes and elem_size";
    if (h->slab_leaves != l->slab_leaves)
        return "slab_leaves does not go with slab_bytes and leaf_stride";
    if (h->slot_bytes != layout_slot(l, false) && h->slot_bytes != layout_slot(l, true))
        return "slot_bytes";
    return NULL;
}

/* Checks that the parts follow each other, and that the last slab ends the segment. */
static const char *header_offsets_fault(const struct shm_header *h)
{
    if (h->slots_off != 2 * SHM_PAGE)
        return "slots_off";
    if (h->slabtab_off != round_up(h->slots_off + (h->max_slots + UINT64_C(1)) * h->slot_bytes, SHM_PAGE))
        return "slabtab_off does not go with max_slots and slot_bytes";
    if (!h->slabs_max || h->slabs_max > h->max_bytes / h->slab_bytes)
        return "slabs_max does not go with max_bytes";
    if (h->dir_off % SHM_PAGE || h->dir_off > h->max_bytes || h->dir_off < h->slabtab_off + h->slabs_max * 8)
        return "dir_off does not go with slabtab_off, slabs_max and max_bytes";
    if (!h->dir_max || h->dir_max > h->max_bytes / sizeof(struct shm_entry))
        return "dir_max does not go with max_bytes";
    if (h->slabs_off % SHM_PAGE || h->slabs_off > h->max_bytes || h->slabs_off < h->dir_off + h->dir_max * sizeof(struct shm_entry))
        return "slabs_off does not go with dir_off, dir_max and max_bytes";
    if (h->max_bytes != h->slabs_off + h->slabs_max * h->slab_bytes)
        return "max_bytes does not go with slabs_off, slabs_max and slab_bytes";
    return NULL;
}

const char *layout_from_header(struct layout *l, const struct shm_header *h)
{
    const char *fault = header_attr_fault(h);
    if (fault)
        return fault;
    layout_elements(l, h->elem_size, h->leaf_bytes);
    layout_slab(l, h->slab_bytes);
    fault = header_sizes_fault(l, h);
    fault = fault ? fault : header_offsets_fault(h);
    if (fault)
        return fault;
    l->max_slots = h->max_slots;
    l->max_elems = h->max_elems;
    l->max_bytes = h->max_bytes;
    l->slots_off = h->slots_off;
    l->slot_bytes = h->slot_bytes;
    l->slabtab_off = h->slabtab_off;
    l->slabs_max = h->slabs_max;
    l->dir_off = h->dir_off;
    l->dir_max = h->dir_max;
    l->slabs_off = h->slabs_off;
    return NULL;
}
