#pragma once
/*
 * A small table of settings with every type in it, and one call to load it: what the tests of config
 * share. The program "shop" runs in a folder of its own, with none of its variables set.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"

struct shop {
    char *name;
    char *key;
    int64_t count;
    bool count_is_default;
    bool open;
    int64_t wait_ms;
    char *colour;
    char *foreign_url;
};

/*
 * SHOP_NAME, text, "corner": "bad" is refused by its check, "incomplete" when all are looked at
 * SHOP_KEY, secret: must not contain '!'
 * SHOP_COUNT, integer, 3, 1 to 9      SHOP_OPEN, boolean, 0     SHOP_WAIT, duration, 2s, 1s to 1h
 * SHOP_COLOUR, red or green           FOREIGN_URL, text, "": of another program
 */
extern const struct config_table shop_table;

struct shop_run {
    struct shop shop;
    enum err_code code;
    struct err err;
    int next;
    enum config_action action;
    char *out; /* what went to stdout */
};

/* Loads with these arguments; the last is NULL. What is in `run` lasts until shop_reset. */
void shop_load(struct shop_run *run, const char *const *arguments);

#define SHOP_LOAD(run, ...) shop_load((run), (const char *const[]){__VA_ARGS__, NULL})

void shop_set(const char *name, const char *value);
void shop_write(const char *path, const char *text);

/* A setup for each test: state is a fresh struct shop_run; variables and files of the last are gone. */
int shop_setup(void **state);
int shop_teardown(void **state);
