/*
 * Opening, configuring and migrating a database: everything that happens before the first
 * operation.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/sqlite/operations.h"
#include "common/store/sqlite/place.h"
#include "common/store/sqlite/sqlite.h"
#include "common/store/sqlite/transaction.h"

/* Only a backstop: within the gate nobody else writes. */
enum { BUSY_TIMEOUT_MS = 1000, CACHE_KIB = 8192 };

static int on_wal(void *context, sqlite3 *db, const char *schema, int page_count) {
    (void)db;
    (void)schema;
    ((struct sqlite_store *)context)->wal_pages = page_count;
    return SQLITE_OK;
}

static CHECKED enum err_code run_text(struct sqlite_store *self, const char *text, const char *what,
                                      struct err *err) {
    int result = sqlite3_exec(self->db, text, NULL, NULL, NULL);
    return result == SQLITE_OK ? ERR_OK : sqlite_fail(self, result, what, err);
}

/* Accounts of all memory take a lock in every allocation, and nobody reads them. Refused if SQLite is
   in use already, as in tests: then it stays as it was. */
static void leave_out_accounts(void) {
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static CHECKED enum err_code configure(struct sqlite_store *self, struct err *err) {
    (void)sqlite3_extended_result_codes(self->db, 1);
    (void)sqlite3_busy_timeout(self->db, BUSY_TIMEOUT_MS);
    /* A checkpoint outside the gate is what loses data: none by itself, none at close. */
    (void)sqlite3_db_config(self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_db_config(self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(self->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    char text[256];
    int length = snprintf(text, sizeof text,
                          "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL;"
                          "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -%d;",
                          CACHE_KIB);
    assert(length > 0 && (size_t)length < sizeof text);
    enum err_code code = run_text(self, text, "cannot configure the database", err);
    /* After wal_autocheckpoint, which lives in the same hook. */
    (void)sqlite3_wal_hook(self->db, on_wal, self);
    return code;
}

static CHECKED enum err_code read_number(struct sqlite_store *self, const char *query,
                                         int64_t *number_out, struct err *err) {
    assert(self != NULL);
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(self->db, query, -1, &statement, NULL);
    if (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        *number_out = sqlite3_column_int64(statement, 0);
        (void)sqlite3_finalize(statement);
        return ERR_OK;
    }
    enum err_code code =
        sqlite_fail(self, sqlite3_errcode(self->db), "cannot read the database", err);
    (void)sqlite3_finalize(statement);
    return code;
}

static CHECKED enum err_code check_version(struct sqlite_store *self, struct err *err) {
    int64_t version = 0;
    enum err_code code = read_number(self, "PRAGMA user_version", &version, err);
    if (code != ERR_OK || version == SQL_MIGRATION_COUNT) {
        return code;
    }
    if (version > SQL_MIGRATION_COUNT) {
        return err_set(err, ERR_CONFLICT,
                       "the database %s has schema version %" PRId64
                       ", this program knows versions up to %d: upgrade the program",
                       self->path, version, SQL_MIGRATION_COUNT);
    }
    return err_set(err, ERR_CONFLICT,
                   "the database %s has schema version %" PRId64
                   ", this program needs version %d: run preorderctl migrate",
                   self->path, version, SQL_MIGRATION_COUNT);
}

static CHECKED enum err_code prepare_all(struct sqlite_store *self, struct err *err) {
    for (size_t i = 0; i < SQL_STATEMENT_COUNT; i++) {
        int result = sqlite3_prepare_v3(self->db, sql_statements[i].text, -1,
                                        SQLITE_PREPARE_PERSISTENT, &self->statements[i], NULL);
        if (result != SQLITE_OK) {
            return sqlite_fail(self, result, sql_statements[i].name, err);
        }
    }
    return ERR_OK;
}

/* Works the log off into the file and syncs it, so that what is visible from now on is durable:
   the frames of a commit whose fsync failed may be in the page cache only. */
static CHECKED enum err_code recover(struct sqlite_store *self, struct err *err) {
    int result = sqlite3_wal_checkpoint_v2(self->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    /* Busy: somebody looks at it with another program; then the log stays, synced as it was. */
    if (result != SQLITE_OK && result != SQLITE_BUSY) {
        return sqlite_fail(self, result, "cannot recover the database", err);
    }
    return ERR_OK;
}

/* The engine with its gate open and its file open, nothing read yet. */
static CHECKED enum err_code open_file(const char *path, const struct store_options *options,
                                       int flags, bool *is_first_out,
                                       struct sqlite_store **self_out, struct err *err) {
    enum err_code code = place_check(path, err);
    if (code != ERR_OK) {
        return code;
    }
    struct sqlite_store *self = calloc(1, sizeof *self);
    if (self == NULL || (self->path = strdup(path)) == NULL) {
        free(self);
        return err_set(err, ERR_FATAL, "out of memory");
    }
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, leave_out_accounts);
    self->base.ops = &sqlite_ops;
    self->options = *options;
    self->gate.fd = -1;
    self->wake = (struct wake){.folder_fd = -1, .fd = -1};
    self->roster = (struct roster){.fd = -1, .slot = -1};
    code = gate_open(&self->gate, path, options->role, options->clock, options->write_timeout_ms,
                     is_first_out, err);
    if (code == ERR_OK) {
        int result = sqlite3_open_v2(path, &self->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
        if (result != SQLITE_OK) {
            code = sqlite_fail(self, result, "cannot open the database", err);
        }
    }
    if (code == ERR_OK) {
        code = configure(self, err);
    }
    if (code == ERR_OK) {
        code = wake_init(&self->wake, path, err);
    }
    if (code == ERR_OK) {
        code = roster_init(&self->roster, path, err);
    }
    if (code != ERR_OK) {
        sqlite_release(self);
        return code;
    }
    *self_out = self;
    return ERR_OK;
}

enum err_code sqlite_open(const char *given_path, const struct store_options *options,
                          struct store **store_out, struct err *err) {
    char path[PLACE_PATH_BYTES];
    enum err_code code = place_resolve(given_path, path, err);
    if (code != ERR_OK) {
        return code;
    }
    struct stat status;
    if (stat(path, &status) != 0 && errno == ENOENT) {
        return err_set(err, ERR_NOT_FOUND,
                       "there is no database at %s: run preorderctl migrate to create it", path);
    }
    if (access(path, R_OK | W_OK) != 0) {
        return err_set_errno(err, ERR_FATAL, errno,
                             "cannot read and write the database %s (check owner and mode)", path);
    }
    struct sqlite_store *self = NULL;
    bool is_first = false;
    code = open_file(path, options, SQLITE_OPEN_READWRITE, &is_first, &self, err);
    if (code != ERR_OK) {
        return code;
    }
    code = check_version(self, err);
    if (code == ERR_OK && is_first) {
        code = recover(self, err);
    }
    if (code == ERR_OK && is_first) {
        code = gate_share(&self->gate, err);
    }
    if (code == ERR_OK) {
        code = prepare_all(self, err);
    }
    if (code != ERR_OK) {
        sqlite_release(self);
        return code;
    }
    sqlite_identify_files(self); /* all three are there since the first read */
    *store_out = &self->base;
    return ERR_OK;
}

/* One migration, and the version that it leads to, in one transaction. */
static CHECKED enum err_code migrate_step(struct sqlite_store *self, int32_t version,
                                          struct err *err) {
    char text[64];
    int length = snprintf(text, sizeof text, "PRAGMA user_version = %" PRId32, version + 1);
    assert(length > 0 && (size_t)length < sizeof text);
    const struct sql_text *migration = &sql_migrations[version];
    enum err_code code = run_text(self, "BEGIN IMMEDIATE", migration->name, err);
    if (code == ERR_OK) {
        code = run_text(self, migration->text, migration->name, err);
    }
    if (code == ERR_OK) {
        code = run_text(self, text, migration->name, err);
    }
    if (code == ERR_OK) {
        code = run_text(self, "COMMIT", migration->name, err);
    }
    return code; /* closing the connection rolls back what did not commit */
}

static CHECKED enum err_code migrate_all(struct sqlite_store *self, bool dry_run,
                                         struct store_migration *migration_out, struct err *err) {
    int64_t version = 0;
    enum err_code code = read_number(self, "PRAGMA user_version", &version, err);
    if (code == ERR_OK && version > SQL_MIGRATION_COUNT) {
        code = check_version(self, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    migration_out->version_before = (int32_t)version;
    migration_out->version_after = SQL_MIGRATION_COUNT;
    if (dry_run || version == SQL_MIGRATION_COUNT) {
        return ERR_OK;
    }
    code = run_text(self, "PRAGMA journal_mode = WAL", "cannot switch the database to a log", err);
    for (int32_t step = (int32_t)version; code == ERR_OK && step < SQL_MIGRATION_COUNT; step++) {
        code = migrate_step(self, step, err);
    }
    return code;
}

enum err_code sqlite_migrate(const char *given_path, const struct store_options *options,
                             bool dry_run, struct store_migration *migration_out, struct err *err) {
    char path[PLACE_PATH_BYTES];
    enum err_code code = place_resolve(given_path, path, err);
    if (code != ERR_OK) {
        return code;
    }
    struct stat status;
    if (dry_run && stat(path, &status) != 0) {
        *migration_out = (struct store_migration){.version_after = SQL_MIGRATION_COUNT};
        return place_check(path, err);
    }
    struct sqlite_store *self = NULL;
    bool is_first = false;
    code =
        open_file(path, options, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &is_first, &self, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!is_first) {
        code = gate_enter(&self->gate, options->write_timeout_ms, err);
    }
    if (code == ERR_OK) {
        code = migrate_all(self, dry_run, migration_out, err);
    }
    sqlite_release(self);
    return code;
}
