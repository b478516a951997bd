/*
 * control.h - checks that the contents of the control page are possible: the head and the extents,
 * compared with the private layout. Costs a few loads, and a question to the kernel when the
 * segment has grown. This is no audit: a possible state may still be wrong.
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
 * Returns 0; -EBADMSG with *f, which may be NULL; or another errno if the check was not possible.
 * Load h before the call: an extent covers all that a head refers to before that head is published,
 * so -EBADMSG is right whatever others do meanwhile.
 */
int control_check(struct segment *s, struct head h, struct control_fault *f);

#endif
