/* SPDX-License-Identifier: Apache-2.0 */
/* One replica (page blob), one or two replication hosts, a service that may answer late or never.
 * Every rule of the protocol is a switch F_x (1 = as proposed); taking one out must break a property.
 * Properties: asserts P1 P3 P4 P6 below; P5 = every run ends (no invalid end state, no non-progress cycle).
 */
#ifndef NH
#define NH 1            /* hosts */
#endif
#define NB 2            /* blocks */
#ifndef K
#define K 3             /* requests in flight or late */
#endif
#ifndef CYC
#define CYC 2           /* recovery points each host makes before it ends */
#endif
#ifndef CRASH
#define CRASH 2
#endif
#ifndef AMBIG
#define AMBIG 2         /* requests whose answer is lost: applied at once, late, or never */
#endif
#ifndef FOREIGN
#define FOREIGN 1       /* writes by a tool that knows no lease */
#endif
#ifndef EXPIRE
#define EXPIRE 1
#endif
#ifndef CHANGE
#define CHANGE 2        /* changes of the source */
#endif
#ifndef COPY
#define COPY 0          /* host 1 starts with a copy of host 0's state folder, lease id included, taken 1: at a clean point, 2: at any time */
#endif
#ifndef RESTORE
#define RESTORE 0       /* host 0's state folder may come back from a backup: 1 taken when clean, 2 at any time */
#endif
#ifndef LATELEASE
#define LATELEASE 0     /* 1: the service checks the lease of a late request when it applies it; 0: when it arrived (weaker) */
#endif
#ifndef LATEACQ
#define LATEACQ 0       /* 1: an acquire may be sent twice, the first one arriving any time later (counts as AMBIG); releases and breaks too: EXPIRE */
#endif
#ifndef F_ACQIFM
#define F_ACQIFM 1      /* acquire carries If-Match */
#endif
#ifndef F_ASLEFT
#define F_ASLEFT 1      /* after a crash, without a renewal: 1 the journal counts if the version still is the clean point's; 0 never; 2 always (wrong) */
#endif
#ifndef F_EPOCH
#define F_EPOCH 1       /* page writes carry if-sequence-number-eq */
#endif
#ifndef F_LEASE
#define F_LEASE 1       /* requests carry the lease id */
#endif
#ifndef F_INTENT
#define F_INTENT 1      /* a block is durably "unknown" before its write is sent */
#endif
#ifndef F_CLAIMFIRST
#define F_CLAIMFIRST 1  /* new epoch before the replica is read to rebuild the map */
#endif
#ifndef F_ETAG
#define F_ETAG 1        /* trust after a clean end: live ETag = recorded ETag (0: sequence number = recorded) */
#endif
#ifndef F_FENCE
#define F_FENCE 1       /* sequence number raised again between the last ack and the snapshot */
#endif
#ifndef F_SNAPIFM
#define F_SNAPIFM 1     /* snapshot carries If-Match */
#endif
#ifndef F_CLAIMIFM
#define F_CLAIMIFM 1    /* raising the sequence number carries If-Match */
#endif
#ifndef F_UNIQ
#define F_UNIQ 1        /* epoch numbers are unique to who drew them (random step), 0: seen + 1 */
#endif
#ifndef F_PROOF
#define F_PROOF 1       /* after a crash the journal counts only if the old lease could be renewed */
#endif
#ifndef F_MARK
#define F_MARK 1        /* distrust is made durable before the lease is acquired anew */
#endif
#ifndef F_RENEWONLY
#define F_RENEWONLY 1   /* a lapsed lease is renewed or the cycle ends; never acquired anew inside a cycle */
#endif
#ifndef F_NEWEPOCH
#define F_NEWEPOCH 1    /* a restarted host raises the epoch again (0: goes on with the one in the journal) */
#endif
#ifndef F_RESCAN
#define F_RESCAN 0      /* 1: a fuzzy pass is repeated inside the same epoch */
#endif
#ifndef F_FUZZY
#define F_FUZZY 1       /* chain fingerprint is compared after the scan */
#endif
#ifndef F_NEWGUID
#define F_NEWGUID 1     /* a host that finds an epoch it never drew takes a new lease id */
#endif
#ifndef F_DIFF
#define F_DIFF 0        /* after a crash, what differs from the last recovery point and is not acked in the journal is unknown */
#endif
#ifndef F_TRUST
#define F_TRUST 1       /* check P3 when a map is trusted; 0 as F_ALARM */
#endif
#ifndef F_ALARM
#define F_ALARM 1       /* check P6b; 0 lets a wrong variant run on to a worse end */
#endif
#ifndef F_ACKFIRST
#define F_ACKFIRST 1    /* acks are durable (journal synced) before the state is called clean */
#endif

#define L gl[h]
#define UNK 3
#define WR 1
#define CL 2
#define SN 3
#define AQ 4
#define CLEAN 0
#define OPEN 1
#define DIRTY 2
#define I(h,b) ((h)*NB+(b))
#define BIT(n) (1<<(n))

/* source and service */
byte src[NB];
bit moved[NH];                            /* the source changed since this host's fingerprint */
byte live[NB], seq = 1, etag = 1;
byte lid; bit lexp, lmod;                 /* lease id or 0; expired; modified since it expired */
byte owner;                               /* ghost: who wrote in the present epoch */
byte gl[NH];                              /* lease id in each state folder */
bit fw;                                   /* ghost: a foreign write happened */
bit ended[NH];
/* requests in flight (qw = waiting host + 1) or late (qw = 0) */
byte qk[K], qb[K], qv[K], qe[K], qi[K], ql[K], qw[K], qh[K];
/* durable state of each host */
byte dm[NH*NB], hs[NH], hetag[NH], hseq[NH]; int own[NH];
byte jep[NH];
#if RESTORE
byte bdm[NB], bhs, betag, bseq, bjep; int bown; bit bset; byte restores = 1;
#endif
#if F_DIFF
byte pt[NB]; bit ja[NB]; bit bja[NB];      /* content of the last recovery point; acked in the journal since the last clean point */
#endif
#if LATEACQ
byte hc[NH];                              /* ETag of the last clean point, also while the state is open */
#define HELDC(x) (hc[0]==x || hc[NH-1]==x)
#else
#define HELDC(x) 0
#endif
/* volatile, but written by the service's answers */
byte mem[NH*NB], st[NH*NB]; bit fenced[NH];
byte crashes = CRASH, ambig = AMBIG, foreign = FOREIGN, expire = EXPIRE, change = CHANGE;

#define LEASEOK(l) (!F_LEASE || (lid == (l) && !lexp))
#define FREE(l) (lid == 0 || lexp || lid == (l))

/* a fresh ETag: the smallest value that nobody holds (keeps the state space small) */
byte ge[NH];
#if NH > 1
#define HELD(x) (hetag[0]==x || hetag[1]==x || ge[0]==x || ge[1]==x || HELDC(x) || QHELD(x))
#else
#if RESTORE
#define HELD(x) (hetag[0]==x || betag==x || ge[0]==x || HELDC(x) || QHELD(x))
#else
#define HELD(x) (hetag[0]==x || ge[0]==x || HELDC(x) || QHELD(x))
#endif
#endif
#if K == 4
#define QHELD(x) (qi[0]==x || qi[1]==x || qi[2]==x || qi[3]==x)
#elif K == 3
#define QHELD(x) (qi[0]==x || qi[1]==x || qi[2]==x)
#else
#define QHELD(x) (qi[0]==x || qi[1]==x)
#endif
inline modified() {
    if :: !HELD(1) -> etag = 1 :: else -> if :: !HELD(2) -> etag = 2 :: else -> if :: !HELD(3) -> etag = 3 :: else ->
    if :: !HELD(4) -> etag = 4 :: else -> if :: !HELD(5) -> etag = 5 :: else -> if :: !HELD(6) -> etag = 6 :: else ->
    if :: !HELD(7) -> etag = 7 :: else -> assert(!HELD(8)); etag = 8 fi fi fi fi fi fi fi;
    lmod = lexp }
inline wipe(i) { qk[i]=0; qb[i]=0; qv[i]=0; qe[i]=0; qi[i]=0; ql[i]=0; qw[i]=0; qh[i]=0 }

#if K == 4
#define ROOM (qk[0]==0 || qk[1]==0 || qk[2]==0 || qk[3]==0)
#elif K == 3
#define ROOM (qk[0]==0 || qk[1]==0 || qk[2]==0)
#else
#define ROOM (qk[0]==0 || qk[1]==0)
#endif

#if F_DIFF
#define JACK(b) ja[b] = 1
#else
#define JACK(b) skip
#endif
inline deliver(i) {
    if
    :: qk[i] == WR ->
        if
        :: (!F_EPOCH || qe[i] == seq) && ((qw[i] == 0 && !LATELEASE) || LEASEOK(ql[i])) ->
            live[qb[i]] = qv[i]; modified();
            if :: F_EPOCH ->
                assert(owner == 0 || owner == qh[i]+1);                        /* P4 */
                owner = qh[i]+1
            :: else fi;
            if
            :: qw[i] -> mem[I(qh[i],qb[i])] = qv[i]; st[I(qh[i],qb[i])] = 3;
                if :: dm[I(qh[i],qb[i])] = qv[i]; JACK(qb[i]) :: skip fi          /* the journal's tail may be lost */
            :: else
            fi
        :: else -> if :: qw[i] -> fenced[qh[i]] = 1 :: else fi
        fi
#if LATEACQ
    :: qk[i] == AQ ->
        if :: (!F_ACQIFM || qi[i] == etag) && (lid == 0 || lexp || lid == ql[i]) -> lid = ql[i]; lexp = 0; lmod = 0
        :: else fi
#endif
    :: qk[i] == CL ->
        if :: (!F_CLAIMIFM || qi[i] == etag) && (!LATELEASE || LEASEOK(ql[i])) ->
            if :: qe[i] > seq -> seq = qe[i]; owner = 0 :: else fi; modified()
        :: else fi
    :: qk[i] == SN ->
        if :: !F_SNAPIFM || qi[i] == etag ->
            assert(live[0] == (qv[i] & 1) && live[1] == (qv[i] >> 1))          /* P1, late snapshot */
        :: else fi
    fi;
    wipe(i)
}

#define SLOT(i) \
    :: atomic { qk[i] -> deliver(i) } \
    :: atomic { qk[i] && qw[i] == 0 && !ROOM -> wipe(i) } \
    :: atomic { qk[i] && qw[i] && ambig -> ambig--; st[I(qh[i],qb[i])] = 1; qw[i] = 0 }

proctype Env() {
    byte b;
end:
    do
    SLOT(0)
#if K > 1
    SLOT(1)
#endif
#if K > 2
    SLOT(2)
#endif
#if K > 3
    SLOT(3)
#endif
    :: atomic { expire && lid && !lexp -> expire--; lexp = 1; lmod = 0 }
#if COPY
    :: atomic { lid && !lexp && lid != gl[0] && lid != gl[1] -> lexp = 1; lmod = 0 }   /* nobody renews it */
#endif
    :: atomic { foreign && (!F_LEASE || lid == 0 || lexp) -> foreign--; fw = 1;
        live[0] = 2; modified() }
    :: atomic { change -> change--; moved[0] = 1; moved[NH-1] = 1;
        if :: src[0] = 1 - src[0] :: src[1] = 1 - src[1] fi }
#if RESTORE
    :: atomic { !bset && (RESTORE == 2 || hs[0] == CLEAN) -> bset = 1;
        bdm[0]=dm[0]; bdm[1]=dm[1]; bhs=hs[0]; betag=hetag[0]; bseq=hseq[0]; bown=own[0]; bjep=jep[0];
#if F_DIFF
        bja[0]=ja[0]; bja[1]=ja[1];
#endif
        skip }
#endif
    od
}

inline enqueue(kind, b_, v_, e_, i_, w_) {
    if
    :: qk[0] == 0 -> k = 0
#if K > 1
    :: else -> if :: qk[1] == 0 -> k = 1
#if K > 2
        :: else -> if :: qk[2] == 0 -> k = 2
#if K > 3
            :: else -> k = 3
#else
            :: else -> assert(0)
#endif
            fi
#else
        :: else -> assert(0)
#endif
        fi
#endif
    fi;
    qk[k] = kind; qb[k] = b_; qv[k] = v_; qe[k] = e_; qi[k] = i_; ql[k] = L; qw[k] = w_; qh[k] = h; k = 0
}

inline number() {
    n = (seq > jep[h] -> seq : jep[h]) + 1;
    if :: F_UNIQ && (n % NH) != h -> n++ :: else fi;
    assert(n < 31)
}
#if LATEACQ
#define TWICE if :: ambig && ROOM -> ambig--; enqueue(AQ, 0, 0, 0, etag, 0) :: skip fi
#define ASLEFT (hs[h] == OPEN && (F_ASLEFT == 2 || (F_ASLEFT && hc[h] && hc[h] == etag)))
#else
#define TWICE skip
#define ASLEFT 0
#endif
#define KNOWN_OK(b) (mem[I(h,b)] == UNK || mem[I(h,b)] == live[b])
#define CRASHES :: atomic { crashes -> crashes--; goto crash }

proctype Host(byte h) {
    byte n, ep, k, v, ref, rd, cyc; bit trust, fuzzy, renewed; int mine;
#if F_DIFF
    bit wasclean;
#endif
#if COPY
    if :: h == 1 -> atomic { (COPY == 2 || hs[0] == CLEAN) -> dm[2]=dm[0]; dm[3]=dm[1]; hs[1]=hs[0]; hetag[1]=hetag[0]; hseq[1]=hseq[0]; own[1]=own[0]; jep[1]=jep[0] }
       :: else fi;
#endif
start:
#if COPY
    atomic { if :: F_NEWGUID && !(own[h] & BIT(seq)) -> L = 3 + h :: else fi };
#endif
    /* 1. lease: after an unclean end only a renewal keeps the journal's word */
    if
    CRASHES
    :: atomic { FREE(L) ->
        renewed = ((lid == L && (!lexp || !lmod)) || ASLEFT);
        if
        :: hs[h] == OPEN && F_PROOF && !renewed -> if :: F_MARK -> hs[h] = DIRTY :: else fi
        :: else -> lid = L; lexp = 0; lmod = 0; TWICE; goto leased
        fi }
    fi;
    if
    CRASHES
    :: atomic { FREE(L) -> lid = L; lexp = 0; lmod = 0; TWICE }
    fi;
leased:
    /* 2. look, decide, make the decision durable, 3. claim */
    if
    CRASHES
    :: atomic { 
        ge[h] = etag; trust = 0;
#if F_DIFF
        wasclean = (hs[h] == CLEAN);
#endif
        if
        :: hs[h] == CLEAN ->
            trust = (F_ETAG -> (ge[h] == hetag[h]) : (seq == hseq[h]));
            assert(trust || NH > 1 || fw || RESTORE || !F_ALARM)                     /* P6b: no false alarm */
        :: hs[h] == OPEN -> trust = ((!F_PROOF || renewed) && (own[h] & BIT(seq)))
        :: else
        fi;
#if LATEACQ
        hc[h] = (trust && hs[h] == CLEAN -> hetag[h] : (trust -> hc[h] : 0));
#endif
        hs[h] = (trust -> OPEN : DIRTY); hetag[h] = 0;
        renewed = 0;
        mem[I(h,0)] = (trust -> dm[I(h,0)] : UNK); mem[I(h,1)] = (trust -> dm[I(h,1)] : UNK);
#if F_DIFF
        if :: trust && hs[h] == OPEN && ge[h] != 0 && !wasclean ->
            if :: live[0] != pt[0] && !ja[0] -> mem[0] = UNK; dm[0] = UNK :: else fi;
            if :: live[1] != pt[1] && !ja[1] -> mem[1] = UNK; dm[1] = UNK :: else fi
           :: else fi;
        wasclean = 0;
#endif
        if :: !F_NEWEPOCH && trust && seq == jep[h] && (own[h] & BIT(seq)) -> ep = seq; mine = BIT(seq); goto scan0
           :: else fi;
        number(); own[h] = own[h] | BIT(n); jep[h] = n }
    fi;
    if :: !F_CLAIMFIRST && !trust ->
        atomic { mem[I(h,0)] = live[0] }; atomic { mem[I(h,1)] = live[1] }
       :: else fi;
    if
    CRASHES
    :: atomic { ambig && ROOM -> ambig--; enqueue(CL, 0, 0, n, ge[h], 0); goto stop }
    :: atomic { LEASEOK(L) && (!F_CLAIMIFM || ge[h] == etag) ->
        if :: n > seq -> seq = n; owner = 0 :: else fi;
        modified();
        if :: seq != n -> goto stop :: else fi;
        ep = n; mine = BIT(n);
        assert(!F_TRUST || !trust || (KNOWN_OK(0) && KNOWN_OK(1))) }                  /* P3, P6: what is trusted is true */
    :: atomic { !(LEASEOK(L) && (!F_CLAIMIFM || ge[h] == etag)) -> goto stop }
    fi;
    /* rebuild by reading */
    if
    :: !trust ->
        if :: F_CLAIMFIRST -> atomic { mem[I(h,0)] = live[0] }; atomic { mem[I(h,1)] = live[1] } :: else fi;
        if CRASHES :: atomic { dm[I(h,0)] = mem[I(h,0)]; dm[I(h,1)] = mem[I(h,1)]; hs[h] = OPEN } fi
    :: else
    fi;
scan0:
    atomic { ref = src[0] + 2 * src[1]; moved[h] = 0; trust = 0; ge[h] = 0; n = 0; st[I(h,0)] = 0; st[I(h,1)] = 0 };
scan:
    /* 4. scan and send, any order, both blocks in flight at once */
    do
    CRASHES
    :: atomic { st[I(h,0)] == 0 -> v = src[0]; rd = (rd & 2) | v;
        if :: mem[I(h,0)] == v -> st[I(h,0)] = 3
           :: else -> mem[I(h,0)] = UNK; st[I(h,0)] = 1; if :: F_INTENT -> dm[I(h,0)] = UNK :: else fi fi; v = 0 }
    :: atomic { st[I(h,1)] == 0 -> v = src[1]; rd = (rd & 1) | (v << 1);
        if :: mem[I(h,1)] == v -> st[I(h,1)] = 3
           :: else -> mem[I(h,1)] = UNK; st[I(h,1)] = 1; if :: F_INTENT -> dm[I(h,1)] = UNK :: else fi fi; v = 0 }
    :: atomic { st[I(h,0)] == 1 && ROOM && !fenced[h] -> st[I(h,0)] = 2; enqueue(WR, 0, (rd & 1), ep, 0, h+1) }
    :: atomic { st[I(h,1)] == 1 && ROOM && !fenced[h] -> st[I(h,1)] = 2; enqueue(WR, 1, (rd >> 1), ep, 0, h+1) }
    :: atomic { F_LEASE && F_RENEWONLY && !(lid == L && !lexp) ->
        if :: lid == L && !lmod -> lexp = 0 :: else -> goto stop fi }
    :: atomic { F_LEASE && !F_RENEWONLY && !(lid == L && !lexp) && FREE(L) -> lid = L; lexp = 0; lmod = 0 }
    :: atomic { F_LEASE && !F_RENEWONLY && !FREE(L) -> goto stop }
    :: fenced[h] -> goto stop
    :: atomic { st[I(h,0)] == 3 && st[I(h,1)] == 3 && !fenced[h] -> break }
    od;
    /* 5. fingerprint */
    atomic { fuzzy = (F_FUZZY && moved[h]) };
    if :: F_RESCAN && fuzzy -> atomic { ref = src[0] + 2 * src[1]; moved[h] = 0; st[I(h,0)] = 0; st[I(h,1)] = 0; fuzzy = 0; goto scan }
       :: else fi;
fence:
    /* 6. all acknowledged: sync the journal, fence this cycle's stragglers */
    if
    CRASHES
    :: atomic { ge[h] = etag;
        if :: !(mine & BIT(seq)) && (F_EPOCH) -> goto stop :: else fi;
        if :: F_ACKFIRST -> dm[I(h,0)] = mem[I(h,0)]; dm[I(h,1)] = mem[I(h,1)] :: else fi;
        if :: F_FENCE -> number(); own[h] = own[h] | BIT(n); jep[h] = n :: else -> n = seq; goto fenced_ fi }
    fi;
    if
    CRASHES
    :: atomic { ambig && ROOM -> ambig--; mine = mine | BIT(n); enqueue(CL, 0, 0, n, ge[h], 0); goto fence }
    :: atomic { LEASEOK(L) && (!F_CLAIMIFM || ge[h] == etag) ->
        if :: n > seq -> seq = n; owner = 0 :: else fi;
        modified(); ge[h] = etag;
        if :: seq != n -> goto stop :: else fi }
    :: atomic { LEASEOK(L) && F_CLAIMIFM && ge[h] != etag -> goto fence }
    :: atomic { !LEASEOK(L) && lid == L && lexp && !lmod -> lexp = 0; goto fence }
    :: atomic { !LEASEOK(L) && !(lid == L && lexp && !lmod) -> goto stop }
    fi;
fenced_:
    /* 7. the local clean point */
    if
    CRASHES
    :: atomic {
#if F_DIFF
        ja[0] = 0; ja[1] = 0;
#endif
        hs[h] = CLEAN; hetag[h] = ge[h]; hseq[h] = n; n = 0;
        assert(ge[h] != etag || (mem[I(h,0)] == live[0] && mem[I(h,1)] == live[1])) }     /* P3: the map is what is there */
    fi;
    /* 8. the recovery point: one conditional request */
    if
    :: fuzzy -> goto release
    :: else
    fi;
snap:
    if
    CRASHES
    :: atomic { ambig && ROOM -> ambig--; enqueue(SN, 0, ref, 0, ge[h], 0); goto snap }
    :: atomic { !F_SNAPIFM || ge[h] == etag ->
        assert(live[0] == (ref & 1) && live[1] == (ref >> 1));                /* P1 */
#if F_DIFF
        pt[0] = live[0]; pt[1] = live[1];
#endif
        cyc++ }
    :: atomic { F_SNAPIFM && ge[h] != etag -> goto stop }
    fi;
release:
    atomic { if :: lid == L -> lid = 0; lexp = 0; lmod = 0 :: else fi; goto again };
crash:
    atomic {
#if RESTORE
        if :: h == 0 && bset && restores -> restores--;
            dm[0]=bdm[0]; dm[1]=bdm[1]; hs[0]=bhs; hetag[0]=betag; hseq[0]=bseq; own[0]=bown; jep[0]=bjep;
#if F_DIFF
            ja[0]=bja[0]; ja[1]=bja[1]
#else
            skip
#endif
           :: skip fi;
#endif
        skip };
stop:
again:
    atomic {
        k = 0;
        do :: k < K -> if :: qw[k] == h+1 -> qw[k] = 0 :: else fi; k++ :: else -> break od;
        k = 0; mem[I(h,0)] = UNK; mem[I(h,1)] = UNK; st[I(h,0)] = 0; st[I(h,1)] = 0; fenced[h] = 0;
        ge[h] = 0; n = 0; ep = 0; v = 0; ref = 0; rd = 0; moved[h] = 1; trust = 0; fuzzy = 0; renewed = 0; mine = 0 };
    if
    :: cyc < CYC -> goto start
    :: else -> ended[h] = 1
    fi
}

init {
    atomic {
        hs[0] = CLEAN; hetag[0] = 1; hseq[0] = 1; own[0] = BIT(1); jep[0] = 1;
        mem[0] = UNK; mem[1] = UNK;
#if NH > 1
        mem[2] = UNK; mem[3] = UNK; hs[1] = DIRTY; dm[2] = UNK; dm[3] = UNK;
#endif
        run Env();
        gl[0] = 1; run Host(0);
#if NH > 1
        gl[1] = (COPY -> 1 : 2); run Host(1);
#endif
    }
}
