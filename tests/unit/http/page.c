/* Pages: who gets one, and that no text can become more than text. */
#include "http/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool is_wanted(const char *type, const char *accept) {
    const struct header headers[] = {{"content-type", type}, {"accept", accept}};
    const struct request request = {.headers = headers, .header_count = 2};
    return page_is_wanted(&request);
}

static void who_posts_a_form_and_prefers_html_wants_a_page(void **state) {
    (void)state;
    assert_true(is_wanted("application/x-www-form-urlencoded", "text/html"));
    assert_true(is_wanted("multipart/form-data; boundary=x", "text/html"));
    assert_true(is_wanted("text/plain", "text/html"));
    assert_false(is_wanted("application/x-www-form-urlencoded", "*/*"));
    assert_false(is_wanted("application/json", "text/html"));
    const struct header header = {"Accept", "text/html"};
    const struct request request = {.headers = &header, .header_count = 1};
    assert_false(page_is_wanted(&request));
}

static void texts_are_escaped(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, PAGE_BYTES_MAX);
    page_append_text(&buf, "<a href=\"x\" b='y'>&amp;\xc3\xa9\n\t</a>");
    assert_string_equal(buf_text(&buf),
                        "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;\xc3\xa9"
                        "\n\t&lt;/a&gt;");
    buf_release(&buf);
}

static void what_is_no_text_becomes_a_replacement_character(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, PAGE_BYTES_MAX);
    page_append_text(&buf, "\x1b|\xff|\xc2\x85|\xed\xa0\x80|\xc3");
    assert_string_equal(buf_text(&buf), "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd"
                                        "\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd");
    buf_clear(&buf);
    page_append_text(&buf,
                     "\xe2\x80\xae|\xe2\x81\xa6|\xef\xb7\x90|\xef\xbf\xbf|\xef\xb7\xb0|\x7f|\r");
    assert_string_equal(buf_text(&buf),
                        "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd|\xef\xb7\xb0|"
                        "\xef\xbf\xbd|\r");
    buf_release(&buf);
}

static void without_memory_there_is_only_a_status(void **state) {
    (void)state;
    struct reply reply = page_reply(422, NULL, 0);
    assert_int_equal(reply.status, 422);
    assert_null(reply.content_type);
    assert_null(reply.body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_posts_a_form_and_prefers_html_wants_a_page),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(what_is_no_text_becomes_a_replacement_character),
        cmocka_unit_test(without_memory_there_is_only_a_status),
    };
    return cmocka_run_group_tests_name("http/page", tests, NULL, NULL);
}
