/*
 * Text from outside in a page: whatever it is, it stays text. Unescaped it is what came in, so nothing is lost either.
 *
 * The first line of the input is the title, the second a pointer, the rest one long text.
 */
#include "http/page.h"
#include "http/problem_page.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/text.h"
#include "common/utf8.h"
#include "tests/fuzz/lines.h"
#include "tests/fuzz/target.h"

static const struct {
    const char *escape;
    char character;
} ESCAPES[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
enum { ESCAPE_COUNT = sizeof ESCAPES / sizeof ESCAPES[0], INPUT_BYTES_MAX = 4096 };

/* Undoes the escapes in place. */
static void unescape(char *text) {
    char *out = text;
    for (const char *at = text; *at != '\0';) {
        size_t which = 0;
        while (which < ESCAPE_COUNT &&
               strncmp(at, ESCAPES[which].escape, strlen(ESCAPES[which].escape)) != 0) {
            which++;
        }
        assert(which < ESCAPE_COUNT || *at != '&');
        *out++ = which < ESCAPE_COUNT ? ESCAPES[which].character : *at;
        at += which < ESCAPE_COUNT ? strlen(ESCAPES[which].escape) : 1;
    }
    *out = '\0';
}

/* What fits into a page is in it unchanged. */
static void check_text(const char *text) {
    struct buf buf;
    buf_init(&buf, PAGE_BYTES_MAX);
    page_append_text(&buf, text);
    if (!buf_failed(&buf)) {
        size_t length = 0;
        char *escaped = buf_take(&buf, &length);
        assert(escaped != NULL && strlen(escaped) == length);
        assert(strpbrk(escaped, "<>\"'") == NULL);
        assert(text_find_forbidden(escaped, length, TEXT_LINES) < 0);
        unescape(escaped);
        bool is_fit = text_find_forbidden(text, strlen(text), TEXT_LINES) < 0;
        assert(!is_fit || strcmp(escaped, text) == 0);
        free(escaped);
    }
    buf_release(&buf);
}

/* The tags of a page do not depend on its texts. */
static size_t count_tags(const struct reply *page) {
    size_t count = 0;
    for (size_t i = 0; i < page->body_bytes; i++) {
        count += page->body[i] == '<';
    }
    return count;
}

static void check_problem(const char *pointer, const char *text) {
    struct request request = {.id = "r"};
    const struct problem_field plain = {"#/email", "is required"};
    const struct problem_field field = {pointer, text};
    struct reply expected =
        problem_page(&request, 422, "invalid-preorder", "Two are wrong.", &plain, 1);
    struct reply page = problem_page(&request, 422, "invalid-preorder", text, &field, 1);
    if (page.body != NULL) { /* else it did not fit */
        assert(count_tags(&page) == count_tags(&expected));
        assert(text_find_forbidden(page.body, page.body_bytes, TEXT_LINES) < 0);
    }
    reply_release(&page);
    reply_release(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count > INPUT_BYTES_MAX) {
        return 0; /* it becomes slow, and tells nothing new */
    }
    const char *first = memchr(bytes, '\n', byte_count);
    size_t title_bytes = first != NULL ? (size_t)(first - (const char *)bytes) : byte_count;
    size_t pointer_at = first != NULL ? title_bytes + 1 : byte_count;
    const char *second = memchr(bytes + pointer_at, '\n', byte_count - pointer_at);
    size_t text_at = second != NULL ? (size_t)(second - (const char *)bytes) + 1 : byte_count;
    char *title = lines_text(bytes, title_bytes);
    char *pointer = lines_text(bytes + pointer_at, text_at - pointer_at);
    char *text = lines_text(bytes + text_at, byte_count - text_at);
    check_text(title);
    check_text(text);
    check_problem(pointer, text);
    free(title);
    free(pointer);
    free(text);
    return 0;
}
