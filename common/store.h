#pragma once
/*
 * The store: preorders and their events, durable together.
 *
 * Operations are whole steps of the domain, each one transaction; there is no begin, no commit, no
 * SQL and no row type here, so a caller cannot write a preorder without its event nor forget a
 * commit. Engines: SQLite (one machine). All take time as an argument, never from the engine.
 *
 * Threads: one handle is one connection, used by one thread at a time. Blocking: a write waits for
 * the gate for at most options.write_timeout_ms, then for the disk. Errors: ERR_BUSY nothing was
 * written, try later; ERR_UNKNOWN it may have been; ERR_FATAL the disk or the file can't be
 * trusted by this process any more: stop serving and exit, the next process to open the database
 * recovers it. Ownership: what a caller passes in is borrowed for the call; what comes back is
 * released with the function named beside it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/domain/account.h"
#include "common/domain/event.h"
#include "common/domain/ident.h"
#include "common/domain/preorder.h"
#include "common/domain/rate.h"
#include "common/err.h"
#include "common/store/payment.h" /* the part about payments */

struct store;

/* Who waits at the gate. A checkout overtakes every worker: it waits for at most one holder. */
enum store_role { STORE_CHECKOUT, STORE_BACKGROUND };

struct store_options {
    enum store_role role;
    int64_t write_timeout_ms;
    const struct clock *clock; /* borrowed while the store is open: measures waits at the gate */
    /* Told how long each write waited for the gate, won or not; NULL: nobody wants to know. Called on
       the thread that uses the store. */
    void (*on_gate_wait)(void *context, int64_t wait_us);
    /* Told how long each checkpoint took, within the gate; NULL and thread as above. */
    void (*on_checkpoint)(void *context, int64_t duration_us);
    void *context;
};

/* ---- Life cycle ------------------------------------------------------------------------------- */

/*
 * Opens DATABASE_URL ("sqlite:PATH"), checks the schema's version and prepares every statement.
 * The first process to open a database works its log off into the file, so that whatever it shows
 * was synced. ERR_NOT_FOUND: there is no database yet, run `preorderctl migrate`. ERR_CONFLICT:
 * its schema is older (migrate) or newer (upgrade the program). ERR_INVALID: not a URL this
 * program knows. ERR_FATAL: unreadable, unwritable, on a network file system, damaged.
 */
CHECKED enum err_code store_open(const char *url, const struct store_options *options,
                                 struct store **store_out, struct err *err);
void store_close(struct store *store); /* NULL is fine */

struct store_migration {
    int32_t version_before; /* 0: there was no database */
    int32_t version_after;
};

/*
 * Creates the database or brings it to this program's schema, each migration in a transaction of
 * its own: a crash leaves a version that exists. With `dry_run` only reports. ERR_CONFLICT: the
 * schema is newer.
 */
CHECKED enum err_code store_migrate(const char *url, const struct store_options *options,
                                    bool dry_run, struct store_migration *migration_out,
                                    struct err *err);

/* Proves that a write would work now: wins the gate and starts a transaction, writes nothing, and
   looks that the disk has room for more. ERR_BUSY: the text names the process that sits in the gate, or
   the full disk. */
CHECKED enum err_code store_check_writable(struct store *store, struct err *err);

/*
 * Works off the log when it has grown to `pages_min` pages, within the gate; does nothing below
 * that. Call it off the path of an answer. Every process calls it; the API with a higher bound, so
 * that it only steps in when no worker does. A checkout waits for the gate but for moments: ERR_BUSY,
 * call again.
 */
CHECKED enum err_code store_checkpoint(struct store *store, int32_t pages_min, struct err *err);
/* Pages in the log as of this handle's last write. */
int32_t store_wal_pages(const struct store *store);

/* ---- Accepting -------------------------------------------------------------------------------- */

enum create_result {
    CREATE_PENDING = 0,
    CREATE_STORED,       /* both rows are durable */
    CREATE_REPLAYED,     /* the key was used before for the same request: `replay` is its reply */
    CREATE_KEY_REUSED,   /* the key was used before for another request; nothing written */
    CREATE_NUMBER_TAKEN, /* another preorder has this number: draw one, render anew, try again */
    CREATE_REFUSED,      /* the row breaks a rule of the schema: a bug; nothing of it is written */
};

enum { IDEMPOTENCY_KEY_CHARS_MAX = 255, FINGERPRINT_BYTES = 32 };

struct create {
    /* in */
    const struct preorder *preorder;
    const struct event *event;
    const char *idempotency_key;            /* NULL: none */
    uint8_t fingerprint[FINGERPRINT_BYTES]; /* SHA-256 of the request, if there is a key */
    const char *reply;                      /* what the client is told, kept for replays */
    size_t reply_bytes;
    bool reply_is_page; /* the reply sends a browser on to the payment page */
    /* out */
    enum create_result result;
    struct ident replay_id; /* CREATE_REPLAYED: the preorder it made */
    char *replay;           /* CREATE_REPLAYED: malloc'd, replay_bytes long; the caller frees it */
    size_t replay_bytes;
    char *
        replay_payment_url; /* CREATE_REPLAYED, if that reply is a page: where it sends the browser;
                                 malloc'd; else NULL */
};

/*
 * Stores a batch of preorders, each with its first event, in one transaction. One bad row never
 * takes its neighbours down. Durable: when this returns ERR_OK, every CREATE_STORED one survives a
 * power cut. On ERR_BUSY none is stored; on ERR_UNKNOWN or ERR_FATAL any of them may be.
 */
CHECKED enum err_code store_create_preorders(struct store *store, struct create *creates,
                                             size_t create_count, struct err *err);

/* ---- Workers ---------------------------------------------------------------------------------- */

enum { WORKER_ID_BYTES = 128, WORKER_HOST_ID_BYTES = 72, WORKER_LISTEN_BYTES = 192 };

struct worker_entry {
    const char *name;    /* unique for each start, < WORKER_ID_BYTES; what it claims with */
    const char *host_id; /* workers with the same one share a kernel, < WORKER_HOST_ID_BYTES */
    const char *listen;  /* where its health and metrics answer, < WORKER_LISTEN_BYTES */
    int64_t pid;
    int64_t now_ms;
};

/*
 * Enters a worker in the register, once for each handle and before it claims anything. The handle
 * then holds a lock that the kernel drops when the process dies, however it does; as long as it
 * holds it, nobody on its host takes its claims. ERR_CONFLICT: too many workers.
 */
CHECKED enum err_code store_register_worker(struct store *store, const struct worker_entry *entry,
                                            struct err *err);
/* Strikes it off; what it still has in hand is due at once. Closing the store without it is as
   dying. Nothing to do for a handle that is not registered. */
CHECKED enum err_code store_unregister_worker(struct store *store, int64_t now_ms, struct err *err);

struct tend_report {
    size_t neighbour_count;          /* other workers on this host that live */
    char dead_name[WORKER_ID_BYTES]; /* a dead worker was struck off: this one; "" if none was */
    int64_t due_count;               /* what it had in hand, due now */
    bool is_more;                    /* call again at once */
};

/*
 * Tends the register: renews the sign that this worker lives, and when another one on its host died
 * makes its claims due at once, a bounded number in each call. As long as all live it costs a read
 * and a question to the kernel for each; a registered worker calls it some times a second when it
 * has neighbours. A worker that was struck off while it was cut off enters itself anew.
 */
CHECKED enum err_code store_tend_workers(struct store *store, int64_t now_ms, int64_t lease_ms,
                                         struct tend_report *report_out, struct err *err);

/*
 * For a wall clock that was ahead and was set back: what lies further ahead of now than lease and wait_max_ms
 * allow was written by the old time. Events that wait so far ahead become due, claims get one more
 * lease; a bounded number in each call, *count_out of them. As long as the clock goes on it costs a
 * read. (The account mends itself, account_set_back.)
 */
CHECKED enum err_code store_bring_back(struct store *store, int64_t now_ms, int64_t lease_ms,
                                       int64_t wait_max_ms, int64_t *count_out, struct err *err);

struct worker_view {
    char name[WORKER_ID_BYTES];
    char host_id[WORKER_HOST_ID_BYTES];
    char listen[WORKER_LISTEN_BYTES];
    int64_t pid;
    int64_t started_at_ms;
    int64_t seen_at_ms;
    int64_t in_flight_count; /* requests that it may have on the wire */
    bool is_alive;           /* its lock is held, perhaps by a stopped process */
};
struct worker_list {
    struct worker_view *workers;
    size_t worker_count;
};
void worker_list_release(struct worker_list *list);

/* Everybody in the register, the dead that nobody has struck off yet included. */
CHECKED enum err_code store_list_workers(struct store *store, struct worker_list *list_out,
                                         struct err *err);

/* ---- Delivering ------------------------------------------------------------------------------- */

enum { EVENT_ERROR_BYTES = 1024, RESPONSE_BODY_BYTES_MAX = 16 * 1024 };

/* What became of one attempt (the word in the journal), or of a claim that made none. */
enum outcome {
    OUTCOME_SENT,
    OUTCOME_RETRY,     /* due again at next_attempt_at_ms */
    OUTCOME_THROTTLED, /* 429: the account waits; the attempt is given back */
    OUTCOME_PAUSED,    /* the operator's fault: the account is paused; the attempt is given back */
    OUTCOME_DEAD,
    OUTCOME_UNKNOWN, /* written by the store alone, for a claim whose holder vanished */
    OUTCOME_UNSENT,  /* never went on the wire: given back without a line in the journal */
};
const char *outcome_name(enum outcome outcome);

struct settlement {
    struct ident event_id;
    int64_t token; /* of the claim: a settlement with an old one changes no event (fencing) */
    enum outcome outcome;
    bool is_burnt;             /* counts against the maximum of attempts */
    int32_t http_status;       /* 0: no answer */
    const char *error;         /* "" if none; one line, e-mail addresses masked */
    const char *response_body; /* NULL if none; cut at RESPONSE_BODY_BYTES_MAX */
    size_t response_body_bytes;
    int64_t started_at_ms, finished_at_ms;
    int64_t
        next_attempt_at_ms; /* OUTCOME_RETRY, _THROTTLED, _PAUSED: when this event is due again */
    int64_t account_not_before_ms; /* > 0: nobody sends anything before this (429, pause) */
    const char *pause_reason;      /* OUTCOME_PAUSED: why, for people */
    bool is_single_only; /* from now on the event goes into no bulk job: Klaviyo may have it */
    bool is_kept;        /* OUTCOME_RETRY: claimed again at once, with the next token, due or not */
    bool is_failure;     /* by no fault of the event: counts towards the breaker */
    bool is_refused;     /* OUTCOME_DEAD by a 400: Klaviyo found fault with the event itself */
    int64_t rate_remaining_count; /* what the answer said of Klaviyo's current minute */
    int64_t rate_reset_s;         /* and when that ends; 0: nothing */
};

struct settle_report {
    size_t stale_count; /* settlements whose token was old: journaled, nothing else changed */
    uint64_t stale_set; /* which of the first 64 they were, by bit */
};

struct claim_request {
    const char *worker; /* id of the claiming worker, < WORKER_ID_BYTES */
    int64_t now_ms;
    int64_t lease_ms;           /* the claim ends at now + lease unless settled before */
    size_t count_max;           /* 0: claim nothing (drain) */
    size_t held_count;          /* requests still on the wire once the settlements are written */
    int64_t probe_interval_ms;  /* while the account is paused: one event per interval may go out */
    struct rate_limits limits;  /* of this kind of request, for the whole account */
    int64_t backfill_before_ms; /* events created earlier are sent with backfill; 0: none */
    bool leaves_job_place;      /* a bulk job waits for a place among the requests at once */
    uint64_t dice;              /* any number, drawn anew each time */
};

/* An event in this worker's hands. */
struct claim {
    struct ident event_id;
    struct ident preorder_id;
    int64_t token;
    int32_t attempts; /* this one included */
    char metric[EVENT_METRIC_BYTES];
    char
        *payload; /* owned by the batch until claim_batch_release, or taken by setting it to NULL */
    size_t payload_bytes;
    char request_id[REQUEST_ID_BYTES];
    char traceparent[TRACEPARENT_BYTES];
    int64_t created_at_ms;
    int64_t first_attempt_at_ms; /* when its age began: the first judged attempt; 0 if none yet */
    int64_t held_ms;             /* since then, while the account was paused or the breaker open */
    bool is_backfill;            /* its body has to say so, now and ever after */
};

struct claim_batch {
    struct claim *claims;
    size_t claim_count, claim_capacity;
    size_t rescued_count; /* of them: taken over from a holder that vanished, journaled `unknown` */
    bool is_probe;        /* the account is held and this is the one event that may try */
    enum account_reason reason; /* what made it less than was asked for */
    int32_t refused_count; /* events refused in a row, in all workers, these settlements included */
    int64_t
        next_due_at_ms; /* when more may be due (an event or the account); INT64_MAX: not known */
};
void claim_batch_release(struct claim_batch *batch); /* also right for a zeroed struct */

/*
 * One step of a worker in one transaction: writes the verdicts of what it finished, then claims up
 * to count_max events that are due, as many as the account allows: earliest first, but half of them
 * first attempts and half repeated ones while there are enough of both. With leaves_job_place, and while no
 * bulk job is on the wire, one of the requests that Klaviyo can take at once is left to one.
 *
 * Settling makes the next waiting event of the same preorder due once this one is sent or dead. A
 * settlement with an old token is journaled and counted; if it carries OUTCOME_SENT for an event
 * that is not sent, the event becomes sent. Claiming adds one to token and attempts *before*
 * anything is sent, so an event that kills workers runs out of attempts. What the account allows
 * is decided by account_allow (common/domain/account.h), for all workers together and with the
 * verdicts of these settlements. A claim whose lease ran out is taken from its holder, but for one that lives on the
 * host of this handle's registered worker: that claim's lease is renewed instead.
 *
 * `batch` is emptied first. On failure nothing was settled nor claimed (ERR_BUSY), or it may have
 * been (ERR_UNKNOWN, ERR_FATAL): the worker then cannot tell what it holds, and has to end.
 */
CHECKED enum err_code store_settle_and_claim(struct store *store,
                                             const struct settlement *settlements,
                                             size_t settlement_count,
                                             struct settle_report *report_out,
                                             const struct claim_request *request,
                                             struct claim_batch *batch, struct err *err);

/* How many events are due, counted up to twice `limit`: enough to tell a backlog. Reads only. */
CHECKED enum err_code store_count_due(struct store *store, int64_t now_ms, int64_t limit,
                                      int64_t *count_out, struct err *err);

/* One step on behalf of a bulk job: many events, one request. */
struct job_request {
    /* limits: of jobs; count_max: members to claim; held_count: jobs on the wire or allowed to go,
       without the one that is asked for. */
    struct claim_request claim;
    const struct settlement
        *answered;    /* what became of a job's request, for the account; or NULL */
    bool wants_start; /* one more job is to go out */
};

struct job_reply {
    struct settle_report settled;
    bool may_start;   /* it was wanted, is allowed, and counts from now on */
    bool is_held;     /* the account is throttled, paused or its breaker open: no job may go out */
    bool has_company; /* another process wrote since this one did, as far as the engine knows */
};

/*
 * store_settle_and_claim for the members of a bulk job, in slices: a job's thousand would hold the
 * gate too long. The settlements of members say nothing of the account; `answered` does, once for
 * each request. A settlement with is_kept gives the event to this worker anew, with the next token.
 * Claims are as many as are asked for, none that go alone or whose holder vanished; with wants_start
 * only if a job may go out, else only if the account is not held. A job that found no events, though
 * it asked for some, does not start. Errors as for store_settle_and_claim.
 */
CHECKED enum err_code store_settle_and_claim_members(struct store *store,
                                                     const struct settlement *settlements,
                                                     size_t settlement_count,
                                                     const struct job_request *request,
                                                     struct job_reply *reply_out,
                                                     struct claim_batch *batch, struct err *err);

/* Asks to be woken: *fd_out is readable as soon as something became due; call store_hear then. The
   descriptor is the store's. ERR_FATAL: the engine can't. */
CHECKED enum err_code store_listen(struct store *store, int *fd_out, struct err *err);
/* Takes in what was sent; true if there was anything. Never blocks. */
bool store_hear(struct store *store);

/* Wakes whoever listens: something became due. Call it when the answers have left. Never blocks and
   never fails: a worker that hears nothing looks by itself after its poll interval. */
void store_wake(struct store *store);

/* ---- Looking ---------------------------------------------------------------------------------- */

/* One event as people see it. */
struct event_view {
    struct ident id;
    struct ident preorder_id;
    char preorder_number[PREORDER_NUMBER_BYTES];
    char email[EMAIL_BYTES];
    char metric[EVENT_METRIC_BYTES];
    char status[16]; /* pending, sent, dead, cancelled */
    bool is_claimed; /* under a live claim: shown as "sending" */
    int32_t attempts;
    int64_t token;
    int64_t next_attempt_at_ms; /* 0: no due time (finished, or waiting behind an earlier event) */
    char claimed_by[WORKER_ID_BYTES];
    int64_t claim_expires_at_ms; /* 0: no claim */
    int32_t last_http_status;    /* 0: none */
    char last_error[EVENT_ERROR_BYTES];
    char request_id[REQUEST_ID_BYTES];
    int64_t created_at_ms;
    int64_t sent_at_ms;     /* 0: not sent */
    struct ident behind_id; /* the earlier unfinished event it waits for; text "" if none */
};

struct attempt_view {
    int64_t token;
    char worker[WORKER_ID_BYTES];
    int64_t started_at_ms, finished_at_ms; /* finished 0: nobody knows */
    char outcome[16];
    bool is_burnt;
    int32_t http_status;
    char error[EVENT_ERROR_BYTES];
    char *response_body; /* NULL if none; owned by the list */
    size_t response_body_bytes;
    int64_t next_attempt_at_ms;
};

struct preorder_view {
    struct ident id;
    char number[PREORDER_NUMBER_BYTES];
    char email[EMAIL_BYTES];
    char price_id[PRODUCT_PRICE_ID_BYTES];
    char product[PRODUCT_NAME_BYTES];
    char color[PRODUCT_COLOR_BYTES];
    char locale[LOCALE_BYTES];
    char source[PREORDER_SOURCE_BYTES];
    int64_t amount;
    char currency[CURRENCY_BYTES];
    char status[16]; /* initiated, completed, cancelled */
    char flag[256];  /* why support must look; "" if nothing */
    char payment_url[PREORDER_PAYMENT_URL_BYTES];
    int64_t created_at_ms, updated_at_ms;
};

struct event_list {
    struct event_view *events;
    size_t event_count;
};
struct attempt_list {
    struct attempt_view *attempts;
    size_t attempt_count;
};
struct preorder_list {
    struct preorder_view *preorders;
    size_t preorder_count;
};
void event_list_release(struct event_list *list);
void attempt_list_release(struct attempt_list *list);
void preorder_list_release(struct preorder_list *list);

/* A preorder and its events in their order. ERR_NOT_FOUND. */
CHECKED enum err_code store_find_preorder(struct store *store, const struct ident *id,
                                          int64_t now_ms, struct preorder_view *preorder_out,
                                          struct event_list *events_out, struct err *err);

/* Preorders with a flag, the longest unchanged first; limit 0: all. */
CHECKED enum err_code store_list_flagged(struct store *store, int64_t limit,
                                         struct preorder_list *list_out, struct err *err);

enum search_kind { SEARCH_ID, SEARCH_NUMBER, SEARCH_EMAIL };
enum { SEARCH_PREORDERS_MAX = 100 };

/* Preorders by number or e-mail (exact), by their own id or by an event's id; newest first, at
   most SEARCH_PREORDERS_MAX; none is not an error. */
CHECKED enum err_code store_search_preorders(struct store *store, enum search_kind kind,
                                             const char *text, struct preorder_list *list_out,
                                             struct err *err);

/* Which events: everything that is set must hold. Shared by list, retry and cancel. */
struct event_filter {
    const struct ident *ids; /* exactly these, if id_count > 0 */
    size_t id_count;
    const char *status; /* NULL: any; also "sending", "due", "waiting" */
    const char *metric; /* NULL: any */
    const char *email;  /* NULL: any; exact, in its ASCII form */
    const char *error;  /* NULL: any; part of last_error, without regard to case */
    int64_t created_before_ms, created_after_ms; /* 0: any */
    int64_t limit;                               /* newest first; 0: all */
};

CHECKED enum err_code store_list_events(struct store *store, const struct event_filter *filter,
                                        int64_t now_ms, struct event_list *list_out,
                                        struct err *err);

/* The journal of one event, oldest first. ERR_NOT_FOUND: no such event. */
CHECKED enum err_code store_list_attempts(struct store *store, const struct ident *event_id,
                                          struct attempt_list *list_out, struct err *err);

/* The payload of one event, malloc'd. ERR_NOT_FOUND. */
CHECKED enum err_code store_event_payload(struct store *store, const struct ident *event_id,
                                          char **payload_out, size_t *payload_bytes_out,
                                          struct err *err);

struct store_status {
    int32_t schema_version;
    int64_t preorder_count;
    int64_t due_count, waiting_count,
        claimed_count; /* of the pending: due now; later or behind another; in hand */
    int64_t sent_count, dead_count, cancelled_count;
    int64_t oldest_due_at_ms;        /* 0: none is due */
    int64_t account_not_before_ms;   /* 0 or past: nothing holds the account back */
    char account_pause_reason[256];  /* "" if the account is not paused */
    int64_t account_paused_since_ms; /* 0 if not */
    bool account_is_paused_by_person;
    int64_t breaker_opened_at_ms;       /* 0: closed */
    enum account_reason account_reason; /* why an event that is due now would not go out */
    int64_t account_reason_until_ms;    /* when to look again; INT64_MAX: a person has to resume */
    int64_t in_flight_count;            /* requests that may be on the wire */
    int64_t concurrency_max;            /* 0: as many as the workers like */
    int64_t rate_used_burst, rate_used_steady; /* single events that count in the spans up to now */
    struct rate_limits rate_limits; /* as the last worker was told; 0: there was none yet */
    int64_t last_sent_at_ms;        /* 0: nothing was ever sent */
    int64_t flagged_count;          /* preorders that wait for a person */
    int32_t wal_pages;
    int64_t database_bytes;
};
CHECKED enum err_code store_read_status(struct store *store, int64_t now_ms,
                                        struct store_status *status_out, struct err *err);
/* The same but for what takes a walk over all that there ever was: preorder_count, sent_count and
   cancelled_count stay 0. For those who ask every few seconds. */
CHECKED enum err_code store_read_backlog(struct store *store, int64_t now_ms,
                                         struct store_status *status_out, struct err *err);

/* Both ends of the ledger, counted in one read transaction. */
struct store_audit {
    int64_t preorder_count;      /* = events that creates must have written */
    int64_t payment_event_count; /* = events that applied payments must have written */
    int64_t sent_count, dead_count, cancelled_count, pending_count, pruned_count;
    int64_t preorders_without_event;
    int64_t events_without_preorder;
    int64_t sent_without_attempt;   /* sent, yet no line in the journal says so */
    int64_t payments_without_event; /* applied payments whose event is not in the outbox */
    int64_t events_without_payment; /* later than the preorder's first, yet no payment owes them */
    bool agrees; /* the two ends are equal, nothing stands alone, nothing is sent without attempt */
};
CHECKED enum err_code store_audit(struct store *store, struct store_audit *audit_out,
                                  struct err *err);

/* ---- Repairing -------------------------------------------------------------------------------- */

struct repair {
    struct event_filter filter;
    const char *actor;  /* who: the login name */
    const char *reason; /* "" if none was given */
    int64_t now_ms;
    bool dry_run; /* count only */
};

/* What a person does to the account as a whole. */
struct account_order {
    const char *actor;
    const char *reason; /* "" if none was given */
    int64_t now_ms;
    bool dry_run; /* only say whether it would change anything */
};

/*
 * Pauses the account until store_resume_account: nothing is claimed, not even a probe; what is on
 * the wire is settled as always. Leaves a line in audit_log if it changed anything. *changed_out
 * false: it was paused by a person already.
 */
CHECKED enum err_code store_pause_account(struct store *store, const struct account_order *order,
                                          bool *changed_out, struct err *err);
/* Ends a pause, whoever began it; if the breaker is open, a probe may go out at once. What a 429
   asked for stays. *changed_out false: there was nothing to end. */
CHECKED enum err_code store_resume_account(struct store *store, const struct account_order *order,
                                           bool *changed_out, struct err *err);

/*
 * The next two find what matches first, then change it in batches, each one transaction with its own line
 * in audit_log: the gate is held for milliseconds, and what somebody else changed meanwhile is
 * left alone and not counted. On failure *count_out says how many were changed; they stay so.
 */

/* Dead events that match become pending and due now, attempts and age anew; one whose preorder has
   an earlier unfinished event waits behind that, and later ones of its preorder wait for it again: one
   that a worker has in hand as soon as it comes back unfinished. */
CHECKED enum err_code store_retry_events(struct store *store, const struct repair *repair,
                                         int64_t *count_out, struct err *err);

/* Pending and dead events that match become cancelled, the next event of their preorder due. One
   under a live claim may be on the wire and is left alone; a claim that ran out is journaled
   `unknown`. */
CHECKED enum err_code store_cancel_events(struct store *store, const struct repair *repair,
                                          int64_t *count_out, struct err *err);
