#include "http/head.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_letter_or_digit(char byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* RFC 9110, 5.6.2. The empty name is none. */
static bool is_token(const char *text) {
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

/* RFC 9110, 7.2: host and port. Nothing that some other parser could read as a second host. */
static bool is_host(const char *text) {
    for (; *text != '\0'; text++) {
        if (!is_letter_or_digit(*text) && strchr("-._~!$&'()*+;=%:[]", *text) == NULL) {
            return false;
        }
    }
    return true;
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

struct finding {
    int status;
    const char *name;
    const char *detail;
};

static const struct finding FINE = {0};

static struct finding bad(const char *detail) {
    return (struct finding){400, "bad-request-head", detail};
}

static struct finding check_target(const struct request *request) {
    if (!is_token(request->method)) {
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

static struct finding check_fields(const struct request *request) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (!is_token(request->headers[i].name)) {
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
    if (!is_host(request_header(request, "Host"))) {
        return bad("The Host header is not a host and an optional port.");
    }
    return FINE;
}

static struct finding check_transfer_encoding(const struct request *request) {
    size_t count = request_header_count(request, "Transfer-Encoding");
    if (count == 0) {
        return FINE;
    }
    if (request_header_count(request, "Content-Length") > 0) {
        return bad("There are both Content-Length and Transfer-Encoding.");
    }
    if (count == 1 && strcasecmp(request_header(request, "Transfer-Encoding"), "chunked") == 0) {
        return (struct finding){411, "length-required",
                                "Send the body with a Content-Length, not chunked."};
    }
    return (struct finding){501, "transfer-encoding-not-supported",
                            "This transfer encoding is not supported; send a Content-Length."};
}

static bool is_method(const struct request *request, const char *method) {
    return strcmp(request->method, method) == 0;
}

static struct finding check_length(const struct request *request, int64_t body_bytes_max) {
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
        return (struct finding){411, "length-required", "There is no Content-Length."};
    }
    if (length > 0 && (is_method(request, "GET") || is_method(request, "HEAD"))) {
        return bad("A GET or HEAD request must not have a body.");
    }
    if (length > body_bytes_max) {
        return (struct finding){413, "body-too-large", "The body is larger than the limit."};
    }
    return FINE;
}

int head_check(const struct request *request, const struct head_limits *limits,
               const char **name_out, const char **detail_out) {
    struct finding finding = check_target(request);
    if (finding.status == 0) {
        finding = check_fields(request);
    }
    if (finding.status == 0) {
        finding = check_transfer_encoding(request);
    }
    if (finding.status == 0) {
        finding = check_length(request, limits->body_bytes_max);
    }
    if (finding.status != 0) {
        *name_out = finding.name;
        *detail_out = finding.detail;
    }
    return finding.status;
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
