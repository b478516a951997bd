/*
 * region.h - lfvec_region() and lfvec_region_pages(): the parts of a
 * segment, and where their pages lie.
 */
#ifndef LFVEC_REGION_H
#define LFVEC_REGION_H

#include "participant.h"

int region_describe(struct lfvec *v, uint64_t i, struct lfvec_region *out);
int region_pages(struct lfvec *v, uint64_t i, struct lfvec_pages *out);

#endif
