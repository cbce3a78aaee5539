#include "tests/store/fixture.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/store/sqlite/gate.h"

enum { SQL_BYTES = 4096, TEXT_BYTES = 64 * 1024 };

void fixture_assert_ok(enum err_code code, const struct err *err, const char *file, int line) {
    if (code != ERR_OK) {
        print_error("%s: %s\n", err_name(code), err->text);
    }
    _assert_int_equal(code, ERR_OK, file, line);
}

struct store_options fixture_options(enum store_role role, int64_t write_timeout_ms) {
    return (struct store_options){
        .role = role, .write_timeout_ms = write_timeout_ms, .clock = clock_system()};
}

void fixture_migrate(struct fixture *fixture) {
    struct store_options options = fixture_options(STORE_BACKGROUND, FIXTURE_TIMEOUT_MS);
    struct store_migration migration;
    struct err err = {0};
    ASSERT_OK(store_migrate(fixture->url, &options, false, &migration, &err));
}

struct store *fixture_open(struct fixture *fixture, enum store_role role) {
    struct store_options options = fixture_options(role, FIXTURE_TIMEOUT_MS);
    struct store *store = NULL;
    struct err err = {0};
    ASSERT_OK(store_open(fixture->url, &options, &store, &err));
    return store;
}

void fixture_reopen(struct fixture *fixture) {
    store_close(fixture->store);
    fixture->store = fixture_open(fixture, STORE_CHECKOUT);
}

int fixture_spare_disk(void **state) {
    (void)state;
    if (access("/dev/shm", W_OK) == 0) {
        assert_int_equal(setenv("TMPDIR", "/dev/shm", 0), 0); /* unless somebody chose another */
    }
    return 0;
}

int fixture_setup_empty(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    const char *folder = getenv("TMPDIR");
    (void)snprintf(fixture->folder, sizeof fixture->folder, "%s/preorder-store-XXXXXX",
                   folder == NULL ? "/tmp" : folder);
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/preorder.db", fixture->folder);
    (void)snprintf(fixture->url, sizeof fixture->url, "sqlite:%s", fixture->path);
    fixture->random = random_seeded(&fixture->seeded, 1);
    *state = fixture;
    return 0;
}

int fixture_setup(void **state) {
    (void)fixture_setup_empty(state);
    struct fixture *fixture = *state;
    fixture_migrate(fixture);
    fixture->store = fixture_open(fixture, STORE_CHECKOUT);
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    store_close(fixture->store);
    (void)chmod(fixture->folder, 0700);
    assert_int_equal(nftw(fixture->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(fixture);
    return 0;
}

/* ---- Rows ------------------------------------------------------------------------------------- */

void sample_make_at(struct fixture *fixture, struct sample *sample, int64_t created_at_ms) {
    *sample = (struct sample){0};
    uint32_t number = fixture->sample_count++;
    struct preorder *preorder = &sample->preorder;
    preorder->id = ident_make(created_at_ms, &fixture->random);
    (void)snprintf(preorder->number, sizeof preorder->number, "P%" PRIu32 "-%08" PRIu32,
                   fixture->series, number);
    (void)snprintf(preorder->email, sizeof preorder->email, "shopper-%" PRIu32 "@example.com",
                   number);
    (void)snprintf(preorder->price_id, sizeof preorder->price_id, "price_scarf");
    (void)snprintf(preorder->product, sizeof preorder->product, "Scarf \"Søster\" 🧣");
    (void)snprintf(preorder->color, sizeof preorder->color, "red");
    (void)snprintf(preorder->locale, sizeof preorder->locale, "da-DK");
    (void)snprintf(preorder->source, sizeof preorder->source, "web");
    (void)snprintf(preorder->currency, sizeof preorder->currency, "USD");
    (void)snprintf(preorder->payment_url, sizeof preorder->payment_url,
                   "https://pay.example/p?client_reference_id=%s", preorder->id.text);
    (void)snprintf(sample->properties, sizeof sample->properties, "{\"size\":\"M\",\"gift\":true}");
    preorder->properties_json = sample->properties;
    preorder->amount = 4999;
    preorder->created_at_ms = created_at_ms;

    struct event *event = &sample->event;
    event->id = ident_make(created_at_ms, &fixture->random);
    (void)snprintf(event->metric, sizeof event->metric, "Preorder Started");
    int length =
        snprintf(sample->payload, sizeof sample->payload,
                 "{\"data\":{\"unique_id\":\"%s\",\"name\":\"Søster 🧣\"}}", event->id.text);
    event->payload = sample->payload;
    event->payload_bytes = (size_t)length;
    event->created_at_ms = created_at_ms;
    (void)snprintf(event->request_id, sizeof event->request_id, "request-%" PRIu32, number);
    (void)snprintf(event->traceparent, sizeof event->traceparent,
                   "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

    sample->create = (struct create){.preorder = preorder, .event = event};
}

void sample_make(struct fixture *fixture, struct sample *sample) {
    sample_make_at(fixture, sample, FIXTURE_NOW_MS);
}

void sample_use_key(struct sample *sample, const char *key, uint8_t fingerprint) {
    int length = snprintf(sample->key, sizeof sample->key, "%s", key);
    assert_in_range(length, 1, IDEMPOTENCY_KEY_CHARS_MAX);
    length = snprintf(sample->reply, sizeof sample->reply, "{\"id\":\"%s\",\"name\":\"Søster\"}",
                      sample->preorder.id.text);
    sample->create.idempotency_key = sample->key;
    memset(sample->create.fingerprint, fingerprint, FINGERPRINT_BYTES);
    sample->create.reply = sample->reply;
    sample->create.reply_bytes = (size_t)length;
}

void fixture_store_samples(struct fixture *fixture, size_t count, struct ident *event_ids_out) {
    struct sample *samples = calloc(count, sizeof *samples);
    struct create *creates = calloc(count, sizeof *creates);
    if (samples == NULL || creates == NULL) {
        fail_msg("out of memory");
        abort(); /* never reached: for those who read the code without knowing fail_msg */
    }
    for (size_t i = 0; i < count; i++) {
        sample_make_at(fixture, &samples[i], FIXTURE_NOW_MS + (int64_t)i);
        creates[i] = samples[i].create;
        if (event_ids_out != NULL) {
            event_ids_out[i] = samples[i].event.id;
        }
    }
    struct err err = {0};
    ASSERT_OK(store_create_preorders(fixture->store, creates, count, &err));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(creates[i].result, CREATE_STORED);
    }
    free(creates);
    free(samples);
}

struct ident fixture_store_one(struct fixture *fixture) {
    struct ident id;
    fixture_store_samples(fixture, 1, NULL);
    assert_true(
        ident_parse(fixture_text(fixture, "SELECT id FROM preorders ORDER BY rowid DESC"), &id));
    return id;
}

struct payment_event fixture_payment(const struct ident *preorder_id, const char *id,
                                     const char *session_id, enum payment_kind kind) {
    struct payment_event event = {.kind = kind,
                                  .preorder_id = *preorder_id,
                                  .created_at_ms = FIXTURE_NOW_MS - 1000,
                                  .amount_subtotal = 4999,
                                  .amount_total = 4999,
                                  .currency = "USD",
                                  .request_id = "request-of-stripe"};
    (void)snprintf(event.id, sizeof event.id, "evt_%s", id);
    (void)snprintf(event.type, sizeof event.type, "checkout.session.%d", (int)kind);
    (void)snprintf(event.session_id, sizeof event.session_id, "cs_%s", session_id);
    return event;
}

struct payment_terms fixture_terms(struct fixture *fixture, int64_t now_ms) {
    return (struct payment_terms){
        .metric_prefix = "", .random = &fixture->random, .now_ms = now_ms};
}

struct payment_apply fixture_apply(struct fixture *fixture, const struct payment_event *event,
                                   int64_t now_ms) {
    struct payment_terms terms = fixture_terms(fixture, now_ms);
    struct payment_apply apply = {.event = event};
    struct err err = {0};
    ASSERT_OK(store_apply_payments(fixture->store, &terms, &apply, 1, &err));
    return apply;
}

struct claim_request fixture_claim_request(int64_t now_ms, size_t count_max) {
    return (struct claim_request){.worker = "worker-a",
                                  .now_ms = now_ms,
                                  .lease_ms = 1000,
                                  .count_max = count_max,
                                  .probe_interval_ms = 10000,
                                  .limits = {.burst_count = 1000000, .steady_count = 1000000}};
}

struct claim fixture_claim_one(struct fixture *fixture, int64_t now_ms) {
    struct claim_request request = fixture_claim_request(now_ms, 1);
    struct claim_batch batch = {0};
    struct settle_report report;
    struct err err = {0};
    ASSERT_OK(store_settle_and_claim(fixture->store, NULL, 0, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, 1);
    struct claim claim = batch.claims[0];
    claim.payload = NULL;
    claim_batch_release(&batch);
    return claim;
}

struct settle_report fixture_settle(struct fixture *fixture, const struct settlement *settlement,
                                    int64_t now_ms) {
    struct claim_request request = fixture_claim_request(now_ms, 0);
    struct claim_batch batch = {0};
    struct settle_report report = {0};
    struct err err = {0};
    ASSERT_OK(
        store_settle_and_claim(fixture->store, settlement, 1, &report, &request, &batch, &err));
    assert_int_equal(batch.claim_count, 0);
    claim_batch_release(&batch);
    return report;
}

struct settlement fixture_settlement(const struct claim *claim, enum outcome outcome,
                                     int64_t now_ms) {
    return (struct settlement){
        .event_id = claim->event_id,
        .token = claim->token,
        .outcome = outcome,
        .is_burnt = outcome == OUTCOME_SENT || outcome == OUTCOME_RETRY || outcome == OUTCOME_DEAD,
        .http_status = outcome == OUTCOME_SENT ? 202 : 503,
        .error = outcome == OUTCOME_SENT ? "" : "Klaviyo says no",
        .started_at_ms = now_ms,
        .finished_at_ms = now_ms,
        .next_attempt_at_ms = now_ms,
    };
}

/* ---- Past the store --------------------------------------------------------------------------- */

static sqlite3 *peek(struct fixture *fixture) {
    sqlite3 *db = NULL;
    assert_int_equal(
        sqlite3_open_v2(fixture->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
        SQLITE_OK);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    (void)sqlite3_wal_autocheckpoint(db, 0);
    (void)sqlite3_busy_timeout(db, FIXTURE_TIMEOUT_MS);
    return db;
}

int fixture_try(struct fixture *fixture, const char *sql) {
    sqlite3 *db = peek(fixture);
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (result != SQLITE_OK && (result & 0xff) != SQLITE_CONSTRAINT) {
        print_error("%s: %s\n", sql, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return result;
}

void fixture_run(struct fixture *fixture, const char *sql, ...) {
    char text[SQL_BYTES];
    va_list arguments;
    va_start(arguments, sql);
    int length = vsnprintf(text, sizeof text, sql, arguments);
    va_end(arguments);
    assert_in_range(length, 1, SQL_BYTES - 1);
    assert_int_equal(fixture_try(fixture, text), SQLITE_OK);
}

static const char *first_row(struct fixture *fixture, const char *sql) {
    static char text[TEXT_BYTES];
    sqlite3 *db = peek(fixture);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    size_t length = 0;
    for (int column = 0; column < sqlite3_column_count(statement); column++) {
        const char *value = (const char *)sqlite3_column_text(statement, column);
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s",
                                   column == 0 ? "" : "|", value == NULL ? "" : value);
        assert_true(length < sizeof text);
    }
    (void)sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return text;
}

const char *fixture_text(struct fixture *fixture, const char *sql, ...) {
    char text[SQL_BYTES];
    va_list arguments;
    va_start(arguments, sql);
    int length = vsnprintf(text, sizeof text, sql, arguments);
    va_end(arguments);
    assert_in_range(length, 1, SQL_BYTES - 1);
    return first_row(fixture, text);
}

int64_t fixture_number(struct fixture *fixture, const char *sql, ...) {
    char text[SQL_BYTES];
    va_list arguments;
    va_start(arguments, sql);
    int length = vsnprintf(text, sizeof text, sql, arguments);
    va_end(arguments);
    assert_in_range(length, 1, SQL_BYTES - 1);
    const char *value = first_row(fixture, text);
    return value[0] == '\0' ? -1 : strtoll(value, NULL, 10);
}

int64_t fixture_file_bytes(struct fixture *fixture, const char *suffix) {
    char path[FIXTURE_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s%s", fixture->path, suffix);
    struct stat status;
    return stat(path, &status) == 0 ? (int64_t)status.st_size : -1;
}

void fixture_assert_sound(struct fixture *fixture) {
    assert_string_equal(fixture_text(fixture, "PRAGMA integrity_check"), "ok");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM preorders AS p WHERE NOT EXISTS"
                                             " (SELECT 1 FROM outbox WHERE preorder_id = p.id)"),
                     0);
}

void fixture_assert_audit_agrees(struct fixture *fixture) {
    struct store_audit audit;
    struct err err = {0};
    ASSERT_OK(store_audit(fixture->store, &audit, &err));
    assert_true(audit.agrees);
}

const char *fixture_preorder_status(struct fixture *fixture, const struct ident *preorder_id) {
    return fixture_text(fixture,
                        "SELECT status || coalesce(' ' || flag, '') FROM preorders WHERE id = '%s'",
                        preorder_id->text);
}

/* ---- Processes -------------------------------------------------------------------------------- */

pid_t fixture_spawn(int (*run)(void *context), void *context) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        _exit(run(context));
    }
    return pid;
}

static int await(pid_t pid, int options) {
    int status = 0;
    pid_t result = -1;
    do {
        result = waitpid(pid, &status, options);
    } while (result < 0 && errno == EINTR);
    assert_int_equal(result, pid);
    return status;
}

int fixture_join(pid_t pid) {
    int status = await(pid, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void *fixture_share(size_t byte_count) {
    void *memory =
        mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

void fixture_await_stopped(pid_t pid) {
    assert_true(WIFSTOPPED(await(pid, WUNTRACED)));
}

static int enter_and_stop(void *context) {
    const struct fixture *fixture = context;
    struct gate gate;
    bool is_first = false;
    struct err err = {0};
    enum err_code code = gate_open(&gate, fixture->path, STORE_BACKGROUND, clock_system(),
                                   FIXTURE_TIMEOUT_MS, &is_first, &err);
    if (code == ERR_OK && is_first) {
        code = gate_share(&gate, &err);
    }
    if (code == ERR_OK) {
        code = gate_enter(&gate, FIXTURE_TIMEOUT_MS, &err);
    }
    if (code == ERR_OK) {
        (void)raise(SIGSTOP);
    }
    return (int)code;
}

struct fixture_holder fixture_hold_gate(struct fixture *fixture) {
    struct fixture_holder holder = {.pid = fixture_spawn(enter_and_stop, fixture)};
    (void)snprintf(holder.pid_text, sizeof holder.pid_text, "%" PRId64, (int64_t)holder.pid);
    fixture_await_stopped(holder.pid);
    return holder;
}

void fixture_release_gate(const struct fixture_holder *holder) {
    assert_int_equal(kill(holder->pid, SIGKILL), 0);
    assert_int_equal(fixture_join(holder->pid), 128 + SIGKILL);
}
