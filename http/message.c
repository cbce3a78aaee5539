#include "http/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *request_header(const struct request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return NULL;
}

size_t request_header_count(const struct request *request, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            count++;
        }
    }
    return count;
}

static bool is_header_value(const char *value) {
    for (const unsigned char *byte = (const unsigned char *)value; *byte != '\0'; byte++) {
        if ((*byte < 0x20 && *byte != '\t') || *byte == 0x7f) {
            return false;
        }
    }
    return true;
}

void reply_add_header(struct reply *reply, const char *name, const char *value) {
    size_t value_bytes = strlen(value);
    assert(reply->header_count < REPLY_HEADERS_MAX);
    assert(value_bytes < REPLY_HEADER_VALUE_BYTES);
    assert(is_header_value(value));

    reply->headers[reply->header_count].name = name;
    memcpy(reply->headers[reply->header_count].value, value, value_bytes + 1);
    reply->header_count++;
}

void reply_release(struct reply *reply) {
    free(reply->body);
    reply->body = NULL;
    reply->body_bytes = 0;
    free(reply->location);
    reply->location = NULL;
}

struct reply reply_text(int status, const char *content_type, const char *text) {
    struct reply reply = {.status = status};
    reply.body = strdup(text);
    if (reply.body != NULL) {
        reply.body_bytes = strlen(text);
        reply.content_type = content_type;
    }
    return reply;
}

static const struct {
    int status;
    const char *phrase;
} PHRASES[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *status_phrase(int status) {
    for (size_t i = 0; i < sizeof PHRASES / sizeof PHRASES[0]; i++) {
        if (PHRASES[i].status == status) {
            return PHRASES[i].phrase;
        }
    }
    return "Unknown Status";
}
