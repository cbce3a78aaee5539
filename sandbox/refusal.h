#pragma once
/*
 * Why a request is refused, as Klaviyo says it: a JSON:API document
 *   {"errors": [{"id", "status", "code", "title", "detail", "source": {"pointer"}, "links",
 *                "meta"}]}
 *
 * One refusal has one status and up to REFUSAL_FAULTS_MAX faults; more are counted and dropped.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/random.h"

enum {
    REFUSAL_FAULTS_MAX = 16,
    REFUSAL_POINTER_BYTES = 256,
    REFUSAL_DETAIL_BYTES = 192,
    REFUSAL_BODY_BYTES_MAX = 64 * 1024,
};

struct refusal_fault {
    char pointer[REFUSAL_POINTER_BYTES]; /* "/data/attributes/metric"; "" for none */
    char detail[REFUSAL_DETAIL_BYTES];
};

struct refusal {
    int status; /* 0: nothing is refused */
    const char *code, *title;
    size_t fault_count; /* all that were found */
    struct refusal_fault faults[REFUSAL_FAULTS_MAX];
};

/* Sets the status with its usual code and title, and adds one fault. `pointer` NULL: none. */
void refusal_add(struct refusal *refusal, int status, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Appends the document to `body`. Control characters and quotes in the details are escaped. */
void refusal_render(const struct refusal *refusal, const struct random *random, struct buf *body);
