#pragma once
/*
 * The commit of a turn's preorders, each with its event, and what their clients are told of it.
 */
#include "common/err.h"

struct api;

enum { PREORDER_COMMIT_MAX = 256 }; /* in one transaction: about 6 ms in the gate */

/*
 * Stores up to PREORDER_COMMIT_MAX queued preorders in one transaction and answers them once it has
 * returned: 201, a replay, or 422 for a key that was used for another request; 503 if the database
 * could not take them. One whose number was taken gets another and stays queued for the next commit.
 * Any error but ERR_OK is the store's: those that are still queued have waited as long.
 */
CHECKED enum err_code preorder_commit(struct api *api, struct err *err);

/* Answers everything queued with 503. */
void preorder_commit_refuse(struct api *api);
