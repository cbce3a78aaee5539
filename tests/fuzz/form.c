/* Form bodies: as JSON bodies, and a form says exactly what the JSON that it becomes says. */
#include "api/form.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/shop.h"
#include "tests/fuzz/target.h"

static void check_same(const struct preorder_draft *first, const struct preorder_draft *second) {
    assert(first->fault_count == second->fault_count);
    for (size_t i = 0; i < first->fault_count; i++) {
        assert(strcmp(first->faults[i].pointer, second->faults[i].pointer) == 0);
        assert(strcmp(first->faults[i].detail, second->faults[i].detail) == 0);
    }
    assert(strcmp(first->email, second->email) == 0);
    assert(strcmp(first->locale, second->locale) == 0);
    assert(strcmp(first->source, second->source) == 0);
    assert(first->product == second->product);
    assert((first->properties_json == NULL) == (second->properties_json == NULL));
    assert(first->properties_json == NULL ||
           strcmp(first->properties_json, second->properties_json) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct preorder_draft draft = {0};
    struct err err = {0};
    json_t *document = NULL;
    enum err_code code = form_parse((const char *)bytes, byte_count, &document, &err);
    if (code != ERR_OK) {
        assert(document == NULL);
        shop_check(code, &draft, &err);
        return 0;
    }
    char *text = json_dumps(document, JSON_COMPACT);
    assert(text != NULL);
    struct preorder_draft of_text = {0};
    struct err err_of_text = {0};
    code = preorder_read(document, shop_catalog(), &draft, &err);
    assert(preorder_parse(text, strlen(text), shop_catalog(), &of_text, &err_of_text) == code);
    check_same(&draft, &of_text);
    preorder_draft_release(&of_text);
    shop_check(code, &draft, &err);
    json_decref(document);
    free(text);
    return 0;
}
