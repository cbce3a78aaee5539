#pragma once
/*
 * The commands: what each is called, what it takes, and the function that carries it out.
 *
 * A command writes its answer to stdout and returns ERR_OK; or it returns an error, which `main`
 * prints: ERR_INVALID is wrong usage (exit 2), every other code a failure (exit 1). For `check`, which
 * speaks to Nagios, each is "unknown" (exit 3).
 */
#include "common/settings.h"
#include "common/store.h"
#include "ctl/options.h"

/* What a command works with. */
struct ctl {
    const struct settings *settings;
    struct store_options store_options;
    struct store *store; /* NULL for a command that opens none */
    int64_t now_ms;
    bool colors;     /* stdout is a terminal that may be coloured */
    int exit_status; /* of a command that returned ERR_OK: 0, but for check */
};

enum { LIST_LIMIT_DEFAULT = 50 }; /* of `list`, when --limit is not given */

struct command {
    const char *name;
    const char *summary; /* one line, no full stop */
    const char *words;   /* what stands behind the name, for the usage line */
    const char *help;    /* examples first, then what one has to know */
    size_t words_min, words_max;
    enum err_code (*run)(struct ctl *ctl, const struct options *options, struct err *err);
    unsigned option_sets;
    bool opens_store;
};

extern const struct command commands[];
extern const size_t command_count;

/* NULL: there is none. */
const struct command *command_find(const char *name);
/* Fills in "unknown command …", with the one that was probably meant, and returns ERR_INVALID. */
enum err_code command_refuse(const char *name, struct err *err);
/* To stdout. */
void command_print_help(const struct command *command);
/* The overview of all commands; newly allocated, NULL when out of memory. */
char *command_overview(void);

enum err_code command_migrate(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_status(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_list(struct ctl *ctl, const struct options *options, struct err *err);
/* list --flagged */
enum err_code command_list_flagged(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_show(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_explain(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_retry(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_cancel(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_accept_payment(struct ctl *ctl, const struct options *options,
                                     struct err *err);
enum err_code command_check(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_pause(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_resume(struct ctl *ctl, const struct options *options, struct err *err);
enum err_code command_audit(struct ctl *ctl, const struct options *options, struct err *err);
