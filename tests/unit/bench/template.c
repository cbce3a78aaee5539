/* Requests made from one text. */
#include "bench/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct random_seeded seeded;

static void fill(struct buf *out, const char *text, int64_t number) {
    struct random random = random_seeded(&seeded, 1);
    struct template_values values = {.number = number, .random = &random};
    buf_init(out, 1024);
    template_fill(out, text, &values);
    assert_false(buf_failed(out));
}

static void a_number_stands_where_it_is_asked_for(void **state) {
    (void)state;
    struct buf out;
    fill(&out, "a{n}b{n}", 42);
    assert_string_equal(buf_text(&out), "a42b42");
    buf_release(&out);
}

static void other_braces_stay(void **state) {
    (void)state;
    struct buf out;
    fill(&out, "{\"a\":{\"n\":\"{n}\"},\"b\":{}}{", 7);
    assert_string_equal(buf_text(&out), "{\"a\":{\"n\":\"7\"},\"b\":{}}{");
    buf_release(&out);
}

static void every_key_is_another_of_32_digits(void **state) {
    (void)state;
    struct buf out;
    fill(&out, "{key}{key}", 0);
    assert_int_equal(out.length, 64);
    assert_int_equal(strspn(out.bytes, "0123456789abcdef"), 64);
    assert_memory_not_equal(out.bytes, out.bytes + 32, 32);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_stands_where_it_is_asked_for),
        cmocka_unit_test(other_braces_stay),
        cmocka_unit_test(every_key_is_another_of_32_digits),
    };
    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
