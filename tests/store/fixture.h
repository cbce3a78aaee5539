#pragma once
/*
 * What the tests of the store share: a folder of their own with a real database in it, rows to put
 * there, and a look at the file past the store.
 *
 * Every function fails the running test when something goes wrong, so that a test states only what
 * it is about. In a child process nothing of cmocka may be used: fixture_spawn's functions return 0
 * or the number that the parent is to see.
 */
#include <setjmp.h> /* cmocka.h needs these three before it */
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/random.h"
#include "common/store.h"

enum { FIXTURE_NOW_MS = 1000000, FIXTURE_TIMEOUT_MS = 5000, FIXTURE_PATH_BYTES = 512 };

struct fixture {
    char folder[FIXTURE_PATH_BYTES - 32];
    char path[FIXTURE_PATH_BYTES]; /* of the database */
    char url[FIXTURE_PATH_BYTES + 16];
    struct random_seeded seeded;
    struct random random;
    uint32_t series; /* of the preorder numbers, so that processes draw different ones */
    uint32_t sample_count;
    struct store *store; /* a checkout's; NULL while there is none open */
};

/* For cmocka: *state is a struct fixture *. The first migrates and opens the store, the second
   leaves the folder empty. */
int fixture_setup(void **state);
int fixture_setup_empty(void **state);
int fixture_teardown(void **state);
/* Of a whole group, before any of these: where thousands of commits are made and nothing hangs on the disk, its files
   stand in memory if they can. */
int fixture_spare_disk(void **state);

struct store_options fixture_options(enum store_role role, int64_t write_timeout_ms);
void fixture_migrate(struct fixture *fixture);
struct store *fixture_open(struct fixture *fixture, enum store_role role);
/* Closes fixture->store and opens it again. */
void fixture_reopen(struct fixture *fixture);

/* A preorder, its first event and the create that stores them. Points into itself: not to be
   moved. */
struct sample {
    struct preorder preorder;
    struct event event;
    struct create create;
    char key[IDEMPOTENCY_KEY_CHARS_MAX + 1];
    char reply[128];
    char properties[128];
    char payload[256];
};

/* A valid one, created (and due) at FIXTURE_NOW_MS, without a key. */
void sample_make(struct fixture *fixture, struct sample *sample);
void sample_make_at(struct fixture *fixture, struct sample *sample, int64_t created_at_ms);
/* With a key; `fingerprint` stands for the request's content. */
void sample_use_key(struct sample *sample, const char *key, uint8_t fingerprint);
/* Makes and stores `count` of them, due one ms after the other; ids_out may be NULL. */
void fixture_store_samples(struct fixture *fixture, size_t count, struct ident *event_ids_out);

/* Stores one; the preorder's id. */
struct ident fixture_store_one(struct fixture *fixture);

/* What Stripe may say of a sample: of the sample's amount, made a second before FIXTURE_NOW_MS. */
struct payment_event fixture_payment(const struct ident *preorder_id, const char *id,
                                     const char *session_id, enum payment_kind kind);
struct payment_terms fixture_terms(struct fixture *fixture, int64_t now_ms);
/* Applies one at `now_ms`. */
struct payment_apply fixture_apply(struct fixture *fixture, const struct payment_event *event,
                                   int64_t now_ms);

/* A claim as most tests want it: by "worker-a", lease 1,000 ms, probes every 10,000 ms. */
struct claim_request fixture_claim_request(int64_t now_ms, size_t count_max);
/* Claims exactly one event at `now_ms` and returns it without its payload. */
struct claim fixture_claim_one(struct fixture *fixture, int64_t now_ms);
/* Settles one and claims nothing. */
struct settle_report fixture_settle(struct fixture *fixture, const struct settlement *settlement,
                                    int64_t now_ms);
/* A verdict on a claim, started and finished at `now_ms`. */
struct settlement fixture_settlement(const struct claim *claim, enum outcome outcome,
                                     int64_t now_ms);

/* Past the store, on a connection of its own that never checkpoints. Formats as snprintf does. */
void fixture_run(struct fixture *fixture, const char *sql, ...)
    __attribute__((format(printf, 2, 3)));
/* As fixture_run, but returns SQLite's result instead of failing. */
int fixture_try(struct fixture *fixture, const char *sql);
/* The first column of the first row; NULL is -1. */
int64_t fixture_number(struct fixture *fixture, const char *sql, ...)
    __attribute__((format(printf, 2, 3)));
/* The first row's columns, joined with "|" as the shell does; NULL is empty. Static memory. */
const char *fixture_text(struct fixture *fixture, const char *sql, ...)
    __attribute__((format(printf, 2, 3)));
int64_t fixture_file_bytes(struct fixture *fixture, const char *suffix); /* -1: not there */
/* integrity_check and foreign_key_check, and that no preorder and no event stands alone. */
void fixture_assert_sound(struct fixture *fixture);
/* What store_audit says. */
void fixture_assert_audit_agrees(struct fixture *fixture);
/* "initiated", "cancelled why it is flagged"; static memory. */
const char *fixture_preorder_status(struct fixture *fixture, const struct ident *preorder_id);

void fixture_assert_ok(enum err_code code, const struct err *err, const char *file, int line);
#define ASSERT_OK(call)         fixture_assert_ok((call), &err, __FILE__, __LINE__)
#define ASSERT_CODE(code, call) assert_string_equal(err_name(call), err_name(code))

/* Runs a function in a child process, which ends with its return value. */
pid_t fixture_spawn(int (*run)(void *context), void *context);
/* Its exit status, or 128 + the signal that killed it. */
int fixture_join(pid_t pid);
/* A page of zeroed memory that children share. Never given back. */
void *fixture_share(size_t byte_count);
/* Waits until a child has stopped itself (raise(SIGSTOP)). */
void fixture_await_stopped(pid_t pid);

/* Another process that sits in the gate, stopped. */
struct fixture_holder {
    pid_t pid;
    char pid_text[16];
};
struct fixture_holder fixture_hold_gate(struct fixture *fixture);
void fixture_release_gate(const struct fixture_holder *holder); /* kills it */
