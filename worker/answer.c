#include "worker/answer.h"

#include "common/domain/document_load.h"
#include "worker/clean.h"

/* The first of the members that is a text, "" if none is. */
static const char *first_text(const json_t *object, const char *const *names, size_t name_count) {
    for (size_t i = 0; i < name_count; i++) {
        const char *text = json_string_value(json_object_get(object, names[i]));
        if (text != NULL && text[0] != '\0') {
            return text;
        }
    }
    return "";
}

void answer_read_error(const json_t *error, struct answer *answer_out) {
    static const char *const detail_names[] = {"detail", "title", "code"};
    static const char *const pointer_names[] = {"pointer", "parameter"};
    *answer_out = (struct answer){0};
    clean_line(first_text(error, detail_names, 3), answer_out->detail, sizeof answer_out->detail);
    clean_line(first_text(json_object_get(error, "source"), pointer_names, 2), answer_out->pointer,
               sizeof answer_out->pointer);
}

void answer_read(const char *body, size_t body_bytes, struct answer *answer_out) {
    *answer_out = (struct answer){0};
    /* jansson stops at a depth of 2,048 and refuses NUL. */
    bool is_out_of_memory = false; /* then it is as if Klaviyo had said nothing */
    json_t *root = document_load(body, body_bytes, 0, NULL, &is_out_of_memory);
    if (root == NULL) {
        return;
    }
    answer_read_error(json_array_get(json_object_get(root, "errors"), 0), answer_out);
    json_decref(root);
}
