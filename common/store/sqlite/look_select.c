#include "common/store/sqlite/look_select.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/sqlite/statement.h"

void ident_list_release(struct ident_list *list) {
    free(list->ids);
    *list = (struct ident_list){0};
}

static CHECKED enum err_code ident_list_add(struct ident_list *list, const struct ident *id,
                                            struct err *err) {
    if (list->id_count == list->id_capacity) {
        size_t capacity = list->id_capacity == 0 ? 64 : 2 * list->id_capacity;
        struct ident *ids = reallocarray(list->ids, capacity, sizeof *ids);
        if (ids == NULL) {
            return err_set(err, ERR_FATAL, "out of memory: ask for fewer events with a limit");
        }
        list->ids = ids;
        list->id_capacity = capacity;
    }
    list->ids[list->id_count++] = *id;
    return ERR_OK;
}

void select_read_event(sqlite3_stmt *statement, int64_t now_ms, struct event_view *event_out) {
    struct event_view *event = event_out;
    sqlite_column_copy(statement, 0, event->id.text, sizeof event->id.text);
    sqlite_column_copy(statement, 1, event->preorder_id.text, sizeof event->preorder_id.text);
    sqlite_column_copy(statement, 2, event->preorder_number, sizeof event->preorder_number);
    sqlite_column_copy(statement, 3, event->email, sizeof event->email);
    sqlite_column_copy(statement, 4, event->metric, sizeof event->metric);
    sqlite_column_copy(statement, 5, event->status, sizeof event->status);
    event->attempts = sqlite3_column_int(statement, 6);
    event->token = sqlite3_column_int64(statement, 7);
    event->next_attempt_at_ms = sqlite3_column_int64(statement, 8);
    sqlite_column_copy(statement, 9, event->claimed_by, sizeof event->claimed_by);
    event->claim_expires_at_ms = sqlite3_column_int64(statement, 10);
    event->last_http_status = sqlite3_column_int(statement, 11);
    sqlite_column_copy(statement, 12, event->last_error, sizeof event->last_error);
    sqlite_column_copy(statement, 13, event->request_id, sizeof event->request_id);
    event->created_at_ms = sqlite3_column_int64(statement, 14);
    event->sent_at_ms = sqlite3_column_int64(statement, 15);
    sqlite_column_copy(statement, 16, event->behind_id.text, sizeof event->behind_id.text);
    event->is_claimed = event->claim_expires_at_ms > now_ms;
}

/* match_event with everything bound but the id. */
static sqlite3_stmt *use_match(struct sqlite_store *self, const struct event_filter *filter,
                               int64_t now_ms) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_MATCH_EVENT);
    sqlite_bind_text(statement, ":status", filter->status);
    sqlite_bind_integer(statement, ":now_ms", now_ms);
    sqlite_bind_text(statement, ":metric", filter->metric);
    sqlite_bind_text(statement, ":email", filter->email);
    sqlite_bind_text(statement, ":error", filter->error);
    sqlite_bind_integer_or_null(statement, ":created_before_ms", filter->created_before_ms);
    sqlite_bind_integer_or_null(statement, ":created_after_ms", filter->created_after_ms);
    return statement;
}

enum err_code select_event(struct sqlite_store *self, const struct event_filter *filter,
                           int64_t now_ms, const struct ident *id, bool *found_out,
                           struct event_view *event_out, struct err *err) {
    sqlite3_stmt *match = use_match(self, filter, now_ms);
    sqlite_bind_text(match, ":id", id->text);
    enum err_code code = sqlite_next(self, match, found_out, err);
    if (code == ERR_OK && *found_out) {
        select_read_event(match, now_ms, event_out);
        (void)sqlite3_reset(match);
    }
    return code;
}

/* Takes the candidate if it matches. */
static CHECKED enum err_code consider(struct sqlite_store *self, sqlite3_stmt *match,
                                      const struct ident *id, struct ident_list *list,
                                      struct err *err) {
    sqlite_bind_text(match, ":id", id->text);
    bool has_row = false;
    enum err_code code = sqlite_next(self, match, &has_row, err);
    if (code == ERR_OK && has_row) {
        (void)sqlite3_reset(match);
        code = ident_list_add(list, id, err);
    }
    return code;
}

static bool is_full(const struct event_filter *filter, const struct ident_list *list) {
    return filter->limit > 0 && list->id_count >= (size_t)filter->limit;
}

/* The narrowest way to everything the filter can mean. */
static enum sql_statement candidates_for(const struct event_filter *filter) {
    static const struct {
        const char *status;
        enum sql_statement statement;
    } ways[] = {
        {"dead", SQL_CANDIDATES_DEAD},
        {"cancelled", SQL_CANDIDATES_CANCELLED},
        {"pending", SQL_CANDIDATES_PENDING},
        {"due", SQL_CANDIDATES_PENDING},
        {"waiting", SQL_CANDIDATES_PENDING},
        {"sending", SQL_CANDIDATES_PENDING},
        {STATUS_UNCLAIMED, SQL_CANDIDATES_PENDING},
        {STATUS_CANCELLABLE, SQL_CANDIDATES_UNFINISHED},
    };
    if (filter->email != NULL) {
        return SQL_CANDIDATES_OF_EMAIL;
    }
    for (size_t i = 0; filter->status != NULL && i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(filter->status, ways[i].status) == 0) {
            return ways[i].statement;
        }
    }
    return SQL_CANDIDATES_NEWEST;
}

enum err_code select_events(struct sqlite_store *self, const struct event_filter *filter,
                            int64_t now_ms, struct ident_list *list, struct err *err) {
    *list = (struct ident_list){0};
    sqlite3_stmt *match = use_match(self, filter, now_ms);
    enum err_code code = ERR_OK;
    if (filter->id_count > 0) {
        for (size_t i = 0; code == ERR_OK && i < filter->id_count && !is_full(filter, list); i++) {
            code = consider(self, match, &filter->ids[i], list, err);
        }
        return code;
    }
    sqlite3_stmt *candidates = sqlite_use(self, candidates_for(filter));
    if (filter->email != NULL) {
        sqlite_bind_text(candidates, ":email", filter->email);
    }
    bool has_row = false;
    code = sqlite_next(self, candidates, &has_row, err);
    while (code == ERR_OK && has_row && !is_full(filter, list)) {
        struct ident id;
        sqlite_column_copy(candidates, 0, id.text, sizeof id.text);
        code = consider(self, match, &id, list, err);
        if (code == ERR_OK) {
            code = sqlite_next(self, candidates, &has_row, err);
        }
    }
    (void)sqlite3_reset(candidates); /* left before its end, it would keep the snapshot */
    return code;
}
