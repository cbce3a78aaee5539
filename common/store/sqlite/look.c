#include "common/store/sqlite/look.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

/* Room for one more in an array that doubles: at 0, 1, 2, 4, 8 … elements. */
static CHECKED enum err_code grow(void **elements, size_t count, size_t element_bytes,
                                  struct err *err) {
    if ((count & (count - 1)) != 0) {
        return ERR_OK;
    }
    void *larger = reallocarray(*elements, count == 0 ? 1 : 2 * count, element_bytes);
    if (larger == NULL) {
        return err_set(err, ERR_FATAL, "out of memory: ask for fewer rows with a limit");
    }
    *elements = larger;
    return ERR_OK;
}

static CHECKED enum err_code add_event(struct event_list *list, const struct event_view *event,
                                       struct err *err) {
    void *events = list->events;
    enum err_code code = grow(&events, list->event_count, sizeof *event, err);
    list->events = events;
    if (code == ERR_OK) {
        list->events[list->event_count++] = *event;
    }
    return code;
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
    switch (kind) {
    case SEARCH_ID:
        return SQL_SEARCH_PREORDERS_BY_ID;
    case SEARCH_NUMBER:
        return SQL_SEARCH_PREORDERS_BY_NUMBER;
    case SEARCH_EMAIL:
        return SQL_SEARCH_PREORDERS_BY_EMAIL;
    }
    assert(!"a kind of search");
    return SQL_SEARCH_PREORDERS_BY_ID;
}

enum err_code sqlite_search_preorders(struct store *store, enum search_kind kind, const char *text,
                                      struct preorder_list *list_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    struct preorder_list list = {0};
    sqlite3_stmt *statement = sqlite_use(self, search_statement(kind));
    sqlite_bind_text(statement, ":text", text);
    sqlite_bind_integer(statement, ":limit", SEARCH_PREORDERS_MAX);
    bool has_row = false;
    enum err_code code = sqlite_next(self, statement, &has_row, err);
    while (code == ERR_OK && has_row) {
        void *preorders = list.preorders;
        code = grow(&preorders, list.preorder_count, sizeof *list.preorders, err);
        list.preorders = preorders;
        if (code == ERR_OK) {
            read_preorder(statement, 0, &list.preorders[list.preorder_count++]);
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

static CHECKED enum err_code read_attempt(sqlite3_stmt *statement, struct attempt_view *attempt_out,
                                          struct err *err) {
    struct attempt_view *attempt = attempt_out;
    *attempt = (struct attempt_view){0};
    attempt->token = sqlite3_column_int64(statement, 0);
    sqlite_column_copy(statement, 1, attempt->worker, sizeof attempt->worker);
    attempt->started_at_ms = sqlite3_column_int64(statement, 2);
    attempt->finished_at_ms = sqlite3_column_int64(statement, 3);
    sqlite_column_copy(statement, 4, attempt->outcome, sizeof attempt->outcome);
    attempt->is_burnt = sqlite3_column_int(statement, 5) != 0;
    attempt->http_status = sqlite3_column_int(statement, 6);
    sqlite_column_copy(statement, 7, attempt->error, sizeof attempt->error);
    attempt->next_attempt_at_ms = sqlite3_column_int64(statement, 9);
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
        void *attempts = list.attempts;
        code = grow(&attempts, list.attempt_count, sizeof *list.attempts, err);
        list.attempts = attempts;
        if (code == ERR_OK) {
            code = read_attempt(statement, &list.attempts[list.attempt_count], err);
        }
        if (code == ERR_OK) {
            list.attempt_count++;
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
