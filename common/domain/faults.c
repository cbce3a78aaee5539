#include "common/domain/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/text.h"

static struct preorder_fault *faults_grow(struct faults *faults) {
    if (faults->items == NULL) {
        faults->items = calloc(PREORDER_FAULTS_MAX, sizeof(*faults->items));
    }
    if (faults->items == NULL) {
        faults->is_out_of_memory =
            true; /* for good: this one is missing, whatever comes after it */
        return NULL;
    }
    if (faults->count == PREORDER_FAULTS_MAX) {
        return NULL;
    }
    return &faults->items[faults->count++];
}

void faults_add(struct faults *faults, const char *pointer, const char *detail_format, ...) {
    struct preorder_fault *fault = faults_grow(faults);
    if (fault == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, detail_format);
    /* Both are cut if too long: pointers are built to fit, a detail says enough by then. */
    (void)snprintf(fault->pointer, sizeof(fault->pointer), "%s", pointer);
    (void)vsnprintf(fault->detail, sizeof(fault->detail), detail_format, arguments);
    va_end(arguments);
}

/* May stand in the fragment of a URI as it is (RFC 3986, section 3.5), but for "/" and "~", which
   RFC 6901 escapes first. */
static bool is_fragment_char(char c) {
    static const char others[] = "-._!$&'()*+,;=:@?";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr(others, c, sizeof others - 1) != NULL;
}

static size_t escape_char(char c, char *out) {
    static const char digits[] = "0123456789ABCDEF";
    if (c == '~' || c == '/') {
        out[0] = '~';
        out[1] = c == '~' ? '0' : '1';
        return 2;
    }
    if (is_fragment_char(c)) {
        out[0] = c;
        return 1;
    }
    out[0] = '%';
    out[1] = digits[(unsigned char)c >> 4];
    out[2] = digits[(unsigned char)c & 0x0F];
    return 3;
}

void faults_property_pointer(const char *name, size_t name_bytes,
                             char pointer_out[PREORDER_POINTER_BYTES]) {
    static const char parent[] = "#/properties";
    size_t length = sizeof(parent) - 1;
    memcpy(pointer_out, parent, sizeof(parent));
    if (text_count_chars(name, name_bytes) > PREORDER_PROPERTY_NAME_CHARS_MAX) {
        return;
    }
    pointer_out[length++] = '/';
    for (size_t i = 0; i < name_bytes; i++) {
        length += escape_char(name[i], pointer_out + length);
    }
    pointer_out[length] = '\0';
}

void faults_release(struct faults *faults) {
    free(faults->items);
    *faults = (struct faults){0};
}
