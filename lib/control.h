/*
 * control.h - is what the control page says possible? The head and the extents, held against the private layout: a few loads, and a question
 * to the kernel when the segment has grown. Not an audit: what is possible need not be right.
 */
#ifndef LFVEC_CONTROL_H
#define LFVEC_CONTROL_H

#include "head.h"
#include "slot.h"

struct control_fault {
    uint32_t fault; /* LFVEC_FAULT_* */
    uint64_t where;
    char message[160];
};

/*
 * 0; -EBADMSG and *f, which may be NULL; or why it could not be looked at. h was loaded before: an extent reaches as far as any head says
 * before that head is there, so that the answer -EBADMSG is right whatever others do meanwhile.
 */
int control_check(struct segment *s, struct head h, struct control_fault *f);

#endif
