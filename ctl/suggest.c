#include "ctl/suggest.h"

#include <string.h>

enum { WORD_CHARS_MAX = 32 };

static size_t least(size_t a, size_t b, size_t c) {
    size_t smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* Optimal string alignment distance, with the last two rows of its table. */
static size_t slip_count(const char *a, const char *b) {
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > WORD_CHARS_MAX || b_length > WORD_CHARS_MAX) {
        return WORD_CHARS_MAX;
    }
    size_t rows[3][WORD_CHARS_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above_that = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                above_that[j - 2] + 1 < row[j]) {
                row[j] = above_that[j - 2] + 1;
            }
        }
    }
    return rows[a_length % 3][b_length];
}

const char *suggest_word(const char *typed, const char *const *words, size_t word_count) {
    const char *best = NULL;
    size_t best_count = WORD_CHARS_MAX;
    for (size_t i = 0; i < word_count; i++) {
        size_t count = slip_count(typed, words[i]);
        if (count < best_count && 3 * count <= strlen(words[i]) + 1) {
            best = words[i];
            best_count = count;
        }
    }
    return best;
}
