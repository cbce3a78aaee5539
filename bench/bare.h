#pragma once
/*
 * A bare SQLite connection with the product's settings for durability and memory, and nothing else:
 * no gate, no foreign keys, no checks. It is what a baseline runs its statements on. What fails ends
 * the program.
 */
#include <sqlite3.h>
#include <stdint.h>

struct bare {
    sqlite3 *db;
    int log_pages; /* as of the last commit */
    int64_t checkpoint_count;
};

void bare_open(struct bare *bare, const char *path);
void bare_close(struct bare *bare);

/* Statements that give no row, one after the other. */
void bare_run(struct bare *bare, const char *text);
sqlite3_stmt *bare_prepare(struct bare *bare, const char *text);

/* Binds by name; resets what ran to its end. */
void bare_bind_integer(sqlite3_stmt *statement, const char *name, int64_t value);
void bare_bind_text(sqlite3_stmt *statement, const char *name, const char *text);
void bare_step(struct bare *bare, sqlite3_stmt *statement);

/* Works the log off from that many pages. */
void bare_checkpoint(struct bare *bare, int64_t pages_min);
