#pragma once
/*
 * Tables for people, through libsmartcols: aligned, cut to the terminal's width if there is one. The
 * one place that knows the library.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct table;

struct table_column {
    const char *heading;
    bool is_right;   /* numbers */
    bool may_be_cut; /* gives way first on a narrow terminal */
};

/* ERR_FATAL: out of memory. `colors`: whether colours may be used at all. */
CHECKED enum err_code table_new(const struct table_column *columns, size_t column_count,
                                bool colors, struct table **table_out, struct err *err);
void table_free(struct table *table); /* NULL is fine */

/* Adds a row; the cells are copied, control characters are made harmless. A failure is remembered and
   told by table_print. */
void table_add(struct table *table, const char *const *cells);
/* Colours the last cell added in `column`: "red", "green", "yellow". */
void table_color(struct table *table, size_t column, const char *color);

/* Prints to stdout. ERR_FATAL: out of memory, or stdout takes nothing. */
CHECKED enum err_code table_print(struct table *table, struct err *err);

/* The colour of an event's state; NULL: none. */
const char *table_state_color(const char *state);
