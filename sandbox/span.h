#pragma once
/*
 * Where a value stands in a JSON text: the ledger hashes an event's bytes as they were received,
 * and a parsed tree no longer knows them.
 *
 * The text must be JSON that jansson accepted; then no function here runs past its end. A span
 * starts at the first byte of a value and ends behind its last: no white space around it.
 */
#include <stdbool.h>
#include <stddef.h>

struct span {
    const char *bytes;
    size_t byte_count;
};

/* The one value in `text`, without the white space around it. */
struct span span_of(const char *text, size_t byte_count);

/* The value of the member `name`; false: `object` is no object or has no such member. */
bool span_member(struct span object, const char *name, struct span *value_out);

/* As above through several members, one after the other; `path` ends with NULL. */
bool span_descend(struct span object, const char *const *path, struct span *value_out);

/*
 * The next element of an array. *offset is 0 before the first call and belongs to this function;
 * false: `array` is no array or has no more.
 */
bool span_element(struct span array, size_t *offset, struct span *value_out);
