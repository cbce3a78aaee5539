#include "worker/sender.h"

#include <assert.h>
#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/store.h"

enum {
    HEADER_BYTES = 192,
    HEAD_BYTES_MAX = 64 * 1024,
    STATUS_MIN_FINAL = 200,
    /* Idle connections older than this are not used again: whoever is in front of Klaviyo may be
       about to close them. */
    CONNECTION_AGE_S_MAX = 25,
    URL_BYTES = 2048,
};

static const char *const paths[TRANSPORT_KINDS] = {
    [TRANSPORT_EVENT] = "/api/events",
    [TRANSPORT_JOB] = "/api/event-bulk-create-jobs",
};

struct sender_slot {
    CURL *easy;
    struct curl_slist *headers;
    bool is_up;
    /* The request. */
    const char *payload;
    size_t payload_bytes, payload_sent;
    int request_count; /* on the wire in this transfer: never more than 1 */
    /* The answer. */
    size_t head_bytes;
    int32_t head_status; /* of the head being read */
    int32_t http_status; /* once that head was complete and final */
    char content_type[HEADER_BYTES];
    char retry_after[HEADER_BYTES];
    char rate_remaining[HEADER_BYTES];
    char rate_reset[HEADER_BYTES];
    bool is_mitigated;
    char body[RESPONSE_BODY_BYTES_MAX];
    size_t body_bytes;
    char error[CURL_ERROR_SIZE];
};

struct sender {
    CURLM *multi;
    struct sender_slot *slots;
    size_t slot_count;
    char urls[TRANSPORT_KINDS][URL_BYTES];
    char authorization[SENDER_KEY_BYTES_MAX + 64];
    char revision[HEADER_BYTES];
    struct transport transport;
};

/* ---- What libcurl calls ----------------------------------------------------------------------- */

static size_t on_read(char *buffer, size_t size, size_t count, void *context) {
    struct sender_slot *slot = context;
    size_t left = slot->payload_bytes - slot->payload_sent;
    size_t taken = size * count < left ? size * count : left;
    memcpy(buffer, slot->payload + slot->payload_sent, taken);
    slot->payload_sent += taken;
    return taken;
}

/* Called when a connection stands, before a request is written to it. */
static int on_request(void *context, char *peer_ip, char *local_ip, int peer_port, int local_port) {
    (void)peer_ip, (void)local_ip, (void)peer_port, (void)local_port;
    struct sender_slot *slot = context;
    slot->request_count++;
    return slot->request_count == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* Copies the value of a header line; one that does not fit is as good as none. */
static void keep_value(const char *line, size_t line_bytes, size_t name_bytes, char *value,
                       size_t value_bytes) {
    const char *start = line + name_bytes;
    const char *end = line + line_bytes;
    while (start < end && strchr(" \t", *start) != NULL && *start != '\0') {
        start++;
    }
    while (end > start && strchr(" \t\r\n", end[-1]) != NULL && end[-1] != '\0') {
        end--;
    }
    size_t length = (size_t)(end - start);
    if (value[0] == '\0' && length < value_bytes && memchr(start, '\0', length) == NULL) {
        memcpy(value, start, length);
        value[length] = '\0';
    }
}

static bool has_name(const char *line, size_t line_bytes, const char *name) {
    size_t length = strlen(name);
    return line_bytes > length && strncasecmp(line, name, length) == 0;
}

static void forget_values(struct sender_slot *slot) {
    slot->content_type[0] = '\0';
    slot->retry_after[0] = '\0';
    slot->rate_remaining[0] = '\0';
    slot->rate_reset[0] = '\0';
    slot->is_mitigated = false;
}

/* "HTTP/1.1 202 Accepted" begins a head; there may be several (1xx). */
static void begin_head(struct sender_slot *slot, const char *line, size_t line_bytes) {
    const char *space = memchr(line, ' ', line_bytes);
    slot->head_status = 0;
    forget_values(slot);
    if (space == NULL || line_bytes - (size_t)(space - line) < 4) {
        return;
    }
    for (int i = 1; i <= 3; i++) {
        char digit = space[i];
        if (digit < '0' || digit > '9') {
            slot->head_status = 0;
            return;
        }
        slot->head_status = slot->head_status * 10 + (digit - '0');
    }
}

/* True if it is one of the headers whose value is kept. */
static bool keep_known(struct sender_slot *slot, const char *line, size_t line_bytes) {
    const struct {
        const char *name;
        char *value;
    } known[] = {
        {"content-type:", slot->content_type},
        {"retry-after:", slot->retry_after},
        {"ratelimit-remaining:", slot->rate_remaining},
        {"ratelimit-reset:", slot->rate_reset},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (has_name(line, line_bytes, known[i].name)) {
            keep_value(line, line_bytes, strlen(known[i].name), known[i].value, HEADER_BYTES);
            return true;
        }
    }
    return false;
}

static size_t on_header(char *line, size_t size, size_t count, void *context) {
    struct sender_slot *slot = context;
    size_t line_bytes = size * count;
    slot->head_bytes += line_bytes;
    if (slot->head_bytes > HEAD_BYTES_MAX) {
        return 0;
    }
    if (slot->http_status != 0) {
        return line_bytes; /* a trailer */
    }
    if (has_name(line, line_bytes, "HTTP/")) {
        begin_head(slot, line, line_bytes);
    } else if (keep_known(slot, line, line_bytes)) {
        return line_bytes;
    } else if (has_name(line, line_bytes, "cf-mitigated:")) {
        slot->is_mitigated = true;
    } else if (line[0] == '\r' || line[0] == '\n') {
        slot->http_status = slot->head_status >= STATUS_MIN_FINAL ? slot->head_status : 0;
    }
    return line_bytes;
}

/* Keeps what fits; more than that ends the transfer. */
static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
    struct sender_slot *slot = context;
    size_t byte_count = size * count;
    size_t room = sizeof slot->body - slot->body_bytes;
    size_t taken = byte_count < room ? byte_count : room;
    memcpy(slot->body + slot->body_bytes, bytes, taken);
    slot->body_bytes += taken;
    return taken == byte_count ? byte_count : 0;
}

/* ---- Results ---------------------------------------------------------------------------------- */

static enum transport_code code_from_curl(CURLcode result) {
    /* Not an exhaustive switch: libcurl has a hundred codes, and new ones come. */
    static const struct {
        CURLcode from;
        enum transport_code to;
    } codes[] = {
        {CURLE_OK, TRANSPORT_OK},
        {CURLE_OPERATION_TIMEDOUT, TRANSPORT_TIMEOUT},
        {CURLE_COULDNT_RESOLVE_HOST, TRANSPORT_DNS},
        {CURLE_COULDNT_RESOLVE_PROXY, TRANSPORT_DNS},
        {CURLE_COULDNT_CONNECT, TRANSPORT_CONNECT},
        {CURLE_SSL_CONNECT_ERROR, TRANSPORT_TLS_HANDSHAKE},
        {CURLE_PEER_FAILED_VERIFICATION, TRANSPORT_CERTIFICATE},
        {CURLE_SSL_CACERT_BADFILE, TRANSPORT_CERTIFICATE},
        {CURLE_SSL_CERTPROBLEM, TRANSPORT_CERTIFICATE},
        {CURLE_SSL_ISSUER_ERROR, TRANSPORT_CERTIFICATE},
        {CURLE_SSL_INVALIDCERTSTATUS, TRANSPORT_CERTIFICATE},
        {CURLE_SEND_ERROR, TRANSPORT_RESET},
        {CURLE_RECV_ERROR, TRANSPORT_RESET},
        {CURLE_GOT_NOTHING, TRANSPORT_RESET},
        {CURLE_PARTIAL_FILE, TRANSPORT_RESET},
        {CURLE_SEND_FAIL_REWIND, TRANSPORT_RESET},    /* the body cannot seek: see sender.h */
        {CURLE_ABORTED_BY_CALLBACK, TRANSPORT_RESET}, /* on_request refused a second one */
        {CURLE_WEIRD_SERVER_REPLY, TRANSPORT_PROTOCOL},
        {CURLE_UNSUPPORTED_PROTOCOL, TRANSPORT_PROTOCOL}, /* HTTP/0.9: no status line came */
        {CURLE_BAD_CONTENT_ENCODING, TRANSPORT_PROTOCOL},
        {CURLE_WRITE_ERROR, TRANSPORT_TOO_LARGE},
        {CURLE_OUT_OF_MEMORY, TRANSPORT_LOCAL},
        {CURLE_FAILED_INIT, TRANSPORT_LOCAL},
        {CURLE_SSL_ENGINE_INITFAILED, TRANSPORT_LOCAL},
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].from == result) {
            return codes[i].to;
        }
    }
    return TRANSPORT_OTHER;
}

/* The slot knows two things better than libcurl, which calls a connection that ended inside a head a
   success, and a header line beyond its own limit (100 KiB) a lack of memory. */
static enum transport_code code_of(const struct sender_slot *slot, CURLcode result) {
    if (result == CURLE_OK && slot->http_status == 0) {
        return TRANSPORT_RESET;
    }
    if (result == CURLE_OUT_OF_MEMORY && slot->request_count > 0) {
        return TRANSPORT_TOO_LARGE;
    }
    return code_from_curl(result);
}

static const char *error_of(const struct sender_slot *slot, enum transport_code code,
                            CURLcode result) {
    if (code == TRANSPORT_OK) {
        return "";
    }
    if (slot->error[0] != '\0') {
        return slot->error;
    }
    return result == CURLE_OK ? "the answer's head broke off" : curl_easy_strerror(result);
}

/* A number without sign, as a header has it; false if it is none, or absurd. */
static bool read_count(const char *text, int64_t *count_out) {
    enum { DIGITS_MAX = 9 };
    size_t length = strlen(text);
    *count_out = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || length > DIGITS_MAX) {
            return false;
        }
        *count_out = *count_out * 10 + (text[i] - '0');
    }
    return length > 0;
}

static void fill_rate(const struct sender_slot *slot, struct transport_answer *answer) {
    int64_t remaining_count = 0;
    int64_t reset_s = 0;
    if (read_count(slot->rate_remaining, &remaining_count) &&
        read_count(slot->rate_reset, &reset_s)) {
        answer->rate_remaining_count = remaining_count;
        answer->rate_reset_s = reset_s;
    }
}

static void fill_answer(const struct sender_slot *slot, enum transport_code code, const char *error,
                        struct transport_answer *answer_out) {
    bool has_head = slot->http_status != 0;
    *answer_out = (struct transport_answer){
        .code = code,
        .http_status = slot->http_status,
        .content_type = has_head ? slot->content_type : "",
        .retry_after = has_head ? slot->retry_after : "",
        .is_mitigated = has_head && slot->is_mitigated,
        .body = slot->body,
        .body_bytes = has_head ? slot->body_bytes : 0,
        .error = error,
    };
    if (has_head) {
        fill_rate(slot, answer_out);
    }
}

static void take_down(struct sender *sender, struct sender_slot *slot) {
    CURLMcode code = curl_multi_remove_handle(sender->multi, slot->easy);
    assert(code == CURLM_OK);
    slot->is_up = false;
}

static bool sender_take_finished(void *context, size_t *slot_out,
                                 struct transport_answer *answer_out) {
    struct sender *sender = context;
    int left = 0;
    const CURLMsg *message = curl_multi_info_read(sender->multi, &left);
    if (message == NULL) {
        return false;
    }
    assert(message->msg == CURLMSG_DONE);
    struct sender_slot *slot = NULL;
    CURLcode result = message->data.result; /* the message dies with the transfer */
    CURLcode got = curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
    assert(got == CURLE_OK && slot != NULL && slot->is_up);
    take_down(sender, slot);
    enum transport_code code = code_of(slot, result);
    fill_answer(slot, code, error_of(slot, code, result), answer_out);
    *slot_out = (size_t)(slot - sender->slots);
    return true;
}

static void sender_cancel(void *context, size_t index, struct transport_answer *answer_out) {
    struct sender *sender = context;
    struct sender_slot *slot = &sender->slots[index];
    assert(index < sender->slot_count && slot->is_up);
    take_down(sender, slot);
    fill_answer(slot, TRANSPORT_STOPPED, "", answer_out);
}

/* ---- Requests --------------------------------------------------------------------------------- */

/* Adds a header to the slot's list; false if memory is short. */
static bool add_header(struct sender_slot *slot, const char *name, const char *value) {
    char line[sizeof((struct sender *)NULL)->authorization + HEADER_BYTES];
    int length = snprintf(line, sizeof line, "%s: %s", name, value);
    assert(length > 0 && (size_t)length < sizeof line);
    struct curl_slist *longer = curl_slist_append(slot->headers, line);
    slot->headers = longer != NULL ? longer : slot->headers;
    return longer != NULL;
}

/* Values come from the database: nothing that could end the header line may pass. */
static bool is_header_value(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            return false;
        }
    }
    return text[0] != '\0';
}

static bool build_headers(const struct sender *sender, struct sender_slot *slot,
                          const struct transport_request *request) {
    curl_slist_free_all(slot->headers);
    slot->headers = curl_slist_append(NULL, "Expect:"); /* no waiting for a 100 */
    bool is_built = slot->headers != NULL &&
                    add_header(slot, "Authorization", sender->authorization) &&
                    add_header(slot, "revision", sender->revision) &&
                    add_header(slot, "Content-Type", "application/vnd.api+json") &&
                    add_header(slot, "Accept", "application/vnd.api+json");
    if (is_built && is_header_value(request->request_id)) {
        is_built = add_header(slot, "X-Request-Id", request->request_id);
    }
    if (is_built && is_header_value(request->traceparent)) {
        is_built = add_header(slot, "traceparent", request->traceparent);
    }
    return is_built;
}

static void reset_slot(struct sender_slot *slot, const struct transport_request *request) {
    slot->payload = request->payload;
    slot->payload_bytes = request->payload_bytes;
    slot->payload_sent = 0;
    slot->request_count = 0;
    slot->head_bytes = 0;
    slot->head_status = 0;
    slot->http_status = 0;
    slot->body_bytes = 0;
    forget_values(slot);
    slot->error[0] = '\0';
}

static enum err_code sender_start(void *context, size_t index,
                                  const struct transport_request *request, struct err *err) {
    struct sender *sender = context;
    struct sender_slot *slot = &sender->slots[index];
    assert(index < sender->slot_count && !slot->is_up);
    reset_slot(slot, request);
    if (!build_headers(sender, slot, request) ||
        curl_easy_setopt(slot->easy, CURLOPT_URL, sender->urls[request->kind]) != CURLE_OK ||
        curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers) != CURLE_OK ||
        curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)request->payload_bytes) != CURLE_OK) {
        return err_set(err, ERR_BUSY, "out of memory for a request");
    }
    CURLMcode code = curl_multi_add_handle(sender->multi, slot->easy);
    if (code != CURLM_OK) {
        return err_set(err, ERR_BUSY, "libcurl does not start a request: %s",
                       curl_multi_strerror(code));
    }
    slot->is_up = true;
    return ERR_OK;
}

/* ---- Opening ---------------------------------------------------------------------------------- */

static enum err_code refuse_option(struct err *err) {
    return err_set(err, ERR_FATAL,
                   "this libcurl lacks an option that the worker needs: install 7.88 or later");
}

/* What is the same for every request of a slot: how it is sent. */
static bool set_request(struct sender_slot *slot) {
    CURL *easy = slot->easy;
    return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READDATA, slot) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQDATA, slot) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, slot) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "preorder-worker/" PREORDER_VERSION) ==
               CURLE_OK;
}

/* What it may never do, and how long it may take. */
static bool set_limits(const struct sender_options *options, struct sender_slot *slot) {
    CURL *easy = slot->easy;
    bool is_plain = strncasecmp(options->base_url, "http:", 5) == 0;
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           (options->ca_file[0] == '\0' ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file) == CURLE_OK) &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->request_timeout_ms) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_AGE_S_MAX) == CURLE_OK;
}

static enum err_code open_slots(struct sender *sender, const struct sender_options *options,
                                struct err *err) {
    for (size_t i = 0; i < sender->slot_count; i++) {
        struct sender_slot *slot = &sender->slots[i];
        slot->easy = curl_easy_init();
        if (slot->easy == NULL) {
            return err_set(err, ERR_FATAL, "out of memory for libcurl");
        }
        if (!set_request(slot) || !set_limits(options, slot)) {
            return refuse_option(err);
        }
    }
    return ERR_OK;
}

static enum err_code set_urls(struct sender *sender, const char *base_url, struct err *err) {
    size_t length = strlen(base_url);
    while (length > 0 && base_url[length - 1] == '/') {
        length--;
    }
    bool is_fit =
        (strncasecmp(base_url, "https://", 8) == 0 || strncasecmp(base_url, "http://", 7) == 0) &&
        is_header_value(base_url);
    for (size_t kind = 0; kind < TRANSPORT_KINDS && is_fit; kind++) {
        int written =
            snprintf(sender->urls[kind], URL_BYTES, "%.*s%s", (int)length, base_url, paths[kind]);
        is_fit = written > 0 && written < URL_BYTES;
    }
    return is_fit ? ERR_OK
                  : err_set(err, ERR_INVALID,
                            "KLAVIYO_BASE_URL is no URL to send to: give https://HOST without "
                            "spaces");
}

static enum err_code set_revision(struct sender *sender, const char *revision, struct err *err) {
    if (!is_header_value(revision) || strlen(revision) >= sizeof sender->revision) {
        return err_set(err, ERR_INVALID, "KLAVIYO_REVISION must look like 2026-07-15");
    }
    memcpy(sender->revision, revision, strlen(revision) + 1);
    return ERR_OK;
}

enum err_code sender_set_key(struct sender *sender, const char *api_key, struct err *err) {
    if (!is_header_value(api_key) || strlen(api_key) > SENDER_KEY_BYTES_MAX) {
        return err_set(err, ERR_INVALID,
                       "KLAVIYO_API_KEY must be printable ASCII without spaces, at most %d "
                       "characters: give the private key as Klaviyo shows it",
                       SENDER_KEY_BYTES_MAX);
    }
    int length = snprintf(sender->authorization, sizeof sender->authorization, "Klaviyo-API-Key %s",
                          api_key);
    assert(length > 0 && (size_t)length < sizeof sender->authorization);
    return ERR_OK;
}

static enum err_code configure(struct sender *sender, const struct sender_options *options,
                               struct err *err) {
    if (set_urls(sender, options->base_url, err) != ERR_OK ||
        set_revision(sender, options->revision, err) != ERR_OK ||
        sender_set_key(sender, options->api_key, err) != ERR_OK) {
        return err->code;
    }
    sender->multi = curl_multi_init();
    sender->slots = calloc(options->slot_count, sizeof *sender->slots);
    if (sender->multi == NULL || sender->slots == NULL) {
        return err_set(err, ERR_FATAL, "out of memory for libcurl");
    }
    sender->slot_count = options->slot_count;
    /* Keep a connection for every slot, no more. */
    if (curl_multi_setopt(sender->multi, CURLMOPT_MAXCONNECTS, (long)options->slot_count) !=
        CURLM_OK) {
        return refuse_option(err);
    }
    return open_slots(sender, options, err);
}

enum err_code sender_open(const struct sender_options *options, struct sender **sender_out,
                          struct err *err) {
    assert(options->slot_count >= 1 && options->request_timeout_ms > 0 &&
           options->request_timeout_ms <= LONG_MAX && options->connect_timeout_ms > 0);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return err_set(err, ERR_FATAL, "libcurl does not start");
    }
    struct sender *sender = calloc(1, sizeof *sender);
    if (sender == NULL) {
        curl_global_cleanup();
        return err_set(err, ERR_FATAL, "out of memory");
    }
    sender->transport = (struct transport){.start = sender_start,
                                           .take_finished = sender_take_finished,
                                           .cancel = sender_cancel,
                                           .context = sender};
    enum err_code code = configure(sender, options, err);
    if (code != ERR_OK) {
        sender_close(sender);
        return code;
    }
    *sender_out = sender;
    return ERR_OK;
}

void sender_close(struct sender *sender) {
    if (sender == NULL) {
        return;
    }
    for (size_t i = 0; i < sender->slot_count; i++) {
        struct sender_slot *slot = &sender->slots[i];
        if (slot->is_up) {
            take_down(sender, slot);
        }
        curl_easy_cleanup(slot->easy);
        curl_slist_free_all(slot->headers);
    }
    if (sender->multi != NULL) {
        CURLMcode code = curl_multi_cleanup(sender->multi);
        assert(code == CURLM_OK);
    }
    free(sender->slots);
    explicit_bzero(sender->authorization, sizeof sender->authorization);
    free(sender);
    curl_global_cleanup();
}

const struct transport *sender_transport(const struct sender *sender) {
    return &sender->transport;
}

enum err_code sender_wait(struct sender *sender, const int *fds, size_t fd_count,
                          int64_t timeout_ms, struct err *err) {
    assert(fd_count <= SENDER_FDS_MAX && timeout_ms >= 0);
    struct curl_waitfd waits[SENDER_FDS_MAX];
    for (size_t i = 0; i < fd_count; i++) {
        waits[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
    }
    int running = 0;
    int wait_ms = timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    /* Returns at once if a request was just started: its first move is due. */
    CURLMcode code = curl_multi_poll(sender->multi, waits, (unsigned)fd_count, wait_ms, NULL);
    if (code == CURLM_OK) {
        code = curl_multi_perform(sender->multi, &running);
    }
    if (code != CURLM_OK) {
        return err_set(err, ERR_FATAL, "libcurl's state is broken: %s", curl_multi_strerror(code));
    }
    return ERR_OK;
}
