#pragma once
/*
 * What a JSON document must look like, as tables: the part of JSON Schema that Klaviyo's file uses.
 *
 * Members that a shape does not name are let through, as Klaviyo's file does.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "sandbox/pointer.h"
#include "sandbox/refusal.h"

enum shape_type {
    SHAPE_TEXT = 1u << 0,
    SHAPE_NUMBER = 1u << 1,
    SHAPE_BOOLEAN = 1u << 2,
    SHAPE_OBJECT = 1u << 3,
    SHAPE_LIST = 1u << 4,
};

enum shape_flag {
    SHAPE_REQUIRED = 1u << 0, /* the member must be there */
    SHAPE_NULLABLE = 1u << 1, /* null will do */
};

enum { SHAPE_DEPTH_MAX = 20 }; /* of a shape, not of a document: the tables are ours */

struct shape {
    const char *name; /* of the member; NULL for an element or the whole */
    unsigned types;   /* any of these */
    unsigned flags;
    const char *choices;         /* texts: one of these, separated by '|'; NULL: any */
    const struct shape *members; /* of an object; ends with an entry without types */
    const struct shape *element; /* of a list */
};

/* Adds a fault with its pointer for every place where the document is not of that shape. */
void shape_check(const json_t *document, const struct shape *shape, struct refusal *refusal);
