#include "tests/unit/common/shop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/common/capture.h"

enum { SHOP = 1u << 0, OTHER = 1u << 1 };

static enum err_code check_name(const char *text, struct err *err) {
    return strcmp(text, "bad") == 0 ? err_set(err, ERR_INVALID, "it is bad") : ERR_OK;
}

static enum err_code check_key(const char *text, struct err *err) {
    return strchr(text, '!') != NULL ? err_set(err, ERR_INVALID, "it shouts") : ERR_OK;
}

static enum err_code complete(void *target, struct err *err) {
    const struct shop *shop = target;
    return strcmp(shop->name, "incomplete") == 0
               ? err_set(err, ERR_INVALID, "SHOP_NAME does not go with SHOP_COUNT")
               : ERR_OK;
}

static const struct config_entry entries[] = {
    {.name = "SHOP_NAME",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct shop, name),
     .default_text = "corner",
     .programs = SHOP,
     .help = "what it is called",
     .check = check_name},
    {.name = "SHOP_KEY",
     .type = CONFIG_SECRET,
     .offset = offsetof(struct shop, key),
     .programs = SHOP,
     .help = "what opens it",
     .check = check_key},
    {.name = "SHOP_COUNT",
     .type = CONFIG_INTEGER,
     .offset = offsetof(struct shop, count),
     .is_default_offset = offsetof(struct shop, count_is_default),
     .default_text = "3",
     .minimum = 1,
     .maximum = 9,
     .programs = SHOP,
     .help = "how many"},
    {.name = "SHOP_OPEN",
     .type = CONFIG_BOOLEAN,
     .offset = offsetof(struct shop, open),
     .default_text = "0",
     .programs = SHOP,
     .help = "whether one may go in"},
    {.name = "SHOP_WAIT",
     .type = CONFIG_DURATION_MS,
     .offset = offsetof(struct shop, wait_ms),
     .default_text = "2s",
     .minimum = 1000,
     .maximum = 3600000,
     .programs = SHOP,
     .help = "how long"},
    {.name = "SHOP_COLOUR",
     .type = CONFIG_CHOICE,
     .offset = offsetof(struct shop, colour),
     .default_text = "red",
     .choices = "red|green",
     .programs = SHOP,
     .help = "of the door"},
    {.name = "FOREIGN_URL",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct shop, foreign_url),
     .default_text = "",
     .programs = OTHER,
     .help = "somewhere else"},
};

const struct config_table shop_table = {
    .entries = entries,
    .entry_count = sizeof entries / sizeof entries[0],
    .target_bytes = sizeof(struct shop),
    .prefix = "SHOP_",
    .program = "shop",
    .program_bit = SHOP,
    .usage = "[options] [goods]",
    .summary = "Sells what there is.",
    .version = "1.2.3",
    .complete = complete,
};

void shop_load(struct shop_run *run, const char *const *arguments) {
    enum { ARGUMENTS_MAX = 16 };
    char *argv[ARGUMENTS_MAX + 2] = {strdup("shop")};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++) {
        assert_true(argc <= ARGUMENTS_MAX);
        argv[argc] = strdup(arguments[argc - 1]);
    }
    struct capture capture;
    struct buf out;
    buf_init(&out, 100000);
    config_release(&shop_table, &run->shop);
    capture_begin(&capture, STDOUT_FILENO);
    run->code =
        config_load(&shop_table, argc, argv, &run->shop, &run->next, &run->action, &run->err);
    capture_end(&capture, &out);
    free(run->out);
    run->out = buf_take(&out, NULL);
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
}

void shop_set(const char *name, const char *value) {
    assert_int_equal(setenv(name, value, 1), 0);
}

void shop_write(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void forget_variables(void) {
    static const char *const others[] = {"FOREIGN_URL", "CREDENTIALS_DIRECTORY", "SHOP_KEY_FILE",
                                         "SHOP_KEYY", "SHOP_"};
    for (size_t i = 0; i < shop_table.entry_count; i++) {
        assert_int_equal(unsetenv(entries[i].name), 0);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(unsetenv(others[i]), 0);
    }
}

int shop_setup(void **state) {
    char folder[] = "/tmp/shop-XXXXXX";
    forget_variables();
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        return -1;
    }
    struct shop_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return -1;
    }
    run->action = CONFIG_RUN;
    *state = run;
    return 0;
}

int shop_teardown(void **state) {
    static const char *const files[] = {"shop.conf", "key", "shop_key"};
    struct shop_run *run = *state;
    char folder[64];
    config_release(&shop_table, &run->shop);
    free(run->out);
    free(run);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)unlink(files[i]);
    }
    bool gone = getcwd(folder, sizeof folder) != NULL && chdir("/") == 0 && rmdir(folder) == 0;
    return gone ? 0 : -1;
}
