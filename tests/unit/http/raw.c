/* The layout of a head in memory: plain ones pass, and whatever was hidden leaves a gap. */
#include "http/raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { HEAD_BYTES = 256 };

/* A head as the library leaves it: NULs where it saw the end of a line or of a part. */
struct head {
    char bytes[HEAD_BYTES];
    size_t length;
};

static struct head head_of(const char *text, size_t length) {
    struct head head = {.length = length};
    memcpy(head.bytes, text, length);
    for (size_t i = 0; i < length; i++) {
        if (head.bytes[i] == '\r' || head.bytes[i] == '\n') {
            head.bytes[i] = '\0';
        }
    }
    return head;
}

#define HEAD_OF(text) head_of(text, sizeof(text) - 1)

/* The part that begins at the only place where `text` stands. */
static char *part(struct head *head, const char *text) {
    char *found = memmem(head->bytes, head->length, text, strlen(text));
    assert_non_null(found);
    return found;
}

static struct raw begun(struct head *head) {
    struct raw raw;
    part(head, "GET")[3] = '\0';
    part(head, "/x")[2] = '\0';
    raw_begin(&raw, part(head, "GET"), part(head, "/x"), 2, part(head, "HTTP/1.1"));
    return raw;
}

static void add(struct raw *raw, struct head *head, const char *name, const char *value) {
    char *name_at = part(head, name);
    name_at[strlen(name)] = '\0'; /* the colon */
    raw_add(raw, name_at, strlen(name), part(head, value), strlen(value));
}

static void a_plain_head_passes(void **state) {
    (void)state;
    struct head head = HEAD_OF("GET /x HTTP/1.1\r\nHost: h\r\nEmpty:\r\nLong: \t v \r\n\r\n");
    struct raw raw = begun(&head);
    add(&raw, &head, "Host", "h");
    char *empty = part(&head, "Empty");
    empty[5] = '\0';
    raw_add(&raw, empty, 5, empty + 6, 0);
    add(&raw, &head, "Long", "v ");
    assert_true(raw_end(&raw, head.length));
}

static void a_head_without_headers_passes(void **state) {
    (void)state;
    struct head head = HEAD_OF("GET /x HTTP/1.1\r\n\r\n");
    struct raw raw = begun(&head);
    assert_true(raw_end(&raw, head.length));
}

static void gaps_in_the_request_line_are_seen(void **state) {
    (void)state;
    static const char *const texts[] = {"GET  /x HTTP/1.1\r\n\r\n", "GET /x  HTTP/1.1\r\n\r\n",
                                        "GET /x HTTP/1.1\n\r\n", "GET /x HTTP/1.1\r\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct head head = head_of(texts[i], strlen(texts[i]));
        struct raw raw = begun(&head);
        assert_false(raw_end(&raw, head.length));
    }
    struct head head = HEAD_OF("GE\0 /x HTTP/1.1\r\n\r\n");
    struct raw raw;
    part(&head, "/x")[2] = '\0';
    raw_begin(&raw, head.bytes, part(&head, "/x"), 2, part(&head, "HTTP/1.1"));
    assert_false(raw_end(&raw, head.length));
}

static void a_nul_in_a_value_is_seen(void **state) {
    (void)state;
    struct head head = HEAD_OF("GET /x HTTP/1.1\r\nHost: h\0g\r\nNext: v\r\n\r\n");
    struct raw raw = begun(&head);
    add(&raw, &head, "Host", "h");
    add(&raw, &head, "Next", "v");
    assert_false(raw_end(&raw, head.length));
}

static void a_nul_in_the_last_value_is_seen(void **state) {
    (void)state;
    struct head head = HEAD_OF("GET /x HTTP/1.1\r\nHost: h\0g\r\n\r\n");
    struct raw raw = begun(&head);
    add(&raw, &head, "Host", "h");
    assert_false(raw_end(&raw, head.length));
}

static void a_bare_line_feed_is_seen(void **state) {
    (void)state;
    struct head head = HEAD_OF("GET /x HTTP/1.1\r\nHost: h\nNext: v\r\n\r\n");
    struct raw raw = begun(&head);
    add(&raw, &head, "Host", "h");
    add(&raw, &head, "Next", "v");
    assert_false(raw_end(&raw, head.length));
}

static void a_name_that_was_moved_is_seen(void **state) {
    (void)state;
    struct head head = HEAD_OF("GET /x HTTP/1.1\r\nHost: h\r\n fold\r\n\r\n");
    struct raw raw = begun(&head);
    char moved[] = "Hostfold";
    raw_add(&raw, moved, 8, part(&head, "h"), 1);
    assert_false(raw_end(&raw, head.length));
}

static void something_between_colon_and_value_is_seen(void **state) {
    (void)state;
    struct head head = HEAD_OF("GET /x HTTP/1.1\r\nHost: x h\r\n\r\n");
    struct raw raw = begun(&head);
    add(&raw, &head, "Host", "h");
    assert_false(raw_end(&raw, head.length));
}

static void a_header_that_is_left_out_is_seen(void **state) {
    (void)state;
    struct head head = HEAD_OF("GET /x HTTP/1.1\r\nHost: h\r\n: nameless\r\n\r\n");
    struct raw raw = begun(&head);
    add(&raw, &head, "Host", "h");
    assert_false(raw_end(&raw, head.length));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_head_passes),
        cmocka_unit_test(a_head_without_headers_passes),
        cmocka_unit_test(gaps_in_the_request_line_are_seen),
        cmocka_unit_test(a_nul_in_a_value_is_seen),
        cmocka_unit_test(a_nul_in_the_last_value_is_seen),
        cmocka_unit_test(a_bare_line_feed_is_seen),
        cmocka_unit_test(a_name_that_was_moved_is_seen),
        cmocka_unit_test(something_between_colon_and_value_is_seen),
        cmocka_unit_test(a_header_that_is_left_out_is_seen),
    };
    return cmocka_run_group_tests_name("http/raw", tests, NULL, NULL);
}
