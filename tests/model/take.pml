/*
 * take.pml: rule R6 of lfvec for spin: how a slab is taken from a live owner, who may stand still at any instruction (lib/slab.c:
 * slab_enter_slow(), slab_offer(), slab_take_over(); lib/reclaim.c: take_over()).
 *
 * What lfvec.pml proves under the assumption that a slab has one owner for all time is not proved here again; this is about that assumption.
 * So there is little: a head, which is only ever changed by compare-and-swap; two slabs, each with its word { owner, taker }; in each slab
 * one leaf that is in the directory for good (slab i has element i) and one that is allocated and freed. Participants push one element or
 * two (a batch, that stores into both slabs before its compare-and-swap), pop, take leaves, free them, and take slabs over.
 *
 * As in lfvec.pml each step makes one access that others can see, and to stand still for ever is to be scheduled no more. Death is a step:
 * registers are forgotten, and the heir of the slot begins with recovery.
 *
 * What must hold: nobody stores into a slot that is live; what a push makes live is what it stored; a leaf is taken by one at a time, and
 * nobody stores its seq while another has it. The assertions say so where it happens.
 *
 * Macros: N participants, OPS operations of each, DEATHS, MORTAL. S0 S1 S2: what each may do, a bit mask of the operations.
 * Negative controls: NO_LOOK (a taker does not look whether the owner works there), NO_MARK (it looks, and then takes the slab in one step),
 *   NO_UNMARK (an owner that comes back leaves the mark), NO_ENTER (an owner stores without an announcement), NO_MOVE (the head is not moved
 *   between the mark and the taking), LATE_ANNOUNCE (an owner looks at the word first and announces afterwards), EARLY_LEAVE (recovery gives up
 *   the slab before it has looked at the spares).
 */
#ifndef N
#define N 2
#endif
#ifndef OPS
#define OPS 2
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef MORTAL
#define MORTAL 255
#endif
#define NOBODY N
#define NOWHERE 2                       /* slabs are 0 and 1 */

#define PUSH 0
#define PUSH2 1
#define POP 2
#define TAKE0 3
#define TAKE1 4
#define LEAF0 5
#define LEAF1 6
#define MAY(op) ((script >> op) & 1)

#ifndef S0
#define S0 127
#endif
#ifndef S1
#define S1 127
#endif
#ifndef S2
#define S2 127
#endif

/* ---- shared memory */
byte hv = 1, hn;                        /* head: version and size */
byte owner[2] = 0, taker[2] = NOBODY;   /* slab words: only ever changed as one */
byte work[N] = NOWHERE;
byte slot[2];                           /* the bytes of element i, in the leaf of slab i */
bit  taken[2];                          /* the bit of slab i's other leaf */
byte spare[N] = NOWHERE;                /* the slab of the leaf that a participant has recorded */

/* ---- ghosts */
byte g_elem[2];                         /* what is live */
byte g_holder[2] = NOBODY;              /* who has that leaf */
byte deaths;

mtype = { IDLE, LOAD, PLACE, ENTER, CHECK, UNMARK, STORE, CAS, POPPED, SEEN, MARK, LOOK, MOVE, MOVED, ANNOUNCE, TAKE,
          FIND, RECORD, SEQ, BIT, FREE, FORGET, RC_BEGIN, RC_SPARE, RC_BIT, RC_FORGET, RC_WORK };

#define TAG(s) ((s) * N + me + 1)       /* what this participant stores at version s: unique */
#define MINE(i) (owner[i] == me)

inline forget() { s = 0; n = 0; i = 0; k = 0; x = 0; o = 0; t = 0; why = 0 }
inline finish() { forget(); pc = IDLE }
#if DEATHS
#define OR_DIE :: d_step { deaths < DEATHS && ((MORTAL >> me) & 1) && pc != IDLE -> deaths++; forget(); pc = RC_BEGIN }
#else
#define OR_DIE
#endif

/* an owner is about to store into slab x, and goes on to pc `why` if it may: 1 STORE, 2 RECORD */
inline entered() { if :: why == 1 -> pc = STORE :: why == 2 -> pc = RECORD fi }
inline enter() {
#ifdef NO_ENTER
    if :: MINE(x) -> entered() :: else -> finish() fi
#else
    if :: !MINE(x) -> finish() :: MINE(x) && work[me] == x -> entered() :: MINE(x) && work[me] != x -> pc = ENTER fi
#endif
}

proctype participant(byte me; byte script)
{
    mtype pc = IDLE;
    byte ops, s, n, i, k, x, o, t, why;
end:
    do
    OR_DIE
    :: pc == IDLE && ops < OPS -> d_step { ops++; skip };
        if
        :: MAY(PUSH) -> k = 1; pc = LOAD
        :: MAY(PUSH2) -> k = 2; pc = LOAD
        :: MAY(POP) -> k = 0; pc = LOAD
        :: MAY(TAKE0) -> x = 0; pc = SEEN
        :: MAY(TAKE1) -> x = 1; pc = SEEN
        :: MAY(LEAF0) -> x = 0; pc = FIND
        :: MAY(LEAF1) -> x = 1; pc = FIND
        :: pc = IDLE
        fi
    /* push, pop: load the head; store; compare-and-swap */
    :: d_step { pc == LOAD ->
        s = hv; n = hn;
        if :: k == 0 && n == 0 -> finish()
           :: k == 0 && n > 0 -> pc = CAS
           :: k > 0 && n + k > 2 -> finish()
           :: else -> i = n; pc = PLACE
        fi }
    :: d_step { pc == PLACE ->
        if :: i == n + k -> pc = CAS
           :: else -> x = i; why = 1; enter()
        fi }
    :: d_step { pc == STORE ->
        assert(!(i < hn));                                      /* not into what is live */
        slot[i] = TAG(s); i++; pc = PLACE }
    :: d_step { pc == CAS ->
        if :: hv != s -> finish()                               /* lost */
           :: hv == s ->
                hv = s + 1;
                if :: k == 0 -> hn = n - 1; g_elem[n - 1] = 0
                   :: else ->
                        i = n;
                        do :: i < n + k -> assert(slot[i] == TAG(s)); g_elem[i] = TAG(s); i++ :: else -> break od;
                        hn = n + k
                fi;
                finish()
        fi;
        assert(hn < 1 || slot[0] == g_elem[0]); assert(hn < 2 || slot[1] == g_elem[1]) }
    /* entering a slab */
#ifdef LATE_ANNOUNCE
    :: d_step { pc == ENTER ->
        if :: !MINE(x) -> finish()
           :: MINE(x) && taker[x] != NOBODY -> o = owner[x]; t = taker[x]; pc = UNMARK
           :: else -> pc = CHECK
        fi }
    :: d_step { pc == CHECK -> work[me] = x; entered() }
#else
    :: d_step { pc == ENTER -> work[me] = x; pc = CHECK }
    :: d_step { pc == CHECK ->
        if :: !MINE(x) -> finish()
#ifdef NO_UNMARK
           :: MINE(x) -> entered()
#else
           :: MINE(x) && taker[x] == NOBODY -> entered()
           :: MINE(x) && taker[x] != NOBODY -> t = taker[x]; pc = UNMARK
#endif
        fi }
#endif
    :: d_step { pc == UNMARK ->
        if :: MINE(x) && taker[x] == t -> taker[x] = NOBODY; entered()
           :: else -> pc = ENTER
        fi }
    /* taking a slab over */
    :: d_step { pc == SEEN ->
        o = owner[x]; t = taker[x];
#ifdef NO_MARK
        if :: o == me -> finish() :: else -> pc = LOOK fi }
#else
        if :: o == me || o == NOBODY -> finish() :: else -> pc = MARK fi }
#endif
    :: d_step { pc == MARK ->
        if :: owner[x] == o && taker[x] == t -> taker[x] = me; pc = LOOK :: else -> finish() fi }
    :: d_step { pc == LOOK ->
#ifdef NO_LOOK
        pc = MOVE }
#else
        if :: work[o] == x -> finish() :: else -> pc = MOVE fi }
#endif
#ifdef NO_MOVE
    :: d_step { pc == MOVE -> pc = ANNOUNCE }
#else
    :: d_step { pc == MOVE -> s = hv; pc = MOVED }
    :: d_step { pc == MOVED -> if :: hv == s -> hv = s + 1; pc = ANNOUNCE :: else -> pc = MOVE fi }
#endif
    :: d_step { pc == ANNOUNCE -> work[me] = x; pc = TAKE }
    :: d_step { pc == TAKE ->
#ifdef NO_MARK
        if :: owner[x] == o -> owner[x] = me :: else fi;
#else
        if :: owner[x] == o && taker[x] == me -> owner[x] = me; taker[x] = NOBODY :: else fi;
#endif
        finish() }
    /* a leaf: found free, recorded, its seq, its bit; later freed */
    :: d_step { pc == FIND -> if :: taken[x] || spare[me] != NOWHERE -> finish() :: else -> why = 2; enter() fi }
    :: d_step { pc == RECORD -> assert(!taken[x]); spare[me] = x; pc = SEQ }
    :: d_step { pc == SEQ -> assert(!taken[x] && g_holder[x] == NOBODY); pc = BIT }
    :: d_step { pc == BIT -> assert(!taken[x] && g_holder[x] == NOBODY); taken[x] = 1; g_holder[x] = me; pc = FREE }
    :: pc == FREE ->
        if :: d_step { assert(g_holder[x] == me); taken[x] = 0; g_holder[x] = NOBODY; pc = FORGET }
           :: pc == FREE && ops < OPS -> d_step { forget(); pc = IDLE }             /* kept for a while */
        fi
    :: d_step { pc == FORGET -> spare[me] = NOWHERE; finish() }
    /* recovery, by the heir of the slot */
#ifdef EARLY_LEAVE
    :: d_step { pc == RC_BEGIN -> work[me] = NOWHERE; pc = RC_SPARE }
#else
    :: d_step { pc == RC_BEGIN -> pc = RC_SPARE }
#endif
    :: d_step { pc == RC_SPARE -> if :: spare[me] == NOWHERE -> pc = RC_WORK :: else -> x = spare[me]; pc = RC_BIT fi }
    :: d_step { pc == RC_BIT ->                                  /* whose bit it is, only the record says */
        if :: taken[x] -> assert(g_holder[x] == me); taken[x] = 0; g_holder[x] = NOBODY :: else fi;
        pc = RC_FORGET }
    :: d_step { pc == RC_FORGET -> spare[me] = NOWHERE; pc = RC_WORK }
    :: d_step { pc == RC_WORK -> work[me] = NOWHERE; finish() }
    od
}

init {
    atomic {
        run participant(0, S0);
        run participant(1, S1);
#if N > 2
        run participant(2, S2);
#endif
    }
}
