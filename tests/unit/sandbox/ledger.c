/* The ledger as a file: what is written, what is read again, what is refused. */
#include "sandbox/ledger.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int begin(void **state) {
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/ledger-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0 || unlink(path) != 0;
}

static int end(void **state) {
    (void)state;
    (void)unlink(path);
    return 0;
}

struct seen {
    int count;
    char last_id[64], last_email[64];
    bool last_is_duplicate;
};

static enum err_code see(void *context, const struct ledger_line *line, struct err *err) {
    (void)err;
    struct seen *seen = context;
    seen->count++;
    (void)snprintf(seen->last_id, sizeof(seen->last_id), "%s", line->unique_id);
    (void)snprintf(seen->last_email, sizeof(seen->last_email), "%s",
                   line->email == NULL ? "(null)" : line->email);
    seen->last_is_duplicate = line->is_duplicate;
    return ERR_OK;
}

static struct ledger *opened(struct seen *seen) {
    struct err err = {0};
    struct ledger *ledger = NULL;
    *seen = (struct seen){0};
    enum err_code code = ledger_open(path, see, seen, &ledger, &err);
    if (code != ERR_OK) {
        print_message("# %s\n", err.text);
    }
    assert_int_equal(code, ERR_OK);
    return ledger;
}

static const struct ledger_line LINE = {.at_ms = 1784808000123,
                                        .path = "/api/events",
                                        .unique_id = "u\"1\n",
                                        .email = "a@b.co",
                                        .metric = "Pr\xc3\xa9order",
                                        .sha256 = "00ff",
                                        .is_duplicate = true};

static void write_file(const char *text) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *expected) {
    char text[4096] = "";
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(length, strlen(expected));
    assert_string_equal(text, expected);
}

#define TEXT                                                                                       \
    "{\"at_ms\":1784808000123,\"path\":\"/api/events\",\"unique_id\":\"u\\u00221\\u000a\","        \
    "\"email\":\"a@b.co\",\"metric\":\"Pr\xc3\xa9order\",\"sha256\":\"00ff\",\"duplicate\":true}"  \
    "\n"

static void a_line_has_exactly_its_members(void **state) {
    (void)state;
    struct seen seen;
    struct err err;
    struct ledger *ledger = opened(&seen);
    ledger_add(ledger, &LINE);
    assert_int_equal(ledger_unsynced_count(ledger), 1);
    assert_int_equal(ledger_sync(ledger, &err), ERR_OK);
    assert_int_equal(ledger_unsynced_count(ledger), 0);
    assert_file(TEXT);
    ledger_close(ledger);
}

static void what_was_written_is_read_again(void **state) {
    (void)state;
    struct seen seen;
    struct err err;
    struct ledger_line anonymous = LINE;
    anonymous.email = NULL;
    anonymous.is_duplicate = false;
    struct ledger *ledger = opened(&seen);
    ledger_add(ledger, &LINE);
    ledger_add(ledger, &anonymous);
    assert_int_equal(ledger_sync(ledger, &err), ERR_OK);
    ledger_close(ledger);
    ledger = opened(&seen);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.last_id, "u\"1\n");
    assert_string_equal(seen.last_email, "(null)");
    assert_false(seen.last_is_duplicate);
    ledger_add(ledger, &LINE);
    assert_int_equal(ledger_sync(ledger, &err), ERR_OK);
    ledger_close(ledger);
    ledger = opened(&seen);
    assert_int_equal(seen.count, 3);
    assert_true(seen.last_is_duplicate);
    ledger_close(ledger);
}

static void half_a_line_at_the_end_is_cut_off(void **state) {
    (void)state;
    struct seen seen;
    write_file(TEXT "{\"at_ms\":17");
    struct ledger *ledger = opened(&seen);
    assert_int_equal(seen.count, 1);
    assert_file(TEXT);
    ledger_close(ledger);
}

static void a_line_that_is_none_of_ours_stops_the_start(void **state) {
    (void)state;
    static const char *const texts[] = {TEXT "what is this\n" TEXT, TEXT "{}\n", TEXT "\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct seen seen = {0};
        struct err err = {0};
        struct ledger *ledger = NULL;
        write_file(texts[i]);
        assert_int_equal(ledger_open(path, see, &seen, &ledger, &err), ERR_FATAL);
        assert_non_null(strstr(err.text, path));
        assert_non_null(strstr(err.text, "line 2"));
        assert_file(texts[i]);
    }
}

static void a_ledger_has_one_owner(void **state) {
    (void)state;
    struct seen seen;
    struct err err = {0};
    struct ledger *ledger = opened(&seen), *other = NULL;
    assert_int_equal(ledger_open(path, see, &seen, &other, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.text, "another process"));
    ledger_close(ledger);
    ledger = opened(&seen);
    ledger_close(ledger);
}

static void a_folder_that_is_missing_is_named(void **state) {
    (void)state;
    struct seen seen = {0};
    struct err err = {0};
    struct ledger *ledger = NULL;
    assert_int_equal(ledger_open("/nonexistent/ledger", see, &seen, &ledger, &err), ERR_FATAL);
    assert_non_null(strstr(err.text, "/nonexistent/ledger"));
    assert_int_equal(ledger_open("/tmp", see, &seen, &ledger, &err), ERR_FATAL);
}

static void a_full_disk_fails_the_sync_for_good(void **state) {
    (void)state;
    struct seen seen;
    struct err err = {0};
    struct ledger *ledger = opened(&seen);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    small = before;
    small.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ledger_add(ledger, &LINE);
    assert_int_equal(ledger_sync(ledger, &err), ERR_FATAL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    ledger_add(ledger, &LINE);
    assert_int_equal(ledger_sync(ledger, &err), ERR_FATAL);
    ledger_close(ledger);
}

static void a_large_turn_is_written_in_pieces(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    struct seen seen;
    struct err err;
    struct ledger *ledger = opened(&seen);
    for (int i = 0; i < COUNT; i++) {
        ledger_add(ledger, &LINE);
    }
    assert_int_equal(ledger_sync(ledger, &err), ERR_OK);
    ledger_close(ledger);
    ledger = opened(&seen);
    assert_int_equal(seen.count, COUNT);
    ledger_close(ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_exactly_its_members, begin, end),
        cmocka_unit_test_setup_teardown(what_was_written_is_read_again, begin, end),
        cmocka_unit_test_setup_teardown(half_a_line_at_the_end_is_cut_off, begin, end),
        cmocka_unit_test_setup_teardown(a_line_that_is_none_of_ours_stops_the_start, begin, end),
        cmocka_unit_test_setup_teardown(a_ledger_has_one_owner, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_that_is_missing_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_full_disk_fails_the_sync_for_good, begin, end),
        cmocka_unit_test_setup_teardown(a_large_turn_is_written_in_pieces, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
