/* JSON bodies: whatever comes is a preorder from which all follows, or refused in plain words. */
#include "tests/fuzz/shop.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct preorder_draft draft = {0};
    struct err err = {0};
    enum err_code code =
        preorder_parse((const char *)bytes, byte_count, shop_catalog(), &draft, &err);
    shop_check(code, &draft, &err);
    return 0;
}
