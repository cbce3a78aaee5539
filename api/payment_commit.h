#pragma once
/*
 * The commit of a turn's payment events, and what Stripe is told of it.
 */
#include "common/err.h"

struct api;

enum { PAYMENT_COMMIT_MAX = 64 }; /* in one transaction; a create may wait behind it */

/*
 * Applies up to PAYMENT_COMMIT_MAX queued events in one transaction and answers them once it has
 * returned: 200 with what became of each, 503 if the database could not take them. Any error but ERR_OK is
 * the store's: those that are still queued have waited as long.
 */
CHECKED enum err_code payment_commit(struct api *api, struct err *err);

/* Answers everything queued with 503. */
void payment_commit_refuse(struct api *api);
