/*
 * layout.h - where each part of the segment lies. Computed from the attributes at creation,
 * checked at opening, and kept as a private copy in the attachment: no value that other
 * processes can write decides an address.
 */
#ifndef LFVEC_LAYOUT_H
#define LFVEC_LAYOUT_H

#include "format.h"
#include "lfvec.h"

#include <stdbool.h>

struct layout {
    uint32_t elem_size, elem_stride, elem_shift, elem_mask;
    /* slab_words: words of a slab's bitmap. */
    uint32_t leaf_bytes, leaf_stride, slab_leaves, slab_words;
    uint32_t meta_off, data_off; /* within a slab */
    uint64_t slab_bytes;
    uint32_t max_slots, slot_bytes; /* slot_bytes: from one slot to the next */
    uint64_t max_elems, slots_off, slabtab_off, slabs_max, dir_off, dir_max, slabs_off, max_bytes;
};

/* Fills in the defaults and checks the ranges. Returns 0, or -EINVAL with a sentence. */
int layout_attr_check(struct lfvec_attr *attr, const char *name);

/*
 * Computes the layout within `most` bytes. Returns 0, or -EOVERFLOW if not even one slab fits.
 * *attr has passed layout_attr_check(). slot_pages: each slot gets pages of its own, so that
 * it can lie on its own NUMA node.
 */
int layout_compute(struct layout *l, const struct lfvec_attr *attr, bool slot_pages, uint64_t most);

void layout_to_header(const struct layout *l, struct shm_header *h);

/*
 * Takes the layout from a header whose checksum is right. Returns NULL, or a sentence that names
 * the field that is out of range or contradicts others.
 */
const char *layout_from_header(struct layout *l, const struct shm_header *h);

#endif
