#pragma once
/*
 * "Did you mean": the word of a list that is closest to what was typed.
 */
#include <stddef.h>

/* The word with the fewest slips (a letter changed, missing, too many, or two swapped), NULL if even
   the closest differs in more than a third of its letters. The words are borrowed. */
const char *suggest_word(const char *typed, const char *const *words, size_t word_count);
