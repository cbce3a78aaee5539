/*
 * What a client says of itself and wants: Content-Type, Accept, Origin. A weight decides as RFC 9110 has it, and
 * no origin is let in that is not in the list, byte for byte.
 *
 * The first line of the input is PREORDER_ALLOWED_ORIGINS, the second the Origin, the third the Content-Type; each
 * further one is an Accept.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/cors.h"
#include "common/settings_check.h"
#include "http/accept.h"
#include "http/media_type.h"
#include "http/page.h"
#include "tests/fuzz/lines.h"
#include "tests/fuzz/target.h"

enum { ACCEPTS = 8, HEADERS = ACCEPTS + 2 };

/* ---- Content-Type ---- */

static void check_type(const char *value) {
    static const char *const types[] = {"application/json", "application/x-www-form-urlencoded",
                                        "text/html"};
    size_t match_count = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        bool is_type = media_type_is(value, types[i]);
        match_count += is_type;
        assert(is_type || !media_type_is_utf8(value, types[i]));
        assert(!is_type || strncasecmp(value, types[i], strlen(types[i])) == 0);
    }
    assert(match_count <= 1);
}

/* ---- Accept ---- */

/* With what a browser says after it, HTML is preferred to whatever was malformed or weak before. */
static void check_accept(struct request *request, struct header *headers) {
    bool prefers = accept_prefers_html(request);
    /* In two headers as in one, with a comma: RFC 9110, 5.3. */
    if (request->header_count == 2 && strchr(headers[0].value, '"') == NULL) {
        size_t room = strlen(headers[0].value) + strlen(headers[1].value) + 2;
        char *joined = malloc(room);
        assert(joined != NULL);
        (void)snprintf(joined, room, "%s,%s", headers[0].value, headers[1].value);
        struct header one = {"Accept", joined};
        struct request both = {.headers = &one, .header_count = 1};
        assert(accept_prefers_html(&both) == prefers);
        free(joined);
    }
    bool is_html_named = false;
    for (size_t i = 0; i < request->header_count; i++) {
        is_html_named = is_html_named || strcasestr(headers[i].value, "text") != NULL;
    }
    assert(!prefers || is_html_named);
}

/* ---- Origin ---- */

static const char *value_of(const struct reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return NULL;
}

static bool is_listed(const char *origins, const char *origin) {
    char *copy = strdup(origins);
    assert(copy != NULL);
    bool is_found = false;
    char *rest = copy;
    for (char *one = strsep(&rest, ","); one != NULL; one = strsep(&rest, ",")) {
        is_found = is_found || (one[0] != '\0' && strcmp(one, origin) == 0);
    }
    free(copy);
    return is_found;
}

static void check_origin(const char *origins, const char *origin, const char *method) {
    const struct header headers[] = {{"Origin", origin}, {"Access-Control-Request-Method", "POST"}};
    struct request request = {.method = method, .headers = headers, .header_count = 2};
    struct reply reply = {.status = 204};
    cors_add_headers(origins, &request, &reply);
    const char *allowed = value_of(&reply, "Access-Control-Allow-Origin");
    assert((allowed != NULL) == is_listed(origins, origin));
    assert(allowed == NULL || strcmp(allowed, origin) == 0);
    assert((value_of(&reply, "Vary") != NULL) == (origins[0] != '\0'));
    reply_release(&reply);
}

static void check_origins(const char *origins, const char *origin) {
    struct err err = {0};
    if (settings_check_origins(origins, &err) != ERR_OK) {
        lines_check_message(err.text);
        return;
    }
    check_origin(origins, origin, "POST");
    check_origin(origins, origin, "OPTIONS");
    /* Whoever is in the list is let in, and nobody who only looks like it. */
    char *first = strdup(origins);
    assert(first != NULL);
    first[strcspn(first, ",")] = '\0';
    check_origin(origins, first, "POST");
    free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct lines lines;
    lines_cut(&lines, bytes, byte_count);
    if (lines.count >= 2) {
        check_origins(lines.texts[0], lines.texts[1]);
    }
    if (lines.count >= 3) {
        check_type(lines.texts[2]);
    }
    struct header headers[HEADERS];
    struct request request = {.headers = headers};
    for (size_t i = 3; i < lines.count && request.header_count < ACCEPTS; i++) {
        headers[request.header_count++] = (struct header){"Accept", lines.texts[i]};
    }
    check_accept(&request, headers);
    if (lines.count >= 3) {
        bool prefers = accept_prefers_html(&request);
        headers[request.header_count++] = (struct header){"Content-Type", lines.texts[2]};
        assert(prefers || !page_is_wanted(&request));
    }
    lines_release(&lines);
    return 0;
}
