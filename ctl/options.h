#pragma once
/*
 * What stands behind a command's name: flags and words. One table for all commands; each says which
 * sets of flags it takes.
 *
 * Ownership: everything is borrowed from argv; `words` belongs to the struct.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum option_set {
    OPTIONS_ALWAYS = 1u << 0, /* --help --json */
    OPTIONS_FILTER = 1u << 1, /* --status --metric --email --error --older --newer --limit */
    OPTIONS_DRY_RUN = 1u << 2,
    OPTIONS_CHANGE = 1u << 3,  /* --yes --reason */
    OPTIONS_FULL = 1u << 4,    /* --full */
    OPTIONS_CHECK = 1u << 5,   /* -w -c --dead-… --flagged-… --workers */
    OPTIONS_FLAGGED = 1u << 6, /* --flagged */
    OPTIONS_REFUND = 1u << 7,  /* --refunded */
};

struct options {
    bool help, json, dry_run, yes, full, flagged, refunded;
    const char *status, *metric, *email, *error, *older, *newer, *limit; /* NULL: not given */
    const char *reason;
    const char *warning, *critical, *dead_warning, *dead_critical, *workers;
    const char *flagged_warning, *flagged_critical;
    const char **words; /* owned */
    size_t word_count;
};

/*
 * Reads argv[0] to argv[argc - 1]; flags and words may be mixed, "--" ends the flags, a value follows
 * as the next argument or behind "=". ERR_INVALID: the text says what is wrong, and what was probably
 * meant. Release in every case.
 */
CHECKED enum err_code options_parse(struct options *options, unsigned sets, int argc, char **argv,
                                    struct err *err);
void options_release(struct options *options);

/* True if anything narrows down which events are meant: a word or a flag of the filter, --limit apart. */
bool options_name_events(const struct options *options);
