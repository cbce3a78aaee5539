/*
 * Looking: a preorder with its events, a search, a list of events, what became of each attempt.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/sqlite/look_select.h"
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/rows.h"
#include "common/store/sqlite/transaction.h"

enum { EVENT_COLUMN_COUNT = 17 }; /* of find_preorder, before the preorder's */

static void read_preorder(sqlite3_stmt *statement, int first, struct preorder_view *preorder_out) {
    struct preorder_view *p = preorder_out;
    sqlite_column_copy(statement, first, p->id.text, sizeof p->id.text);
    sqlite_column_copy(statement, first + 1, p->number, sizeof p->number);
    sqlite_column_copy(statement, first + 2, p->email, sizeof p->email);
    sqlite_column_copy(statement, first + 3, p->price_id, sizeof p->price_id);
    sqlite_column_copy(statement, first + 4, p->product, sizeof p->product);
    sqlite_column_copy(statement, first + 5, p->color, sizeof p->color);
    sqlite_column_copy(statement, first + 6, p->locale, sizeof p->locale);
    sqlite_column_copy(statement, first + 7, p->source, sizeof p->source);
    p->amount = sqlite3_column_int64(statement, first + 8);
    sqlite_column_copy(statement, first + 9, p->currency, sizeof p->currency);
    sqlite_column_copy(statement, first + 10, p->status, sizeof p->status);
    sqlite_column_copy(statement, first + 11, p->flag, sizeof p->flag);
    sqlite_column_copy(statement, first + 12, p->payment_url, sizeof p->payment_url);
    p->created_at_ms = sqlite3_column_int64(statement, first + 13);
    p->updated_at_ms = sqlite3_column_int64(statement, first + 14);
}

static CHECKED enum err_code add_event(struct event_list *list, const struct event_view *event,
                                       struct err *err) {
    struct event_view *events = sqlite_grown(list->events, list->event_count, sizeof *events, err);
    if (events == NULL) {
        return err->code;
    }
    list->events = events;
    events[list->event_count++] = *event;
    return ERR_OK;
}

static CHECKED enum err_code add_preorder(struct preorder_list *list, sqlite3_stmt *statement,
                                          struct err *err) {
    struct preorder_view *preorders =
        sqlite_grown(list->preorders, list->preorder_count, sizeof *preorders, err);
    if (preorders == NULL) {
        return err->code;
    }
    list->preorders = preorders;
    read_preorder(statement, 0, &preorders[list->preorder_count++]);
    return ERR_OK;
}

/* One statement is one snapshot: no transaction around it. */
enum err_code sqlite_find_preorder(struct store *store, const struct ident *id, int64_t now_ms,
                                   struct preorder_view *preorder_out,
                                   struct event_list *events_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    struct event_list list = {0};
    sqlite3_stmt *statement = sqlite_use(self, SQL_FIND_PREORDER);
    sqlite_bind_text(statement, ":id", id->text);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code == ERR_OK && !has_row) {
        return err_set(err, ERR_NOT_FOUND, "there is no preorder %s", id->text);
    }
    if (code == ERR_OK) {
        read_preorder(statement, EVENT_COLUMN_COUNT, preorder_out);
    }
    while (code == ERR_OK && has_row) {
        if (sqlite3_column_type(statement, 0) != SQLITE_NULL) {
            struct event_view event;
            select_read_event(statement, now_ms, &event);
            code = add_event(&list, &event, err);
        }
        if (code == ERR_OK) {
            code = sqlite_next(self, statement, &has_row, err);
        }
    }
    (void)sqlite3_reset(statement);
    if (code != ERR_OK) {
        event_list_release(&list);
        return code;
    }
    *events_out = list;
    return ERR_OK;
}

static enum sql_statement search_statement(enum search_kind kind) {
    static const enum sql_statement statements[] = {
        [SEARCH_ID] = SQL_SEARCH_PREORDERS_BY_ID,
        [SEARCH_NUMBER] = SQL_SEARCH_PREORDERS_BY_NUMBER,
        [SEARCH_EMAIL] = SQL_SEARCH_PREORDERS_BY_EMAIL,
    };
    assert((size_t)kind < sizeof statements / sizeof statements[0]);
    return statements[kind];
}

static CHECKED enum err_code list_preorders(struct sqlite_store *self, sqlite3_stmt *statement,
                                            struct preorder_list *list_out, struct err *err) {
    struct preorder_list list = {0};
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    while (code == ERR_OK && has_row) {
        code = add_preorder(&list, statement, err);
        if (code == ERR_OK) {
            code = sqlite_next(self, statement, &has_row, err);
        }
    }
    (void)sqlite3_reset(statement);
    if (code != ERR_OK) {
        preorder_list_release(&list);
        return code;
    }
    *list_out = list;
    return ERR_OK;
}

enum err_code sqlite_search_preorders(struct store *store, enum search_kind kind, const char *text,
                                      struct preorder_list *list_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    sqlite3_stmt *statement = sqlite_use(self, search_statement(kind));
    sqlite_bind_text(statement, ":text", text);
    sqlite_bind_integer(statement, ":limit", SEARCH_PREORDERS_MAX);
    return list_preorders(self, statement, list_out, err);
}

enum err_code sqlite_list_flagged(struct store *store, int64_t limit,
                                  struct preorder_list *list_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    sqlite3_stmt *statement = sqlite_use(self, SQL_LIST_FLAGGED);
    sqlite_bind_integer(statement, ":limit", limit);
    return list_preorders(self, statement, list_out, err);
}

static CHECKED enum err_code list_within(struct sqlite_store *self,
                                         const struct event_filter *filter, int64_t now_ms,
                                         struct event_list *list, struct err *err) {
    struct ident_list ids;
    enum err_code code = select_events(self, filter, now_ms, &ids, err);
    if (code == ERR_OK && ids.id_count > 0) {
        list->events = calloc(ids.id_count, sizeof *list->events);
        if (list->events == NULL) {
            code = err_set(err, ERR_FATAL, "out of memory: ask for fewer events with a limit");
        }
    }
    for (size_t i = 0; code == ERR_OK && i < ids.id_count; i++) {
        bool found = false;
        code = select_event(self, filter, now_ms, &ids.ids[i], &found,
                            &list->events[list->event_count], err);
        if (code == ERR_OK) {
            assert(found); /* the same snapshot */
            list->event_count++;
        }
    }
    ident_list_release(&ids);
    return code;
}

enum err_code sqlite_list_events(struct store *store, const struct event_filter *filter,
                                 int64_t now_ms, struct event_list *list_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    struct event_list list = {0};
    enum err_code code = sqlite_begin_read(self, err);
    if (code != ERR_OK) {
        return code;
    }
    code = list_within(self, filter, now_ms, &list, err);
    sqlite_end_read(self);
    if (code != ERR_OK) {
        event_list_release(&list);
        return code;
    }
    *list_out = list;
    return ERR_OK;
}

static CHECKED enum err_code add_attempt(struct attempt_list *list, sqlite3_stmt *statement,
                                         struct err *err) {
    struct attempt_view *attempts =
        sqlite_grown(list->attempts, list->attempt_count, sizeof *attempts, err);
    if (attempts == NULL) {
        return err->code;
    }
    list->attempts = attempts;
    struct attempt_view *attempt = &attempts[list->attempt_count++];
    *attempt = (struct attempt_view){
        .token = sqlite3_column_int64(statement, 0),
        .started_at_ms = sqlite3_column_int64(statement, 2),
        .finished_at_ms = sqlite3_column_int64(statement, 3),
        .is_burnt = sqlite3_column_int(statement, 5) != 0,
        .http_status = sqlite3_column_int(statement, 6),
        .next_attempt_at_ms = sqlite3_column_int64(statement, 9),
    };
    sqlite_column_copy(statement, 1, attempt->worker, sizeof attempt->worker);
    sqlite_column_copy(statement, 4, attempt->outcome, sizeof attempt->outcome);
    sqlite_column_copy(statement, 7, attempt->error, sizeof attempt->error);
    return sqlite_column_take(statement, 8, &attempt->response_body, &attempt->response_body_bytes,
                              err);
}

enum err_code sqlite_list_attempts(struct store *store, const struct ident *event_id,
                                   struct attempt_list *list_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    struct attempt_list list = {0};
    sqlite3_stmt *statement = sqlite_use(self, SQL_LIST_ATTEMPTS);
    sqlite_bind_text(statement, ":id", event_id->text);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code == ERR_OK && !has_row) {
        return err_set(err, ERR_NOT_FOUND, "there is no event %s", event_id->text);
    }
    while (code == ERR_OK && has_row && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
        code = add_attempt(&list, statement, err);
        if (code == ERR_OK) {
            code = sqlite_next(self, statement, &has_row, err);
        }
    }
    (void)sqlite3_reset(statement);
    if (code != ERR_OK) {
        attempt_list_release(&list);
        return code;
    }
    *list_out = list;
    return ERR_OK;
}

enum err_code sqlite_event_payload(struct store *store, const struct ident *event_id,
                                   char **payload_out, size_t *payload_bytes_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    sqlite3_stmt *statement = sqlite_use(self, SQL_EVENT_PAYLOAD);
    sqlite_bind_text(statement, ":id", event_id->text);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!has_row) {
        return err_set(err, ERR_NOT_FOUND, "there is no event %s", event_id->text);
    }
    code = sqlite_column_take(statement, 0, payload_out, payload_bytes_out, err);
    (void)sqlite3_reset(statement);
    return code;
}
