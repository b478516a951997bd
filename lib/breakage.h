/*
 * breakage.h - rules that can be disabled, to check that the tests detect it. Test-only:
 * tests/order and tests/kill/rewrite.c compile the library a second time with LFVEC_BREAKABLE and
 * set lfvec_break. In every other build BROKEN() is the constant 0, and the compiler removes it.
 */
#ifndef LFVEC_BREAKAGE_H
#define LFVEC_BREAKAGE_H

enum breakage {
    BREAK_NOTHING,
    BREAK_MARKS, /* R2: an overwritten slot is not marked */
    BREAK_STAMP, /* a helper installs a leaf whatever the stamp of the entry */
    BREAK_HELP,  /* the descriptor in effect is not completed before it is replaced */
    BREAK_VALID, /* what was read from a leaf always counts as valid */
    BREAK_R3,    /* R3: the descriptor that the head names is overwritten */
    BREAK_HEAD,  /* the two halves of the head are read without a second check */
    BREAK_ROLE,  /* a leaf gets a new role without a new seq */
    BREAK_OWNER, /* another participant than its owner stores into a leaf in place */
    BREAK_WORK,  /* R6: a slab is taken over although its owner works in it */
    BREAK_LATER, /* a leaf of a later head is stored into in place */
    BREAK_ODD    /* a descriptor's seq is not odd while the rest is written */
};

#ifdef LFVEC_BREAKABLE
extern int lfvec_break;
#define BROKEN(what) (lfvec_break == (what))
#else
#define BROKEN(what) 0
#endif

#endif
