#include "ctl/table.h"

#include <assert.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/format.h"

enum { CELL_BYTES_MAX = 2048 };

struct table {
    struct libscols_table *handle;
    struct libscols_line *line; /* the last one added */
    size_t column_count;
    bool failed;
};

enum err_code table_new(const struct table_column *columns, size_t column_count, bool colors,
                        struct table **table_out, struct err *err) {
    struct table *table = calloc(1, sizeof *table);
    if (table == NULL || (table->handle = scols_new_table()) == NULL) {
        free(table);
        return err_set(err, ERR_FATAL, "out of memory");
    }
    table->column_count = column_count;
    table->failed = scols_table_enable_colors(table->handle, colors ? 1 : 0) != 0;
    for (size_t i = 0; i < column_count; i++) {
        int flags = (columns[i].is_right ? SCOLS_FL_RIGHT : 0) |
                    (columns[i].may_be_cut ? SCOLS_FL_TRUNC : 0);
        struct libscols_column *column =
            scols_table_new_column(table->handle, columns[i].heading, 0, flags);
        table->failed = table->failed || column == NULL;
    }
    *table_out = table;
    return ERR_OK;
}

void table_free(struct table *table) {
    if (table != NULL) {
        scols_unref_table(table->handle);
        free(table);
    }
}

void table_add(struct table *table, const char *const *cells) {
    table->line = scols_table_new_line(table->handle, NULL);
    if (table->line == NULL) {
        table->failed = true;
        return;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        char safe[CELL_BYTES_MAX];
        format_safe(cells[i], strlen(cells[i]), safe, sizeof safe);
        table->failed = table->failed || scols_line_set_data(table->line, i, safe) != 0;
    }
}

void table_color(struct table *table, size_t column, const char *color) {
    assert(column < table->column_count);
    if (table->line == NULL || color == NULL) {
        return;
    }
    struct libscols_cell *cell = scols_line_get_cell(table->line, column);
    table->failed = table->failed || cell == NULL || scols_cell_set_color(cell, color) != 0;
}

enum err_code table_print(struct table *table, struct err *err) {
    if (table->failed) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    if (scols_print_table(table->handle) != 0) {
        return err_set(err, ERR_FATAL, "cannot print the table");
    }
    return ERR_OK;
}

const char *table_state_color(const char *state) {
    static const struct {
        const char *state;
        const char *color;
    } colors[] = {{"dead", "red"}, {"sent", "green"}, {"due", "yellow"}, {"sending", "yellow"}};
    for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++) {
        if (strcmp(colors[i].state, state) == 0) {
            return colors[i].color;
        }
    }
    return NULL;
}
