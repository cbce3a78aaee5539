/* A preorder gets its identity, its payment URL and its reply. */
#include "common/domain/preorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"

static const int64_t NOW_MS = INT64_C(1795353434123); /* 2026-11-22T13:17:14.123Z */

static struct product lamp = {
    .price_id = "price_a",
    .name = "Lamp",
    .color = "red",
    .amount = 4999,
    .currency = "USD",
    .payment_link = "https://buy.stripe.com/test_1",
};

static void fill_draft(struct preorder_draft *draft, const struct product *product) {
    *draft = (struct preorder_draft){
        .email = "ada+1@shop.example",
        .product = product,
        .locale = "pt-BR",
        .source = "web",
        .properties_json = strdup("{\"a\":1}"),
    };
    assert_non_null(draft->properties_json);
}

static void takes_over_the_draft(void **state) {
    (void)state;
    struct preorder_draft draft;
    struct preorder preorder;
    fill_draft(&draft, &lamp);
    const char *properties = draft.properties_json;
    preorder_complete(&draft, "PRE", NOW_MS, random_system(), &preorder);
    assert_null(draft.properties_json);
    assert_ptr_equal(preorder.properties_json, properties);
    assert_true(ident_parse(preorder.id.text, NULL));
    assert_string_equal(preorder.email, "ada+1@shop.example");
    assert_string_equal(preorder.price_id, "price_a");
    assert_string_equal(preorder.product, "Lamp");
    assert_string_equal(preorder.color, "red");
    assert_string_equal(preorder.locale, "pt-BR");
    assert_string_equal(preorder.source, "web");
    assert_int_equal(preorder.amount, 4999);
    assert_string_equal(preorder.currency, "USD");
    assert_int_equal(preorder.created_at_ms, NOW_MS);
    preorder_draft_release(&draft);
    preorder_release(&preorder);
    assert_null(preorder.properties_json);
    preorder_release(&preorder);
}

static void expect_payment_url(const char *link, const char *start) {
    struct product product = lamp;
    struct preorder_draft draft;
    struct preorder preorder;
    char expected[PREORDER_PAYMENT_URL_BYTES];
    memcpy(product.payment_link, link, strlen(link) + 1);
    fill_draft(&draft, &product);
    preorder_complete(&draft, "PRE", NOW_MS, random_system(), &preorder);
    (void)snprintf(expected, sizeof(expected),
                   "%sclient_reference_id=%s&prefilled_email=ada%%2B1%%40shop.example&locale=pt-BR",
                   start, preorder.id.text);
    assert_string_equal(preorder.payment_url, expected);
    preorder_draft_release(&draft);
    preorder_release(&preorder);
}

static void adds_to_the_payment_link_what_stripe_needs(void **state) {
    (void)state;
    expect_payment_url("https://buy.stripe.com/test_1", "https://buy.stripe.com/test_1?");
    expect_payment_url("https://buy.stripe.com/test_1?a=b", "https://buy.stripe.com/test_1?a=b&");
    expect_payment_url("https://buy.stripe.com/test_1?", "https://buy.stripe.com/test_1?");
    expect_payment_url("https://buy.stripe.com/test_1?a&", "https://buy.stripe.com/test_1?a&");
}

/* Every character that an address may have must reach Stripe as itself. */
static void percent_encodes_all_but_unreserved_characters(void **state) {
    (void)state;
    struct preorder_draft draft;
    struct preorder preorder;
    fill_draft(&draft, &lamp);
    (void)snprintf(draft.email, sizeof(draft.email), "%s", "aZ09-._~!#$%&'*+/=?^`{|}@x");
    preorder_complete(&draft, "PRE", NOW_MS, random_system(), &preorder);
    assert_non_null(
        strstr(preorder.payment_url,
               "&prefilled_email=aZ09-._~%21%23%24%25%26%27%2A%2B%2F%3D%3F%5E%60%7B%7C%7D%40x&"));
    preorder_draft_release(&draft);
    preorder_release(&preorder);
}

static void the_longest_payment_url_fits(void **state) {
    (void)state;
    struct product product = lamp;
    struct preorder_draft draft;
    struct preorder preorder;
    memset(product.payment_link + strlen(product.payment_link), 'x',
           PRODUCT_LINK_BYTES - 1 - strlen(product.payment_link));
    fill_draft(&draft, &product);
    for (size_t i = 0; i < EMAIL_CHARS_MAX; i++) {
        draft.email[i] = '!';
    }
    for (size_t i = 0; i < LOCALE_CHARS_MAX; i++) {
        draft.locale[i] = 'a';
    }
    preorder_complete(&draft, "PRE", NOW_MS, random_system(), &preorder);
    assert_int_equal(strlen(preorder.payment_url),
                     1023 + strlen("?client_reference_id=") + 36 + strlen("&prefilled_email=") +
                         (size_t)3 * EMAIL_CHARS_MAX + strlen("&locale=") + 35);
    preorder_draft_release(&draft);
    preorder_release(&preorder);
}

static void numbers_have_8_characters_that_nobody_confuses(void **state) {
    (void)state;
    struct preorder preorder = {0};
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 1);
    int seen[128] = {0};
    for (int i = 0; i < 4096; i++) {
        preorder_renumber(&preorder, "PRE", &random);
        assert_int_equal(strlen(preorder.number), 12);
        assert_memory_equal(preorder.number, "PRE-", 4);
        for (const char *digit = preorder.number + 8; *digit != '\0'; digit++) {
            assert_non_null(strchr("0123456789ABCDEFGHJKMNPQRSTVWXYZ", *digit));
            seen[(unsigned char)*digit]++;
        }
    }
    /* 16,384 draws of 32: each is expected 512 times, give or take 22 (one sigma). */
    for (const char *digit = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; *digit != '\0'; digit++) {
        assert_in_range(seen[(unsigned char)*digit], 512 - 6 * 22, 512 + 6 * 22);
    }
}

static void numbers_rise_with_the_second_and_come_round(void **state) {
    (void)state;
    enum { SECONDS = 65536 };
    char last[PREORDER_NUMBER_BYTES] = "";
    for (int64_t second = INT64_C(5) * SECONDS; second < INT64_C(6) * SECONDS; second++) {
        struct preorder preorder = {.created_at_ms = second * MS_PER_S};
        char begin[4] = {0}; /* 15 of the 16 bits */
        preorder_renumber(&preorder, "PRE", random_system());
        assert_true(strcmp(preorder.number, last) > 0);
        memcpy(last, preorder.number, sizeof last);
        memcpy(begin, preorder.number + 4, 3);
        preorder.created_at_ms += MS_PER_S - 1;
        preorder_renumber(&preorder, "PRE", random_system());
        assert_memory_equal(preorder.number + 4, begin, 3);
    }
    struct preorder preorder = {.created_at_ms = INT64_C(6) * SECONDS * MS_PER_S};
    preorder_renumber(&preorder, "PRE", random_system());
    assert_memory_equal(preorder.number, "PRE-000", 7);
}

static void draws_another_number_and_takes_any_prefix(void **state) {
    (void)state;
    struct preorder preorder = {0};
    char first[PREORDER_NUMBER_BYTES];
    preorder_renumber(&preorder, "TWELVE-CHARS", random_system());
    assert_int_equal(strlen(preorder.number), PREORDER_NUMBER_BYTES - 1);
    assert_memory_equal(preorder.number, "TWELVE-CHARS-", 13);
    memcpy(first, preorder.number, sizeof(first));
    preorder_renumber(&preorder, "TWELVE-CHARS", random_system());
    assert_string_not_equal(preorder.number, first);
    preorder_renumber(&preorder, "", random_system());
    assert_int_equal(strlen(preorder.number), 9);
}

static void replies_in_a_fixed_order_without_escaped_slashes(void **state) {
    (void)state;
    struct preorder preorder = {
        .id = {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f"},
        .number = "PRE-7K3M9QX2",
        .payment_url = "https://buy.stripe.com/test_1?a=b&c=d",
        .created_at_ms = NOW_MS,
    };
    size_t length = 0;
    char *reply = preorder_render_reply(&preorder, &length);
    assert_non_null(reply);
    assert_string_equal(reply, "{\"id\":\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f\","
                               "\"number\":\"PRE-7K3M9QX2\",\"status\":\"initiated\","
                               "\"payment_url\":\"https://buy.stripe.com/test_1?a=b&c=d\","
                               "\"created_at\":\"2026-11-22T13:17:14.123Z\"}");
    assert_int_equal(length, strlen(reply));
    free(reply);
}

static void every_status_is_found_by_its_name(void **state) {
    (void)state;
    static const char *const names[] = {"initiated", "completed", "cancelled"};
    enum preorder_status status;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(preorder_status_name((enum preorder_status)i), names[i]);
        assert_true(preorder_status_find(names[i], &status));
        assert_int_equal(status, i);
    }
    assert_false(preorder_status_find("Completed", &status));
    assert_false(preorder_status_find("", &status));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_over_the_draft),
        cmocka_unit_test(adds_to_the_payment_link_what_stripe_needs),
        cmocka_unit_test(percent_encodes_all_but_unreserved_characters),
        cmocka_unit_test(the_longest_payment_url_fits),
        cmocka_unit_test(numbers_have_8_characters_that_nobody_confuses),
        cmocka_unit_test(numbers_rise_with_the_second_and_come_round),
        cmocka_unit_test(draws_another_number_and_takes_any_prefix),
        cmocka_unit_test(replies_in_a_fixed_order_without_escaped_slashes),
        cmocka_unit_test(every_status_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
