#include "bench/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"

static _Noreturn void refuse(const char *program, const struct bench_option *options,
                             size_t option_count) {
    (void)fprintf(stderr, "usage: %s", program);
    for (size_t i = 0; i < option_count; i++) {
        (void)fprintf(stderr, " --%s %s", options[i].name, options[i].text != NULL ? "TEXT" : "N");
    }
    (void)fputc('\n', stderr);
    exit(2);
}

static const struct bench_option *find(const char *flag, const struct bench_option *options,
                                       size_t option_count) {
    for (size_t i = 0; i < option_count; i++) {
        if (strncmp(flag, "--", 2) == 0 && strcmp(flag + 2, options[i].name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

void bench_options_read(int argc, char **argv, const struct bench_option *options,
                        size_t option_count) {
    struct err err = {0};
    for (int i = 1; i < argc; i += 2) {
        const struct bench_option *option = find(argv[i], options, option_count);
        if (option == NULL || i + 1 == argc) {
            refuse(argv[0], options, option_count);
        }
        if (option->text != NULL) {
            *option->text = argv[i + 1];
        } else if (config_parse_integer(argv[i + 1], option->number, &err) != ERR_OK ||
                   *option->number < 0) {
            refuse(argv[0], options, option_count);
        }
    }
    for (size_t i = 0; i < option_count; i++) {
        if (options[i].text != NULL && *options[i].text == NULL) {
            refuse(argv[0], options, option_count);
        }
    }
}

void bench_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(1);
}
