#include "worker/sender.h"

#include <assert.h>
#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/receipt.h"
#include "worker/sockets.h"

enum {
    REVISION_BYTES = 64,
    HEADER_NAME_BYTES = 32,
    AUTHORIZATION_BYTES = SENDER_KEY_BYTES_MAX + 32, /* with the scheme */
    /* Idle connections older than this are not used again: whoever is in front of Klaviyo may be
       about to close them. */
    CONNECTION_AGE_S_MAX = 25,
    URL_BYTES = 2048,
    /* Sockets for each slot: one in use, one kept, two that race to connect (IPv6 and IPv4). */
    SOCKETS_A_SLOT = 4,
};

static const char *const paths[TRANSPORT_KINDS] = {
    [TRANSPORT_EVENT] = "/api/events",
    [TRANSPORT_JOB] = "/api/event-bulk-create-jobs",
};

struct sender_slot {
    struct sender *sender;
    CURL *easy;
    struct curl_slist *headers;
    bool is_up;
    /* The request. */
    int request_count; /* on the wire in this transfer: never more than 1 */
    bool met_noise;    /* refused before anything was written: the connection was not silent */
    size_t restarts_left;
    /* The answer. */
    struct receipt receipt;
    char error[CURL_ERROR_SIZE];
};

struct sender {
    CURLM *multi;
    struct sender_slot *slots;
    size_t slot_count;
    struct sockets sockets;
    char urls[TRANSPORT_KINDS][URL_BYTES];
    char authorization[AUTHORIZATION_BYTES];
    char revision[REVISION_BYTES];
    struct transport transport;
};

/* ---- What libcurl calls ----------------------------------------------------------------------- */

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    struct sender *sender = context;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0 && !sockets_add(&sender->sockets, fd)) {
        (void)close(fd);
        return CURL_SOCKET_BAD;
    }
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close(void *context, curl_socket_t fd) {
    struct sender *sender = context;
    sockets_remove(&sender->sockets, fd);
    return close(fd);
}

/* Called when a connection stands, before a request is written to it. */
static int on_request(void *context, char *peer_ip, char *local_ip, int peer_port, int local_port) {
    (void)peer_ip, (void)peer_port;
    struct sender_slot *slot = context;
    if (slot->request_count > 0) {
        return CURL_PREREQFUNC_ABORT; /* libcurl wants to send again: see sender.h */
    }
    if (!sockets_take(&slot->sender->sockets, local_ip, local_port)) {
        slot->met_noise = true;
        return CURL_PREREQFUNC_ABORT;
    }
    slot->request_count = 1;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t count, void *context) {
    struct sender_slot *slot = context;
    return receipt_take_line(&slot->receipt, line, size * count) ? size * count : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
    struct sender_slot *slot = context;
    return receipt_take_body(&slot->receipt, bytes, size * count) ? size * count : 0;
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
        {CURLE_SEND_FAIL_REWIND, TRANSPORT_RESET},
        {CURLE_ABORTED_BY_CALLBACK, TRANSPORT_RESET}, /* on_request refused it */
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
    if (result == CURLE_OK && slot->receipt.http_status == 0) {
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

static void take_down(struct sender *sender, struct sender_slot *slot) {
    CURLMcode code = curl_multi_remove_handle(sender->multi, slot->easy);
    assert(code == CURLM_OK);
    slot->is_up = false;
}

/* The next transfer that libcurl is done with, taken down; NULL if there is none. */
static struct sender_slot *take_done(struct sender *sender, CURLcode *result_out) {
    int left = 0;
    const CURLMsg *message = curl_multi_info_read(sender->multi, &left);
    if (message == NULL) {
        return NULL;
    }
    assert(message->msg == CURLMSG_DONE);
    struct sender_slot *slot = NULL;
    *result_out = message->data.result; /* the message dies with the transfer */
    CURLcode got = curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
    assert(got == CURLE_OK && slot != NULL && slot->is_up);
    take_down(sender, slot);
    return slot;
}

/* True if nothing was written because the kept connection was not silent, and the request is under
   way again: libcurl has closed that connection. */
static bool restart(struct sender *sender, struct sender_slot *slot) {
    if (!slot->met_noise || slot->restarts_left == 0) {
        return false;
    }
    slot->met_noise = false;
    slot->restarts_left--;
    slot->error[0] = '\0';
    slot->is_up = curl_multi_add_handle(sender->multi, slot->easy) == CURLM_OK;
    return slot->is_up;
}

static bool sender_take_finished(void *context, size_t *slot_out,
                                 struct transport_answer *answer_out) {
    struct sender *sender = context;
    CURLcode result = CURLE_OK;
    struct sender_slot *slot = take_done(sender, &result);
    while (slot != NULL && restart(sender, slot)) {
        slot = take_done(sender, &result);
    }
    if (slot == NULL) {
        return false;
    }
    enum transport_code code = code_of(slot, result);
    *answer_out = receipt_answer(&slot->receipt, code, error_of(slot, code, result));
    *slot_out = (size_t)(slot - sender->slots);
    return true;
}

static void sender_cancel(void *context, size_t index, struct transport_answer *answer_out) {
    struct sender *sender = context;
    struct sender_slot *slot = &sender->slots[index];
    assert(index < sender->slot_count && slot->is_up);
    take_down(sender, slot);
    *answer_out = receipt_answer(&slot->receipt, TRANSPORT_STOPPED, "");
}

/* ---- Requests --------------------------------------------------------------------------------- */

/* Adds a header to the slot's list; false if memory is short. */
static bool add_header(struct sender_slot *slot, const char *name, const char *value) {
    char line[AUTHORIZATION_BYTES + HEADER_NAME_BYTES];
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
    bool failed = slot->headers == NULL;
    failed |= !add_header(slot, "Authorization", sender->authorization);
    failed |= !add_header(slot, "revision", sender->revision);
    failed |= !add_header(slot, "Content-Type", "application/vnd.api+json");
    failed |= !add_header(slot, "Accept", "application/vnd.api+json");
    if (is_header_value(request->request_id)) {
        failed |= !add_header(slot, "X-Request-Id", request->request_id);
    }
    if (is_header_value(request->traceparent)) {
        failed |= !add_header(slot, "traceparent", request->traceparent);
    }
    return !failed;
}

static void reset_slot(const struct sender *sender, struct sender_slot *slot) {
    slot->request_count = 0;
    slot->met_noise = false;
    slot->restarts_left = sender->sockets.entry_count + 1; /* every kept connection may be dead */
    receipt_begin(&slot->receipt);
    slot->error[0] = '\0';
}

static enum err_code sender_start(void *context, size_t index,
                                  const struct transport_request *request, struct err *err) {
    struct sender *sender = context;
    struct sender_slot *slot = &sender->slots[index];
    assert(index < sender->slot_count && !slot->is_up);
    reset_slot(sender, slot);
    bool failed = !build_headers(sender, slot, request);
    failed |= curl_easy_setopt(slot->easy, CURLOPT_URL, sender->urls[request->kind]) != CURLE_OK;
    failed |= curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers) != CURLE_OK;
    failed |= curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)request->payload_bytes) != CURLE_OK;
    failed |= curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, request->payload) != CURLE_OK;
    if (failed) {
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
    bool failed = false;
    failed |= curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, slot->sender) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, slot->sender) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, slot) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, slot) != CURLE_OK;
    failed |=
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "preorder-worker/" PREORDER_VERSION) != CURLE_OK;
    return !failed;
}

/* A file of one's own is trusted instead of the system's certificates, not beside them: libcurl has a
   file and a folder, and both have a default. */
static bool set_trust(const char *ca_file, CURL *easy) {
    bool failed = false;
    if (ca_file[0] != '\0') {
        failed |= curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) != CURLE_OK;
        failed |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) != CURLE_OK;
    }
    return !failed;
}

/* What it may never do, and how long it may take. */
static bool set_limits(const struct sender_options *options, struct sender_slot *slot) {
    CURL *easy = slot->easy;
    const char *scheme = strncasecmp(options->base_url, "http:", 5) == 0 ? "http" : "https";
    bool failed = !set_trust(options->ca_file, easy);
    failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, scheme) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    /* Else a transfer that ends while its name is being looked up stops the loop until the name server
       has answered or timed out. */
    failed |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK;
    failed |=
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->request_timeout_ms) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                               (long)options->connect_timeout_ms) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_AGE_S_MAX) != CURLE_OK;
    return !failed;
}

static enum err_code open_slots(struct sender *sender, const struct sender_options *options,
                                struct err *err) {
    for (size_t i = 0; i < sender->slot_count; i++) {
        struct sender_slot *slot = &sender->slots[i];
        slot->sender = sender;
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
        is_fit = written < URL_BYTES;
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
    if (sockets_init(&sender->sockets, options->slot_count * SOCKETS_A_SLOT, err) != ERR_OK) {
        return err->code;
    }
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
    sockets_release(&sender->sockets);
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
