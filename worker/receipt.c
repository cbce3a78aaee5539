#include "worker/receipt.h"

#include <string.h>
#include <strings.h>

enum { STATUS_MIN_FINAL = 200 };

static void begin_head(struct receipt *receipt) {
    receipt->head_status = 0;
    receipt->content_type[0] = '\0';
    receipt->retry_after[0] = '\0';
    receipt->rate_remaining[0] = '\0';
    receipt->rate_reset[0] = '\0';
    receipt->is_mitigated = false;
}

void receipt_begin(struct receipt *receipt) {
    begin_head(receipt);
    receipt->head_bytes = 0;
    receipt->http_status = 0;
    receipt->body_bytes = 0;
}

/* "HTTP/1.1 202 Accepted"; 0 if there is no status where it belongs. */
static int32_t read_status(const char *line, size_t line_bytes) {
    const char *space = memchr(line, ' ', line_bytes);
    int32_t status = 0;
    if (space == NULL || line_bytes - (size_t)(space - line) < 4) {
        return 0;
    }
    for (int i = 1; i <= 3; i++) {
        if (space[i] < '0' || space[i] > '9') {
            return 0;
        }
        status = status * 10 + (space[i] - '0');
    }
    return status;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Keeps what follows the name; the first one counts, one that does not fit is as good as none. */
static void keep_value(const char *line, size_t line_bytes, const char *name,
                       char value[RECEIPT_VALUE_BYTES]) {
    const char *start = line + strlen(name);
    const char *end = line + line_bytes;
    while (start < end && is_blank(*start)) {
        start++;
    }
    while (end > start && is_blank(end[-1])) {
        end--;
    }
    size_t length = (size_t)(end - start);
    if (value[0] == '\0' && length < RECEIPT_VALUE_BYTES && memchr(start, '\0', length) == NULL) {
        memcpy(value, start, length);
        value[length] = '\0';
    }
}

static bool begins_with(const char *line, size_t line_bytes, const char *name) {
    size_t length = strlen(name);
    return line_bytes > length && strncasecmp(line, name, length) == 0;
}

/* Keeps the value if the line is one of the headers that are asked for. */
static void keep_header(struct receipt *receipt, const char *line, size_t line_bytes) {
    const struct {
        const char *name;
        char *value;
    } wanted[] = {
        {"content-type:", receipt->content_type},
        {"retry-after:", receipt->retry_after},
        {"ratelimit-remaining:", receipt->rate_remaining},
        {"ratelimit-reset:", receipt->rate_reset},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (begins_with(line, line_bytes, wanted[i].name)) {
            keep_value(line, line_bytes, wanted[i].name, wanted[i].value);
        }
    }
    if (begins_with(line, line_bytes, "cf-mitigated:")) {
        receipt->is_mitigated = true;
    }
}

bool receipt_take_line(struct receipt *receipt, const char *line, size_t line_bytes) {
    receipt->head_bytes += line_bytes;
    if (receipt->head_bytes > RECEIPT_HEAD_BYTES_MAX) {
        return false;
    }
    if (receipt->http_status != 0) {
        return true; /* a trailer */
    }
    if (begins_with(line, line_bytes, "HTTP/")) {
        begin_head(receipt);
        receipt->head_status = read_status(line, line_bytes);
    } else if (line_bytes > 0 && (line[0] == '\r' || line[0] == '\n')) {
        receipt->http_status = receipt->head_status >= STATUS_MIN_FINAL ? receipt->head_status : 0;
    } else {
        keep_header(receipt, line, line_bytes);
    }
    return true;
}

bool receipt_take_body(struct receipt *receipt, const char *bytes, size_t byte_count) {
    size_t room = sizeof receipt->body - receipt->body_bytes;
    size_t taken = byte_count < room ? byte_count : room;
    memcpy(receipt->body + receipt->body_bytes, bytes, taken);
    receipt->body_bytes += taken;
    return taken == byte_count;
}

/* A number without sign, as a header has it; false if it is none, or absurd. */
static bool read_count(const char *text, int64_t *count_out) {
    enum { DIGITS_MAX = 9 };
    size_t length = strlen(text);
    int64_t count = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || length > DIGITS_MAX) {
            return false;
        }
        count = count * 10 + (text[i] - '0');
    }
    *count_out = count;
    return length > 0;
}

static void fill_rate(const struct receipt *receipt, struct transport_answer *answer) {
    int64_t remaining_count = 0;
    int64_t reset_s = 0;
    if (read_count(receipt->rate_remaining, &remaining_count) &&
        read_count(receipt->rate_reset, &reset_s)) {
        answer->rate_remaining_count = remaining_count;
        answer->rate_reset_s = reset_s;
    }
}

struct transport_answer receipt_answer(const struct receipt *receipt, enum transport_code code,
                                       const char *error) {
    bool has_head = receipt->http_status != 0;
    struct transport_answer answer = {
        .code = code,
        .http_status = receipt->http_status,
        .content_type = has_head ? receipt->content_type : "",
        .retry_after = has_head ? receipt->retry_after : "",
        .is_mitigated = has_head && receipt->is_mitigated,
        .body = receipt->body,
        .body_bytes = has_head ? receipt->body_bytes : 0,
        .error = error,
    };
    if (has_head) {
        fill_rate(receipt, &answer);
    }
    return answer;
}
