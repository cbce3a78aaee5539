#include "http/request_copy.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "http/head.h"
#include "http/head_parse.h"

void request_copy_init(struct request_copy *copy, const char peer[PEER_BYTES],
                       int64_t started_mono_us) {
    memset(copy, 0, offsetof(struct request_copy, headers));
    copy->request.method = "";
    copy->request.headers = copy->headers;
    copy->request.body = "";
    copy->request.content_length = -1;
    copy->request.started_mono_us = started_mono_us;
    memcpy(copy->request.peer, peer, PEER_BYTES);
}

void request_copy_release(struct request_copy *copy) {
    free(copy->target);
    free(copy->text);
    free(copy->body);
}

bool request_copy_target(struct request_copy *copy, const char *target) {
    copy->target = strdup(target);
    if (copy->target == NULL) {
        return false;
    }
    head_set_target(&copy->request, copy->target);
    return true;
}

/* Where the next piece of the head goes. */
struct room {
    struct request_copy *copy;
    char *end; /* of what is used of copy->text */
    size_t free_bytes;
    bool is_too_small;
};

/* A NUL-terminated copy, NULL if there is no room. */
static const char *keep_text(struct room *room, const char *bytes, size_t byte_count) {
    if (byte_count >= room->free_bytes) {
        return NULL;
    }
    char *text = room->end;
    memcpy(text, bytes, byte_count);
    text[byte_count] = '\0';
    room->end += byte_count + 1;
    room->free_bytes -= byte_count + 1;
    return text;
}

static size_t trimmed(const char *value, size_t byte_count) {
    while (byte_count > 0 && (value[byte_count - 1] == ' ' || value[byte_count - 1] == '\t')) {
        byte_count--;
    }
    return byte_count;
}

static enum MHD_Result keep_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_bytes, const char *value, size_t value_bytes) {
    (void)kind;
    struct room *room = context;
    struct request *request = &room->copy->request;
    if (value == NULL) {
        value = "";
        value_bytes = 0;
    }
    if (request->header_count == HEADERS_MAX) {
        room->is_too_small = true;
        return MHD_NO;
    }
    struct header *header = &room->copy->headers[request->header_count];
    header->name = keep_text(room, name, name_bytes);
    header->value = keep_text(room, value, trimmed(value, value_bytes));
    if (header->name == NULL || header->value == NULL) {
        room->is_too_small = true; /* longer than the head they came from */
        return MHD_NO;
    }
    request->header_count++;
    return MHD_YES;
}

static size_t head_bytes_of(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    assert(info != NULL);
    return info->header_size;
}

enum request_copy_result request_copy_head(struct request_copy *copy, struct MHD_Connection *mhd,
                                           const char *method) {
    struct request *request = &copy->request;
    size_t head_bytes = head_bytes_of(mhd);
    copy->text = malloc(head_bytes + 1);
    if (copy->text == NULL) {
        return REQUEST_COPY_OUT_OF_MEMORY;
    }

    struct room room = {.copy = copy, .end = copy->text, .free_bytes = head_bytes + 1};
    const char *own_method = keep_text(&room, method, strlen(method));
    if (own_method != NULL) {
        request->method = own_method;
    }
    (void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, keep_header, &room);
    request->content_length = head_content_length(request);
    head_take_request_id(request);
    bool is_too_large = room.is_too_small || head_bytes > HEAD_BYTES_MAX;
    return is_too_large ? REQUEST_COPY_TOO_LARGE : REQUEST_COPY_FINE;
}

bool request_copy_body(struct request_copy *copy, const char *bytes, size_t byte_count) {
    struct request *request = &copy->request;
    size_t length = (size_t)request->content_length; /* checked by head_check */
    if (copy->body == NULL) {
        copy->body = malloc(length + 1);
        if (copy->body == NULL) {
            return false;
        }
        request->body = copy->body;
    }
    if (byte_count > length - request->body_bytes) {
        return false;
    }
    memcpy(copy->body + request->body_bytes, bytes, byte_count);
    request->body_bytes += byte_count;
    copy->body[request->body_bytes] = '\0';
    return true;
}
