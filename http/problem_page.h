#pragma once
/*
 * A problem as a page, for a person whose browser posted a form: in plain words what to do, then what
 * the JSON would say.
 */
#include "http/message.h"

struct problem_field {
    const char *pointer; /* "#/email" */
    const char *detail;
};

/* The arguments are those of problem_reply. */
struct reply problem_page(const struct request *request, int status, const char *name,
                          const char *detail, const struct problem_field *fields,
                          size_t field_count);
