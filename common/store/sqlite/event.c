#include "common/store/sqlite/event.h"

#include "common/store/sqlite/statement.h"

enum err_code sqlite_insert_event(struct sqlite_store *self, const struct event *event,
                                  const struct ident *preorder_id, int64_t sequence,
                                  int64_t due_at_ms, struct err *err) {
    sqlite3_stmt *statement = sqlite_use(self, SQL_EVENT_INSERT);
    sqlite_bind_text(statement, ":id", event->id.text);
    sqlite_bind_text(statement, ":preorder_id", preorder_id->text);
    sqlite_bind_integer(statement, ":sequence", sequence);
    sqlite_bind_text(statement, ":metric", event->metric);
    sqlite_bind_integer_or_null(statement, ":next_attempt_at", due_at_ms);
    sqlite_bind_bytes_as_text(statement, ":payload", event->payload, event->payload_bytes);
    sqlite_bind_text_or_null(statement, ":request_id", event->request_id);
    sqlite_bind_text_or_null(statement, ":traceparent", event->traceparent);
    sqlite_bind_integer(statement, ":created_at", event->created_at_ms);
    return sqlite_run(self, statement, err);
}
