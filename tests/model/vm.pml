/* SPDX-License-Identifier: Apache-2.0 */
/* A VM of several disks (one block each), one or two hosts: what ties the disks' snapshots to one recovery point.
 * What happens to one replica (late writes, epochs, journals) is cycle.pml's; here a claim, a write and a fence are one step
 * each, and only a snapshot request may be applied late.
 * Every rule of the protocol is a switch F_x (1 = as proposed); taking one out must break a property:
 *   P1  a recovery point holds all disks as the source was at one moment
 *   P3  what a map calls known is what the replica holds
 *   P5  every run ends
 *   P7  a point that was reported is whole; one that is not whole is never taken for a point
 */
#ifndef NH
#define NH 1            /* hosts */
#endif
#ifndef ND
#define ND 2            /* disks of the VM */
#endif
#ifndef K
#define K 2             /* late snapshot requests */
#endif
#ifndef CYC
#define CYC 2           /* cycles that each host ends before it stops */
#endif
#ifndef CRASH
#define CRASH 1
#endif
#ifndef AMBIG
#define AMBIG 1         /* snapshot requests without an answer: applied at once, late or never */
#endif
#ifndef FOREIGN
#define FOREIGN 0
#endif
#ifndef EXPIRE
#define EXPIRE 0
#endif
#ifndef CHANGE
#define CHANGE 2        /* changes of the source */
#endif
#ifndef F_SNAPIFM
#define F_SNAPIFM 1     /* a snapshot carries If-Match */
#endif
#ifndef F_VMFUZZY
#define F_VMFUZZY 1     /* fingerprints of all disks before the first byte and after the last; 0: each disk around its own scan */
#endif
#ifndef F_TOKEN
#define F_TOKEN 1       /* each cycle draws a fresh token; 0: a cycle after a crash goes on with the last one */
#endif
#ifndef F_COUNT
#define F_COUNT 1       /* a point has as many snapshots as the VM has disks; 0: one snapshot is a point */
#endif
#ifndef F_ALL
#define F_ALL 1         /* no snapshot unless every disk's clean point is durable; 0: each disk on its own */
#endif
#ifndef F_MISSING
#define F_MISSING 1     /* a missing snapshot is sent before the claim; 0: after it, of the version that is live then */
#endif
#ifndef F_FIRST
#define F_FIRST 1       /* missing snapshots of all disks before the claim of any; 0: disk by disk */
#endif
#ifndef F_ETAG
#define F_ETAG 1        /* a clean map is trusted at its own version only */
#endif

#define UNK 3
#define CLEAN 0
#define OPEN 1
#define DIRTY 2
#define TOKENS 12
#define I(h,d) ((h)*ND+(d))
#define S(t,d) ((t)*ND+(d))

byte src[ND]; bit moved[NH*ND];                 /* since this host's fingerprint of that disk */
byte live[ND], etag[ND]; byte lid[ND]; bit lmod[ND], lexp[ND];
byte tokens;                                    /* drawn so far: fresh ones are unique */
/* per token and disk: content at the moment of the cycle (ghost), snapshot, its content */
byte ref[TOKENS*ND]; bit snap[TOKENS*ND]; byte scont[TOKENS*ND]; bit said[TOKENS];
byte qd[K], qt[K], qe[K];                       /* late snapshots: disk + 1, token, If-Match */
/* durable */
byte dm[NH*ND], hs[NH*ND], hetag[NH*ND], htok[NH*ND]; bit pointed[NH*ND];
byte crashes = CRASH, ambig = AMBIG, foreign = FOREIGN, expire = EXPIRE, change = CHANGE;
bit ended[NH];

/* a version that nobody remembers */
byte fresh;
#if NH > 1
#define REM(d,x) (hetag[I(0,d)] == x || hetag[I(1,d)] == x || seen[I(0,d)] == x || seen[I(1,d)] == x || QREM(d,x))
#else
#define REM(d,x) (hetag[d] == x || seen[d] == x || QREM(d,x))
#endif
#define QREM(d,x) ((qd[0] == d+1 && qe[0] == x) || (qd[1] == d+1 && qe[1] == x))
byte seen[NH*ND];
inline modified(d) {
    fresh = 1;
    do :: REM(d,fresh) || fresh == etag[d] -> fresh++ :: else -> break od;
    assert(fresh < 12); etag[d] = fresh; fresh = 0; lmod[d] = 1 }

#define P1(t) (ND == 2 -> (scont[S(t,0)] == ref[S(t,0)] && scont[S(t,1)] == ref[S(t,1)]) : 1)
#define WHOLE(t) (snap[S(t,0)] && snap[S(t,1)])
#define ISPOINT(t) (F_COUNT -> WHOLE(t) : (snap[S(t,0)] || snap[S(t,1)]))
inline take(t, d) {
    if
    :: !snap[S(t,d)] -> snap[S(t,d)] = 1; scont[S(t,d)] = live[d]
    :: else                                     /* two with one token: the first is kept */
    fi;
    assert(!ISPOINT(t) || (WHOLE(t) && P1(t))) }           /* P1, P7 */

#define SLOT(i) \
    :: atomic { qd[i] -> \
        if :: !F_SNAPIFM || qe[i] == etag[qd[i]-1] -> take(qt[i], qd[i]-1) :: else fi; qd[i] = 0; qt[i] = 0; qe[i] = 0 }

proctype Env() {
    byte e;
end:
    do
    SLOT(0)
    SLOT(1)
    :: atomic { change -> change--;
        if :: e = 0 :: e = 1 fi;
        src[e] = 1 - src[e]; moved[I(0,e)] = 1; moved[I(NH-1,e)] = 1; e = 0 }
    :: atomic { expire -> if :: e = 0 :: e = 1 fi;
        if :: lid[e] && !lexp[e] -> expire--; lexp[e] = 1; lmod[e] = 0 :: else fi; e = 0 }
    :: atomic { foreign -> if :: e = 0 :: e = 1 fi;
        if :: lid[e] == 0 || lexp[e] -> foreign--; live[e] = 2; modified(e) :: else fi; e = 0 }
    od
}

#define MINE(d) (lid[d] == h+1 && !lexp[d])
#define CRASHES :: atomic { crashes -> crashes--; goto crash }

/* what a crash left out: the snapshot of a clean point, of exactly that version */
inline finish() {
    if
    CRASHES
    :: atomic { hs[I(h,d)] == CLEAN && htok[I(h,d)] && !pointed[I(h,d)] ->
            if
            :: !F_SNAPIFM || hetag[I(h,d)] == etag[d] -> take(htok[I(h,d)], d); pointed[I(h,d)] = 1
            :: else -> pointed[I(h,d)] = 1        /* never comes to be */
            fi }
    :: else
    fi }

proctype Host(byte h) {
    byte d, cyc, tok; bit fuzzy, bad, renewed[ND], trust[ND]; byte mem[ND], f[ND];
start:
    d = 0; bad = 0;
    /* lease and decide, all disks; nothing of any is claimed before every missing snapshot was sent */
    do
    :: d < ND ->
        if
        CRASHES
        :: atomic { lid[d] && lid[d] != h+1 && !lexp[d] -> bad = 1; goto give_up }
        :: atomic { lid[d] == 0 || lid[d] == h+1 || lexp[d] ->
            renewed[d] = (lid[d] == h+1 && (!lexp[d] || !lmod[d]));
            lid[d] = h+1; lexp[d] = 0; lmod[d] = 0;
            if
            :: hs[I(h,d)] == CLEAN -> trust[d] = (!F_ETAG || hetag[I(h,d)] == etag[d])
            :: hs[I(h,d)] == OPEN -> trust[d] = renewed[d]; if :: renewed[d] -> skip :: else -> hs[I(h,d)] = DIRTY fi
            :: else -> trust[d] = 0
            fi;
            seen[I(h,d)] = etag[d] }
        fi;
        d++
    :: else -> break
    od;
    d = 0;
    do
    :: F_MISSING && F_FIRST && d < ND ->
        finish();
        d++
    :: else -> break
    od;
    d = 0;
    do
    :: d < ND ->
        if :: F_MISSING && !F_FIRST -> finish() :: else fi;
        if
        CRASHES
        :: atomic { MINE(d) && seen[I(h,d)] == etag[d] ->
            modified(d); lmod[d] = 0; seen[I(h,d)] = etag[d];
            if
            :: !F_MISSING && hs[I(h,d)] == CLEAN && htok[I(h,d)] && !pointed[I(h,d)] -> take(htok[I(h,d)], d)
            :: else
            fi;
            hs[I(h,d)] = OPEN; hetag[I(h,d)] = 0; pointed[I(h,d)] = 0;
            if
            :: trust[d] -> mem[d] = dm[I(h,d)];
                assert(mem[d] == UNK || mem[d] == live[d])                   /* P3 */
            :: else -> mem[d] = live[d]; dm[I(h,d)] = mem[d]
            fi }
        :: atomic { !(MINE(d) && seen[I(h,d)] == etag[d]) -> goto give_up }
        fi;
        d++
    :: else -> break
    od;
    /* the token and F0 */
    if
    CRASHES
    :: atomic {
        if
        :: F_TOKEN || htok[I(h,0)] == 0 || WHOLE(htok[I(h,0)]) -> tokens++; assert(tokens < TOKENS); tok = tokens
        :: else -> tok = htok[I(h,0)]
        fi;
        ref[S(tok,0)] = src[0]; ref[S(tok,1)] = src[1];
        moved[I(h,0)] = 0; moved[I(h,1)] = 0 }
    fi;
    /* scan, one disk after the other: INTENT, write, ACK */
    d = 0;
    do
    :: d < ND ->
        if :: !F_VMFUZZY -> atomic { moved[I(h,d)] = 0 } :: else fi;
        if CRASHES :: atomic { f[d] = src[d] } fi;
        if
        :: mem[d] != f[d] ->
            if CRASHES :: atomic { mem[d] = UNK; dm[I(h,d)] = UNK } fi;
            if
            CRASHES
            :: atomic { MINE(d) && seen[I(h,d)] == etag[d] -> live[d] = f[d]; modified(d); lmod[d] = 0; seen[I(h,d)] = etag[d] }
            :: atomic { !(MINE(d) && seen[I(h,d)] == etag[d]) -> goto give_up }
            fi;
            if CRASHES :: atomic { mem[d] = f[d]; dm[I(h,d)] = f[d] } fi
        :: else
        fi;
        if :: !F_VMFUZZY -> atomic { fuzzy = fuzzy | moved[I(h,d)] } :: else fi;
        d++
    :: else -> break
    od;
    if :: F_VMFUZZY -> atomic { fuzzy = moved[I(h,0)] | moved[I(h,1)] } :: else fi;
    /* fence and clean point of each, then (F_ALL) the snapshots */
    d = 0;
    do
    :: d < ND ->
        if
        CRASHES
        :: atomic { MINE(d) && seen[I(h,d)] == etag[d] -> modified(d); lmod[d] = 0; seen[I(h,d)] = etag[d] }
        :: atomic { !(MINE(d) && seen[I(h,d)] == etag[d]) -> bad = 1 }
        fi;
        if
        :: bad -> goto give_up
        :: else ->
            if
            CRASHES
            :: atomic { hs[I(h,d)] = CLEAN; hetag[I(h,d)] = seen[I(h,d)]; htok[I(h,d)] = (fuzzy -> 0 : tok);
                pointed[I(h,d)] = fuzzy }
            fi
        fi;
        if
        :: !F_ALL && !fuzzy ->
            if CRASHES :: atomic { if :: hetag[I(h,d)] == etag[d] -> take(tok, d); pointed[I(h,d)] = 1 :: else fi } fi
        :: else
        fi;
        d++
    :: else -> break
    od;
    d = 0;
    do
    :: !fuzzy && d < ND ->
        if
        CRASHES
        :: atomic { pointed[I(h,d)] -> skip }
        :: atomic { !pointed[I(h,d)] && ambig && (qd[0] == 0 || qd[1] == 0) -> ambig--;
            if :: qd[0] == 0 -> qd[0] = d+1; qt[0] = tok; qe[0] = hetag[I(h,d)]
               :: else -> qd[1] = d+1; qt[1] = tok; qe[1] = hetag[I(h,d)] fi;
            goto give_up }
        :: atomic { !pointed[I(h,d)] && (!F_SNAPIFM || hetag[I(h,d)] == etag[d]) -> take(tok, d); pointed[I(h,d)] = 1 }
        :: atomic { !pointed[I(h,d)] && F_SNAPIFM && hetag[I(h,d)] != etag[d] -> goto give_up }
        fi;
        d++
    :: else -> break
    od;
    atomic { if :: !fuzzy -> said[tok] = 1; assert(WHOLE(tok)) :: else fi; cyc++ };
    goto release;
give_up:
    atomic { cyc++ };
release:
    atomic {
        d = 0;
        do
        :: d < ND -> if :: lid[d] == h+1 && (hs[I(h,d)] != OPEN) -> lid[d] = 0; lexp[d] = 0; lmod[d] = 0 :: else fi; d++
        :: else -> break
        od };
    goto again;
crash:
    skip;
again:
    atomic {
        d = 0;
        do
        :: d < ND -> trust[d] = 0; renewed[d] = 0; mem[d] = 0; f[d] = 0; seen[I(h,d)] = 0; moved[I(h,d)] = 0; d++
        :: else -> break
        od;
        d = 0; fuzzy = 0; bad = 0; tok = 0 };
    /* a lease that nobody renews runs out */
    atomic { if :: lid[0] == h+1 && !lexp[0] -> lexp[0] = 1; lmod[0] = 0 :: else fi };
    atomic { if :: lid[1] == h+1 && !lexp[1] -> lexp[1] = 1; lmod[1] = 0 :: else fi };
    if
    :: cyc < CYC -> goto start
    :: else -> ended[h] = 1
    fi
}

init {
    atomic {
        etag[0] = 1; etag[1] = 1;
        hetag[0] = 1; hetag[1] = 1;
#if NH > 1
        hs[2] = DIRTY; hs[3] = DIRTY; dm[2] = UNK; dm[3] = UNK;
#endif
        run Env(); run Host(0);
#if NH > 1
        run Host(1)
#endif
    }
}
