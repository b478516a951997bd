/*
 * take.pml: rule R6 of lfvec for spin: how a slab is taken from a live owner, who may stand still at any instruction (lib/slab.c:
 * slab_enter_slow(), slab_offer(), slab_take_over(); lib/reclaim.c: take_over()).
 *
 * What lfvec.pml proves under the assumption that a slab has one owner for all time is not proved here again; this is about that assumption.
 * So there is little: a head, which is only ever changed by compare-and-swap, with the directory of two entries that goes with it (a
 * descriptor is in effect with its head; a reader of the directory may find a later one); two slabs, each with its word { owner, taker }, and
 * two leaves of one element. Participants push one element or two (a batch, that stores into both leaves before its compare-and-swap), in
 * place or by a spare, pop, take leaves as spares, give them back, and take slabs over. So a spare of one may lie in a slab of the other.
 *
 * As in lfvec.pml each step makes one access that others can see, and to stand still for ever is to be scheduled no more. Death is a step:
 * registers are forgotten, and the heir of the slot begins with recovery. Whether a dead one's attempt has won is decided elsewhere (R5).
 *
 * What must hold: nobody stores into a leaf that holds what is live, or that another has as a spare; what a push makes live is what it stored;
 * a leaf is taken by one at a time. The assertions say so where it happens.
 *
 * Macros: N participants, OPS operations of each, DEATHS, MORTAL. S0 S1 S2: what each may do, a bit mask of the operations.
 * Negative controls: NO_LOOK (a taker does not look whether the owner works there), NO_MARK (it looks, and then takes the slab in one step),
 *   NO_UNMARK (an owner that comes back leaves the mark), NO_ENTER (an owner stores without an announcement), NO_MOVE (the head is not moved
 *   between the mark and the taking), LATE_ANNOUNCE (an owner looks at the word first and announces afterwards), EARLY_LEAVE (recovery gives up
 *   the slab before it has looked at the spares), NO_HEAD (the head is not looked at before a store in place), GIVE_ANY (a spare is given back
 *   wherever it lies).
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

#define NONE 4                          /* leaves are 0 to 3; leaf y lies in slab y / 2 */

/* ---- shared memory */
byte hv = 1, hn;                        /* head: version and size */
byte dir[2];                            /* the leaf of element i, as the newest head has it; set at the start */
byte owner[2] = 0, taker[2] = NOBODY;   /* slab words: only ever changed as one */
byte work[N] = NOWHERE;
byte val[4];                            /* the element in a leaf */
bit  taken[4];                          /* the bits */
byte spare[N] = NONE;

/* ---- ghosts */
byte g_elem[2];                         /* what is live */
byte g_owes[N] = NONE;                  /* the leaf that it has replaced, and has to free */
byte deaths;
hidden byte z;

mtype = { IDLE, LOAD, RESOLVE, ENTER, CHECK, UNMARK, HEAD, STORE, FILL, CAS, SPEND, FREE, SEEN, MARK, LOOK, MOVE, MOVED, ANNOUNCE, TAKE,
          FIND, RECORD, BIT, GIVE, RETURN, FORGET, RC_BEGIN, RC_WON, RC_FREE, RC_SPARE, RC_FORGET, RC_WORK };

#define TAG(s) ((s) * N + me + 1)       /* what this participant stores at version s: unique */
#define MINE(i) (owner[i] == me)
#define LIVE(y) ((hn > 0 && dir[0] == (y)) || (hn > 1 && dir[1] == (y)))
#define IN_DIR(y) (dir[0] == (y) || dir[1] == (y))

inline forget() { s = 0; n = 0; i = 0; k = 0; x = 0; y = NONE; r = NONE; o = 0; t = 0; why = 0 }
inline finish() { forget(); pc = IDLE }
#if DEATHS
#define OR_DIE :: d_step { deaths < DEATHS && ((MORTAL >> me) & 1) && pc != IDLE -> deaths++; forget(); pc = RC_BEGIN }
#else
#define OR_DIE
#endif

/* an owner is about to store into slab x: in place (1), by taking a leaf (2), or to give one back (3) */
#ifdef NO_HEAD
#define IN_PLACE STORE
#else
#define IN_PLACE HEAD
#endif
inline entered() { if :: why == 1 -> pc = IN_PLACE :: why == 2 -> pc = RECORD :: why == 3 -> pc = RETURN fi }
inline enter() {
#ifdef NO_ENTER
    entered()
#else
    if :: work[me] == x -> entered() :: else -> pc = ENTER fi
#endif
}
/* y is the leaf of element i: in place if it is ours, or by the spare if there is one */
inline place() {
    if :: MINE(y / 2) -> x = y / 2; why = 1; enter()
       :: !MINE(y / 2) && k == 1 && spare[me] != NONE && taken[spare[me]] -> r = y; y = spare[me]; pc = FILL
       :: else -> finish()
    fi
}
inline stored() { i++; pc = (i == n + k -> CAS : RESOLVE) }
inline nobody_elses() {
    z = 0;
    do :: z < N -> assert(z == me || spare[z] != y || !taken[y] || IN_DIR(y)); z++ :: else -> break od
}

proctype participant(byte me; byte script)
{
    mtype pc = IDLE;
    byte ops, s, n, i, k, x, y = NONE, r = NONE, o, t, why;
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
        :: MAY(LEAF0) -> x = 0; pc = (spare[me] == NONE -> FIND : GIVE)
        :: MAY(LEAF1) -> x = 1; pc = (spare[me] == NONE -> FIND : GIVE)
        fi
    /* push, pop: load the head; store; compare-and-swap */
    :: d_step { pc == LOAD ->
        s = hv; n = hn;
        if :: k == 0 && n == 0 -> finish()
           :: k == 0 && n > 0 -> pc = CAS
           :: k > 0 && n + k > 2 -> finish()
           :: else -> i = n; pc = RESOLVE
        fi }
    :: d_step { pc == RESOLVE -> y = dir[i]; place() }
    :: d_step { pc == HEAD -> if :: hv == s -> pc = STORE :: else -> finish() fi }
    :: d_step { pc == STORE ->
        assert(!LIVE(y)); nobody_elses();
        val[y] = TAG(s); stored() }
    :: d_step { pc == FILL ->
        assert(!IN_DIR(y) && taken[y]); nobody_elses();
        val[y] = TAG(s); stored() }
    :: d_step { pc == CAS ->
        if :: hv != s -> finish()                               /* lost */
           :: hv == s ->
                hv = s + 1;
                if :: k == 0 -> hn = n - 1; g_elem[n - 1] = 0
                   :: else ->
                        if :: r != NONE -> dir[n] = y; g_owes[me] = r :: else fi;
                        i = n;
                        do :: i < n + k -> assert(val[dir[i]] == TAG(s)); g_elem[i] = TAG(s); i++ :: else -> break od;
                        hn = n + k
                fi;
                if :: r != NONE -> pc = SPEND :: else -> finish() fi
        fi;
        assert(hn < 1 || val[dir[0]] == g_elem[0]); assert(hn < 2 || val[dir[1]] == g_elem[1]) }
    :: d_step { pc == SPEND -> spare[me] = NONE; pc = FREE }
    :: d_step { pc == FREE -> assert(taken[r] && g_owes[me] == r); taken[r] = 0; g_owes[me] = NONE; finish() }
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
        if :: o == me -> finish() :: else -> pc = MARK fi }
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
    /* a spare: found free, recorded, its bit; given back */
    :: d_step { pc == FIND ->
        if :: !MINE(x) -> finish()
           :: MINE(x) && !taken[2 * x] -> y = 2 * x; why = 2; enter()
           :: MINE(x) && taken[2 * x] && !taken[2 * x + 1] -> y = 2 * x + 1; why = 2; enter()
           :: else -> finish()
        fi }
    :: d_step { pc == RECORD -> assert(!taken[y]); spare[me] = y; pc = BIT }
    :: d_step { pc == BIT -> assert(!taken[y]); taken[y] = 1; nobody_elses(); finish() }
    :: d_step { pc == GIVE ->
        y = spare[me]; x = y / 2; why = 3;
#ifdef GIVE_ANY
        pc = RETURN }
#else
        if :: !MINE(x) -> finish() :: else -> enter() fi }      /* in another's slab: it stays in hand */
#endif
    :: d_step { pc == RETURN -> assert(taken[spare[me]] && !IN_DIR(spare[me])); taken[spare[me]] = 0; pc = FORGET }
    :: d_step { pc == FORGET -> spare[me] = NONE; finish() }
    /* recovery, by the heir of the slot */
#ifdef EARLY_LEAVE
    :: d_step { pc == RC_BEGIN -> work[me] = NOWHERE; pc = RC_WON }
#else
    :: d_step { pc == RC_BEGIN -> pc = RC_WON }
#endif
    :: d_step { pc == RC_WON ->
        if :: g_owes[me] == NONE -> pc = RC_SPARE
           :: else -> if :: spare[me] != NONE && IN_DIR(spare[me]) -> spare[me] = NONE :: else fi; pc = RC_FREE
        fi }
    :: d_step { pc == RC_FREE -> r = g_owes[me]; assert(taken[r]); taken[r] = 0; g_owes[me] = NONE; pc = RC_SPARE }
    :: d_step { pc == RC_SPARE ->                                /* whose bit it is, only the record says: if it is set, the heir has it */
        y = spare[me];
        if :: y == NONE -> pc = RC_WORK
           :: y != NONE && !taken[y] -> pc = RC_FORGET
           :: else -> assert(!IN_DIR(y)); nobody_elses(); pc = RC_WORK
        fi }
    :: d_step { pc == RC_FORGET -> spare[me] = NONE; pc = RC_WORK }
    :: d_step { pc == RC_WORK -> work[me] = NOWHERE; finish() }
    od
}

init {
    atomic {
        dir[0] = 0; dir[1] = 2; taken[0] = 1; taken[2] = 1;
        run participant(0, S0);
        run participant(1, S1);
#if N > 2
        run participant(2, S2);
#endif
    }
}
