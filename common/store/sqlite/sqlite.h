#pragma once
/*
 * The SQLite engine as the front (store.c) sees it: how it opens. Everything else goes through the
 * table of operations. The contracts are those of store_open and store_migrate.
 */
#include "common/store.h"

CHECKED enum err_code sqlite_open(const char *path, const struct store_options *options,
                                  struct store **store_out, struct err *err);
CHECKED enum err_code sqlite_migrate(const char *path, const struct store_options *options,
                                     bool dry_run, struct store_migration *migration_out,
                                     struct err *err);
