/*
 * The life of one event between claim and settlement: three workers on two hosts, any of which may
 * be slow for as long as it likes or die at any step, and a lease that may run out at any moment.
 * Each atomic step is one transaction of the store. The rules are those of common/domain/holder.h
 * and common/store/sqlite/{claim,settle,workers}.c.
 *
 * -DFENCE=0: a settlement does not look at its token. -DROB=1: a lapsed claim is taken from a living
 * worker of the same host. Both must be found wrong (test_model.py).
 */
#ifndef FENCE
#define FENCE 1
#endif
#ifndef ROB
#define ROB 0
#endif

#ifdef PROMISES_ONLY /* what the ltl formulas below say, without the rules within */
#define rule(x) skip
#else
#define rule(x) assert(x)
#endif

#define WORKERS 3
#define NONE WORKERS
#define ATTEMPTS_MAX 2
#define CRASHES_MAX 2
#define LAPSES_MAX 2
/* Each claim but the last ends with a retry, a crash or by lease; tokens begin at 1. */
#define TOKENS (2 + ATTEMPTS_MAX + CRASHES_MAX + LAPSES_MAX)

#define host(w) ((w) / 2) /* workers 0 and 1 share a kernel, 2 is elsewhere */

mtype = { pending, sent, dead };            /* the event */
mtype = { no_line, unknown, judged };       /* the journal's line of a claim */
mtype = { accepted, refused, try_again };   /* a verdict */

/* The event's row. A name is never used twice, so the holder's death is for good. */
mtype status = pending;
byte token = 0;
byte attempts = 0;
byte holder = NONE;
bool holder_died = false;
bool lapsed = false; /* the lease ran out, or somebody made the claim due */
mtype line[TOKENS] = no_line;

/* What only the model knows. */
bool klaviyo_has_it = false;
bool was_on_wire[TOKENS] = false;
byte applied[TOKENS] = 0; /* settlements that changed the event, a claim */
byte crash_count = 0;
byte lapse_count = 0;  /* claims lost by lease */
byte retry_count = 0;
byte ended_count = 0;

#define is_final (status != pending)
#define is_neighbour(w) (holder != NONE && host(holder) == host(w))
#define holder_lives (holder != NONE && !holder_died)

#if ROB
#define may_take(w) (holder == NONE || lapsed)
#else
#define may_take(w) (holder == NONE || (lapsed && !(is_neighbour(w) && holder_lives)))
#endif

/* A worker dies: what it knew is gone, the kernel drops its lock. It starts again as a new one. */
#define MAY_DIE                                                     \
    if                                                              \
    :: skip                                                         \
    :: atomic {                                                     \
           crash_count < CRASHES_MAX -> crash_count++;              \
           if                                                       \
           :: holder == me -> holder_died = true                    \
           :: else                                                  \
           fi;                                                      \
           mine = 0;                                                \
           goto start                                               \
       }                                                            \
    fi

inline take() {
    rule(!(is_neighbour(me) && holder_lives)); /* a living neighbour is never robbed */
    if
    :: holder != NONE && line[token] == no_line -> line[token] = unknown
    :: else
    fi;
    if
    :: holder_lives -> lapse_count++
    :: else
    fi;
    token++;
    attempts++;
    /* An attempt is lost to nothing but a retry, a crash or a lease, one to each. */
    rule(attempts <= 1 + retry_count + crash_count + lapse_count);
    holder = me;
    holder_died = false;
    lapsed = false;
    mine = token
}

inline send() {
    rule(!was_on_wire[mine]); /* no request without a line of its own */
    was_on_wire[mine] = true;
    if
    :: klaviyo_has_it = true; verdict = accepted
    :: klaviyo_has_it = true; verdict = try_again /* the answer was lost */
    :: verdict = try_again
    :: verdict = refused
    fi
}

inline apply() {
    applied[mine]++;
    rule(applied[mine] <= 1); /* a claim is settled once */
    holder = NONE;
    holder_died = false;
    lapsed = false;
    if
    :: verdict == accepted -> status = sent
    :: verdict == refused -> status = dead
    :: verdict == try_again -> status = pending; retry_count++
    fi
}

inline settle() {
    line[mine] = judged;
    if
    :: !FENCE || (token == mine && holder == me && !holder_died) -> apply()
    :: else -> /* stale; but Klaviyo took it, and nobody need send it again */
        if
        :: verdict == accepted && status != sent ->
            if /* who holds it now may be on the wire, and may die before it says so */
            :: holder != NONE && line[token] == no_line -> line[token] = unknown
            :: else
            fi;
            status = sent;
            holder = NONE;
            holder_died = false;
            lapsed = false
        :: else
        fi
    fi;
    rule(status != sent || klaviyo_has_it);
    mine = 0
}

proctype worker(byte me) {
    byte mine = 0;
    mtype verdict = try_again;
start:
    do
    :: is_final -> break
    :: atomic { !is_final && may_take(me) -> take() };
       MAY_DIE;
       if
       :: attempts > ATTEMPTS_MAX -> verdict = refused /* used up: buried without another request */
       :: else -> atomic { send() }
       fi;
       MAY_DIE;
       atomic { settle() }
    :: atomic { /* a neighbour died: its claims are due at once */
           is_neighbour(me) && holder_died && !lapsed -> lapsed = true
       }
    :: atomic { /* a neighbour is slow: its lease is renewed */
           !ROB && is_neighbour(me) && holder_lives && holder != me && lapsed -> lapsed = false
       }
    od;
    ended_count++
}

/* Leases run out at any moment. */
proctype clock() {
    do
    :: is_final -> break
    :: atomic {
           holder != NONE && !lapsed && (lapse_count < LAPSES_MAX || holder_died) -> lapsed = true
       }
    od
}

init {
    atomic {
        run worker(0);
        run worker(1);
        run worker(2);
        run clock()
    };
    ended_count == WORKERS; /* all is over: every claim has its line */
    byte i;
    for (i : 1 .. token) {
        rule(line[i] != no_line)
    }
}

/* Once sent, always sent; once dead, nothing but a late word that Klaviyo took it changes that. */
ltl sent_stays { [] (status == sent -> [] (status == sent)) }
ltl dead_stays { [] (status == dead -> [] (status != pending)) }

/* Whatever dies and however slow the rest is, every event ends. */
ltl every_event_ends { <> (status != pending) }
