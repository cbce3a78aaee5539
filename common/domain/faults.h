#pragma once
/*
 * The faults of a request body while it is being read.
 *
 * Ownership: `items` is handed on with the list or freed by faults_release. Running out of memory
 * is remembered, so that a reader may report many faults and ask once.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/domain/preorder.h"

struct faults {
    struct preorder_fault *items;
    size_t count; /* at most PREORDER_FAULTS_MAX; further ones are dropped */
    bool is_out_of_memory;
};

/* `pointer` as in "#/email"; the detail continues it: "must be a string". */
void faults_add(struct faults *faults, const char *pointer, const char *detail_format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes "#/properties/NAME" with NAME escaped after RFC 6901, as a URI fragment. A name that is
   too long to be one is left out: "#/properties". */
void faults_property_pointer(const char *name, size_t name_bytes,
                             char pointer_out[PREORDER_POINTER_BYTES]);

void faults_release(struct faults *faults);
