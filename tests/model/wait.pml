/*
 * wait.pml - lib/wait.c: who sleeps until there is an element, and who wakes. run.sh selects and builds; README.md says how to read a trail.
 *
 * A push is one element: the win, then a look at the flag, then the wake. A waiter goes when it has popped POPS elements, or before. A slice that
 * ends is left out, so a wake-up that is lost is lost for good; a waiter may give up by its time-out instead (GIVE_UPS), and any may stop
 * for good before any step (DEATHS). What the kernel does at FUTEX_WAIT and FUTEX_WAKE is one step each, under its lock of the queue.
 *
 *   always   each in the queue has the flag up
 *   at rest  elements and sleepers exist together only as far as a death held an element's own wake back: of its pusher, or of the one it woke
 */
#ifndef PUSHERS
#define PUSHERS 2
#endif
#ifndef PUSHES
#define PUSHES 1
#endif
#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef POPS
#define POPS 1
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef GIVE_UPS
#define GIVE_UPS 0
#endif

byte size;             /* elements */
byte word;             /* wait_futex */
bit flag;              /* wanted: SHM_WANT_WAKE */
byte came;             /* wanted: the count above SHM_WAITER */
bit queued[WAITERS];   /* asleep in the kernel */
bit woken[WAITERS];    /* taken out of the queue by a waker, and has not looked since */
byte deaths, give_ups; /* so far */
byte held_back;        /* wakes that died with a process */
byte asleep;           /* in the queue, dead ones included */

inline take_one() { /* FUTEX_WAKE of one: any, as far as we know */
    if
    :: asleep == 0 -> got = 0
    :: queued[0] -> queued[0] = 0; woken[0] = 1; asleep--; got = 1
#if WAITERS > 1
    :: queued[1] -> queued[1] = 0; woken[1] = 1; asleep--; got = 1
#endif
#if WAITERS > 2
    :: queued[2] -> queued[2] = 0; woken[2] = 1; asleep--; got = 1
#endif
    fi
}

#define LOWER flag = 0; assert(KEEPS || asleep == 0)
#ifdef OLD_ORDER
#define KEEPS 1 /* who was woken raises it again */
#else
#define KEEPS 0
#endif

#define MAY_DIE(lost) :: atomic { deaths < DEATHS -> deaths++; held_back = held_back + (lost); goto gone }

active [PUSHERS] proctype pusher()
{
    byte left = PUSHES, before;
    bit got, up;
again:
    if
    :: left == 0 -> goto gone
    :: left > 0 -> atomic { size++; left-- } /* the win */
    MAY_DIE(0)
    fi;
    if
    :: atomic { flag == 0 -> goto again }
    :: flag == 1
    MAY_DIE(1)
    fi;
#ifdef OLD_ORDER
    if
    :: d_step { flag = 0 }
    MAY_DIE(1)
    fi;
    if
    :: d_step { word++ }
    MAY_DIE(1)
    fi;
    if
    :: atomic { take_one() }
    MAY_DIE(1)
    fi;
    if
    :: atomic { got -> flag = 1; got = 0 }
    :: atomic { !got -> skip }
    MAY_DIE(0)
    fi;
#else
#ifndef BEFORE_LATE
    if
    :: d_step { before = came; up = flag }
    MAY_DIE(1)
    fi;
#endif
    if
    :: d_step { word++ }
    MAY_DIE(1)
    fi;
#ifdef BEFORE_LATE
    if
    :: d_step { before = came; up = flag }
    MAY_DIE(1)
    fi;
#endif
    if
    :: atomic { take_one() }
    MAY_DIE(1)
    fi;
    if
#ifdef BLIND_LOWER
    :: atomic { !got -> LOWER }
#else
    :: atomic { !got && came == before && flag == up -> LOWER }
    :: atomic { !got && !(came == before && flag == up) -> skip }
#endif
    :: atomic { got -> got = 0 }
    MAY_DIE(0)
    fi;
#endif
    before = 0; up = 0;
    goto again;
gone:
    skip
}

#define ENLIST \
    if \
    :: d_step { came++; flag = 1 } \
    MAY_DIE(woken[me]) \
    fi
#define SEEN \
    if \
    :: d_step { seen = word } \
    MAY_DIE(woken[me]) \
    fi

#define TAKE size--; woken[me] = 0; seen = 0; left--; if :: left > 0 -> goto again :: goto gone fi

active [WAITERS] proctype waiter()
{
    byte seen, left = POPS, me = _pid - PUSHERS;
again: /* the first look, or the one after sleep */
    if
    :: atomic { size > 0 -> TAKE }
    :: atomic { size == 0 -> woken[me] = 0 }
    MAY_DIE(woken[me])
    fi;
#ifdef ENLIST_FIRST
    ENLIST;
    SEEN;
#else
    SEEN;
    ENLIST;
#endif
#ifndef NO_LOOK
    if
    :: atomic { size > 0 -> TAKE }
    :: size == 0
    MAY_DIE(0)
    fi;
#endif
    if /* FUTEX_WAIT */
    :: atomic { word != seen -> seen = 0; goto again }
    :: atomic { word == seen -> queued[me] = 1; asleep++; assert(KEEPS || flag == 1) }
    MAY_DIE(0)
    fi;
asleep_: /* who is killed here leaves the queue; or a waker was first, and its wake is lost */
end:
    if
    :: atomic { !queued[me] -> goto again }
    :: atomic { queued[me] && give_ups < GIVE_UPS -> give_ups++; queued[me] = 0; asleep--; goto out }
    :: atomic { queued[me] && deaths < DEATHS -> deaths++; queued[me] = 0; asleep--; goto gone }
    :: atomic { woken[me] && deaths < DEATHS -> deaths++; held_back++; goto gone }
    fi;
out: /* gives up, with a last look */
    if
    :: atomic { size > 0 -> size--; woken[me] = 0 }
    :: atomic { size == 0 -> woken[me] = 0 }
    MAY_DIE(woken[me])
    fi;
gone:
    skip
}

active proctype rest()
{
    atomic { timeout -> assert(asleep == 0 || size <= held_back) }
}
