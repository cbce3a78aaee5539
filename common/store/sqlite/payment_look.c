/*
 * What people see of payments: the events of one preorder, and the preorders that wait for a person.
 */
#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/rows.h"
#include "common/store/sqlite/statement.h"

static CHECKED enum err_code add_payment(struct payment_list *list, sqlite3_stmt *row,
                                         struct err *err) {
    struct payment_view *payments =
        sqlite_grown(list->payments, list->payment_count, sizeof *payments, err);
    if (payments == NULL) {
        return err->code;
    }
    list->payments = payments;
    struct payment_view *payment = &payments[list->payment_count++];
    *payment = (struct payment_view){
        .amount_subtotal = sqlite_column_amount(row, 4),
        .amount_total = sqlite_column_amount(row, 5),
        .created_at_ms = sqlite3_column_int64(row, 7),
        .received_at_ms = sqlite3_column_int64(row, 8),
    };
    sqlite_column_copy(row, 0, payment->id, sizeof payment->id);
    sqlite_column_copy(row, 1, payment->type, sizeof payment->type);
    sqlite_column_copy(row, 2, payment->session_id, sizeof payment->session_id);
    sqlite_column_copy(row, 3, payment->outcome, sizeof payment->outcome);
    sqlite_column_copy(row, 6, payment->currency, sizeof payment->currency);
    sqlite_column_copy(row, 9, payment->event_id.text, sizeof payment->event_id.text);
    return ERR_OK;
}

enum err_code sqlite_list_payments(struct store *store, const struct ident *preorder_id,
                                   struct payment_list *list_out, struct err *err) {
    struct sqlite_store *self = sqlite_of(store);
    struct payment_list list = {0};
    sqlite3_stmt *row = sqlite_use(self, SQL_LIST_PAYMENTS);
    sqlite_bind_text(row, ":preorder_id", preorder_id->text);
    bool has_row = false;
    enum err_code code = sqlite_next(self, row, &has_row, err);
    while (code == ERR_OK && has_row) {
        code = add_payment(&list, row, err);
        if (code == ERR_OK) {
            code = sqlite_next(self, row, &has_row, err);
        }
    }
    (void)sqlite3_reset(row);
    if (code != ERR_OK) {
        payment_list_release(&list);
        return code;
    }
    *list_out = list;
    return ERR_OK;
}
