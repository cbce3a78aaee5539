#include <inttypes.h>
#include <stdio.h>

#include "ctl/command.h"
#include "ctl/json_view.h"

enum err_code command_migrate(struct ctl *ctl, const struct options *options, struct err *err) {
    struct store_migration migration = {0};
    enum err_code code = store_migrate(ctl->settings->database_url, &ctl->store_options,
                                       options->dry_run, &migration, err);
    if (code != ERR_OK) {
        return code;
    }
    int32_t before = migration.version_before;
    int32_t after = migration.version_after;
    if (options->json) {
        return json_print(json_pack("{s:i, s:i, s:b}", "version_before", (int)before,
                                    "version_after", (int)after, "dry_run",
                                    options->dry_run ? 1 : 0),
                          err);
    }
    if (before == after) {
        (void)printf("The database has schema version %" PRId32 " already: nothing to do.\n",
                     after);
    } else if (before == 0) {
        (void)printf("The database %s created with schema version %" PRId32 ".\n",
                     options->dry_run ? "would be" : "is", after);
    } else {
        (void)printf("The database %s from schema version %" PRId32 " to %" PRId32 ".\n",
                     options->dry_run ? "would be brought" : "was brought", before, after);
    }
    return ERR_OK;
}
