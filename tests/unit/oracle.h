/*
 * oracle.h - a sound segment, what can be forged in it, and what lfvec_check() has to say of that. oracle_scene.c: the segment; oracle_forge.c: the
 * table of forgeries; check_oracle.c: the tests.
 */
#ifndef LFVEC_TESTS_UNIT_ORACLE_H
#define LFVEC_TESTS_UNIT_ORACLE_H

#include "support.h"

#include "desc.h"
#include "head.h"
#include "join.h"
#include "slab.h"

enum { SLOTS = 8, ME = 1, LEAF_ELEMS = 64, ENTRIES = 5, LIVE = 3, UNDONE_MOST = 64, PASSES_MOST = 32, FAR = 1000 };
enum { MAX_ELEMS = 1000 };

typedef unsigned long long ull;

/*
 * Five leaves in the directory, of which elements lie in three, the third one half full; the descriptor in effect is slot 1's and covers the first
 * entry; one spare in hand. Then, of the forgery: the fault, where, and the sentence; and what was there before.
 */
struct scene {
    lfvec_t *v, *looks; /* the second has known it since it was sound, read-only */
    struct segment *s;
    struct participant *p;
    uint64_t spare;
    uint32_t fault;
    uint64_t where;
    char message[160];
    struct {
        shm_u64 *at;
        uint64_t value;
    } undo[UNDONE_MOST];
    uint32_t undone;
};
extern struct scene sc;

void scene_set_up(void);
void scene_tear_down(void);
void scene_attr(struct lfvec_attr *a);
void scene_make_large(void); /* another one in place of this, whose directory may have many pages, and has one */
void scene_large_attr(struct lfvec_attr *a);

void poke(shm_u64 *at, uint64_t value);
void heal(void); /* all that was poked is as before */
void expect(uint32_t fault, uint64_t where, const char *format, ...) __attribute__((format(printf, 3, 4)));

struct head head_now(void);
uint64_t version(void);
struct shm_slot *slot(uint32_t i);
struct shm_desc *in_effect(void);
shm_u64 *entry(uint64_t d);
shm_u64 *stamp(uint64_t d);
shm_u64 *slab_at(uint64_t slab);
uint64_t slab_word_of(uint32_t state, uint32_t owner);
uint64_t leaf_at(uint64_t d); /* that an entry resolves to */
struct leaf located(uint64_t ref);
uint64_t free_leaf(void);                                          /* the last one of the first slab */
void toggle(uint64_t ref);                                         /* its bit */
struct shm_desc *fly(uint32_t i, uint32_t buffer, uint64_t count); /* slot i is in the middle of an operation of so many leaves */

/*
 * SURE: reported whatever moves. STILL: it cannot be at one head, so it is reported of a head that stands still. HEAD: forged in the head itself, which
 * nobody moves then.
 */
enum kind { SURE, STILL, HEAD };

struct forgery {
    const char *name;
    void (*forge)(void);
    enum kind kind;
    uint32_t lost; /* leaves */
};
extern const struct forgery forgeries[];
extern const uint32_t forgery_count;

const struct forgery *forgery_of(const char *name);

#endif
