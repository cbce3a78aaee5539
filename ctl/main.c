/*
 * preorderctl: what support and operations look at and repair with.
 *
 *   preorderctl [settings] COMMAND [options]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/streams.h"
#include "ctl/check.h"
#include "ctl/command.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int fail(const struct err *err, bool is_check) {
    if (is_check) { /* Nagios reads standard output and knows no status but its own */
        (void)printf("PREORDER UNKNOWN - %s\n", err->text);
        (void)fflush(stdout);
        return CHECK_UNKNOWN;
    }
    (void)fflush(stdout); /* what was said before stands before */
    (void)fprintf(stderr, "preorderctl: %s\n", err->text);
    return err->code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

/* The first command among the arguments is `check`; what stands before it may be wrong. */
static bool is_check(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const struct command *command = command_find(argv[i]);
        if (command != NULL) {
            return command->run == command_check;
        }
    }
    return false;
}

static bool may_color(void) {
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && (no_color == NULL || no_color[0] == '\0') &&
           term != NULL && strcmp(term, "dumb") != 0;
}

static CHECKED enum err_code check_words(const struct command *command,
                                         const struct options *options, struct err *err) {
    if (options->word_count < command->words_min) {
        return err_set(err, ERR_INVALID, "%s needs %s: preorderctl %s --help", command->name,
                       command->words, command->name);
    }
    if (options->word_count > command->words_max) {
        return err_set(err, ERR_INVALID, "%s: '%s' is too much: preorderctl %s --help",
                       command->name, options->words[command->words_max], command->name);
    }
    return ERR_OK;
}

static CHECKED enum err_code run_with_store(struct ctl *ctl, const struct command *command,
                                            const struct options *options, struct err *err) {
    if (command->opens_store) {
        enum err_code code =
            store_open(ctl->settings->database_url, &ctl->store_options, &ctl->store, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    enum err_code code = command->run(ctl, options, err);
    store_close(ctl->store);
    if (code == ERR_OK && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
        code = err_set(err, ERR_FATAL, "standard output takes nothing");
    }
    return code;
}

static CHECKED enum err_code run_command(const struct settings *settings, int argc, char **argv,
                                         int *status_out, struct err *err) {
    bool is_help = strcmp(argv[0], "help") == 0 && argc == 2; /* as people try it */
    const struct command *command = command_find(argv[is_help ? 1 : 0]);
    if (command == NULL) {
        return command_refuse(argv[is_help ? 1 : 0], err);
    }
    if (is_help) {
        command_print_help(command);
        return ERR_OK;
    }
    struct options options;
    enum err_code code = options_parse(&options, command->option_sets, argc - 1, argv + 1, err);
    if (code == ERR_OK && options.help) {
        command_print_help(command);
    } else if (code == ERR_OK) {
        code = check_words(command, &options, err);
        struct ctl ctl = {
            .settings = settings,
            .store_options = {.role = STORE_BACKGROUND,
                              .write_timeout_ms = settings->write_timeout_ms,
                              .clock = clock_system()},
            .now_ms = clock_wall_ms(clock_system()),
            .colors = may_color(),
        };
        if (code == ERR_OK) {
            code = run_with_store(&ctl, command, &options, err);
        }
        *status_out = ctl.exit_status;
    }
    options_release(&options);
    return code;
}

/* The database holds customers' addresses: what is created here is not for everybody to read. Its log
   takes after it. */
static void keep_others_out(void) {
    mode_t mask = umask(S_IRWXO);
    (void)umask(mask | S_IRWXO);
}

int main(int argc, char **argv) {
    streams_reserve();
    keep_others_out();
    struct err err = {0};
    struct settings settings = {0};
    int next = 0;
    enum config_action action = CONFIG_RUN;
    char *overview = command_overview();
    if (overview == NULL) {
        (void)err_set(&err, ERR_FATAL, "out of memory");
        return fail(&err, is_check(argc, argv));
    }
    int status = EXIT_DONE;
    enum err_code code = settings_load(SETTINGS_CTL, "[settings] COMMAND [options]", overview, argc,
                                       argv, &settings, &next, &action, &err);
    if (code == ERR_OK && action == CONFIG_RUN) {
        if (next >= argc) {
            code = err_set(&err, ERR_INVALID, "which command? preorderctl --help lists them");
        } else {
            code = run_command(&settings, argc - next, argv + next, &status, &err);
        }
        settings_release(&settings);
    }
    free(overview);
    return code == ERR_OK ? status : fail(&err, is_check(argc, argv));
}
