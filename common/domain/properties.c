#include "common/domain/properties.h"

#include "common/domain/document.h"
#include "common/domain/document_load.h"
#include "common/domain/event.h"
#include "common/domain/preorder.h"
#include "common/domain/text.h"

static const double NUMBER_MAX = 1e308;

enum { NUMBER_DIGITS = 15 }; /* what every decimal keeps through a double and back */

static void check_name(const char *name, size_t name_bytes, const char *pointer,
                       struct faults *faults) {
    size_t char_count = text_count_chars(name, name_bytes);
    int32_t forbidden = text_find_forbidden(name, name_bytes, TEXT_LINE);
    if (char_count == 0) {
        faults_add(faults, pointer, "must have a name that is not empty");
    } else if (char_count > PREORDER_PROPERTY_NAME_CHARS_MAX) {
        faults_add(faults, pointer, "has a name of %zu characters, at most %d are allowed",
                   char_count, PREORDER_PROPERTY_NAME_CHARS_MAX);
    } else if (forbidden >= 0) {
        faults_add(faults, pointer, "has a name that holds the forbidden character U+%04X",
                   (unsigned)forbidden);
    } else if (event_uses_property(name)) {
        faults_add(faults, pointer, "has a name that the event itself uses: choose another");
    }
}

static void check_text(const json_t *value, const char *pointer, struct faults *faults) {
    const char *text = json_string_value(value);
    size_t byte_count = json_string_length(value);
    size_t char_count = text_count_chars(text, byte_count);
    int32_t forbidden = text_find_forbidden(text, byte_count, TEXT_LINES);
    if (char_count > PREORDER_PROPERTY_TEXT_CHARS_MAX) {
        faults_add(faults, pointer, "must have at most %d characters, it has %zu",
                   PREORDER_PROPERTY_TEXT_CHARS_MAX, char_count);
    } else if (forbidden >= 0) {
        faults_add(faults, pointer, "holds the forbidden character U+%04X", (unsigned)forbidden);
    }
}

static void check_value(const json_t *value, const char *pointer, struct faults *faults) {
    if (json_is_object(value) || json_is_array(value)) {
        faults_add(faults, pointer, "must be a string, number, boolean or null, not %s",
                   document_type_name(value));
    } else if (json_is_string(value)) {
        check_text(value, pointer, faults);
    } else if (json_is_real(value) &&
               (json_real_value(value) > NUMBER_MAX || json_real_value(value) < -NUMBER_MAX)) {
        faults_add(faults, pointer, "must be a number between -1e308 and 1e308");
    }
}

static void check_members(json_t *object, struct faults *faults) {
    for (void *place = json_object_iter(object); place != NULL;
         place = json_object_iter_next(object, place)) {
        const char *name = json_object_iter_key(place);
        size_t name_bytes = json_object_iter_key_len(place);
        char pointer[PREORDER_POINTER_BYTES];
        faults_property_pointer(name, name_bytes, pointer);
        check_name(name, name_bytes, pointer, faults);
        check_value(json_object_iter_value(place), pointer, faults);
    }
}

enum err_code properties_read(json_t *value, struct faults *faults, char **properties_json_out,
                              struct err *err) {
    if (!json_is_object(value)) {
        faults_add(faults, "#/properties", "must be an object, not %s", document_type_name(value));
        return ERR_OK;
    }
    size_t member_count = json_object_size(value);
    if (member_count > PREORDER_PROPERTIES_MAX) {
        faults_add(faults, "#/properties", "must have at most %d members, it has %zu",
                   PREORDER_PROPERTIES_MAX, member_count);
    }
    size_t fault_count = faults->count;
    check_members(value, faults);
    if (faults->count > fault_count || member_count > PREORDER_PROPERTIES_MAX) {
        return ERR_OK;
    }
    char *text = document_dump(value, JSON_COMPACT | JSON_REAL_PRECISION(NUMBER_DIGITS));
    if (text == NULL) {
        return err_set(err, ERR_FATAL, "out of memory while keeping the properties of a preorder");
    }
    *properties_json_out = text;
    return ERR_OK;
}
