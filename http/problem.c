#include "http/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/document_load.h"
#include "common/utf8.h"
#include "http/page.h"

enum { TYPE_BYTES = 128 };

static bool is_utf8(const char *text) {
    size_t left = strlen(text);
    size_t byte_count = 1;
    for (uint32_t code_point; left > 0 && byte_count > 0; left -= byte_count, text += byte_count) {
        byte_count = utf8_decode(text, left, &code_point);
    }
    return byte_count > 0;
}

/* jansson refuses what is not UTF-8; an error page without its detail still helps. */
static json_t *text_value(const char *text) {
    return json_string(is_utf8(text) ? text : "(not valid UTF-8)");
}

/* Like every setter of jansson: a NULL value makes it fail. */
static bool set_text(json_t *object, const char *name, const char *text) {
    return json_object_set_new(object, name, text_value(text)) == 0;
}

static bool add_fields(json_t *object, const struct problem_field *fields, size_t field_count) {
    json_t *errors = json_array();
    if (json_object_set_new(object, "errors", errors) != 0) {
        return false;
    }
    for (size_t i = 0; i < field_count; i++) {
        json_t *field = json_object();
        if (json_array_append_new(errors, field) != 0 ||
            !set_text(field, "detail", fields[i].detail) ||
            !set_text(field, "pointer", fields[i].pointer)) {
            return false;
        }
    }
    return true;
}

static bool set_type(json_t *object, const char *name) {
    if (name == NULL) {
        return set_text(object, "type", "about:blank");
    }
    char type[TYPE_BYTES];
    bool is_registered = name[0] == '#';
    snprintf(type, sizeof type, "%s%s",
             is_registered ? "https://iana.org/assignments/http-problem-types" : "/problems/",
             name);
    return set_text(object, "type", type);
}

struct reply problem_reply(const struct request *request, int status, const char *name,
                           const char *title, const char *detail,
                           const struct problem_field *fields, size_t field_count) {
    if (page_is_wanted(request)) {
        return problem_page(request, status, name, detail, fields, field_count);
    }
    struct reply reply = {.status = status};
    json_t *object = json_object();
    bool complete = object != NULL && set_type(object, name) &&
                    set_text(object, "title", title != NULL ? title : status_phrase(status)) &&
                    json_object_set_new(object, "status", json_integer(status)) == 0;
    if (complete && detail != NULL) {
        complete = set_text(object, "detail", detail);
    }
    if (complete && request->id[0] != '\0') {
        complete = set_text(object, "request_id", request->id);
    }
    if (complete && field_count > 0) {
        complete = add_fields(object, fields, field_count);
    }

    if (complete) {
        reply.body = document_dump(object, JSON_COMPACT);
    }
    if (reply.body != NULL) {
        reply.body_bytes = strlen(reply.body);
        reply.content_type = "application/problem+json";
    }
    json_decref(object);
    return reply;
}

void problem_add_policy(struct reply *problem, const char *policy) {
    bool is_out_of_memory = false; /* then it stays as it is */
    json_t *object = problem->body != NULL ? document_load(problem->body, problem->body_bytes, 0,
                                                           NULL, &is_out_of_memory)
                                           : NULL;
    json_t *policies = json_array();
    if (json_array_append_new(policies, text_value(policy)) == 0 &&
        json_object_set(object, "violated-policies", policies) == 0) {
        char *body = document_dump(object, JSON_COMPACT);
        if (body != NULL) {
            free(problem->body);
            problem->body = body;
            problem->body_bytes = strlen(body);
        }
    }
    json_decref(policies);
    json_decref(object);
}
