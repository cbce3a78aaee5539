#include "common/settings_check.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/network.h"
#include "common/quota.h"

/* http/listen.h understands no other addresses; it sees them only when everything else was opened. */
enum {
    SOCKET_PATH_CHARS_MAX = 107,
    LISTEN_HOST_CHARS_MAX = 255,
    PORT_MAX = 65535,
    PORT_DIGITS_MAX = 5,
};

static const char upper_and_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
static const char digits[] = "0123456789";

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

enum err_code settings_check_database_url(const char *text, struct err *err) {
    static const char sqlite[] = "sqlite:";
    if (begins_with(text, "postgresql:") || begins_with(text, "postgres:")) {
        return err_set(err, ERR_INVALID, "this build has no PostgreSQL engine: use sqlite:PATH");
    }
    if (!begins_with(text, sqlite) || text[sizeof sqlite - 1] == '\0') {
        /* Not shown: a URL of another database may have a password in it. */
        return err_set(err, ERR_INVALID, "the URL must be sqlite:PATH");
    }
    return ERR_OK;
}

enum err_code settings_check_host_id(const char *text, struct err *err) {
    enum { LENGTH_MAX = 64 };
    size_t length = strlen(text);
    for (const char *next = text; *next != '\0'; next++) {
        if (!isalnum((unsigned char)*next) && strchr("._-", *next) == NULL) {
            length = SIZE_MAX;
            break;
        }
    }
    if (length > LENGTH_MAX) {
        return err_set(err, ERR_INVALID, "\"%s\" is not up to %d of A-Z a-z 0-9 . _ -", text,
                       LENGTH_MAX);
    }
    return ERR_OK;
}

enum err_code settings_check_not_empty(const char *text, struct err *err) {
    return text[0] != '\0' ? ERR_OK : err_set(err, ERR_INVALID, "it must not be empty");
}

static bool is_port(const char *text) {
    size_t length = strspn(text, digits);
    unsigned port = 0;
    if (length < 1 || length > PORT_DIGITS_MAX || text[length] != '\0') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port <= PORT_MAX;
}

/* HOST:PORT; a host with colons in it, an IPv6 address, needs brackets. */
static bool is_host_and_port(const char *text) {
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || !is_port(colon + 1)) {
        return false;
    }
    size_t length = (size_t)(colon - text);
    if (text[0] == '[') {
        return length > 2 && length - 2 <= LISTEN_HOST_CHARS_MAX && colon[-1] == ']';
    }
    return length <= LISTEN_HOST_CHARS_MAX && strchr(text, ':') == colon;
}

enum err_code settings_check_listen(const char *text, struct err *err) {
    static const char prefix[] = "unix:";
    if (begins_with(text, prefix)) {
        size_t length = strlen(text + sizeof prefix - 1);
        return length >= 1 && length <= SOCKET_PATH_CHARS_MAX
                   ? ERR_OK
                   : err_set(err, ERR_INVALID, "a socket's path has 1 to %d characters",
                             SOCKET_PATH_CHARS_MAX);
    }
    if (!is_host_and_port(text)) {
        return err_set(err, ERR_INVALID,
                       "\"%.100s\" is no address to listen on: give HOST:PORT (IPv6 in brackets, "
                       "port 0 for a free one) or unix:PATH",
                       text);
    }
    return ERR_OK;
}

enum err_code settings_check_worker_listen(const char *text, struct err *err) {
    return strcmp(text, "none") == 0 ? ERR_OK : settings_check_listen(text, err);
}

enum err_code settings_check_number_prefix(const char *text, struct err *err) {
    enum { LENGTH_MAX = 12 }; /* PREORDER_NUMBER_PREFIX_CHARS_MAX of the domain */
    size_t length = strlen(text);
    if (length < 1 || length > LENGTH_MAX || strspn(text, upper_and_digits) != length) {
        return err_set(err, ERR_INVALID, "\"%s\" is not 1 to %d of A-Z and 0-9", text, LENGTH_MAX);
    }
    return ERR_OK;
}

static bool is_visible_ascii(const char *text) {
    for (const char *next = text; *next != '\0'; next++) {
        if (*next <= ' ' || *next > '~') {
            return false;
        }
    }
    return true;
}

enum err_code settings_check_api_key(const char *text, struct err *err) {
    enum { LENGTH_MAX = 1024 }; /* SENDER_KEY_BYTES_MAX of the worker */
    size_t length = strlen(text);
    if (length < 1 || length > LENGTH_MAX || !is_visible_ascii(text)) {
        return err_set(err, ERR_INVALID,
                       "a key has 1 to %d characters, neither spaces nor control characters nor "
                       "letters beyond ASCII",
                       LENGTH_MAX);
    }
    return ERR_OK;
}

enum err_code settings_check_ca_file(const char *text, struct err *err) {
    if (text[0] != '\0' && access(text, R_OK) != 0) {
        return err_set_errno(err, ERR_INVALID, errno, "cannot read %s", text);
    }
    return ERR_OK;
}

enum err_code settings_check_revision(const char *text, struct err *err) {
    static const char shape[] = "dddd-dd-dd";
    size_t i = 0;
    while (shape[i] == 'd' ? text[i] != '\0' && strchr(digits, text[i]) != NULL
                           : shape[i] != '\0' && text[i] == shape[i]) {
        i++;
    }
    /* Klaviyo calls a beta 2026-07-15.pre. */
    if (shape[i] != '\0' || (text[i] != '\0' && strcmp(text + i, ".pre") != 0)) {
        return err_set(err, ERR_INVALID, "\"%s\" is no revision: write it like 2026-07-15", text);
    }
    return ERR_OK;
}

enum err_code settings_check_metric_prefix(const char *text, struct err *err) {
    enum { LENGTH_MAX = 64 }; /* Klaviyo: a metric's name has fewer than 128 characters */
    size_t length = strlen(text);
    for (const char *next = text; *next != '\0'; next++) {
        if (*next < ' ' || *next > '~') {
            length = SIZE_MAX;
            break;
        }
    }
    if (length > LENGTH_MAX) {
        return err_set(err, ERR_INVALID, "it is not up to %d printable ASCII characters",
                       LENGTH_MAX);
    }
    return ERR_OK;
}

/* As api/stripe_signature.h reads it: commas or white space between the secrets. */
enum err_code settings_check_webhook_secret(const char *text, struct err *err) {
    enum { SECRETS_MAX = 8 };
    static const char separators[] = ", \t\r\n";
    size_t count = 0;
    for (const char *next = text + strspn(text, separators); *next != '\0';
         next += strspn(next, separators)) {
        size_t length = strcspn(next, separators);
        for (size_t i = 0; i < length; i++) {
            if (next[i] <= ' ' || next[i] > '~') {
                return err_set(err, ERR_INVALID,
                               "a secret has neither control characters nor letters beyond ASCII");
            }
        }
        next += length;
        count++;
    }
    if (count < 1 || count > SECRETS_MAX) {
        return err_set(err, ERR_INVALID, "it holds %zu secrets: give 1 to %d, with commas between",
                       count, SECRETS_MAX);
    }
    return ERR_OK;
}

/* ---- URLs ---- */

enum { HOST_BYTES = 254 }; /* 253 characters: RFC 1035, and NUL */

struct url {
    bool is_https;
    char host[HOST_BYTES]; /* an IPv6 address without its brackets */
    bool is_bracketed;
    const char *path; /* what stands behind host and port */
};

static bool copy_host(struct url *url, const char *start, size_t length) {
    if (length == 0 || length >= sizeof url->host) {
        return false;
    }
    memcpy(url->host, start, length);
    url->host[length] = '\0';
    return true;
}

static bool read_host(struct url *url, const char **rest) {
    const char *start = *rest;
    url->is_bracketed = *start == '[';
    if (!url->is_bracketed) {
        size_t length = 0;
        while (isalnum((unsigned char)start[length]) || start[length] == '.' ||
               start[length] == '-') {
            length++;
        }
        *rest = start + length;
        return copy_host(url, start, length);
    }
    struct in6_addr address;
    size_t length = strcspn(start + 1, "]");
    if (!copy_host(url, start + 1, length) || start[1 + length] != ']') {
        return false;
    }
    *rest = start + length + 2;
    return inet_pton(AF_INET6, url->host, &address) == 1;
}

static bool read_port(const char **rest) {
    if (**rest != ':') {
        return true;
    }
    const char *start = *rest + 1;
    size_t length = strspn(start, digits);
    unsigned port = 0;
    *rest = start + length;
    if (length < 1 || length > PORT_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        port = port * 10 + (unsigned)(start[i] - '0');
    }
    return port >= 1 && port <= PORT_MAX;
}

/* "http[s]://HOST[:PORT]" and whatever follows. */
static bool url_split(const char *text, struct url *url) {
    const char *rest = text;
    *url = (struct url){.is_https = begins_with(text, "https://")};
    if (!url->is_https && !begins_with(text, "http://")) {
        return false;
    }
    rest += url->is_https ? strlen("https://") : strlen("http://");
    if (!read_host(url, &rest) || !read_port(&rest)) {
        return false;
    }
    url->path = rest;
    return true;
}

/* "localhost" is on this machine by RFC 6761, whatever a name server says. */
static bool is_loopback(const struct url *url) {
    struct in_addr four;
    struct in6_addr six;
    if (url->is_bracketed) {
        int result = inet_pton(AF_INET6, url->host, &six);
        assert(result == 1); /* read_host has looked */
        return memcmp(&six, &in6addr_loopback, sizeof six) == 0;
    }
    if (strcmp(url->host, "localhost") == 0) {
        return true;
    }
    return inet_pton(AF_INET, url->host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

enum err_code settings_check_base_url(const char *text, struct err *err) {
    struct url url;
    if (!is_visible_ascii(text) || !url_split(text, &url) ||
        (url.path[0] != '\0' && url.path[0] != '/') || strpbrk(url.path, "?#@") != NULL) {
        return err_set(err, ERR_INVALID,
                       "it is no URL of the form https://HOST[:PORT][/PATH], without a user, a "
                       "query or a fragment");
    }
    if (!url.is_https && !is_loopback(&url)) {
        return err_set(err, ERR_INVALID,
                       "\"%s\" would send the key unencrypted: plain http goes only to 127.0.0.1, "
                       "[::1] and localhost, use https",
                       text);
    }
    return ERR_OK;
}

enum err_code settings_check_rate_limit(const char *text, struct err *err) {
    struct quota quota;
    return quota_parse(text, &quota, err);
}

enum err_code settings_check_trusted_proxies(const char *text, struct err *err) {
    struct networks networks;
    return networks_parse(text, &networks, err);
}

static bool is_origin(const char *text) {
    struct url url;
    if (!url_split(text, &url) || url.path[0] != '\0') {
        return false;
    }
    for (const char *next = text; *next != '\0'; next++) {
        if (isupper((unsigned char)*next)) {
            return false; /* browsers send lower case, and the comparison is exact */
        }
    }
    /* They leave the scheme's own port out, too. */
    const char *own_port = url.is_https ? ":443" : ":80";
    size_t before = strlen(text) - strlen(own_port); /* the scheme is longer than its port */
    return strcmp(text + before, own_port) != 0;
}

enum err_code settings_check_origins(const char *text, struct err *err) {
    const char *next = text;
    while (*next != '\0') {
        char origin[HOST_BYTES + 16];
        size_t length = strcspn(next, ",");
        size_t copied = length < sizeof origin ? length : sizeof origin - 1;
        memcpy(origin, next, copied);
        origin[copied] = '\0';
        if (copied < length || !is_origin(origin)) {
            return err_set(
                err, ERR_INVALID,
                "\"%.100s\" is no origin: write them like https://shop.example, in lower "
                "case, without a path or the usual port, with commas and no spaces between them",
                origin);
        }
        next += length;
        next += *next == ',';
    }
    return ERR_OK;
}
