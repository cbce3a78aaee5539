#include "sandbox/pointer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void pointer_init(struct pointer *pointer, const char *text) {
    *pointer = (struct pointer){0};
    pointer->length = strlen(text);
    assert(pointer->length < sizeof(pointer->text));
    memcpy(pointer->text, text, pointer->length);
}

static void push_byte(struct pointer *pointer, char byte) {
    if (pointer->length < sizeof(pointer->text) - 1) {
        pointer->text[pointer->length] = byte;
        pointer->text[pointer->length + 1] = '\0';
    }
    pointer->length++;
}

size_t pointer_push_name(struct pointer *pointer, const char *name) {
    size_t before = pointer->length;
    push_byte(pointer, '/');
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '~' || *c == '/') {
            push_byte(pointer, '~');
            push_byte(pointer, *c == '~' ? '0' : '1');
        } else {
            push_byte(pointer, *c);
        }
    }
    return before;
}

size_t pointer_push_index(struct pointer *pointer, size_t index) {
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%zu", index);
    return pointer_push_name(pointer, digits);
}

void pointer_pop(struct pointer *pointer, size_t length_before) {
    assert(length_before <= pointer->length);
    pointer->length = length_before;
    if (length_before < sizeof(pointer->text)) {
        pointer->text[length_before] = '\0';
    }
}
