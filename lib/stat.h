/* stat.h - lfvec_stat() and lfvec_participant(). */
#ifndef LFVEC_STAT_H
#define LFVEC_STAT_H

#include "participant.h"

int stat_segment(struct lfvec *v, struct lfvec_stat *out);
int stat_participant(struct lfvec *v, uint32_t slot, struct lfvec_participant *out);

#endif
