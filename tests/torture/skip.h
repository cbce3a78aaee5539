#pragma once
/*
 * Opening a database by the thousand: the store prepares its hundred statements each time, long after
 * it recovered the file, and that takes three quarters of the time. Works in a program that is linked
 * with --wrap=sqlite3_prepare_v3.
 */
#include <stdbool.h>

/* From now on no statement of the store is prepared: what is opened is only good for closing it and
   for looking at its file. */
void skip_statements(bool are_skipped);
