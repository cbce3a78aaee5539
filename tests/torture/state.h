#pragma once
/*
 * All that a database says, in one number, and whether it hangs together: to tell whether what a
 * power cut left is a state in which the database once was.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { STATE_TEXT_BYTES = 256 };

/* A number of schema, version and every row of every table, the rows' order aside. False: it could
   not be read; `why` says what SQLite said. */
bool state_number(sqlite3 *db, uint64_t *number_out, char why[STATE_TEXT_BYTES]);

/* integrity_check and foreign keys; no preorder without an event and no event without a preorder; no
   first event twice; each first event's payload names its own id, its preorder and its customer;
   nothing sent without a line in the journal. */
bool state_is_sound(sqlite3 *db, char why[STATE_TEXT_BYTES]);
/* The first of these alone: for states whose number is known to be sound. */
bool state_is_whole(sqlite3 *db, char why[STATE_TEXT_BYTES]);
