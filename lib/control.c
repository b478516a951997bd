/* control.c - see control.h. Reads only. */
#include "control.h"

#include "lfvec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static int fault(struct control_fault *f, uint32_t fault, uint64_t where, const char *format, ...) __attribute__((format(printf, 4, 5)));

static int fault(struct control_fault *f, uint32_t fault, uint64_t where, const char *format, ...)
{
    va_list ap;
    if (!f)
        return -EBADMSG;
    f->fault = fault;
    f->where = where;
    va_start(ap, format);
    vsnprintf(f->message, sizeof f->message, format, ap);
    va_end(ap);
    return -EBADMSG;
}

static int check_extents(struct segment *s, struct control_fault *f)
{
    struct extent *e[] = {&s->dir, &s->slabtab};
    static const char *const name[] = {"directory", "slab table"};
    for (unsigned int i = 0; i < 2; i++) {
        const int err = segment_extend_known(s, e[i], 0);
        if (err)
            return err == -EBADMSG ? fault(f, LFVEC_FAULT_RANGE, i, "the %s claims more memory than the object has", name[i]) : err;
    }
    if (atomic_load_explicit(&s->control->slabs_high, memory_order_relaxed) > s->l.slabs_max)
        return fault(f, LFVEC_FAULT_RANGE, 2, "more slabs are said to be in use than the segment can have");
    return 0;
}

/*
 * In a head that no mutation has made, everything is 0. One that a mutation made names its maker,
 * and the descriptor of its elements.
 */
static bool is_half(struct head h)
{
    return h.version ? !head_last(h) || (head_size(h) && !head_desc(h)) : h.packed != 0;
}

int control_check(struct segment *s, struct head h, struct control_fault *f)
{
    const int err = check_extents(s, f);
    if (err)
        return err;
    const uint64_t room = atomic_load_explicit(&s->dir.ready, memory_order_relaxed) << s->l.elem_shift;
    if (head_size(h) > s->l.max_elems || head_size(h) > room)
        return fault(f, LFVEC_FAULT_HEAD, head_size(h), "the head says %llu elements, the directory has room for %llu",
                     (unsigned long long)head_size(h), (unsigned long long)room);
    if ((head_desc(h) && !slot_exists(s, head_desc(h) >> 1)) || (head_last(h) && !slot_exists(s, head_last(h))))
        return fault(f, LFVEC_FAULT_HEAD, head_last(h), "the head names slot %u (descriptor %u), which does not exist", head_last(h),
                     head_desc(h));
    if (is_half(h))
        return fault(f, LFVEC_FAULT_HEAD, h.version,
                     "the head says version %llu, %llu elements, slot %u and descriptor %u, which is no state",
                     (unsigned long long)h.version, (unsigned long long)head_size(h), head_last(h), head_desc(h));
    return 0;
}
