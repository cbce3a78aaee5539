#include "http/problem_page.h"

#include <string.h>

#include "common/buf.h"
#include "http/page.h"

/* What a problem means to who filled in a form. Without a name: all of that status. */
struct advice {
    const char *name;
    int status;
    const char *heading;
    const char *text;
};

#define BACK "go back with your browser's back button"

static const struct advice ADVICE[] = {
    {"invalid-preorder", 422, "Please check your entries",
     "Nothing was ordered yet. Please " BACK
     ", correct what is listed here and send the form again."},
    {"idempotency-key-reused", 422, "This form was already sent",
     "It placed a preorder with other entries. To place another one, " BACK
     ", reload that page and fill the form in anew."},
    {NULL, 408, "That took too long",
     "Your entries did not arrive in time. Please " BACK " and send the form again."},
    {NULL, 413, "Your entries are too long", "Please " BACK " and shorten them."},
    {NULL, 429, "Too many tries", "Please wait a moment, then " BACK " and send the form again."},
    {NULL, 503, "The shop is busy", "Please wait a moment, then " BACK " and send the form again."},
};

static const struct advice ADVICE_ELSE = {
    NULL, 0, "That did not work",
    "The shop could not take what your browser sent. Please " BACK
    " and try again; if it happens again, tell the shop what stands below."};

static const struct advice *find_advice(int status, const char *name) {
    for (size_t i = 0; i < sizeof ADVICE / sizeof ADVICE[0]; i++) {
        const char *wanted = ADVICE[i].name;
        if (ADVICE[i].status == status &&
            (wanted == NULL || (name != NULL && strcmp(name, wanted) == 0))) {
            return &ADVICE[i];
        }
    }
    return &ADVICE_ELSE;
}

static int hex_value(char c) {
    static const char digits[] = "0123456789ABCDEF";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    return found == NULL ? -1 : (int)(found - digits);
}

/* One character of a pointer in a URI fragment (RFC 6901, section 6); returns where the next begins. */
static const char *unescape_char(const char *text, char *byte_out) {
    if (text[0] == '~' && (text[1] == '0' || text[1] == '1')) {
        *byte_out = text[1] == '0' ? '~' : '/';
        return text + 2;
    }
    if (text[0] == '%' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0) {
        *byte_out = (char)(hex_value(text[1]) * 16 + hex_value(text[2]));
        return text + 3;
    }
    *byte_out = text[0];
    return text + 1;
}

/* "#/price_id": price id. "#/properties/gift%20note": properties "gift note". */
static void append_pointer(struct buf *buf, const char *pointer) {
    struct buf name;
    buf_init(&name, strlen(pointer) + 1);
    const char *rest = pointer + strspn(pointer, "#/");
    while (*rest != '\0' && *rest != '/') {
        buf_append(&name, *rest == '_' ? " " : rest, 1);
        rest++;
    }
    page_append_text(buf, name.length > 0 ? buf_text(&name) : "the form");
    if (*rest == '/') {
        buf_clear(&name);
        rest++;
        while (*rest != '\0') {
            char byte;
            rest = unescape_char(rest, &byte);
            buf_append(&name, &byte, 1);
        }
        buf_append_text(buf, " &ldquo;");
        page_append_bytes(buf, buf_text(&name), name.length);
        buf_append_text(buf, "&rdquo;");
    }
    buf_release(&name);
}

static void append_fields(struct buf *buf, const struct problem_field *fields, size_t field_count) {
    buf_append_text(buf, "<ul>\n");
    for (size_t i = 0; i < field_count; i++) {
        buf_append_text(buf, "<li><strong>");
        append_pointer(buf, fields[i].pointer);
        buf_append_text(buf, "</strong> ");
        page_append_text(buf, fields[i].detail);
        buf_append_text(buf, "</li>\n");
    }
    buf_append_text(buf, "</ul>\n");
}

struct reply problem_page(const struct request *request, int status, const char *name,
                          const char *detail, const struct problem_field *fields,
                          size_t field_count) {
    const struct advice *advice = find_advice(status, name);
    struct buf buf;
    buf_init(&buf, PAGE_BYTES_MAX);
    page_begin(&buf, advice->heading);
    buf_append_text(&buf, "<p>");
    page_append_text(&buf, advice->text);
    buf_append_text(&buf, "</p>\n");
    if (field_count > 0) {
        append_fields(&buf, fields, field_count);
    }
    buf_append_text(&buf, "<p><small>For the shop: ");
    page_append_text(&buf, name != NULL ? name + strspn(name, "#") : status_phrase(status));
    buf_append_format(&buf, ", status %d. ", status);
    if (detail != NULL) {
        page_append_text(&buf, detail);
        buf_append_text(&buf, " ");
    }
    buf_append_text(&buf, "Request ");
    page_append_text(&buf, request->id);
    buf_append_text(&buf, "</small></p>\n");
    page_end(&buf);
    size_t body_bytes = 0;
    char *body = buf_take(&buf, &body_bytes);
    buf_release(&buf);
    return page_reply(status, body, body_bytes);
}
