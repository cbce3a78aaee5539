#pragma once
/*
 * Requests made from one text: {n} becomes the request's number, {key} 32 random hexadecimal digits,
 * everything else stays.
 */
#include <stdint.h>

#include "common/buf.h"
#include "common/random.h"

struct template_values {
    int64_t number;
    const struct random *random;
};

void template_fill(struct buf *out, const char *text, const struct template_values *values);
