#pragma once
/*
 * Which browsers may let a page of another origin call (the Fetch standard, "CORS protocol").
 *
 * An origin of the list gets itself back, on every answer, errors too; nobody else gets anything,
 * and the browser keeps the answer from the page. That protects no server: who is no browser does
 * not ask. No credentials, no "*", no reflection of what is not in the list.
 */
#include "http/message.h"

/* Adds what a page needs to see this reply, and to a preflight's what it may send. `origins` as
   settings_check_origins takes them: "" adds nothing; else everybody gets Vary: Origin, for the
   caches between. */
void cors_add_headers(const char *origins, const struct request *request, struct reply *reply);
