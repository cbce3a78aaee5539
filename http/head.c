#include "http/head.h"

#include <string.h>
#include <strings.h>

enum { ID_RANDOM_BYTES = 16 };

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_letter_or_digit(char byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

bool head_is_token(const char *text) {
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!is_letter_or_digit(*text) && strchr("!#$%&'*+-.^_`|~", *text) == NULL) {
            return false;
        }
    }
    return true;
}

static bool is_field_value(const char *text) {
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Of a request target: visible ASCII; a fragment never leaves a client. */
static bool is_target(const char *text) {
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text >= 0x7f || strchr("#\"<>\\^`{|}", *text) != NULL) {
            return false;
        }
    }
    return true;
}

size_t head_host_length(const char *text) {
    size_t length = 0;
    while (is_letter_or_digit(text[length]) ||
           (text[length] != '\0' && strchr("-._~!$&'()*+;=%:[]", text[length]) != NULL)) {
        length++;
    }
    return length;
}

int64_t head_content_length(const struct request *request) {
    const char *text = request_header(request, "Content-Length");
    if (text == NULL || *text == '\0') {
        return -1;
    }
    int64_t length = 0;
    for (; *text != '\0'; text++) {
        if (!is_digit(*text)) {
            return -1;
        }
        if (length > (INT64_MAX - 9) / 10) {
            length = INT64_MAX; /* stays there: too large for everybody */
        } else {
            length = length * 10 + (*text - '0');
        }
    }
    return length;
}

static const struct refusal FINE = {0};

static struct refusal bad(const char *detail) {
    return (struct refusal){400, "bad-request-head", detail};
}

static struct refusal check_target(const struct request *request) {
    if (!head_is_token(request->method)) {
        return bad("The method is not a token (RFC 9110, 9.1).");
    }
    bool is_asterisk = strcmp(request->path, "*") == 0 && strcmp(request->method, "OPTIONS") == 0;
    if (request->path[0] != '/' && !is_asterisk) {
        return bad("The request target must begin with a slash.");
    }
    if (!is_target(request->path) || (request->query != NULL && !is_target(request->query))) {
        return bad("The request target has a character that must be percent-encoded.");
    }
    return FINE;
}

static struct refusal check_fields(const struct request *request) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (!head_is_token(request->headers[i].name)) {
            return bad("A header name is not a token (RFC 9110, 5.1).");
        }
        if (!is_field_value(request->headers[i].value)) {
            return bad("A header value has a control character.");
        }
    }
    size_t host_count = request_header_count(request, "Host");
    if (host_count != 1) {
        return bad(host_count == 0 ? "There is no Host header."
                                   : "There are several Host headers.");
    }
    const char *host = request_header(request, "Host");
    if (host[head_host_length(host)] != '\0') {
        return bad("The Host header is not a host and an optional port.");
    }
    return FINE;
}

static struct refusal check_transfer_encoding(const struct request *request) {
    size_t count = request_header_count(request, "Transfer-Encoding");
    if (count == 0) {
        return FINE;
    }
    if (request_header_count(request, "Content-Length") > 0) {
        return bad("There are both Content-Length and Transfer-Encoding.");
    }
    if (count == 1 && strcasecmp(request_header(request, "Transfer-Encoding"), "chunked") == 0) {
        return (struct refusal){411, "length-required",
                                "Send the body with a Content-Length, not chunked."};
    }
    return (struct refusal){501, "transfer-encoding-not-supported",
                            "This transfer encoding is not supported; send a Content-Length."};
}

static bool is_method(const struct request *request, const char *method) {
    return strcmp(request->method, method) == 0;
}

static int64_t body_limit(const struct request *request, const struct head_limits *limits) {
    return limits->body_limit != NULL ? limits->body_limit(limits->context, request)
                                      : limits->body_bytes_max;
}

static struct refusal check_length(const struct request *request,
                                   const struct head_limits *limits) {
    size_t count = request_header_count(request, "Content-Length");
    if (count > 1) {
        return bad("There are several Content-Length headers.");
    }
    int64_t length = head_content_length(request);
    if (count == 1 && length < 0) {
        return bad("The Content-Length is not a number.");
    }
    if (count == 0 &&
        (is_method(request, "POST") || is_method(request, "PUT") || is_method(request, "PATCH"))) {
        return (struct refusal){411, "length-required", "There is no Content-Length."};
    }
    if (length > 0 && (is_method(request, "GET") || is_method(request, "HEAD"))) {
        return bad("A GET or HEAD request must not have a body.");
    }
    if (length > body_limit(request, limits)) {
        return (struct refusal){413, "body-too-large", "The body is larger than the limit."};
    }
    return FINE;
}

/* RFC 9110, 10.1.1. HTTP/1.0 has no expectations, but who sends one means it. */
static struct refusal check_expectation(const struct request *request) {
    size_t count = request_header_count(request, "Expect");
    if (count == 0 ||
        (count == 1 && strcasecmp(request_header(request, "Expect"), "100-continue") == 0)) {
        return FINE;
    }
    return (struct refusal){417, "expectation-failed",
                            "The only expectation that can be met is 100-continue."};
}

struct refusal head_check(const struct request *request, const struct head_limits *limits) {
    struct refusal refusal = check_target(request);
    if (refusal.status == 0) {
        refusal = check_fields(request);
    }
    if (refusal.status == 0) {
        refusal = check_transfer_encoding(request);
    }
    if (refusal.status == 0) {
        refusal = check_length(request, limits);
    }
    if (refusal.status == 0) {
        refusal = check_expectation(request);
    }
    return refusal;
}

bool head_request_id_is_valid(const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length >= MESSAGE_ID_BYTES) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!is_letter_or_digit(*text) && strchr("._-", *text) == NULL) {
            return false;
        }
    }
    return true;
}

void head_take_request_id(struct request *request) {
    const char *id = request_header(request, "X-Request-Id");
    if (id != NULL && head_request_id_is_valid(id)) {
        memcpy(request->id, id, strlen(id) + 1);
    }
}

void head_make_request_id(struct request *request, const struct random *random) {
    static const char DIGITS[] = "0123456789abcdef";
    char *id = request->id;
    if (id[0] != '\0') {
        return;
    }
    unsigned char bytes[ID_RANDOM_BYTES];
    random_fill(random, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        *id++ = DIGITS[bytes[i] >> 4];
        *id++ = DIGITS[bytes[i] & 15];
    }
    *id = '\0';
}
