#include "http/accept.h"

#include <string.h>
#include <strings.h>

#include "common/err.h"

enum { WEIGHT_MAX = 1000 }; /* q=1, in thousandths */

/* How a range names a type; the higher, the more specific. */
enum match { MATCH_NONE, MATCH_ANYTHING, MATCH_MAJOR, MATCH_TYPE };

struct type {
    const char *major, *minor;
    enum match match; /* the best one so far */
    int32_t weight;   /* that it got from it */
};

/* A piece of a header value. */
struct span {
    const char *start, *end;
};

static struct span trimmed(struct span span) {
    while (span.start < span.end && strchr(" \t", *span.start) != NULL) {
        span.start++;
    }
    while (span.start < span.end && strchr(" \t", span.end[-1]) != NULL) {
        span.end--;
    }
    return span;
}

/* The text up to `border` or the end, without what is quoted; *rest follows it. */
static struct span cut(struct span *rest, char border) {
    struct span piece = {rest->start, rest->start};
    bool is_quoted = false;
    while (piece.end < rest->end && (is_quoted || *piece.end != border)) {
        if (*piece.end == '"') {
            is_quoted = !is_quoted;
        } else if (is_quoted && *piece.end == '\\' && piece.end + 1 < rest->end) {
            piece.end++;
        }
        piece.end++;
    }
    rest->start = piece.end < rest->end ? piece.end + 1 : rest->end;
    return trimmed(piece);
}

static bool is_text(struct span span, const char *text) {
    size_t length = (size_t)(span.end - span.start);
    return length == strlen(text) && strncasecmp(span.start, text, length) == 0;
}

/* RFC 9110, 12.4.2: "0" or "1" and up to three decimals, which after 1 are zeros. -1: none. */
static int32_t parse_weight(struct span span) {
    size_t length = (size_t)(span.end - span.start);
    if (length == 0 || length > 5 || (span.start[0] != '0' && span.start[0] != '1') ||
        (length > 1 && span.start[1] != '.')) {
        return -1;
    }
    int32_t weight = span.start[0] == '1' ? WEIGHT_MAX : 0;
    int32_t unit = WEIGHT_MAX / 10;
    for (const char *digit = span.start + 2; digit < span.end; digit++) {
        if (*digit < '0' || *digit > '9') {
            return -1;
        }
        weight += unit * (*digit - '0');
        unit /= 10;
    }
    return weight <= WEIGHT_MAX ? weight : -1;
}

/* The weight among a range's parameters; -1: malformed. */
static int32_t read_weight(struct span parameters) {
    while (parameters.start < parameters.end) {
        struct span value = cut(&parameters, ';');
        struct span name = cut(&value, '=');
        if (is_text(name, "q")) {
            return parse_weight(trimmed(value));
        }
    }
    return WEIGHT_MAX;
}

static enum match match_of(struct span range, const struct type *type) {
    struct span minor = range;
    struct span major = cut(&minor, '/');
    if (is_text(major, "*") && is_text(minor, "*")) {
        return MATCH_ANYTHING;
    }
    if (!is_text(major, type->major)) {
        return MATCH_NONE;
    }
    if (is_text(minor, "*")) {
        return MATCH_MAJOR;
    }
    return is_text(minor, type->minor) ? MATCH_TYPE : MATCH_NONE;
}

static void weigh(struct type *type, struct span range, int32_t weight) {
    enum match match = match_of(range, type);
    if (match > type->match || (match == type->match && weight > type->weight)) {
        type->match = match;
        type->weight = match == MATCH_NONE ? 0 : weight;
    }
}

static void weigh_all(struct type *html, struct type *json, const char *value) {
    struct span list = {value, value + strlen(value)};
    while (list.start < list.end) {
        struct span parameters = cut(&list, ',');
        struct span range = cut(&parameters, ';');
        int32_t weight = read_weight(parameters);
        if (weight >= 0) {
            weigh(html, range, weight);
            weigh(json, range, weight);
        }
    }
}

bool accept_prefers_html(const struct request *request) {
    struct type html = {.major = "text", .minor = "html"};
    struct type json = {.major = "application", .minor = "json"};
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, "Accept") == 0) {
            weigh_all(&html, &json, request->headers[i].value);
        }
    }
    return html.match > MATCH_ANYTHING && html.weight > 0 && html.weight >= json.weight;
}
