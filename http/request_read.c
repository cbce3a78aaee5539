#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/head_parse.h"
#include "http/server_impl.h"

enum { ID_RANDOM_BYTES = 16 };

/* Copies the head piece by piece into one block. */
struct copy {
    struct exchange *exchange;
    char *end; /* of what is used of exchange->text */
    size_t free_bytes;
    bool is_too_large;
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
    if (request->header_count == HEADERS_MAX) {
        copy->is_too_large = true;
        return MHD_NO;
    }
    struct header *header = &copy->exchange->headers[request->header_count];
    header->name = copy_text(copy, name, name_bytes);
    header->value = copy_text(copy, value, trimmed(value, value_bytes));
    if (header->name == NULL || header->value == NULL) {
        copy->is_too_large = true; /* longer than the head they came from */
        return MHD_NO;
    }
    request->header_count++;
    return MHD_YES;
}

void request_make_id(const struct server *server, struct request *request) {
    static const char DIGITS[] = "0123456789abcdef";
    unsigned char bytes[ID_RANDOM_BYTES];
    random_fill(server->options.random, bytes, sizeof bytes);
    char *id = request->id;
    for (size_t i = 0; i < sizeof bytes; i++) {
        *id++ = DIGITS[bytes[i] >> 4];
        *id++ = DIGITS[bytes[i] & 15];
    }
    *id = '\0';
}

bool request_read_target(struct exchange *exchange, const char *target) {
    exchange->target = strdup(target);
    if (exchange->target == NULL) {
        return false;
    }
    head_set_target(&exchange->request, exchange->target);
    return true;
}

static size_t head_bytes_of(const struct exchange *exchange) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    assert(info != NULL);
    return info->header_size;
}

enum read_result request_read_head(struct exchange *exchange, const char *method) {
    struct request *request = &exchange->request;
    size_t head_bytes = head_bytes_of(exchange);
    exchange->text = malloc(head_bytes + 1);
    if (exchange->text == NULL) {
        return READ_OUT_OF_MEMORY;
    }

    struct copy copy = {.exchange = exchange, .end = exchange->text, .free_bytes = head_bytes + 1};
    const char *own_method = copy_text(&copy, method, strlen(method));
    if (own_method != NULL) {
        request->method = own_method;
    }
    (void)MHD_get_connection_values_n(exchange->mhd, MHD_HEADER_KIND, add_header, &copy);
    request->content_length = head_content_length(request);
    head_take_request_id(request);
    return copy.is_too_large || head_bytes > HEAD_BYTES_MAX ? READ_TOO_LARGE : READ_FINE;
}
