/*
 * Settling: writing down what became of the attempts that finished.
 */
#include "common/store/sqlite/settle.h"
#include "common/store/sqlite/statement.h"

#include <assert.h>

/* Nothing comes after it, whatever the caller filled in. */
static bool is_final(enum outcome outcome) {
    return outcome == OUTCOME_SENT || outcome == OUTCOME_DEAD;
}

static CHECKED enum err_code journal(struct sqlite_store *self, const struct settlement *settlement,
                                     const char *worker, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_JOURNAL_ATTEMPT);
    sqlite_bind_text(statement, ":id", settlement->event_id.text);
    sqlite_bind_integer(statement, ":token", settlement->token);
    sqlite_bind_text(statement, ":worker", worker);
    sqlite_bind_integer(statement, ":started_at", settlement->started_at_ms);
    sqlite_bind_integer(statement, ":finished_at", settlement->finished_at_ms);
    sqlite_bind_text(statement, ":outcome", outcome_name(settlement->outcome));
    sqlite_bind_integer(statement, ":burnt", settlement->is_burnt ? 1 : 0);
    sqlite_bind_integer_or_null(statement, ":http_status", settlement->http_status);
    sqlite_bind_text_or_null(statement, ":error", settlement->error);
    size_t body_bytes = settlement->response_body_bytes;
    if (body_bytes > RESPONSE_BODY_BYTES_MAX) {
        body_bytes = RESPONSE_BODY_BYTES_MAX;
    }
    if (settlement->response_body != NULL) {
        sqlite_bind_bytes_as_text(statement, ":response_body", settlement->response_body,
                                  body_bytes);
    }
    if (!is_final(settlement->outcome)) {
        sqlite_bind_integer(statement, ":next_attempt_at", settlement->next_attempt_at_ms);
    }
    return sqlite_run(self, statement, err);
}

/* Applies a verdict to the event if the claim is still ours. */
static CHECKED enum err_code apply(struct sqlite_store *self, const struct settlement *settlement,
                                   int64_t held_ms, bool *applied_out, struct err *err) {
    bool is_sent = settlement->outcome == OUTCOME_SENT;
    bool is_dead = settlement->outcome == OUTCOME_DEAD;
    sqlite3_stmt *statement = sqlite_use(self, SQL_SETTLE_EVENT);
    sqlite_bind_text(statement, ":status", is_sent ? "sent" : is_dead ? "dead" : "pending");
    sqlite_bind_integer(statement, ":single_only", settlement->is_single_only ? 1 : 0);
    sqlite_bind_integer(statement, ":given_back", settlement->is_burnt ? 0 : 1);
    sqlite_bind_integer(statement, ":is_judged", settlement->is_burnt ? 1 : 0);
    sqlite_bind_integer(statement, ":held", held_ms);
    sqlite_bind_integer(statement, ":started_at", settlement->started_at_ms);
    if (!is_sent && !is_dead) {
        assert(settlement->next_attempt_at_ms > 0);
        sqlite_bind_integer(statement, ":next_attempt_at", settlement->next_attempt_at_ms);
    }
    sqlite_bind_integer_or_null(statement, ":http_status", settlement->http_status);
    sqlite_bind_text_or_null(statement, ":error", settlement->error);
    if (is_sent) {
        sqlite_bind_integer(statement, ":sent_at", settlement->finished_at_ms);
    }
    sqlite_bind_text(statement, ":id", settlement->event_id.text);
    sqlite_bind_integer(statement, ":token", settlement->token);
    enum err_code code = sqlite_run(self, statement, err);
    *applied_out = code == ERR_OK && sqlite3_changes(self->db) == 1;
    return code;
}

static CHECKED enum err_code apply_stale_sent(struct sqlite_store *self,
                                              const struct settlement *settlement,
                                              bool *applied_out, struct err *err) {
    /* Who holds it now may be on the wire, and may die before it says so. */
    sqlite3_stmt *journal = sqlite_use(self, SQL_JOURNAL_LOST_CLAIM);
    sqlite_bind_text(journal, ":id", settlement->event_id.text);
    enum err_code code = sqlite_run(self, journal, err);
    if (code != ERR_OK) {
        return code;
    }
    sqlite3_stmt *statement = sqlite_use(self, SQL_SETTLE_STALE_SENT);
    sqlite_bind_integer(statement, ":sent_at", settlement->finished_at_ms);
    sqlite_bind_integer_or_null(statement, ":http_status", settlement->http_status);
    sqlite_bind_text(statement, ":id", settlement->event_id.text);
    code = sqlite_run(self, statement, err);
    *applied_out = code == ERR_OK && sqlite3_changes(self->db) == 1;
    return code;
}

static CHECKED enum err_code release_next(struct sqlite_store *self, const struct ident *event_id,
                                          int64_t now_ms, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_RELEASE_NEXT);
    sqlite_bind_text(statement, ":id", event_id->text);
    sqlite_bind_integer(statement, ":now", now_ms);
    return sqlite_run(self, statement, err);
}

static CHECKED enum err_code give_back(struct sqlite_store *self,
                                       const struct settlement *settlement, int64_t now_ms,
                                       bool *applied_out, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_RELEASE_EVENT);
    sqlite_bind_integer(statement, ":single_only", settlement->is_single_only ? 1 : 0);
    sqlite_bind_integer(statement, ":next_attempt_at", now_ms);
    sqlite_bind_text(statement, ":id", settlement->event_id.text);
    sqlite_bind_integer(statement, ":token", settlement->token);
    enum err_code code = sqlite_run(self, statement, err);
    *applied_out = code == ERR_OK && sqlite3_changes(self->db) == 1;
    return code;
}

/* The attempt is settled, the event stays with its holder. */
static CHECKED enum err_code claim_again(struct sqlite_store *self,
                                         const struct settlement *settlement,
                                         const struct claim_request *request, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_CLAIM_AGAIN);
    sqlite_bind_text(statement, ":worker", request->worker);
    sqlite_bind_integer(statement, ":now", request->now_ms);
    sqlite_bind_integer(statement, ":expires", request->now_ms + request->lease_ms);
    sqlite_bind_text(statement, ":id", settlement->event_id.text);
    sqlite_bind_integer(statement, ":token", settlement->token);
    return sqlite_run(self, statement, err);
}

static CHECKED enum err_code settle_one(struct sqlite_store *self,
                                        const struct settlement *settlement,
                                        const struct claim_request *request, int64_t held_ms,
                                        bool *is_stale_out, struct err *err) {
    bool was_applied = false;
    *is_stale_out = false;
    if (settlement->outcome == OUTCOME_UNSENT) {
        enum err_code code = give_back(self, settlement, request->now_ms, &was_applied, err);
        *is_stale_out = !was_applied;
        return code;
    }
    assert(settlement->outcome != OUTCOME_UNKNOWN);
    enum err_code code = journal(self, settlement, request->worker, err);
    if (code == ERR_OK) {
        code = apply(self, settlement, held_ms, &was_applied, err);
        *is_stale_out = !was_applied;
    }
    if (code == ERR_OK && !was_applied && settlement->outcome == OUTCOME_SENT) {
        code = apply_stale_sent(self, settlement, &was_applied, err);
    }
    if (code == ERR_OK && was_applied && is_final(settlement->outcome)) {
        code = release_next(self, &settlement->event_id, request->now_ms, err);
    }
    if (code == ERR_OK && was_applied && settlement->is_kept) {
        code = claim_again(self, settlement, request, err);
    }
    return code;
}

/* In the row of refusals each event counts once, however often a person tries it again. */
static CHECKED enum err_code count_in_row(struct sqlite_store *self, struct account_desk *desk,
                                          const struct settlement *settlement, struct err *err) {
    if (settlement->outcome != OUTCOME_DEAD || !settlement->is_refused) {
        account_desk_count(desk, settlement);
        return ERR_OK;
    }
    sqlite3_stmt *statement = sqlite_use(self, SQL_REFUSED_BEFORE);
    sqlite_bind_text(statement, ":id", settlement->event_id.text);
    sqlite_bind_integer(statement, ":token", settlement->token);
    sqlite_bind_integer(statement, ":last_sent_at", desk->account.last_sent_at_ms);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    assert(code != ERR_OK || has_row); /* EXISTS always gives one */
    if (code == ERR_OK && sqlite3_column_int(statement, 0) == 0) {
        account_desk_count(desk, settlement);
    }
    (void)sqlite3_reset(statement);
    return code;
}

enum err_code sqlite_settle_events(struct sqlite_store *self, const struct settlement_list *list,
                                   const struct claim_request *request, struct account_desk *desk,
                                   struct settle_report *report_out, struct err *err) {
    int64_t held_ms = account_held_ms(&desk->account, request->now_ms);
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < list->count && code == ERR_OK; i++) {
        bool is_stale = false;
        code = settle_one(self, &list->settlements[i], request, held_ms, &is_stale, err);
        report_out->stale_count += is_stale ? 1 : 0;
        report_out->stale_set |= is_stale && i < 64 ? UINT64_C(1) << i : 0;
        if (code == ERR_OK && !is_stale) {
            code = count_in_row(self, desk, &list->settlements[i], err);
        }
    }
    return code;
}

enum err_code sqlite_settle(struct sqlite_store *self, const struct settlement_list *list,
                            const struct claim_request *request, struct account_desk *desk,
                            struct settle_report *report_out, struct err *err) {
    enum err_code code = sqlite_settle_events(self, list, request, desk, report_out, err);
    for (size_t i = 0; i < list->count && code == ERR_OK; i++) {
        account_desk_note(desk, &list->settlements[i]);
    }
    return code;
}
