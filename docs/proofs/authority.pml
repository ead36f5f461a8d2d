/* The right to hold one group on two nodes: lease and fence, with the rules of hafw.core.

   One rule: whoever opens the group asserts that it is not open on the other node.

   Names in brackets are those of the code: [takeover._fenced] is a function of hafw/core/takeover.py.
   What is modelled, what is not, and how to run it: README.md beside this file.

   Time is discrete. All that happens between two ticks happens at one instant, in every order; a
   right that ends at an instant is used until the last moment of it. Ages count ticks of the node's
   own clock, and stop where they no longer matter. */

/* Classes that bind the group; 1 and 1 is `leased|fenced`, with BOTH=1 `fenced+leased`. */
#ifndef LEASED
#define LEASED 1
#endif
#ifndef FENCED
#define FENCED 1
#endif
#ifndef BOTH
#define BOTH 0
#endif

/* How often what goes wrong may go wrong. A cut heals, an agent starts again, a machine boots, each
   at any later time or never; one that boots without its disk (ROLLBACKS) has the number of an
   earlier start. The store answers, loses requests and replies as it likes. */
#ifndef CUTS
#define CUTS 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef SHOTS
#define SHOTS 1
#endif
#ifndef PAUSES
#define PAUSES 0
#endif
#ifndef ROLLBACKS
#define ROLLBACKS 0
#endif

/* [settings] deadtime D, hold H, lease_ttl W, lease_hold LH: H < D and LH < W, and one tick less
   where a clock may lag by one (DRIFT: once in so many ticks). */
#ifdef DRIFT
#define LAG 1
#else
#define LAG 0
#endif
#ifdef BUG_NO_MARGIN_FOR_DRIFT
#define MARGIN 1
#else
#define MARGIN (1 + LAG)
#endif
#ifndef D
#define D (3 + LAG)
#endif
#ifndef W
#define W D
#endif
#define H (D - MARGIN)
#define LH (W - MARGIN)

#define i _pid
#define j (1 - _pid)
#define FREE 2

mtype = { OFF, BOOTING, DOWN, UP, PAUSED }  /* a machine: DOWN without its agent; PAUSED unseen */
mtype = { NONE, OWN, STALE, RELEASE }  /* a swap under way: see `late` */

/* --- nodes --- */
mtype up[2] = UP;
bool held[2];       /* open, by an agent that runs */
byte gate[2];       /* open for so long without one: the kernel's timeout, plus 1 */
byte silence[2];    /* since the peer was heard, or since the start [Peer.silence_ns] */
byte incarnation[2] = 1;  /* number of this start, or of the last one [Engine.incarnation] */
byte knows[2];      /* number of the newest start of the peer that was heard [Peer.incarnation] */
bool distrust[2];   /* the disk was lost: the number is that of an earlier start [Engine.distrust] */
bool met[2];        /* heard by this start [Peer.met] */
bool addressed[2];  /* the peer's last beat answered this start [Engine.addressed] */
bool met_before[2]; /* heard since this machine booted [fencing.has_met] */
bool bound[2];      /* the peer's last beat said that the lease binds it [GroupBeat.binds] */
bool clear[2];      /* the peer's last beat said that it does not hold [Phase.CLEAR] */
byte fresh[2] = H;     /* age of our beat that the peer's last beat answered [Engine.fresh] */
byte promised[2] = H;  /* the same, of any start of the peer [Peer.promised_ns] */
byte renewed[2] = LH;  /* age of the order of the newest swap known as written [Lease.renewed_ns] */
byte proved[2] = H;    /* since a proof that the peer is off ended [Fencing.proved_ns] */

/* --- links: one beat each way per tick, lost only in a cut --- */
byte cut;           /* bit i: what node i sends is lost */
byte from[2];       /* a beat is under way, of the start with this number; 0: none */
byte acked[2];      /* it answers the start with this number; 0: none */
bool says_bound[2], says_clear[2];
byte answers = H;   /* node 1's beat under way answers a beat of node 0 that is so old */
byte arrived[2] = H;  /* age, by the sender's clock, of its newest beat that was heard */

/* --- the store: one record, changed by compare-and-set --- */
byte holder = FREE;
bool newest;        /* the record's nonce is of the last swap that its holder ordered */
bool seen[2];       /* what the node read is still the record; else a swap ends in a conflict */
byte watched[2];    /* since the record, which is the peer's, was first seen as it is [Lease.seen_ns] */
bool doubt[2];      /* the last swap has an unknown outcome [Lease.doubt] */
byte ordered[2];    /* age of its order [Lease.doubt_ns] */
mtype late[2] = NONE;  /* a swap that may still land: OWN; STALE: not the last one ordered; RELEASE */

/* --- the fence device of the peer --- */
bool order[2];      /* an order to switch the peer off, which may land at any time, or never */
byte readings[2];   /* 0: nothing runs [Fencing.op]; 1 + readings in a row that said off */
bool off[2];        /* confirmed off, and not heard since [Fencing.off] */

byte cuts = CUTS, crashes = CRASHES, shots = SHOTS, pauses = PAUSES, rollbacks = ROLLBACKS, lag[2];

#define IS_OPEN(n) ((held[n] && up[n] == UP) || gate[n] > 0)
/* [takeover.due_ns, Engine.trusted] initdead is D here */
#define DEAD (silence[i] >= D && (!distrust[i] || met[i]))
#define IN_HAND (renewed[i] < LH)                         /* [lease.in_hand] */

/* [duties.hold_by_lease, hold_until] the holder's half */
#define RIGHT(n) (!LEASED || renewed[n] < LH || promised[n] < H || off[n] || proved[n] < H)

/* [Lease.ripe_ns] free, ours, or unchanged for W by our clock */
#ifdef BUG_TAKER_DOES_NOT_WAIT_W
#define RIPE (seen[i])
#else
#define RIPE (seen[i] && (holder != j || watched[i] >= W))
#endif

/* [takeover.view] which class binds a silent holder; who never heard it must fear a fence's proof */
#ifdef BUG_UNHEARD_TAKES_BY_LEASE
#define BOUND_UNHEARD true
#else
#define BOUND_UNHEARD (!FENCED)
#endif
#ifdef BUG_BINDS_IGNORED
#define SAID_BOUND true
#else
#define SAID_BOUND (bound[i])
#endif
/* [takeover._bound] what was said to an earlier start was said before that start was shot */
#ifdef BUG_UNADDRESSED_WORD_BINDS
#define SAID_TO_US true
#else
#define SAID_TO_US (addressed[i] || !FENCED)
#endif
#define BOUND (met[i] -> SAID_BOUND && SAID_TO_US : BOUND_UNHEARD)

#ifdef BUG_SILENCE_NOT_NEEDED
#define LEASE_ROUTE (LEASED && !BOTH && !off[i] && BOUND)
#else
#define LEASE_ROUTE (LEASED && !BOTH && !off[i] && BOUND && DEAD)
#endif
/* [takeover._fenced] where both are needed, or we may have been shot, the lease is the ticket */
#define TICKET_ROUTE (LEASED && FENCED && DEAD && (BOTH || !met_before[i]))
#ifdef BUG_SWAP_NOT_NEEDED
#define WON RIPE
#else
#define WON IN_HAND
#endif
#ifdef BUG_OLD_WORD_RELEASES
#define RECENT true
#else
#define RECENT (fresh[i] < H)
#endif
#define WANTED (!held[i] && RIPE && (LEASE_ROUTE || TICKET_ROUTE))   /* [Lease.wanted] */

#ifdef BUG_ONE_READING
#define CONFIRMED 2
#else
#define CONFIRMED 3
#endif

/* Every start numbers its beats from 1, so what answers another one seems to answer any of ours. */
#define ANY_AGE 0
#ifdef BUG_ANSWER_TO_ANOTHER_START_IS_FRESH
#define FRESH_OF(who, age) (who == 0 -> H : (who == incarnation[i] -> age : ANY_AGE))
#else
#define FRESH_OF(who, age) (who == incarnation[i] -> age : H)       /* [Engine.fresh] */
#endif
#ifdef BUG_ANSWER_TO_ANOTHER_START_IS_EVIDENCE
#define EVIDENCE_OF(who, age) (who == 0 -> H : (who == incarnation[i] -> age : ANY_AGE))
#else
#define EVIDENCE_OF(who, age) (who == incarnation[i] -> age : H)    /* [hearing._acknowledged] */
#endif

#define LEAST(x, y) (x < y -> x : y)
inline older(age, most) { if :: age < most -> age++ :: else fi }

inline start() { assert(!IS_OPEN(j)); held[i] = true }

/* [Group.let_go] the epoch is over, and with it what was renewed under it [Lease.evidence_ns] */
inline let_go(n) { held[n] = false; renewed[n] = LH; ordered[n] = LH }

/* [lease.run] what is to be released is no evidence, whatever becomes of the request */
inline forget_the_claim() { renewed[i] = LH }

/* A write makes every reading old, and every swap that was ordered on the record before it fail. */
inline write(whom, is_newest) {
  holder = whom; newest = is_newest; seen[0] = false; seen[1] = false;
  watched[0] = 0; watched[1] = 0; late[0] = NONE; late[1] = NONE
}

/* An agent is gone: nothing is left of what it knew, but the peer may have been heard. */
inline forget(n) {
  held[n] = false; silence[n] = 0; met[n] = false; bound[n] = false; clear[n] = false;
  distrust[n] = false; knows[n] = 0; addressed[n] = false;
  fresh[n] = H; promised[n] = H; renewed[n] = LH; proved[n] = H; arrived[0] = H; arrived[1] = H;
  seen[n] = false; watched[n] = 0; doubt[n] = false; ordered[n] = 0; readings[n] = 0; off[n] = false;
  if :: late[n] == OWN -> late[n] = STALE :: else fi
}

inline lose_power(n) { forget(n); up[n] = OFF; gate[n] = 0; met_before[n] = false; lag[n] = 0 }

/* [Group.renew_gate] open at most until the right ends, and at most for H */
inline leave_to_the_gate() {
  if
  :: !held[i] -> skip
  :: held[i] && (!LEASED || off[i]) -> gate[i] = 1 + H
  :: else -> gate[i] = 1 + H - LEAST(LEAST(promised[i], proved[i]), LEAST(renewed[i], H))
  fi
}

active [2] proctype node() {
  do
  /* --- certificates: a start may come at any time while its conditions hold --- */
  :: d_step { up[i] == UP && !held[i] && LEASE_ROUTE && WON -> start() }  /* [duties.take_leased] */
  :: d_step { up[i] == UP && !held[i] && off[i] && ((met_before[i] && !BOTH) || !LEASED || IN_HAND) ->
     start() }                                                          /* [duties.take_fenced] */
  :: d_step { up[i] == UP && !held[i] && i == 0 && met[i] && !DEAD && clear[i] && RECENT &&
     RIGHT(i) -> start() }   /* [takeover.released_to_us] node 0 is preferred; no offers */

  /* --- a beat arrives [hearing.beat_heard, Peer.hear] --- */
  :: d_step { up[i] == UP && from[j] != 0 && !(cut & (1 << j)) ->
     met[i] = true; met_before[i] = true; silence[i] = 0; bound[i] = says_bound[j];
     knows[i] = from[j]; addressed[i] = (acked[j] == incarnation[i]);
     if :: i == 0 -> clear[i] = says_clear[j]; fresh[i] = FRESH_OF(acked[j], answers); answers = H
        :: else fi;
#ifdef BUG_DATED_BY_RECEIPT
     if :: EVIDENCE_OF(knows[j], arrived[i]) < H -> promised[i] = 0 :: else fi;
#else
     promised[i] = LEAST(promised[i], EVIDENCE_OF(knows[j], arrived[i]));   /* answered at once */
#endif
     if :: up[j] == UP || up[j] == PAUSED -> arrived[j] = 0 :: else fi;
#ifndef BUG_CLAIM_OUTLIVES_ITS_SILENCE
     if :: !held[i] -> renewed[i] = LH; ordered[i] = LH :: else fi;
#else
     if :: !held[i] && seen[i] && !doubt[i] && holder == i -> forget_the_claim()  /* same step */
        :: else fi;
#endif
     from[j] = 0; acked[j] = 0;
#ifndef BUG_PROOF_OUTLIVES_A_BEAT
     if :: off[i] -> off[i] = false; proved[i] = 0 :: else fi;          /* [fencing.judge] */
#endif
#ifndef BUG_HEARD_AFTER_THE_ORDER
     readings[i] = 0                                                    /* [fencing.ended] void */
#endif
     }

  /* --- the store [lease.run, lease.told] --- */
  :: d_step { LEASED && up[i] == UP && (!seen[i] || doubt[i]) ->        /* [lease._read] */
     if :: doubt[i] && newest && holder == i -> renewed[i] = LEAST(renewed[i], ordered[i])
        :: else fi;
     seen[i] = true; doubt[i] = false; ordered[i] = 0 }
  :: atomic { LEASED && up[i] == UP && seen[i] && !doubt[i] && (held[i] || WANTED) ->
     ordered[i] = 0;                                                    /* [lease._order_swap] */
     if :: holder == i -> newest = false :: else fi;
     if
     :: write(i, true); seen[i] = true; renewed[i] = 0                  /* [LeaseOutcome.OK] */
     :: if                                                              /* [LeaseOutcome.UNKNOWN] */
        :: write(i, true)                    /* written, and the reply is lost */
        :: late[i] = OWN                     /* not written yet, or never */
        :: late[i] == OWN -> late[i] = STALE /* this one is lost, and one before it is not */
        :: late[i] == STALE || late[i] == RELEASE -> skip
        fi;
        doubt[i] = true
#ifdef BUG_DOUBT_COUNTS
        ; renewed[i] = 0
#endif
     fi }
  :: atomic { LEASED && up[i] == UP && seen[i] && !doubt[i] && holder == i && !held[i] && !(WANTED) ->
     forget_the_claim();                                                /* [lease._to_be_released] */
     if :: write(FREE, false) :: late[i] = RELEASE fi }
  :: d_step { late[i] != NONE ->                       /* a late request lands, whoever is up */
     if :: late[i] == RELEASE -> write(FREE, false)
        :: late[i] == OWN -> write(i, true)
        :: late[i] == STALE -> write(i, false) fi }

  /* --- the fence [fencing.refusal, fencing.run; fence_rounds.switch_off] --- */
  :: d_step { FENCED && up[i] == UP && DEAD && !off[i] && readings[i] == 0 && shots > 0 &&
     (!held[i] || !LEASED) && ((met_before[i] && !BOTH) || (WANTED && IN_HAND)) ->
     shots--; order[i] = true; readings[i] = 1 }       /* [fencing._may_shoot, _holder_defends] */
  :: d_step { order[i] -> order[i] = false; if :: up[j] != OFF -> lose_power(j) :: else fi }
  :: atomic { up[i] == UP && readings[i] > 0 && readings[i] < CONFIRMED ->
     /* one reading; it may err, not twice in a row */
     if
     :: up[j] == OFF && readings[i] < CONFIRMED -> readings[i]++
     :: up[j] != OFF -> readings[i] = 1
     :: up[j] != OFF && readings[i] == 1 -> readings[i] = 2
#ifdef LIE
     :: readings[i] < CONFIRMED -> readings[i]++
#endif
     fi }
  :: d_step { up[i] == UP && readings[i] == CONFIRMED -> readings[i] = 0; off[i] = true }
  :: d_step { up[i] == UP && readings[i] > 0 -> readings[i] = 0        /* [Outcome.UNKNOWN] */
#ifdef BUG_UNKNOWN_FENCE_COUNTS
     ; off[i] = true
#endif
     }

  /* --- what goes wrong, and ends --- */
  :: d_step { crashes > 0 && up[i] == UP -> crashes--; leave_to_the_gate(); forget(i); up[i] = DOWN }
  :: d_step { crashes > 0 && (up[i] == UP || up[i] == DOWN) -> crashes--; lose_power(i) }
  :: d_step { up[i] == OFF -> up[i] = BOOTING }      /* which takes longer than a beat */
  :: d_step { rollbacks > 0 && up[i] == OFF -> rollbacks--; distrust[i] = true; up[i] = BOOTING }
  :: d_step { up[i] == DOWN -> up[i] = UP; gate[i] = 0;                 /* [State.CLEANING] */
     if :: distrust[i] -> skip :: else -> incarnation[i]++ fi }         /* [Driver._new_engine] */
  :: d_step { pauses > 0 && up[i] == UP -> pauses--; up[i] = PAUSED }
  :: d_step { up[i] == PAUSED -> up[i] = UP; assert(!(IS_OPEN(i) && IS_OPEN(j))) }
  od
}

/* One tick of node n's clock. What it must let go, it has let go before. */
inline tick(n) {
  if :: held[n] && !RIGHT(n) -> let_go(n) :: else fi;
  if :: gate[n] > 0 -> gate[n]-- :: else fi;
  if
  :: up[n] == UP ->
     older(silence[n], D); older(fresh[n], H); older(promised[n], H); older(renewed[n], LH);
     older(proved[n], H); older(arrived[n], H);
     if :: seen[n] && holder == 1 - n && !held[n] -> older(watched[n], W) :: else -> watched[n] = 0 fi;
     if :: doubt[n] -> older(ordered[n], LH) :: else -> ordered[n] = 0 fi;
     from[n] = incarnation[n]; acked[n] = knows[n];        /* [speaking.beat] */
     says_clear[n] = !held[n];
     if :: n == 1 -> answers = arrived[0] :: else fi;
#ifdef BUG_PROOF_NOT_ANNOUNCED
     says_bound[n] = LEASED
#else
     says_bound[n] = LEASED && !off[n]                     /* [Group.beat] binds = FENCED only */
#endif
  :: up[n] == BOOTING -> up[n] = DOWN
  :: else
  fi
}

/* A beat that is not lost in a cut arrives before the next tick. */
#ifdef SLOW_WORKER
#define TOLD true
#else
#define TOLD (readings[0] < CONFIRMED && readings[1] < CONFIRMED)
#endif
#define GONE(n) (from[n] == 0 || (cut & (1 << n)) || up[1 - n] != UP)

active proctype world() {
  byte n;
  do
  :: atomic { GONE(0) && GONE(1) && TOLD ->
     from[0] = 0; from[1] = 0; acked[0] = 0; acked[1] = 0; answers = H; n = 0;
     do
     :: n < 2 ->
        if
        :: up[n] == PAUSED -> skip
        :: up[n] != PAUSED -> tick(n); if :: lag[n] > 0 -> lag[n]-- :: else fi
#ifdef DRIFT
        :: up[n] == UP && lag[n] == 0 -> lag[n] = W + 1    /* this clock does not move now */
#endif
        fi; n++
     :: else -> break
     od; n = 0 }
  :: atomic { cuts > 0 && cut == 0 -> cuts--; if :: cut = 1 :: cut = 2 :: cut = 3 fi }
  :: d_step { cut != 0 -> cut = 0 }
  od
}
