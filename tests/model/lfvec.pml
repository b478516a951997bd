/*
 * lfvec.pml: the algorithm of the lock-free vector (DESIGN.md, sections 3 to 6), for spin.
 *
 * One process per slot. A process is a table of guarded steps: `pc` names the step, and each step makes one access to memory that another
 * participant can see at that moment (a load, a store, or a 16-byte CAS). README.md lists the few steps that make two, and why that hides
 * nothing. Private words - those that only the slot's owner and, after its death, its heir ever look at - ride along with the step before
 * them; a death between any two of them is possible all the same (OR_DIE). A store of what is there already is no step.
 * Death is one more step, possible anywhere: all that was in registers is forgotten and the same process goes on as the heir, at RC_HEAD.
 *
 * Ghost state (names g_*) is not part of the algorithm: it is changed in the step of the head CAS and holds what the vector should be.
 *
 * Macros (-D):  N participants, K leaves per slab, DIRS directory entries, B most leaves in a descriptor (2: batches), DEATHS how many may die,
 *   MORTAL bit mask of those who may; S0 S1 S2 scripts: one nibble an operation, first the lowest; 15 = any in the bit mask MIX, 0 = end;
 *   INIT elements at the start, in leaves of participant OWNER; CYCLES: no "retry only if the head moved" assertion, so that the endless
 *   retry itself can be found (pan compiled with -DNP).
 *   LEASES: pop_lease and ack. Where nobody can die, `committed` and `intent` are left out: nothing would read them.
 * Negative controls: NO_R1_SEQ NO_R1_HEAD NO_R2 DIRTY_PLUS1 SEQ_FIRST NO_R3 NO_ODD SINCE_LAST NO_R4 NO_R5 COMMITTED_FIRST NO_STAMP VALUE_ONLY
 *   CW_ONCE R4_LAZY_BLIND.
 * Variants: R4_LAZY (raise only for a version that published a descriptor or took a lease), IN_PLACE_SILENT (an in-place push publishes nothing),
 *   OWN_EAGER (an owner records each of its wins, also those that nobody would ask about).
 */
#ifndef N
#define N 2
#endif
#ifndef K
#define K 3
#endif
#ifndef DIRS
#define DIRS 3
#endif
#ifndef B
#define B 1
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef MORTAL
#define MORTAL 255
#endif
#ifndef S0
#define S0 0
#endif
#ifndef S1
#define S1 0
#endif
#ifndef S2
#define S2 0
#endif
#ifndef MIX
#define MIX 65535
#endif
#ifndef INIT
#define INIT 0
#endif
#ifndef OWNER
#define OWNER 0
#endif

#define L        2                        /* elements per leaf */
#define MAXN     (DIRS * L)
#define LEAVES   (N * K)                  /* leaf 0 is "none"; participant p owns p*K+1 .. p*K+K */
#define OWN(l)   (((l) - 1) / K)
#define AT(l, c) ((l) * L + (c))
#define BUFS     (2 * N + 1)              /* descriptor 0 is "none"; participant p owns p*2+1 and p*2+2 */
#define MAKER(x) (((x) - 1) / 2)
#define BUF(x)   ((x) * B)
#define NOBODY   N

/* operations, as the nibbles of a script; RET is recovery's own: push a dead consumer's lease back */
#define PUSH 1
#define POP 2
#define SET0 3
#define SET1 4
#define SET2 5
#define GET0 6
#define GET1 7
#define GET2 8
#define PUSH2 9
#define POP2 10
#define LEASE 11
#define ACK 12
#define RET 13
#define ANY 15
#define PUSHES (op == PUSH || op == PUSH2 || op == RET)
#define POPS   (op == POP || op == POP2 || op == LEASE)
#define SETS   (op >= SET0 && op <= SET2)
#define GETS   (op >= GET0 && op <= GET2)

/* ---- shared memory ------------------------------------------------------------------------------------------------------------ */
byte hv = 1, hn = INIT, hd, hl = NOBODY;                        /* head: version, size, desc, last; only ever changed as one */
byte dir[DIRS], stamp[DIRS];                                    /* directory: only ever changed as one pair */
bit  used_bit[LEAVES + 1];                                      /* slab bitmaps */
byte lseq[LEAVES + 1], dirty[LEAVES + 1], used[LEAVES + 1], stable[LEAVES + 1], elem[(LEAVES + 1) * L];
byte dseq[BUFS], since[BUFS], first[BUFS], leaf[BUFS * B], old[BUFS * B];
#if B > 1
byte count[BUFS];
#define COUNT(x) count[x]
#else
#define COUNT(x) ((x) != 0)
#endif
#if DEATHS
byte committed[N];
byte intent[N], intent_buf[N];                                  /* read by nobody but recovery */
#endif
byte spare[N * B];
#define NO_LEASE 0
#define HELD 1                                                  /* popped by version lease_ver, if that was won */
#define RETURNING 2                                             /* pushed back by version lease_ver, if that was won */
#ifdef LEASES
byte lease[N], lease_ver[N], lease_val[N];
#endif

/* ---- ghost state -------------------------------------------------------------------------------------------------------------- */
byte g_elem[MAXN], g_n = INIT, g_dir[DIRS];                     /* the abstract vector; the leaf each entry resolves to */
bit  g_out[LEAVES + 1];                                         /* was replaced, has to be freed by the one who won that */
byte g_won[N];                                                  /* newest version this slot won with a descriptor of its own */
byte g_lease[N];                                                /* what it has on lease */
byte deaths, ended;
hidden byte z, y, refs;                                         /* scratch inside one step */

/* what a reader that was turned away may rely on: somebody else got on. This is lock-freedom, as a safety property */
#ifdef CYCLES
#define MOVED skip
#else
#define MOVED assert(hv != s)
#endif

/* whose own win has to be on record before anybody moves on: what recovery asks for by R5. Of others it is told by R4, or by the head */
#ifdef OWN_EAGER
#define OWES_RECORD true
#elif defined(LEASES)
#define OWES_RECORD (b || lease[me] != NO_LEASE)
#else
#define OWES_RECORD (b)
#endif

#if DEATHS
#define ATTEMPT   HELP_LAST
#define MAY_DIE   (deaths < DEATHS && ((MORTAL >> me) & 1))
#define OR_DIE    :: d_step { MAY_DIE -> die() }
#define PRIV(...) __VA_ARGS__
#define CLEAR_INTENT intent[me] = 0
#else                                                           /* nobody ever reads `committed`: steps 6 and "committed = s+1" fall away */
#define ATTEMPT   CAS
#define OR_DIE
#define PRIV(...)
#define CLEAR_INTENT skip
#endif
#ifdef NO_R5
#undef CLEAR_INTENT
#define CLEAR_INTENT skip                                       /* the intent of a lost attempt stays while something newer is tried */
#endif
#ifdef NO_R2
#define USE_R2 0
#else
#define USE_R2 1
#endif
#if defined(R4_LAZY) && defined(LEASES) && !defined(R4_LAZY_BLIND)
#define LEASE_OF_LAST (lease[q] != NO_LEASE)
#else
#define LEASE_OF_LAST 0
#endif
#ifdef R4_LAZY
#define NEEDS_R4 (q != me && q != NOBODY && (pub || LEASE_OF_LAST))
#elif defined(NO_R4)
#define NEEDS_R4 0
#else
#define NEEDS_R4 (q != me && q != NOBODY)
#endif

#define D0        (a / L)                                       /* first entry touched, and how many */
#if B > 1
#define ENTRIES   ((a + w - 1) / L - a / L + 1)
#define COVERS(e) (fd <= (e) && (e) < fd + fc)
#else
#define w         1
#define ENTRIES   1
#define COVERS(e) (fc && fd == (e))
#endif
#define TOUCHED(i) ((i) >= a && (i) < a + w)                    /* element i is one of this operation's */
#define IN_PLACE(j) (Z[j] == X[j])
#define STAINED(y) (dirty[y] || used[y] || stable[y] != L)
#define MINE(x)   ((x) && MAKER(x) == me)

#if B > 1
#define BATCH(...) __VA_ARGS__
#else
#define BATCH(...)
#endif
#ifdef IN_PLACE_SILENT
#define QUIET(e) 1
#else
#define QUIET(e) (MINE(h) && COVERS(e))
#endif
#ifdef LEASES
#define LEASED(...) __VA_ARGS__
#define NOT_LEASED(...)
#define HOLDS_LEASE (lease[me] == HELD)
#define VAL(i) (op == RET -> lease_val[me] : (me * 7 + k) * B + (i))
#else
#define LEASED(...)
#define NOT_LEASED(...) __VA_ARGS__
#define HOLDS_LEASE 0
#define VAL(i) ((me * 7 + k) * B + (i))                         /* unique: slot, number of the operation, place in the batch */
#endif
#if defined(NO_R2) || defined(SEQ_FIRST)
#define AFTER_ELEM G_SEQ
#else
#define AFTER_ELEM G_STABLE
#endif
#ifdef SEQ_FIRST
#define AFTER_SEQ  pc = G_STABLE
#define AFTER_R2   accept()
#else
#define AFTER_SEQ  accept()
#define AFTER_R2   pc = G_SEQ
#endif
#ifdef VALUE_ONLY
#define OLD_TOO(...) __VA_ARGS__
#else
#define OLD_TOO(...)
#endif
#ifdef CW_ONCE
#define CW_AGAIN cw_next()
#else
#define CW_AGAIN o = 0; t = 0; pc = CW_LOAD
#endif
#define SCRIPT (((me == 0 -> S0 : (me == 1 -> S1 : S2)) >> (4 * k)) & 15)
#define PICK(o) (SCRIPT == o || (SCRIPT == ANY && ((MIX >> o) & 1)))

/* ---- local steps (no shared access) -------------------------------------------------------------------------------------------- */
inline forget() {                                               /* registers of an attempt */
    s = 0; n = 0; h = 0; q = 0; a = 0; j = 0; c = 0; t = 0; fs = 0; fd = 0; fc = 0; b = 0; pub = 0;
    X[0] = 0; Z[0] = 0; F[0] = 0; val[0] = 0; o = 0;
    BATCH(w = 0; X[1] = 0; Z[1] = 0; F[1] = 0; val[1] = 0)
}
inline finish()  { forget(); op = 0; expect = 0; pc = IDLE }
inline retry()   { MOVED; forget(); pc = LOAD }
inline die()     { printf("P%d dies at %e\n", me, pc); deaths++; finish(); pc = RC_HEAD }

inline fill()    { fs = 0; fd = 0; fc = 0; F[0] = 0; BATCH(F[1] = 0;) h = 0; pc = FILL_ODD }
/* push step 5: nothing to publish, or complete_write first, or fill a buffer */
inline publish() {
    y = 1; z = 0;                                                                     /* y: all is in place and in effect already */
    do :: z < ENTRIES -> y = (y && IN_PLACE(z) && QUIET(D0 + z)); z++ :: else -> break od;
    if :: y -> pc = ATTEMPT; b = 0
       :: else ->
            b = me * 2 + 1;
#ifndef NO_R3
            if :: h == b -> b++ :: else fi;                                           /* R3: the buffer that head does not name */
#endif
            y = 0; z = 0;
            do :: z < fc -> y = (y || !(D0 <= fd + z && fd + z < D0 + ENTRIES)); z++ :: else -> break od;
            if :: y -> pc = CW_LOAD :: else -> fill() fi
    fi
}
/* push steps 3 and 4: the next store into the leaves of this attempt, or on to step 5 */
inline advance() {
    do
    :: j == ENTRIES -> j = 0; publish(); break
    :: j < ENTRIES && Z[j] == 0 ->                                                    /* entry j: in place, or in a spare */
        if :: PUSHES && X[j] && OWN(X[j]) == me -> Z[j] = X[j]; c = (j == 0 -> a % L : 0)
           :: else ->
                Z[j] = spare[me * B + j]; c = 0;
                if :: Z[j] == 0 -> pc = A_SCAN; break                                 /* only in the control NO_R1_HEAD */
                   :: Z[j] && lseq[Z[j]] != s + 1 -> assert(Z[j] != X[j]); pc = W_SEQ; break
                   :: Z[j] && lseq[Z[j]] == s + 1 && STAINED(Z[j]) -> pc = W_RESET; break
                   :: else -> assert(Z[j] != X[j])                                    /* (a store of what is there already is no step) */
                fi
        fi
    :: j < ENTRIES && Z[j] && c < L && (D0 + j) * L + c < (PUSHES -> a + w : n) ->    /* slot c is to be stored */
        pc = (USE_R2 && IN_PLACE(j) && c < used[Z[j]] -> W_DIRTY : W_STORE); break
    :: else -> j++; c = 0
    od;
    skip                                                                              /* (no break may leave a d_step) */
}
/* the descriptor in effect is known (fc = 0: none); find the next entry's leaf in it, or else in the directory */
inline resolve() {
    do :: j < ENTRIES && COVERS(D0 + j) -> X[j] = F[D0 + j - fd]; j++ :: else -> break od;
    if :: j < ENTRIES -> pc = DIRECTORY
       :: else ->
            j = 0;
            if :: GETS -> fs = 0; fd = 0; fc = 0; F[0] = 0; BATCH(F[1] = 0;) pc = G_ELEM
               :: POPS -> fs = 0; fd = 0; fc = 0; F[0] = 0; BATCH(F[1] = 0;) pc = P_ELEM
               :: else -> advance()
            fi
    fi
}
/* the next thing to free after a win, or the end */
inline free_next() {
    do :: j < ENTRIES && (IN_PLACE(j) || X[j] == 0) -> j++ :: else -> break od;
    pc = (j < ENTRIES -> FREE : DONE)
}
inline take_bit() {
    assert(!used_bit[spare[me * B + j]]);
    used_bit[spare[me * B + j]] = 1;
#ifdef NO_R1_HEAD
    Z[0] = spare[me * B]; pc = (lseq[Z[0]] == s + 1 -> W_RESET : W_SEQ)
#else
    j = 0;
    pc = (op == PUSH2 && spare[me * B + B - 1] == 0 -> A_SCAN : LOAD)             /* R1: only then load the head for the attempt */
#endif
}
/* step 2: load the head; what can be told from it at once */
inline load() {
    s = hv; n = hn; h = hd; q = hl;
    if :: PUSHES -> a = n; BATCH(w = (op == PUSH2 -> 2 : 1))
       :: POPS -> BATCH(w = (op == POP2 && n > 1 -> 2 : 1);) a = (n -> n - w : 0)
       :: SETS -> a = op - SET0; BATCH(w = 1)
       :: else -> a = op - GET0; BATCH(w = 1)
    fi;
    if :: !PUSHES && a >= n ->                                                    /* -EAGAIN, -ERANGE */
            assert(g_n == n); LEASED(if :: op == LEASE -> lease[me] = NO_LEASE; lease_val[me] = 0; lease_ver[me] = 0 :: else fi;)
            PRIV(if :: op < GET0 -> intent[me] = 0 :: else fi;)
            finish()
       :: else ->
            assert(a + w <= MAXN);
            if :: GETS -> expect = g_elem[a] :: else fi;
            if :: h == 0 -> resolve()
               :: h && MAKER(h) == me ->                                          /* my own: nobody else writes it */
                    if :: dseq[h] % 2 || since[h] > s -> retry()
                       :: else ->
                            fs = since[h]; fd = first[h]; fc = COUNT(h); F[0] = leaf[BUF(h)]; BATCH(F[1] = leaf[BUF(h) + 1];)
                            OLD_TOO(O[0] = old[BUF(h)];) resolve()
                    fi
               :: else -> pc = D_SEQ
            fi
    fi
}
inline audit() {                                                /* at the very end, from shared memory alone */
    assert(hn == g_n);
    z = 0;
    do :: z < DIRS ->
            y = dir[z];
            if :: hd && first[hd] <= z && z < first[hd] + COUNT(hd) -> y = leaf[BUF(hd) + z - first[hd]] :: else fi;
            assert(y == g_dir[z]);
            assert(z * L >= hn || y);
            if :: z * L < hn -> assert(elem[AT(y, 0)] == g_elem[z * L]) :: else fi;
            if :: z * L + 1 < hn -> assert(elem[AT(y, 1)] == g_elem[z * L + 1]) :: else fi;
            z++
       :: else -> break od;
    y = 1;                                                      /* every leaf is referenced once, or is a spare, or is free */
    do :: y <= LEAVES ->
            refs = 0; z = 0;
            do :: z < DIRS -> refs = refs + (g_dir[z] == y); z++ :: else -> break od;
            z = 0;
            do :: z < N * B -> refs = refs + (spare[z] == y); z++ :: else -> break od;
            assert(refs == used_bit[y]);
            y++
       :: else -> break od;
    z = 1;
    do :: z < BUFS -> assert(dseq[z] % 2 == 0); z++ :: else -> break od;
    z = 0;
    do :: z < N -> PRIV(assert(intent[z] == 0);) z++ :: else -> break od
#ifdef LEASES
    ; z = 0;
    do :: z < N -> assert(lease[z] != RETURNING && (lease[z] == HELD) == (g_lease[z] != 0) && lease_val[z] * lease[z] == g_lease[z]);
                   z++ :: else -> break od
#endif
}
/* the head CAS was won: what that means (ghost), and that it was right to win */
inline effect() {
    assert(hn == n && hl == q && n == g_n);
    hv = s + 1; hl = me;
    z = 0;
    if :: PUSHES ->
            do :: z < w -> g_elem[a + z] = VAL(z); z++ :: else -> break od;
            hn = n + w
       :: POPS ->
            do :: z < w -> assert(val[z] == g_elem[a + z]); g_elem[a + z] = 0; z++ :: else -> break od;
            hn = n - w
       :: else -> g_elem[a] = VAL(0)
    fi;
    g_n = hn;
    z = 0;
    do :: z < ENTRIES ->
            assert(X[z] == g_dir[D0 + z]);
            assert(b || IN_PLACE(z) || !(PUSHES || SETS));
            if :: b && !IN_PLACE(z) -> assert(used_bit[Z[z]]); g_out[X[z]] = 1; g_out[0] = 0; g_dir[D0 + z] = Z[z] :: else fi;
            z++
       :: else -> break od;
    if :: b -> hd = b; PRIV(g_won[me] = s + 1) :: else fi;
    LEASED(if :: op == LEASE -> g_lease[me] = val[0]
              :: op == RET -> assert(g_lease[me] == lease_val[me] && g_lease[me]); g_lease[me] = 0
              :: else fi;)
    z = 0;                                                      /* every element is where the new version says it is */
    do :: z < g_n -> assert(elem[AT(g_dir[z / L], z % L)] == g_elem[z] && used_bit[g_dir[z / L]]); z++ :: else -> break od;
    printf("P%d wins version %d: size %d desc %d\n", me, hv, hn, hd)
}
inline release_leaf(x) {                                        /* clear a bit: once for each time the leaf was replaced, and never else */
    assert(used_bit[x] && g_out[x]);
    used_bit[x] = 0; g_out[x] = 0
}

inline accept() { assert(val[0] == expect); finish() }          /* what was live at version s */
/* the next entry to install, or on to the buffer */
inline cw_next() { o = 0; t = 0; j++; if :: j < fc -> pc = CW_LOAD :: else -> j = 0; fill() fi }
/* after a win, last of all: intent = 0 (and recovery's push of a lease: the lease goes after that) */
inline end_op()  { PRIV(intent[me] = 0;) LEASED(if :: op == RET -> forget(); pc = UNLEASE :: else -> finish() fi) NOT_LEASED(finish()) }
/* recovery: the next leaf that the dead may have left to be freed */
inline rc_next() { do :: j < COUNT(b) && old[BUF(b) + j] == 0 -> j++ :: else -> break od; pc = (j < COUNT(b) -> RC_BIT : RC_DONE) }


mtype { IDLE, A_SCAN, A_HEAD, A_SEQ, A_BIT, LOAD, D_SEQ, D_SINCE, D_FIRST, D_LEAF, D_CHECK, DIRECTORY,
        G_ELEM, G_STABLE, G_DIRTY, G_SEQ, P_ELEM,
        W_SEQ, W_RESET, W_DIRTY, W_STABLE, W_STORE, CW_LOAD, CW_CAS,
        FILL_ODD, FILL_SINCE, FILL_FIRST, FILL_LEAF, FILL_SINCE_LAST, FILL_EVEN, HELP_LAST, CAS, WON, FREE, DONE, UNLEASE,
        RC_HEAD, RC_RAISE, RC_EVEN, RC_DECIDE, RC_BIT, RC_SEQ, RC_FREE, RC_DONE, RC_SPARE, RC_LEASE };

proctype participant(byte me) {
    mtype pc = IDLE;
    byte op, k;                                 /* operation, how many were begun */
    byte s, n, h, q;                            /* the head as loaded: version, size, desc, last */
    byte a;                                     /* first element touched */
    byte j, c, t;                               /* entry, slot, scratch */
    byte fs, fd, fc, F[B];                      /* the descriptor in effect: since, first, count, leaves */
#ifdef VALUE_ONLY
    byte O[B];
#endif
    byte X[B], Z[B];                            /* per entry: the leaf that was there, the leaf that is to be there */
    byte b;                                     /* buffer published by this attempt, 0 = none */
    byte val[B], expect;                        /* what was read; ghost: what a get has to return */
    byte o;                                     /* leaf that complete_write found in the directory */
    bit pub;                                    /* version s published a descriptor */
#if B > 1
    byte w;                                     /* elements touched */
#endif

    do
    /* ---- the next operation ------------------------------------------------------------------------------------------------ */
    :: atomic { pc == IDLE && SCRIPT ->
        if :: PICK(PUSH) -> op = PUSH
           :: PICK(POP)  -> op = POP
           :: PICK(SET0) -> op = SET0
           :: PICK(SET1) -> op = SET1
           :: PICK(SET2) -> op = SET2
           :: PICK(GET0) -> op = GET0
           :: PICK(GET1) -> op = GET1
           :: PICK(GET2) -> op = GET2
#if B > 1
           :: PICK(PUSH2) -> op = PUSH2
           :: PICK(POP2) -> op = POP2
#endif
#ifdef LEASES
           :: PICK(LEASE) && lease[me] == NO_LEASE -> op = LEASE
           :: PICK(ACK) && lease[me] == HELD -> op = ACK
           :: SCRIPT == ACK && lease[me] == NO_LEASE -> op = 0          /* scripted, but the pop found nothing, or recovery returned it */
#endif
        fi;
        d_step {
            k++;
            printf("P%d begins operation %d\n", me, op);
            if :: op == 0 -> skip :: op == ACK -> pc = UNLEASE
#ifndef NO_R1_HEAD
               :: (PUSHES || SETS) && (spare[me * B] == 0 || (op == PUSH2 && spare[me * B + B - 1] == 0)) -> pc = A_SCAN
#endif
               :: else -> pc = LOAD fi;
            if :: pc == LOAD -> load() :: else fi                                     /* the choice is nobody else's business: one step */
        }
      }

    /* ---- push step 1: spare_alloc, slab_set_bit (R1) ------------------------------------------------------------------------- */
    :: d_step { pc == A_SCAN ->                                                       /* load the bitmap; record the leaf */
        z = me * K + 1;
        do :: used_bit[z] -> z++ :: else -> break od;
        assert(z <= me * K + K);                                                      /* else K is too small for the scenario */
#ifdef NO_R1_HEAD
        spare[me * B] = z; pc = A_BIT                                                 /* the attempt's head was loaded before this */
#else
        if :: spare[me * B] == 0 -> spare[me * B] = z; j = 0 :: else -> spare[me * B + B - 1] = z; j = B - 1 fi;
#ifdef NO_R1_SEQ
        pc = A_BIT
#else
        pc = A_HEAD
#endif
#endif
      }
    :: d_step { pc == A_HEAD -> t = hv; pc = A_SEQ }
    :: d_step { pc == A_SEQ ->                                                        /* R1: seq stands before the bit is set */
        lseq[spare[me * B + j]] = t + 1; t = 0;
#if DEATHS
        pc = A_BIT }
#else
        take_bit() }                                                                  /* a clear bit is looked at by its owner and by recovery only */
#endif
    :: d_step { pc == A_BIT -> take_bit() }

    /* ---- step 2: load the head, desc_resolve ----------------------------------------------------------------------------------- */
    :: d_step { pc == LOAD -> load() }
    :: d_step { pc == D_SEQ -> t = dseq[h]; if :: t % 2 -> retry() :: else -> pc = D_SINCE fi }
    :: d_step { pc == D_SINCE -> fs = since[h]; if :: fs > s -> retry() :: else -> pc = D_FIRST fi }
    :: d_step { pc == D_FIRST -> fd = first[h]; fc = COUNT(h); pc = D_LEAF }
    :: d_step { pc == D_LEAF -> F[j] = leaf[BUF(h) + j]; OLD_TOO(O[j] = old[BUF(h) + j];) j++; if :: j == fc -> j = 0; pc = D_CHECK :: else fi }
    :: d_step { pc == D_CHECK -> if :: dseq[h] != t -> retry() :: else -> t = 0; pub = (fs == s); resolve() fi }
    :: d_step { pc == DIRECTORY -> X[j] = dir[D0 + j]; j++; resolve() }

    /* ---- get: vector_get. The reading order is part of the rule: element, stable, dirty, and seq last --------------------------- */
    :: d_step { pc == G_ELEM -> assert(X[0]); val[0] = elem[AT(X[0], a % L)];
        pc = AFTER_ELEM }
    :: d_step { pc == G_STABLE -> if :: a % L < stable[X[0]] -> AFTER_R2 :: else -> pc = G_DIRTY fi }
    :: d_step { pc == G_DIRTY -> if :: dirty[X[0]] <= s -> AFTER_R2 :: else -> retry() fi }
    :: d_step { pc == G_SEQ -> if :: lseq[X[0]] > s -> retry() :: else -> AFTER_SEQ fi }

    /* ---- pop: vector_pop --------------------------------------------------------------------------------------------------------- */
    :: atomic { pc == P_ELEM ->
        d_step { assert(X[(a + c) / L - D0]); val[c] = elem[AT(X[(a + c) / L - D0], (a + c) % L)]; c++ };
        if :: c < w -> skip
           :: c >= w ->
#ifdef LEASES
                if :: op == LEASE ->                                                  /* the copy is kept before the CAS */
                        lease_val[me] = val[0];
                        if :: d_step { lease[me] = HELD; lease_ver[me] = s + 1; c = 0; pc = ATTEMPT } OR_DIE fi
                   :: else -> d_step { c = 0; pc = ATTEMPT }
                fi
#else
                d_step { c = 0; pc = ATTEMPT }
#endif
        fi }

    /* ---- push and set, steps 3 and 4: write the leaf (R2) ------------------------------------------------------------------------- */
    :: d_step { pc == W_SEQ -> lseq[Z[j]] = s + 1; if :: STAINED(Z[j]) -> pc = W_RESET :: else -> advance() fi }                     /* new role: no older reader accepts it from now on */
    :: d_step { pc == W_RESET -> dirty[Z[j]] = 0; stable[Z[j]] = L; used[Z[j]] = 0; advance() }
    :: d_step { pc == W_DIRTY ->
#ifdef DIRTY_PLUS1
        dirty[Z[j]] = s + 1;
#else
        dirty[Z[j]] = s;                                                              /* R2: turn away readers older than s */
#endif
        pc = (c < stable[Z[j]] -> W_STABLE : W_STORE) }
    :: d_step { pc == W_STABLE -> stable[Z[j]] = c; pc = W_STORE }
    :: d_step { pc == W_STORE ->
        if :: used[Z[j]] <= c -> used[Z[j]] = c + 1 :: else fi;
        elem[AT(Z[j], c)] = (TOUCHED((D0 + j) * L + c) -> VAL((D0 + j) * L + c - a) : elem[AT(X[j], c)]);
        c++; advance() }

    /* ---- complete_write of the descriptor in effect: desc_complete_write ----------------------------------------------------------- */
    :: d_step { pc == CW_LOAD ->                                                      /* load the entry; a stamp >= since is done already */
        o = dir[fd + j]; t = stamp[fd + j];
#if defined(NO_STAMP) || defined(VALUE_ONLY)
        pc = CW_CAS
#else
        if :: t >= fs -> cw_next() :: else -> pc = CW_CAS fi
#endif
      }
    :: d_step { pc == CW_CAS ->
#ifdef VALUE_ONLY
        if :: dir[fd + j] == O[j] -> dir[fd + j] = F[j]; stamp[fd + j] = fs :: else fi;
        cw_next()
#else
        if :: dir[fd + j] == o && stamp[fd + j] == t -> dir[fd + j] = F[j]; stamp[fd + j] = fs; cw_next()
           :: else -> CW_AGAIN                                                        /* lost, perhaps to an older one: the stamp decides */
        fi
#endif
      }

    /* ---- step 5: desc_publish (R3 chose the buffer, R5 orders the intent) ----------------------------------------------------------- */
    :: atomic { pc == FILL_ODD ->
        CLEAR_INTENT;
#ifdef NO_ODD
        if :: d_step { pc = FILL_SINCE } OR_DIE fi }                                  /* seq stays as it was until the rest is written */
#else
        if :: d_step { dseq[b]++; pc = FILL_SINCE } OR_DIE fi }
#endif
#ifdef SINCE_LAST
    :: d_step { pc == FILL_SINCE -> pc = FILL_FIRST }
    :: d_step { pc == FILL_SINCE_LAST -> since[b] = s + 1; pc = FILL_EVEN }
#else
    :: d_step { pc == FILL_SINCE -> since[b] = s + 1; pc = FILL_FIRST }               /* before the rest: recovery makes a torn one even */
#endif
    :: d_step { pc == FILL_FIRST -> first[b] = D0; BATCH(count[b] = ENTRIES;) pc = FILL_LEAF }
    :: d_step { pc == FILL_LEAF ->
        leaf[BUF(b) + j] = Z[j]; old[BUF(b) + j] = (IN_PLACE(j) -> 0 : X[j]); j++;
        if :: j == ENTRIES -> j = 0;
#ifdef SINCE_LAST
                pc = FILL_SINCE_LAST
#else
                pc = FILL_EVEN
#endif
           :: else fi }
    :: atomic { pc == FILL_EVEN ->
        dseq[b] = dseq[b] + 2 - dseq[b] % 2;                                         /* even, and another */
        if :: d_step { PRIV(intent[me] = s + 1; intent_buf[me] = b;) pc = ATTEMPT } OR_DIE fi }   /* R5: intent stands before the CAS */

    /* ---- step 6 (R4), step 7 --------------------------------------------------------------------------------------------------------- */
#if DEATHS
    :: atomic { pc == HELP_LAST ->
        if :: b == 0 -> CLEAR_INTENT :: else fi;                                      /* R5: an attempt that publishes nothing clears it first */
        if :: d_step {
                if :: NEEDS_R4 && committed[q] < s -> committed[q] = s :: else fi;    /* R4: CAS-max */
                pc = CAS } OR_DIE fi;
#ifdef LEASES
        if :: pc == CAS && op == RET -> if :: d_step { lease[me] = RETURNING; lease_ver[me] = s + 1 } OR_DIE fi :: else fi
#endif
      }
#endif
    :: d_step { pc == CAS ->                                                          /* one 16-byte CAS; versions never repeat */
        if :: hv == s ->
                effect(); expect = 0; n = 0; h = 0; q = 0; fs = 0; fd = 0; fc = 0; F[0] = 0; val[0] = 0; pub = 0;
                BATCH(F[1] = 0; val[1] = 0;)
#if DEATHS
                pc = WON
#else
                if :: b && !IN_PLACE(0) -> spare[me * B] = 0 :: else fi;
                BATCH(if :: b && ENTRIES == 2 && !IN_PLACE(1) -> spare[me * B + 1] = 0 :: else fi;)
                if :: b -> free_next() :: else -> pc = DONE fi;
                if :: pc == DONE -> end_op() :: else fi
#endif
           :: else -> retry()                                                         /* lost: the spare is kept */
        fi }
#if DEATHS
    :: atomic { pc == WON ->
        if :: OWES_RECORD -> committed[me] = s + 1 :: else fi;                        /* own release store */
        if :: b && !IN_PLACE(0) -> if :: spare[me * B] = 0 OR_DIE fi :: else fi;      /* the spare is used up */
#if B > 1
        if :: pc == WON && b && ENTRIES == 2 && !IN_PLACE(1) -> if :: spare[me * B + 1] = 0 OR_DIE fi :: else fi;
#endif
        if :: pc == WON -> d_step { if :: b -> free_next() :: else -> pc = DONE fi } :: else fi;
        if :: pc == DONE -> if :: d_step { end_op() } OR_DIE fi :: else fi }
#endif
    :: atomic { pc == FREE ->
        d_step { release_leaf(X[j]); j++; free_next() };
        if :: pc == DONE -> if :: d_step { end_op() } OR_DIE fi :: else fi }
#ifdef LEASES
    :: d_step { pc == UNLEASE -> lease[me] = NO_LEASE; lease_ver[me] = 0; lease_val[me] = 0; g_lease[me] = 0; finish() }
#endif

#if DEATHS
    /* ---- death anywhere, and the heir's recover_slot ----------------------------------------------------------------------------------- */
    :: d_step { (pc != IDLE || HOLDS_LEASE) && MAY_DIE -> die() }

#ifdef COMMITTED_FIRST
    :: d_step { pc == RC_HEAD -> t = committed[me]; pc = RC_EVEN }
#define ANSWER    (t >= intent[me] || (hv == intent[me] && hl == me))
#else
    :: d_step { pc == RC_HEAD -> s = hv; q = hl; pc = (q == me -> RC_RAISE : RC_EVEN) }
#define ANSWER    (committed[me] >= intent[me])
    :: d_step { pc == RC_RAISE -> if :: committed[me] < s -> committed[me] = s :: else fi; pc = RC_EVEN }
#endif
    :: d_step { pc == RC_EVEN ->
        s = 0; q = 0;
        dseq[me * 2 + 1] = dseq[me * 2 + 1] + dseq[me * 2 + 1] % 2;
        dseq[me * 2 + 2] = dseq[me * 2 + 2] + dseq[me * 2 + 2] % 2;
        pc = RC_DECIDE }
    :: atomic { pc == RC_DECIDE ->                                                    /* R5, after the head was loaded, never before */
        d_step {
            if :: intent[me] == 0 -> pc = RC_SPARE
               :: intent[me] && ANSWER -> assert(g_won[me] == intent[me]); pc = RC_BIT; b = intent_buf[me]
               :: else -> assert(g_won[me] != intent[me]); pc = RC_DONE
            fi; t = 0 };
        if :: pc != RC_BIT -> skip
           :: pc == RC_BIT ->                                                         /* won: no spares any more */
                d_step { if :: spare[me * B] == leaf[BUF(b)] -> spare[me * B] = 0 :: else fi }
#if B > 1
                ; if :: d_step { if :: COUNT(b) == 2 && spare[me * B + 1] == leaf[BUF(b) + 1] -> spare[me * B + 1] = 0 :: else fi } OR_DIE fi
#endif
        fi;
        if :: pc == RC_BIT -> d_step { rc_next() } :: else fi }
    :: d_step { pc == RC_BIT ->                                                       /* the bit is read first, then the seq */
        if :: used_bit[old[BUF(b) + j]] -> pc = RC_SEQ :: else -> j++; rc_next() fi }
    :: d_step { pc == RC_SEQ ->
        if :: lseq[old[BUF(b) + j]] < intent[me] -> pc = RC_FREE :: else -> j++; rc_next() fi }
    :: d_step { pc == RC_FREE -> release_leaf(old[BUF(b) + j]); j++; rc_next() }
    :: d_step { pc == RC_DONE -> intent[me] = 0; b = 0; j = 0; pc = RC_SPARE }
    :: d_step { pc == RC_SPARE ->                                                     /* a spare whose bit is not set is none */
        z = 0;
        do :: z < B -> if :: spare[me * B + z] && !used_bit[spare[me * B + z]] -> spare[me * B + z] = 0 :: else fi; z++ :: else -> break od;
#ifdef LEASES
        pc = RC_LEASE }
    :: d_step { pc == RC_LEASE ->                                                     /* R5 again, for the lease's version */
        if :: lease[me] == NO_LEASE -> finish()
           :: lease[me] != NO_LEASE && (committed[me] >= lease_ver[me]) == (lease[me] == HELD) ->
                op = RET; pc = (spare[me * B] -> LOAD : A_SCAN)                       /* popped and not yet pushed back */
           :: else ->                                                                 /* never popped, or pushed back already */
                assert(g_lease[me] == 0);
                lease[me] = NO_LEASE; lease_ver[me] = 0; lease_val[me] = 0; finish()
        fi
#else
        finish()
#endif
      }
#endif

    :: atomic { pc == IDLE && SCRIPT == 0 -> d_step { ended++; if :: ended == N -> audit() :: else fi }; break }
    od
}

init {
    atomic {
        d_step {
            z = 0;
            do :: z <= LEAVES -> stable[z] = L; z++ :: else -> break od;
            z = 0;
            do :: z < INIT ->
                    y = OWNER * K + 1 + z / L;
                    g_dir[z / L] = y; dir[z / L] = y; stamp[z / L] = 1;
                    used_bit[y] = 1; lseq[y] = 1; used[y] = z % L + 1;
                    elem[AT(y, z % L)] = 100 + z; g_elem[z] = 100 + z;
                    z++
               :: else -> break od
        };
        run participant(0);
#if N > 1
        run participant(1);
#endif
#if N > 2
        run participant(2);
#endif
        skip
    }
}
