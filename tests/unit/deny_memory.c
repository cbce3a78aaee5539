#include <stddef.h>

#include "tests/unit/deny.h"

void *__real_malloc(size_t byte_count);
void *__real_calloc(size_t count, size_t byte_count);
void *__real_realloc(void *memory, size_t byte_count);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length_max);

void *__wrap_malloc(size_t byte_count);
void *__wrap_calloc(size_t count, size_t byte_count);
void *__wrap_realloc(void *memory, size_t byte_count);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length_max);

void *__wrap_malloc(size_t byte_count) {
    return deny_strikes(DENY_MEMORY) ? NULL : __real_malloc(byte_count);
}

void *__wrap_calloc(size_t count, size_t byte_count) {
    return deny_strikes(DENY_MEMORY) ? NULL : __real_calloc(count, byte_count);
}

void *__wrap_realloc(void *memory, size_t byte_count) {
    return deny_strikes(DENY_MEMORY) ? NULL : __real_realloc(memory, byte_count);
}

char *__wrap_strdup(const char *text) {
    return deny_strikes(DENY_MEMORY) ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length_max) {
    return deny_strikes(DENY_MEMORY) ? NULL : __real_strndup(text, length_max);
}
