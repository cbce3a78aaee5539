#include "http/head_parse.h"

#include <string.h>
#include <strings.h>

static const struct refusal FINE = {0};

static struct refusal bad(const char *detail) {
    return (struct refusal){400, "bad-request-head", detail};
}

static struct refusal too_large(void) {
    return (struct refusal){431, "header-fields-too-large",
                            "The head has too many headers or is too long."};
}

/* Of "http://"; 0 if it is a path. */
static size_t scheme_length(const char *target) {
    return strncasecmp(target, "http://", 7) == 0    ? 7
           : strncasecmp(target, "https://", 8) == 0 ? 8
                                                     : 0;
}

static char *skip_authority(char *target) {
    size_t length = scheme_length(target);
    return length == 0 ? target : target + length + strcspn(target + length, "/?");
}

/* RFC 9110, 4.2.1: an empty host is refused. */
static bool has_plain_authority(const char *target) {
    size_t length = scheme_length(target);
    size_t host_length = strcspn(target + length, "/?");
    return length == 0 || (host_length > 0 && head_host_length(target + length) == host_length);
}

void head_set_target(struct request *request, char *target) {
    char *path = skip_authority(target);
    bool has_authority = path != target;
    char *mark = strchr(path, '?');
    if (mark != NULL) {
        *mark = '\0';
        request->query = mark + 1;
    }
    request->path = *path == '\0' && has_authority ? "/" : path;
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static struct refusal check_version(const char *version) {
    if (strcmp(version, "HTTP/1.1") == 0 || strcmp(version, "HTTP/1.0") == 0) {
        return FINE;
    }
    bool is_other = strlen(version) == 8 && strncmp(version, "HTTP/", 5) == 0 &&
                    is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
    if (!is_other) {
        return bad("The request line does not end with a version of HTTP.");
    }
    return (struct refusal){505, "http-version-not-supported", "Send HTTP/1.1 or HTTP/1.0."};
}

static struct refusal read_request_line(struct request *request, char *line) {
    if (strlen(line) > REQUEST_LINE_BYTES_MAX) {
        return (struct refusal){414, "uri-too-long", "The request target is too long."};
    }
    char *target = strchr(line, ' ');
    char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
    if (version == NULL || strchr(version + 1, ' ') != NULL) {
        return bad("The request line is not method, target and version with a space between.");
    }
    *target++ = '\0';
    *version++ = '\0';
    if (!head_is_token(line)) {
        return bad("The method is not a token (RFC 9110, 9.1).");
    }
    request->method = line;
    if (!has_plain_authority(target)) {
        return bad("The request target has no host and port behind its scheme.");
    }
    head_set_target(request, target);
    return check_version(version);
}

static struct refusal read_field(struct parsed_head *parsed, char *line) {
    if (*line == ' ' || *line == '\t') {
        return bad("A header is folded (RFC 9112, 5.2).");
    }
    char *colon = strchr(line, ':');
    if (colon == NULL) {
        return bad("A header has no colon.");
    }
    *colon = '\0';
    if (!head_is_token(line)) {
        return bad("A header name is not a token (RFC 9110, 5.1).");
    }
    struct request *request = &parsed->request;
    if (request->header_count == HEADERS_MAX) {
        return too_large();
    }
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) {
        length--;
    }
    value[length] = '\0';
    parsed->headers[request->header_count++] = (struct header){line, value};
    return FINE;
}

/* `line` without its end; *is_last_out: it is the empty one. */
static struct refusal read_line(struct parsed_head *parsed, char *line, bool is_first,
                                bool *is_last_out) {
    *is_last_out = !is_first && *line == '\0';
    if (*is_last_out) {
        return FINE;
    }
    return is_first ? read_request_line(&parsed->request, line) : read_field(parsed, line);
}

struct refusal head_parse(const char *bytes, size_t byte_count, struct parsed_head *parsed_out) {
    if (byte_count > HEAD_BYTES_MAX) {
        byte_count = HEAD_BYTES_MAX;
    }
    if (byte_count > 0) { /* else there may be no bytes at all, which memcpy must not be given */
        memcpy(parsed_out->bytes, bytes, byte_count);
    }
    parsed_out->request = (struct request){
        .method = "", .path = "", .headers = parsed_out->headers, .body = "", .content_length = -1};

    struct refusal refusal = FINE;
    char *line = parsed_out->bytes;
    const char *end = line + byte_count;
    bool is_last = false;
    while (refusal.status == 0 && !is_last) {
        char *feed = memchr(line, '\n', (size_t)(end - line));
        if (feed == NULL) {
            break;
        }
        if (feed == line || feed[-1] != '\r') {
            refusal = bad("A line ends with a bare line feed (RFC 9112, 2.2).");
            break;
        }
        feed[-1] = '\0';
        if (line + strlen(line) != feed - 1) {
            refusal = bad("The head has a NUL.");
            break;
        }
        refusal = read_line(parsed_out, line, line == parsed_out->bytes, &is_last);
        line = feed + 1;
    }
    parsed_out->request.content_length = head_content_length(&parsed_out->request);
    head_take_request_id(&parsed_out->request);
    return refusal;
}
