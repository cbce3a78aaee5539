/*
 * preorderctl from the words to what it prints, on a small database with hostile texts in it: whatever is typed, it
 * answers or says why not, changes nothing that it was not told to, and prints nothing that steers a terminal.
 *
 * The first line of the input is the command, each further one an argument. What would change rows runs as --dry-run.
 */
#include "ctl/command.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "ctl/check.h"
#include "tests/fuzz/lines.h"
#include "tests/fuzz/target.h"
#include "tests/store/fixture.h"

enum { SAMPLES = 6, LATER_MS = 3600000, ATTEMPTS_MAX = 200 };

static struct fixture *shop;
static struct store *desk;
static struct settings settings = {.retry_max_attempts = ATTEMPTS_MAX, .write_timeout_ms = 2000};

/* ---- The database ---- */

static void judge(int64_t now_ms, enum outcome outcome, int32_t status, const char *error,
                  const char *body) {
    struct claim claim = fixture_claim_one(shop, now_ms);
    struct settlement settlement = fixture_settlement(&claim, outcome, now_ms);
    settlement.http_status = status;
    settlement.error = error;
    settlement.response_body = body;
    settlement.response_body_bytes = strlen(body);
    (void)fixture_settle(shop, &settlement, now_ms);
}

static void close_shop(void) {
    store_close(desk);
    void *state = shop;
    (void)fixture_teardown(&state);
}

/* Sent, dead, to be repeated, being sent, due; and a preorder that somebody has to look at. */
static void open_shop(void) {
    static char metric_prefix[] = "";
    void *state = NULL;
    settings.klaviyo_metric_prefix = metric_prefix;
    (void)fixture_setup(&state);
    shop = state;
    (void)atexit(close_shop);
    fixture_store_samples(shop, SAMPLES, NULL);
    judge(FIXTURE_NOW_MS + 10, OUTCOME_SENT, 202, "", "");
    judge(FIXTURE_NOW_MS + 20, OUTCOME_DEAD, 400,
          "Klaviyo answered 400: s***@shop.example \xc3\xa9 100% %s \"quoted\" \\ _",
          "\x1b[2J\xe2\x80\xae");
    judge(FIXTURE_NOW_MS + 30, OUTCOME_RETRY, 503, "Klaviyo answered 503", "<html>");
    (void)fixture_claim_one(shop, FIXTURE_NOW_MS + 40);
    fixture_run(shop, "UPDATE preorders SET flag = 'paid 1.00 USD\x1b[2J' WHERE rowid = 5");
    desk = fixture_open(shop, STORE_BACKGROUND);
}

/* ---- What is printed ---- */

static void check_printed(const char *text, size_t byte_count) {
    size_t length;
    assert(strlen(text) == byte_count);
    for (size_t i = 0; i < byte_count; i += length) {
        uint32_t c = 0;
        length = utf8_decode(text + i, byte_count - i, &c);
        assert(length > 0 && (c == '\n' || c >= 0x20) && (c < 0x7f || c > 0x9f));
        assert((c < 0x2028 || c > 0x202e) && (c < 0x2066 || c > 0x2069));
    }
}

static void check_json(const char *text) {
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert(document != NULL);
    json_decref(document);
}

/* ---- The command ---- */

static enum err_code run(const struct command *command, const struct options *options,
                         struct err *err) {
    struct ctl ctl = {
        .settings = &settings,
        .store_options = fixture_options(STORE_BACKGROUND, settings.write_timeout_ms),
        .store = desk,
        .now_ms = FIXTURE_NOW_MS + LATER_MS,
    };
    enum err_code code = command->run(&ctl, options, err);
    assert(ctl.exit_status == 0 ||
           (command->run == command_check && ctl.exit_status <= CHECK_UNKNOWN) ||
           command->run == command_audit);
    return code;
}

static void run_and_look(const struct command *command, struct options *options) {
    FILE *outputs[] = {stdout, stderr};
    char *printed[2] = {NULL, NULL};
    size_t printed_bytes[2] = {0, 0};
    struct err err = {0};
    options->dry_run = (command->option_sets & OPTIONS_DRY_RUN) != 0;
    stdout = open_memstream(&printed[0], &printed_bytes[0]);
    stderr = open_memstream(&printed[1], &printed_bytes[1]);
    assert(stdout != NULL && stderr != NULL);
    enum err_code code = run(command, options, &err);
    (void)fclose(stdout);
    (void)fclose(stderr);
    stdout = outputs[0];
    stderr = outputs[1];
    check_printed(printed[0], printed_bytes[0]);
    check_printed(printed[1], printed_bytes[1]);
    if (code == ERR_OK) {
        assert(printed_bytes[0] > 0);
        if (options->json) {
            check_json(printed[0]);
        }
    } else {
        assert(code == ERR_INVALID || code == ERR_NOT_FOUND || code == ERR_CONFLICT);
        lines_check_message(err.text);
    }
    free(printed[0]);
    free(printed[1]);
}

/* Not those that set up or change a whole account. */
static bool is_for_all(const struct command *command) {
    return command->opens_store && command->run != command_pause && command->run != command_resume;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct lines lines;
    struct err err = {0};
    if (shop == NULL) {
        open_shop();
    }
    lines_cut(&lines, bytes, byte_count);
    const struct command *command = lines.count > 0 ? command_find(lines.texts[0]) : NULL;
    if (command == NULL && lines.count > 0) {
        enum err_code code = command_refuse(lines.texts[0], &err);
        assert(code == ERR_INVALID);
        lines_check_message(err.text);
    } else if (command != NULL && is_for_all(command)) {
        struct options options;
        enum err_code code = options_parse(&options, command->option_sets, (int)lines.count - 1,
                                           lines.texts + 1, &err);
        if (code == ERR_OK && !options.help && options.word_count >= command->words_min &&
            options.word_count <= command->words_max) {
            run_and_look(command, &options);
        }
        options_release(&options);
    }
    lines_release(&lines);
    return 0;
}
