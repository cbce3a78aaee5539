#pragma once
/*
 * The flags of the small programs here: "--name value", all of them known beforehand.
 */
#include <stddef.h>
#include <stdint.h>

struct bench_option {
    const char *name;  /* without the dashes */
    const char **text; /* where the value goes: one of the two */
    int64_t *number;   /* not negative */
};

/* Fills what is given; what is not keeps its value, NULL text must be given. Exits with 2 and a line
   that names all options if anything is wrong. */
void bench_options_read(int argc, char **argv, const struct bench_option *options,
                        size_t option_count);

/* Ends the program with a message; status 1. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
