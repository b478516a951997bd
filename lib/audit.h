/* audit.h - lfvec_check(). */
#ifndef LFVEC_AUDIT_H
#define LFVEC_AUDIT_H

#include "participant.h"

int audit_run(struct lfvec *v, struct lfvec_audit *out);

#endif
