/* stage.c - the segment under test: small, made anew for every kill point, and the model of what it must hold. */
#include "kill.h"

#include "participant.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool fault(struct stage *s, const char *format, ...)
{
    va_list ap;
    if (s->fault[0])
        return false;
    const int n = snprintf(s->fault, sizeof s->fault, "%s: ", s->phase);
    va_start(ap, format);
    vsnprintf(s->fault + n, sizeof s->fault - (size_t)n, format, ap);
    va_end(ap);
    return false;
}

bool phase(struct stage *s, const char *what)
{
    snprintf(s->phase, sizeof s->phase, "%s", what);
    return true;
}

void model_push(struct model *m, uint64_t x)
{
    if (m->n < MODEL_MOST)
        m->elem[m->n++] = x;
}

bool model_same(const struct model *a, const struct model *b)
{
    return a->n == b->n && !memcmp(a->elem, b->elem, a->n * sizeof a->elem[0]);
}

/* Leaves of 8 elements and slabs of 64 KiB: every boundary is near, and a segment is made and audited in a fraction of a millisecond. */
void stage_attr(struct lfvec_attr *attr, uint64_t max_elems)
{
    lfvec_attr_init(attr);
    attr->leaf_bytes = ELEMS_OF_LEAF * 8;
    attr->slab_bytes = 65536;
    attr->max_slots = SLOTS;
    attr->max_elems = max_elems;
}

void stage_tighten(struct lfvec_attr *attr)
{
    struct layout l;
    attr->max_bytes = UINT64_C(1) << 30;
    if (layout_compute(&l, attr, false, UINT64_MAX) == 0)
        attr->max_bytes = l.slabs_off + 2 * l.slab_bytes;
}

/* Nobody else is at work, and none is in the middle of anything. */
void stage_own_all(lfvec_t *v)
{
    struct participant *p = thread_state.p;
    struct segment *s = &v->seg;
    shm_u64 *table = (shm_u64 *)(s->base + s->l.slabtab_off);
    while (slab_reserve(s, p->me, 1) == 0)
        ;
    for (uint64_t slab = 0; slab < s->l.slabs_max; slab++)
        atomic_store(&table[slab],
                     (atomic_load(&table[slab]) & UINT64_C(0x00ff000000000000)) | (uint64_t)SHM_SLAB_OWNED << 56 | (uint64_t)p->me << 32);
    if (p->v != v || s->l.slabs_max != 2 || slab_set_load(s, &p->slabs, p->me) != 0 || !slab_enter(s, p->me, 1))
        abort();
    participant_forget_leaf(p);
}

bool stage_join(struct stage *s)
{
    struct lfvec_participant me;
    const int err = lfvec_set_u64(s->v, MODEL_MOST, 0); /* is refused, but joins */
    if (err != -ERANGE)
        return fault(s, "joining by an operation that is to be refused: %d", err);
    if (lfvec_participant(s->v, SURVIVOR, &me) != 0 || me.state != LFVEC_SLOT_ALIVE)
        return fault(s, "the test process is not in slot %d", SURVIVOR);
    return true;
}

bool stage_build(struct stage *s)
{
    struct lfvec_attr attr;
    stage_attr(&attr, s->op->flags & OP_LARGE ? MODEL_MOST : FEW_ELEMS);
    if (s->op->flags & OP_TIGHT)
        stage_tighten(&attr);
    phase(s, "set-up");
    s->version = s->made = 0;
    s->owed = s->returned = s->untouched = false;
    s->fresh = 1000000;
    memset(s->truth, 0, sizeof s->truth);
    s->now.n = 0;
    (void)shm_unlink(s->name);
    if (s->op->flags & OP_CREATES)
        return true;
    s->v = lfvec_open(s->name, LFVEC_CREATE | LFVEC_EXCL, &attr);
    if (!s->v)
        return fault(s, "%s", lfvec_last_error());
    if (!stage_join(s))
        return false;
    if (s->op->furnish)
        s->op->furnish(s->v);
    return true;
}

void stage_strike(struct stage *s)
{
    if (s->v)
        lfvec_detach(s->v);
    s->v = NULL;
    (void)shm_unlink(s->name);
}

bool stage_read(struct stage *s, struct model *m)
{
    lfvec_t *r = lfvec_open(s->name, LFVEC_RDONLY, NULL);
    if (!r)
        return fault(s, "a reader cannot attach: %s", lfvec_last_error());
    m->n = lfvec_size(r);
    int err = m->n > MODEL_MOST ? -EOVERFLOW : 0;
    uint64_t i = 0;
    while (!err && i < m->n) {
        err = lfvec_get_u64(r, i, &m->elem[i]);
        i += !err;
    }
    lfvec_detach(r);
    if (err)
        return fault(s, "a reader gets %d for element %llu of %llu", err, (unsigned long long)i, (unsigned long long)m->n);
    return true;
}

bool stage_compare(struct stage *s)
{
    static struct model seen;
    if (!stage_read(s, &seen))
        return false;
    if (seen.n != s->now.n)
        return fault(s, "%llu elements, expected %llu", (unsigned long long)seen.n, (unsigned long long)s->now.n);
    for (uint64_t i = 0; i < seen.n; i++)
        if (seen.elem[i] != s->now.elem[i])
            return fault(s, "element %llu of %llu is %llu, expected %llu", (unsigned long long)i, (unsigned long long)seen.n,
                         (unsigned long long)seen.elem[i], (unsigned long long)s->now.elem[i]);
    return true;
}
