#pragma once
/*
 * Settings from flags, environment, config file and defaults, declared once in a table.
 *
 * Precedence: flag > environment > config file > credential > default. A flag is the variable's name
 * in lower case with dashes, without the table's prefix: PREORDER_LOG_LEVEL is --log-level; of a flag
 * given twice the last counts. The config file is INI (inih: `;` and `#` begin a comment line, ` ;` a
 * comment behind a value); its keys are the variables' names or the flags' names, in any section. An
 * unknown key, a key twice, a value out of range, or a variable that begins with the prefix and is in
 * no table, is an error that names the setting, and the file and line where it stands.
 *
 * Secrets: never from flags. NAME, or NAME_FILE (a path; trailing white space is trimmed), in the
 * environment or the config file, or a file of the lower-case name in $CREDENTIALS_DIRECTORY; NAME
 * and NAME_FILE together in one place are an error. An empty NAME in the environment counts as not
 * given; an empty file is an error. No error text shows a secret. The file of a secret that is another
 * program's is not opened: it may well be readable for that one only.
 *
 * Every program has --help, --version, --config FILE and --check-config; the last prints the effective
 * settings as a config file, with the place of each in a comment and secrets masked; a value that no
 * such file can hold (one with " ;" in it, or too long for a line) stands in a comment as well.
 *
 * Ownership: a loaded target owns its strings until config_release.
 * Threads: while no other thread changes the environment; config_load sets inih's longest line.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

enum config_type {
    CONFIG_TEXT,        /* char *; never NULL, may be "" */
    CONFIG_SECRET,      /* char *; NULL when not given; masked wherever it is shown */
    CONFIG_INTEGER,     /* int64_t, minimum and maximum apply */
    CONFIG_BOOLEAN,     /* bool: 0 or 1 */
    CONFIG_DURATION_MS, /* int64_t in ms, written 250ms 2s 5m 1h 3d 0; minimum and maximum in ms */
    CONFIG_CHOICE,      /* char *; one of `choices`, separated by '|' */
};

struct config_entry {
    const char *name; /* the variable: "PREORDER_LISTEN" */
    enum config_type type;
    /* Bit set of the programs that show it and take its flag; all accept it in the environment and in
       a file. */
    unsigned programs;
    size_t offset; /* of the field in the target struct */
    /* Of a bool that tells that nobody set it; 0: none, so it is no struct's first field. */
    size_t is_default_offset;
    const char *default_text; /* as one would write it; NULL only for CONFIG_SECRET */
    int64_t minimum, maximum; /* integers and durations */
    const char *choices;      /* CONFIG_CHOICE */
    const char *help;         /* one line, no full stop */
    /* Checks the finished text further, NULL if there is nothing to check; not called for a secret
       that is not given. The error's text says what is wrong with the value, without showing that of
       a secret; config_load puts the setting's name and place before it. */
    enum err_code (*check)(const char *text, struct err *err);
};

struct config_table {
    const struct config_entry *entries;
    size_t entry_count;
    size_t target_bytes; /* of the struct that is filled */
    const char *prefix;  /* dropped from flag names: "PREORDER_"; "": none */
    const char *program; /* "preorder-api" */
    unsigned program_bit;
    const char *usage;   /* what follows the program's name in the usage line: "[options]" */
    const char *summary; /* one paragraph for --help */
    const char *version;
    /* Looks at the settings together and fills in what follows from others; NULL: nothing to do. Its
       error names the settings; config_load puts the place of each behind it. */
    enum err_code (*complete)(void *target, struct err *err);
};

enum config_action {
    CONFIG_RUN,  /* go on */
    CONFIG_DONE, /* --help, --version or --check-config was answered on stdout: exit 0 */
};

/*
 * Fills `target` (of table->target_bytes, zeroed by this call) from argv, environ and the file of
 * --config. Parsing of flags stops at the first argument that is no flag, and at "--"; its index
 * comes back in *next_out, for programs with commands; argc if there is none.
 * ERR_INVALID: wrong usage or settings, exit 2. ERR_FATAL: no memory, or standard output takes
 * nothing, exit 1. After both, and after CONFIG_DONE, `target` is released.
 */
CHECKED enum err_code config_load(const struct config_table *table, int argc, char **argv,
                                  void *target, int *next_out, enum config_action *action_out,
                                  struct err *err);
/* Wipes secrets before it frees them. Also right for a zeroed target. */
void config_release(const struct config_table *table, void *target);

/* "2s", "1h", "250ms" or "0" to ms. ERR_INVALID for anything else; no sign, no fraction, no spaces. */
CHECKED enum err_code config_parse_duration_ms(const char *text, int64_t *ms_out, struct err *err);
/* Decimal digits with an optional minus; ERR_INVALID for anything else or beyond int64_t. */
CHECKED enum err_code config_parse_integer(const char *text, int64_t *value_out, struct err *err);

enum { CONFIG_DURATION_BYTES = 24 };

/* The shortest exact way to write it: 90000 is "90s", 3600000 is "1h". `ms` is not negative. */
void config_format_duration(int64_t ms, char text[CONFIG_DURATION_BYTES]);
