#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/head.h"
#include "http/raw.h"
#include "http/server_impl.h"

/* Copies the head piece by piece into one block. */
struct copy {
    struct exchange *exchange;
    char *end; /* of what is used of exchange->text */
    size_t free_bytes;
    bool is_too_large;
    struct raw raw;
};

/* A NUL-terminated copy, NULL if the block is full. */
static const char *copy_text(struct copy *copy, const char *bytes, size_t byte_count) {
    if (byte_count >= copy->free_bytes) {
        return NULL;
    }
    char *text = copy->end;
    memcpy(text, bytes, byte_count);
    text[byte_count] = '\0';
    copy->end += byte_count + 1;
    copy->free_bytes -= byte_count + 1;
    return text;
}

static size_t trimmed(const char *value, size_t byte_count) {
    while (byte_count > 0 && (value[byte_count - 1] == ' ' || value[byte_count - 1] == '\t')) {
        byte_count--;
    }
    return byte_count;
}

static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  size_t name_bytes, const char *value, size_t value_bytes) {
    (void)kind;
    struct copy *copy = context;
    struct request *request = &copy->exchange->request;
    if (value == NULL) {
        value = "";
        value_bytes = 0;
    }
    raw_add(&copy->raw, name, name_bytes, value, value_bytes);
    if (request->header_count == HEADERS_MAX) {
        copy->is_too_large = true;
        return MHD_NO;
    }
    struct header *header = &copy->exchange->headers[request->header_count];
    header->name = copy_text(copy, name, name_bytes);
    header->value = copy_text(copy, value, trimmed(value, value_bytes));
    if (header->name == NULL || header->value == NULL) {
        copy->raw.is_plain = false; /* longer than the head they came from */
        return MHD_NO;
    }
    request->header_count++;
    return MHD_YES;
}

/* RFC 9112, 3.2.2: a server takes "http://host/path" too and goes by the path. */
static char *skip_authority(char *target) {
    size_t scheme_length = strncasecmp(target, "http://", 7) == 0    ? 7
                           : strncasecmp(target, "https://", 8) == 0 ? 8
                                                                     : 0;
    if (scheme_length == 0) {
        return target;
    }
    return target + scheme_length + strcspn(target + scheme_length, "/?");
}

bool request_read_target(struct exchange *exchange, const char *target) {
    exchange->target_bytes = strlen(target);
    exchange->target = malloc(exchange->target_bytes + 1);
    if (exchange->target == NULL) {
        return false;
    }
    memcpy(exchange->target, target, exchange->target_bytes + 1);

    char *path = skip_authority(exchange->target);
    char *mark = strchr(path, '?');
    if (mark != NULL) {
        *mark = '\0';
        exchange->request.query = mark + 1;
    }
    bool is_bare = *path == '\0' && path != exchange->target;
    exchange->request.path = is_bare ? "/" : path;
    return true;
}

static void take_request_id(struct request *request) {
    const char *id = request_header(request, "X-Request-Id");
    if (id != NULL && head_request_id_is_valid(id)) {
        memcpy(request->id, id, strlen(id) + 1);
    }
}

static size_t head_bytes_of(const struct exchange *exchange) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

enum read_result request_read_head(struct exchange *exchange, const char *url, const char *method,
                                   const char *version) {
    struct request *request = &exchange->request;
    size_t head_bytes = head_bytes_of(exchange);
    exchange->text = malloc(head_bytes + 1);
    if (exchange->text == NULL) {
        return READ_OUT_OF_MEMORY;
    }

    struct copy copy = {.exchange = exchange, .end = exchange->text, .free_bytes = head_bytes + 1};
    raw_begin(&copy.raw, method, url, exchange->target_bytes, version);
    const char *own_method = copy_text(&copy, method, strlen(method));
    if (own_method != NULL) {
        request->method = own_method;
    }
    (void)MHD_get_connection_values_n(exchange->mhd, MHD_HEADER_KIND, add_header, &copy);
    request->content_length = head_content_length(request);
    take_request_id(request);

    if (copy.is_too_large || head_bytes > HEAD_BYTES_MAX) {
        return READ_TOO_LARGE;
    }
    if (!exchange->server->has_strict_library && !raw_end(&copy.raw, head_bytes)) {
        return READ_NOT_PLAIN;
    }
    return READ_FINE;
}
