/* Whose payment events count. */
#include "api/stripe_mode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The mode for a catalog with these two links. */
static enum stripe_mode find(const char *setting, const char *first, const char *second) {
    char text[1024];
    struct catalog *catalog = NULL;
    struct err err = {0};
    int length = snprintf(text, sizeof text,
                          "{\"currency\":\"USD\",\"products\":["
                          "{\"price_id\":\"a\",\"name\":\"A\",\"color\":\"red\",\"amount\":1,"
                          "\"payment_link\":\"%s\"},"
                          "{\"price_id\":\"b\",\"name\":\"B\",\"color\":\"red\",\"amount\":1,"
                          "\"payment_link\":\"%s\"}]}",
                          first, second);
    assert_int_equal(catalog_parse("catalog", text, (size_t)length, &catalog, &err), ERR_OK);
    enum stripe_mode mode = stripe_mode_find(setting, catalog);
    catalog_free(catalog);
    return mode;
}

#define LIVE_LINK  "https://buy.stripe.com/9AQ5mz"
#define TEST_LINK  "https://buy.stripe.com/test_9AQ5mz"
#define OTHER_LINK "https://pay.shop.example/b/test_9AQ5mz"

static void auto_goes_by_the_links(void **state) {
    (void)state;
    assert_int_equal(find("auto", LIVE_LINK, LIVE_LINK), STRIPE_MODE_LIVE);
    assert_int_equal(find("auto", TEST_LINK, TEST_LINK), STRIPE_MODE_TEST);
    assert_int_equal(find("auto", LIVE_LINK, TEST_LINK), STRIPE_MODE_ANY);
    assert_int_equal(find("auto", TEST_LINK, LIVE_LINK), STRIPE_MODE_ANY);
}

static void links_of_the_shops_own_do_not_tell(void **state) {
    (void)state;
    assert_int_equal(find("auto", OTHER_LINK, OTHER_LINK), STRIPE_MODE_ANY);
    assert_int_equal(find("auto", OTHER_LINK, LIVE_LINK), STRIPE_MODE_LIVE);
    assert_int_equal(find("auto", TEST_LINK, OTHER_LINK), STRIPE_MODE_TEST);
}

static void the_setting_has_the_last_word(void **state) {
    (void)state;
    assert_int_equal(find("live", TEST_LINK, TEST_LINK), STRIPE_MODE_LIVE);
    assert_int_equal(find("test", LIVE_LINK, LIVE_LINK), STRIPE_MODE_TEST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_goes_by_the_links),
        cmocka_unit_test(links_of_the_shops_own_do_not_tell),
        cmocka_unit_test(the_setting_has_the_last_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
