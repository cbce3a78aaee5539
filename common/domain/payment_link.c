#include "common/domain/payment_link.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

enum { HOST_CHARS_MAX = 253 };

static const char HTTPS[] = "https://";
static const char HTTP[] = "http://";

static bool is_url_char(char c) {
    return c > ' ' && c < 0x7F && strchr("\"<>\\^`{|}", c) == NULL;
}

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_loopback(const char *host) {
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1) {
        return ntohl(address.s_addr) >> 24 == 127;
    }
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* How many characters the host at the front of `text` has, 0 if there is none. */
static size_t host_length(const char *text) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    if (text[0] != '[') {
        return strspn(text, letters);
    }
    size_t inside = strspn(text + 1, "0123456789abcdefABCDEF:.");
    return inside > 0 && text[1 + inside] == ']' ? inside + 2 : 0;
}

static enum err_code check_authority(const char *text, bool is_plain, struct err *err) {
    char host[HOST_CHARS_MAX + 1];
    size_t length = host_length(text);
    if (length == 0 || length > HOST_CHARS_MAX) {
        return err_set(err, ERR_INVALID, "must name a host after the scheme");
    }
    memcpy(host, text, length);
    host[length] = '\0';
    if (is_plain && !is_loopback(host)) {
        return err_set(err, ERR_INVALID,
                       "must begin with https:// (plain http is for this machine only)");
    }
    const char *rest = text + length;
    if (*rest == ':') {
        rest += 1 + strspn(rest + 1, "0123456789");
    }
    if (*rest != '\0' && *rest != '/' && *rest != '?') {
        return err_set(err, ERR_INVALID, "must have a path or nothing after its host");
    }
    return ERR_OK;
}

/* True if the query has this parameter already. */
static bool has_parameter(const char *query, const char *name) {
    size_t length = strlen(name);
    for (const char *place = query; place != NULL; place = strchr(place + 1, '&')) {
        if (strncmp(place + 1, name, length) == 0 && strchr("=&", place[1 + length]) != NULL) {
            return true;
        }
    }
    return false;
}

static enum err_code check_query(const char *query, struct err *err) {
    static const char *const added[] = {"client_reference_id", "prefilled_email", "locale"};
    for (size_t i = 0; query != NULL && i < sizeof(added) / sizeof(added[0]); i++) {
        if (has_parameter(query, added[i])) {
            return err_set(err, ERR_INVALID, "must not have %s in its query: each preorder adds it",
                           added[i]);
        }
    }
    return ERR_OK;
}

enum err_code payment_link_check(const char *text, struct err *err) {
    bool is_plain = starts_with(text, HTTP);
    if (!is_plain && !starts_with(text, HTTPS)) {
        return err_set(err, ERR_INVALID, "must begin with https://");
    }
    for (const char *rest = text; *rest != '\0'; rest++) {
        if (*rest == '#') {
            return err_set(err, ERR_INVALID, "must not have a fragment (\"#...\")");
        }
        if (!is_url_char(*rest)) {
            return err_set(err, ERR_INVALID,
                           "must be a URL in ASCII, with other characters percent-encoded");
        }
    }
    enum err_code code =
        check_authority(text + (is_plain ? sizeof(HTTP) : sizeof(HTTPS)) - 1, is_plain, err);
    return code == ERR_OK ? check_query(strchr(text, '?'), err) : code;
}
