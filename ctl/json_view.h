#pragma once
/*
 * What the store shows, as JSON: the columns' names of the database, points in time as RFC 3339 in
 * UTC, null where there is nothing. docs/preorderctl.md lists the members.
 *
 * Every function returns a new reference, NULL when out of memory.
 */
#include <jansson.h>

#include "common/store.h"
#include "ctl/check.h"

json_t *json_of_event(const struct event_view *event, int64_t now_ms);
json_t *json_of_attempt(const struct attempt_view *attempt);
json_t *json_of_attempts(const struct attempt_list *attempts);
json_t *json_of_preorder(const struct preorder_view *preorder);
json_t *json_of_payments(const struct payment_list *payments);
json_t *json_of_status(const struct store_status *status);
json_t *json_of_workers(const struct worker_list *workers);
json_t *json_of_check(const struct check *check, const struct store_status *status);
json_t *json_of_audit(const struct store_audit *audit);

/* A text, or null if it is empty; if it is no UTF-8, its bytes that are none and its
   control characters are replaced. */
json_t *json_of_text(const char *text);
/* RFC 3339, or null if it is 0. */
json_t *json_of_time(int64_t at_ms);

/* Prints to stdout with a line end and drops the reference; what could steer a terminal is printed as an
   escape, which means the same. NULL as value means out of memory.
   ERR_FATAL: so, or stdout takes nothing. */
CHECKED enum err_code json_print(json_t *value, struct err *err);
