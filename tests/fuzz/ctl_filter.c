/*
 * The command line of preorderctl: options, the filter of list, retry and cancel, times and durations. What is taken
 * means the same when it is written in full; what is refused has a message; nothing that is shown steers a terminal.
 *
 * The first byte of the input says which options the command has; each line after that is an argument.
 */
#include "ctl/filter.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/utf8.h"
#include "ctl/format.h"
#include "ctl/suggest.h"
#include "tests/fuzz/lines.h"
#include "tests/fuzz/target.h"

enum { LIMIT_DEFAULT = 50, FLAGS_MAX = 7 };

static const int64_t NOW_MS = INT64_C(1795353434123);

/* ---- Options ---- */

/* "--status=dead" for each that is given; returns how many. To be freed. */
static int write_filter(const struct options *options, char *arguments[FLAGS_MAX]) {
    const struct {
        const char *name, *value;
    } flags[FLAGS_MAX] = {
        {"status", options->status}, {"metric", options->metric}, {"email", options->email},
        {"error", options->error},   {"older", options->older},   {"newer", options->newer},
        {"limit", options->limit},
    };
    int count = 0;
    for (size_t i = 0; i < FLAGS_MAX; i++) {
        if (flags[i].value != NULL) {
            int length = asprintf(&arguments[count++], "--%s=%s", flags[i].name, flags[i].value);
            assert(length > 0);
        }
    }
    return count;
}

static void check_same_text(const char *a, const char *b) {
    assert((a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0));
}

static void check_same(const struct options *a, const struct options *b) {
    check_same_text(a->status, b->status);
    check_same_text(a->metric, b->metric);
    check_same_text(a->email, b->email);
    check_same_text(a->error, b->error);
    check_same_text(a->older, b->older);
    check_same_text(a->newer, b->newer);
    check_same_text(a->limit, b->limit);
}

static void check_options(const struct options *options, int argc, char **argv) {
    struct err err = {0};
    size_t word_count = 0;
    for (int i = 0; i < argc && word_count < options->word_count; i++) {
        word_count += options->words[word_count] == argv[i];
    }
    assert(word_count == options->word_count); /* words are arguments, in their order */
    char *arguments[FLAGS_MAX];
    int count = write_filter(options, arguments);
    struct options again;
    enum err_code code = options_parse(&again, OPTIONS_FILTER, count, arguments, &err);
    assert(code == ERR_OK && again.word_count == 0);
    check_same(options, &again);
    options_release(&again);
    while (count > 0) {
        free(arguments[--count]);
    }
}

/* ---- The filter ---- */

static void check_filter(const struct filter *filter, const struct options *options) {
    const struct event_filter *events = &filter->events;
    assert(events->limit >= 1 && events->limit <= FILTER_LIMIT_MAX);
    assert(events->created_before_ms >= 0 && events->created_before_ms <= NOW_MS);
    assert(events->created_after_ms >= 0 && events->created_after_ms <= NOW_MS);
    assert((events->created_before_ms > 0) == (options->older != NULL));
    assert((events->created_after_ms > 0) == (options->newer != NULL));
    check_same_text(events->status, options->status);
    assert(events->status == NULL || strlen(events->status) <= strlen("cancelled"));
    assert((events->email != NULL) == (options->email != NULL));
    if (events->email != NULL) {
        const char *at = strchr(events->email, '@');
        assert(at != NULL && strchr(at + 1, '@') == NULL);
        char again[EMAIL_BYTES];
        struct err err = {0};
        enum err_code code = email_normalize(events->email, strlen(events->email), again, &err);
        assert(code == ERR_OK && strcmp(again, events->email) == 0);
    }
}

static void filter(const struct options *options) {
    struct filter found;
    struct err err = {0};
    enum err_code code = filter_parse(&found, options, LIMIT_DEFAULT, NOW_MS, &err);
    if (code == ERR_OK) {
        check_filter(&found, options);
    } else {
        assert(code == ERR_INVALID && strncmp(err.text, "--", 2) == 0);
        lines_check_message(err.text);
    }
    filter_release(&found);
}

/* ---- Values ---- */

static void check_values(const char *text) {
    struct err err = {0};
    int64_t ms = -1;
    int64_t number = 0;
    int64_t again = 0;
    if (config_parse_duration_ms(text, &ms, &err) == ERR_OK) {
        char written[CONFIG_DURATION_BYTES];
        assert(ms >= 0);
        config_format_duration(ms, written);
        enum err_code code = config_parse_duration_ms(written, &again, &err);
        assert(code == ERR_OK && again == ms);
    } else {
        lines_check_message(err.text);
    }
    if (config_parse_integer(text, &number, &err) == ERR_OK) {
        char written[32];
        (void)snprintf(written, sizeof written, "%jd", (intmax_t)number);
        enum err_code code = config_parse_integer(written, &again, &err);
        assert(code == ERR_OK && again == number);
    }
}

static void check_shown(const char *text) {
    char safe[64];
    format_safe(text, strlen(text), safe, sizeof safe);
    size_t length;
    for (size_t i = 0; safe[i] != '\0'; i += length) {
        uint32_t c = 0;
        length = utf8_decode(safe + i, strlen(safe + i), &c);
        assert(length > 0 && c >= 0x20 && (c < 0x7f || c > 0x9f));
        assert((c < 0x2028 || c > 0x202e) && (c < 0x2066 || c > 0x2069));
    }
    char again[sizeof safe];
    format_safe(safe, strlen(safe), again, sizeof again);
    assert(strcmp(again, safe) == 0);
}

/* Who typed a word right is offered that word. */
static void check_suggestion(const char *text) {
    static const char *const words[] = {"status", "list", "show", "retry"};
    const char *meant = suggest_word(text, words, 4);
    for (size_t i = 0; i < 4; i++) {
        assert(strcmp(text, words[i]) != 0 || meant == words[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count == 0) {
        return 0;
    }
    struct lines lines;
    struct options options;
    struct err err = {0};
    lines_cut(&lines, bytes + 1, byte_count - 1);
    int argc = (int)lines.count;
    /* Most inputs shall reach the filter. */
    unsigned sets = (bytes[0] & 1) != 0 ? bytes[0] : bytes[0] | OPTIONS_FILTER;
    enum err_code code = options_parse(&options, sets, argc, lines.texts, &err);
    if (code == ERR_OK) {
        check_options(&options, argc, lines.texts);
        filter(&options);
    } else {
        assert(code == ERR_INVALID);
        lines_check_message(err.text);
    }
    options_release(&options);
    for (size_t i = 0; i < lines.count; i++) {
        check_values(lines.texts[i]);
        check_shown(lines.texts[i]);
        check_suggestion(lines.texts[i]);
    }
    lines_release(&lines);
    return 0;
}
